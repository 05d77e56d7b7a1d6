"""What setting a key of 1.6 means for the variables of 2.x: its own, and whatever else the key stands for. Who may set
which key in a running station is `v16/configuration.py`'s."""

from typing import Final

from firmware.ocpp.device_model import DeviceModel, SetStatus
from firmware.ocpp.variables import Variable

# Keys that are two variables in 2.x: one interval for samples that are sent at once and for those of the last message.
_TWINS: Final = {
    "MeterValueSampleInterval": "SampledDataCtrlr.TxEndedInterval",
    "ClockAlignedDataInterval": "AlignedDataCtrlr.TxEndedInterval",
}
_STOP_POINTS: Final = {"true": "EVConnected,Authorized", "false": "Authorized"}


def set_key(model: DeviceModel, variable: Variable, value: str) -> tuple[SetStatus, str]:
    """Set the variable behind a key, and its companions. Returns what `DeviceModel.set` says."""
    status, why = model.set(variable, value)
    if status == "Rejected":
        return status, why
    twin = _TWINS.get(variable.key)
    if twin is not None:
        _set_too(model, twin, value)
    if variable.key == "StopTransactionOnEVSideDisconnect":  # 1.6 knows no stop points: this key says it all
        _set_too(model, "TxCtrlr.TxStopPoint", _STOP_POINTS[value.lower()])
    return status, why


def _set_too(model: DeviceModel, name: str, value: str) -> None:
    component, _, variable = name.partition(".")
    found = model.find(component, variable)
    if isinstance(found, Variable):
        model.set(found, value)
