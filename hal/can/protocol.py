"""A maker's protocol: frames for a wish, and what a module's frame says. Pure; state is `hal/can/module.py`."""

from typing import ClassVar, NamedTuple, Protocol

from hal.can.frame import Frame


class Rating(NamedTuple):
    """What one module can give now; None = it did not say."""

    max_voltage_v: float | None = None
    min_voltage_v: float | None = None
    max_current_a: float | None = None
    max_power_w: float | None = None


class Heard(NamedTuple):
    """One frame of a module. `what` names the question it answers. `failed`: the module itself gives nothing until it
    has recovered; `alarms`: names, for people."""

    address: int
    what: str
    voltage_v: float | None = None
    current_a: float | None = None
    rating: Rating | None = None
    alarms: tuple[str, ...] | None = None
    failed: bool = False


class ModuleProtocol(Protocol):
    """One dialect. `measured`: answers that make a measurement, all asked for by `measure`; `state`: the answer that
    `inquire` asks for, "" = none. `settle_s`: how long a module must be off before it is prepared, and again before it
    is switched on."""

    measured: ClassVar[tuple[str, ...]]
    state: ClassVar[str]
    settle_s: float

    def heard(self, frame: Frame) -> Heard | None:
        """None: not from a module of this kind, or of no interest."""
        ...

    def measure(self, address: int) -> tuple[Frame, ...]: ...

    def inquire(self, address: int) -> tuple[Frame, ...]: ...

    def prepare(self, address: int) -> tuple[Frame, ...]:
        """Settings that a module needs once, while it is off."""
        ...

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        """`current_a`: of this module; `sharing`: how many give current together."""
        ...

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]: ...


def named(bits: int, names: dict[int, str]) -> tuple[str, ...]:
    """The names of the bits that are set."""
    return tuple(name for bit, name in names.items() if bits >> bit & 1)
