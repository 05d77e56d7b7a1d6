"""ISO 15118-20:2022, the messages of the automatic connection device (pantograph, V2G_CI_ACDP).

Positioning, connecting, system status; the charging itself uses the messages of DC.
"""

from enum import StrEnum

from firmware.v2g.messages.declare import Namespace, Record, element
from firmware.v2g.messages.iso20_types import (
    Percent,
    Processing,
    RationalNumber,
    Short,
    V2gRequest,
    V2gResponse,
)

ACDP = Namespace("urn:iso:std:iso:15118:-20:ACDP", "acdp", qualified_attributes=True)


class CpStatus(StrEnum):
    StateA = "StateA"
    StateB = "StateB"
    StateC = "StateC"
    StateD = "StateD"
    StateE = "StateE"


class ErrorCode(StrEnum):
    OK_NoEVError = "OK_NoEVError"
    FAILED = "FAILED"
    FAILED_EmergencyEvent = "FAILED_EmergencyEvent"
    FAILED_Breaker = "FAILED_Breaker"
    FAILED_RESSTemperatureInhibit = "FAILED_RESSTemperatureInhibit"
    FAILED_RESS = "FAILED_RESS"
    FAILED_ChargingCurrentDifferential = "FAILED_ChargingCurrentDifferential"
    FAILED_ChargingVoltageOutOfRange = "FAILED_ChargingVoltageOutOfRange"
    FAILED_Reserved1 = "FAILED_Reserved1"
    FAILED_Reserved2 = "FAILED_Reserved2"


class IsolationStatus(StrEnum):
    Invalid = "Invalid"
    Safe = "Safe"
    Warning = "Warning"
    Fault = "Fault"


class ElectricalChargingDeviceStatus(StrEnum):
    State_A = "State_A"
    State_B = "State_B"
    State_C = "State_C"
    State_D = "State_D"


class MechanicalChargingDeviceStatus(StrEnum):
    Home = "Home"
    Moving = "Moving"
    EndPosition = "EndPosition"


class EvTechnicalStatus(Record, namespace=ACDP):
    ev_ready_to_charge: bool = element("EVReadyToCharge")
    ev_immobilization_request: bool = element("EVImmobilizationRequest")
    ev_immobilized: bool | None = element("EVImmobilized", default=None)
    ev_wlan_strength: RationalNumber | None = element("EVWLANStrength", default=None)
    ev_cp_status: CpStatus | None = element("EVCPStatus", default=None)
    ev_soc: Percent | None = element("EVSOC", default=None)
    ev_error_code: ErrorCode | None = element("EVErrorCode", default=None)
    ev_timeout: bool | None = element("EVTimeout", default=None)


class AcdpVehiclePositioningRes(V2gResponse, namespace=ACDP, element="ACDP_VehiclePositioningRes"):
    evse_processing: Processing = element("EVSEProcessing")
    evse_positioning_support: bool = element("EVSEPositioningSupport")
    ev_relative_x_deviation: Short = element("EVRelativeXDeviation")
    ev_relative_y_deviation: Short = element("EVRelativeYDeviation")
    contact_window_xc: Short = element("ContactWindowXc")
    contact_window_yc: Short = element("ContactWindowYc")
    ev_in_charge_position: bool = element("EVInChargePosition")


class AcdpVehiclePositioningReq(
    V2gRequest, namespace=ACDP, element="ACDP_VehiclePositioningReq", answered_by=AcdpVehiclePositioningRes
):
    ev_mobility_status: bool = element("EVMobilityStatus")
    ev_positioning_support: bool = element("EVPositioningSupport")


class AcdpConnectionRes(V2gResponse, namespace=ACDP, abstract=True):
    """What connecting and disconnecting are answered with; the schema has one type for both."""

    evse_processing: Processing = element("EVSEProcessing")
    evse_electrical_charging_device_status: ElectricalChargingDeviceStatus = element(
        "EVSEElectricalChargingDeviceStatus"
    )
    evse_mechanical_charging_device_status: MechanicalChargingDeviceStatus = element(
        "EVSEMechanicalChargingDeviceStatus"
    )


class AcdpConnectRes(AcdpConnectionRes, namespace=ACDP, element="ACDP_ConnectRes"):
    """The contact is closing, or closed."""


class AcdpDisconnectRes(AcdpConnectionRes, namespace=ACDP, element="ACDP_DisconnectRes"):
    """The contact is opening, or open."""


class AcdpConnectionReq(V2gRequest, namespace=ACDP, abstract=True):
    """What asks for connecting and disconnecting; the schema has one type for both."""

    ev_electrical_charging_device_status: ElectricalChargingDeviceStatus = element("EVElectricalChargingDeviceStatus")


class AcdpConnectReq(AcdpConnectionReq, namespace=ACDP, element="ACDP_ConnectReq", answered_by=AcdpConnectRes):
    """Close the contact."""


class AcdpDisconnectReq(AcdpConnectionReq, namespace=ACDP, element="ACDP_DisconnectReq", answered_by=AcdpDisconnectRes):
    """Open the contact."""


class AcdpSystemStatusRes(V2gResponse, namespace=ACDP, element="ACDP_SystemStatusRes"):
    evse_mechanical_charging_device_status: MechanicalChargingDeviceStatus = element(
        "EVSEMechanicalChargingDeviceStatus"
    )
    evse_ready_to_charge: bool = element("EVSEReadyToCharge")
    evse_isolation_status: IsolationStatus = element("EVSEIsolationStatus")
    evse_disabled: bool = element("EVSEDisabled")
    evse_utility_interrupt_event: bool = element("EVSEUtilityInterruptEvent")
    evse_emergency_shutdown: bool = element("EVSEEmergencyShutdown")
    evse_malfunction: bool = element("EVSEMalfunction")
    ev_in_charge_position: bool = element("EVInChargePosition")
    ev_association_status: bool = element("EVAssociationStatus")


class AcdpSystemStatusReq(V2gRequest, namespace=ACDP, element="ACDP_SystemStatusReq", answered_by=AcdpSystemStatusRes):
    ev_technical_status: EvTechnicalStatus = element("EVTechnicalStatus")
