"""2.0.1: variables read and written (part 2, B05, B06)."""

from typing import Final

from msgspec import UNSET

from firmware.ocpp.components.communication import MAX_ITEMS
from firmware.ocpp.device_model import DeviceModel, UnknownName
from firmware.ocpp.dialect import Answer, Office, Refusal
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.variables import Variable

_SHOWN: Final = 2500  # DeviceDataCtrlr.ReportingValueSize


async def get_variables(request: messages.GetVariablesRequest, office: Office) -> Answer:
    if len(request.get_variable_data) > MAX_ITEMS:
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} variables")  # B06.FR.16
    results = tuple(_get(office.model, each) for each in request.get_variable_data)
    return Answer(messages.GetVariablesResponse(get_variable_result=results))


def _get(model: DeviceModel, wanted: types.GetVariableData) -> types.GetVariableResult:
    found = find(model, wanted.component, wanted.variable)
    kind: types.AttributeEnum = wanted.attribute_type if wanted.attribute_type is not UNSET else "Actual"  # B06.FR.11
    status: types.GetVariableStatusEnum = "Accepted"
    value: str | None = None
    if not isinstance(found, Variable):
        status = found
    elif kind == "Actual" and found.access == "WriteOnly":
        status = "Rejected"  # B06.FR.09
    else:
        value = model.attribute(found, kind)
        status = "Accepted" if value is not None else "NotSupportedAttributeType"
    return types.GetVariableResult(
        attribute_status=status,
        component=wanted.component,
        variable=wanted.variable,
        attribute_type=kind,
        attribute_value=value[:_SHOWN] if value is not None else UNSET,
    )


async def set_variables(request: messages.SetVariablesRequest, office: Office) -> Answer:
    if len(request.set_variable_data) > MAX_ITEMS:
        raise Refusal("OccurrenceConstraintViolation", f"more than {MAX_ITEMS} variables")  # B05.FR.11
    results = tuple(_set(office.model, each) for each in request.set_variable_data)
    return Answer(messages.SetVariablesResponse(set_variable_result=results))


def _set(model: DeviceModel, wanted: types.SetVariableData) -> types.SetVariableResult:
    found = find(model, wanted.component, wanted.variable)
    kind: types.AttributeEnum = wanted.attribute_type if wanted.attribute_type is not UNSET else "Actual"  # B05.FR.12
    status: types.SetVariableStatusEnum
    reason = ""
    if not isinstance(found, Variable):
        status = found
    elif kind in found.others:
        status, reason = "Rejected", "read-only"  # B05.FR.09
    elif kind != "Actual":
        status = "NotSupportedAttributeType"
    else:
        status, reason = model.set(found, wanted.attribute_value)
    code = "ReadOnly" if reason == "read-only" else "InvalidValue"
    return types.SetVariableResult(
        attribute_status=status,
        component=wanted.component,
        variable=wanted.variable,
        attribute_type=kind,
        attribute_status_info=types.StatusInfo(reason_code=code, additional_info=reason[:512]) if reason else UNSET,
    )


def find(model: DeviceModel, component: types.Component, variable: types.Variable) -> Variable | UnknownName:
    """The variable by its name on the wire; an empty instance is none (B06.FR.15)."""
    evse = component.evse
    connector = evse.connector_id if evse is not UNSET else UNSET
    return model.find(
        component.name,
        variable.name,
        variable.instance if variable.instance is not UNSET else "",
        evse=evse.id if evse is not UNSET else None,
        connector=connector if connector is not UNSET else None,
        component_instance=component.instance if component.instance is not UNSET else "",
    )
