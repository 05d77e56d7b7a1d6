"""DIN sessions: what is answered to good and bad requests, what the EVSE is told to do, and by when."""

from typing import Any

import pytest

from firmware.station.charging import DC_IDLE, DcWish
from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g.evse_link import Session
from firmware.v2g.language import DIN
from firmware.v2g.messages import din
from firmware.v2g.messages.declare import replace
from firmware.v2g.sessions.din_words import evse_id
from hal.wire import Fault


def test_a_whole_session(rig: Any, walk: Any, to_precharge: Any) -> None:
    walk(*to_precharge, "PowerDelivery true", "CurrentDemand")
    assert rig.car.wish.dc == DcWish("deliver", 390, 120, max_voltage_v=410)
    assert (rig.car.wish.protocol, rig.car.wish.evccid, rig.car.wish.soc_percent) == ("din", "020000000001", 50)
    answer = walk("CurrentDemand")
    assert float(answer.evse_present_current) == 120
    stopped = walk("PowerDelivery false")
    assert stopped.response_code == "OK"
    assert rig.bay.closed is False
    assert float(walk("WeldingDetection").evse_present_voltage) == 0
    assert walk("SessionStop").response_code == "OK"
    assert rig.ended.outcome is Session.TERMINATED
    assert not rig.car.wish.energise


# --- session setup, services, authorisation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("+49*810*000*438", "49A810A000A438"),
        ("49*810*1", "49A810A1"),
        ("1", "01"),
        ("DE*PLT*E000001", b"DE*PLT*E000001".hex()),
        ("", "00"),
    ],
)
def test_the_evse_id_is_hexadecimal(text: str, octets: str) -> None:
    assert evse_id(text) == bytes.fromhex(octets)


def test_the_session_id_is_new_whatever_the_car_names(rig: Any, walk: Any, request_named: Any) -> None:
    walk("SupportedAppProtocol")
    [answer] = rig.ask(request_named("SessionSetup"), session_id=b"\x00")
    assert answer.response_code == "OK_NewSessionEstablished"
    assert len(rig.session_id) == 8
    assert any(rig.session_id)
    assert rig.car.wish.quirks == ("short_session_id",)


def test_only_charging_by_external_payment_is_offered(walk: Any, to_precharge: Any) -> None:
    offer = walk(*to_precharge[:3])
    assert offer.payment_options == ("ExternalPayment",)
    assert offer.charge_service.service_tag.service_id == 1
    assert offer.charge_service.energy_transfer_type == "DC_extended"
    assert offer.service_list is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"selected_payment_option": din.PaymentOption.Contract}, "FAILED_PaymentSelectionInvalid"),
        ({"selected_service_list": (din.SelectedService(service_id=2),)}, "FAILED_ServiceSelectionInvalid"),
        (
            {"selected_service_list": (din.SelectedService(service_id=1), din.SelectedService(service_id=9))},
            "FAILED_ServiceSelectionInvalid",
        ),
    ],
)
def test_what_was_not_offered_cannot_be_selected(
    rig: Any, walk: Any, request_named: Any, changes: Any, code: str
) -> None:
    walk("SupportedAppProtocol", "SessionSetup", "ServiceDiscovery")
    [answer] = rig.ask(replace(request_named("ServicePaymentSelection"), **changes))
    assert answer == din.ServicePaymentSelectionRes(response_code=din.ResponseCode(code))
    [refused] = rig.ask(request_named("ContractAuthentication"))  # after a FAILED only SessionStop may come
    assert refused.response_code == "FAILED_SequenceError"


def test_authorisation_may_take_as_long_as_the_car_asks(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(id_token=None)
    walk(*to_precharge[:4])
    for _ in range(200):
        assert walk("ContractAuthentication").evse_processing == "Ongoing"
        rig.wait(1)
    assert rig.car.wish.status == "waiting for authorisation"
    rig.see(id_token=IdToken("04A1B2C3"))
    assert walk("ContractAuthentication").evse_processing == "Finished"


# --- charge parameters ------------------------------------------------------------------------------------------------


def test_the_offer_says_our_limits_and_clamps_p_max_to_a_short(walk: Any, to_precharge: Any) -> None:
    offer = walk(*to_precharge[:6])
    ours = offer.evse_charge_parameter
    assert [
        float(each)
        for each in (ours.evse_maximum_voltage_limit, ours.evse_maximum_current_limit, ours.evse_maximum_power_limit)
    ] == [1000, 500, 150_000]
    assert ours.dc_evse_status.evse_status_code == "EVSE_Ready"
    assert ours.dc_evse_status.evse_isolation_status == "Invalid"
    [schedule] = offer.sa_schedules.sa_schedule_tuple
    assert schedule.p_max_schedule.p_max_schedule_entry[0].p_max == 32_767


def test_a_small_station_says_its_power_in_the_schedule(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(supply=(500.0, 60.0, 24_000.0))
    [schedule] = walk(*to_precharge[:6]).sa_schedules.sa_schedule_tuple
    assert schedule.p_max_schedule.p_max_schedule_entry[0].p_max == 24_000


def test_no_power_now_is_ongoing_for_55_seconds_and_then_a_failure(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(limit=Limit(0.0, "budget"))
    assert walk(*to_precharge[:6]).evse_processing == "Ongoing"
    rig.wait(54.9)
    assert walk("ChargeParameterDiscovery").evse_processing == "Ongoing"
    assert rig.car.wish.status == "no power available at the moment"
    rig.wait(0.2)
    answer = walk("ChargeParameterDiscovery")
    assert answer.response_code == "FAILED"
    assert walk("SessionStop").response_code == "OK"
    assert rig.ended.outcome is Session.FAILED


def test_a_supply_that_does_not_answer_is_not_ready(rig: Any, walk: Any, to_precharge: Any) -> None:
    rig.see(supply=None)
    answer = walk(*to_precharge[:6])
    assert answer.evse_processing == "Ongoing"
    assert answer.evse_charge_parameter.dc_evse_status.evse_status_code == "EVSE_NotReady"


@pytest.fixture
def up_to_parameters(walk: Any, to_precharge: Any) -> None:
    """Authorised; ChargeParameterDiscovery comes next."""
    walk(*to_precharge[:5])


def dc_parameter(**changes: Any) -> din.DcEvChargeParameter:
    status = din.DcEvStatus(ev_ready=True, ev_error_code=din.DcEvErrorCode.NO_ERROR, ev_ress_soc=50)
    known: dict[str, Any] = {
        "dc_ev_status": status,
        "ev_maximum_current_limit": din.PhysicalValue.of(200, "A"),
        "ev_maximum_voltage_limit": din.PhysicalValue.of(410, "V"),
    }
    return din.DcEvChargeParameter(**{**known, **changes})


AC_PARAMETER = din.AcEvChargeParameter(
    departure_time=0,
    e_amount=din.PhysicalValue.of(0, "Wh"),
    ev_max_voltage=din.PhysicalValue.of(400, "V"),
    ev_max_current=din.PhysicalValue.of(16, "A"),
    ev_min_current=din.PhysicalValue.of(6, "A"),
)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (
            {"ev_requested_energy_transfer_type": din.EvRequestedEnergyTransfer.AC_three_phase_core},
            "FAILED_WrongEnergyTransferType",
        ),
        ({"ev_charge_parameter": AC_PARAMETER}, "FAILED_WrongChargeParameter"),
        (
            {"ev_charge_parameter": dc_parameter(ev_maximum_voltage_limit=din.PhysicalValue.of(48, "V"))},
            "FAILED_WrongChargeParameter",
        ),
        (
            {"ev_charge_parameter": dc_parameter(ev_maximum_current_limit=din.PhysicalValue.of(-1, "A"))},
            "FAILED_WrongChargeParameter",
        ),
    ],
)
def test_parameters_that_cannot_work_are_refused(
    rig: Any, up_to_parameters: None, request_named: Any, changes: Any, code: str
) -> None:
    [answer] = rig.ask(replace(request_named("ChargeParameterDiscovery"), **changes))
    assert answer.response_code == code
    assert answer.evse_processing == "Finished"
    assert answer.evse_charge_parameter.dc_evse_status.evse_isolation_status is None  # optional parts are left out
    assert answer.evse_charge_parameter.evse_maximum_power_limit is None
    assert not rig.car.wish.energise


@pytest.mark.parametrize("unit", [None, "A", "V", "W"])
def test_units_are_optional_and_a_wrong_one_is_not_the_end(
    rig: Any, up_to_parameters: None, request_named: Any, unit: str | None
) -> None:
    voltage = din.PhysicalValue.of(410, unit=None if unit is None else din.Unit(unit))
    request = replace(
        request_named("ChargeParameterDiscovery"), ev_charge_parameter=dc_parameter(ev_maximum_voltage_limit=voltage)
    )
    [answer] = rig.ask(request)
    assert answer.response_code == "OK"


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
