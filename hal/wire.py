"""The link between guard and controller: its vocabulary as typed messages, and their CBOR form. No socket here.

Transport: Unix socket, SOCK_SEQPACKET, one CBOR map per packet, at most `MAX_PACKET` bytes. The guard listens, checks
the peer's credentials (SO_PEERCRED), accepts one controller at a time and speaks first (`Hello`).

*Lease*: the guard sends `Beat(tick, epoch, held)` every 100 ms; the controller answers each with `Lease(tick, epoch)`.
The guard counts 300 ms from the time of the echoed tick on its own monotonic clock, so a queued or replayed frame
proves nothing. A lost lease starts a new epoch; intents that carry an older epoch are counted and dropped.

All `at` are seconds of the machine's CLOCK_MONOTONIC, which both processes share.
"""

import io
from typing import Annotated, Final, Literal

import cbor2
import msgspec
from msgspec import Meta

from hal.contracts import Light, LockState, PilotMode, Plug

VERSION: Final = 1
MAX_PACKET: Final = 32_768
BEAT_S: Final = 0.1
LEASE_S: Final = 0.3
BAD_FRAMES_IN_A_ROW: Final = 3
GONE_S: Final = 0.3  # a car is away once state A has lasted this long; before it may be a contact that bounces
UNPLUGGED: Final = "car unplugged"  # within Observation.grant_ended: who is plugged in now is another car


class WireError(ValueError):
    """A packet that is no message of this version: names what is wrong."""


# A bound is also what refuses NaN and infinity: no comparison with them holds.
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
ConnectorNumber = Annotated[int, Meta(ge=1, le=64)]
Amps = Annotated[float, Meta(ge=0, le=1000)]
Volts = Annotated[float, Meta(ge=0, le=2000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Text = Annotated[str, Meta(max_length=255)]


class _Message(msgspec.Struct, frozen=True, tag_field="t", forbid_unknown_fields=True):
    pass


# --- guard -> controller ------------------------------------------------------------------------------------------


class ConnectorCapability(msgspec.Struct, frozen=True):
    """What one connector of this board can do; limits in A, V, W."""

    connector: int
    kind: str  # OCPP ConnectorEnumType value: sType2, cType2, cCCS2, ...
    max_current_a: float
    min_current_a: float = 6.0
    phases: int = 3
    nominal_voltage_v: float = 230.0
    dc: bool = False
    dc_max_voltage_v: float = 0.0
    dc_max_current_a: float = 0.0
    dc_max_power_w: float = 0.0
    digital: bool = True  # the pilot can carry 5 % (digital communication)
    socket: bool = False  # has a proximity contact; else a fixed cable
    lock: bool = False
    meter: bool = True
    ventilation: bool = False
    token_reader: bool = False
    phase_switch: bool = False  # can choose between one and three phases
    signs: bool = False  # its meter signs sessions (MeterSession)
    ac: "ConnectorCapability | None" = None  # a DC connector whose contacts carry AC too: what it is then


class Hello(_Message, frozen=True, tag="hello"):
    """First packet of a connection: the capability report, and the grants that are still running."""

    version: int
    board: str
    guard: str  # software version
    epoch: int
    tick: int
    connectors: tuple[ConnectorCapability, ...]
    station_token_reader: bool = False


class Beat(_Message, frozen=True, tag="beat"):
    """Answer at once with a Lease. `held`: a lease of this epoch holds, so intents are heard; before that they are
    dropped, however many old beats a controller that slept still has to answer."""

    tick: int
    epoch: int
    held: bool = False
    overruns: int = 0  # ticks that began too late since the guard's start


class Fault(msgspec.Struct, frozen=True):
    """Something that forbids or ended charging. `code` is one of hal.interlocks' names, `text` is for people."""

    code: str
    text: str
    since: float
    latched: bool = False  # needs clear_fault or, where it `leaves`, the departure of the car
    leaves: bool = True
    mrec: str = ""  # ChargeX Minimum Required Error Code, where one fits: MREC17EVSEContactorFault, ...


class RunningGrant(msgspec.Struct, frozen=True):
    """The grant the guard holds. `riding` = lease lost, alternative (a) of the lease rules is in force."""

    session: str
    limit_a: float
    failsafe_limit_a: float
    ride_through_s: float
    riding: bool = False
    remaining_s: float | None = None


class MeterSample(msgspec.Struct, frozen=True):
    """Latest meter reading: Wh, W, V, A; `at` tells its age; quality `good` or `stale`."""

    at: float
    import_wh: float
    power_w: float
    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    export_wh: float = 0.0
    quality: str = "good"
    signed: str | None = None  # this very reading as a legal meter signed it (OCMF)


class DcSample(msgspec.Struct, frozen=True):
    """The DC output: V and A measured at `at`, what the supply can give now (V, A, W), and how far its safety sequence
    has come. `isolation_ohm` is None until the monitor passed its self test; `isolation` judges it (IEC 61851-23)."""

    at: float
    voltage_v: float
    current_a: float
    max_voltage_v: float
    max_current_a: float
    max_power_w: float
    isolation_ohm: float | None = None
    phase: str = "idle"
    cable_check: Literal["none", "running", "passed", "failed"] = "none"
    isolation: Literal["invalid", "valid", "warning", "fault", "no_imd"] = "invalid"
    welded: bool = False  # voltage stays behind an open contactor, or its mirror says closed
    why: str = ""  # which step of the sequence failed and why, or what a running one waits for


class Observation(_Message, frozen=True, tag="obs"):
    """Everything the guard knows of one connector. Sent on change and at 4 Hz, 20 Hz while DC power flows."""

    connector: int
    tick: int
    epoch: int
    at: float
    level: str  # debounced IEC 61851-1 state: A B C D E F, or ? before the first stable reading
    pilot: PilotMode
    duty_percent: float
    high_mv: int
    low_mv: int
    plug: Plug
    cable_rating_a: float  # 0 = no cable; fixed cables report the board's rating
    closed: bool  # contactor, by its mirror contact (or the command where it has none)
    energised: bool  # command to the contactor
    limit_a: float  # what the guard polices now
    lock: LockState = LockState.UNKNOWN
    meter: MeterSample | None = None
    dc: DcSample | None = None
    temperature_c: float | None = None
    faults: tuple[Fault, ...] = ()
    grant: RunningGrant | None = None
    grant_ended: str | None = None  # why the last grant ended, until the next one
    why_open: str = ""  # the one reason why the contactor is open now, for people
    phases: int = 3  # the car gets now
    why_phases: str = ""  # why they are not (yet) as wished, for people
    reader_fault: str = ""  # what keeps cards from being read here, for people
    closings: int = 0  # of the contactor, since it was fitted
    outlet: Literal["ac", "dc"] = "ac"  # the one in use


class Token(_Message, frozen=True, tag="token"):
    """A token was presented; connector 0 = reader of the whole station."""

    connector: int
    token: str
    kind: str  # OCPP IdTokenEnumType: ISO14443, ISO15693, KeyCode, ...
    at: float


class SiteMeter(_Message, frozen=True, tag="site"):
    """What the whole site draws, by the meter at its connection to the grid ([site_meter]). With each reading."""

    meter: MeterSample


class SignedRecord(_Message, frozen=True, tag="signed"):
    """What became of a MeterSession: after `begin` the meter's public key (hex of DER), after `end` its signed record
    (OCMF, exactly as the meter made it) too. `error`: what the meter said instead. Sent again to a new controller."""

    connector: int
    session: str
    begin: bool
    text: str = ""
    public_key: str = ""
    error: str = ""


# --- controller -> guard ------------------------------------------------------------------------------------------


class Lease(_Message, frozen=True, tag="lease"):
    """I am alive: echo of the guard's last Beat."""

    tick: Number
    epoch: Number


class SetPilot(_Message, frozen=True, tag="pilot"):
    """Wanted pilot. A nominal duty (>= 8 %) needs a running grant, else the guard shows X1."""

    epoch: Number
    connector: ConnectorNumber
    mode: PilotMode
    duty_percent: Percent = 0.0


class GrantIntent(_Message, frozen=True, tag="grant"):
    """Connector may energise for `session` up to limit_a: A per phase, of a DC output its A. A repeated grant for the
    same session changes its limits. `outlet`: which of the two a plug with AC and DC shall give; a grant that does not
    say so is refused there, and one for an outlet that the connector has not, everywhere."""

    epoch: Number
    connector: ConnectorNumber
    session: Annotated[str, Meta(min_length=1, max_length=255)]
    limit_a: Amps
    failsafe_limit_a: Amps = 6.0
    ride_through_s: Seconds = 120.0
    limit_w: Annotated[float, Meta(ge=0, le=5e6)] | None = None  # DC: of the output; None = what the board can
    outlet: Literal["", "ac", "dc"] = ""


class Revoke(_Message, frozen=True, tag="revoke"):
    """End the grant: let the car ramp down, open when it let go, at the latest after 6 s (at once when `now`)."""

    epoch: Number
    connector: ConnectorNumber
    reason: Text
    now: bool = False


class DcIntent(_Message, frozen=True, tag="dc"):
    """What the DC output shall do; V and A are set points. `max_voltage_v`: the car's maximum, 0 = not told; in a cable
    check without it `voltage_v` is taken for it (the guard derives the test voltage)."""

    epoch: Number
    connector: ConnectorNumber
    phase: Literal["idle", "cable_check", "precharge", "deliver", "ramp_down"]
    voltage_v: Volts = 0.0
    current_a: Amps = 0.0
    max_voltage_v: Volts = 0.0


class LockIntent(_Message, frozen=True, tag="lock"):
    epoch: Number
    connector: ConnectorNumber
    locked: bool


class SetPhases(_Message, frozen=True, tag="phases"):
    """How many phases the car shall get. The guard changes them when that is safe: see Observation.why_phases."""

    epoch: Number
    connector: ConnectorNumber
    phases: Literal[1, 3]


class MeterSession(_Message, frozen=True, tag="session"):
    """Begin (before energy flows) or end (when none flows any more) a session of a meter that signs; answered by a
    SignedRecord within some 15 s. Of the texts the meter puts into its record see hal.contracts.LegalTransaction."""

    epoch: Number
    connector: ConnectorNumber
    session: Annotated[str, Meta(min_length=1, max_length=255)]
    begin: bool
    evse_id: Text = ""
    id_type: Text = "NONE"
    id_token: Text = ""
    tariff: Text = ""


class IndicatorIntent(_Message, frozen=True, tag="light"):
    epoch: Number
    connector: ConnectorNumber
    light: Light


class ClearFault(_Message, frozen=True, tag="clear"):
    epoch: Number
    connector: ConnectorNumber
    code: Annotated[str, Meta(max_length=64)]


FromGuard = Hello | Beat | Observation | Token | SiteMeter | SignedRecord
FromController = (
    Lease
    | SetPilot
    | GrantIntent
    | Revoke
    | DcIntent
    | LockIntent
    | SetPhases
    | MeterSession
    | IndicatorIntent
    | ClearFault
)


def encode(message: FromGuard | FromController) -> bytes:
    """One packet."""
    return cbor2.dumps(msgspec.to_builtins(message))


def _load(packet: bytes) -> object:
    if len(packet) > MAX_PACKET:
        raise WireError(f"packet of {len(packet)} bytes; at most {MAX_PACKET}")
    stream = io.BytesIO(packet)
    try:
        loaded: object = cbor2.load(stream)
    except (cbor2.CBORDecodeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise WireError(f"not CBOR: {error}") from error
    if stream.read(1):
        raise WireError("more than one CBOR item in a packet")
    return loaded


def decode_from_guard(packet: bytes) -> FromGuard:
    """Packet -> message of the guard. Raises WireError."""
    try:
        message: FromGuard = msgspec.convert(_load(packet), FromGuard)
    except msgspec.ValidationError as error:
        raise WireError(str(error)) from error
    return message


def decode_from_controller(packet: bytes) -> FromController:
    """Packet -> message of the controller. Raises WireError."""
    try:
        message: FromController = msgspec.convert(_load(packet), FromController)
    except msgspec.ValidationError as error:
        raise WireError(str(error)) from error
    return message
