"""What goes wrong in a DC session, in each phase, at the real guard and plant in virtual time: how fast voltage and
current are gone (IEC 61851-23), what the guard calls it, and that nothing closes again by itself."""

from typing import Any, NamedTuple

import pytest

DcSession = Any  # the class of conftest.py's fixture

PHASES = ("cable_check", "precharge", "deliver", "ramp_down")


class Fallen(NamedTuple):
    """Seconds from the event to: current below 5 A, contactor open, voltage at both sides below 60 V."""

    unloaded_s: float
    open_s: float
    dead_s: float


def fall(dc: DcSession, within: float = 3.0) -> Fallen:
    """Watch the output after the event. The car lets go with its relay once our contactor is open."""
    began = dc.bench.now
    found: dict[str, float] = {}
    while len(found) < 3:
        seen = dc.plant
        facts = {
            "unloaded": seen["dc_current_a"] < 5.0,
            "open": not seen["closed"],
            "dead": max(seen["dc_voltage_v"], seen["plug_v"]) < 60.0,
        }
        for name, holds in facts.items():
            if holds and name not in found:
                found[name] = dc.bench.now - began
            if not holds:
                found.pop(name, None)
        if facts["open"]:
            dc.rig.do("car", dc_relay=False)
        assert dc.bench.now - began < within, f"{found}: {seen}, {dc.seen}"
        dc.bench.pass_time(0.01)
    return Fallen(found["unloaded"], found["open"], found["dead"])


def stays_open(dc: DcSession) -> None:
    """Whatever the session still asks for."""
    dc.ask("deliver", 405.0, 400.0)
    dc.bench.pass_time(12.0)
    assert not dc.plant["closed"]


@pytest.mark.parametrize("phase", PHASES)
def test_emergency_stop(dc: DcSession, phase: str) -> None:
    dc.reach(phase)
    dc.rig.do("emergency_stop")
    fallen = fall(dc)
    assert fallen.unloaded_s <= 0.03 and fallen.open_s <= 0.1 and fallen.dead_s <= 1.0
    assert dc.codes == {"emergency_stop"} and dc.seen.grant is None
    stays_open(dc)


@pytest.mark.parametrize("phase", PHASES)
def test_unplugged(dc: DcSession, phase: str) -> None:
    dc.reach(phase)
    dc.rig.do("unplug", force=True)
    fallen = fall(dc)
    assert fallen.unloaded_s <= 0.03 and fallen.open_s <= 0.1 and fallen.dead_s <= 1.0
    dc.until(lambda: dc.seen.grant is None, within=1.0)
    assert dc.seen.grant_ended == "car unplugged"
    stays_open(dc)


@pytest.mark.parametrize("phase", PHASES)
def test_the_car_leaves_c_without_a_word(dc: DcSession, phase: str) -> None:
    """IEC 61851-23: below 5 A within 30 ms; IEC 61851-1: open within 100 ms."""
    dc.reach(phase)
    dc.connector.car.s2 = False  # its relay stays closed: the worst case
    fallen = fall(dc)
    assert fallen.unloaded_s <= 0.03 and fallen.open_s <= 0.1 and fallen.dead_s <= 1.0


def test_one_wrong_sample_of_the_pilot_blocks_for_a_moment_only(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.connector.car.s2 = False
    dc.bench.pass_time(0.01)
    dc.connector.car.s2 = True
    dc.bench.pass_time(0.1)
    assert dc.plant["closed"]
    dc.until(lambda: dc.dc.current_a > 99.0, within=2.0)
    assert not dc.codes


@pytest.mark.parametrize("phase", PHASES)
def test_c_controller_gone(dc: DcSession, phase: str) -> None:
    """300 ms of lease, then ramp-down: below 5 A or open within 1 s."""
    dc.reach(phase)
    dc.bench.controller_alive = False
    fallen = fall(dc)
    assert fallen.unloaded_s <= 1.35 and fallen.open_s <= 1.4
    assert dc.seen.grant_ended == "controller lost: DC has no ride-through"
    dc.bench.controller_alive = True
    stays_open(dc)


@pytest.mark.parametrize("phase", ["cable_check", "precharge", "deliver"])
def test_insulation_fault(dc: DcSession, phase: str) -> None:
    dc.reach(phase)
    dc.rig.do("isolation", ohm=50_000.0, pole="minus")
    dc.until(lambda: "isolation" in dc.codes, within=6.0)  # the monitor measures once a second
    fallen = fall(dc)
    assert fallen.unloaded_s <= 0.03 and fallen.open_s <= 0.1 and fallen.dead_s <= 1.0
    assert dc.dc.isolation == "fault"
    assert "50 kOhm, at least 100 kOhm" in next(fault.text for fault in dc.seen.faults)
    stays_open(dc)


def test_an_insulation_warning_lets_it_go_on(dc: DcSession) -> None:
    dc.rig.do("isolation", ohm=300_000.0)
    dc.deliver(100.0)
    assert (dc.dc.cable_check, dc.dc.isolation) == ("passed", "warning") and not dc.codes


def over_voltage(dc: DcSession) -> None:
    dc.rig.do("supply_over_voltage", excess_v=300.0)
    dc.rig.do("car", dc_relay=False)  # nothing holds the voltage down


@pytest.mark.parametrize("phase", ["cable_check", "precharge", "deliver"])
def test_over_voltage_of_table_103_ends_it_at_once(dc: DcSession, phase: str) -> None:
    dc.reach(phase)
    over_voltage(dc)
    dc.until(lambda: dc.plant["dc_voltage_v"] > 550.0, within=1.0)
    fallen = fall(dc)
    assert fallen.open_s <= 0.2 and fallen.dead_s <= 1.2  # bus and polling 70 ms; 9 ms are the hardware's
    assert dc.codes == {"dc_over_voltage"}
    stays_open(dc)


def test_a_little_too_much_voltage_is_borne_for_400_ms(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.ask("deliver", 405.0, 100.0, ev_max_v=0.0)
    battery = dc.plant["battery_v"]
    dc.ask("deliver", 405.0, 100.0, ev_max_v=battery - 10.0)
    # the guard aims at the car's maximum, but this car's battery holds the output above it
    took = dc.until(lambda: "dc_over_voltage" in dc.codes, within=1.0)
    assert 0.4 < took <= 0.5
    fallen = fall(dc)
    assert fallen.unloaded_s <= 0.05


def test_a_supply_that_gives_too_much_current_is_stopped_after_a_second(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.rig.do("supply_over_current", excess_a=100.0)
    assert 1.0 <= dc.until(lambda: "dc_over_current" in dc.codes, within=2.0) <= 1.5
    fallen = fall(dc)
    assert fallen.unloaded_s <= 0.03 and fallen.open_s <= 0.1
    stays_open(dc)


def test_too_much_current_in_pre_charge_is_stopped_at_once(dc: DcSession) -> None:
    dc.precharge()
    dc.rig.do("supply_over_current", excess_a=100.0)
    dc.rig.do("car", dc_relay=True)
    assert dc.until(lambda: "dc_over_current" in dc.codes, within=1.0) <= 0.25
    assert fall(dc).unloaded_s <= 0.03


@pytest.mark.parametrize("phase", PHASES)
def test_a_silent_supply_is_blocked_by_its_line(dc: DcSession, phase: str) -> None:
    """Its modules would go on for ten seconds."""
    dc.reach(phase)
    dc.rig.do("supply_silent")
    took = dc.until(lambda: "supply_stale" in dc.codes or not dc.plant["closed"], within=1.5)
    assert took <= 1.1  # stale after 0.5 s, a ramp-down that nobody hears ends after 1 s
    fallen = fall(dc)
    assert fallen.unloaded_s <= 0.03 and fallen.open_s <= 0.1 and fallen.dead_s <= 1.0
    stays_open(dc)


def test_an_output_without_modules_ends_it(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.rig.do("module_failure", modules=4)
    dc.until(lambda: dc.codes == {"supply_fault"}, within=1.0)
    assert fall(dc).open_s <= 0.1


def test_a_silent_insulation_monitor_ends_it(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.rig.do("isolation", silent=True)
    assert dc.until(lambda: dc.codes == {"isolation_monitor"}, within=7.0) >= 4.0
    assert fall(dc).open_s <= 0.1


def test_swapped_poles_are_seen_at_the_first_volt(dc: DcSession) -> None:
    dc.plug()
    dc.rig.do("dc_reversed")
    dc.ask("cable_check")
    dc.until(lambda: "dc_polarity" in dc.codes, within=2.0)
    assert fall(dc).open_s <= 0.1


# --- the cable check says which step failed -------------------------------------------------------------------------


def fails(dc: DcSession, why: str, within: float = 40.0) -> None:
    dc.ask("cable_check")
    dc.until(lambda: dc.dc.cable_check == "failed", within=within)
    assert dc.dc.why == why
    dc.until(lambda: not dc.plant["closed"], within=0.2)
    assert dc.seen.grant is None


def test_it_does_not_begin_with_voltage_at_the_plug(dc: DcSession) -> None:
    dc.plug()
    dc.rig.do("car", dc_relay=True)  # the car's relay is welded
    fails(dc, "cable check, output below 60 V: 366 V at the output, not below 60 V within 5 s", within=6.0)
    assert dc.codes == {"cable_check"} and dc.plant["operations"] == 0


def test_the_contactor_is_stuck(dc: DcSession) -> None:
    dc.plug()
    dc.rig.do("stuck_open")
    fails(dc, "cable check, contactor: contactor does not close: still open 260 ms after the command", within=3.0)


def test_the_cable_is_shorted(dc: DcSession) -> None:
    dc.plug()
    dc.rig.do("dc_short", ohm=1.0)
    text = "cable check, test voltage: 2 V, not 460 V at 2.0 A: short circuit in cable or plug within 6 s"
    fails(dc, text, within=8.0)
    assert dc.codes == {"cable_check"}


def test_the_monitor_fails_its_self_test(dc: DcSession) -> None:
    dc.plug()
    dc.rig.do("isolation", broken=True)
    fails(dc, "cable check, self test of the insulation monitor: the monitor failed its self test", within=6.0)
    assert dc.codes == {"isolation_monitor"}


def test_the_monitor_does_not_answer(dc: DcSession) -> None:
    dc.plug()
    dc.rig.do("isolation", silent=True)
    dc.ask("cable_check")
    dc.until(lambda: dc.dc.cable_check == "failed", within=38.0)
    assert "self test of the insulation monitor" in dc.dc.why and "does not answer" in dc.dc.why


def test_the_insulation_is_too_low(dc: DcSession) -> None:
    dc.plug()
    dc.rig.do("isolation", ohm=99_000.0)
    fails(dc, "cable check, insulation measurement: 99 kOhm, at least 100 kOhm", within=8.0)
    assert dc.codes == {"isolation"} and dc.dc.isolation == "fault"


def test_a_car_that_leaves_c_can_try_again(dc: DcSession) -> None:
    dc.cable_check()
    dc.rig.do("set_state", state="B")
    dc.until(lambda: dc.dc.cable_check == "failed", within=1.0)
    assert dc.dc.why.endswith(": the contactor opened") and not dc.codes
    dc.rig.do("set_state", state="C")
    dc.ask("idle")
    dc.ask("cable_check")
    dc.until(lambda: dc.dc.cable_check == "passed", within=30.0)


# --- weld -----------------------------------------------------------------------------------------------------------


def test_a_welded_contactor_shows_at_its_mirror(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.rig.do("weld")
    dc.ask("ramp_down")
    dc.until(lambda: "weld" in dc.codes, within=2.0)
    assert dc.dc.welded and dc.plant["dc_current_a"] < 5.0


def test_a_contact_that_holds_behind_a_lying_mirror_shows_by_its_voltage(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.rig.do("weld", hidden=True)
    dc.ask("ramp_down")
    dc.until(lambda: not dc.seen.closed, within=2.0)
    took = dc.until(lambda: "dc_weld" in dc.codes, within=5.0)
    assert 2.5 < took < 3.5
    assert dc.dc.welded and dc.dc.voltage_v > 300.0
