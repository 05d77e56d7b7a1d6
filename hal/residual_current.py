"""The residual current monitor before each closing, as pure steps: its self test, its reset, and what it says.

A part of hal/interlocks.py.
"""

from typing import Final

from hal.interlock_state import Inputs, Interlocks, SelfTest, changed

SELF_TEST_S: Final = 0.5  # from test current to trip, and from its end to clear (hal reference 4)
TEST_VALID_S: Final = 10.0  # a passed self test serves one closing, and no longer than this


def self_test(s: Interlocks, i: Inputs, now: float) -> Interlocks:
    """Before each closing: quiet, test on -> trip, test off -> quiet, each within SELF_TEST_S."""
    if i.rcd_tripped is None:
        return s
    if s.self_test is SelfTest.IDLE:
        begin = i.waiting and not i.commanded and not i.rcd_tripped and s.healthy
        return changed(s, self_test=SelfTest.TRIPPING, test_since=now) if begin else s
    if s.self_test in (SelfTest.TRIPPING, SelfTest.CLEARING) and any(f.code == "rcd_self_test" for f in s.faults):
        return changed(s, self_test=SelfTest.IDLE)  # failed: no test current for as long as the fault is latched
    if s.self_test is SelfTest.TRIPPING:
        if i.rcd_tripped or not i.waiting:  # a car that went away ends the test early; its trip must still clear
            return changed(s, self_test=SelfTest.CLEARING, test_since=now, test_tripped=i.rcd_tripped)
        return s
    if s.self_test is SelfTest.CLEARING:
        if i.rcd_tripped:
            return s
        passed = i.waiting and s.test_tripped  # a test that ended early has proved nothing, also if the car is back
        return changed(s, self_test=SelfTest.PASSED if passed else SelfTest.IDLE, test_since=now)
    if (not i.waiting and not i.commanded) or now - s.test_since > TEST_VALID_S:
        return changed(s, self_test=SelfTest.IDLE)
    return s


def reset(s: Interlocks, i: Inputs, before: SelfTest, now: float) -> Interlocks:
    """A latching monitor is reset after its test, and when its fault is cleared; at most once a second."""
    tested = s.self_test is SelfTest.CLEARING and before is not SelfTest.CLEARING
    cleared = bool(i.rcd_tripped) and s.self_test is SelfTest.IDLE and ("rcd_tripped" in s.clear or not i.plugged)
    if tested or (cleared and now - s.rcd_reset_at >= 1.0):
        return changed(s, rcd_reset=True, rcd_reset_at=now)
    return changed(s, rcd_reset=False)


def found(s: Interlocks, i: Inputs, now: float) -> tuple[str, str] | None:
    if i.rcd_tripped is None:
        return None
    if s.self_test in (SelfTest.IDLE, SelfTest.PASSED):
        return ("rcd_tripped", "the monitor has tripped") if i.rcd_tripped else None
    if now - s.test_since > SELF_TEST_S:
        missed = "does not trip" if s.self_test is SelfTest.TRIPPING else "does not become quiet"
        return "rcd_self_test", f"{missed} within {SELF_TEST_S * 1000:.0f} ms"
    return None
