"""2.0.1: variables read, written and reported (part 2, B05 to B07)."""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET, UnsetType

from firmware.ocpp.device_model import DeviceModel, UnknownName
from firmware.ocpp.dialect import Answer, Office, Outgoing, Refusal
from firmware.ocpp.payload import stamp
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.variables import Variable

MAX_ITEMS: Final = 50  # DeviceDataCtrlr.ItemsPerMessage
PAGE: Final = 10  # rows of one NotifyReport: about 4 kB


async def get_variables(request: messages.GetVariablesRequest, office: Office) -> Answer:
    if len(request.get_variable_data) > MAX_ITEMS:
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} variables")  # B06.FR.16
    results = tuple(_get(office.model, each) for each in request.get_variable_data)
    return Answer(messages.GetVariablesResponse(get_variable_result=results))


def _get(model: DeviceModel, wanted: types.GetVariableData) -> types.GetVariableResult:
    found = _find(model, wanted.component, wanted.variable)
    status: types.GetVariableStatusEnum = "Accepted"
    value: str | None = None
    if not isinstance(found, Variable):
        status = found
    elif wanted.attribute_type not in (UNSET, "Actual"):
        status = "NotSupportedAttributeType"
    elif found.access == "WriteOnly":
        status = "Rejected"  # B06.FR.09
    else:
        value = model.value(found)
    return types.GetVariableResult(
        attribute_status=status,
        component=wanted.component,
        variable=wanted.variable,
        attribute_type=wanted.attribute_type,
        attribute_value=value if value is not None else UNSET,
    )


async def set_variables(request: messages.SetVariablesRequest, office: Office) -> Answer:
    if len(request.set_variable_data) > MAX_ITEMS:
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} variables")  # B05.FR.11
    results = tuple(_set(office.model, each) for each in request.set_variable_data)
    return Answer(messages.SetVariablesResponse(set_variable_result=results))


def _set(model: DeviceModel, wanted: types.SetVariableData) -> types.SetVariableResult:
    found = _find(model, wanted.component, wanted.variable)
    status: types.SetVariableStatusEnum
    reason = ""
    if not isinstance(found, Variable):
        status = found
    elif wanted.attribute_type not in (UNSET, "Actual"):
        status = "NotSupportedAttributeType"
    else:
        status, reason = model.set(found, wanted.attribute_value)
    return types.SetVariableResult(
        attribute_status=status,
        component=wanted.component,
        variable=wanted.variable,
        attribute_type=wanted.attribute_type,
        attribute_status_info=types.StatusInfo(reason_code="InvalidValue", additional_info=reason) if reason else UNSET,
    )


async def get_base_report(request: messages.GetBaseReportRequest, office: Office) -> Answer:
    if request.report_base == "SummaryInventory":
        return Answer(messages.GetBaseReportResponse(status="NotSupported"))  # B07.FR.12 leaves it to us
    rows: Iterable[Variable] = office.model
    if request.report_base == "ConfigurationInventory":
        rows = [row for row in office.model if row.access != "ReadOnly"]
    reports = [_report(office.model, row) for row in rows]
    pages = [tuple(reports[start : start + PAGE]) for start in range(0, len(reports), PAGE)]
    then = tuple(
        Outgoing(
            "NotifyReport",
            messages.NotifyReportRequest(
                request_id=request.request_id,
                generated_at=stamp(office.station.clock.utc()),
                seq_no=number,
                tbc=True if number + 1 < len(pages) else UNSET,
                report_data=page,
            ),
            messages.NotifyReportResponse,
        )
        for number, page in enumerate(pages)
    )
    return Answer(messages.GetBaseReportResponse(status="Accepted"), then)


def _report(model: DeviceModel, row: Variable) -> types.ReportData:
    hidden = row.access == "WriteOnly"
    return types.ReportData(
        component=types.Component(name=row.component, evse=_place(row)),
        variable=types.Variable(name=row.name, instance=row.instance or UNSET),
        variable_attribute=(
            types.VariableAttribute(
                value=UNSET if hidden else model.value(row), mutability=row.access, persistent=row.read is None
            ),
        ),
        variable_characteristics=types.VariableCharacteristics(
            data_type=row.kind,
            supports_monitoring=False,
            unit=row.unit or UNSET,
            min_limit=row.minimum if row.minimum is not None else UNSET,
            max_limit=row.maximum if row.maximum is not None else UNSET,
            values_list=",".join(row.values) or UNSET,
        ),
    )


def _place(row: Variable) -> types.Evse | UnsetType:
    if row.evse is None:
        return UNSET
    return types.Evse(id=row.evse, connector_id=row.connector if row.connector is not None else UNSET)


def _find(model: DeviceModel, component: types.Component, variable: types.Variable) -> Variable | UnknownName:
    evse = component.evse
    connector = evse.connector_id if evse is not UNSET else UNSET
    return model.find(
        component.name,
        variable.name,
        variable.instance if variable.instance is not UNSET else "",
        evse=evse.id if evse is not UNSET else None,
        connector=connector if connector is not UNSET else None,
    )
