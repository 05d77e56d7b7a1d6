"""ISO 15118-20 Amendment 1: AC as a distributed energy resource by European grid codes (AC-DER-IEC).

Six more members of AC's substitution groups; the messages are AC's own and must be encoded with the schema named.
UNVERIFIED against the amendment's schema: structure and order are those that EVerest's open codec shows, and the
streams of its tests are read and written exactly. The North American variant (AC-DER-SAE) is not here.
"""

from enum import StrEnum

from firmware.v2g.messages.declare import Namespace, Record, element
from firmware.v2g.messages.iso20_ac import (
    AcCpdReqEnergyTransferMode,
    AcCpdResEnergyTransferMode,
    DynamicAcClReqControlMode,
    DynamicAcClResControlMode,
    ScheduledAcClReqControlMode,
    ScheduledAcClResControlMode,
)
from firmware.v2g.messages.iso20_types import Processing, RationalNumber, UnsignedByte, UnsignedInt, UnsignedShort

AC_DER_IEC = Namespace("urn:iso:std:iso:15118:-20:AC-DER-IEC", "der", qualified_attributes=True)


class PowerFactorExcitation(StrEnum):
    OverExcited = "OverExcited"
    UnderExcited = "UnderExcited"


class CurveDataPointsUnit(StrEnum):
    V = "V"
    Hz = "Hz"
    W = "W"
    s = "s"
    var = "var"


class LockValueUnit(StrEnum):
    V = "V"
    Hz = "Hz"
    W = "W"
    s = "s"
    var = "var"


class PowerReference(StrEnum):
    MaximumDischargePower = "MaximumDischargePower"
    MomentaryPower = "MomentaryPower"


class EvOperatingMode(StrEnum):
    GridFollowing = "GridFollowing"
    GridForming = "GridForming"


class GridConnectionMode(StrEnum):
    GridConnected = "GridConnected"
    GridIslanded = "GridIslanded"


class SetpointExcitation(Record, namespace=AC_DER_IEC):
    """One ordinate; the excitation belongs to a power factor."""

    setpoint_value: RationalNumber = element("SetpointValue")
    excitation: PowerFactorExcitation | None = element("Excitation", default=None)


class DataTuple(Record, namespace=AC_DER_IEC):
    """One point of a curve."""

    x_value: RationalNumber = element("xValue")
    y_value: SetpointExcitation = element("yValue")


class CurveDataPointsList(Record, namespace=AC_DER_IEC, transparent=True):
    curve_data_point: tuple[DataTuple, ...] = element("CurveDataPoint", min_occurs=2, max_occurs=10)


class DerCurve(Record, namespace=AC_DER_IEC):
    """Reactive power over voltage or active power."""

    x_unit: CurveDataPointsUnit = element("xUnit")
    y_unit: CurveDataPointsUnit = element("yUnit")
    curve_data_points: tuple[DataTuple, ...] = element("CurveDataPoints", through=CurveDataPointsList)
    min_cos_phi: RationalNumber | None = element("MinCosPhi", default=None)
    lock_value_unit: LockValueUnit | None = element("LockValueUnit", default=None)
    lock_in_value: RationalNumber | None = element("LockInValue", default=None)
    lock_out_value: RationalNumber | None = element("LockOutValue", default=None)
    pt1_response_reactive_power: bool = element("PT1ResponseReactivePower")
    step_response_time_constant_reactive_power: RationalNumber = element("StepResponseTimeConstantReactivePower")
    intentional_delay: RationalNumber | None = element("IntentionalDelay", default=None)


class FrequencyWatt(Record, namespace=AC_DER_IEC):
    """Active power over frequency."""

    fstart: RationalNumber = element("Fstart")
    fstop: RationalNumber = element("Fstop")
    intentional_delay_fstop: UnsignedShort | None = element("IntentionalDelayFstop", default=None)
    slope: RationalNumber = element("Slope")
    deactivation_time: UnsignedShort | None = element("DeactivationTime", default=None)
    intentional_delay_power_control: UnsignedShort | None = element("IntentionalDelayPowerControl", default=None)
    power_reference: PowerReference = element("PowerReference")
    hysteresis_control: bool = element("HysteresisControl")
    power_up_ramp: UnsignedShort | None = element("PowerUpRamp", default=None)
    pt1_response_active_power: bool = element("PT1ResponseActivePower")
    step_response_time_constant_active_power: RationalNumber = element("StepResponseTimeConstantActivePower")


class VoltWatt(Record, namespace=AC_DER_IEC):
    """Active power over voltage."""

    power_reference: PowerReference = element("PowerReference")
    u_start: RationalNumber = element("UStart")
    u_stop: RationalNumber = element("UStop")
    pt1_response_active_power: bool = element("PT1ResponseActivePower")
    step_response_time_constant_active_power: RationalNumber = element("StepResponseTimeConstantActivePower")
    intentional_delay_power_control: UnsignedInt | None = element("IntentionalDelayPowerControl", default=None)


class FaultRideThrough(Record, namespace=AC_DER_IEC):
    voltage_limit_start_frt: RationalNumber = element("VoltageLimitStartFRT")
    voltage_limit_stop_frt: RationalNumber | None = element("VoltageLimitStopFRT", default=None)
    voltage_recovery_limit: RationalNumber | None = element("VoltageRecoveryLimit", default=None)
    voltage_ride_through_positive_curve_k_factor: RationalNumber | None = element(
        "VoltageRideThroughPositiveCurveKFactor", default=None
    )
    voltage_ride_through_negative_curve_k_factor: RationalNumber | None = element(
        "VoltageRideThroughNegativeCurveKFactor", default=None
    )
    pt1_response_active_power: bool = element("PT1ResponseActivePower")
    step_response_time_constant_active_power: RationalNumber = element("StepResponseTimeConstantActivePower")
    pt1_response_reactive_power: bool = element("PT1ResponseReactivePower")
    step_response_time_constant_reactive_power: RationalNumber = element("StepResponseTimeConstantReactivePower")


class ZeroCurrent(Record, namespace=AC_DER_IEC):
    over_voltage_limit: RationalNumber | None = element("OverVoltageLimit", default=None)
    under_voltage_limit: RationalNumber | None = element("UnderVoltageLimit", default=None)
    over_voltage_recovery_limit: RationalNumber | None = element("OverVoltageRecoveryLimit", default=None)
    under_voltage_recovery_limit: RationalNumber | None = element("UnderVoltageRecoveryLimit", default=None)
    pt1_response_active_power: bool = element("PT1ResponseActivePower")
    step_response_time_constant_active_power: RationalNumber = element("StepResponseTimeConstantActivePower")
    pt1_response_reactive_power: bool = element("PT1ResponseReactivePower")
    step_response_time_constant_reactive_power: RationalNumber = element("StepResponseTimeConstantReactivePower")


class ReactivePowerSupport(Record, namespace=AC_DER_IEC):
    """One of the curves. That they exclude each other is read off the event codes of EVerest's stream."""

    volt_var: DerCurve | None = element("VoltVar", default=None, choice="curve")
    watt_var: DerCurve | None = element("WattVar", default=None, choice="curve")
    watt_cos_phi: DerCurve | None = element("WattCosPhi", default=None, choice="curve")


class ActivePowerSupport(Record, namespace=AC_DER_IEC):
    under_frequency_watt: FrequencyWatt | None = element("UnderFrequencyWatt", default=None)
    over_frequency_watt: FrequencyWatt | None = element("OverFrequencyWatt", default=None)
    volt_watt: VoltWatt | None = element("VoltWatt", default=None)


class DerControl(Record, namespace=AC_DER_IEC):
    """What the grid operator wants the car to do on its own."""

    overvoltage_fault_ride_through: FaultRideThrough | None = element("OvervoltageFaultRideThrough", default=None)
    undervoltage_fault_ride_through: FaultRideThrough | None = element("UndervoltageFaultRideThrough", default=None)
    zero_current: ZeroCurrent | None = element("ZeroCurrent", default=None)
    reactive_power_support: ReactivePowerSupport | None = element("ReactivePowerSupport", default=None)
    active_power_support: ActivePowerSupport | None = element("ActivePowerSupport", default=None)
    maximum_level_dc_injection: RationalNumber | None = element("MaximumLevelDCInjection", default=None)


class EvReactivePowerLimits(Record, namespace=AC_DER_IEC):
    ev_maximum_charge_reactive_power: RationalNumber = element("EVMaximumChargeReactivePower")
    ev_maximum_charge_reactive_power_l2: RationalNumber | None = element(
        "EVMaximumChargeReactivePower_L2", default=None
    )
    ev_maximum_charge_reactive_power_l3: RationalNumber | None = element(
        "EVMaximumChargeReactivePower_L3", default=None
    )
    ev_minimum_charge_reactive_power: RationalNumber | None = element("EVMinimumChargeReactivePower", default=None)
    ev_minimum_charge_reactive_power_l2: RationalNumber | None = element(
        "EVMinimumChargeReactivePower_L2", default=None
    )
    ev_minimum_charge_reactive_power_l3: RationalNumber | None = element(
        "EVMinimumChargeReactivePower_L3", default=None
    )
    ev_maximum_discharge_reactive_power: RationalNumber = element("EVMaximumDischargeReactivePower")
    ev_maximum_discharge_reactive_power_l2: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower_L2", default=None
    )
    ev_maximum_discharge_reactive_power_l3: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower_L3", default=None
    )
    ev_minimum_discharge_reactive_power: RationalNumber | None = element(
        "EVMinimumDischargeReactivePower", default=None
    )
    ev_minimum_discharge_reactive_power_l2: RationalNumber | None = element(
        "EVMinimumDischargeReactivePower_L2", default=None
    )
    ev_minimum_discharge_reactive_power_l3: RationalNumber | None = element(
        "EVMinimumDischargeReactivePower_L3", default=None
    )


class DsoQSetpoint(Record, namespace=AC_DER_IEC):
    dso_q_setpoint_value: RationalNumber = element("DSOQSetpointValue")
    dso_q_setpoint_value_l2: RationalNumber | None = element("DSOQSetpointValue_L2", default=None)
    dso_q_setpoint_value_l3: RationalNumber | None = element("DSOQSetpointValue_L3", default=None)
    pt1_response_reactive_power: bool = element("PT1ResponseReactivePower")
    step_response_time_constant_reactive_power: RationalNumber = element("StepResponseTimeConstantReactivePower")


class DsoCosPhiSetpoint(Record, namespace=AC_DER_IEC):
    dso_cos_phi_setpoint_value: RationalNumber = element("DSOCosPhiSetpointValue")
    dso_cos_phi_setpoint_value_l2: RationalNumber | None = element("DSOCosPhiSetpointValue_L2", default=None)
    dso_cos_phi_setpoint_value_l3: RationalNumber | None = element("DSOCosPhiSetpointValue_L3", default=None)
    excitation: PowerFactorExcitation = element("Excitation")
    pt1_response_reactive_power: bool = element("PT1ResponseReactivePower")
    step_response_time_constant_reactive_power: RationalNumber = element("StepResponseTimeConstantReactivePower")


class DerAcCpdReqEnergyTransferMode(
    AcCpdReqEnergyTransferMode, namespace=AC_DER_IEC, element="DER_AC_CPDReqEnergyTransferMode"
):
    ev_processing: Processing = element("EVProcessing")
    ev_maximum_discharge_power: RationalNumber = element("EVMaximumDischargePower")
    ev_maximum_discharge_power_l2: RationalNumber | None = element("EVMaximumDischargePower_L2", default=None)
    ev_maximum_discharge_power_l3: RationalNumber | None = element("EVMaximumDischargePower_L3", default=None)
    ev_minimum_discharge_power: RationalNumber = element("EVMinimumDischargePower")
    ev_minimum_discharge_power_l2: RationalNumber | None = element("EVMinimumDischargePower_L2", default=None)
    ev_minimum_discharge_power_l3: RationalNumber | None = element("EVMinimumDischargePower_L3", default=None)
    ev_session_total_discharge_energy_available: RationalNumber | None = element(
        "EVSessionTotalDischargeEnergyAvailable", default=None
    )
    ev_reactive_power_limits: EvReactivePowerLimits | None = element("EVReactivePowerLimits", default=None)


class DerAcCpdResEnergyTransferMode(
    AcCpdResEnergyTransferMode, namespace=AC_DER_IEC, element="DER_AC_CPDResEnergyTransferMode"
):
    evse_nominal_charge_power: RationalNumber = element("EVSENominalChargePower")
    evse_nominal_charge_power_l2: RationalNumber | None = element("EVSENominalChargePower_L2", default=None)
    evse_nominal_charge_power_l3: RationalNumber | None = element("EVSENominalChargePower_L3", default=None)
    evse_nominal_discharge_power: RationalNumber = element("EVSENominalDischargePower")
    evse_nominal_discharge_power_l2: RationalNumber | None = element("EVSENominalDischargePower_L2", default=None)
    evse_nominal_discharge_power_l3: RationalNumber | None = element("EVSENominalDischargePower_L3", default=None)
    evse_maximum_discharge_power: RationalNumber = element("EVSEMaximumDischargePower")
    evse_maximum_discharge_power_l2: RationalNumber | None = element("EVSEMaximumDischargePower_L2", default=None)
    evse_maximum_discharge_power_l3: RationalNumber | None = element("EVSEMaximumDischargePower_L3", default=None)
    ev_operating_mode: EvOperatingMode = element("EVOperatingMode")
    grid_connection_mode: GridConnectionMode = element("GridConnectionMode")
    der_control: DerControl = element("DERControl")


class DerScheduledAcClReqControlMode(
    ScheduledAcClReqControlMode, namespace=AC_DER_IEC, element="DER_Scheduled_AC_CLReqControlMode"
):
    ev_maximum_discharge_power: RationalNumber = element("EVMaximumDischargePower")
    ev_maximum_discharge_power_l2: RationalNumber | None = element("EVMaximumDischargePower_L2", default=None)
    ev_maximum_discharge_power_l3: RationalNumber | None = element("EVMaximumDischargePower_L3", default=None)
    ev_minimum_discharge_power: RationalNumber = element("EVMinimumDischargePower")
    ev_minimum_discharge_power_l2: RationalNumber | None = element("EVMinimumDischargePower_L2", default=None)
    ev_minimum_discharge_power_l3: RationalNumber | None = element("EVMinimumDischargePower_L3", default=None)
    ev_maximum_charge_reactive_power: RationalNumber | None = element("EVMaximumChargeReactivePower", default=None)
    ev_maximum_charge_reactive_power_l2: RationalNumber | None = element(
        "EVMaximumChargeReactivePower_L2", default=None
    )
    ev_maximum_charge_reactive_power_l3: RationalNumber | None = element(
        "EVMaximumChargeReactivePower_L3", default=None
    )
    ev_maximum_discharge_reactive_power: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower", default=None
    )
    ev_maximum_discharge_reactive_power_l2: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower_L2", default=None
    )
    ev_maximum_discharge_reactive_power_l3: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower_L3", default=None
    )
    grid_event_condition: UnsignedByte = element("GridEventCondition")


class DerScheduledAcClResControlMode(
    ScheduledAcClResControlMode, namespace=AC_DER_IEC, element="DER_Scheduled_AC_CLResControlMode"
):
    evse_maximum_charge_power: RationalNumber = element("EVSEMaximumChargePower")
    evse_maximum_charge_power_l2: RationalNumber | None = element("EVSEMaximumChargePower_L2", default=None)
    evse_maximum_charge_power_l3: RationalNumber | None = element("EVSEMaximumChargePower_L3", default=None)
    evse_maximum_discharge_power: RationalNumber = element("EVSEMaximumDischargePower")
    evse_maximum_discharge_power_l2: RationalNumber | None = element("EVSEMaximumDischargePower_L2", default=None)
    evse_maximum_discharge_power_l3: RationalNumber | None = element("EVSEMaximumDischargePower_L3", default=None)
    dso_maximum_discharge_power: RationalNumber | None = element("DSOMaximumDischargePower", default=None)
    dso_maximum_discharge_power_l2: RationalNumber | None = element("DSOMaximumDischargePower_L2", default=None)
    dso_maximum_discharge_power_l3: RationalNumber | None = element("DSOMaximumDischargePower_L3", default=None)
    dso_q_setpoint: DsoQSetpoint | None = element("DSOQSetpoint", default=None)
    dso_cos_phi_setpoint: DsoCosPhiSetpoint | None = element("DSOCosPhiSetpoint", default=None)


class DerDynamicAcClReqControlMode(
    DynamicAcClReqControlMode, namespace=AC_DER_IEC, element="DER_Dynamic_AC_CLReqControlMode"
):
    ev_maximum_discharge_power: RationalNumber = element("EVMaximumDischargePower")
    ev_maximum_discharge_power_l2: RationalNumber | None = element("EVMaximumDischargePower_L2", default=None)
    ev_maximum_discharge_power_l3: RationalNumber | None = element("EVMaximumDischargePower_L3", default=None)
    ev_minimum_discharge_power: RationalNumber = element("EVMinimumDischargePower")
    ev_minimum_discharge_power_l2: RationalNumber | None = element("EVMinimumDischargePower_L2", default=None)
    ev_minimum_discharge_power_l3: RationalNumber | None = element("EVMinimumDischargePower_L3", default=None)
    ev_maximum_charge_reactive_power: RationalNumber | None = element("EVMaximumChargeReactivePower", default=None)
    ev_maximum_charge_reactive_power_l2: RationalNumber | None = element(
        "EVMaximumChargeReactivePower_L2", default=None
    )
    ev_maximum_charge_reactive_power_l3: RationalNumber | None = element(
        "EVMaximumChargeReactivePower_L3", default=None
    )
    ev_maximum_discharge_reactive_power: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower", default=None
    )
    ev_maximum_discharge_reactive_power_l2: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower_L2", default=None
    )
    ev_maximum_discharge_reactive_power_l3: RationalNumber | None = element(
        "EVMaximumDischargeReactivePower_L3", default=None
    )
    grid_event_condition: UnsignedByte = element("GridEventCondition")
    ev_maximum_v2x_energy_request: RationalNumber | None = element("EVMaximumV2XEnergyRequest", default=None)
    ev_minimum_v2x_energy_request: RationalNumber | None = element("EVMinimumV2XEnergyRequest", default=None)
    ev_session_total_discharge_energy_available: RationalNumber | None = element(
        "EVSessionTotalDischargeEnergyAvailable", default=None
    )


class DerDynamicAcClResControlMode(
    DynamicAcClResControlMode, namespace=AC_DER_IEC, element="DER_Dynamic_AC_CLResControlMode"
):
    evse_maximum_charge_power: RationalNumber = element("EVSEMaximumChargePower")
    evse_maximum_charge_power_l2: RationalNumber | None = element("EVSEMaximumChargePower_L2", default=None)
    evse_maximum_charge_power_l3: RationalNumber | None = element("EVSEMaximumChargePower_L3", default=None)
    evse_maximum_discharge_power: RationalNumber = element("EVSEMaximumDischargePower")
    evse_maximum_discharge_power_l2: RationalNumber | None = element("EVSEMaximumDischargePower_L2", default=None)
    evse_maximum_discharge_power_l3: RationalNumber | None = element("EVSEMaximumDischargePower_L3", default=None)
    dso_maximum_discharge_power: RationalNumber | None = element("DSOMaximumDischargePower", default=None)
    dso_maximum_discharge_power_l2: RationalNumber | None = element("DSOMaximumDischargePower_L2", default=None)
    dso_maximum_discharge_power_l3: RationalNumber | None = element("DSOMaximumDischargePower_L3", default=None)
    dso_q_setpoint: DsoQSetpoint | None = element("DSOQSetpoint", default=None)
    dso_cos_phi_setpoint: DsoCosPhiSetpoint | None = element("DSOCosPhiSetpoint", default=None)
