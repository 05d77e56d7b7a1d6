"""Sessions of a meter that signs, in a thread of their own: signing takes up to 15 s, the meter is read meanwhile.

What was asked for is done in order; what came of it goes to the controller, and again to the next one.
"""

from collections import deque
from typing import Final

from hal.contracts import DeviceError, LegalTransaction, SigningMeter
from hal.polling import Poller
from hal.wire import MeterSession, SignedRecord

MOST_BYTES: Final = 24_000  # of a record: a packet of the link is 32 kB
MOST_KEY: Final = 2048
_WAITING: Final = 4  # sessions; nobody could ask for more in earnest
_ERROR: Final = 500  # characters


class MeterSessions:
    """One connector's. `poller` is its thread; `take` is for the tick."""

    def __init__(self, connector: int, meter: SigningMeter, now: float) -> None:
        self.poller: Poller[None] = Poller(f"{connector}.meter_session", _nothing, 3600.0, 3600.0, now)
        self._connector = connector
        self._meter = meter
        self._asked: deque[tuple[str, bool]] = deque()
        self._done: deque[SignedRecord] = deque(maxlen=2 * _WAITING)
        self._last: SignedRecord | None = None

    def ask(self, wish: MeterSession) -> None:
        """Do this next. What is asked for again, as after a reconnect, is done once, unless it failed."""
        last, key = self._last, (wish.session, wish.begin)
        if last is not None and (last.session, last.begin) == key and not last.error:
            self._done.append(last)
        elif key not in self._asked and len(self._asked) < _WAITING:
            self._asked.append(key)
            self.poller.request(lambda: self._do(wish))

    def repeat(self) -> None:
        """A new controller has not heard the last one."""
        if self._last is not None:
            self._done.append(self._last)

    def take(self) -> list[SignedRecord]:
        return [self._done.popleft() for _ in range(len(self._done))]

    # --- the thread -------------------------------------------------------------------------------------------------

    def _do(self, wish: MeterSession) -> None:
        try:
            record = self._begin(wish) if wish.begin else self._end(wish)
        except DeviceError as error:
            record = SignedRecord(self._connector, wish.session, wish.begin, error=str(error)[:_ERROR])
        self._last = record
        self._done.append(record)
        self._asked.popleft()

    def _begin(self, wish: MeterSession) -> SignedRecord:
        told = LegalTransaction(wish.session, wish.evse_id, wish.id_type, wish.id_token, wish.tariff)
        self._meter.begin(told.plain())
        return SignedRecord(self._connector, wish.session, True, public_key=self._key())

    def _end(self, wish: MeterSession) -> SignedRecord:
        text = self._meter.end()
        size = len(text.encode("utf-8"))
        if size > MOST_BYTES:
            raise DeviceError(f"connector {self._connector} meter: a signed record of {size} bytes")
        return SignedRecord(self._connector, wish.session, False, text=text, public_key=self._key())

    def _key(self) -> str:
        """A record counts without it too: who checks it may have the key from the meter's plate."""
        try:
            key = self._meter.public_key()
        except DeviceError:
            return ""
        return key if len(key) <= MOST_KEY else ""


def _nothing() -> None:
    return None
