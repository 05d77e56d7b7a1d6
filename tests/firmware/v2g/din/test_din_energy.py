"""DIN sessions from cable check to welding detection: what is answered, what the EVSE is told to do, and by when."""

from typing import Any

import pytest

from firmware.station.charging import DC_IDLE, DcWish
from firmware.station.limits import Limit
from firmware.v2g.evse_link import Session
from firmware.v2g.language import DIN
from firmware.v2g.messages import din
from firmware.v2g.messages.declare import replace
from hal.wire import Fault

# --- cable check and pre-charge ---------------------------------------------------------------------------------------


def test_the_cable_check_waits_for_state_c_and_says_so(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(level="B")
    answer = walk(*to_precharge[:7])
    assert answer.evse_processing == "Ongoing"
    assert answer.dc_evse_status.evse_status_code == "EVSE_IsolationMonitoringActive"
    assert answer.dc_evse_status.evse_isolation_status == "Invalid"
    assert rig.car.wish.dc.phase == "cable_check"
    rig.see(level="C", closed=True, cable_check="passed", isolation="valid")
    answer = walk("CableCheck")
    assert answer.evse_processing == "Finished"
    assert answer.dc_evse_status.evse_status_code == "EVSE_Ready"
    assert answer.dc_evse_status.evse_isolation_status == "Valid"


def test_the_guard_learns_the_cars_highest_voltage_with_the_cable_check(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(level="B")
    walk(*to_precharge[:7])
    assert rig.car.wish.dc.max_voltage_v == 410


def test_a_cable_check_that_takes_38_seconds_has_failed(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(level="B")
    walk(*to_precharge[:7])
    rig.wait(37.9)
    assert walk("CableCheck").response_code == "OK"
    rig.wait(0.2)
    answer = walk("CableCheck")
    assert answer.response_code == "FAILED"
    assert answer.dc_evse_status.evse_status_code == "EVSE_Malfunction"
    assert not rig.car.wish.energise
    assert rig.car.failure == "cable check took too long"
    assert walk("SessionStop").response_code == "OK"
    assert rig.ended.outcome is Session.FAILED


def test_a_failed_insulation_test_ends_the_session_with_its_reason(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(level="B")
    walk(*to_precharge[:7])
    rig.see(cable_check="failed", isolation="fault", why="insulation 40 kOhm, at least 50 kOhm")
    answer = walk("CableCheck")
    assert answer.response_code == "FAILED"
    assert answer.dc_evse_status.evse_isolation_status == "Fault"
    assert answer.dc_evse_status.evse_status_code == "EVSE_Malfunction"
    assert not rig.car.wish.energise
    assert rig.car.failure == "insulation 40 kOhm, at least 50 kOhm"


def test_the_result_of_an_earlier_cable_check_says_nothing(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.bay.obedient = False
    rig.see(cable_check="failed", why="of the last session")
    offer = walk(*to_precharge[:6])
    assert offer.evse_charge_parameter.dc_evse_status.evse_status_code == "EVSE_Ready"
    assert walk("CableCheck").evse_processing == "Ongoing"
    rig.see(cable_check="running")
    assert walk("CableCheck").evse_processing == "Ongoing"
    rig.see(cable_check="failed", why="insulation 40 kOhm")
    assert walk("CableCheck").response_code == "FAILED"
    assert rig.car.failure == "insulation 40 kOhm"


@pytest.mark.parametrize("phase", ["CableCheck", "PreCharge"])
def test_a_stop_before_energy_flows_takes_the_voltage_away(rig: Any, walk: Any, to_precharge: Any, phase: str) -> None:
    walk(*to_precharge[: to_precharge.index(phase)])
    rig.see(stop_wanted="Remote")
    answer = walk(phase)
    assert answer.response_code == ("FAILED" if phase == "CableCheck" else "OK")
    assert answer.dc_evse_status.evse_status_code == "EVSE_Shutdown"
    assert not rig.car.wish.energise


def test_what_the_car_finds_wrong_with_itself_is_shown(rig: Any, walk: Any, request_named: Any, charging: Any) -> None:
    demand = request_named("CurrentDemand")
    trouble = replace(demand.dc_ev_status, ev_error_code=din.DcEvErrorCode.FAILED_RESSTemperatureInhibit)
    rig.ask(replace(demand, dc_ev_status=trouble))
    assert rig.car.wish.status == "the car reports FAILED_RESSTemperatureInhibit"


def test_precharge_goes_to_the_cars_voltage_also_when_it_asks_for_no_current(
    rig: Any, walk: Any, request_named: Any, to_precharge: Any
) -> None:
    walk(*to_precharge[:7])
    request = replace(request_named("PreCharge"), ev_target_current=din.PhysicalValue.of(0, "A"))
    [answer] = rig.ask(request)  # Tesla and Polestar do
    assert answer.response_code == "OK"
    assert rig.car.wish.dc == DcWish("precharge", 390, 2, max_voltage_v=410)


@pytest.mark.parametrize(("evccid", "limit_s"), [("020000000001", 10), ("98ED5CDAD998", 20)])
def test_precharge_that_does_not_get_there_fails_in_time_for_the_car(
    rig: Any, walk: Any, request_named: Any, evccid: str, limit_s: float
) -> None:
    walk("SupportedAppProtocol")
    rig.ask(replace(request_named("SessionSetup"), evcc_id=bytes.fromhex(evccid)))
    walk("ServiceDiscovery", "ServicePaymentSelection", "ContractAuthentication", "ChargeParameterDiscovery")
    walk("CableCheck")
    rig.bay.obedient = False
    rig.see(voltage_v=30.0)
    walk("PreCharge")
    rig.wait(limit_s - 0.1)
    assert walk("PreCharge").response_code == "OK"
    rig.wait(0.2)
    answer = walk("PreCharge")
    assert answer.response_code == "FAILED"
    assert float(answer.evse_present_voltage) == 30
    assert rig.car.failure == "pre-charge reached only 30 V of 390 V"
    assert rig.car.wish.quirks == (("patient_precharge",) if limit_s > 10 else ())


def test_a_car_that_stops_before_precharge_is_let_go_and_noted(rig: Any, walk: Any, to_precharge: Any) -> None:
    walk(*to_precharge[:7])
    assert walk("PowerDelivery false").response_code == "OK"
    assert walk("SessionStop").response_code == "OK"
    assert rig.ended.outcome is Session.TERMINATED
    assert rig.car.wish.quirks == ("stop_before_precharge",)


def test_ready_to_charge_is_148_seconds_from_authorisation(rig: Any, walk: Any, to_precharge: Any) -> None:
    walk(*to_precharge)
    for _ in range(14):
        rig.wait(10)
        assert walk("PreCharge").response_code == "OK"
    rig.wait(8.1)
    assert walk("PreCharge").response_code == "FAILED"
    assert not rig.car.wish.energise


# --- energy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seen",
    [{"id_token": None}, {"faults": (Fault("over_temperature", "hot", since=0.0),)}, {"stop_wanted": "Remote"}],
)
def test_no_energy_without_a_sound_and_authorised_evse(
    rig: Any, walk: Any, to_precharge: Any, seen: dict[str, Any]
) -> None:
    walk(*to_precharge)
    rig.see(**seen)
    answer = walk("PowerDelivery true")
    assert answer.response_code == "FAILED_PowerDeliveryNotApplied"
    assert not rig.car.wish.energise


def test_a_contactor_that_opened_in_precharge_takes_no_power_delivery(rig: Any, walk: Any, to_precharge: Any) -> None:
    walk(*to_precharge)
    rig.see(closed=False)
    assert walk("PreCharge").dc_evse_status.evse_status_code == "EVSE_Malfunction"
    assert not rig.car.wish.energise  # what opened by itself is not closed again
    assert walk("PowerDelivery true").response_code == "FAILED_PowerDeliveryNotApplied"


def test_limits_that_change_go_out_with_the_next_answer(rig: Any, walk: Any, charging: Any) -> None:
    assert float(charging.evse_maximum_current_limit) == 500
    assert not charging.evse_current_limit_achieved
    rig.see(limit=Limit(63.0, "csms"))
    answer = walk("CurrentDemand")
    assert float(answer.evse_maximum_current_limit) == 63
    assert answer.evse_current_limit_achieved
    assert rig.car.wish.dc == DcWish("deliver", 390, 63, max_voltage_v=410)


def test_power_limits_are_said_and_kept(rig: Any, walk: Any, charging: Any) -> None:
    rig.see(supply=(920.0, 200.0, 19_500.0))
    answer = walk("CurrentDemand")
    assert answer.evse_power_limit_achieved
    assert not answer.evse_current_limit_achieved
    assert (float(answer.evse_maximum_voltage_limit), float(answer.evse_maximum_power_limit)) == (920, 19_500)
    assert rig.car.wish.dc == DcWish("deliver", 390, 50, max_voltage_v=410)


def test_the_station_asks_to_stop_by_code_and_by_notification_and_goes_on_until_the_car_does(
    rig: Any, walk: Any, charging: Any
) -> None:
    rig.see(stop_wanted="Remote")
    answer = walk("CurrentDemand")
    assert answer.response_code == "OK"
    assert answer.dc_evse_status.evse_status_code == "EVSE_Shutdown"
    assert answer.dc_evse_status.evse_notification == "StopCharging"
    assert rig.car.wish.dc.phase == "deliver"
    assert walk("PowerDelivery false").response_code == "OK"
    assert rig.ended is None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("emergency_stop", "EVSE_EmergencyShutdown"),
        ("mains_fail", "EVSE_UtilityInterruptEvent"),
        ("isolation", "EVSE_Malfunction"),
    ],
)
def test_a_fault_takes_the_current_down_at_once_and_is_said_in_the_next_answer(
    rig: Any, walk: Any, charging: Any, code: str, status: str
) -> None:
    rig.bay.obedient = False
    rig.see(faults=(Fault(code, "x", since=0.0),))
    answer = walk("CurrentDemand")
    assert rig.car.wish.dc == DcWish("ramp_down", max_voltage_v=410)
    assert answer.response_code == "OK"
    assert answer.dc_evse_status.evse_status_code == status


@pytest.mark.parametrize("age_s", [0.249, 0.251])
def test_a_measurement_older_than_250_ms_is_a_malfunction(rig: Any, walk: Any, charging: Any, age_s: float) -> None:
    rig.bay.obedient = False
    rig.see(age_s=age_s)
    answer = walk("CurrentDemand")
    late = age_s > 0.25
    assert (answer.dc_evse_status.evse_status_code == "EVSE_Malfunction") is late
    assert (rig.car.wish.dc.phase == "ramp_down") is late
    rig.see(age_s=0.0)  # fresh again: the session stays failed
    assert (walk("CurrentDemand").dc_evse_status.evse_status_code == "EVSE_Malfunction") is late


def test_a_contactor_that_opens_in_the_loop_ends_the_delivery(rig: Any, walk: Any, charging: Any) -> None:
    rig.bay.obedient = False
    rig.see(closed=False, current_a=0.0)
    assert rig.car.wish.dc == DC_IDLE
    answer = walk("CurrentDemand")
    assert answer.dc_evse_status.evse_status_code == "EVSE_Malfunction"
    assert not rig.car.wish.energise


def test_session_stop_in_the_loop_is_out_of_order_and_safe(rig: Any, walk: Any, charging: Any) -> None:
    assert walk("SessionStop").response_code == "FAILED_SequenceError"
    assert not rig.car.wish.energise


def test_power_delivery_false_is_answered_once_the_contactor_is_open(
    rig: Any, walk: Any, charging: Any, request_named: Any
) -> None:
    rig.bay.obedient = False
    assert rig.ask(request_named("PowerDelivery false")) == []
    assert rig.car.wish.dc == DcWish("ramp_down", max_voltage_v=410)
    assert rig.see(current_a=3.0) == []
    [answer] = rig.see(closed=False, current_a=0.0)
    assert answer.response_code == "OK"
    assert rig.car.wish.dc == DC_IDLE


def test_a_contactor_that_does_not_open_is_said_within_the_performance_time(
    rig: Any, charging: Any, request_named: Any
) -> None:
    rig.bay.obedient = False
    rig.ask(request_named("PowerDelivery false"))
    assert rig.wait(1.29) == []
    [answer] = rig.wait(0.02)
    assert answer.response_code == "FAILED"


def test_welding_detection_tells_the_voltage_at_the_plug(rig: Any, walk: Any, charging: Any) -> None:
    walk("PowerDelivery false")
    rig.see(voltage_v=388.7)
    assert float(walk("WeldingDetection").evse_present_voltage) == 388.7
    rig.see(voltage_v=12.0, welded=True)
    answer = walk("WeldingDetection")
    assert float(answer.evse_present_voltage) == 12
    assert answer.dc_evse_status.evse_status_code == "EVSE_Malfunction"


def test_power_delivery_true_twice_is_out_of_order(rig: Any, walk: Any, charging: Any) -> None:
    assert walk("PowerDelivery true").response_code == "FAILED_SequenceError"
    assert rig.ended.outcome is Session.FAILED


def test_current_demand_must_be_answered_within_25_ms_everything_else_within_1_5_s() -> None:
    assert DIN.performance_s(din.CurrentDemandReq) == 0.025
    assert DIN.performance_s(din.PowerDeliveryReq) == 1.5
    assert DIN.sequence_timeout_s == 60
