"""-2 sessions that plan: the car's needs told, plans and signed tariffs offered, the choice kept, a new plan asked for,
and a paused session that finds again what it had."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from firmware.station.schedule import Needs, Plan, Span
from firmware.v2g import exi, v2gtp
from firmware.v2g.ending import Resume
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2, xmldsig
from firmware.v2g.messages.declare import replace
from firmware.v2g.messages.replies import smallest
from firmware.v2g.sessions.iso2_terms import Tariffs, Terms

TO_PARAMETERS: Final = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "PaymentServiceSelection",
    "Authorization",
    "ChargeParameterDiscovery",
)
CHARGING: Final = (*TO_PARAMETERS, "PowerDelivery Start", "ChargingStatus")
DC_CHARGING: Final = (
    *TO_PARAMETERS[:-1],
    "ChargeParameterDiscovery DC",
    "CableCheck",
    "PreCharge",
    "PowerDelivery Start",
    "CurrentDemand",
)
DAY: Final = (Span(0, 11_000, "W"), Span(3600, 4_000, "W"))


@dataclass
class Planner:
    """Energy management set by hand."""

    offered: Sequence[Plan] = (Plan(1, DAY),)
    told: list[Needs] = field(default_factory=list)
    horizons: list[float] = field(default_factory=list)
    choices: list[tuple[int, Sequence[Span]]] = field(default_factory=list)

    def needs(self, needs: Needs) -> None:
        self.told.append(needs)

    def plans(self, horizon_s: float) -> Sequence[Plan]:
        self.horizons.append(horizon_s)
        return self.offered

    def chosen(self, plan_id: int, intended: Sequence[Span]) -> None:
        self.choices.append((plan_id, intended))


@pytest.fixture
def planner() -> Planner:
    return Planner()


@pytest.fixture
def rig(make_rig: Any, make_bay: Any, planner: Planner) -> Any:
    return make_rig(make_bay(level="C"), terms=Terms(planner=planner))


@pytest.fixture
def ask(request_named: Any) -> Callable[..., Any]:
    """Send requests by name one after the other; the last answer."""

    def send(rig: Any, *names: str, **changes: Any) -> Any:
        answer: Any = None
        for name in names:
            [answer] = rig.ask(replace(request_named(name), **(changes if name == names[-1] else {})))
        return answer

    return send


def with_departure(request_named: Any, departure_s: int) -> Any:
    request = request_named("ChargeParameterDiscovery")
    return replace(request, ev_charge_parameter=replace(request.ev_charge_parameter, departure_time=departure_s))


def test_the_planner_hears_what_the_car_wants_and_until_when(
    rig: Any, ask: Any, planner: Planner, request_named: Any
) -> None:
    ask(rig, *TO_PARAMETERS[:-1])
    [offer] = rig.ask(with_departure(request_named, 7200))
    assert planner.told == [Needs(7200, 20_000, 16, 16 * 230 * 3, min_current_a=6, max_voltage_v=400)]
    assert planner.horizons == [7200]
    entries = offer.sa_schedules.sa_schedule_tuple[0].p_max_schedule
    assert [(each.time_interval.start, float(each.p_max)) for each in entries] == [(0, 11_000), (3600, 4_000)]
    assert entries[-1].time_interval.duration == 3600


def test_needs_are_told_once_while_the_back_office_plans(rig: Any, ask: Any, planner: Planner) -> None:
    planner.offered = ()
    assert ask(rig, *TO_PARAMETERS).evse_processing == "Ongoing"
    rig.wait(5)
    assert ask(rig, "ChargeParameterDiscovery").evse_processing == "Ongoing"
    planner.offered = (Plan(3, DAY),)
    assert ask(rig, "ChargeParameterDiscovery").evse_processing == "Finished"
    assert len(planner.told) == 1


def test_the_car_chooses_a_plan_and_says_what_it_will_draw(rig: Any, ask: Any, planner: Planner) -> None:
    planner.offered = (Plan(3, DAY), Plan(4, (Span(0, 6_000, "W"),)))
    assert len(ask(rig, *TO_PARAMETERS).sa_schedules.sa_schedule_tuple) == 2
    profile = iso2.ProfileEntry(
        charging_profile_entry_start=0, charging_profile_entry_max_power=iso2.PhysicalValue.of(5_000, "W")
    )
    answer = ask(rig, "PowerDelivery Start", sa_schedule_tuple_id=4, charging_profile=(profile,))
    assert str(answer.response_code) == "OK"
    assert planner.choices == [(4, (Span(0, 5_000, "W", 3, "EV"),))]
    assert ask(rig, "ChargingStatus").sa_schedule_tuple_id == 4


@pytest.mark.ocpp("2.0.1:K16.FR.02", "2.0.1:K16.FR.03")
def test_another_shape_is_offered_by_renegotiation_once_and_says_why(rig: Any, ask: Any, planner: Planner) -> None:
    ask(rig, *CHARGING)
    planner.offered = (Plan(1, (Span(0, 11_000, "W"), Span(7200, 2_000, "W"))),)
    rig.wait(50)
    for _ in range(17):
        assert ask(rig, "ChargingStatus").ac_evse_status.evse_notification == "None"
        rig.wait(50)
    status = ask(rig, "ChargingStatus").ac_evse_status
    assert (str(status.evse_notification), status.notification_max_delay) == ("ReNegotiation", 60)
    assert "plan anew: " in rig.car.wish.status
    assert ask(rig, "ChargingStatus").ac_evse_status.evse_notification == "None"
    ask(rig, "PowerDelivery Renegotiate")
    entries = ask(rig, "ChargeParameterDiscovery").sa_schedules.sa_schedule_tuple[0].p_max_schedule
    assert float(entries[-1].p_max) == 2_000
    assert len(planner.told) == 2  # the car may want something else now


def test_a_plan_that_only_goes_on_needs_no_renegotiation(rig: Any, ask: Any, planner: Planner) -> None:
    ask(rig, *CHARGING)
    rig.wait(50)
    for passed in range(50, 3000, 50):
        planner.offered = (Plan(1, (Span(0, 11_000, "W"), Span(3600 - passed, 4_000, "W"))),)
        assert ask(rig, "ChargingStatus").ac_evse_status.evse_notification == "None"
        rig.wait(50)


@pytest.mark.parametrize("allowed", [False, True])
def test_dc_cars_are_asked_to_plan_anew_only_where_it_is_configured(
    make_rig: Any, make_dc_bay: Any, ask: Any, planner: Planner, *, allowed: bool
) -> None:
    planner.offered = (Plan(1, (Span(0, 50_000, "W"),)),)
    rig = make_rig(make_dc_bay(level="C"), terms=Terms(planner=planner, renegotiate_dc=allowed))
    ask(rig, *DC_CHARGING)
    planner.offered = (Plan(1, (Span(0, 100_000, "W"),)),)
    asked = set()
    for _ in range(20):
        rig.wait(50)
        asked.add(str(ask(rig, "CurrentDemand").dc_evse_status.evse_notification))
    assert asked == ({"None", "ReNegotiation"} if allowed else {"None"})


def test_a_signed_tariff_goes_out_with_its_signature_in_the_header(
    make_rig: Any, make_bay: Any, ask: Any, request_named: Any
) -> None:
    entry = iso2.SalesTariffEntry(time_interval=iso2.RelativeTimeInterval(start=0), e_price_level=1)
    tariff = iso2.SalesTariff(id="tariff", sales_tariff_id=1, num_e_price_levels=1, sales_tariff_entry=(entry,))
    signature = replace(smallest(xmldsig.Signature), signature_value=xmldsig.SignatureValue(value=bytes(64)))
    rig = make_rig(make_bay(level="C"), terms=Terms(tariffs=lambda _: Tariffs({1: tariff}, signature)))
    ask(rig, *TO_PARAMETERS[:-1])
    header = iso2.MessageHeader(session_id=rig.session_id)
    request = iso2.V2gMessage(header=header, body=request_named("ChargeParameterDiscovery"))
    rig.talk.receive(v2gtp.pack(0x8001, exi.encode(request)), rig.now)
    [frame] = v2gtp.FrameReader().feed(rig.talk.take())
    answer: Any = exi.decode(frame.payload, "iso2")
    assert answer.header.signature == signature
    assert answer.body.sa_schedules.sa_schedule_tuple[0].sales_tariff == tariff


def test_a_session_that_goes_on_finds_its_schedule_and_only_its_payment(
    make_rig: Any, make_bay: Any, ask: Any, planner: Planner
) -> None:
    async def never(*_: Any) -> Any:
        raise NotImplementedError

    terms = Terms(planner=planner, pay_by_contract=never)
    rig = make_rig(make_bay(level="C"), Resume(b"sleeping", 9, "ExternalPayment"), terms)
    rig.session_id = b"sleeping"
    assert ask(rig, "SupportedAppProtocol", "SessionSetup").response_code == "OK_OldSessionJoined"
    assert ask(rig, "ServiceDiscovery").payment_option_list == (iso2.PaymentOption.ExternalPayment,)
    offer = ask(rig, "PaymentServiceSelection", "Authorization", "ChargeParameterDiscovery")
    assert offer.sa_schedules.sa_schedule_tuple[0].sa_schedule_tuple_id == 9
    ask(rig, "PowerDelivery Start", sa_schedule_tuple_id=9)
    ask(rig, "ChargingStatus", "PowerDelivery Stop", "SessionStop Pause")
    assert rig.ended.outcome is Session.PAUSED
    assert rig.ended.resume == Resume(b"sleeping", 9, "ExternalPayment", rig.car.wish.evccid)
    assert len(rig.car.wish.evccid) == 12


def test_what_is_kept_of_a_pause_is_read_again_and_nothing_else() -> None:
    kept = Resume(b"\x00\x01sleepi", 9, "Contract", "02C0FFEE0001")
    assert Resume.read(kept.written()) == kept
    assert Resume.read("") is None
    assert Resume.read('{"session_id": 1}') is None
