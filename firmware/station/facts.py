"""What happened at the station (facts) and what it may be asked to do (commands), in OCPP 2.x terms.

Facts are the one stream that the OCPP dialects, the panel and the session report read; the outbox stores them.
Enumerations are plain strings with the values of OCPP 2.0.1 part 2 (section 3, datatypes), so that a dialect needs no
translation where the word is the same. Times: `at` is UTC seconds since the epoch, `mono` CLOCK_MONOTONIC seconds.
Energy in Wh, power in W, current in A, voltage in V.
"""

from typing import Literal

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    """Base of every fact: when it happened."""

    at: float
    mono: float = 0.0
    clock_synced: bool = True  # False: `at` came from an unset clock


# --- station and connectors ---------------------------------------------------------------------------------------

BootReason = Literal[
    "PowerUp",
    "RemoteReset",
    "ScheduledReset",
    "LocalReset",
    "FirmwareUpdate",
    "Watchdog",
    "ApplicationReset",
    "Unknown",
]
ConnectorState = Literal["Available", "Occupied", "Reserved", "Unavailable", "Faulted"]


class Booted(Fact, frozen=True, kw_only=True, tag="booted"):
    reason: BootReason = "PowerUp"


class ConnectorStatus(Fact, frozen=True, kw_only=True, tag="connector_status"):
    """`state` is OCPP 2.x; `detail` keeps what 1.6 needs (Preparing, SuspendedEV, SuspendedEVSE, Finishing, ...)."""

    evse: int
    connector: int
    state: ConnectorState
    detail: str = ""
    error_code: str = "NoError"  # 1.6 ChargePointErrorCode
    info: str = ""
    vendor_code: str = ""  # our own name of the fault


class FaultRaised(Fact, frozen=True, kw_only=True, tag="fault_raised"):
    evse: int
    connector: int
    code: str
    text: str


class FaultCleared(Fact, frozen=True, kw_only=True, tag="fault_cleared"):
    evse: int
    connector: int
    code: str


class SecurityEvent(Fact, frozen=True, kw_only=True, tag="security_event"):
    """`kind` is a name of OCPP 2.x appendix 1 (Security Events)."""

    kind: str
    tech_info: str = ""
    critical: bool = False


class FirmwareStatus(Fact, frozen=True, kw_only=True, tag="firmware_status"):
    """A step of a firmware update; `status` is FirmwareStatusEnumType. `signed`: asked for with a signature (1.6 tells
    of those by another message)."""

    status: str
    request_id: int | None = None
    signed: bool = True


class LogStatus(Fact, frozen=True, kw_only=True, tag="log_status"):
    """A step of the upload of a log; `status` is UploadLogStatusEnumType. Without `request_id` it was asked for by
    GetDiagnostics of 1.6."""

    status: str
    request_id: int | None = None


# --- tokens and authorization ---------------------------------------------------------------------------------------


class IdToken(msgspec.Struct, frozen=True):
    """`kind` is IdTokenEnumType: Central eMAID ISO14443 ISO15693 KeyCode Local MacAddress NoAuthorization."""

    token: str
    kind: str = "ISO14443"


class TokenPresented(Fact, frozen=True, kw_only=True, tag="token_presented"):
    evse: int  # 0 = the station's reader
    id_token: IdToken


class Authorized(Fact, frozen=True, kw_only=True, tag="authorized"):
    """The verdict on a token. `source`: csms, local_list, cache, free, offline, remote."""

    evse: int
    id_token: IdToken
    accepted: bool
    status: str  # AuthorizationStatusEnumType: Accepted Blocked ConcurrentTx Expired Invalid ...
    source: str
    reason: str = ""


# --- transactions ---------------------------------------------------------------------------------------------------

ChargingState = Literal["EVConnected", "Charging", "SuspendedEV", "SuspendedEVSE", "Idle"]


class Sample(msgspec.Struct, frozen=True):
    """One meter sample with everything that was measured at that instant. `context`: ReadingContextEnumType."""

    at: float
    energy_wh: float
    power_w: float = 0.0
    voltage_v: tuple[float, ...] = ()
    current_a: tuple[float, ...] = ()
    soc_percent: float | None = None
    offered_a: float | None = None
    offered_w: float | None = None  # DC: where something bounds the output's power
    context: str = "Sample.Periodic"
    signed: str | None = None  # record of a meter that signs, exactly as it made it (OCMF)
    public_key: str | None = None  # that meter's, hex of DER


class Transaction(Fact, frozen=True, kw_only=True, tag="transaction"):
    """One event of a transaction. `seq_no` counts from 0 without gaps for each transaction and survives restarts."""

    kind: Literal["Started", "Updated", "Ended"]
    transaction_id: str
    seq_no: int
    trigger: str  # TriggerReasonEnumType
    evse: int
    connector: int
    charging_state: ChargingState | None = None
    id_token: IdToken | None = None
    remote_start_id: int | None = None
    stopped_reason: str | None = None  # ReasonEnumType
    samples: tuple[Sample, ...] = ()
    offline: bool = False
    meter_start_wh: float | None = None
    cable_max_current_a: float | None = None
    time_spent_charging_s: float | None = None
    reservation_id: int | None = None  # in the first event, where one was used
    unclaimed: bool = False  # nobody was authorised yet (TxStartPoint EVConnected)


ReservationOutcome = Literal["Expired", "Removed", "NoTransaction"]


class ReservationEnded(Fact, frozen=True, kw_only=True, tag="reservation_ended"):
    """A reservation is over without having been used or cancelled (H04.FR.01, H01.FR.16/17), or it was used and no
    plug came (NoTransaction, 2.1)."""

    reservation_id: int
    outcome: ReservationOutcome


class MeterValues(Fact, frozen=True, kw_only=True, tag="meter_values"):
    """Samples outside transactions (clock-aligned while idle)."""

    evse: int
    samples: tuple[Sample, ...]


class MonitorEvent(msgspec.Struct, frozen=True):
    """A monitor of a variable fired (OCPP 2.x part 2, EventDataType). `trigger`: Alerting, Delta, Periodic; `origin`:
    HardWiredMonitor, PreconfiguredMonitor, CustomMonitor; `severity` 0 (danger) to 9 (debug)."""

    event_id: int
    component: str
    variable: str
    value: str
    trigger: Literal["Alerting", "Delta", "Periodic"]
    origin: str
    monitor_id: int
    severity: int
    component_instance: str = ""
    instance: str = ""
    evse: int | None = None
    connector: int | None = None
    cleared: bool = False
    cause: int | None = None
    tech_code: str = ""
    tech_info: str = ""
    transaction_id: str | None = None


class MonitorEvents(Fact, frozen=True, kw_only=True, tag="monitor_events"):
    """Monitors that fired together."""

    events: tuple[MonitorEvent, ...]


class LimitChanged(Fact, frozen=True, kw_only=True, tag="limit_changed"):
    """What an EVSE may draw now and who says so. `source`: hardware, cable, site, budget, csms, car, ..."""

    evse: int
    limit_a: float
    source: str
    limit_w: float | None = None


class LimitPeriod(msgspec.Struct, frozen=True):
    """From `start_s` after the schedule's start: A per phase or W over all phases."""

    start_s: float
    limit: float
    phases: int | None = None


class LimitSchedule(msgspec.Struct, frozen=True):
    """What is told of a schedule to a back office. `start` UTC s, None = relative to the moment it is told."""

    unit: Literal["A", "W"]
    periods: tuple[LimitPeriod, ...]
    id: int = 0
    start: float | None = None
    duration_s: float | None = None


class ChargingLimit(Fact, frozen=True, kw_only=True, tag="charging_limit"):
    """An external limit was set or changed by more than SmartChargingCtrlr.LimitChangeSignificance (K11, K12), or is
    lifted (K13). `source`: EMS, SO, Other. `evse` 0 = the station. `schedule` only where the back office wants it
    (NotifyChargingLimitWithSchedules)."""

    evse: int
    source: str
    cleared: bool = False
    grid_critical: bool | None = None
    schedule: LimitSchedule | None = None


class EvChargingNeeds(Fact, frozen=True, kw_only=True, tag="ev_charging_needs"):
    """What a car told before it charges, or when it asks for new terms (K15.FR.01, K17.FR.01). `transfer`:
    EnergyTransferModeEnumType (DC, AC_single_phase, AC_three_phase, ...). `departure` UTC s. None = not told."""

    evse: int
    transfer: str
    transaction_id: str | None = None
    departure: float | None = None
    max_schedules: int | None = None
    max_periods: int | None = None  # maxScheduleTuples
    energy_wh: float | None = None
    min_current_a: float | None = None
    max_current_a: float | None = None
    max_voltage_v: float | None = None
    max_power_w: float | None = None
    soc_percent: float | None = None
    full_soc_percent: float | None = None
    bulk_soc_percent: float | None = None
    capacity_wh: float | None = None


class EvChargingSchedule(Fact, frozen=True, kw_only=True, tag="ev_charging_schedule"):
    """Which schedule the car chose, and what it means to draw (K15.FR.10, K16.FR.05, K17.FR.10). `selected`: id of
    the schedule; `within`: it stays within what was offered (K15.FR.09)."""

    evse: int
    schedule: LimitSchedule
    selected: int | None = None
    within: bool = True
    transaction_id: str | None = None


class PriorityCharging(Fact, frozen=True, kw_only=True, tag="priority_charging"):
    """Priority charging began or ended for a transaction (K21, K22)."""

    transaction_id: str
    activated: bool


class DriverTold(Fact, frozen=True, kw_only=True, tag="driver_told"):
    """What the driver of a transaction is told of tariff and cost (2.0.1 block I). `cost` in `currency` (ISO 4217),
    None = not known; `final`: nothing is added any more; `text` stands instead of a cost that is not known."""

    evse: int
    transaction_id: str
    tariff: str = ""
    cost: float | None = None
    currency: str = ""
    final: bool = False
    text: str = ""


# --- what only the session report and the status page read ----------------------------------------------------------


class PilotChanged(Fact, frozen=True, kw_only=True, tag="pilot"):
    evse: int
    connector: int
    level: str
    mode: str
    duty_percent: float
    closed: bool
    limit_a: float
    why_open: str = ""


class AnswerTimes(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long one kind of answer took in a session, in s, of the time that the standard allows for it; `late`: how
    many took longer."""

    name: str
    count: int
    median_s: float
    p99_s: float
    max_s: float
    allowed_s: float
    late: int = 0


class CarMessage(Fact, frozen=True, kw_only=True, tag="car_message"):
    """One V2G message. `direction`: from_car, to_car. An answer says how long after its request it left, and how long
    it might have taken, in s."""

    evse: int
    session: str
    direction: Literal["from_car", "to_car"]
    protocol: str
    name: str
    text: str = ""  # the one-line log form
    size: int = 0
    took_s: float | None = None
    allowed_s: float | None = None


class CarSession(Fact, frozen=True, kw_only=True, tag="car_session"):
    """A digital session began or ended, and why; at its end, how our answers kept their deadlines, and which of the
    car's ways we had to put up with (names of firmware/v2g/quirks.toml)."""

    evse: int
    session: str
    kind: Literal["Started", "Ended"]
    protocol: str = ""
    evccid: str = ""
    reason: str = ""
    answers: tuple[AnswerTimes, ...] = ()
    quirks: tuple[str, ...] = ()


class CarTls(Fact, frozen=True, kw_only=True, tag="car_tls"):
    """TLS with a car was agreed, or not, and why not. `offered`: the car's versions and cipher suites; `chain`: which
    of our certificate chains answered, and `root_known` whether the car named its root; `vehicle`: the common name of
    its certificate, "" without one."""

    evse: int
    agreed: bool
    offered: str = ""
    version: str = ""
    suite: str = ""
    chain: str = ""
    root_known: bool = False
    stapled: bool = False
    vehicle: str = ""
    reason: str = ""


class PacketCapture(Fact, frozen=True, kw_only=True, tag="packet_capture"):
    """The packets between car and station are being written to a file (pcapng) in the storage's `captures`, or it is
    finished. `left_out`: packets there was no room for; `secrets`: TLS keys are inside; `reason`: why it is not whole.
    """

    evse: int
    file: str
    kind: Literal["Began", "Ended"]
    packets: int = 0
    size: int = 0
    left_out: int = 0
    secrets: bool = False
    reason: str = ""


class CertificateHealth(Fact, frozen=True, kw_only=True, tag="certificate_health"):
    """Something about our certificates that somebody should know; told when it is found, when they are read."""

    evse: int
    severity: Literal["fault", "warning", "note"]
    where: str
    text: str
    remedy: str = ""


class ModemStatus(Fact, frozen=True, kw_only=True, tag="modem"):
    """The power-line modem of an EVSE: found, gone, or reset (`resets` counts them). `firmware` in its own words."""

    evse: int
    interface: str
    make: str
    present: bool
    firmware: str = ""
    mac: str = ""
    resets: int = 0
    reason: str = ""


class DataLinkStatus(Fact, frozen=True, kw_only=True, tag="data_link"):
    """What SLAC came to. `attenuation_db`: mean over all carrier groups as told to the car; `sounds` captured."""

    evse: int
    state: str
    reason: str = ""
    car_mac: str = ""
    run_id: str = ""
    attenuation_db: float | None = None
    sounds: int = 0


class BackOfficeMessage(Fact, frozen=True, kw_only=True, tag="back_office_message"):
    """One OCPP frame. `direction`: sent, received."""

    direction: Literal["sent", "received"]
    version: str
    kind: Literal["call", "result", "error"]
    name: str
    text: str = ""


class BackOfficeLink(Fact, frozen=True, kw_only=True, tag="back_office_link"):
    connected: bool
    version: str = ""
    reason: str = ""


AnyFact = (
    Booted
    | ConnectorStatus
    | FaultRaised
    | FaultCleared
    | SecurityEvent
    | FirmwareStatus
    | LogStatus
    | TokenPresented
    | Authorized
    | Transaction
    | ReservationEnded
    | MeterValues
    | MonitorEvents
    | LimitChanged
    | ChargingLimit
    | EvChargingNeeds
    | EvChargingSchedule
    | PriorityCharging
    | PilotChanged
    | CarMessage
    | CarSession
    | CarTls
    | PacketCapture
    | CertificateHealth
    | ModemStatus
    | DataLinkStatus
    | BackOfficeMessage
    | BackOfficeLink
    | DriverTold
)


# --- commands -------------------------------------------------------------------------------------------------------


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Base of every command; `by` says who asks: csms, local, rig, panel."""

    by: str = "csms"


class StartTransaction(Command, frozen=True, kw_only=True, tag="start"):
    """evse None = any that fits."""

    id_token: IdToken
    evse: int | None = None
    remote_start_id: int | None = None
    limit_a: float | None = None
    group: IdToken | None = None


class StopTransaction(Command, frozen=True, kw_only=True, tag="stop"):
    transaction_id: str
    reason: str = "Remote"


class Reserve(Command, frozen=True, kw_only=True, tag="reserve"):
    """Keep an EVSE for a token until `expiry` (UTC s). evse None = any, with a plug of `connector_type` if one is
    named (ConnectorEnumType). Outcome: Accepted, Faulted, Occupied, Unavailable, Rejected."""

    reservation_id: int
    id_token: IdToken
    expiry: float
    group: IdToken | None = None
    evse: int | None = None
    connector_type: str | None = None


class CancelReservation(Command, frozen=True, kw_only=True, tag="cancel_reservation"):
    reservation_id: int


class Unlock(Command, frozen=True, kw_only=True, tag="unlock"):
    evse: int
    connector: int = 1


class SetAvailability(Command, frozen=True, kw_only=True, tag="availability"):
    """evse None = the whole station."""

    operative: bool
    evse: int | None = None
    connector: int | None = None


class SetLimit(Command, frozen=True, kw_only=True, tag="limit"):
    """An upper bound from `source`; limit None lifts it. evse None = the station's shared budget."""

    source: str
    limit_a: float | None
    evse: int | None = None


class Reset(Command, frozen=True, kw_only=True, tag="reset"):
    immediate: bool
    evse: int | None = None


class SwipeToken(Command, frozen=True, kw_only=True, tag="swipe"):
    """A token was presented at a reader (evse 0 = the station's)."""

    id_token: IdToken
    evse: int = 0


class IdentifyCar(Command, frozen=True, kw_only=True, tag="identify_car"):
    """A car at this EVSE is its own token (autocharge)."""

    id_token: IdToken
    evse: int


class ClearFault(Command, frozen=True, kw_only=True, tag="clear_fault"):
    evse: int
    code: str


class Outcome(msgspec.Struct, frozen=True):
    """Answer to a command. `status` in OCPP words (Accepted, Rejected, Scheduled, Unlocked, UnlockFailed, ...),
    `reason` always tells people why when it is no plain yes."""

    status: str
    reason: str = ""
    transaction_id: str | None = None

    @property
    def accepted(self) -> bool:
        return self.status in {"Accepted", "Scheduled", "Unlocked"}
