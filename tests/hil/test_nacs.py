"""A plug with AC and DC on the same contacts (SAE J3400), at the real guard and plant, in virtual time.

The plant notes when AC meets DC on the contacts (both contactors, the battery, an output with voltage): no test may
end with such a note, which the fixture looks at.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from hal import black_box, wire

NacsPlug = Any  # the class of conftest.py's fixture


def test_a_car_that_knows_basic_charging_gets_ac(nacs: NacsPlug) -> None:
    nacs.charge_ac()
    assert (nacs.seen.outlet, nacs.seen.phases, nacs.seen.closed) == ("ac", 1, True)
    assert nacs.seen.meter.voltage_v[0] > 200.0 and len(nacs.seen.meter.voltage_v) == 1
    assert nacs.bench.plant.connectors[1].contactor.closed and not nacs.codes
    nacs.bench.pass_time(10.0)
    assert nacs.seen.meter.import_wh == pytest.approx(nacs.plant["energy_wh"], abs=2.0)


def test_a_dc_session_gets_dc_after_the_changeover(nacs: NacsPlug) -> None:
    assert nacs.seen.outlet == "ac"
    nacs.plug()
    assert nacs.seen.outlet == "dc", "both have been open since the start"
    story = black_box.read(nacs.bench.guard.connectors[1].black_box.content(nacs.bench.now, "test"))
    assert "the plug gives DC from here on" in [text for _, text in story.events]
    nacs.ask("cable_check")
    nacs.until(lambda: nacs.dc.cable_check == "passed", within=30.0)
    nacs.ask("precharge", nacs.plant["battery_v"], 2.0)
    nacs.until(lambda: abs(nacs.dc.voltage_v - nacs.plant["battery_v"]) < 20.0, within=7.0)
    nacs.rig.do("car", dc_relay=True)
    nacs.ask("deliver", 405.0, 100.0)
    nacs.until(lambda: nacs.dc.current_a > 99.0, within=10.0)
    assert not nacs.codes and nacs.bench.plant.connectors[1].power.contactor.closed


def test_a_grant_must_say_which(nacs: NacsPlug) -> None:
    nacs.rig.do("plug")
    nacs.bench.pass_time(1.0)
    nacs.bench.guard.receive(wire.GrantIntent(nacs.bench.epoch, 1, "tx1", 16.0))
    nacs.bench.pass_time(0.1)
    assert nacs.seen.grant is None
    assert nacs.seen.grant_ended == "refused: this plug has AC and DC: the grant must say which"


def test_a_nominal_duty_never_closes_dc_and_five_percent_with_a_dc_grant_never_ac(nacs: NacsPlug) -> None:
    nacs.plug()
    nacs.duty_percent = 50.0
    nacs.ask("cable_check")
    nacs.bench.pass_time(15.0)
    assert not nacs.plant["closed"] and nacs.seen.pilot == "x1"
    nacs.duty_percent = 5.0
    nacs.ask("idle")
    nacs.bench.pass_time(15.0)
    assert not nacs.plant["closed"], "nobody asked for power yet"


def test_energy_of_both_is_one_counter_that_only_rises(nacs: NacsPlug) -> None:
    nacs.deliver(100.0)
    nacs.bench.pass_time(20.0)
    nacs.ask("ramp_down")
    nacs.until(lambda: not nacs.plant["closed"], within=2.0)
    nacs.rig.do("car", dc_relay=False)
    nacs.bench.pass_time(1.0)
    after_dc = nacs.seen.meter.import_wh
    assert after_dc == pytest.approx(nacs.plant["energy_wh"], abs=1.0) and after_dc > 100.0
    nacs.stop()
    nacs.ask_ac()
    nacs.until(lambda: nacs.plant["power_w"] > 3000.0, within=30.0)
    told = [nacs.seen.meter.import_wh]
    for _ in range(20):
        nacs.bench.pass_time(1.0)
        told.append(nacs.seen.meter.import_wh)
    assert told == sorted(told) and told[0] >= after_dc
    assert told[-1] - after_dc == pytest.approx(nacs.plant["energy_wh"] - after_dc, abs=5.0)


# --- one wish while the other is served -------------------------------------------------------------------------------


def test_dc_asked_for_while_ac_flows_waits_until_the_car_let_go_and_the_contacts_rested(nacs: NacsPlug) -> None:
    nacs.charge_ac()
    plug = nacs.bench.plant.connectors[1]
    nacs.ask_dc()
    asked = nacs.bench.now
    nacs.until(lambda: not plug.contactor.closed, within=6.5)
    opened = nacs.bench.now
    assert opened - asked > 0.5, "the car has time to let go"
    assert nacs.seen.why_open.startswith(("waiting: the plug changes from AC to DC", "car is not ready", "control"))
    nacs.rig.do("set_state", state="C")
    nacs.until(lambda: plug.power.contactor.closed, within=20.0)
    assert nacs.bench.now - opened >= 1.0
    nacs.until(lambda: nacs.dc.cable_check == "passed", within=30.0)


def test_ac_asked_for_while_dc_flows_waits_for_the_ramp_and_for_the_voltage_to_go(nacs: NacsPlug) -> None:
    nacs.deliver(100.0)
    nacs.ask_ac()
    plug = nacs.bench.plant.connectors[1]
    nacs.until(lambda: not plug.power.contactor.closed, within=1.5)
    assert abs(plug.power.supply.current_a) < 5.0
    nacs.rig.do("car", dc_relay=False)
    below = nacs.until(lambda: plug.power.supply.voltage_v < 60.0, within=5.0) + nacs.bench.now
    nacs.until(lambda: plug.contactor.closed, within=30.0)
    assert nacs.bench.now - below >= 0.0 and not nacs.codes
    nacs.until(lambda: nacs.plant["power_w"] > 3000.0, within=20.0)


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_welded_ac_contactor_keeps_dc_away_for_good(nacs: NacsPlug) -> None:
    nacs.charge_ac()
    nacs.rig.do("weld", outlet="ac")
    nacs.stop()
    nacs.until(lambda: "weld" in nacs.codes, within=10.0)
    nacs.rig.do("car", wants_power=False)
    for unplug in (False, True):
        if unplug:
            nacs.rig.do("unplug", force=True)
            nacs.bench.pass_time(2.0)
            nacs.rig.do("plug")
        nacs.rig.do("set_state", state="C")
        nacs.ask_dc()
        nacs.bench.pass_time(15.0)
        assert nacs.seen.outlet == "ac" and not nacs.bench.plant.connectors[1].power.contactor.closed
        assert nacs.bench.plant.registers.connector(1)["dc_coil"] == 0.0
        assert "weld" in nacs.codes


def test_a_welded_dc_contactor_keeps_ac_away(nacs: NacsPlug) -> None:
    nacs.deliver(100.0)
    nacs.rig.do("weld", outlet="dc")
    nacs.ask("ramp_down")
    nacs.until(lambda: {"weld", "dc_weld"} & nacs.codes, within=10.0)
    nacs.rig.do("car", dc_relay=False)
    nacs.stop()
    nacs.ask_ac()
    nacs.bench.pass_time(20.0)
    assert nacs.bench.plant.registers.connector(1)["coil"] == 0.0
    assert {"weld", "dc_weld"} & nacs.codes


def test_dc_voltage_that_stays_keeps_ac_open_until_it_has_gone(nacs: NacsPlug) -> None:
    nacs.rig.do("plug")
    nacs.rig.do("dc_residual", volts=320.0)  # modules that were left charged
    nacs.bench.pass_time(1.0)
    nacs.ask_ac()
    nacs.bench.pass_time(2.0)
    assert not nacs.plant["closed"]
    assert nacs.seen.why_open == "waiting: DC output has 320 V", nacs.seen
    nacs.rig.do("dc_residual", volts=0.0)
    nacs.until(lambda: nacs.plant["closed"], within=20.0)
    assert nacs.plant["power_w"] >= 0.0


def test_a_dc_output_that_comes_alive_under_ac_opens_it_at_once(nacs: NacsPlug) -> None:
    nacs.charge_ac()
    plug = nacs.bench.plant.connectors[1]
    nacs.rig.do("dc_residual", volts=200.0)
    assert nacs.until(lambda: not plug.contactor.closed, within=0.3) <= 0.15
    assert "shared_pins" in nacs.codes
    nacs.bench.plant.connectors[1].joined = ""  # the test did that itself


def test_a_dc_contactor_closed_by_hand_under_ac_opens_it_within_two_ticks(nacs: NacsPlug) -> None:
    nacs.charge_ac()
    plug = nacs.bench.plant.connectors[1]
    plug.power.contactor.welded = plug.power.contactor.closed = True
    assert nacs.until(lambda: nacs.bench.plant.registers.connector(1)["coil"] == 0.0, within=0.1) <= 0.03
    nacs.until(lambda: "weld" in nacs.codes, within=1.0)
    plug.joined = ""  # the test did that itself


def test_a_silent_supply_keeps_ac_open(nacs: NacsPlug) -> None:
    nacs.rig.do("supply_silent")
    nacs.rig.do("plug")
    nacs.bench.pass_time(2.0)
    nacs.ask_ac()
    nacs.bench.pass_time(5.0)
    assert not nacs.plant["closed"] and "supply_stale" in nacs.codes


# --- the guard dies in between ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark_s", [0.0, 0.05, 0.2, 2.0])
@pytest.mark.parametrize("first", ["ac", "dc"])
def test_after_kill_9_the_other_one_waits_for_contacts_and_voltage(nacs: NacsPlug, first: str, dark_s: float) -> None:
    """Outputs keep their last value; the board's watchdog opens after 100 ms without a feed, the next guard at once."""
    nacs.charge_ac() if first == "ac" else nacs.deliver(100.0)
    nacs.bench.without_guard(dark_s)
    nacs.rig.do("car", dc_relay=False)
    nacs.bench.start_guard()
    nacs.bench.pass_time(0.5)
    nacs.rig.do("set_state", state="C")
    if first == "ac":
        nacs.ask_dc()
        nacs.until(lambda: nacs.bench.plant.connectors[1].power.contactor.closed, within=20.0)
    else:
        nacs.ask_ac()
        nacs.until(lambda: nacs.bench.plant.connectors[1].contactor.closed, within=20.0)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_asked_in_whatever_order_ac_never_meets_dc(nacs: NacsPlug, seed: int) -> None:
    """Wishes, cars, stops, welds, deaths of the guard at random; the relay of this car follows the station's word."""
    dice = random.Random(seed)
    acts = ["ask_ac", "ask_dc", "stop", "B", "C", "unplug", "kill", "precharge", "deliver", "ramp_down", "wait"]
    nacs.rig.do("set_state", state="B")
    for _ in range(40):
        act = dice.choice(acts)
        if act in {"B", "C"}:
            nacs.rig.do("set_state", state=act)
        elif act == "unplug":
            nacs.rig.do("unplug", force=True)
        elif act == "kill":
            nacs.bench.without_guard(dice.uniform(0.0, 0.3))
            nacs.bench.start_guard()
        elif act in {"precharge", "deliver", "ramp_down"}:
            nacs.ask(act, 400.0, 50.0)
        elif act != "wait":
            getattr(nacs, act)()
        nacs.bench.pass_time(dice.choice((0.02, 0.3, 1.5, 6.0)))
        assert nacs.plant["joined"] == "", (seed, act)


# --- what must not be carried over ------------------------------------------------------------------------------------


def test_a_grant_for_dc_does_not_raise_what_the_ac_that_still_flows_is_held_to(nacs: NacsPlug) -> None:
    nacs.charge_ac()
    nacs.ask_ac(16.0)
    nacs.bench.pass_time(6.0)
    assert nacs.seen.limit_a == 16.0
    nacs.ask_dc()
    for _ in range(700):
        nacs.bench.pass_time(0.01)
        assert not nacs.seen.energised or nacs.seen.limit_a <= 16.0
    assert not nacs.bench.plant.connectors[1].contactor.closed


def test_amperes_of_dc_excuse_no_ac_after_the_change(nacs: NacsPlug) -> None:
    nacs.deliver(100.0)
    nacs.ask_ac(16.0)
    nacs.until(lambda: nacs.seen.outlet == "ac", within=30.0)
    nacs.bench.pass_time(0.1)
    excused = nacs.bench.guard.connectors[1].interlocks.lowered
    assert all(amps <= 80.0 for amps, _ in excused)


def test_a_grant_that_nobody_can_follow_ends_the_one_that_runs(nacs: NacsPlug) -> None:
    """Its lower limit would be lost else."""
    nacs.charge_ac()
    nacs.bench.guard.receive(wire.GrantIntent(nacs.bench.epoch, 1, nacs.seen.grant.session, 6.0))
    nacs.until(lambda: nacs.seen.grant is None, within=0.1)
    assert nacs.seen.grant_ended == "refused: this plug has AC and DC: the grant must say which"
    nacs.until(lambda: not nacs.plant["closed"], within=6.5)
