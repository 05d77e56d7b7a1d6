"""The pilot step over every combination of its inputs, judged by a second description of the safety rules.

Previous state x pending state x volts at each band edge +-1 mV x negative half wave x latched diode fault x interlock x
lease x readiness x freshness x output x contactor and its times at each limit +-1 tick.
"""

from collections.abc import Iterator
from itertools import product

import msgspec
import pytest

from hal.contracts import PilotMode, PilotOutput, PilotSample
from hal.dc_limits import BLOCK_S, RAMP_S
from hal.pilot import Circuit, Inputs, Level, Pilot, level_of, step

NOW = 1000.0
TICK = 0.01
EDGES_MV = (13_000, 11_000, 10_000, 8000, 7000, 5000, 4000, 2000, -1000, -2000, -10_000, -11_000, -13_000)
VOLTS_MV = [edge + off for edge in EDGES_MV for off in (-1, 0, 1)]
X1 = PilotOutput(PilotMode.X1)
NOMINAL = PilotOutput(PilotMode.DUTY, 26.67)
DIGITAL = PilotOutput(PilotMode.DUTY, 5.0)
F = PilotOutput(PilotMode.F)
CHARGEABLE = {Level.C: (False, True), Level.D: (True,)}  # with which `ventilation`

# (closed, stopping since): open, closed, and stopping at each limit +-1 tick
OPEN = (False, None)
AC_STATES = [(True, None), *((True, NOW - 6.0 + off) for off in (TICK, 0.0, -TICK)), (True, NOW)]
DC_STATES = [(True, None), *((True, NOW - RAMP_S + off) for off in (TICK, 0.0, -TICK)), (True, NOW)]
# (output, since): PWM too young to prove the diode, just old enough, old
OUTPUTS = [(X1, 0.0), (NOMINAL, NOW - 0.04), (NOMINAL, NOW - 0.06), (NOMINAL, 0.0), (DIGITAL, 0.0), (F, 0.0)]
AGES = (0.0, 0.030, 0.030 + TICK)


def lows_mv(high_mv: int) -> tuple[int, ...]:
    """Healthy, just not healthy, mirrored (no diode) and steady (no PWM)."""
    return (-12_000, -9_999, -high_mv, high_mv)


def pilots(closed: tuple[bool, float | None]) -> Iterator[Pilot]:
    for level, pending, diode, (output, since) in product(Level, Level, (False, True), OUTPUTS):
        if closed[0] and output is F:
            continue  # cannot be reached: E and F are shown only without load
        yield Pilot(
            level=level,
            pending=pending,
            diode_fault=diode,
            output=output,
            output_since=since,
            closed=closed[0],
            stopping_since=closed[1],
        )


def allowed_raw(level: Level, ventilation: bool) -> bool:
    return ventilation in CHARGEABLE.get(level, ())


def fault_of(p: Pilot, level: Level, raw: Level, sample: PilotSample, *, ventilation: bool) -> str:
    """The fault predicates of the reference, clause by clause (bands are tested row by row in test_pilot.py)."""
    if p.output is F:
        return ""
    high, low = sample
    pwm = p.output.mode is PilotMode.DUTY
    follows = -1200 <= high + low <= 1200
    if high < 2000 and ((pwm and follows) or (not pwm and low > -10_000)):
        return "pilot_short"
    if raw is Level.NONE:
        return "pilot_fault"
    if level is not Level.A and (p.diode_fault or (pwm and high > 2000 and raw is not Level.A and follows)):
        return "pilot_diode"
    return "ventilation" if level is Level.D and not ventilation and low <= -10_000 else ""


@pytest.mark.parametrize("ventilation", [False, True], ids=["no fan", "fan"])
def test_states_are_debounced_and_faults_are_not(ventilation: bool) -> None:
    circuit = Circuit(ventilation=ventilation)
    for p in pilots(OPEN):
        for high in VOLTS_MV:
            raw = level_of(high, p.level)
            level = raw if raw is p.pending else p.level
            for low in lows_mv(high):
                sample = PilotSample(high, low)
                n = step(p, circuit, Inputs(sample, 0.0, NOMINAL, True, True, True), NOW)
                assert (n.level, n.pending) == (level, raw)
                assert n.fault == fault_of(p, level, raw, sample, ventilation=ventilation)
                stale = step(p, circuit, Inputs(sample, 0.040, NOMINAL, True, True, True), NOW)
                assert (stale.level, stale.pending, stale.fault) == (p.level, p.pending, "pilot_stale")


@pytest.mark.parametrize("ventilation", [False, True], ids=["no fan", "fan"])
def test_nothing_closes_outside_c_or_d_nor_without_every_permission(ventilation: bool) -> None:
    circuit = Circuit(ventilation=ventilation)
    closings = 0
    for p in pilots(OPEN):
        for high in VOLTS_MV:
            for low in lows_mv(high):
                sample = PilotSample(high, low)
                for age, healthy in product(AGES, (True, False)):
                    n = step(p, circuit, Inputs(sample, age, NOMINAL, True, healthy, True), NOW)
                    if not n.closed:
                        continue
                    closings += 1
                    assert allowed_raw(n.level, ventilation)
                    assert healthy and age <= 0.030
                    assert n.fault == "" and not n.diode_fault
                    assert p.output.mode is PilotMode.DUTY and NOW - p.output_since >= 0.05
                    assert low <= -10_000
                    # what was seen now is what was seen before
                    assert level_of(high, p.level) is n.level
                    assert n.level in (p.level, p.pending)
    assert closings > 100  # the loop has reached the interesting corner


def test_nothing_closes_without_lease_and_grant_or_while_something_is_left_to_do() -> None:
    circuit = Circuit()
    for p in pilots(OPEN):
        for high, age in product(VOLTS_MV, AGES):
            sample = PilotSample(high, -12_000)
            assert not step(p, circuit, Inputs(sample, age, NOMINAL, False, True, True), NOW).closed
            assert not step(p, circuit, Inputs(sample, age, NOMINAL, True, True, False), NOW).closed
            assert not step(p, circuit, Inputs(sample, age, X1, True, True, True), NOW).closed
            assert not step(p, circuit, Inputs(sample, age, F, True, True, True), NOW).closed


@pytest.mark.parametrize("dc", [False, True], ids=["ac", "dc"])
@pytest.mark.parametrize("allowed", [True, False], ids=["granted", "not granted"])
def test_under_load_it_opens_when_it_must_and_never_before_its_time(allowed: bool, dc: bool) -> None:
    circuit = Circuit(dc=dc)
    grace = RAMP_S if dc else 6.0
    kept = opened = 0
    for closed in DC_STATES if dc else AC_STATES:
        over = not allowed and closed[1] is not None and NOW - closed[1] >= grace
        for p in pilots(closed):
            for high in VOLTS_MV:
                for low in lows_mv(high):
                    for age, healthy in ((0.0, True), (0.030, True), (0.030 + TICK, True), (0.0, False)):
                        n = step(p, circuit, Inputs(PilotSample(high, low), age, NOMINAL, allowed, healthy, True), NOW)
                        must_open = age > 0.030 or not healthy or n.fault != "" or n.level is not Level.C or over
                        if dc:  # it breaks no current: the output is blocked first
                            assert n.closed and (n.blocked_since == NOW) is must_open
                        else:
                            assert n.closed is not must_open
                        kept += n.closed
                        opened += must_open
                        if n.closed and not allowed and not dc:
                            assert n.output == X1
    assert kept > 100 and opened > 100


def test_a_blocked_dc_output_opens_once_nothing_flows_and_in_any_case_in_time() -> None:
    circuit = Circuit(dc=True)
    for p in pilots((True, None)):
        for high, healthy, unloaded in product(VOLTS_MV, (True, False), (True, False)):
            i = Inputs(PilotSample(high, -12_000), 0.0, DIGITAL, True, healthy, True, unloaded)
            for ago in (TICK, BLOCK_S - TICK, BLOCK_S + 1e-6, BLOCK_S + TICK):
                n = step(msgspec.structs.replace(p, blocked_since=NOW - ago), circuit, i, NOW)
                assert n.closed is (not unloaded and ago < BLOCK_S)  # nor does it begin anew when all is well again
                assert n.blocked_since == (NOW - ago if n.closed else None)


def test_one_sample_of_another_state_never_opens_under_load() -> None:
    """Volts that are no fault: a state of the car counts when it was seen twice."""
    circuit = Circuit()
    for high in range(2000, 13_001, 50):
        p = Pilot(level=Level.C, pending=Level.C, output=NOMINAL, closed=True)
        # between 10.8 and 11 V the half waves mirror each other: no diode, if the level is not that of A
        mirrored = 10_800 <= high < 11_000
        n = step(p, circuit, Inputs(PilotSample(high, -12_000), 0.0, NOMINAL, True, True, True), NOW)
        assert n.closed is not mirrored
