"""What the station says to people: messages that a back office has set (2.0.1 block O), and of tariff and cost what it
told about this transaction (block I). Which of it is seen now is worked out here; a screen or a page draws it.

Sources: OCPP 2.0.1 part 2, O01-O06, I01-I06.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec

Priority = Literal["AlwaysFront", "InFront", "NormalCycle"]
State = Literal["Charging", "Faulted", "Idle", "Unavailable", "Suspended", "Discharging"]
ORDER: Final[tuple[Priority, ...]] = ("AlwaysFront", "InFront", "NormalCycle")
MAX_MESSAGES: Final = 20
FALL_BACK_LANGUAGE: Final = "en"  # O01.FR.09
KEPT_AS: Final = "display/messages"  # a lasting value of the station


class Text(msgspec.Struct, frozen=True):
    """`format`: MessageFormatEnumType; `language`: RFC 5646, "" where it is not told."""

    content: str
    format: str = "UTF8"
    language: str = ""


class DisplayMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `texts`: the same in several languages (2.0.1: one). `start`, `end`: UTC seconds."""

    id: int
    priority: Priority
    texts: tuple[Text, ...]
    state: State | None = None
    start: float | None = None
    end: float | None = None
    transaction_id: str | None = None
    evse: int | None = None  # the display of one EVSE; None = the station's


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver of one transaction is told of tariff and cost. `cost` in the station's currency, None = not
    known; `final`: nothing is added to it any more."""

    transaction_id: str
    evse: int
    tariff: str = ""
    cost: float | None = None
    final: bool = False
    text: str = ""  # instead of a cost that is not known (I05)
    coming: str = ""  # prices that are known to come
    qr: str = ""  # to be shown as a QR code: where the bill is


class Displayed:
    """`keep` makes the messages lasting, as text that `load` reads; `on_told` hears news of tariff and cost."""

    def __init__(
        self, keep: Callable[[str], None], now: Callable[[], float], on_told: Callable[[Told], None] = lambda told: None
    ) -> None:
        self._keep = keep
        self._now = now
        self._on_told = on_told
        self._messages: dict[int, DisplayMessage] = {}
        self._told: dict[int, Told] = {}  # by EVSE
        self._languages: dict[int, str] = {}  # of who is at an EVSE
        self.standing: Callable[[int], str] = lambda evse: ""  # the price at an EVSE for whoever comes
        self.default_language: Callable[[], str] = lambda: ""

    def load(self, kept: str) -> None:
        """The messages of the last life; a damaged text is as good as none."""
        try:
            found = msgspec.json.decode(kept or "[]", type=list[DisplayMessage])
        except msgspec.MsgspecError:
            found = []
        self._messages = {message.id: message for message in found}

    # --- messages ---------------------------------------------------------------------------------------------------

    def install(self, message: DisplayMessage) -> bool:
        """Show it from now on, in place of the one with its id (O06). False: there are too many (O01.FR.11)."""
        self._drop_old()
        replaced = [message.id, *self._always_front(message)]
        if len(self._messages.keys() - replaced) >= MAX_MESSAGES:
            return False
        self._forget(*replaced)
        self._messages[message.id] = message
        self._keep_all()
        return True

    def clear(self, number: int) -> bool:
        """False: there is none with this id (O05.FR.02)."""
        self._drop_old()
        return self._forget(number)

    def messages(
        self, ids: Iterable[int] = (), priority: Priority | None = None, state: State | None = None
    ) -> list[DisplayMessage]:
        """Those that are set, also when they are not shown now; what is not given fits all."""
        self._drop_old()
        wanted = set(ids)
        return [
            message
            for message in self._messages.values()
            if (not wanted or message.id in wanted)
            and priority in (None, message.priority)
            and state in (None, message.state)
        ]

    def transaction_ended(self, transaction_id: str) -> None:
        """Its messages go with it (O02.FR.02)."""
        self._forget(*(each.id for each in self._messages.values() if each.transaction_id == transaction_id))

    def shown(self, evse: int, state: State, transaction_id: str | None, language: str = "") -> list[str]:
        """The texts that are to be seen at an EVSE now, to be cycled; the station's own come after `InFront` ones."""
        now = self._now()
        self._drop_old()
        fitting = [
            message
            for message in self._messages.values()
            if message.evse in (None, evse)
            and message.state in (None, state)
            and message.transaction_id in (None, transaction_id)
            and (message.start is None or message.start <= now)  # O01.FR.06
        ]
        for priority in ORDER[:2]:  # AlwaysFront is alone, InFront cycles without the rest (O01.FR.13-15)
            front = [message for message in fitting if message.priority == priority]
            if front:
                return [in_language(message.texts, language) for message in front]
        return [in_language(message.texts, language) for message in fitting]

    def _always_front(self, message: DisplayMessage) -> list[int]:
        """There is one at most (O01.FR.16)."""
        if message.priority != "AlwaysFront":
            return []
        return [each.id for each in self._messages.values() if each.priority == "AlwaysFront"]

    def _drop_old(self) -> None:
        """O01.FR.07."""
        now = self._now()
        self._forget(*(each.id for each in self._messages.values() if each.end is not None and each.end <= now))

    def _forget(self, *numbers: int) -> bool:
        found = [self._messages.pop(number) for number in dict.fromkeys(numbers) if number in self._messages]
        if found:
            self._keep_all()
        return bool(found)

    def _keep_all(self) -> None:
        self._keep(msgspec.json.encode(list(self._messages.values())).decode())

    # --- tariff and cost --------------------------------------------------------------------------------------------

    def told(self, evse: int) -> Told | None:
        """What the driver at this EVSE was told last; stays after the transaction until the next one."""
        return self._told.get(evse)

    def follow(self, evse: int, transaction_id: str, cost: float) -> None:
        """The cost as we work it out ourselves, which is no news from anybody."""
        known = self._told.get(evse)
        if known is not None and known.transaction_id == transaction_id and not known.final:
            self._told[evse] = msgspec.structs.replace(known, cost=cost)

    def tell(self, evse: int, transaction_id: str, **news: object) -> None:
        """News of tariff or cost; what was told of another transaction is over. Keys: fields of `Told`."""
        known = self._told.get(evse)
        if known is None or known.transaction_id != transaction_id:
            known = Told(transaction_id=transaction_id, evse=evse)
        told = msgspec.structs.replace(known, **news)
        if told != self._told.get(evse):
            self._told[evse] = told
            self._on_told(told)

    # --- languages --------------------------------------------------------------------------------------------------

    def speak(self, evse: int, language: str) -> None:
        """Who is at this EVSE wants this language; "" = the station's."""
        self._languages[evse] = language

    def language(self, evse: int) -> str:
        return self._languages.get(evse, "") or self.default_language()


def in_language(texts: tuple[Text, ...], wanted: str) -> str:
    """The text in the driver's language, else in English, else the first (O01.FR.08, O01.FR.09)."""
    for language in (wanted, FALL_BACK_LANGUAGE):
        for text in texts:
            if language and text.language.lower().split("-")[0] == language.lower().split("-")[0]:
                return text.content
    return texts[0].content
