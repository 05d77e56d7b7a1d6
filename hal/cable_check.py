"""The cable check of a DC output as a pure step: output below 60 V, contactor, test voltage, self test of the
insulation monitor, measurement, discharge (IEC 61851-23 CC.4.1.2). Each sub-step has its time, says what it missed.

It decides only: set points, contactor and monitor follow from its state. What forbids energy besides is elsewhere.
"""

from enum import StrEnum
from typing import Final, Literal, NamedTuple

import msgspec

from hal import dc_limits
from hal.contracts import InsulationReading


class Step(StrEnum):
    """Where it stands; the value is what people read."""

    NONE = "none"
    SAFE = "output below 60 V"
    CLOSING = "contactor"
    RISING = "test voltage"
    TESTING = "self test of the insulation monitor"
    MEASURING = "insulation measurement"
    DISCHARGING = "discharge below 60 V"
    PASSED = "passed"
    FAILED = "failed"


#: What each sub-step may take, s. 38 s are the station's performance time (ISO 15118-2 Table 111): all of them together
#: never add up, the whole has its own limit.
BUDGET_S: Final = {
    Step.SAFE: 5.0,
    Step.CLOSING: 5.0,
    Step.RISING: 6.0,
    Step.TESTING: 30.0,
    Step.MEASURING: 5.0,
    Step.DISCHARGING: 5.0,
}
WHOLE_S: Final = 37.0

#: The order; early, the self test is done with open contactor (a monitor that must not see the cable).
ORDER: Final = (Step.SAFE, Step.CLOSING, Step.RISING, Step.TESTING, Step.MEASURING, Step.DISCHARGING, Step.PASSED)
EARLY_TEST: Final = (Step.SAFE, Step.TESTING, Step.CLOSING, Step.RISING, Step.MEASURING, Step.DISCHARGING, Step.PASSED)
_ENERGISED: Final = (Step.RISING, Step.TESTING, Step.MEASURING, Step.DISCHARGING)


class Plan(NamedTuple):
    """What this board and car want. `samples`: valid values of the monitor that must agree."""

    test_v: float
    rated_v: float
    samples: int = 1
    early_test: bool = False


class Inputs(NamedTuple):
    """One tick's view. `held_up`: what keeps the contactor from closing that is not its own fault (state of the car,
    rest between two closings); "" = it should be closed."""

    wanted: bool
    closed: bool
    held_up: str
    output_v: float  # the higher one of both sides of the contactor, measured at `output_at`
    output_at: float
    current_a: float
    monitor: InsulationReading | None
    monitor_at: float = 0.0
    monitor_error: str = ""
    fault: str = ""  # what forbids energy, whoever found it


class CableCheck(msgspec.Struct, frozen=True, gc=False):
    """`code` is set in the one tick in which a fault was found; `why`: the step that failed and why, or that runs."""

    step: Step = Step.NONE
    began: float = 0.0
    since: float = 0.0  # of the step
    test_v: float = 0.0
    energised: bool = False  # this check has closed the contactor
    samples: int = 0
    sampled_at: float = 0.0
    code: str = ""
    why: str = ""

    @property
    def running(self) -> bool:
        return self.step not in (Step.NONE, Step.PASSED, Step.FAILED)

    @property
    def result(self) -> Literal["none", "running", "passed", "failed"]:
        if self.running:
            return "running"
        return "passed" if self.step is Step.PASSED else "failed" if self.step is Step.FAILED else "none"

    @property
    def closes(self) -> bool:
        """The contactor shall be closed."""
        return self.step is Step.CLOSING or (self.energised and (self.running or self.step is Step.PASSED))

    @property
    def voltage_v(self) -> float:
        """What the supply shall give now, V."""
        raised = self.step in (Step.RISING, Step.MEASURING) or (self.step is Step.TESTING and self.energised)
        return self.test_v if raised else 0.0


def step(c: CableCheck, plan: Plan, i: Inputs, now: float) -> CableCheck:
    """One tick."""
    c = msgspec.structs.replace(c, code="") if c.code else c
    if c.step is Step.PASSED:
        return c if i.closed else CableCheck()  # what was proved holds for this closing only
    if not i.wanted:
        return c if not c.running else _failed(c, "", i.fault) if i.fault else CableCheck()
    if c.step is Step.NONE:
        return CableCheck(step=Step.SAFE, began=now, since=now, test_v=plan.test_v, why=_doing(Step.SAFE))
    if not c.running:
        return c  # failed: until somebody asks anew
    if c.energised and not i.closed:
        return _failed(c, "", "the contactor opened")
    if _done(c, plan, i):
        return _next(c, plan, i, now)
    if fault := _fault(c, plan, i, now):
        return _failed(c, *fault)
    if c.step is Step.CLOSING and i.held_up:
        return msgspec.structs.replace(c, since=now, why=_doing(c.step, i.held_up))
    return _count(c, i)


def again(c: CableCheck) -> CableCheck:
    """Somebody asks for a cable check anew: what was found before is over."""
    return c if c.running else CableCheck()


def _done(c: CableCheck, plan: Plan, i: Inputs) -> bool:
    monitor, measured = i.monitor, i.output_at > c.since
    match c.step:
        case Step.SAFE | Step.DISCHARGING:
            return measured and abs(i.output_v) < dc_limits.SAFE_V
        case Step.CLOSING:
            return i.closed
        case Step.RISING:
            return measured and abs(i.output_v - c.test_v) < dc_limits.MATCH_V
        case Step.TESTING:
            return monitor is not None and i.monitor_at > c.since and monitor.self_test == "passed"
        case Step.MEASURING:
            return c.samples >= plan.samples
        case _:
            return False


def _fault(c: CableCheck, plan: Plan, i: Inputs, now: float) -> tuple[str, str] | None:
    """(code, why) of what is wrong, or too slow."""
    monitor = i.monitor if i.monitor_at > c.since else None
    if c.step is Step.TESTING and monitor is not None and monitor.self_test == "failed":
        return "isolation_monitor", "the monitor failed its self test"
    if c.step is Step.MEASURING and (too_low := dc_limits.too_low(monitor.ohm if monitor else None, plan.rated_v)):
        return "isolation", too_low
    budget = BUDGET_S[c.step] * (plan.samples if c.step is Step.MEASURING else 1)
    if now - c.since <= budget and now - c.began <= WHOLE_S:
        return None
    code = "isolation_monitor" if c.step in (Step.TESTING, Step.MEASURING) else "cable_check"
    if c.step is Step.CLOSING and i.held_up:
        code = ""  # the car's or the clock's doing, not ours
    return code, f"{_missing(c, i)} within {min(now - c.since, now - c.began):.0f} s"


def _missing(c: CableCheck, i: Inputs) -> str:
    """What the step still waited for when its time was over."""
    match c.step:
        case Step.SAFE | Step.DISCHARGING:
            return f"{i.output_v:.0f} V at the output, not below {dc_limits.SAFE_V:.0f} V"
        case Step.CLOSING:
            return f"not closed ({i.held_up})" if i.held_up else "not closed"
        case Step.RISING:
            short = abs(i.current_a) >= dc_limits.TEST_A / 2
            text = f"{i.output_v:.0f} V, not {c.test_v:.0f} V"
            return f"{text} at {i.current_a:.1f} A: short circuit in cable or plug" if short else text
        case _:
            return i.monitor_error or "no valid answer of the monitor"


def _next(c: CableCheck, plan: Plan, i: Inputs, now: float) -> CableCheck:
    order = EARLY_TEST if plan.early_test else ORDER
    following = order[order.index(c.step) + 1]
    return msgspec.structs.replace(
        c,
        step=following,
        since=now,
        energised=c.energised or c.step is Step.CLOSING,
        why="" if following is Step.PASSED else _doing(following, i.held_up if following is Step.CLOSING else ""),
    )


def _count(c: CableCheck, i: Inputs) -> CableCheck:
    """Valid values of the monitor, each once."""
    if c.step is not Step.MEASURING or i.monitor is None or i.monitor.ohm is None:
        return c
    if i.monitor_at <= max(c.since, c.sampled_at):
        return c
    return msgspec.structs.replace(c, samples=c.samples + 1, sampled_at=i.monitor_at)


def _failed(c: CableCheck, code: str, why: str) -> CableCheck:
    return msgspec.structs.replace(c, step=Step.FAILED, code=code, why=f"cable check, {c.step}: {why}")


def _doing(step: Step, held_up: str = "") -> str:
    return f"cable check: {step}" + (f" ({held_up})" if held_up else "")
