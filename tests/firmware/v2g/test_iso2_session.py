"""The -2 AC script in virtual time: what is answered when, and what the station is asked to do."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g.ending import Resume
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace
from hal.wire import Fault

Ask = Callable[..., Any]

TO_POWER = [
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "PaymentServiceSelection",
    "Authorization",
    "ChargeParameterDiscovery",
]


@pytest.fixture
def ask(rig: Any, request_named: Any) -> Ask:
    """Send requests by name one after the other; the last answer."""

    def send(*names: str, **changes: Any) -> Any:
        answer: Any = None
        for name in names:
            heard = rig.ask(replace(request_named(name), **(changes if name == names[-1] else {})))
            answer = heard[0] if heard else None
        return answer

    return send


def code(answer: Any) -> str:
    return str(answer.response_code)


def test_a_whole_session(rig: Any, ask: Ask) -> None:
    assert code(ask("SupportedAppProtocol")) == "OK_SuccessfulNegotiation"
    assert code(ask("SessionSetup")) == "OK_NewSessionEstablished"
    assert len(rig.session_id) == 8
    assert any(rig.session_id)
    assert ask("ServiceDiscovery").payment_option_list == (iso2.PaymentOption.ExternalPayment,)
    assert code(ask("PaymentServiceSelection")) == "OK"
    assert ask("Authorization").evse_processing == "Finished"
    offer = ask("ChargeParameterDiscovery")
    assert float(offer.evse_charge_parameter.evse_max_current) == 16
    assert float(offer.sa_schedules.sa_schedule_tuple[0].p_max_schedule[0].p_max) == 16 * 230 * 3
    rig.see(level="C")
    assert code(ask("PowerDelivery Start")) == "OK"
    assert rig.car.wish.energise
    status = ask("ChargingStatus")
    assert float(status.evse_max_current) == 16
    assert status.meter_info.meter_reading == 1234
    assert code(ask("PowerDelivery Stop")) == "OK"
    assert not rig.car.wish.energise
    assert code(ask("SessionStop Terminate")) == "OK"
    assert rig.ended.outcome is Session.TERMINATED


def test_authorization_is_ongoing_until_somebody_is_authorised(rig: Any, ask: Ask) -> None:
    rig.bay.id_token = None
    waiting = ask(*TO_POWER[:5])
    for _ in range(4):  # longer than the 60 s of Ongoing: people take their time
        assert waiting.evse_processing == "Ongoing_WaitingForCustomerInteraction"
        rig.wait(30)
        waiting = ask("Authorization")
    rig.see(id_token=IdToken("04A1B2C3"))
    assert ask("Authorization").evse_processing == "Finished"


def test_no_power_is_ongoing_at_most_55_seconds(rig: Any, ask: Ask) -> None:
    rig.see(limit=Limit(0.0, "budget"))
    assert ask(*TO_POWER).evse_processing == "Ongoing"
    rig.wait(54)
    assert ask("ChargeParameterDiscovery").evse_processing == "Ongoing"
    rig.wait(2)
    assert code(ask("ChargeParameterDiscovery")) == "FAILED"


def test_power_that_comes_back_is_offered(rig: Any, ask: Ask) -> None:
    rig.see(limit=Limit(5.9, "budget"))  # below 6 A nothing can be offered
    assert ask(*TO_POWER).evse_processing == "Ongoing"
    rig.see(limit=Limit(10.0, "budget"))
    assert ask("ChargeParameterDiscovery").evse_processing == "Finished"


def test_a_changed_limit_goes_out_with_the_next_charging_status(rig: Any, ask: Ask) -> None:
    rig.see(level="C")
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    rig.see(limit=Limit(7.5, "csms"))
    assert float(ask("ChargingStatus").evse_max_current) == 7.5
    rig.see(limit=Limit(0.0, "csms"))
    assert float(ask("ChargingStatus").evse_max_current) == 0


def test_start_is_answered_when_the_contactor_has_closed(rig: Any, ask: Ask) -> None:
    rig.bay.obedient = False
    rig.see(level="C")
    ask(*TO_POWER)
    assert ask("PowerDelivery Start") is None
    assert rig.car.wish.energise
    assert rig.wait(2.9) == []
    [answer] = rig.see(closed=True)
    assert code(answer) == "OK"


def test_a_contactor_that_does_not_close_fails_in_time(rig: Any, ask: Ask) -> None:
    rig.bay.obedient = False
    ask(*TO_POWER)
    assert ask("PowerDelivery Start") is None
    assert rig.wait(4.19) == []
    [answer] = rig.wait(0.02)  # before the 4.5 s of [V2G2-858] are over
    assert code(answer) == "FAILED_ContactorError"
    assert not rig.car.wish.energise
    assert code(ask("SessionStop Terminate")) == "OK"
    assert rig.ended.outcome is Session.FAILED


def test_stop_is_answered_when_the_contactor_has_opened(rig: Any, ask: Ask) -> None:
    rig.see(level="C")
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    rig.bay.obedient = False
    assert ask("PowerDelivery Stop") is None
    assert not rig.car.wish.energise
    [answer] = rig.see(closed=False, level="B")
    assert code(answer) == "OK"


def test_a_car_that_lets_go_without_asking_has_ended_it(rig: Any, ask: Ask) -> None:
    rig.see(level="C")
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    rig.see(level="B")
    assert not rig.car.wish.energise
    rig.see(level="C")  # it comes back: no second closing without a new PowerDelivery
    assert not rig.car.wish.energise
    assert code(ask("ChargingStatus")) == "FAILED"


def test_power_that_the_guard_took_does_not_come_back_by_itself(rig: Any, ask: Ask) -> None:
    rig.see(level="C")
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    rig.bay.obedient = False
    rig.see(closed=False, faults=(Fault("rcd_tripped", "residual current", 0.0, latched=True),))
    assert not rig.car.wish.energise
    status = ask("ChargingStatus")
    assert status.ac_evse_status.rcd
    assert status.ac_evse_status.evse_notification == "StopCharging"
    rig.see(faults=())
    assert not rig.car.wish.energise
    assert code(ask("PowerDelivery Stop")) == "OK"


def test_no_start_at_a_faulty_connector(rig: Any, ask: Ask) -> None:
    ask(*TO_POWER)
    rig.see(level="C", faults=(Fault("emergency_stop", "emergency stop pressed", 0.0),))
    assert code(ask("PowerDelivery Start")) == "FAILED_PowerDeliveryNotApplied"
    assert not rig.car.wish.energise


def test_a_limit_is_rounded_down_to_what_cars_understand(rig: Any, ask: Ask) -> None:
    rig.see(limit=Limit(32 / 3, "budget"))
    assert float(ask(*TO_POWER).evse_charge_parameter.evse_max_current) == 10.6


def test_renegotiation_keeps_the_contactor_closed(rig: Any, ask: Ask) -> None:
    rig.see(level="C")
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    assert code(ask("PowerDelivery Renegotiate")) == "OK"
    rig.see(limit=Limit(8.0, "csms"))
    again = ask("ChargeParameterDiscovery")
    assert float(again.sa_schedules.sa_schedule_tuple[0].p_max_schedule[0].p_max) == 8 * 230 * 3
    assert rig.car.wish.energise
    assert code(ask("PowerDelivery Start")) == "OK"
    assert code(ask("ChargingStatus")) == "OK"


def test_more_power_is_offered_by_renegotiation_once_in_15_minutes(rig: Any, ask: Ask) -> None:
    def wish(answer: Any) -> str:
        return str(answer.ac_evse_status.evse_notification)

    rig.see(level="C", limit=Limit(8.0, "budget"))
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    rig.see(limit=Limit(16.0, "budget"))
    for _ in range(30):  # every 30 s, 15 min
        assert wish(ask("ChargingStatus")) == "None"
        rig.wait(30)
    assert wish(ask("ChargingStatus")) == "ReNegotiation"
    assert wish(ask("ChargingStatus")) == "None"  # said once: a car that cannot is left in peace
    ask("PowerDelivery Renegotiate")
    again = ask("ChargeParameterDiscovery")
    assert float(again.evse_charge_parameter.evse_max_current) == 16
    ask("PowerDelivery Start")
    rig.wait(30)
    assert wish(ask("ChargingStatus")) == "None"


@pytest.mark.ocpp("2.0.1:K16.FR.11")
def test_less_power_needs_no_renegotiation(rig: Any, ask: Ask) -> None:
    rig.see(level="C")
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    rig.see(limit=Limit(8.0, "budget"))
    assert float(ask("ChargingStatus").evse_max_current) == 8.0  # at the first opportunity
    for _ in range(40):
        assert ask("ChargingStatus").ac_evse_status.evse_notification == "None"
        rig.wait(30)


def test_the_car_is_asked_to_stop(rig: Any, ask: Ask) -> None:
    rig.see(level="C")
    ask(*TO_POWER, "PowerDelivery Start", "ChargingStatus")
    rig.see(stop_wanted="Remote")
    assert ask("ChargingStatus").ac_evse_status.evse_notification == "StopCharging"
    assert code(ask("PowerDelivery Stop")) == "OK"


def test_no_energy_for_a_session_that_shall_stop(rig: Any, ask: Ask) -> None:
    ask(*TO_POWER)
    rig.see(stop_wanted="Remote", level="C")
    assert code(ask("PowerDelivery Start")) == "FAILED_PowerDeliveryNotApplied"
    assert not rig.car.wish.energise


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("ServiceDetail", {"service_id": 2}, "FAILED_ServiceIDInvalid"),
        (
            "PaymentServiceSelection",
            {"selected_payment_option": iso2.PaymentOption.Contract},
            "FAILED_PaymentSelectionInvalid",
        ),
        (
            "PaymentServiceSelection",
            {"selected_service_list": (iso2.SelectedService(service_id=3),)},
            "FAILED_NoChargeServiceSelected",
        ),
        (
            "PaymentServiceSelection",
            {"selected_service_list": (iso2.SelectedService(service_id=1), iso2.SelectedService(service_id=3))},
            "FAILED_ServiceSelectionInvalid",
        ),
        (
            "ChargeParameterDiscovery",
            {"requested_energy_transfer_mode": iso2.EnergyTransferMode.DC_extended},
            "FAILED_WrongEnergyTransferMode",
        ),
        (
            "ChargeParameterDiscovery",
            {
                "ev_charge_parameter": iso2.AcEvChargeParameter(
                    e_amount=iso2.PhysicalValue.of(1, "Wh"),
                    ev_max_voltage=iso2.PhysicalValue.of(400, "V"),
                    ev_max_current=iso2.PhysicalValue.of(-1, "A"),
                    ev_min_current=iso2.PhysicalValue.of(0, "A"),
                )
            },
            "FAILED_WrongChargeParameter",
        ),
        ("PowerDelivery Start", {"sa_schedule_tuple_id": 2}, "FAILED_TariffSelectionInvalid"),
        (
            "PowerDelivery Start",
            {
                "charging_profile": (
                    iso2.ProfileEntry(
                        charging_profile_entry_start=0,
                        charging_profile_entry_max_power=iso2.PhysicalValue.of(11_080, "W"),  # 40 W above the offer
                    ),
                )
            },
            "FAILED_ChargingProfileInvalid",
        ),
    ],
)
def test_each_mistake_has_its_code_and_only_stopping_is_left(
    rig: Any, ask: Ask, name: str, changes: dict[str, Any], expected: str
) -> None:
    before = TO_POWER[: TO_POWER.index(name)] if name in TO_POWER else TO_POWER
    before = TO_POWER[:3] if name == "ServiceDetail" else before
    ask(*before)
    assert code(ask(name, **changes)) == expected
    assert not rig.car.wish.energise
    assert code(ask("SessionStop Terminate")) == "OK"
    assert rig.ended.outcome is Session.FAILED


def test_after_a_failure_nothing_else_is_answered_well(rig: Any, ask: Ask) -> None:
    ask(*TO_POWER[:3])
    ask("ServiceDetail", service_id=99)
    assert code(ask("PaymentServiceSelection")) == "FAILED_SequenceError"
    assert rig.ended.outcome is Session.FAILED


def test_a_failure_says_no_more_than_it_must(ask: Ask) -> None:
    ask(*TO_POWER[:5])
    answer = ask("ChargeParameterDiscovery", requested_energy_transfer_mode=iso2.EnergyTransferMode.DC_core)
    assert answer.sa_schedules is None  # optional parts stay out [V2G2-736]


@pytest.mark.parametrize("position", range(2, 8))
def test_a_foreign_session_id_ends_the_session(rig: Any, request_named: Any, position: int) -> None:
    rig.see(level="C")
    names = [*TO_POWER, "PowerDelivery Start", "ChargingStatus"]
    for name in names[:position]:
        rig.ask(request_named(name))
    [answer] = rig.ask(request_named(names[position]), session_id=bytes(8))
    assert code(answer) == "FAILED_UnknownSession"
    assert rig.ended.outcome is Session.FAILED
    assert not rig.car.wish.energise


def test_a_paused_session_is_joined_by_its_id(make_rig: Any, make_bay: Any, request_named: Any) -> None:
    first = make_rig(make_bay(level="C"))
    for name in [*TO_POWER, "PowerDelivery Start", "ChargingStatus", "PowerDelivery Stop", "SessionStop Pause"]:
        [answer] = first.ask(request_named(name))
        assert code(answer).startswith("OK")
    assert first.ended.outcome is Session.PAUSED
    second = make_rig(make_bay(), paused=first.ended.resume)
    second.session_id = first.session_id
    second.ask(request_named("SupportedAppProtocol"))
    [answer] = second.ask(request_named("SessionSetup"))
    assert code(answer) == "OK_OldSessionJoined"
    assert second.session_id == first.session_id


def test_the_id_of_a_paused_session_in_the_mouth_of_another_car_is_a_new_session(
    make_rig: Any, make_bay: Any, request_named: Any
) -> None:
    """Ids go over the power line in the clear; the transaction is that of the car that paused."""
    rig = make_rig(make_bay(), paused=Resume(b"sleeping", 1, evccid="02C0FFEE9999"))
    rig.ask(request_named("SupportedAppProtocol"))
    [answer] = rig.ask(request_named("SessionSetup"), session_id=b"sleeping")
    assert code(answer) == "OK_NewSessionEstablished"
    assert rig.session_id != b"sleeping"


def test_an_unknown_paused_session_is_a_new_one(make_rig: Any, make_bay: Any, request_named: Any) -> None:
    rig = make_rig(make_bay(), paused=Resume(b"another!", 1))
    rig.ask(request_named("SupportedAppProtocol"))
    [answer] = rig.ask(request_named("SessionSetup"), session_id=b"unknown!")
    assert code(answer) == "OK_NewSessionEstablished"
    assert rig.session_id not in {b"unknown!", b"another!"}


def test_cancelling_is_safe_at_any_message(make_rig: Any, make_bay: Any, request_named: Any) -> None:
    names = [*TO_POWER, "PowerDelivery Start", "ChargingStatus", "ChargingStatus"]
    for length in range(len(names) + 1):
        rig = make_rig(make_bay(level="C"))
        for name in names[:length]:
            rig.ask(request_named(name))
        rig.talk.cancel("test")
        assert not rig.car.wish.energise
        assert rig.ended.outcome is Session.FAILED


def test_a_single_phase_outlet_offers_single_phase(rig: Any, ask: Ask) -> None:
    rig.see(phases=1)
    modes = ask(*TO_POWER[:3]).charge_service.supported_energy_transfer_mode
    assert modes == (iso2.EnergyTransferMode.AC_single_phase_core,)
