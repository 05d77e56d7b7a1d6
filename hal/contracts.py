"""What a board can do, as small contracts: each is one to four methods that a driver file implements.

A contract says units and what it raises; it knows nothing of sessions, grants or OCPP. Two kinds of parts exist:

*fast* parts (control pilot, contactor, residual current, emergency stop, inputs) answer within 4 ms and are read
inside the guard's tick; *slow* parts (meter, thermometer, DC supply, isolation monitor, lock, token reader) may block
and run in worker threads that publish their last value with its age (`hal/polling.py`).

Every method raises `DeviceError` when the hardware does not answer or answers nonsense; the guard turns that into
a fault on the connector. Times are seconds of the monotonic clock.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol, runtime_checkable


class DeviceError(Exception):
    """A part of the board failed. The text names the part and what a technician can look at."""


# --- drivers ------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a driver sits. Connector 0 is the whole station; `registers` is set on simulated boards only; `sysfs` and
    `dev` are where drivers of Linux pins look, another place than the machine's own in tests; `buses` are the lines
    that several drivers share, by the names of the board file's [bus.<name>] (hal/modbus/bus.py), and `controllers`
    the boards' own controllers by [controller.<name>] (hal/controllers/controller.py); `cans` those of [can.<name>]
    (hal/can/bus.py)."""

    connector: int
    part: str  # section name: pilot, meter, emergency_stop, ...
    registers: Path | None = None
    sysfs: Path = Path("/sys")
    dev: Path = Path("/dev")
    buses: Mapping[str, object] = MappingProxyType({})
    controllers: Mapping[str, object] = MappingProxyType({})
    cans: Mapping[str, object] = MappingProxyType({})

    def __str__(self) -> str:
        return f"connector {self.connector} {self.part}" if self.connector else self.part


class Driver(Protocol):
    """What every `Driver` dataclass of hal/drivers has beside its contract. Its fields are its section's TOML keys;
    `__post_init__` may raise ValueError for what their types cannot say (and must not touch the hardware)."""

    def attach(self, place: Place) -> None:
        """Take the hardware and put it into its safe state. Raises DeviceError."""
        ...

    def detach(self) -> None:
        """Leave the hardware in its safe state and free it."""
        ...


class Controller(Protocol):
    """A board's own controller behind one link, which parts of several sections share (hal/controllers). Fast: the
    link's thread publishes, these only read and leave wishes."""

    def feed(self) -> None:
        """The guard's tick is at work: the controller may be told so."""
        ...

    def outlet(self, number: int) -> object: ...

    def wish(self, number: int) -> object: ...


# --- control pilot (IEC 61851-1 Annex A) -------------------------------------------------------------------------


class PilotSample(NamedTuple):
    """Both half waves of the control pilot as the station sees them, in mV; without PWM both carry the steady level."""

    high_mv: int
    low_mv: int


class PilotMode(StrEnum):
    """What the pilot generator puts on the line."""

    X1 = "x1"  # steady +12 V: no current may be drawn
    DUTY = "duty"  # X2: 1 kHz PWM
    E = "e"  # 0 V
    F = "f"  # steady -12 V: station not available


class PilotOutput(NamedTuple):
    """Mode and, for DUTY, the duty cycle in percent (5.0 = digital communication, 10..96 = nominal current)."""

    mode: PilotMode
    duty_percent: float = 0.0


class ControlPilot(Protocol):
    """Generator and measurement of one control pilot. Fast: read() takes at most 4 ms."""

    def read(self) -> PilotSample: ...

    def drive(self, output: PilotOutput) -> None: ...


class Plug(StrEnum):
    """What the proximity circuit tells of the cable (IEC 61851-1 Annex B; Type 1: SAE J1772)."""

    NONE = "none"
    A13 = "13"
    A20 = "20"
    A32 = "32"
    A63 = "63"  # 63 A three-phase, 70 A single-phase
    BUTTON = "button"  # Type 1 release button pressed
    INVALID = "invalid"  # between the windows: do not charge

    @property
    def rating_a(self) -> int:
        """What the cable carries, in A; 0 where nothing may flow."""
        return int(self.value) if self.value.isdigit() else 0


class Proximity(Protocol):
    """The proximity contact of a socket. Boards with a fixed cable have none and state its rating in the board file."""

    def read(self) -> Plug: ...


# --- power path ---------------------------------------------------------------------------------------------------


class Contactor(Protocol):
    """One contactor (all its poles). Opening never fails silently: `closed` is the mirror contact, not the command."""

    def close(self) -> None: ...

    def open(self) -> None: ...

    def closed(self) -> bool | None:
        """What the mirror contact says; None where the board has none."""
        ...


@runtime_checkable
class SelfClosing(Protocol):
    """A contactor that the board's own controller closes as soon as the car is ready and the pilot shows a duty: there
    the duty is the permission, `Contactor.close` only agrees, and `Contactor.open` takes the duty away."""

    @property
    def closes_itself(self) -> bool: ...


class PhaseSwitch(Protocol):
    """Chooses how many phases the contactor gives to the car, while it is open. Fast."""

    def set(self, phases: int) -> None:
        """1 or 3. Never called while current flows."""
        ...

    def phases(self) -> int | None:
        """What its own contact says; None where it has none."""
        ...


class ResidualCurrentMonitor(Protocol):
    """RDC-DD / RCD electronics (IEC 62955). Fast. The trip path opens the contactor in hardware; this reports it."""

    def tripped(self) -> bool: ...

    def test(self, on: bool) -> None:
        """Inject (True) or remove (False) the test current; `tripped` must follow within 500 ms."""
        ...

    def reset(self) -> None: ...


class SafetyInput(Protocol):
    """One input of the safety chain: emergency stop, PE/open-PEN monitor, mains-fail, tamper. True = tripped."""

    def active(self) -> bool: ...


class ShuntTrip(Protocol):
    """Trips the upstream breaker: the last means against a welded contactor."""

    def trip(self) -> None: ...


class LockState(StrEnum):
    UNLOCKED = "unlocked"
    LOCKED = "locked"
    MOVING = "moving"
    UNKNOWN = "unknown"


class CableLock(Protocol):
    """Plug lock of a socket. Slow: lock() and unlock() take up to some seconds, and raise DeviceError when the bolt
    did not reach its place."""

    def lock(self) -> None: ...

    def unlock(self) -> None: ...

    def state(self) -> LockState: ...


# --- measurement --------------------------------------------------------------------------------------------------


class MeterReading(NamedTuple):
    """One consistent reading of a meter. Per-phase values in V and A (one entry for DC); W and Wh are totals at the
    connector; `export_wh` counts energy from the car."""

    import_wh: float
    power_w: float
    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    export_wh: float = 0.0
    frequency_hz: float | None = None
    signed: str | None = None  # OCMF text of a legal meter


class Meter(Protocol):
    """Energy and power at one connector. Slow."""

    def read(self) -> MeterReading: ...


class LegalTransaction(NamedTuple):
    """What a signing meter puts into its record beside the readings (OCMF: IS, IT, ID, CI, TT)."""

    session: str
    evse_id: str
    id_type: str = "NONE"  # OCMF table 17: NONE, ISO14443, EMAID, CENTRAL, ...
    id_token: str = ""
    tariff: str = ""

    def plain(self) -> "LegalTransaction":
        """Without the bar, which separates OCMF's sections and must stand in none of its texts."""
        return LegalTransaction(*(text.replace("|", " ") for text in self))


class SigningMeter(Protocol):
    """A meter that signs a charging session. Slow. Begin before the first energy flows, end when none flows any more:
    some meters refuse both under current."""

    def begin(self, transaction: LegalTransaction) -> None: ...

    def end(self) -> str:
        """The signed record, an OCMF text exactly as the meter made it."""
        ...

    def public_key(self) -> str:
        """The meter's public key as hex of a DER SubjectPublicKeyInfo."""
        ...


def signs(meter: object) -> bool:
    """Whether a meter is a SigningMeter too."""
    return all(hasattr(meter, method) for method in ("begin", "end", "public_key"))


class Thermometer(Protocol):
    """One temperature, in °C. Slow."""

    def read(self) -> float: ...


class DcReading(NamedTuple):
    """Output of the DC supply: V and A as measured (negative = wrong polarity, or energy from the car), and what it can
    give now. `plug_voltage_v`: at the car's side of the contactor, where the board measures there. `fault`: what the
    supply says is wrong with it as a whole, for people; one failed module of several only lowers what it can give."""

    voltage_v: float
    current_a: float
    max_voltage_v: float
    max_current_a: float
    max_power_w: float
    plug_voltage_v: float | None = None
    fault: str = ""


class DcSupply(Protocol):
    """The power modules behind one DC connector. Slow. set(0, 0, on=False) is the safe state."""

    def set(self, voltage_v: float, current_a: float, *, on: bool) -> None: ...

    def read(self) -> DcReading: ...


class DcEnable(Protocol):
    """The line without which the supply's output stage is blocked (its inhibit or emergency-off input): taken away, the
    current is below 5 A within 30 ms, whatever the supply's bus does. Fast; attached and detached it blocks."""

    def enable(self, on: bool) -> None: ...


class InsulationReading(NamedTuple):
    """What an insulation monitor says. `ohm`: between the weaker pole and PE, None while it has no valid value
    (starting, settling, testing). `self_test`: of the one asked for last."""

    ohm: float | None
    self_test: Literal["none", "running", "passed", "failed"] = "none"


class IsolationMonitor(Protocol):
    """Insulation monitoring device (IEC 61557-8). Slow. `start` lets it measure, `self_test` begins a test whose result
    `read` tells; neither waits for it."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def self_test(self) -> None: ...

    def read(self) -> InsulationReading: ...


# --- people -------------------------------------------------------------------------------------------------------


class TokenReader(Protocol):
    """RFID/NFC reader. Slow. Returns a token once per presentation as upper-case hex, else None."""

    def poll(self) -> str | None: ...


class Light(StrEnum):
    OFF = "off"
    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED = "suspended"
    FINISHING = "finishing"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


class Indicator(Protocol):
    """What the driver sees: LEDs, a display line, a buzzer."""

    def show(self, light: Light) -> None: ...


# --- the car's modem (owned by the controller, not by the guard: SLAC needs its raw socket) ------------------------


class ModemInfo(NamedTuple):
    identity: str  # e.g. QCA7005
    firmware: str
    mac: str


class PlcModem(Protocol):
    """HomePlug Green PHY modem behind a network interface."""

    @property
    def interface(self) -> str: ...

    def info(self) -> ModemInfo: ...

    def set_key(self, nid: bytes, nmk: bytes) -> None: ...

    def link_up(self) -> bool: ...


class Watchdog(Protocol):
    """Hardware watchdog that opens the outputs when the tick stops feeding it. Fast."""

    def feed(self) -> None: ...
