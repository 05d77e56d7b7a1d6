"""What is known of one EVSE and what others read of it: pilot, faults, meter values, limits, its transaction.

The base of `evse.Evse`, which moves it. Nothing here starts or ends anything.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from firmware.config import BudgetSettings, EvseSettings
from firmware.station import bounds, connector_status
from firmware.station.authorization import Verdict
from firmware.station.charging import Charging, Digital
from firmware.station.clock import Clock
from firmware.station.facts import AnyFact, ChargingState, ConnectorStatus, IdToken, Sample
from firmware.station.guard_client import GuardClient
from firmware.station.ledger import Ledger, Office
from firmware.station.limits import Limit, Want, lowest
from firmware.station.orders import Orders
from firmware.station.reasons import why
from firmware.station.reports import Reports, present_status
from firmware.station.signal import Signal
from firmware.station.signed_meter import SignedMeter
from firmware.station.transaction import Open, Stop
from hal.contracts import PilotMode
from hal.duty import current_for
from hal.wire import ConnectorCapability, Fault, MeterSample, Observation

if TYPE_CHECKING:
    from firmware.station.evse_tokens import Roaming


class Surroundings(Office, Protocol):
    """What an EVSE needs of its station."""

    clock: Clock
    guard: GuardClient

    @property
    def budget_settings(self) -> BudgetSettings: ...

    @property
    def free_token(self) -> IdToken | None: ...

    @property
    def connection_timeout_s(self) -> float: ...

    @property
    def shared_reader(self) -> bool: ...

    @property
    def start_points(self) -> frozenset[str]: ...

    @property
    def stop_points(self) -> frozenset[str]: ...

    @property
    def stops_invalid(self) -> bool: ...

    @property
    def admits(self) -> bool: ...

    @property
    def waits_for_replug(self) -> bool: ...

    @property
    def frees_cables(self) -> bool: ...

    def emit(self, fact: AnyFact) -> None: ...

    def may_begin(self, evse: int, connector: int) -> bool: ...

    def roaming(self, plugged: int) -> "Roaming | None": ...

    def share_out(self) -> None: ...

    def variable(self, name: str, default: str = "") -> str: ...

    def set_variable(self, name: str, value: str) -> None: ...


class PhaseWish(NamedTuple):
    """How many phases the car shall get, and who wants that."""

    phases: Literal[1, 3]
    by: str


class EvseState:
    """State of one EVSE. Others read the attributes and subscribe to `changed`.

    `connector` counts from 1 within the EVSE (as OCPP does); `board_connector` is its number on the board.
    """

    def __init__(self, settings: EvseSettings, station: Surroundings) -> None:
        self.id = settings.id
        self.settings = settings
        self.board_connector = settings.connectors[0]
        self.hardware: ConnectorCapability | None = None  # as the guard reported it
        self.seen: Observation | None = None
        self.id_token: IdToken | None = None
        self.limit = Limit(0.0, "hardware")
        self.operative = True
        self.phase_wish: PhaseWish | None = None  # None: the board's own number
        self.reserved = False  # for somebody who is not here yet
        self.status: ConnectorStatus | None = None  # as last reported
        self.digital: Digital | None = None
        self.refusal = ""  # why the last token was refused, until something better happens
        self.ended: Stop | None = None  # how the last transaction ended, while its car is still there
        self.authorised_at: float | None = None  # monotonic
        self.changed = Signal()
        self.wishes = Charging()
        self.bounds: dict[str, float] = {}  # source -> A, set by commands
        self.power_bounds: dict[str, float] = {}  # source -> W, where A follow from a voltage only the car knows (DC)
        self._told_limits: tuple[Limit, Limit | None] = (self.limit, None)
        self.share_a: float | None = None  # of the station's budget; None = there is none
        self._station = station
        self._paused_key = f"evse/{self.id}/paused"
        self._cable_key = f"evse/{self.id}/cable"  # whose it is, of one that is kept
        self._verdict = Verdict()
        self._remote_start_id: int | None = None
        self._away_since: float | None = None  # state A, on the guard's clock; not yet believed
        self._plugged_at: float | None = None  # monotonic
        self._meter: MeterSample | None = None  # last reading, however old; outlives the guard's own memory
        self._opened_at: float | None = None  # the running transaction's contactor, last; on the guard's clock
        self._soc_percent: float | None = None  # what the car in the plug told last, also after its session
        self._unread_since: float | None = None  # a transaction could begin, but the meter was not read yet
        self._token_last = False  # the token came after the plug
        self._anywhere = False  # the token counts at whichever EVSE the plug comes to
        self._empty_since: float | None = None  # the socket that keeps somebody's cable
        self._unplugged_since: float | None = None  # of a transaction that waits for its car to come back
        self._state_trigger = "ChargingStateChanged"  # of the next change of the charging state
        self._ledger = Ledger(settings.id, station, self.sample, self._advance)
        self._restored: Open | None = None
        self._after_reset = False
        self._orders = Orders(station.guard)
        self._signing = SignedMeter(station.guard)
        self._reports = Reports(settings.id, station.emit)
        self._modem_fault: Fault | None = None
        self._lost_since: float | None = None
        self._left = False  # the car of the transaction that is ending has gone
        self._held = False  # the guard was seen holding the grant of the running transaction
        self._view: object = None
        self._busy = self._again = False

    @property
    def connector(self) -> int:
        return self.settings.connectors.index(self.board_connector) + 1

    @property
    def plugged(self) -> bool:
        return self.level in {"B", "C", "D"}

    @property
    def level(self) -> str:
        """Debounced pilot state, "?" while nobody looks at it."""
        return self.seen.level if self.seen is not None else "?"

    @property
    def closed(self) -> bool:
        return self.seen is not None and self.seen.closed

    @property
    def nominal(self) -> bool:
        """Does the guard run this transaction under a duty cycle that says a current (IEC 61851-1 Annex A)?"""
        seen = self.seen
        if seen is None or seen.grant is None or seen.grant.session != self.transaction_id:
            return False
        return seen.pilot is PilotMode.DUTY and current_for(seen.duty_percent) > 0

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the guard says, and what the car link does."""
        seen = self.seen.faults if self.seen is not None else ()
        return seen if self._modem_fault is None else (*seen, self._modem_fault)

    @property
    def transaction_id(self) -> str | None:
        return self.transaction.transaction_id if self.transaction is not None else None

    @property
    def transaction(self) -> Open | None:
        """The running transaction as the journal has it."""
        return self._ledger.open

    @property
    def claimed(self) -> bool:
        """Somebody charges here: a transaction runs, and a token was authorised for it."""
        return self.transaction is not None and self.transaction.id_token is not None

    @property
    def at_rest(self) -> bool:
        """No current flows, and none will before somebody is authorised."""
        waits = self.transaction is not None and (not self.claimed or self.transaction.stop_told)
        return not self.closed and (self.transaction is None or waits)

    @property
    def admitted(self) -> bool:
        """May transactions begin at all (TxBeforeAcceptedEnabled, B02.FR.03)?"""
        return self._station.admits

    @property
    def stop_wanted(self) -> str | None:
        """Reason for which the station wants the car to stop, None while it may charge."""
        stop = self._ledger.stop_decided
        return stop.reason if stop is not None else None

    @property
    def paused(self) -> str:
        """What the car's protocol left for the time after a pause; "" = the car is awake. Kept with the transaction;
        of a car that paused before it was authorised, with the EVSE."""
        if self.transaction is not None:
            return self.transaction.paused
        return self._station.variable(self._paused_key)

    @property
    def charging_state(self) -> ChargingState:
        return self.wishes.charging_state

    @property
    def capability(self) -> ConnectorCapability | None:
        """What the connector gives now: of a plug that has AC and DC the AC, until its car's session wants DC."""
        can = self.hardware
        if can is None or can.ac is None or (self.digital is not None and self.digital.dc is not None):
            return can
        return can.ac

    @property
    def outlet(self) -> Literal["", "ac", "dc"]:
        """Which half of a plug that has AC and DC a grant is for; "" where there is nothing to say."""
        if self.hardware is None or self.hardware.ac is None:
            return ""
        return "dc" if self.dc else "ac"

    @property
    def dc(self) -> bool:
        """Its limits are those of a DC output: A and W of it."""
        return self.capability is not None and self.capability.dc

    @property
    def has_lock(self) -> bool:
        return self.capability is not None and self.capability.lock

    @property
    def meter_key(self) -> str:
        """Hex of DER: what this EVSE's meter signs with; "" while that is not known."""
        record = self._station.guard.records.get(self.board_connector)
        return record.public_key if record is not None else ""

    @property
    def locks_cables(self) -> bool:
        """A driver's own cable is locked into a socket here: pulled at the car it cannot be taken away."""
        return self.has_lock and self.capability is not None and self.capability.socket

    @property
    def keeps_cable(self) -> bool:
        """Somebody's cable stays locked here although the transaction is over: only its owner gets it (E09.FR.03)."""
        return self.has_lock and bool(self._station.variable(self._cable_key))

    @property
    def resuming(self) -> bool:
        """The journal knows a transaction here and the guard was not heard yet."""
        return self._restored is not None

    @property
    def guard_problem(self) -> str:
        return self._station.guard.problem

    def why(self) -> str:
        """Why it charges or does not: one line for people, the same everywhere."""
        return why(self, self._station.clock.mono(), self._station.connection_timeout_s)

    def sample(self, context: str = "Sample.Periodic") -> Sample | None:
        """The latest meter values, or None without a fresh reading."""
        meter = self.seen.meter if self.seen is not None else None
        return self._sample(meter, context) if meter is not None and meter.quality == "good" else None

    def _sample(self, meter: MeterSample, context: str) -> Sample:
        age = max(0.0, self._station.clock.mono() - meter.at)
        return Sample(
            at=self._station.clock.utc() - age,
            energy_wh=meter.import_wh,
            power_w=meter.power_w,
            voltage_v=meter.voltage_v,
            current_a=meter.current_a,
            soc_percent=self._soc_percent,
            offered_a=self.wishes.grant.limit_a if self.wishes.grant is not None else 0.0,
            offered_w=self.wishes.grant.limit_w if self.wishes.grant is not None else None,
            context=context,
            signed=meter.signed,
            public_key=(self.meter_key or None) if meter.signed is not None else None,
        )

    def _last_sample(self) -> Sample | None:
        """The latest meter values, or the last ones that were read while the meter answered, with their time."""
        return self.sample() or (self._sample(self._meter, "Sample.Periodic") if self._meter is not None else None)

    def present_status(self) -> ConnectorStatus:
        """The connector's status as it is now, stamped now."""
        return present_status(
            self.id,
            self.connector,
            self.wishes.detail,
            self.seen,
            faults=self.faults,
            guard_problem=self.guard_problem,
            now=self._station.moment(),
        )

    def set_bound(self, source: str, amps: float | None) -> None:
        """An upper bound of this EVSE's current from `source`; None lifts it."""
        if amps is None:
            self.bounds.pop(source, None)
        else:
            self.bounds[source] = amps
        self._advance()

    def set_power_bound(self, source: str, watts: float | None) -> None:
        """The same in W over all phases, or of a DC output."""
        if self.power_bounds.get(source) == watts:
            return
        if watts is None:
            self.power_bounds.pop(source, None)
        else:
            self.power_bounds[source] = watts
        self._advance()

    @property
    def power_limit(self) -> Limit | None:
        """The bound in W that counts (`amps` are W here); None = none but those in A and the board's. Of a DC EVSE with
        its share of the station's current."""
        share_a = self.share_a if self.transaction is not None else None
        return bounds.power_limit(self.capability, self.power_bounds, share_a)

    def set_share(self, amps: float | None) -> None:
        """This EVSE's part of the station's budget; None = no budget."""
        if amps != self.share_a:
            self.share_a = amps
            self._advance()

    def want(self) -> Want | None:
        """What this EVSE wants of the station's budget; None = nothing, and it cannot be drawing either."""
        mine = self.transaction if self.claimed else None
        if mine is None and not self.closed:
            return None
        meter = self.seen.meter if self.seen is not None else None
        good = meter is not None and meter.quality == "good"
        drawing = bounds.drawn_amps(self.capability, meter) if meter is not None and good else None
        asks = self.level in {"C", "D"} or (self.digital is not None and not self.wishes.charged)
        able = mine is not None and mine.stop is None and not self._forbidden
        own = bounds.power_limit(self.capability, self.power_bounds, None)
        most = bounds.grid_amps(self.capability, self._own_limit(), own) if able else 0.0
        return Want(self.id, most, drawing, asks, self.wishes.charged)

    def _own_limit(self) -> Limit:
        """What may be drawn here, apart from the budget."""
        cable_a = self.seen.cable_rating_a if self.seen is not None else 0.0
        return bounds.current_limit(self.capability, cable_a, self.settings.max_current_a, self.bounds)

    def _follow_limit(self) -> None:
        limit = self._own_limit()
        if self.transaction is not None and self.share_a is not None and not self.dc:
            limit = lowest([limit, Limit(self.share_a, "budget")])
        power = self.power_limit
        if (limit, power) == self._told_limits:
            return
        self.limit, self._told_limits = limit, (limit, power)
        self._reports.limit(limit, power, self._station.moment())

    @property
    def _forbidden(self) -> bool:
        return bool(connector_status.forbidding(self.faults))

    def _advance(self) -> None:
        """Let everything follow what changed."""
        raise NotImplementedError
