"""The pure step of one EVSE: pilot, grant, lock, light and states, row by row."""

from dataclasses import replace

import pytest

from firmware.station.charging import X1, Charging, Digital, Inputs, step
from hal.contracts import Light, PilotMode, PilotOutput

B = Inputs(level="B", session="t1", authorised=True, limit_a=16.0, ride_through_s=120.0, has_lock=True)
C = replace(B, level="C", closed=True)
FIVE_PERCENT = PilotOutput(PilotMode.DUTY, 5.0)


@pytest.mark.parametrize(
    ("amps", "shown"),
    [
        (0, X1),
        (5.9, X1),  # a duty says 6 A at least: more than may be drawn
        (6, PilotOutput(PilotMode.DUTY, 10.0)),
        (16, PilotOutput(PilotMode.DUTY, 26.67)),
        (52, PilotOutput(PilotMode.DUTY, 85.0)),
        (99, PilotOutput(PilotMode.DUTY, 96.0)),
    ],
)
def test_the_pilot_says_the_limit_or_pauses(amps: float, shown: PilotOutput) -> None:
    assert step(Charging(), replace(B, limit_a=amps), 0.0).pilot == shown


def test_nothing_is_offered_before_somebody_is_authorised() -> None:
    state = step(Charging(), Inputs(level="B", limit_a=16.0), 0.0)
    assert (state.pilot, state.grant, state.charging_state, state.detail) == (X1, None, "EVConnected", "Preparing")


def test_an_authorised_car_gets_duty_and_grant_of_the_limit() -> None:
    state = step(Charging(), B, 0.0)
    assert state.pilot == PilotOutput(PilotMode.DUTY, 26.67)
    assert state.grant is not None
    assert (state.grant.session, state.grant.limit_a, state.grant.failsafe_limit_a) == ("t1", 16.0, 6.0)
    assert state.grant.ride_through_s == 120.0


def test_nothing_flows_before_a_restart_would_know_of_it() -> None:
    state = step(Charging(), replace(B, recorded=False), 0.0)
    assert (state.pilot, state.grant, state.lock) == (X1, None, True)


def test_failsafe_never_exceeds_the_limit() -> None:
    state = step(Charging(), replace(B, limit_a=10.0, failsafe_limit_a=16.0), 0.0)
    assert state.grant is not None
    assert state.grant.failsafe_limit_a == 10.0


def test_less_than_six_ampere_is_a_pause_that_keeps_its_grant() -> None:
    charging = step(Charging(), C, 0.0)
    paused = step(charging, replace(C, limit_a=5.9), 1.0)
    assert paused.pilot == X1
    assert paused.grant == charging.grant
    assert paused.charging_state == "Charging"  # the car has not let go yet
    let_go = step(paused, replace(B, limit_a=5.9), 2.0)
    assert (let_go.charging_state, let_go.detail) == ("SuspendedEVSE", "SuspendedEVSE")


def test_a_dc_limit_of_nothing_is_held_by_the_guard_too_and_keeps_its_grant() -> None:
    """The session passes a lower limit on with the car's next demand; a car that demands nothing any more may not go
    on drawing what it last asked for."""
    dc = replace(C, dc=True, limit_a=400.0, digital=Digital(FIVE_PERCENT, energise=True))
    charging = step(Charging(), dc, 0.0)
    paused = step(charging, replace(dc, limit_a=0.0), 1.0)
    assert paused.grant is not None
    assert (paused.grant.session, paused.grant.limit_a) == ("t1", 0.0)


def test_a_dc_output_never_shows_a_nominal_duty() -> None:
    """A station that has just started may know of the car before its car protocol does."""
    assert step(Charging(), replace(B, dc=True), 0.0).pilot == X1


def test_a_pause_before_anything_ran_grants_nothing() -> None:
    state = step(Charging(), replace(B, limit_a=0.0), 0.0)
    assert (state.pilot, state.grant, state.charging_state) == (X1, None, "SuspendedEVSE")


def test_stop_takes_pilot_and_grant_at_once_and_says_why() -> None:
    state = step(step(Charging(), C, 0.0), replace(C, stopping="Remote"), 1.0)
    assert (state.pilot, state.grant, state.revoke_reason, state.at_once) == (X1, None, "Remote", False)


def test_emergency_stop_gives_nobody_time() -> None:
    wish = Digital(FIVE_PERCENT, energise=True)
    state = step(step(Charging(), C, 0.0), replace(C, stopping="EmergencyStop", at_once=True, digital=wish), 1.0)
    assert (state.pilot, state.grant, state.at_once) == (X1, None, True)


def test_a_fault_takes_the_grant_and_its_end_gives_a_fresh_one() -> None:
    faulted = step(step(Charging(), C, 0.0), replace(B, faulted=True), 1.0)
    assert (faulted.pilot, faulted.grant, faulted.detail, faulted.light) == (X1, None, "Faulted", Light.FAULTED)
    assert faulted.charging_state == "SuspendedEVSE"
    assert step(faulted, B, 2.0).grant is not None


def test_digital_communication_owns_the_pilot_and_says_when_to_energise() -> None:
    handshake = replace(B, digital=Digital(FIVE_PERCENT, energise=False))
    state = step(Charging(), handshake, 0.0)
    assert (state.pilot, state.grant, state.charging_state) == (FIVE_PERCENT, None, "EVConnected")
    power = replace(C, digital=Digital(FIVE_PERCENT, energise=True))
    state = step(state, power, 5.0)
    assert state.pilot == FIVE_PERCENT
    assert state.grant is not None
    assert state.charging_state == "Charging"
    paused = step(state, handshake, 60.0)  # the car paused: energise is withdrawn by its session
    assert (paused.grant, paused.charging_state) == (None, "SuspendedEV")


def test_five_percent_is_shown_without_anybody_authorised() -> None:
    state = step(Charging(), Inputs(level="B", digital=Digital(FIVE_PERCENT, energise=True)), 0.0)
    assert (state.pilot, state.grant) == (FIVE_PERCENT, None)


def test_a_digital_session_has_ten_seconds_to_end_itself() -> None:
    power = replace(C, digital=Digital(FIVE_PERCENT, energise=True), stopping="Remote")
    state = step(step(Charging(), replace(power, stopping=""), 0.0), power, 100.0)
    assert step(state, power, 109.9).grant is not None
    assert step(state, power, 110.0).grant is None


def test_locked_while_a_transaction_runs_and_free_only_with_the_contactor_open() -> None:
    locked = step(Charging(), C, 0.0)
    assert locked.lock
    ended = Inputs(level="B", closed=True, ended=True, has_lock=True)
    still = step(locked, ended, 1.0)
    assert still.lock
    assert not step(still, replace(ended, closed=False), 2.0).lock


def test_no_lock_no_wish_to_lock() -> None:
    assert not step(Charging(), replace(C, has_lock=False), 0.0).lock


def test_a_car_gets_time_before_it_counts_as_not_asking() -> None:
    state = step(Charging(), B, 0.0)
    assert state.charging_state == "EVConnected"
    assert step(state, B, 14.9).charging_state == "EVConnected"
    assert step(state, B, 15.0).charging_state == "SuspendedEV"
    charged = step(state, C, 3.0)
    assert step(charged, B, 3.1).charging_state == "SuspendedEV"


@pytest.mark.parametrize(
    ("inputs", "detail"),
    [
        (Inputs(level="A"), "Available"),
        (Inputs(level="A", authorised=True), "Preparing"),
        (Inputs(level="B"), "Preparing"),
        (B, "Preparing"),
        (C, "Charging"),
        (replace(B, limit_a=0.0), "SuspendedEVSE"),
        (replace(C, stopping="Local"), "Finishing"),
        (Inputs(level="B", ended=True), "Finishing"),
        (Inputs(level="A", ended=True), "Available"),
        (Inputs(level="A", operative=False), "Unavailable"),
        (replace(C, operative=False), "Charging"),
        (Inputs(level="B", operative=False), "Unavailable"),
        (Inputs(level="A", faulted=True), "Faulted"),
    ],
)
def test_ocpp_16_status(inputs: Inputs, detail: str) -> None:
    assert step(Charging(), inputs, 0.0).detail == detail


def test_the_light_is_off_while_nobody_looks_at_the_connector() -> None:
    assert step(Charging(), Inputs(), 0.0).light is Light.OFF


def test_no_grant_without_a_transaction_whatever_else_is_true() -> None:
    """Every combination of the rest."""
    for level in "ABCDEF?":
        for digital in (None, Digital(FIVE_PERCENT, energise=True), Digital(X1, energise=False)):
            for flags in range(16):
                inputs = Inputs(
                    level=level,
                    digital=digital,
                    limit_a=32.0,
                    closed=bool(flags & 1),
                    authorised=bool(flags & 2),
                    ended=bool(flags & 4),
                    operative=bool(flags & 8),
                )
                state = step(Charging(), inputs, 0.0)
                assert state.grant is None
                assert digital is not None or state.pilot == X1
