"""Prices and costs for drivers over OCPP 1.6, inside DataTransfer (OCA's "OCPP & California Pricing Requirements" 3.1):
SetUserPrice, RunningCost, FinalCost, and our ConnectorUnplugged; the keys of it are `price_keys`'.

Between two words of the central system the cost is worked out here (`running_cost`). Shown as that of 2.x is.
"""

import asyncio
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeVar

import msgspec

from firmware.ocpp import price_keys, running_cost
from firmware.ocpp.cost import CostDesk
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.local_time import time_of_day
from firmware.ocpp.payload import moment, stamp
from firmware.ocpp.running_cost import NOTHING, NextPeriod, RunningCost, Tally, Watch
from firmware.station.authorization import same_token
from firmware.station.data_transfer import Transferred
from firmware.station.displayed import Text, in_language
from firmware.station.evse import Evse
from firmware.station.facts import AnyFact, IdToken, Transaction, VendorMessage
from firmware.station.signal import until
from firmware.station.station import Station

VENDOR: Final = "org.openchargealliance.costmsg"
T = TypeVar("T")

LOOK_S: Final = 1.0
_REMEMBERED: Final = 32  # transactions: the final cost comes after the end
_ACCEPTED_BY_S: Final = 0.5  # a price may come before we have made sense of the verdict that it follows
_KEPT_AS: Final = "ocpp/pricing"


class UserPrice(msgspec.Struct, frozen=True, rename="camel"):
    """Table 2. `price_text_extra`: the same in other languages."""

    id_token: str
    price_text: str
    price_text_extra: tuple[Text, ...] = ()


class FinalCost(msgspec.Struct, frozen=True, rename="camel"):
    """Table 9."""

    transaction_id: int
    cost: Decimal
    price_text: str = ""
    price_text_extra: tuple[Text, ...] = ()
    qr_code_text: str = ""

    def __post_init__(self) -> None:
        running_cost.sane(self.cost)


class Known(msgspec.Struct, frozen=True):
    """A transaction that the central system gave a number. `over`: it has ended; `gone`: when its plug was taken
    (UTC s)."""

    id: str
    evse: int
    number: int | None = None
    over: bool = False
    gone: float | None = None


@dataclass(frozen=True)
class Current:
    """What an EVSE's transaction costs now."""

    transaction_id: str
    tally: Tally
    watch: Watch = NOTHING
    start_wh: float = 0.0


class Pricing:
    """Serves the messages of one station, and looks once a second at what they began."""

    def __init__(self, station: Station, model: DeviceModel, cost: CostDesk) -> None:
        self._station = station
        self._model = model
        self._cost = cost
        self._known: dict[str, Known] = {}  # by our id, oldest first
        self._current: dict[int, Current] = {}  # by EVSE
        model.add(*price_keys.rows())
        cost.fallback = self._default_text
        for message, server in (
            ("SetUserPrice", self._user_price),
            ("RunningCost", self._running_cost),
            ("FinalCost", self._final_cost),
        ):
            station.data_transfers.serve(VENDOR, message, server)
        station.changed.subscribe(self.look)
        station.subscribe(self._on_fact)

    def load(self) -> None:
        """What the last life kept; the station is ready."""
        try:
            kept = msgspec.json.decode(self._station.variable(_KEPT_AS) or "[]", type=list[Known])
        except msgspec.MsgspecError:
            kept = []
        self._known = {each.id: each for each in kept}

    async def run(self) -> None:
        """Time alone changes a cost, too."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    # --- what the central system says -------------------------------------------------------------------------------

    def named(self, fact: Transaction, number: str) -> None:
        """It gave a transaction its number."""
        if int(number) >= 0:
            known = self._known.get(fact.transaction_id) or Known(fact.transaction_id, fact.evse)
            self._remember(msgspec.structs.replace(known, number=int(number)))
            self._tell_gone()

    async def _user_price(self, data: object) -> Transferred:
        """For who is at an EVSE now, with or without a plug."""
        said = _read(data, UserPrice)
        if said is None or not self._on:
            return Transferred("Rejected")
        token = IdToken(said.id_token)

        def here() -> list[Evse]:
            return [evse for evse in self._station.evses.values() if same_token(evse.id_token, token)]

        await until(self._station.changed, lambda: bool(here()), _ACCEPTED_BY_S)
        for evse in here():
            text = self._worded(evse.id, said.price_text, said.price_text_extra)
            self._cost.greet(evse.id, text)
            self._cost.displayed.tell(evse.id, evse.transaction_id or "", tariff=text)
        return Transferred("Accepted" if here() else "Rejected")

    async def _running_cost(self, data: object) -> Transferred:
        said = _read(data, RunningCost)
        known = self._numbered(said.transaction_id) if said is not None else None
        evse = self._station.evses.get(known.evse) if known is not None else None
        if said is None or known is None or evse is None or not self._on:
            return Transferred("Rejected")
        if known.gone is not None or evse.transaction_id not in {known.id, None if known.over else known.id}:
            return Transferred("Rejected")  # that driver has left
        sample = evse.sample()
        meter_wh = sample.energy_wh if sample is not None else 0.0
        before = self._current.get(evse.id)
        former = before if before is not None and before.transaction_id == known.id else None
        now = self._station.clock.utc()
        current = Current(
            transaction_id=known.id,
            tally=running_cost.begin(said, now, meter_wh, former.tally if former is not None else None),
            watch=running_cost.watch(said.trigger_meter_value, _detail(evse)),
            start_wh=former.start_wh if former is not None else _start_wh(evse, meter_wh),
        )
        self._current[evse.id] = current
        coming = self._coming(said.next_period)
        self._cost.displayed.tell(evse.id, known.id, cost=self._rounded(said.cost), text="", coming=coming)
        self.look()
        return Transferred("Accepted")

    async def _final_cost(self, data: object) -> Transferred:
        said = _read(data, FinalCost)
        known = self._numbered(said.transaction_id) if said is not None else None
        if said is None or known is None or not self._on:
            return Transferred("Rejected")
        evse = self._station.evses.get(known.evse)
        if evse is None or evse.transaction_id not in {None, known.id}:
            return Transferred("Accepted")  # the next driver does not care for it
        self._current.pop(evse.id, None)
        text = self._worded(evse.id, said.price_text, said.price_text_extra)
        told = {"cost": self._rounded(said.cost), "final": True, "text": text, "coming": "", "qr": said.qr_code_text}
        self._cost.displayed.tell(evse.id, known.id, **told)
        return Transferred("Accepted")

    # --- what happens meanwhile -------------------------------------------------------------------------------------

    def _on_fact(self, fact: AnyFact) -> None:
        if not isinstance(fact, Transaction) or not self._on:
            return
        if fact.kind == "Started" and fact.offline:
            self._begin_by_default(fact)
        elif fact.kind == "Ended":
            known = self._known.get(fact.transaction_id)
            if known is not None or self._station.flag(price_keys.IDLE_FEE_AFTER_STOP, False):
                known = known or Known(fact.transaction_id, fact.evse)
                self._remember(msgspec.structs.replace(known, over=True))
            current = self._current.get(fact.evse)
            if current is not None and current.tally.idle_since is None:
                del self._current[fact.evse]  # it costs what it costs; the rest is the central system's

    def _begin_by_default(self, fact: Transaction) -> None:
        """Nobody can say what it costs: it is DefaultPrice, where that has prices for a station off line."""
        prices = price_keys.default_price(self._station).charging_price
        if prices is None:
            return
        start_wh = fact.meter_start_wh or 0.0
        tally = Tally(prices.flat, fact.at, start_wh, prices)
        self._current[fact.evse] = Current(fact.transaction_id, tally, start_wh=start_wh)
        self._cost.displayed.tell(fact.evse, fact.transaction_id, cost=self._rounded(tally.cost))

    def look(self) -> None:
        """What it costs now; whether the meter is to be told; who has left."""
        for number in list(self._current):
            self._follow(self._station.evses[number], self._current[number])
        if any(each.over and each.gone is None for each in self._known.values()):
            self._look_for_gone()

    def _follow(self, evse: Evse, current: Current) -> None:
        if evse.transaction_id not in {None, current.transaction_id}:
            del self._current[evse.id]
            return
        now, sample = self._station.clock.utc(), evse.sample()
        meter_wh = sample.energy_wh if sample is not None else current.tally.meter_wh
        tally = current.tally
        if tally.counts:
            tally = running_cost.follow(tally, now, meter_wh)
            self._cost.displayed.follow(evse.id, current.transaction_id, self._rounded(tally.cost))
        drawn_kwh, kw = (meter_wh - current.start_wh) / 1000, (sample.power_w if sample is not None else 0.0) / 1000
        watch, came = running_cost.look(current.watch, now, drawn_kwh, kw, _detail(evse))
        self._current[evse.id] = replace(current, tally=tally, watch=watch)
        if came:
            evse.tell_now("Trigger", context="Other")

    def _look_for_gone(self) -> None:
        """Whose transaction has ended, and whose plug is taken now."""
        for known in list(self._known.values()):
            evse = self._station.evses.get(known.evse)
            if known.over and known.gone is None and evse is not None and evse.level == "A":
                self._current.pop(known.evse, None)
                self._remember(msgspec.structs.replace(known, gone=self._station.clock.utc()))
                self._tell_gone()

    def _tell_gone(self) -> None:
        """ConnectorUnplugged, where the central system waits for it; it goes the way of the transaction's messages."""
        for known in list(self._known.values()):
            if not known.over or known.gone is None or known.number is None:
                continue
            del self._known[known.id]
            if self._station.flag(price_keys.IDLE_FEE_AFTER_STOP, False) and self._on:
                clock = self._station.clock
                data = {"transactionId": known.number, "timestamp": stamp(known.gone)}
                self._station.emit(
                    VendorMessage(
                        at=clock.utc(),
                        mono=clock.mono(),
                        clock_synced=clock.synced,
                        vendor_id=VENDOR,
                        message_id="ConnectorUnplugged",
                        data=msgspec.json.encode(data).decode(),
                    )
                )
            self._known[known.id] = msgspec.structs.replace(known, over=False)  # its final cost may still come
            self._keep()

    # --- words ------------------------------------------------------------------------------------------------------

    @property
    def _on(self) -> bool:
        return self._station.flag(price_keys.SHOWN, True)

    def _default_text(self, evse: int) -> str:
        """DefaultPrice, as it stands for now and for the language there; "" where there is none."""
        texts = price_keys.default_texts(self._station, offline=self._station.offline)
        return in_language(texts, self._cost.displayed.language(evse)) if texts and self._on else ""

    def _worded(self, evse: int, text: str, extra: tuple[Text, ...]) -> str:
        """In the driver's language, where it is there."""
        return in_language((Text(text), *extra), self._cost.displayed.language(evse))

    def _coming(self, change: NextPeriod | None) -> str:
        """The prices from some time on, in one line."""
        at = moment(change.at_time) if change is not None else None
        if change is None or at is None:
            return ""
        price, idle = change.charging_price, change.idle_price
        parts = [f"{amount:f}{unit}" for amount, unit in ((price.kwh, "/kWh"), (price.hour, "/h")) if amount]
        if idle is not None and idle.hour:
            parts.append(f"{idle.hour:f}/h idle")
        return f"from {time_of_day(self._station, at)}: {', '.join(parts) or 'free'}"

    def _rounded(self, cost: Decimal) -> float:
        places = self._model.number("TariffCostCtrlr.NumberOfDecimalsForCostValues")
        return float(cost.quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP))

    # --- numbers ----------------------------------------------------------------------------------------------------

    def _numbered(self, number: int) -> Known | None:
        return next((each for each in self._known.values() if each.number == number), None)

    def _remember(self, known: Known) -> None:
        self._known.pop(known.id, None)
        self._known[known.id] = known
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._keep()

    def _keep(self) -> None:
        self._station.set_variable(_KEPT_AS, msgspec.json.encode(list(self._known.values())).decode())


def _detail(evse: Evse) -> str:
    """ChargePointStatus of 1.6."""
    return evse.status.detail if evse.status is not None else ""


def _start_wh(evse: Evse, meter_wh: float) -> float:
    running = evse.transaction
    return running.meter_start_wh if running is not None and running.meter_start_wh is not None else meter_wh


def _read(data: object, kind: type[T]) -> T | None:
    """None for what is no such message."""
    try:
        return msgspec.json.decode(data, type=kind) if isinstance(data, str) else None
    except (msgspec.MsgspecError, RecursionError):
        return None
