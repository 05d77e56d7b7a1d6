"""ISO 15118-2 service discovery, details and selection: what is shown to the car, and what is wrong with its choice.

Pure, from the terms of the session to messages; the conversation is `iso2_setup`'s.
"""

from typing import Final

from firmware.v2g.messages.iso2 import (
    ChargeService,
    EnergyTransferMode,
    Parameter,
    ParameterSet,
    PaymentOption,
    PaymentServiceSelectionReq,
    PaymentServiceSelectionRes,
    ResponseCode,
    Service,
    ServiceCategory,
    ServiceDetailReq,
    ServiceDetailRes,
    ServiceDiscoveryReq,
    ServiceDiscoveryRes,
)
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.sessions.iso2_terms import Terms
from firmware.v2g.value_added import Value, ValueAddedService

CHARGE_SERVICE_ID: Final = 1
MOST_SERVICES: Final = 8


def discovery(
    request: ServiceDiscoveryReq,
    modes: tuple[EnergyTransferMode, ...],
    terms: Terms,
    only: PaymentOption | None = None,
) -> ServiceDiscoveryRes:
    """Charging in these modes, always shown; of the other services those in the category and scope asked for.
    Contract goes first: a car that can takes it without asking its driver. `only`: how a session that goes on was
    paid so far [V2G2-740]."""
    charging = ChargeService(
        service_id=CHARGE_SERVICE_ID,
        service_category=ServiceCategory.EVCharging,
        free_service=False,
        supported_energy_transfer_mode=modes,
    )
    options: tuple[PaymentOption, ...] = (PaymentOption.ExternalPayment,)
    if terms.pay_by_contract is not None:
        options = (PaymentOption.Contract, PaymentOption.ExternalPayment)
    others = tuple(_shown(each) for each in offered(terms) if _asked_for(each, request))
    return ServiceDiscoveryRes(
        payment_option_list=(only,) if only in options and only is not None else options,
        charge_service=charging,
        service_list=others[:MOST_SERVICES] or None,
    )


def offered(terms: Terms) -> tuple[ValueAddedService, ...]:
    """Those that can be had in this session."""
    return tuple(each for each in terms.value_added if terms.pay_by_contract is not None or not each.needs_contract)


def _asked_for(service: ValueAddedService, request: ServiceDiscoveryReq) -> bool:
    category_fits = request.service_category is None or request.service_category == service.category
    return category_fits and (not request.service_scope or request.service_scope == service.scope)


def _shown(service: ValueAddedService) -> Service:
    return Service(
        service_id=service.id,
        service_name=service.name[:32],
        service_category=ServiceCategory(service.category),
        service_scope=service.scope[:64] or None,
        free_service=service.free,
    )


def detail(request: ServiceDetailReq, terms: Terms) -> ServiceDetailRes:
    """The parameter sets of one service; the charge service has none."""
    if request.service_id == CHARGE_SERVICE_ID:
        return ServiceDetailRes(service_id=CHARGE_SERVICE_ID)
    service = _find(request.service_id, terms)
    if service is None:
        return failure_reply(ServiceDetailRes, ResponseCode.FAILED_ServiceIDInvalid, service_id=request.service_id)
    sets = tuple(
        ParameterSet(parameter_set_id=each.id, parameter=tuple(_parameter(*pair) for pair in each.parameters))
        for each in service.parameter_sets
    )
    return ServiceDetailRes(service_id=service.id, service_parameter_list=sets or None)


def _find(service_id: int, terms: Terms) -> ValueAddedService | None:
    return next((each for each in offered(terms) if each.id == service_id), None)


def _parameter(name: str, value: Value) -> Parameter:
    if isinstance(value, bool):
        return Parameter(name=name, bool_value=value)
    return Parameter(name=name, int_value=value) if isinstance(value, int) else Parameter(name=name, string_value=value)


def selection(
    request: PaymentServiceSelectionReq, offer: ServiceDiscoveryRes, terms: Terms
) -> PaymentServiceSelectionRes:
    """Payment first, then charging itself, then the others with their parameter sets."""
    if request.selected_payment_option not in offer.payment_option_list:
        code = ResponseCode.FAILED_PaymentSelectionInvalid
    elif CHARGE_SERVICE_ID not in {each.service_id for each in request.selected_service_list}:
        code = ResponseCode.FAILED_NoChargeServiceSelected
    elif not all(_selectable(request, *pair, terms) for pair in _others(request)):
        code = ResponseCode.FAILED_ServiceSelectionInvalid
    else:
        code = ResponseCode.OK
    return PaymentServiceSelectionRes(response_code=code)


def _others(request: PaymentServiceSelectionReq) -> tuple[tuple[int, int | None], ...]:
    """(service, parameter set) of what was selected besides charging."""
    return tuple(
        (each.service_id, each.parameter_set_id)
        for each in request.selected_service_list
        if each.service_id != CHARGE_SERVICE_ID
    )


def _selectable(request: PaymentServiceSelectionReq, service_id: int, parameter_set: int | None, terms: Terms) -> bool:
    service = _find(service_id, terms)
    if service is None:
        return False
    if service.needs_contract and request.selected_payment_option is not PaymentOption.Contract:
        return False
    # lenient: a set need not be named, cars leave it out where there is little to choose
    return parameter_set is None or parameter_set in {each.id for each in service.parameter_sets}


def begin(request: PaymentServiceSelectionReq, terms: Terms) -> None:
    """Start what was selected besides charging."""
    for service_id, parameter_set in _others(request):
        service = _find(service_id, terms)
        if service is not None:
            service.begin(parameter_set)


def end(terms: Terms) -> None:
    """The session is over, and every service with it."""
    for service in terms.value_added:
        service.end()
