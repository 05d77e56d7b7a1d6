"""ISO 15118-20:2022, the types that all its schemas share (V2G_CI_CommonTypes).

Header, response codes, RationalNumber, meter and receipt, and the abstract bases of the charge loops. The messages
themselves are in `iso20_common` and in one module per energy transfer.
"""

from enum import StrEnum
from typing import Annotated, Self

from firmware.v2g.messages import declare
from firmware.v2g.messages.declare import Integer, Namespace, Octets, Record, Text, element, reference
from firmware.v2g.messages.physical_value import scaled, unscaled
from firmware.v2g.messages.xmldsig import Signature, X509IssuerSerial

COMMON_TYPES = Namespace("urn:iso:std:iso:15118:-20:CommonTypes", "ct", qualified_attributes=True)

Byte = Annotated[int, Integer(-128, 127)]
Short = Annotated[int, Integer(-(2**15), 2**15 - 1)]
Int = Annotated[int, Integer(-(2**31), 2**31 - 1)]
UnsignedByte = Annotated[int, Integer(0, 255)]
UnsignedShort = Annotated[int, Integer(0, 2**16 - 1)]
UnsignedInt = Annotated[int, Integer(0, 2**32 - 1)]
UnsignedLong = Annotated[int, Integer(0, 2**64 - 1)]
NumericId = Annotated[int, Integer(1, 2**32 - 1)]
SessionId = Annotated[bytes, Octets(8, 8, hexadecimal=True)]
Percent = Annotated[int, Integer(0, 100)]
Identifier = Annotated[str, Text(max_length=255)]
Name = Annotated[str, Text(max_length=80)]
Description = Annotated[str, Text(max_length=160)]
MeterId = Annotated[str, Text(max_length=32)]
MeterSignature = Annotated[bytes, Octets(max_length=64)]


class EvseNotification(StrEnum):
    Pause = "Pause"
    ExitStandby = "ExitStandby"
    Terminate = "Terminate"
    ScheduleRenegotiation = "ScheduleRenegotiation"
    ServiceRenegotiation = "ServiceRenegotiation"
    MeteringConfirmation = "MeteringConfirmation"


class Processing(StrEnum):
    Finished = "Finished"
    Ongoing = "Ongoing"
    Ongoing_WaitingForCustomerInteraction = "Ongoing_WaitingForCustomerInteraction"


class ResponseCode(StrEnum):
    OK = "OK"
    OK_CertificateExpiresSoon = "OK_CertificateExpiresSoon"
    OK_NewSessionEstablished = "OK_NewSessionEstablished"
    OK_OldSessionJoined = "OK_OldSessionJoined"
    OK_PowerToleranceConfirmed = "OK_PowerToleranceConfirmed"
    WARNING_AuthorizationSelectionInvalid = "WARNING_AuthorizationSelectionInvalid"
    WARNING_CertificateExpired = "WARNING_CertificateExpired"
    WARNING_CertificateNotYetValid = "WARNING_CertificateNotYetValid"
    WARNING_CertificateRevoked = "WARNING_CertificateRevoked"
    WARNING_CertificateValidationError = "WARNING_CertificateValidationError"
    WARNING_ChallengeInvalid = "WARNING_ChallengeInvalid"
    WARNING_EIMAuthorizationFailure = "WARNING_EIMAuthorizationFailure"
    WARNING_eMSPUnknown = "WARNING_eMSPUnknown"
    WARNING_EVPowerProfileViolation = "WARNING_EVPowerProfileViolation"
    WARNING_GeneralPnCAuthorizationError = "WARNING_GeneralPnCAuthorizationError"
    WARNING_NoCertificateAvailable = "WARNING_NoCertificateAvailable"
    WARNING_NoContractMatchingPCIDFound = "WARNING_NoContractMatchingPCIDFound"
    WARNING_PowerToleranceNotConfirmed = "WARNING_PowerToleranceNotConfirmed"
    WARNING_ScheduleRenegotiationFailed = "WARNING_ScheduleRenegotiationFailed"
    WARNING_StandbyNotAllowed = "WARNING_StandbyNotAllowed"
    WARNING_WPT = "WARNING_WPT"
    FAILED = "FAILED"
    FAILED_AssociationError = "FAILED_AssociationError"
    FAILED_ContactorError = "FAILED_ContactorError"
    FAILED_EVPowerProfileInvalid = "FAILED_EVPowerProfileInvalid"
    FAILED_EVPowerProfileViolation = "FAILED_EVPowerProfileViolation"
    FAILED_MeteringSignatureNotValid = "FAILED_MeteringSignatureNotValid"
    FAILED_NoEnergyTransferServiceSelected = "FAILED_NoEnergyTransferServiceSelected"
    FAILED_NoServiceRenegotiationSupported = "FAILED_NoServiceRenegotiationSupported"
    FAILED_PauseNotAllowed = "FAILED_PauseNotAllowed"
    FAILED_PowerDeliveryNotApplied = "FAILED_PowerDeliveryNotApplied"
    FAILED_PowerToleranceNotConfirmed = "FAILED_PowerToleranceNotConfirmed"
    FAILED_ScheduleRenegotiation = "FAILED_ScheduleRenegotiation"
    FAILED_ScheduleSelectionInvalid = "FAILED_ScheduleSelectionInvalid"
    FAILED_SequenceError = "FAILED_SequenceError"
    FAILED_ServiceIDInvalid = "FAILED_ServiceIDInvalid"
    FAILED_ServiceSelectionInvalid = "FAILED_ServiceSelectionInvalid"
    FAILED_SignatureError = "FAILED_SignatureError"
    FAILED_UnknownSession = "FAILED_UnknownSession"
    FAILED_WrongChargeParameter = "FAILED_WrongChargeParameter"


class MessageHeader(Record, namespace=COMMON_TYPES):
    """`time_stamp` in seconds since 1970."""

    session_id: SessionId = element("SessionID")
    time_stamp: UnsignedLong = element("TimeStamp")
    signature: Signature | None = reference(default=None)


class V2gMessage(Record, namespace=COMMON_TYPES, abstract=True):
    """Every message of ISO 15118-20 carries its header itself; there is no envelope."""

    header: MessageHeader = element("Header")


class V2gRequest(declare.Request, V2gMessage, namespace=COMMON_TYPES, abstract=True):
    """What the car asks."""


class V2gResponse(declare.Response, V2gMessage, namespace=COMMON_TYPES, abstract=True):
    """What the station answers."""

    response_code: ResponseCode = element("ResponseCode", default=ResponseCode.OK)


class ChargeParameterDiscoveryReq(V2gRequest, namespace=COMMON_TYPES, abstract=True):
    """Base of the charge parameters of AC, DC and WPT."""


class ChargeParameterDiscoveryRes(V2gResponse, namespace=COMMON_TYPES, abstract=True):
    """Base of the station's limits for AC, DC and WPT."""


class RationalNumber(Record, namespace=COMMON_TYPES):
    """value * 10^exponent, in the unit the element's name implies; `float()` gives the number."""

    exponent: Byte = element("Exponent")
    value: Short = element("Value")

    @classmethod
    def of(cls, value: float) -> Self:
        """`value` as exact as three decimals and a short integer allow; ValueError above 32.767e6."""
        exponent, number = scaled(value, -3, 3)
        return cls(exponent=exponent, value=number)

    def __float__(self) -> float:
        return unscaled(self.exponent, self.value)


class DisplayParameters(Record, namespace=COMMON_TYPES):
    present_soc: Percent | None = element("PresentSOC", default=None)
    minimum_soc: Percent | None = element("MinimumSOC", default=None)
    target_soc: Percent | None = element("TargetSOC", default=None)
    maximum_soc: Percent | None = element("MaximumSOC", default=None)
    remaining_time_to_minimum_soc: UnsignedInt | None = element("RemainingTimeToMinimumSOC", default=None)
    remaining_time_to_target_soc: UnsignedInt | None = element("RemainingTimeToTargetSOC", default=None)
    remaining_time_to_maximum_soc: UnsignedInt | None = element("RemainingTimeToMaximumSOC", default=None)
    charging_complete: bool | None = element("ChargingComplete", default=None)
    battery_energy_capacity: RationalNumber | None = element("BatteryEnergyCapacity", default=None)
    inlet_hot: bool | None = element("InletHot", default=None)


class ChargeLoopReq(V2gRequest, namespace=COMMON_TYPES, abstract=True):
    display_parameters: DisplayParameters | None = element("DisplayParameters", default=None)
    meter_info_requested: bool = element("MeterInfoRequested")


class EvseStatus(Record, namespace=COMMON_TYPES):
    notification_max_delay: UnsignedShort = element("NotificationMaxDelay")
    evse_notification: EvseNotification = element("EVSENotification")


class MeterInfo(Record, namespace=COMMON_TYPES):
    meter_id: MeterId = element("MeterID")
    charged_energy_reading_wh: UnsignedLong = element("ChargedEnergyReadingWh")
    bpt_discharged_energy_reading_wh: UnsignedLong | None = element("BPT_DischargedEnergyReadingWh", default=None)
    capacitive_energy_reading_varh: UnsignedLong | None = element("CapacitiveEnergyReadingVARh", default=None)
    bpt_inductive_energy_reading_varh: UnsignedLong | None = element("BPT_InductiveEnergyReadingVARh", default=None)
    meter_signature: MeterSignature | None = element("MeterSignature", default=None)
    meter_status: Short | None = element("MeterStatus", default=None)
    meter_timestamp: UnsignedLong | None = element("MeterTimestamp", default=None)


class DetailedCost(Record, namespace=COMMON_TYPES):
    amount: RationalNumber = element("Amount")
    cost_per_unit: RationalNumber = element("CostPerUnit")


class DetailedTax(Record, namespace=COMMON_TYPES):
    tax_rule_id: NumericId = element("TaxRuleID")
    amount: RationalNumber = element("Amount")


class Receipt(Record, namespace=COMMON_TYPES):
    time_anchor: UnsignedLong = element("TimeAnchor")
    energy_costs: DetailedCost | None = element("EnergyCosts", default=None)
    occupancy_costs: DetailedCost | None = element("OccupancyCosts", default=None)
    additional_services_costs: DetailedCost | None = element("AdditionalServicesCosts", default=None)
    overstay_costs: DetailedCost | None = element("OverstayCosts", default=None)
    tax_costs: tuple[DetailedTax, ...] = element("TaxCosts", default=(), min_occurs=0, max_occurs=10)


class ChargeLoopRes(V2gResponse, namespace=COMMON_TYPES, abstract=True):
    evse_status: EvseStatus | None = element("EVSEStatus", default=None)
    meter_info: MeterInfo | None = element("MeterInfo", default=None)
    receipt: Receipt | None = element("Receipt", default=None)


class ClReqControlMode(
    Record, namespace=COMMON_TYPES, element="CLReqControlMode", abstract=True, bare=True, substitutable=True
):
    """Head of its substitution group."""


class ClResControlMode(
    Record, namespace=COMMON_TYPES, element="CLResControlMode", abstract=True, bare=True, substitutable=True
):
    """Head of its substitution group."""


class ScheduledClReqControlMode(ClReqControlMode, namespace=COMMON_TYPES, abstract=True):
    ev_target_energy_request: RationalNumber | None = element("EVTargetEnergyRequest", default=None)
    ev_maximum_energy_request: RationalNumber | None = element("EVMaximumEnergyRequest", default=None)
    ev_minimum_energy_request: RationalNumber | None = element("EVMinimumEnergyRequest", default=None)


class ScheduledClResControlMode(ClResControlMode, namespace=COMMON_TYPES, abstract=True):
    """Base of the answers under a schedule."""


class DynamicClReqControlMode(ClReqControlMode, namespace=COMMON_TYPES, abstract=True):
    departure_time: UnsignedInt | None = element("DepartureTime", default=None)
    ev_target_energy_request: RationalNumber = element("EVTargetEnergyRequest")
    ev_maximum_energy_request: RationalNumber = element("EVMaximumEnergyRequest")
    ev_minimum_energy_request: RationalNumber = element("EVMinimumEnergyRequest")


class DynamicClResControlMode(ClResControlMode, namespace=COMMON_TYPES, abstract=True):
    departure_time: UnsignedInt | None = element("DepartureTime", default=None)
    minimum_soc: Percent | None = element("MinimumSOC", default=None)
    target_soc: Percent | None = element("TargetSOC", default=None)
    ack_max_delay: UnsignedShort | None = element("AckMaxDelay", default=None)


class ListOfRootCertificateIds(Record, namespace=COMMON_TYPES, transparent=True):
    root_certificate_id: tuple[X509IssuerSerial, ...] = element("RootCertificateID", max_occurs=20)
