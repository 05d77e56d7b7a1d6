"""2.0.1: the device model reported (part 2, B07, B08): which rows, and page by page.

A page is made when it is sent, so a report costs the memory of one page, however long it is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

from firmware.ocpp.components.communication import MAX_ITEMS
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Answer, Office, Outgoing, Refusal
from firmware.ocpp.payload import stamp
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.v201.status_info import because
from firmware.ocpp.variables import Attribute, Variable

BUSY: Final = "other reports are still being sent"
PAGE: Final = 10  # rows of one NotifyReport: about 4 kB
_ATTRIBUTES: Final[tuple[Attribute, ...]] = ("Target", "MinSet", "MaxSet")
MAX_UNDER_WAY: Final = 8  # reports at a time: one that asks for more must wait (B07.FR.13, B08.FR.16)
_Item = TypeVar("_Item")


async def get_base_report(request: messages.GetBaseReportRequest, office: Office) -> Answer:
    """B07: ConfigurationInventory is what can be set, SummaryInventory availability and condition."""
    if len(office.model.reports) >= MAX_UNDER_WAY:
        return Answer(messages.GetBaseReportResponse(status="Rejected", status_info=because(BUSY)))
    rows = [row for row in office.model if _in_base(row, request.report_base)]
    return Answer(messages.GetBaseReportResponse(status="Accepted"), Report(office, request.request_id, rows))


def _in_base(row: Variable, base: str) -> bool:
    if base == "ConfigurationInventory":
        return row.access != "ReadOnly"  # B07.FR.07
    return base == "FullInventory" or row.summary


async def get_report(request: messages.GetReportRequest, office: Office) -> Answer:
    """B08: the rows of the named variables whose component meets one of the criteria."""
    if len(office.model.reports) >= MAX_UNDER_WAY:
        return Answer(messages.GetReportResponse(status="Rejected", status_info=because(BUSY)))
    wanted = request.component_variable if request.component_variable is not UNSET else ()
    if len(wanted) > MAX_ITEMS:
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} variables")  # B08.FR.17
    rows = [row for row in office.model if not wanted or any(matches(row, each) for each in wanted)]
    if request.component_criteria is not UNSET:
        meets = _criteria(office.model, request.component_criteria)
        rows = [row for row in rows if meets(row)]
    if not rows:
        return Answer(messages.GetReportResponse(status="EmptyResultSet"))  # B08.FR.15
    return Answer(messages.GetReportResponse(status="Accepted"), Report(office, request.request_id, rows))


def matches(row: Variable, wanted: types.ComponentVariable) -> bool:
    """Is the row one that is asked for? What is left out of the question stands for all there are (B08.FR.20-25)."""
    component, variable = wanted.component, wanted.variable
    evse = component.evse
    return (
        _same(component.name, row.component)
        and _same_if_told(component.instance, row.component_instance)
        and (evse is UNSET or evse.id == row.evse)
        and (evse is UNSET or evse.connector_id in (UNSET, row.connector))
        and (variable is UNSET or _same(variable.name, row.name))
        and (variable is UNSET or _same_if_told(variable.instance, row.instance))
    )


def _same(name: str, other: str) -> bool:
    return name.lower() == other.lower()


def _same_if_told(name: str | UnsetType, other: str) -> bool:
    return name is UNSET or not name or _same(name, other)


def _criteria(model: DeviceModel, criteria: Sequence[str]) -> Callable[[Variable], bool]:
    """A component meets a criterion when that variable is true or, but for Problem, when it has none (B08.FR.07-10);
    one criterion is enough (B08.FR.13)."""

    def meets(row: Variable) -> bool:
        for criterion in criteria:
            found = model.find(
                row.component, criterion, "", row.evse, row.connector, component_instance=row.component_instance
            )
            if (model.value(found) == "true") if isinstance(found, Variable) else criterion != "Problem":
                return True
        return False

    return meets


# --- pages ----------------------------------------------------------------------------------------------------------


def paged(items: Iterable[_Item], size: int) -> Iterator[tuple[int, bool, tuple[_Item, ...]]]:
    """Number, is there more to come, and the items of each page."""
    rest = iter(items)
    page = tuple(islice(rest, size))
    number = 0
    while page:
        following = tuple(islice(rest, size))
        yield number, bool(following), page
        number, page = number + 1, following


class Report:
    """A report on its way, page by page. The model knows of it as long as somebody holds it: a connection that is lost
    drops what it still had to send."""

    def __init__(self, office: Office, request_id: int, rows: Iterable[Variable]) -> None:
        self._pages = _notify(office, request_id, rows)
        office.model.reports.add(self)

    def __iter__(self) -> "Report":
        return self

    def __next__(self) -> Outgoing:
        return next(self._pages)


def _notify(office: Office, request_id: int, rows: Iterable[Variable]) -> Iterator[Outgoing]:
    model, clock = office.model, office.station.clock
    for number, more, page in paged(rows, PAGE):
        payload = messages.NotifyReportRequest(
            request_id=request_id,
            generated_at=stamp(clock.utc()),
            seq_no=number,
            tbc=True if more else UNSET,
            report_data=tuple(_report(model, row) for row in page),
        )
        yield Outgoing("NotifyReport", payload, messages.NotifyReportResponse)


def _report(model: DeviceModel, row: Variable) -> types.ReportData:
    return types.ReportData(
        component=component_of(row),
        variable=variable_of(row),
        variable_attribute=_attributes(model, row),
        variable_characteristics=types.VariableCharacteristics(
            data_type=row.kind,
            supports_monitoring=row.supports_monitoring,
            unit=row.unit or UNSET,
            min_limit=row.minimum if row.minimum is not None else UNSET,
            max_limit=_most(row),
            values_list=",".join(row.values) or UNSET,
        ),
    )


def _attributes(model: DeviceModel, row: Variable) -> tuple[types.VariableAttribute, ...]:
    """Every attribute it has (B07.FR.11); what is write-only keeps its value to itself."""
    actual = types.VariableAttribute(
        value=UNSET if row.access == "WriteOnly" else model.value(row)[:2500],
        mutability=row.access,
        persistent=row.persistent,
        constant=True if row.constant else UNSET,
    )
    others = (
        types.VariableAttribute(type=kind, value=row.others[kind](), mutability="ReadOnly")
        for kind in _ATTRIBUTES
        if kind in row.others
    )
    return (actual, *others)


def _most(row: Variable) -> float | UnsetType:
    """What it can be at most: of a live value that is what the hardware can (B07, EVSE.Power)."""
    if row.maximum is not None:
        return row.maximum
    return float(row.others["MaxSet"]()) if row.numeric and "MaxSet" in row.others else UNSET


def component_of(row: Variable) -> types.Component:
    evse: types.Evse | UnsetType = UNSET
    if row.evse is not None:
        evse = types.Evse(id=row.evse, connector_id=row.connector if row.connector is not None else UNSET)
    return types.Component(name=row.component, instance=row.component_instance or UNSET, evse=evse)


def variable_of(row: Variable) -> types.Variable:
    return types.Variable(name=row.name, instance=row.instance or UNSET)
