"""ISO 15118-20:2022, the messages of DC charging (V2G_CI_DC), also used by MCS and by DC over ACDP.

Powers in W, currents in A, voltages in V.
"""

from firmware.v2g.messages.declare import Namespace, Record, element, reference
from firmware.v2g.messages.iso20_types import (
    ChargeLoopReq,
    ChargeLoopRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    ClReqControlMode,
    ClResControlMode,
    DynamicClReqControlMode,
    DynamicClResControlMode,
    Percent,
    Processing,
    RationalNumber,
    ScheduledClReqControlMode,
    ScheduledClResControlMode,
    V2gRequest,
    V2gResponse,
)

DC = Namespace("urn:iso:std:iso:15118:-20:DC", "dc", qualified_attributes=True)


class DcCpdReqEnergyTransferMode(Record, namespace=DC, element="DC_CPDReqEnergyTransferMode", substitutable=True):
    ev_maximum_charge_power: RationalNumber = element("EVMaximumChargePower")
    ev_minimum_charge_power: RationalNumber = element("EVMinimumChargePower")
    ev_maximum_charge_current: RationalNumber = element("EVMaximumChargeCurrent")
    ev_minimum_charge_current: RationalNumber = element("EVMinimumChargeCurrent")
    ev_maximum_voltage: RationalNumber = element("EVMaximumVoltage")
    ev_minimum_voltage: RationalNumber = element("EVMinimumVoltage")
    target_soc: Percent | None = element("TargetSOC", default=None)


class DcCpdResEnergyTransferMode(Record, namespace=DC, element="DC_CPDResEnergyTransferMode", substitutable=True):
    evse_maximum_charge_power: RationalNumber = element("EVSEMaximumChargePower")
    evse_minimum_charge_power: RationalNumber = element("EVSEMinimumChargePower")
    evse_maximum_charge_current: RationalNumber = element("EVSEMaximumChargeCurrent")
    evse_minimum_charge_current: RationalNumber = element("EVSEMinimumChargeCurrent")
    evse_maximum_voltage: RationalNumber = element("EVSEMaximumVoltage")
    evse_minimum_voltage: RationalNumber = element("EVSEMinimumVoltage")
    evse_power_ramp_limitation: RationalNumber | None = element("EVSEPowerRampLimitation", default=None)


class BptDcCpdReqEnergyTransferMode(
    DcCpdReqEnergyTransferMode, namespace=DC, element="BPT_DC_CPDReqEnergyTransferMode"
):
    ev_maximum_discharge_power: RationalNumber = element("EVMaximumDischargePower")
    ev_minimum_discharge_power: RationalNumber = element("EVMinimumDischargePower")
    ev_maximum_discharge_current: RationalNumber = element("EVMaximumDischargeCurrent")
    ev_minimum_discharge_current: RationalNumber = element("EVMinimumDischargeCurrent")


class BptDcCpdResEnergyTransferMode(
    DcCpdResEnergyTransferMode, namespace=DC, element="BPT_DC_CPDResEnergyTransferMode"
):
    evse_maximum_discharge_power: RationalNumber = element("EVSEMaximumDischargePower")
    evse_minimum_discharge_power: RationalNumber = element("EVSEMinimumDischargePower")
    evse_maximum_discharge_current: RationalNumber = element("EVSEMaximumDischargeCurrent")
    evse_minimum_discharge_current: RationalNumber = element("EVSEMinimumDischargeCurrent")


class ScheduledDcClReqControlMode(
    ScheduledClReqControlMode, namespace=DC, element="Scheduled_DC_CLReqControlMode", substitutable=True
):
    ev_target_current: RationalNumber = element("EVTargetCurrent")
    ev_target_voltage: RationalNumber = element("EVTargetVoltage")
    ev_maximum_charge_power: RationalNumber | None = element("EVMaximumChargePower", default=None)
    ev_minimum_charge_power: RationalNumber | None = element("EVMinimumChargePower", default=None)
    ev_maximum_charge_current: RationalNumber | None = element("EVMaximumChargeCurrent", default=None)
    ev_maximum_voltage: RationalNumber | None = element("EVMaximumVoltage", default=None)
    ev_minimum_voltage: RationalNumber | None = element("EVMinimumVoltage", default=None)


class ScheduledDcClResControlMode(
    ScheduledClResControlMode, namespace=DC, element="Scheduled_DC_CLResControlMode", substitutable=True
):
    evse_maximum_charge_power: RationalNumber | None = element("EVSEMaximumChargePower", default=None)
    evse_minimum_charge_power: RationalNumber | None = element("EVSEMinimumChargePower", default=None)
    evse_maximum_charge_current: RationalNumber | None = element("EVSEMaximumChargeCurrent", default=None)
    evse_maximum_voltage: RationalNumber | None = element("EVSEMaximumVoltage", default=None)


class BptScheduledDcClReqControlMode(
    ScheduledDcClReqControlMode, namespace=DC, element="BPT_Scheduled_DC_CLReqControlMode"
):
    ev_maximum_discharge_power: RationalNumber | None = element("EVMaximumDischargePower", default=None)
    ev_minimum_discharge_power: RationalNumber | None = element("EVMinimumDischargePower", default=None)
    ev_maximum_discharge_current: RationalNumber | None = element("EVMaximumDischargeCurrent", default=None)


class BptScheduledDcClResControlMode(
    ScheduledDcClResControlMode, namespace=DC, element="BPT_Scheduled_DC_CLResControlMode"
):
    evse_maximum_discharge_power: RationalNumber | None = element("EVSEMaximumDischargePower", default=None)
    evse_minimum_discharge_power: RationalNumber | None = element("EVSEMinimumDischargePower", default=None)
    evse_maximum_discharge_current: RationalNumber | None = element("EVSEMaximumDischargeCurrent", default=None)
    evse_minimum_voltage: RationalNumber | None = element("EVSEMinimumVoltage", default=None)


class DynamicDcClReqControlMode(
    DynamicClReqControlMode, namespace=DC, element="Dynamic_DC_CLReqControlMode", substitutable=True
):
    ev_maximum_charge_power: RationalNumber = element("EVMaximumChargePower")
    ev_minimum_charge_power: RationalNumber = element("EVMinimumChargePower")
    ev_maximum_charge_current: RationalNumber = element("EVMaximumChargeCurrent")
    ev_maximum_voltage: RationalNumber = element("EVMaximumVoltage")
    ev_minimum_voltage: RationalNumber = element("EVMinimumVoltage")


class DynamicDcClResControlMode(
    DynamicClResControlMode, namespace=DC, element="Dynamic_DC_CLResControlMode", substitutable=True
):
    evse_maximum_charge_power: RationalNumber = element("EVSEMaximumChargePower")
    evse_minimum_charge_power: RationalNumber = element("EVSEMinimumChargePower")
    evse_maximum_charge_current: RationalNumber = element("EVSEMaximumChargeCurrent")
    evse_maximum_voltage: RationalNumber = element("EVSEMaximumVoltage")


class BptDynamicDcClReqControlMode(DynamicDcClReqControlMode, namespace=DC, element="BPT_Dynamic_DC_CLReqControlMode"):
    ev_maximum_discharge_power: RationalNumber = element("EVMaximumDischargePower")
    ev_minimum_discharge_power: RationalNumber = element("EVMinimumDischargePower")
    ev_maximum_discharge_current: RationalNumber = element("EVMaximumDischargeCurrent")
    ev_maximum_v2x_energy_request: RationalNumber | None = element("EVMaximumV2XEnergyRequest", default=None)
    ev_minimum_v2x_energy_request: RationalNumber | None = element("EVMinimumV2XEnergyRequest", default=None)


class BptDynamicDcClResControlMode(DynamicDcClResControlMode, namespace=DC, element="BPT_Dynamic_DC_CLResControlMode"):
    evse_maximum_discharge_power: RationalNumber = element("EVSEMaximumDischargePower")
    evse_minimum_discharge_power: RationalNumber = element("EVSEMinimumDischargePower")
    evse_maximum_discharge_current: RationalNumber = element("EVSEMaximumDischargeCurrent")
    evse_minimum_voltage: RationalNumber = element("EVSEMinimumVoltage")


class DcChargeParameterDiscoveryRes(
    ChargeParameterDiscoveryRes, namespace=DC, element="DC_ChargeParameterDiscoveryRes"
):
    dc_cpd_res_energy_transfer_mode: DcCpdResEnergyTransferMode = reference()


class DcChargeParameterDiscoveryReq(
    ChargeParameterDiscoveryReq,
    namespace=DC,
    element="DC_ChargeParameterDiscoveryReq",
    answered_by=DcChargeParameterDiscoveryRes,
):
    dc_cpd_req_energy_transfer_mode: DcCpdReqEnergyTransferMode = reference()


class DcCableCheckRes(V2gResponse, namespace=DC, element="DC_CableCheckRes"):
    evse_processing: Processing = element("EVSEProcessing")


class DcCableCheckReq(V2gRequest, namespace=DC, element="DC_CableCheckReq", answered_by=DcCableCheckRes):
    """Asks without saying anything."""


class DcPreChargeRes(V2gResponse, namespace=DC, element="DC_PreChargeRes"):
    evse_present_voltage: RationalNumber = element("EVSEPresentVoltage")


class DcPreChargeReq(V2gRequest, namespace=DC, element="DC_PreChargeReq", answered_by=DcPreChargeRes):
    ev_processing: Processing = element("EVProcessing")
    ev_present_voltage: RationalNumber = element("EVPresentVoltage")
    ev_target_voltage: RationalNumber = element("EVTargetVoltage")


class DcChargeLoopRes(ChargeLoopRes, namespace=DC, element="DC_ChargeLoopRes"):
    evse_present_current: RationalNumber = element("EVSEPresentCurrent")
    evse_present_voltage: RationalNumber = element("EVSEPresentVoltage")
    evse_power_limit_achieved: bool = element("EVSEPowerLimitAchieved")
    evse_current_limit_achieved: bool = element("EVSECurrentLimitAchieved")
    evse_voltage_limit_achieved: bool = element("EVSEVoltageLimitAchieved")
    cl_res_control_mode: ClResControlMode = reference()


class DcChargeLoopReq(ChargeLoopReq, namespace=DC, element="DC_ChargeLoopReq", answered_by=DcChargeLoopRes):
    ev_present_voltage: RationalNumber = element("EVPresentVoltage")
    cl_req_control_mode: ClReqControlMode = reference()


class DcWeldingDetectionRes(V2gResponse, namespace=DC, element="DC_WeldingDetectionRes"):
    evse_present_voltage: RationalNumber = element("EVSEPresentVoltage")


class DcWeldingDetectionReq(
    V2gRequest, namespace=DC, element="DC_WeldingDetectionReq", answered_by=DcWeldingDetectionRes
):
    ev_processing: Processing = element("EVProcessing")
