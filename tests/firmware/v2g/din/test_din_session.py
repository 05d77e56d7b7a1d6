"""DIN sessions up to the charge parameters: what is answered to good and bad requests; and a whole one."""

from typing import Any

import pytest

from firmware.station.charging import DcWish
from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import din
from firmware.v2g.messages.declare import replace
from firmware.v2g.sessions.din_words import evse_id


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
