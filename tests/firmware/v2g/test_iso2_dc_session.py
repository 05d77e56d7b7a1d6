"""The -2 DC script in virtual time: what is answered when, and what the station is asked to do."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace
from hal.wire import Fault

Ask = Callable[..., Any]

TO_PARAMETERS: Final = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "PaymentServiceSelection",
    "Authorization",
    "ChargeParameterDiscovery DC",
)
TO_PRECHARGE: Final = (*TO_PARAMETERS, "CableCheck", "PreCharge")
CHARGING: Final = (*TO_PRECHARGE, "PowerDelivery Start", "CurrentDemand")


@pytest.fixture
def rig(make_rig: Any, make_dc_bay: Any) -> Any:
    return make_rig(make_dc_bay(level="C"))


@pytest.fixture
def ask(rig: Any, request_named: Any) -> Ask:
    """Send requests by name one after the other; the last answer, None while it waits."""

    def send(*names: str, **changes: Any) -> Any:
        answer: Any = None
        for name in names:
            heard = rig.ask(replace(request_named(name), **(changes if name == names[-1] else {})))
            answer = heard[0] if heard else None
        return answer

    return send


def code(answer: Any) -> str:
    return str(answer.response_code)


def status(answer: Any) -> tuple[str, str, str]:
    """(how we are, insulation, notification)"""
    said = getattr(answer, "dc_evse_status", None) or answer.evse_status
    return str(said.evse_status_code), str(said.evse_isolation_status), str(said.evse_notification)


def volts(value: float) -> Any:
    return iso2.PhysicalValue.of(value, "V")


def amps(value: float) -> Any:
    return iso2.PhysicalValue.of(value, "A")


def test_a_whole_session(rig: Any, ask: Ask) -> None:
    modes = ask(*TO_PARAMETERS[:3]).charge_service.supported_energy_transfer_mode
    assert modes == (
        iso2.EnergyTransferMode.DC_extended,
        iso2.EnergyTransferMode.DC_combo_core,
        iso2.EnergyTransferMode.DC_core,
    )
    offer = ask(*TO_PARAMETERS[3:])
    limits = offer.evse_charge_parameter
    assert float(limits.evse_maximum_voltage_limit) == 1000
    assert float(limits.evse_maximum_current_limit) == 500
    assert float(limits.evse_maximum_power_limit) == 150_000
    assert float(limits.evse_minimum_voltage_limit) == 150
    assert float(offer.sa_schedules.sa_schedule_tuple[0].p_max_schedule[0].p_max) == 150_000
    assert not rig.car.wish.energise
    check = ask("CableCheck")
    assert check.evse_processing == "Finished"
    assert status(check) == ("EVSE_Ready", "Valid", "None")
    assert float(ask("PreCharge").evse_present_voltage) in {0, 400}
    assert float(ask("PreCharge").evse_present_voltage) == 400
    assert rig.car.wish.dc.phase == "precharge"
    assert rig.car.wish.dc.current_a == 2  # IEC 61851-23, whatever the car asks for
    assert code(ask("PowerDelivery Start")) == "OK"
    demand = ask("CurrentDemand", ev_target_voltage=volts(402), ev_target_current=amps(120))
    demand = ask("CurrentDemand", ev_target_voltage=volts(402), ev_target_current=amps(120))
    assert float(demand.evse_present_voltage) == 402
    assert float(demand.evse_present_current) == 120
    assert not demand.evse_current_limit_achieved
    assert demand.meter_info.meter_reading == 1234
    assert rig.car.wish.soc_percent == 50
    assert code(ask("PowerDelivery Stop")) == "OK"
    assert rig.bay.closed is False
    assert float(ask("WeldingDetection").evse_present_voltage) == 0
    assert code(ask("SessionStop Terminate")) == "OK"
    assert rig.ended.outcome is Session.TERMINATED


def test_the_cable_check_is_ongoing_until_the_guard_has_passed_it(rig: Any, ask: Ask) -> None:
    rig.bay.obedient = False
    waiting = ask(*TO_PARAMETERS, "CableCheck")
    assert waiting.evse_processing == "Ongoing"
    assert status(waiting) == ("EVSE_IsolationMonitoringActive", "Invalid", "None")
    assert rig.car.wish.dc.phase == "cable_check"
    rig.wait(20)
    assert ask("CableCheck").evse_processing == "Ongoing"
    rig.see(closed=True, cable_check="passed", isolation="valid")
    assert ask("CableCheck").evse_processing == "Finished"


def test_a_warning_of_the_insulation_is_told_and_charging_goes_on(rig: Any, ask: Ask) -> None:
    rig.bay.obedient = False
    ask(*TO_PARAMETERS, "CableCheck")
    rig.see(closed=True, cable_check="passed", isolation="warning")
    done = ask("CableCheck")
    assert done.evse_processing == "Finished"
    assert status(done)[1] == "Warning"


def test_a_failed_cable_check_ends_it_with_its_reason(rig: Any, ask: Ask) -> None:
    rig.bay.obedient = False
    ask(*TO_PARAMETERS, "CableCheck")
    rig.see(cable_check="failed", isolation="fault", why="insulation 40 kOhm, needed 100 kOhm")
    failed = ask("CableCheck")
    assert code(failed) == "FAILED"
    assert status(failed) == ("EVSE_Malfunction", "Fault", "StopCharging")
    assert not rig.car.wish.energise
    assert "40 kOhm" in rig.car.wish.status
    assert code(ask("SessionStop Terminate")) == "OK"
    assert rig.ended.outcome is Session.FAILED


def test_a_cable_check_has_38_seconds(rig: Any, ask: Ask) -> None:
    rig.bay.obedient = False
    ask(*TO_PARAMETERS, "CableCheck")
    rig.wait(37.9)
    assert ask("CableCheck").evse_processing == "Ongoing"
    rig.wait(0.2)
    assert code(ask("CableCheck")) == "FAILED"
    assert not rig.car.wish.energise


def test_precharge_has_5_seconds_for_each_target(rig: Any, ask: Ask) -> None:
    ask(*TO_PARAMETERS, "CableCheck")
    rig.bay.obedient = False
    rig.see(closed=True, voltage_v=100.0)
    for _ in range(4):
        assert code(ask("PreCharge")) == "OK"
        rig.wait(1.2)
    assert code(ask("PreCharge", ev_target_voltage=volts(410))) == "OK"  # a new target, a new time
    rig.wait(4.9)
    assert code(ask("PreCharge", ev_target_voltage=volts(410))) == "OK"
    rig.wait(0.2)
    failed = ask("PreCharge", ev_target_voltage=volts(410))
    assert code(failed) == "FAILED"
    assert status(failed)[0] == "EVSE_Malfunction"
    assert float(failed.evse_present_voltage) == 100  # the truth, also in a failure


def test_no_precharge_by_old_measurements(rig: Any, ask: Ask) -> None:
    ask(*TO_PRECHARGE)
    rig.bay.obedient = False
    rig.see(age_s=0.3)
    failed = ask("PreCharge")
    assert code(failed) == "FAILED"
    assert status(failed)[0] == "EVSE_Malfunction"
    assert not rig.car.wish.energise


def test_a_car_may_take_its_time_once_precharged(rig: Any, ask: Ask) -> None:
    ask(*TO_PRECHARGE)
    for _ in range(20):
        rig.wait(1)
        assert code(ask("PreCharge")) == "OK"


def test_ready_to_charge_is_148_seconds_from_the_charge_parameters(rig: Any, ask: Ask) -> None:
    """A car that neither asks for power nor goes does not keep the voltage for ever."""
    ask(*TO_PRECHARGE)
    for _ in range(14):
        rig.wait(10)
        assert code(ask("PreCharge")) == "OK"
    rig.wait(8.1)
    assert code(ask("PreCharge")) == "FAILED"
    assert not rig.car.wish.energise
    assert "did not ask for power within 148 s" in rig.car.failure


def test_a_target_beyond_us_is_a_wrong_parameter(rig: Any, ask: Ask) -> None:
    ask(*TO_PARAMETERS, "CableCheck")
    assert code(ask("PreCharge", ev_target_voltage=volts(1100))) == "FAILED_WrongChargeParameter"
    assert rig.car.wish.dc.phase not in {"precharge", "deliver"}


def test_old_measurements_are_a_malfunction_and_power_goes_down(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    rig.bay.obedient = False
    rig.see(age_s=0.24)
    assert status(ask("CurrentDemand"))[0] == "EVSE_Ready"
    assert rig.car.wish.dc.phase == "deliver"
    rig.see(age_s=0.26)
    stale = ask("CurrentDemand")
    assert status(stale)[::2] == ("EVSE_Malfunction", "StopCharging")
    assert rig.car.wish.dc.phase == "ramp_down"
    rig.see(age_s=0.0)
    assert status(ask("CurrentDemand"))[0] == "EVSE_Malfunction"  # not again in this session
    assert rig.car.wish.dc.phase == "ramp_down"


def test_limits_that_hold_the_car_back_are_told(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    demand = ask("CurrentDemand", ev_target_voltage=volts(1100), ev_target_current=amps(600))
    assert demand.evse_current_limit_achieved
    assert demand.evse_voltage_limit_achieved
    assert demand.evse_power_limit_achieved


def test_a_changed_limit_goes_out_with_the_next_answer(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    rig.see(limit=Limit(60.0, "csms"))
    demand = ask("CurrentDemand", ev_target_current=amps(120))
    assert float(demand.evse_maximum_current_limit) == 60
    assert demand.evse_current_limit_achieved
    assert rig.car.wish.dc.current_a == 60
    rig.see(limit=Limit(0.0, "csms"))  # a pause of ours: the loop goes on without current
    demand = ask("CurrentDemand", ev_target_current=amps(120))
    assert float(demand.evse_maximum_current_limit) == 0
    assert (rig.car.wish.dc.phase, rig.car.wish.dc.current_a) == ("deliver", 0)
    rig.see(limit=Limit(100.0, "csms"))
    ask("CurrentDemand", ev_target_current=amps(120))
    assert rig.car.wish.dc.current_a == 100


def test_stop_is_ramp_then_open_then_the_answer(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    rig.bay.obedient = False
    rig.see(current_a=100.0)
    assert ask("PowerDelivery Stop") is None
    assert rig.car.wish.dc.phase == "ramp_down"
    assert rig.car.wish.energise  # the grant stays until it is open: never opened under load
    assert rig.see(current_a=20.0) == []
    assert rig.see(current_a=1.0) == []
    [answer] = rig.see(closed=False)
    assert code(answer) == "OK"
    assert not rig.car.wish.energise


def test_a_contactor_that_stays_closed_is_told_in_time(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    rig.bay.obedient = False
    assert ask("PowerDelivery Stop") is None
    assert rig.wait(4.19) == []
    [answer] = rig.wait(0.02)
    assert code(answer) == "FAILED_ContactorError"


def test_the_car_is_asked_to_stop_and_has_some_seconds(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    rig.see(stop_wanted="Remote")
    demand = ask("CurrentDemand")
    assert status(demand)[::2] == ("EVSE_Shutdown", "StopCharging")
    assert demand.dc_evse_status.notification_max_delay == 8
    assert rig.car.wish.dc.phase == "deliver"  # until the car has followed
    rig.wait(3)
    assert ask("CurrentDemand").dc_evse_status.notification_max_delay == 5
    assert code(ask("PowerDelivery Stop")) == "OK"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("emergency_stop", "EVSE_EmergencyShutdown"),
        ("mains_fail", "EVSE_UtilityInterruptEvent"),
        ("overvoltage", "EVSE_Malfunction"),
    ],
)
def test_a_fault_while_charging_is_told_at_once_and_ends_the_power(
    rig: Any, ask: Ask, fault: str, expected: str
) -> None:
    ask(*CHARGING)
    rig.bay.obedient = False
    rig.see(closed=False, faults=(Fault(fault, "what happened", 0.0),))
    demand = ask("CurrentDemand")
    assert status(demand)[::2] == (expected, "StopCharging")
    assert demand.dc_evse_status.notification_max_delay == 0
    assert not rig.car.wish.energise
    assert code(ask("PowerDelivery Stop")) == "OK"
    assert code(ask("SessionStop Terminate")) == "OK"


def test_what_the_guard_opened_stays_open(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    rig.bay.obedient = False
    rig.see(closed=False)
    for _ in range(2):
        assert status(ask("CurrentDemand"))[::2] == ("EVSE_Malfunction", "StopCharging")
        assert not rig.car.wish.energise


@pytest.mark.parametrize("names", [TO_PARAMETERS, TO_PRECHARGE])
def test_a_car_may_stop_before_any_power(rig: Any, ask: Ask, names: tuple[str, ...]) -> None:
    ask(*names)
    assert code(ask("PowerDelivery Stop")) == "OK"
    assert not rig.car.wish.energise
    assert code(ask("WeldingDetection")) == "OK"
    assert code(ask("SessionStop Terminate")) == "OK"
    assert rig.ended.outcome is Session.TERMINATED


@pytest.mark.parametrize("names", [TO_PARAMETERS, (*TO_PARAMETERS, "CableCheck"), TO_PRECHARGE])
@pytest.mark.parametrize("how", ["Terminate", "Pause"])
def test_session_stop_is_accepted_before_any_power(rig: Any, ask: Ask, names: tuple[str, ...], how: str) -> None:
    ask(*names)
    assert code(ask(f"SessionStop {how}")) == "OK"
    assert not rig.car.wish.energise
    assert rig.ended.outcome is (Session.PAUSED if how == "Pause" else Session.TERMINATED)


def test_renegotiation_repeats_cable_check_and_precharge(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    assert code(ask("PowerDelivery Renegotiate")) == "OK"
    assert not rig.bay.closed
    rig.see(supply=(1000.0, 500.0, 60_000.0))
    again = ask("ChargeParameterDiscovery DC")
    assert float(again.sa_schedules.sa_schedule_tuple[0].p_max_schedule[0].p_max) == 60_000
    assert ask("CableCheck").evse_processing == "Finished"  # a car of the VW group stayed in C: no level is asked for
    assert code(ask("PreCharge")) == "OK"
    assert code(ask("PowerDelivery Start")) == "OK"
    assert code(ask("CurrentDemand")) == "OK"


def test_no_power_is_ongoing_at_most_55_seconds(rig: Any, ask: Ask) -> None:
    rig.see(supply=(0.0, 0.0, 0.0))
    waiting = ask(*TO_PARAMETERS)
    assert waiting.evse_processing == "Ongoing"
    assert str(waiting.evse_charge_parameter.dc_evse_status.evse_status_code) == "EVSE_NotReady"
    rig.wait(54)
    assert ask("ChargeParameterDiscovery DC").evse_processing == "Ongoing"
    rig.wait(2)
    assert code(ask("ChargeParameterDiscovery DC")) == "FAILED"


def test_nobody_authorised_any_more_no_start(rig: Any, ask: Ask) -> None:
    ask(*TO_PRECHARGE)
    rig.see(id_token=None)
    assert code(ask("PowerDelivery Start")) == "FAILED_PowerDeliveryNotApplied"
    assert not rig.car.wish.energise
    rig.see(id_token=IdToken("04A1B2C3"))
    assert code(ask("SessionStop Terminate")) == "OK"


def test_a_fault_before_the_start(rig: Any, ask: Ask) -> None:
    ask(*TO_PRECHARGE)
    rig.see(faults=(Fault("emergency_stop", "emergency stop pressed", 0.0),))
    failed = ask("PowerDelivery Start")
    assert code(failed) == "FAILED_PowerDeliveryNotApplied"
    assert status(failed)[0] == "EVSE_EmergencyShutdown"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"requested_energy_transfer_mode": iso2.EnergyTransferMode.AC_single_phase_core}, "WrongEnergyTransferMode"),
        ({"ev_maximum_voltage_limit": iso2.PhysicalValue.of(100, "V")}, "WrongChargeParameter"),
        ({"ev_maximum_current_limit": iso2.PhysicalValue.of(0, "A")}, "WrongChargeParameter"),
        ("AC parameters", "WrongChargeParameter"),
    ],
)
def test_parameters_that_cannot_work(rig: Any, ask: Ask, request_named: Any, changes: Any, expected: str) -> None:
    ask(*TO_PARAMETERS[:-1])
    request = request_named(TO_PARAMETERS[-1])
    if changes == "AC parameters":
        ac = request_named("ChargeParameterDiscovery").ev_charge_parameter
        request = replace(request, ev_charge_parameter=ac)
    elif "requested_energy_transfer_mode" in changes:
        request = replace(request, **changes)
    else:
        request = replace(request, ev_charge_parameter=replace(request.ev_charge_parameter, **changes))
    [answer] = rig.ask(request)
    assert code(answer) == f"FAILED_{expected}"
    assert answer.sa_schedules is None
    assert code(ask("SessionStop Terminate")) == "OK"
    assert rig.ended.outcome is Session.FAILED


def test_what_the_car_reports_of_itself_is_shown(rig: Any, ask: Ask) -> None:
    ask(*CHARGING)
    trouble = iso2.DcEvStatus(
        ev_ready=False, ev_error_code=iso2.DcEvErrorCode.FAILED_RESSTemperatureInhibit, ev_ress_soc=71
    )
    ask("CurrentDemand", dc_ev_status=trouble)
    assert "FAILED_RESSTemperatureInhibit" in rig.car.wish.status
    assert rig.car.wish.soc_percent == 71


def test_cancelling_is_safe_at_any_message(make_rig: Any, make_dc_bay: Any, request_named: Any) -> None:
    for length in range(len(CHARGING) + 1):
        rig = make_rig(make_dc_bay(level="C"))
        for name in CHARGING[:length]:
            rig.ask(request_named(name))
        rig.talk.cancel("test")
        assert not rig.car.wish.energise
        assert rig.ended.outcome is Session.FAILED
