"""ISO 15118-20:2022, charge parameters and charge loop of AC (V2G_CI_AC); powers in W and var, per phase as L1..L3.

Fields without a phase are for L1, or for all phases where the others are missing.
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
    RationalNumber,
    ScheduledClReqControlMode,
    ScheduledClResControlMode,
)

AC = Namespace("urn:iso:std:iso:15118:-20:AC", "ac", qualified_attributes=True)


class AcCpdReqEnergyTransferMode(Record, namespace=AC, element="AC_CPDReqEnergyTransferMode", substitutable=True):
    ev_maximum_charge_power: RationalNumber = element("EVMaximumChargePower")
    ev_maximum_charge_power_l2: RationalNumber | None = element("EVMaximumChargePower_L2", default=None)
    ev_maximum_charge_power_l3: RationalNumber | None = element("EVMaximumChargePower_L3", default=None)
    ev_minimum_charge_power: RationalNumber = element("EVMinimumChargePower")
    ev_minimum_charge_power_l2: RationalNumber | None = element("EVMinimumChargePower_L2", default=None)
    ev_minimum_charge_power_l3: RationalNumber | None = element("EVMinimumChargePower_L3", default=None)


class AcCpdResEnergyTransferMode(Record, namespace=AC, element="AC_CPDResEnergyTransferMode", substitutable=True):
    evse_maximum_charge_power: RationalNumber = element("EVSEMaximumChargePower")
    evse_maximum_charge_power_l2: RationalNumber | None = element("EVSEMaximumChargePower_L2", default=None)
    evse_maximum_charge_power_l3: RationalNumber | None = element("EVSEMaximumChargePower_L3", default=None)
    evse_minimum_charge_power: RationalNumber = element("EVSEMinimumChargePower")
    evse_minimum_charge_power_l2: RationalNumber | None = element("EVSEMinimumChargePower_L2", default=None)
    evse_minimum_charge_power_l3: RationalNumber | None = element("EVSEMinimumChargePower_L3", default=None)
    evse_nominal_frequency: RationalNumber = element("EVSENominalFrequency")
    maximum_power_asymmetry: RationalNumber | None = element("MaximumPowerAsymmetry", default=None)
    evse_power_ramp_limitation: RationalNumber | None = element("EVSEPowerRampLimitation", default=None)
    evse_present_active_power: RationalNumber | None = element("EVSEPresentActivePower", default=None)
    evse_present_active_power_l2: RationalNumber | None = element("EVSEPresentActivePower_L2", default=None)
    evse_present_active_power_l3: RationalNumber | None = element("EVSEPresentActivePower_L3", default=None)


class BptAcCpdReqEnergyTransferMode(
    AcCpdReqEnergyTransferMode, namespace=AC, element="BPT_AC_CPDReqEnergyTransferMode"
):
    ev_maximum_discharge_power: RationalNumber = element("EVMaximumDischargePower")
    ev_maximum_discharge_power_l2: RationalNumber | None = element("EVMaximumDischargePower_L2", default=None)
    ev_maximum_discharge_power_l3: RationalNumber | None = element("EVMaximumDischargePower_L3", default=None)
    ev_minimum_discharge_power: RationalNumber = element("EVMinimumDischargePower")
    ev_minimum_discharge_power_l2: RationalNumber | None = element("EVMinimumDischargePower_L2", default=None)
    ev_minimum_discharge_power_l3: RationalNumber | None = element("EVMinimumDischargePower_L3", default=None)


class BptAcCpdResEnergyTransferMode(
    AcCpdResEnergyTransferMode, namespace=AC, element="BPT_AC_CPDResEnergyTransferMode"
):
    evse_maximum_discharge_power: RationalNumber = element("EVSEMaximumDischargePower")
    evse_maximum_discharge_power_l2: RationalNumber | None = element("EVSEMaximumDischargePower_L2", default=None)
    evse_maximum_discharge_power_l3: RationalNumber | None = element("EVSEMaximumDischargePower_L3", default=None)
    evse_minimum_discharge_power: RationalNumber = element("EVSEMinimumDischargePower")
    evse_minimum_discharge_power_l2: RationalNumber | None = element("EVSEMinimumDischargePower_L2", default=None)
    evse_minimum_discharge_power_l3: RationalNumber | None = element("EVSEMinimumDischargePower_L3", default=None)


class ScheduledAcClReqControlMode(
    ScheduledClReqControlMode, namespace=AC, element="Scheduled_AC_CLReqControlMode", substitutable=True
):
    ev_maximum_charge_power: RationalNumber | None = element("EVMaximumChargePower", default=None)
    ev_maximum_charge_power_l2: RationalNumber | None = element("EVMaximumChargePower_L2", default=None)
    ev_maximum_charge_power_l3: RationalNumber | None = element("EVMaximumChargePower_L3", default=None)
    ev_minimum_charge_power: RationalNumber | None = element("EVMinimumChargePower", default=None)
    ev_minimum_charge_power_l2: RationalNumber | None = element("EVMinimumChargePower_L2", default=None)
    ev_minimum_charge_power_l3: RationalNumber | None = element("EVMinimumChargePower_L3", default=None)
    ev_present_active_power: RationalNumber = element("EVPresentActivePower")
    ev_present_active_power_l2: RationalNumber | None = element("EVPresentActivePower_L2", default=None)
    ev_present_active_power_l3: RationalNumber | None = element("EVPresentActivePower_L3", default=None)
    ev_present_reactive_power: RationalNumber | None = element("EVPresentReactivePower", default=None)
    ev_present_reactive_power_l2: RationalNumber | None = element("EVPresentReactivePower_L2", default=None)
    ev_present_reactive_power_l3: RationalNumber | None = element("EVPresentReactivePower_L3", default=None)


class ScheduledAcClResControlMode(
    ScheduledClResControlMode, namespace=AC, element="Scheduled_AC_CLResControlMode", substitutable=True
):
    evse_target_active_power: RationalNumber | None = element("EVSETargetActivePower", default=None)
    evse_target_active_power_l2: RationalNumber | None = element("EVSETargetActivePower_L2", default=None)
    evse_target_active_power_l3: RationalNumber | None = element("EVSETargetActivePower_L3", default=None)
    evse_target_reactive_power: RationalNumber | None = element("EVSETargetReactivePower", default=None)
    evse_target_reactive_power_l2: RationalNumber | None = element("EVSETargetReactivePower_L2", default=None)
    evse_target_reactive_power_l3: RationalNumber | None = element("EVSETargetReactivePower_L3", default=None)
    evse_present_active_power: RationalNumber | None = element("EVSEPresentActivePower", default=None)
    evse_present_active_power_l2: RationalNumber | None = element("EVSEPresentActivePower_L2", default=None)
    evse_present_active_power_l3: RationalNumber | None = element("EVSEPresentActivePower_L3", default=None)


class BptScheduledAcClReqControlMode(
    ScheduledAcClReqControlMode, namespace=AC, element="BPT_Scheduled_AC_CLReqControlMode"
):
    ev_maximum_discharge_power: RationalNumber | None = element("EVMaximumDischargePower", default=None)
    ev_maximum_discharge_power_l2: RationalNumber | None = element("EVMaximumDischargePower_L2", default=None)
    ev_maximum_discharge_power_l3: RationalNumber | None = element("EVMaximumDischargePower_L3", default=None)
    ev_minimum_discharge_power: RationalNumber | None = element("EVMinimumDischargePower", default=None)
    ev_minimum_discharge_power_l2: RationalNumber | None = element("EVMinimumDischargePower_L2", default=None)
    ev_minimum_discharge_power_l3: RationalNumber | None = element("EVMinimumDischargePower_L3", default=None)


class BptScheduledAcClResControlMode(
    ScheduledAcClResControlMode, namespace=AC, element="BPT_Scheduled_AC_CLResControlMode"
):
    """Empty."""


class DynamicAcClReqControlMode(
    DynamicClReqControlMode, namespace=AC, element="Dynamic_AC_CLReqControlMode", substitutable=True
):
    ev_maximum_charge_power: RationalNumber = element("EVMaximumChargePower")
    ev_maximum_charge_power_l2: RationalNumber | None = element("EVMaximumChargePower_L2", default=None)
    ev_maximum_charge_power_l3: RationalNumber | None = element("EVMaximumChargePower_L3", default=None)
    ev_minimum_charge_power: RationalNumber = element("EVMinimumChargePower")
    ev_minimum_charge_power_l2: RationalNumber | None = element("EVMinimumChargePower_L2", default=None)
    ev_minimum_charge_power_l3: RationalNumber | None = element("EVMinimumChargePower_L3", default=None)
    ev_present_active_power: RationalNumber = element("EVPresentActivePower")
    ev_present_active_power_l2: RationalNumber | None = element("EVPresentActivePower_L2", default=None)
    ev_present_active_power_l3: RationalNumber | None = element("EVPresentActivePower_L3", default=None)
    ev_present_reactive_power: RationalNumber = element("EVPresentReactivePower")
    ev_present_reactive_power_l2: RationalNumber | None = element("EVPresentReactivePower_L2", default=None)
    ev_present_reactive_power_l3: RationalNumber | None = element("EVPresentReactivePower_L3", default=None)


class DynamicAcClResControlMode(
    DynamicClResControlMode, namespace=AC, element="Dynamic_AC_CLResControlMode", substitutable=True
):
    evse_target_active_power: RationalNumber = element("EVSETargetActivePower")
    evse_target_active_power_l2: RationalNumber | None = element("EVSETargetActivePower_L2", default=None)
    evse_target_active_power_l3: RationalNumber | None = element("EVSETargetActivePower_L3", default=None)
    evse_target_reactive_power: RationalNumber | None = element("EVSETargetReactivePower", default=None)
    evse_target_reactive_power_l2: RationalNumber | None = element("EVSETargetReactivePower_L2", default=None)
    evse_target_reactive_power_l3: RationalNumber | None = element("EVSETargetReactivePower_L3", default=None)
    evse_present_active_power: RationalNumber | None = element("EVSEPresentActivePower", default=None)
    evse_present_active_power_l2: RationalNumber | None = element("EVSEPresentActivePower_L2", default=None)
    evse_present_active_power_l3: RationalNumber | None = element("EVSEPresentActivePower_L3", default=None)


class BptDynamicAcClReqControlMode(DynamicAcClReqControlMode, namespace=AC, element="BPT_Dynamic_AC_CLReqControlMode"):
    ev_maximum_discharge_power: RationalNumber = element("EVMaximumDischargePower")
    ev_maximum_discharge_power_l2: RationalNumber | None = element("EVMaximumDischargePower_L2", default=None)
    ev_maximum_discharge_power_l3: RationalNumber | None = element("EVMaximumDischargePower_L3", default=None)
    ev_minimum_discharge_power: RationalNumber = element("EVMinimumDischargePower")
    ev_minimum_discharge_power_l2: RationalNumber | None = element("EVMinimumDischargePower_L2", default=None)
    ev_minimum_discharge_power_l3: RationalNumber | None = element("EVMinimumDischargePower_L3", default=None)
    ev_maximum_v2x_energy_request: RationalNumber | None = element("EVMaximumV2XEnergyRequest", default=None)
    ev_minimum_v2x_energy_request: RationalNumber | None = element("EVMinimumV2XEnergyRequest", default=None)


class BptDynamicAcClResControlMode(DynamicAcClResControlMode, namespace=AC, element="BPT_Dynamic_AC_CLResControlMode"):
    """Empty."""


class AcChargeParameterDiscoveryRes(
    ChargeParameterDiscoveryRes, namespace=AC, element="AC_ChargeParameterDiscoveryRes"
):
    ac_cpd_res_energy_transfer_mode: AcCpdResEnergyTransferMode = reference()


class AcChargeParameterDiscoveryReq(
    ChargeParameterDiscoveryReq,
    namespace=AC,
    element="AC_ChargeParameterDiscoveryReq",
    answered_by=AcChargeParameterDiscoveryRes,
):
    ac_cpd_req_energy_transfer_mode: AcCpdReqEnergyTransferMode = reference()


class AcChargeLoopRes(ChargeLoopRes, namespace=AC, element="AC_ChargeLoopRes"):
    evse_target_frequency: RationalNumber | None = element("EVSETargetFrequency", default=None)
    cl_res_control_mode: ClResControlMode = reference()


class AcChargeLoopReq(ChargeLoopReq, namespace=AC, element="AC_ChargeLoopReq", answered_by=AcChargeLoopRes):
    cl_req_control_mode: ClReqControlMode = reference()
