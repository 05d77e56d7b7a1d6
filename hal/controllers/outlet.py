"""What a board's controller says of one of its outlets, and what it is told: shared by link thread and tick.

The link's thread replaces whole values, the tick reads them: no lock is needed. How old is too old says the
controller (hal/controllers/controller.py).
"""

from typing import Final, Generic, NamedTuple, TypeVar

from hal.contracts import LockState, MeterReading, PilotMode, PilotOutput, PilotSample, Plug

T = TypeVar("T")

#: Positive half wave of the states, mV (IEC 61851-1 Table A.4, seen by the station).
STATE_MV: Final = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0, "F": -12_000}
X1: Final = PilotOutput(PilotMode.X1)


class Said(NamedTuple, Generic[T]):
    """A value and when it arrived (monotonic s)."""

    value: T
    at: float


class Outlet:
    """The last words on one outlet; None = this board never says it, or has not yet."""

    def __init__(self) -> None:
        self.pilot: Said[PilotSample] | None = None
        self.closed: Said[bool | None] | None = None
        self.plug: Said[Plug] | None = None
        self.rcd: Said[bool] | None = None
        self.lock: Said[LockState] | None = None
        self.emergency_stop: Said[bool] | None = None
        self.pe_lost: Said[bool] | None = None
        self.temperature_c: Said[float] | None = None
        self.meter: Said[MeterReading] | None = None
        self.fault = ""  # what the controller says is wrong with itself or with this outlet as a whole


class Wish(NamedTuple):
    """What an outlet is told to do. Safe is the default."""

    pilot: PilotOutput = X1
    close: bool = False
    closings: int = 0  # counts up with every order to close: one that comes again is told from one that goes on
    duty_void: bool = False  # told to open where the duty alone closes: it counts again when it is driven anew
    lock: bool | None = None  # None: nobody has asked for anything yet
    rcd_test: bool = False
    rcd_resets: int = 0  # counts up with every reset asked for


def sample_of(state: str, *, pwm: bool, diode_fault: bool = False) -> PilotSample:
    """Half waves of a state that a controller names by its letter: what the guard's pilot step reads it from."""
    high = STATE_MV[state]
    if not pwm or state == "F":
        return PilotSample(high, high)
    if diode_fault:  # the negative half follows the positive
        return PilotSample(high, -high)
    return PilotSample(high, 0 if state == "E" else -12_000)
