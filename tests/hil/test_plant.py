"""The plant's physics in virtual time: what a guard and a car would notice."""

from typing import Any

import pytest

from hil.plant.ev import is_digital, offered_a

Bench = Any  # the class of conftest.py's fixtures


@pytest.mark.parametrize(
    ("duty", "amps"),
    [
        (2.9, 0),
        (5, 0),
        (7.5, 0),
        (8, 6),
        (9.9, 6),
        (10, 6),
        (26.67, 16),
        (85, 51),
        (85.1, 52.75),
        (96, 80),
        (97, 80),
        (98, 0),
    ],
)
def test_the_car_reads_the_duty_as_table_a8_says(duty: float, amps: float) -> None:
    assert offered_a(duty) == pytest.approx(amps, abs=0.01)


def test_three_to_seven_percent_ask_for_digital_communication() -> None:
    assert [duty for duty in (2.9, 3.0, 5.0, 7.0, 7.1) if is_digital(duty)] == [3.0, 5.0, 7.0]


def charge(bench: Bench, duty: float = 26.67) -> None:
    """Plug in, offer, and close the contactor when the car asks, as a guard would."""
    bench.connector.car.plug(True)
    bench.duty(duty)
    bench.time_until(lambda: bench.connector.car.s2)
    bench.registers["coil"] = 1.0
    bench.time_until(lambda: bench.connector.contactor.closed)


def test_a_basic_car_closes_s2_on_nominal_pwm_only(bench: Bench) -> None:
    car = bench.connector.car
    car.plug(True)
    bench.run(2.0)
    assert car.state == "B"
    bench.duty(5.0)
    bench.run(5.0)
    assert car.state == "B"
    bench.duty(10.0)
    bench.time_until(lambda: car.state == "C", within=1.0)


def test_the_car_follows_a_new_duty_within_five_seconds(bench: Bench) -> None:
    car = bench.connector.car
    car.max_current_a = 32.0
    charge(bench, duty=53.33)
    bench.time_until(lambda: car.current_a[0] > 31.9, within=5.0)
    bench.duty(10.0)
    bench.time_until(lambda: car.current_a[0] < 6.1, within=5.0)
    assert car.state == "C"


def test_the_car_lets_go_within_three_seconds_when_the_pwm_stops(bench: Bench) -> None:
    charge(bench)
    bench.run(5.0)
    bench.registers["pilot_mode"] = 0.0
    bench.time_until(lambda: bench.connector.car.state == "B", within=3.0)
    assert bench.connector.power_w == 0.0


def test_no_current_without_the_contactor(bench: Bench) -> None:
    bench.connector.car.plug(True)
    bench.duty(26.67)
    bench.run(5.0)
    assert bench.connector.car.state == "C"
    assert bench.connector.power_w == 0.0
    assert bench.connector.energy_wh == 0.0


def test_the_meter_integrates_what_the_car_takes(bench: Bench) -> None:
    charge(bench)
    bench.run(5.0)
    before = bench.registers["energy_wh"]
    bench.run(36.0)
    assert bench.registers["power_w"] == pytest.approx(16.0 * 227.6 * 3, rel=0.001)
    assert bench.registers["energy_wh"] - before == pytest.approx(bench.registers["power_w"] * 36.0 / 3600.0, rel=0.001)
    assert bench.connector.car.battery.charged_wh == pytest.approx(bench.connector.energy_wh, rel=0.001)


def test_a_full_battery_tapers_and_opens_s2(bench: Bench) -> None:
    car = bench.connector.car
    car.battery.capacity_wh, car.battery.soc_percent = 500.0, 95.0
    charge(bench)
    bench.run(4.0)
    assert 0.0 < car.current_a[0] < 5.0
    bench.time_until(lambda: car.state == "B", within=120.0)
    assert car.battery.full


def test_a_single_phase_car_uses_one_phase(bench: Bench) -> None:
    bench.connector.car.phases = 1
    charge(bench)
    bench.run(5.0)
    assert bench.registers["current_l1_a"] == pytest.approx(16.0, rel=0.001)
    assert bench.registers["current_l2_a"] == bench.registers["current_l3_a"] == 0.0


def test_the_contactor_needs_a_moment_and_its_mirror_tells_the_contacts(bench: Bench) -> None:
    bench.run(0.01)
    bench.registers["coil"] = 1.0
    bench.run(0.01)
    assert bench.registers["contactor_closed"] == 0.0
    bench.run(0.02)
    assert bench.registers["contactor_closed"] == 1.0
    bench.registers["coil"] = 0.0
    bench.run(0.02)
    assert bench.registers["contactor_closed"] == 0.0


def test_a_welded_contactor_stays_closed_and_keeps_feeding_the_car(bench: Bench) -> None:
    charge(bench)
    bench.connector.contactor.welded = True
    bench.registers["coil"] = 0.0
    bench.run(5.0)
    assert bench.registers["contactor_closed"] == 1.0
    assert bench.connector.power_w > 0.0
    bench.registers["shunt_trip"] = 1.0
    bench.run(0.1)
    assert bench.connector.power_w == 0.0


def test_a_stuck_contactor_does_not_close(bench: Bench) -> None:
    bench.connector.contactor.stuck_open = True
    bench.registers["coil"] = 1.0
    bench.run(1.0)
    assert bench.registers["contactor_closed"] == 0.0


def test_the_coil_drops_when_the_watchdog_stands_still(bench: Bench) -> None:
    charge(bench)
    bench.run(0.095, feed=False)
    assert bench.connector.contactor.closed
    bench.run(0.03, feed=False)
    assert not bench.connector.contactor.closed
    bench.run(0.05)
    assert bench.connector.contactor.closed, "a feeding guard may energise again"


def test_no_coil_is_energised_before_the_first_feed(bench: Bench) -> None:
    bench.registers["coil"] = 1.0
    bench.run(1.0, feed=False)
    assert not bench.connector.contactor.closed


def test_the_residual_current_monitor_answers_its_test_and_clears(bench: Bench) -> None:
    bench.registers["rcd_test"] = 1.0
    assert bench.time_until(lambda: bench.registers["rcd_tripped"] == 1.0) < 0.5
    bench.registers["rcd_test"] = 0.0
    assert bench.time_until(lambda: bench.registers["rcd_tripped"] == 0.0) < 0.1


def test_leakage_trips_latches_and_breaks_the_coil_by_itself(bench: Bench) -> None:
    charge(bench)
    bench.connector.rcd.leak_dc_ma = 60.0
    assert bench.time_until(lambda: not bench.connector.contactor.closed) < 0.3
    bench.connector.rcd.leak_dc_ma = 0.0
    bench.run(1.0)
    assert bench.registers["rcd_tripped"] == 1.0
    bench.registers["rcd_reset"] = 1.0
    bench.run(0.01)
    assert bench.registers["rcd_tripped"] == 0.0


def test_five_milliampere_do_not_trip(bench: Bench) -> None:
    charge(bench)
    bench.connector.rcd.leak_dc_ma = 5.0
    bench.run(10.0)
    assert bench.connector.contactor.closed


def test_a_lost_phase_is_seen_and_draws_nothing(bench: Bench) -> None:
    charge(bench)
    bench.run(5.0)
    bench.connector.grid.lost.add(2)
    bench.run(0.1)
    assert bench.registers["voltage_l2_v"] == bench.registers["current_l2_a"] == 0.0
    assert bench.registers["mains_fail"] == 0.0


def test_the_lock_takes_its_time(bench: Bench) -> None:
    bench.registers["lock_command"] = 1.0
    bench.run(0.1)
    assert bench.registers["lock_state"] == 2.0
    bench.run(0.3)
    assert bench.registers["lock_state"] == 1.0
    bench.registers["lock_command"] = 2.0
    bench.run(0.4)
    assert bench.registers["lock_state"] == 0.0


def test_the_follow_policy_lets_a_foreign_session_have_its_pilot(bench: Bench) -> None:
    car = bench.connector.car
    car.policy, car.follow_s = "follow", 1.0
    car.plug(True)
    bench.duty(5.0)
    assert bench.time_until(lambda: car.state == "C") == pytest.approx(1.0, abs=0.02)
    bench.registers["coil"] = 1.0
    bench.run(5.0)
    assert car.current_a[0] == pytest.approx(car.max_current_a, rel=0.01)
    bench.registers["coil"] = 0.0
    bench.time_until(lambda: car.state == "B", within=0.1)
    bench.run(5.0)
    assert car.state == "B", "a session that the station ended does not begin again"


def test_the_limit_of_a_digital_session_is_obeyed(bench: Bench) -> None:
    car = bench.connector.car
    car.policy, car.limit_a = "manual", 9.0
    car.plug(True)
    bench.duty(5.0)
    car.s2 = True
    bench.registers["coil"] = 1.0
    bench.run(5.0)
    assert car.current_a[0] == pytest.approx(9.0)


def test_dc_precharge_then_current_then_ramp_down(dc_bench: Bench) -> None:
    bench = dc_bench
    car, registers = bench.connector.car, bench.registers
    car.plug(True)
    registers["dc_enable"] = registers["dc_coil"] = 1.0
    registers["dc_voltage_v"], registers["dc_current_a"], registers["dc_on"] = 366.0, 2.0, 1.0
    bench.time_until(lambda: abs(registers["dc_present_voltage_v"] - 366.0) < 1.0, within=2.0)
    car.dc_relay = True
    registers["dc_voltage_v"], registers["dc_current_a"] = 420.0, 100.0
    bench.time_until(lambda: registers["dc_present_current_a"] > 99.0, within=2.0)
    assert registers["power_w"] > 35_000.0
    assert registers["dc_present_voltage_v"] > car.battery.voltage_v
    registers["dc_enable"] = 0.0
    assert bench.time_until(lambda: bench.connector.power.supply.current_a < 5.0) <= 0.03
    car.dc_relay = False
    assert bench.time_until(lambda: registers["dc_present_voltage_v"] < 60.0) < 1.0


def test_the_insulation_monitor_measures_and_passes_its_self_test(dc_bench: Bench) -> None:
    bench = dc_bench
    bench.connector.power.isolation.minus_ohm = 50_000.0  # the weaker pole counts
    bench.registers["imd_on"] = 1.0
    bench.registers["imd_self_test"] = 1.0
    bench.time_until(lambda: bench.registers["imd_self_test_ok"] == 1.0, within=2.0)
    assert bench.registers["isolation_ohm"] == -1.0  # not yet a value
    bench.time_until(lambda: bench.registers["isolation_ohm"] == 50_000.0, within=2.0)
