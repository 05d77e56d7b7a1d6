"""What happened at the station, in OCPP 2.x terms; what it may be asked to do is in `commands`.

Facts are the one stream that the OCPP dialects, the panel and the session report read; the outbox stores them.
Enumerations are plain strings with the values of OCPP 2.0.1 part 2 (section 3, datatypes), so that a dialect needs no
translation where the word is the same. Times: `at` is UTC seconds since the epoch, `mono` CLOCK_MONOTONIC seconds.
Energy in Wh, power in W, current in A, voltage in V.
"""

from typing import Literal

import msgspec

from firmware.station.car_facts import (
    CarMessage,
    CarSession,
    CarTls,
    CertificateHealth,
    DataLinkStatus,
    ModemStatus,
    PacketCapture,
)
from firmware.station.charging_facts import (
    ChargingLimit,
    EvChargingNeeds,
    EvChargingSchedule,
    LimitChanged,
    PriorityCharging,
)
from firmware.station.fact import Fact

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


class IdToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """`kind` is IdTokenEnumType: Central eMAID ISO14443 ISO15693 KeyCode Local MacAddress NoAuthorization."""

    token: str
    kind: str = "ISO14443"


class TokenPresented(Fact, frozen=True, kw_only=True, tag="token_presented"):
    evse: int  # 0 = the station's reader
    id_token: IdToken


class Authorized(Fact, frozen=True, kw_only=True, tag="authorized"):
    """The verdict on a token. `source`: csms, local_list, cache, free, offline, remote; `language`: of its driver."""

    evse: int
    id_token: IdToken
    accepted: bool
    status: str  # AuthorizationStatusEnumType: Accepted Blocked ConcurrentTx Expired Invalid ...
    source: str
    reason: str = ""
    language: str = ""


# --- transactions ---------------------------------------------------------------------------------------------------

ChargingState = Literal["EVConnected", "Charging", "SuspendedEV", "SuspendedEVSE", "Idle"]


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
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
    placed: bool = True  # False: at which EVSE the plug will come is not known yet
    phases_used: int | None = None  # that carry current, where that is news


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


class VendorMessage(Fact, frozen=True, kw_only=True, tag="vendor_message"):
    """What only one vendor's back offices know and must hear of (DataTransfer); `data` as they agreed on it."""

    vendor_id: str
    message_id: str
    data: str


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
    | VendorMessage
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
