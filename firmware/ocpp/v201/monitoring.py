"""2.0.1 block N: monitors set, cleared and reported (N02 to N06), and what they tell (N07, N08)."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final, cast

from msgspec import UNSET

from firmware.ocpp.components.communication import MAX_ITEMS
from firmware.ocpp.dialect import Answer, Office, Outgoing, Refusal, Shape
from firmware.ocpp.monitor import Monitor
from firmware.ocpp.payload import Payload, given, stamp
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.v201.configuration import find
from firmware.ocpp.v201.reports import component_of, matches, paged, variable_of
from firmware.ocpp.variables import Variable
from firmware.station import fact, facts

PAGE: Final = 10  # events or variables of one message
_CRITERIA: Final = {
    "ThresholdMonitoring": frozenset({"UpperThreshold", "LowerThreshold"}),
    "DeltaMonitoring": frozenset({"Delta"}),
    "PeriodicMonitoring": frozenset({"Periodic", "PeriodicClockAligned"}),
}
Described = Callable[[Monitor], messages.VariableMonitoring]


async def set_monitoring_base(request: messages.SetMonitoringBaseRequest, office: Office) -> Answer:
    office.monitors.set_base(request.monitoring_base)
    return Answer(messages.SetMonitoringBaseResponse(status="Accepted"))


async def set_monitoring_level(request: messages.SetMonitoringLevelRequest, office: Office) -> Answer:
    taken = office.monitors.set_level(request.severity)
    return Answer(messages.SetMonitoringLevelResponse(status="Accepted" if taken else "Rejected"))  # N05.FR.02


async def set_variable_monitoring(request: messages.SetVariableMonitoringRequest, office: Office) -> Answer:
    if len(request.set_monitoring_data) > MAX_ITEMS:  # N04.FR.09
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} monitors")
    results = tuple(_set(each, office) for each in request.set_monitoring_data)
    return Answer(messages.SetVariableMonitoringResponse(set_monitoring_result=results))


def _set(wanted: messages.SetMonitoringData, office: Office) -> messages.SetMonitoringResult:
    row = find(office.model, wanted.component, wanted.variable)
    status: messages.SetMonitoringStatusEnum
    number: int | None = None
    reason = ""
    if isinstance(row, Variable):
        status, number, reason = office.monitors.set(
            row,
            wanted.type,
            wanted.value,
            wanted.severity,
            id=given(wanted.id),
            transaction=wanted.transaction is True,
        )
    else:
        status = row
    return messages.SetMonitoringResult(
        status=status,
        type=wanted.type,
        component=wanted.component,
        variable=wanted.variable,
        severity=wanted.severity,
        id=number if number is not None else UNSET,
        status_info=types.StatusInfo(reason_code="InvalidValue", additional_info=reason) if reason else UNSET,
    )


async def clear_variable_monitoring(request: messages.ClearVariableMonitoringRequest, office: Office) -> Answer:
    if len(request.id) > MAX_ITEMS:
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} monitors")  # N06.FR.06
    results = tuple(
        messages.ClearMonitoringResult(status=office.monitors.clear(number), id=number) for number in request.id
    )
    return Answer(messages.ClearVariableMonitoringResponse(clear_monitoring_result=results))


def described(monitor: Monitor) -> messages.VariableMonitoring:
    return messages.VariableMonitoring(
        id=monitor.id,
        transaction=monitor.transaction,
        value=monitor.value,
        type=monitor.kind,
        severity=monitor.severity,
    )


async def get_monitoring_report(
    request: messages.GetMonitoringReportRequest, office: Office, describe: Described = described
) -> Answer:
    """N02: the monitors of the named variables that are of one of these kinds."""
    wanted = given(request.component_variable) or ()
    if len(wanted) > MAX_ITEMS:  # N02.FR.07
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} variables")
    criteria = given(request.monitoring_criteria) or ()
    kinds = frozenset(kind for each in criteria for kind in _CRITERIA[each])
    found: dict[int, tuple[Variable, list[Monitor]]] = {}
    for monitor in office.monitors:
        row = office.monitors.variable(monitor)
        if row is None or (kinds and monitor.kind not in kinds):
            continue
        if not wanted or any(matches(row, each) for each in wanted):
            found.setdefault(id(row), (row, []))[1].append(monitor)
    if not found:
        return Answer(messages.GetMonitoringReportResponse(status="EmptyResultSet"))  # N02.FR.10
    then = _notify(office, request.request_id, found.values(), describe)
    return Answer(messages.GetMonitoringReportResponse(status="Accepted"), then)


def _notify(
    office: Office, request_id: int, found: Iterable[tuple[Variable, list[Monitor]]], describe: Described
) -> Iterator[Outgoing]:
    for number, more, page in paged(found, PAGE):
        payload = messages.NotifyMonitoringReportRequest(
            request_id=request_id,
            seq_no=number,
            generated_at=stamp(office.station.clock.utc()),
            tbc=True if more else UNSET,
            monitor=tuple(
                messages.MonitoringData(
                    component=component_of(row),
                    variable=variable_of(row),
                    variable_monitoring=tuple(describe(each) for each in monitors),
                )
                for row, monitors in page
            ),
        )
        yield Outgoing("NotifyMonitoringReport", payload, messages.NotifyMonitoringReportResponse)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.SetMonitoringBaseRequest: set_monitoring_base,
    messages.SetMonitoringLevelRequest: set_monitoring_level,
    messages.SetVariableMonitoringRequest: set_variable_monitoring,
    messages.ClearVariableMonitoringRequest: clear_variable_monitoring,
    messages.GetMonitoringReportRequest: get_monitoring_report,
}


# --- what monitors tell ---------------------------------------------------------------------------------------------


def events(fact: facts.MonitorEvents, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """N07, N08: events of one instant belong together; the first message of them is number 0 (N07.FR.07)."""
    return tuple(
        Outgoing(
            "NotifyEvent",
            messages.NotifyEventRequest(
                generated_at=stamp(fact.at),
                seq_no=number,
                tbc=True if more else UNSET,
                event_data=tuple(event_data(each, fact.at) for each in page),
            ),
            messages.NotifyEventResponse,
        )
        for number, more, page in paged(fact.events, PAGE)
    )


def event_data(event: facts.MonitorEvent, at: float) -> messages.EventData:
    evse = types.Evse(id=event.evse, connector_id=event.connector or UNSET) if event.evse is not None else UNSET
    return messages.EventData(
        event_id=event.event_id,
        timestamp=stamp(at),
        trigger=event.trigger,
        actual_value=event.value[:2500],
        component=types.Component(name=event.component, instance=event.component_instance or UNSET, evse=evse),
        event_notification_type=cast(messages.EventNotificationEnum, event.origin),
        variable=types.Variable(name=event.variable, instance=event.instance or UNSET),
        cause=event.cause if event.cause is not None else UNSET,
        tech_code=event.tech_code or UNSET,
        tech_info=event.tech_info or UNSET,
        cleared=True if event.cleared else UNSET,
        transaction_id=event.transaction_id or UNSET,
        variable_monitoring_id=event.monitor_id,
    )


CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    facts.MonitorEvents: events,
}
