"""2.1 block N where it differs: a reported monitor says whose it is, an event how severe it is."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from firmware.ocpp.dialect import Answer, Office, Outgoing, Shape
from firmware.ocpp.monitor import Monitor
from firmware.ocpp.payload import Payload
from firmware.ocpp.v21 import messages as messages_21
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201 import monitoring as before
from firmware.station import fact, facts


class VariableMonitoring(messages.VariableMonitoring, frozen=True, kw_only=True):
    event_notification_type: messages.EventNotificationEnum


class EventData(messages.EventData, frozen=True, kw_only=True):
    severity: int


def described(monitor: Monitor) -> VariableMonitoring:
    return VariableMonitoring(
        **msgspec.structs.asdict(before.described(monitor)), event_notification_type=monitor.origin
    )


async def get_monitoring_report(request: messages.GetMonitoringReportRequest, office: Office) -> Answer:
    return await before.get_monitoring_report(request, office, described)


def events(fact: facts.MonitorEvents, shape: Shape, remote_id: str | None) -> tuple[Outgoing, ...]:
    told = {each.event_id: each.severity for each in fact.events}
    return tuple(_with_severity(call, told) for call in before.events(fact, shape, remote_id))


def _with_severity(call: Outgoing, severities: dict[int, int]) -> Outgoing:
    payload = call.payload
    if not isinstance(payload, messages.NotifyEventRequest):
        return call
    data = tuple(
        EventData(**msgspec.structs.asdict(each), severity=severities[each.event_id]) for each in payload.event_data
    )
    return Outgoing(call.action, msgspec.structs.replace(payload, event_data=data), call.response)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages_21.GetMonitoringReportRequest: get_monitoring_report,
}
CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    facts.MonitorEvents: events,
}
