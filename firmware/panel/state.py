"""What the station is doing right now, as plain data: the answer to {"do": "status"}. Tokens are redacted.

Reads the station model and decides nothing; "why is it not charging?" is the EVSE's own answer.
"""

import asyncio

import msgspec

from firmware.panel.redaction import shown
from firmware.panel.remedies import remedy
from firmware.station.car_facts import PacketCapture
from firmware.station.displayed import State, Told
from firmware.station.evse import Evse
from firmware.station.facts import AnyFact, BackOfficeLink
from firmware.station.station import Station

JOURNAL_S = 1.0  # the queue's length is worth no longer wait


class FaultState(msgspec.Struct, frozen=True):
    code: str
    text: str
    remedy: str
    since_s: float  # age
    latched: bool
    leaves: bool  # latched, and the departure of the car clears it


class EvseState(msgspec.Struct, frozen=True):
    """One EVSE: A, W, Wh, °C; None where nothing is known."""

    id: int
    why: str
    charging: bool
    state: str  # OCPP 2.x connector state
    detail: str  # the finer word of OCPP 1.6
    level: str
    pilot: str
    duty_percent: float
    contactor: str
    plugged: bool
    cable_rating_a: float | None
    limit_a: float
    limit_source: str
    operative: bool
    transaction: str | None
    token: str | None
    energy_wh: float | None
    power_w: float | None
    meter_wh: float | None
    temperature_c: float | None
    faults: tuple[FaultState, ...]
    protocol: str
    evccid: str
    soc_percent: float | None
    session_status: str
    capture: str  # the file (in storage/captures) that the packets are written to now, or were last
    capture_state: str
    says: tuple[str, ...] = ()  # texts that a back office has people shown here now
    told: str = ""  # what the driver is told of tariff and cost
    bill: str = ""  # where the bill is (URL)


class GuardState(msgspec.Struct, frozen=True):
    connected: bool
    problem: str
    board: str
    version: str
    reconnects: int
    bad_frames: int


class BackOfficeState(msgspec.Struct, frozen=True):
    """`waiting`: facts not yet delivered; None = the journal did not answer."""

    configured: bool
    connected: bool
    url: str
    version: str
    reason: str
    waiting: int | None


class StationState(msgspec.Struct, frozen=True):
    vendor: str
    model: str
    serial: str
    version: str
    uptime_s: float
    boot_reason: str
    clock_synced: bool
    utc: float
    guard: GuardState
    back_office: BackOfficeState
    evses: tuple[EvseState, ...]


class Observer:
    """Remembers what only facts tell (the link to the back office) and describes the station."""

    def __init__(self, station: Station, version: str = "") -> None:
        self._station = station
        self._began = station.clock.mono()
        self._version = version
        self._link: BackOfficeLink | None = None
        self._captures: dict[int, PacketCapture] = {}

    def note(self, fact: AnyFact) -> None:
        if isinstance(fact, BackOfficeLink):
            self._link = fact
        elif isinstance(fact, PacketCapture):
            self._captures[fact.evse] = fact

    async def describe(self) -> StationState:
        station, clock = self._station, self._station.clock
        settings = station.settings.station
        return StationState(
            vendor=settings.vendor,
            model=settings.model,
            serial=settings.serial,
            version=self._version,
            uptime_s=clock.mono() - self._began,
            boot_reason=station.boot_reason,
            clock_synced=clock.synced,
            utc=clock.utc(),
            guard=self._guard(),
            back_office=await self._back_office(),
            evses=tuple(self._with_words(evse, clock.mono()) for evse in station.evses.values()),
        )

    def _guard(self) -> GuardState:
        guard = self._station.guard
        return GuardState(
            connected=guard.connected,
            problem=guard.problem,
            board=guard.hello.board if guard.hello is not None else "",
            version=guard.hello.guard if guard.hello is not None else "",
            reconnects=guard.reconnects,
            bad_frames=guard.bad_frames,
        )

    async def _back_office(self) -> BackOfficeState:
        settings, office = self._station.settings.ocpp, self._station.back_office
        waiting: int | None = 0
        if settings is not None:
            try:
                waiting = await asyncio.wait_for(self._station.journal.unread(), JOURNAL_S)
            except TimeoutError:
                waiting = None
        return BackOfficeState(
            configured=settings is not None,
            connected=office is not None and office.connected,
            url=f"{settings.url.rstrip('/')}/{settings.identity}" if settings is not None else "",
            version=self._link.version if self._link is not None else "",
            reason=self._link.reason if self._link is not None else "",
            waiting=waiting,
        )

    def _with_words(self, evse: Evse, now: float) -> EvseState:
        """An EVSE, and what people are told there."""
        state = evse_state(evse, now, self._captures.get(evse.id))
        displayed = self._station.displayed
        if displayed is None:
            return state
        language = displayed.language(evse.id)
        texts = displayed.shown(evse.id, display_state(evse), evse.transaction_id, language)
        told = displayed.told(evse.id)
        if told is None or (told.final and not evse.plugged and evse.id_token is not None):
            words, bill = displayed.standing(evse.id), ""
        else:
            words, bill = _cost(told, self._station), told.qr
        return msgspec.structs.replace(state, says=tuple(texts), told=words, bill=bill)


def display_state(evse: Evse) -> State:
    """MessageStateEnumType of what goes on here."""
    connector = evse.status.state if evse.status is not None else "Unavailable"
    if connector in {"Faulted", "Unavailable"}:
        return "Faulted" if connector == "Faulted" else "Unavailable"
    if evse.transaction_id is None:
        return "Idle"
    return "Charging" if evse.charging_state == "Charging" else "Suspended"


def _cost(told: Told, station: Station) -> str:
    """Tariff and cost in one line."""
    places = int(station.number("TariffCostCtrlr.NumberOfDecimalsForCostValues", 2))
    currency = station.variable("TariffCostCtrlr.Currency")
    cost = "" if told.cost is None else f"{told.cost:.{places}f} {currency}{'' if told.final else ' so far'}"
    return ", ".join(part for part in (told.tariff, cost, told.text, told.coming) if part)


def evse_state(evse: Evse, now: float, capture: PacketCapture | None = None) -> EvseState:
    """`now`: monotonic seconds, the clock of the observations."""
    seen, digital, running = evse.seen, evse.digital, evse.transaction
    meter = seen.meter if seen is not None else None
    start = running.meter_start_wh if running is not None else None
    return EvseState(
        id=evse.id,
        why=evse.why(),
        charging=evse.closed and evse.charging_state == "Charging",
        state=evse.status.state if evse.status is not None else "",
        detail=evse.status.detail if evse.status is not None else "",
        level=evse.level,
        pilot=str(seen.pilot) if seen is not None else "",
        duty_percent=seen.duty_percent if seen is not None else 0.0,
        contactor="unknown" if seen is None else "closed" if seen.closed else "open",
        plugged=evse.plugged,
        cable_rating_a=seen.cable_rating_a or None if seen is not None else None,
        limit_a=evse.limit.amps,
        limit_source=evse.limit.source,
        operative=evse.operative,
        transaction=evse.transaction_id,
        token=shown(evse.id_token) if evse.id_token is not None else None,
        energy_wh=meter.import_wh - start if meter is not None and start is not None else None,
        power_w=meter.power_w if meter is not None and meter.quality == "good" else None,
        meter_wh=meter.import_wh if meter is not None else None,
        temperature_c=seen.temperature_c if seen is not None else None,
        faults=tuple(
            FaultState(each.code, each.text, remedy(each.code), max(0.0, now - each.since), each.latched, each.leaves)
            for each in evse.faults
        ),
        protocol=digital.protocol if digital is not None else "",
        evccid=digital.evccid if digital is not None else "",
        soc_percent=digital.soc_percent if digital is not None else None,
        session_status=digital.status if digital is not None else "",
        capture=capture.file if capture is not None else "",
        capture_state=_capture_state(capture) if capture is not None else "",
    )


def _capture_state(capture: PacketCapture) -> str:
    if capture.reason:
        return f"not recorded: {capture.reason}"
    return "being written" if capture.kind == "Began" else f"{capture.packets} packets"
