"""Components of meter values: SampledDataCtrlr, AlignedDataCtrlr; and what is measured at all."""

from dataclasses import replace
from typing import Final

from firmware.ocpp.variables import Variable, fixed, members, number, switch

SAMPLED: Final = "SampledDataCtrlr"
ALIGNED: Final = "AlignedDataCtrlr"

ENERGY: Final = "Energy.Active.Import.Register"
MEASURANDS: Final = (
    ENERGY,
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "SoC",
)
#: 1.6 9.1.17: a measurand may be wanted of one phase only
OF_ONE_PHASE: Final = tuple(
    f"{measurand}.L{phase}{end}"
    for measurand, ends in (("Voltage", ("", "-N")), ("Current.Import", ("",)))
    for phase in (1, 2, 3)
    for end in ends
)
_USUAL: Final = f"{ENERGY},Power.Active.Import,Current.Import,Voltage"


def _measurands(component: str, name: str, default: str, key: str = "") -> Variable:
    return replace(members(component, name, default, MEASURANDS, key=key), also=OF_ONE_PHASE)


ROWS: Final[tuple[Variable, ...]] = (
    fixed(SAMPLED, "Available", "boolean", "true"),
    switch(SAMPLED, "Enabled", True),
    number(SAMPLED, "TxUpdatedInterval", 60, key="MeterValueSampleInterval", unit="s"),
    _measurands(SAMPLED, "TxUpdatedMeasurands", _USUAL, "MeterValuesSampledData"),
    _measurands(SAMPLED, "TxStartedMeasurands", ENERGY),
    number(SAMPLED, "TxEndedInterval", 0, unit="s"),
    _measurands(SAMPLED, "TxEndedMeasurands", ENERGY, "StopTxnSampledData"),
    # Fixed: no meter here tells its energy by phase, so there is nothing to leave out.
    fixed(SAMPLED, "RegisterValuesWithoutPhases", "boolean", "true"),
    fixed(ALIGNED, "Available", "boolean", "true"),
    switch(ALIGNED, "Enabled", True),
    number(ALIGNED, "Interval", 0, key="ClockAlignedDataInterval", unit="s"),
    _measurands(ALIGNED, "Measurands", ENERGY, "MeterValuesAlignedData"),
    number(ALIGNED, "TxEndedInterval", 0, unit="s"),
    _measurands(ALIGNED, "TxEndedMeasurands", "", "StopTxnAlignedData"),
    switch(ALIGNED, "SendDuringIdle", False),
)
