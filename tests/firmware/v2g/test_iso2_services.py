"""Services besides charging in -2: shown by category and scope, chosen with their parameter sets, begun and ended."""

from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace
from firmware.v2g.sessions.iso2_terms import Terms
from firmware.v2g.value_added import CertificateService, ParameterSet, internet_sets

TO_DISCOVERY: Final = ("SupportedAppProtocol", "SessionSetup")


@dataclass
class Internet:
    """A provider; what is done to it is kept."""

    id: int = 3
    name: str = "Internet"
    category: Any = "Internet"
    scope: str = "urn:test:net"
    free: bool = True
    needs_contract: bool = False
    parameter_sets: tuple[ParameterSet, ...] = internet_sets(frozenset({80, 443}))
    done: list[object] = field(default_factory=list)

    def begin(self, parameter_set: int | None) -> None:
        self.done.append(parameter_set)

    def end(self) -> None:
        self.done.append("end")


async def never(*_: Any) -> Any:
    raise NotImplementedError


@pytest.fixture
def internet() -> Internet:
    return Internet()


@pytest.fixture
def rig(make_rig: Any, make_bay: Any, internet: Internet) -> Any:
    return make_rig(make_bay(), terms=Terms(value_added=(internet, CertificateService())))


def ask(rig: Any, request_named: Any, *names: str, **changes: Any) -> Any:
    answer: Any = None
    for name in names:
        [answer] = rig.ask(replace(request_named(name), **(changes if name == names[-1] else {})))
    return answer


def test_none_configured_none_offered(make_rig: Any, make_bay: Any, request_named: Any) -> None:
    rig = make_rig(make_bay())
    assert ask(rig, request_named, *TO_DISCOVERY, "ServiceDiscovery").service_list is None


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({}, [3]),
        ({"service_category": iso2.ServiceCategory.Internet}, [3]),
        ({"service_category": iso2.ServiceCategory.OtherCustom}, []),
        ({"service_scope": "urn:test:net"}, [3]),
        ({"service_scope": "urn:elsewhere"}, []),
        ({"service_scope": "urn:test:net", "service_category": iso2.ServiceCategory.EVCharging}, []),
    ],
)
def test_discovery_filters_services_and_always_shows_charging(
    rig: Any, request_named: Any, filters: dict[str, Any], shown: list[int]
) -> None:
    answer = ask(rig, request_named, *TO_DISCOVERY, "ServiceDiscovery", **filters)
    assert answer.charge_service.service_id == 1
    assert [each.service_id for each in answer.service_list or ()] == shown


def test_certificates_are_a_service_of_contracts_only(make_rig: Any, make_bay: Any, request_named: Any) -> None:
    rig = make_rig(make_bay(), terms=Terms(pay_by_contract=never, value_added=(CertificateService(),)))
    answer = ask(rig, request_named, *TO_DISCOVERY, "ServiceDiscovery")
    assert answer.payment_option_list == (iso2.PaymentOption.Contract, iso2.PaymentOption.ExternalPayment)
    assert [each.service_id for each in answer.service_list] == [2]
    detail = ask(rig, request_named, "ServiceDetail", service_id=2)
    assert [
        (each.parameter_set_id, each.parameter[0].name, each.parameter[0].string_value)
        for each in detail.service_parameter_list
    ] == [(1, "Service", "Installation"), (2, "Service", "Update")]


def test_details_are_the_parameter_sets(rig: Any, request_named: Any) -> None:
    detail = ask(rig, request_named, *TO_DISCOVERY, "ServiceDiscovery", "ServiceDetail", service_id=3)
    assert detail.service_id == 3
    assert [
        (each.parameter_set_id, each.parameter[0].string_value, each.parameter[1].int_value)
        for each in detail.service_parameter_list
    ] == [(3, "http", 80), (4, "https", 443)]
    assert ask(rig, request_named, "ServiceDetail", service_id=1).service_parameter_list is None


def select(*services: tuple[int, int | None]) -> dict[str, Any]:
    return {
        "selected_service_list": tuple(
            iso2.SelectedService(service_id=number, parameter_set_id=chosen) for number, chosen in services
        )
    }


@pytest.mark.parametrize(
    ("services", "code"),
    [
        (((1, None), (3, 4)), "OK"),
        (((1, None), (3, None)), "OK"),  # lenient
        (((1, None), (3, 4), (3, 3)), "OK"),
        (((1, None), (3, 1)), "FAILED_ServiceSelectionInvalid"),
        (((1, None), (2, 1)), "FAILED_ServiceSelectionInvalid"),  # certificates without a contract
        (((1, None), (9, None)), "FAILED_ServiceSelectionInvalid"),
        (((3, 4),), "FAILED_NoChargeServiceSelected"),
    ],
)
def test_a_choice_is_judged_and_only_a_good_one_begins(
    rig: Any, request_named: Any, internet: Internet, services: Any, code: str
) -> None:
    names = (*TO_DISCOVERY, "ServiceDiscovery", "PaymentServiceSelection")
    assert str(ask(rig, request_named, *names, **select(*services)).response_code) == code
    assert internet.done == ([chosen for _, chosen in services[1:]] if code == "OK" else [])


@pytest.mark.parametrize("how", ["stop", "lost"])
def test_a_service_ends_with_the_session(rig: Any, request_named: Any, internet: Internet, how: str) -> None:
    names = (*TO_DISCOVERY, "ServiceDiscovery", "PaymentServiceSelection")
    ask(rig, request_named, *names, **select((1, None), (3, 4)))
    if how == "stop":
        ask(rig, request_named, "SessionStop Terminate")
    else:
        rig.talk.lost("cable cut", rig.now)
    assert internet.done == [4, "end"]
