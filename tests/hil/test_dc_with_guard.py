"""A DC session at the real guard and plant, in virtual time: cable check, pre-charge, delivery, ramp-down."""

from typing import Any

import pytest

DcSession = Any  # the class of conftest.py's fixture


def test_the_cable_check_tests_at_the_cars_maximum_plus_50_v_and_ends_discharged(dc: DcSession) -> None:
    dc.plug()
    dc.ask("cable_check")
    highest = 0.0
    while dc.dc.cable_check != "passed":
        highest = max(highest, dc.plant["dc_voltage_v"])
        dc.bench.pass_time(0.01)
        assert dc.bench.now < 1040.0
    assert highest == pytest.approx(460.0, abs=1.0)
    assert dc.plant["dc_voltage_v"] < 60.0 and dc.plant["closed"]
    assert (dc.dc.isolation, dc.dc.isolation_ohm) == ("valid", 1e6)


def test_the_cable_check_tells_where_it_is(dc: DcSession) -> None:
    dc.plug()
    dc.ask("cable_check")
    told: list[str] = []
    while dc.dc.cable_check != "passed":
        dc.bench.pass_time(0.01)
        if dc.dc.why and dc.dc.why not in told:
            told.append(dc.dc.why)
        assert dc.bench.now < 1040.0
    assert told == [
        "cable check: output below 60 V",
        "cable check: contactor",
        "cable check: test voltage",
        "cable check: self test of the insulation monitor",
        "cable check: insulation measurement",
        "cable check: discharge below 60 V",
    ]


def test_pre_charge_ends_within_20_v_at_2_a_at_most(dc: DcSession) -> None:
    dc.precharge()
    most = 0.0
    for _ in range(200):
        dc.bench.pass_time(0.01)
        most = max(most, dc.plant["dc_current_a"])
    assert most <= 2.0
    dc.rig.do("car", dc_relay=True)
    dc.bench.pass_time(0.01)
    assert dc.plant["mismatch_v"] < 20.0


def test_current_flows_after_cable_check_and_pre_charge(dc: DcSession) -> None:
    dc.deliver(100.0)
    assert dc.plant["power_w"] > 35_000.0
    dc.bench.pass_time(1.0)
    assert dc.dc.current_a == pytest.approx(100.0, abs=1.0)
    assert not dc.codes


def test_the_battery_fills_and_its_voltage_rises(dc: DcSession) -> None:
    dc.deliver(400.0)
    before = dc.plant
    dc.bench.pass_time(60.0)
    after = dc.plant
    assert after["soc_percent"] - before["soc_percent"] > 3.0 and after["battery_v"] > before["battery_v"]
    stored_wh = after["charged_wh"] - before["charged_wh"]
    assert stored_wh == pytest.approx(after["energy_wh"] - before["energy_wh"], rel=0.001)


def test_ramp_down_opens_below_5_a_within_a_second_and_the_plug_shows_the_cars_voltage(dc: DcSession) -> None:
    dc.deliver(400.0)
    dc.ask("ramp_down")
    flowing = dc.plant["dc_current_a"]

    def opened() -> bool:
        nonlocal flowing
        flowing = dc.plant["dc_current_a"] if dc.plant["closed"] else flowing
        return not dc.plant["closed"]

    assert dc.until(opened, within=1.1) <= 1.0
    assert flowing < 5.0
    dc.bench.pass_time(4.0)
    # the car has not opened its relay yet: that is no welded contactor of ours, and what it must be told
    assert dc.dc.voltage_v == pytest.approx(dc.plant["battery_v"], abs=1.0) and not dc.codes
    dc.rig.do("car", dc_relay=False)
    assert dc.until(lambda: dc.dc.voltage_v < 60.0, within=1.5) < 1.0


def test_a_lower_limit_of_amps_or_watts_reaches_the_output_at_once(dc: DcSession) -> None:
    dc.deliver(400.0)
    dc.grant(limit_a=200.0)
    assert dc.until(lambda: dc.plant["dc_current_a"] < 201.0, within=2.0) <= 1.0
    dc.grant(limit_a=500.0, limit_w=40_000.0)
    assert dc.until(lambda: dc.plant["power_w"] < 40_000.0, within=2.0) <= 1.0
    dc.bench.pass_time(2.0)
    assert not dc.codes


def test_a_limit_of_nothing_ends_the_current_of_a_car_that_says_no_more(dc: DcSession) -> None:
    """Closed stays closed, the session may go on; and it goes on when there is power again."""
    dc.deliver(amps=200.0)
    dc.grant(limit_a=0.0)
    dc.until(lambda: dc.plant["dc_current_a"] < 5.0, within=1.0 + 200.0 / 100.0)  # begins within 1 s, >= 100 A/s
    dc.bench.pass_time(2.0)
    assert dc.plant["closed"]
    assert dc.codes == set()
    dc.grant(limit_a=500.0)
    dc.until(lambda: dc.plant["dc_current_a"] > 190.0, within=10.0)


def test_observations_come_at_20_hz_while_dc_flows(dc: DcSession) -> None:
    dc.deliver(100.0)
    at = []
    for _ in range(100):
        dc.bench.pass_time(0.01)
        at.append(dc.dc.at)
    assert len(set(at)) >= 18
    assert dc.bench.now - dc.dc.at < 0.25


def test_without_the_guard_output_and_contactor_fall(dc: DcSession) -> None:
    dc.deliver(100.0)
    dc.bench.without_guard(0.15)
    assert dc.plant["de_energised"]


def test_a_failed_module_lowers_what_the_output_can_give(dc: DcSession) -> None:
    dc.deliver(400.0)
    dc.rig.do("module_failure", modules=2)
    dc.until(lambda: dc.dc.max_current_a == 250.0 and dc.dc.max_power_w == 100_000.0, within=1.0)
    dc.until(lambda: dc.plant["dc_current_a"] <= 251.0, within=2.0)
    dc.bench.pass_time(2.0)
    assert not dc.codes
