"""ISO 15118-2:2014: every message and type of V2G_CI_MsgDef, _MsgHeader, _MsgBody and _MsgDataTypes.

Order of fields is wire order. A wrapper that only holds a list is no object of its own here: the field holds
the list (`through=`). Lists may be full, but codecs in the field disagree about the bits after the last
allowed item, so a station should stay below `max_occurs`.
"""

from enum import StrEnum
from typing import Annotated, Self

from firmware.v2g.messages import declare
from firmware.v2g.messages.declare import (
    Integer,
    Namespace,
    Octets,
    Record,
    Text,
    attribute,
    content,
    element,
    reference,
)
from firmware.v2g.messages.physical_value import scaled, unscaled
from firmware.v2g.messages.xmldsig import Signature, X509IssuerSerial

MSG_DEF = Namespace("urn:iso:15118:2:2013:MsgDef", "m", qualified_attributes=True)
MSG_HEADER = Namespace("urn:iso:15118:2:2013:MsgHeader", "h", qualified_attributes=True)
MSG_BODY = Namespace("urn:iso:15118:2:2013:MsgBody", "b", qualified_attributes=True)
MSG_DATA_TYPES = Namespace("urn:iso:15118:2:2013:MsgDataTypes", "t", qualified_attributes=True)

# -- simple types ---------------------------------------------------------------------------------------

Byte = Annotated[int, Integer(-128, 127)]
Short = Annotated[int, Integer(-(2**15), 2**15 - 1)]
Int = Annotated[int, Integer(-(2**31), 2**31 - 1)]
Long = Annotated[int, Integer(-(2**63), 2**63 - 1)]
UnsignedByte = Annotated[int, Integer(0, 255)]
UnsignedShort = Annotated[int, Integer(0, 2**16 - 1)]
UnsignedInt = Annotated[int, Integer(0, 2**32 - 1)]
UnsignedLong = Annotated[int, Integer(0, 2**64 - 1)]

Percent = Annotated[int, Integer(0, 100)]
UnitMultiplier = Annotated[int, Integer(-3, 3)]
SaId = Annotated[int, Integer(1, 255)]
MaxNumPhases = Annotated[int, Integer(1, 3)]
TimeStart = Annotated[int, Integer(0, 16777214)]  # s
TimeDuration = Annotated[int, Integer(0, 86400)]  # s

SessionId = Annotated[bytes, Octets(max_length=8, hexadecimal=True)]
EvccId = Annotated[bytes, Octets(max_length=6, hexadecimal=True)]
GenChallenge = Annotated[bytes, Octets(16, 16)]
Certificate = Annotated[bytes, Octets(max_length=800)]
DhPublicKeyOctets = Annotated[bytes, Octets(max_length=65)]
PrivateKeyOctets = Annotated[bytes, Octets(max_length=48)]
SigMeterReading = Annotated[bytes, Octets(max_length=64)]

EvseId = Annotated[str, Text(7, 37)]
EmaidText = Annotated[str, Text(14, 15)]
MeterId = Annotated[str, Text(max_length=32)]
ServiceName = Annotated[str, Text(max_length=32)]
ServiceScope = Annotated[str, Text(max_length=64)]
TariffDescription = Annotated[str, Text(max_length=32)]
FaultMsg = Annotated[str, Text(max_length=64)]


class FaultCode(StrEnum):
    ParsingError = "ParsingError"
    NoTLSRootCertificatAvailable = "NoTLSRootCertificatAvailable"
    UnknownError = "UnknownError"


class ResponseCode(StrEnum):
    OK = "OK"
    OK_NewSessionEstablished = "OK_NewSessionEstablished"
    OK_OldSessionJoined = "OK_OldSessionJoined"
    OK_CertificateExpiresSoon = "OK_CertificateExpiresSoon"
    FAILED = "FAILED"
    FAILED_SequenceError = "FAILED_SequenceError"
    FAILED_ServiceIDInvalid = "FAILED_ServiceIDInvalid"
    FAILED_UnknownSession = "FAILED_UnknownSession"
    FAILED_ServiceSelectionInvalid = "FAILED_ServiceSelectionInvalid"
    FAILED_PaymentSelectionInvalid = "FAILED_PaymentSelectionInvalid"
    FAILED_CertificateExpired = "FAILED_CertificateExpired"
    FAILED_SignatureError = "FAILED_SignatureError"
    FAILED_NoCertificateAvailable = "FAILED_NoCertificateAvailable"
    FAILED_CertChainError = "FAILED_CertChainError"
    FAILED_ChallengeInvalid = "FAILED_ChallengeInvalid"
    FAILED_ContractCanceled = "FAILED_ContractCanceled"
    FAILED_WrongChargeParameter = "FAILED_WrongChargeParameter"
    FAILED_PowerDeliveryNotApplied = "FAILED_PowerDeliveryNotApplied"
    FAILED_TariffSelectionInvalid = "FAILED_TariffSelectionInvalid"
    FAILED_ChargingProfileInvalid = "FAILED_ChargingProfileInvalid"
    FAILED_MeteringSignatureNotValid = "FAILED_MeteringSignatureNotValid"
    FAILED_NoChargeServiceSelected = "FAILED_NoChargeServiceSelected"
    FAILED_WrongEnergyTransferMode = "FAILED_WrongEnergyTransferMode"
    FAILED_ContactorError = "FAILED_ContactorError"
    FAILED_CertificateNotAllowedAtThisEVSE = "FAILED_CertificateNotAllowedAtThisEVSE"
    FAILED_CertificateRevoked = "FAILED_CertificateRevoked"


class EvseProcessing(StrEnum):
    Finished = "Finished"
    Ongoing = "Ongoing"
    Ongoing_WaitingForCustomerInteraction = "Ongoing_WaitingForCustomerInteraction"


class EvseNotification(StrEnum):
    None_ = "None"
    StopCharging = "StopCharging"
    ReNegotiation = "ReNegotiation"


class ChargeProgress(StrEnum):
    Start = "Start"
    Stop = "Stop"
    Renegotiate = "Renegotiate"


class ChargingSession(StrEnum):
    Terminate = "Terminate"
    Pause = "Pause"


class ServiceCategory(StrEnum):
    EVCharging = "EVCharging"
    Internet = "Internet"
    ContractCertificate = "ContractCertificate"
    OtherCustom = "OtherCustom"


class EnergyTransferMode(StrEnum):
    AC_single_phase_core = "AC_single_phase_core"
    AC_three_phase_core = "AC_three_phase_core"
    DC_core = "DC_core"
    DC_extended = "DC_extended"
    DC_combo_core = "DC_combo_core"
    DC_unique = "DC_unique"


class PaymentOption(StrEnum):
    Contract = "Contract"
    ExternalPayment = "ExternalPayment"


class CostKind(StrEnum):
    relativePricePercentage = "relativePricePercentage"
    RenewableGenerationPercentage = "RenewableGenerationPercentage"
    CarbonDioxideEmission = "CarbonDioxideEmission"


class Unit(StrEnum):
    h = "h"
    m = "m"
    s = "s"
    A = "A"
    V = "V"
    W = "W"
    Wh = "Wh"


class DcEvseStatusCode(StrEnum):
    EVSE_NotReady = "EVSE_NotReady"
    EVSE_Ready = "EVSE_Ready"
    EVSE_Shutdown = "EVSE_Shutdown"
    EVSE_UtilityInterruptEvent = "EVSE_UtilityInterruptEvent"
    EVSE_IsolationMonitoringActive = "EVSE_IsolationMonitoringActive"
    EVSE_EmergencyShutdown = "EVSE_EmergencyShutdown"
    EVSE_Malfunction = "EVSE_Malfunction"
    Reserved_8 = "Reserved_8"
    Reserved_9 = "Reserved_9"
    Reserved_A = "Reserved_A"
    Reserved_B = "Reserved_B"
    Reserved_C = "Reserved_C"


class IsolationLevel(StrEnum):
    Invalid = "Invalid"
    Valid = "Valid"
    Warning = "Warning"
    Fault = "Fault"
    No_IMD = "No_IMD"


class DcEvErrorCode(StrEnum):
    NO_ERROR = "NO_ERROR"
    FAILED_RESSTemperatureInhibit = "FAILED_RESSTemperatureInhibit"
    FAILED_EVShiftPosition = "FAILED_EVShiftPosition"
    FAILED_ChargerConnectorLockFault = "FAILED_ChargerConnectorLockFault"
    FAILED_EVRESSMalfunction = "FAILED_EVRESSMalfunction"
    FAILED_ChargingCurrentdifferential = "FAILED_ChargingCurrentdifferential"
    FAILED_ChargingVoltageOutOfRange = "FAILED_ChargingVoltageOutOfRange"
    Reserved_A = "Reserved_A"
    Reserved_B = "Reserved_B"
    Reserved_C = "Reserved_C"
    FAILED_ChargingSystemIncompatibility = "FAILED_ChargingSystemIncompatibility"
    NoData = "NoData"


# -- data types -----------------------------------------------------------------------------------------


class DataType(Record, namespace=MSG_DATA_TYPES, abstract=True):
    """Base of the types of V2G_CI_MsgDataTypes."""


class PhysicalValue(DataType):
    """value * 10^multiplier in `unit`; `float()` gives the number."""

    multiplier: UnitMultiplier = element("Multiplier")
    unit: Unit = element("Unit")
    value: Short = element("Value")

    @classmethod
    def of(cls, value: float, unit: Unit | str) -> Self:
        """`value` in `unit`, as exact as three decimals and a short integer allow; ValueError above 32.767e6."""
        multiplier, number = scaled(value, -3, 3)
        return cls(multiplier=multiplier, unit=Unit(unit), value=number)

    def __float__(self) -> float:
        return unscaled(self.multiplier, self.value)


class Notification(DataType):
    fault_code: FaultCode = element("FaultCode")
    fault_msg: FaultMsg | None = element("FaultMsg", default=None)


class Service(DataType):
    service_id: UnsignedShort = element("ServiceID")
    service_name: ServiceName | None = element("ServiceName", default=None)
    service_category: ServiceCategory = element("ServiceCategory")
    service_scope: ServiceScope | None = element("ServiceScope", default=None)
    free_service: bool = element("FreeService")


class ServiceList(DataType, transparent=True):
    service: tuple[Service, ...] = element("Service", max_occurs=8)


class SelectedService(DataType):
    service_id: UnsignedShort = element("ServiceID")
    parameter_set_id: Short | None = element("ParameterSetID", default=None)


class SelectedServiceList(DataType, transparent=True):
    selected_service: tuple[SelectedService, ...] = element("SelectedService", max_occurs=16)


class Parameter(DataType):
    """One named parameter of a service; exactly one of the values is there."""

    name: str = attribute("Name")
    bool_value: bool | None = element("boolValue", default=None, choice="value")
    byte_value: Byte | None = element("byteValue", default=None, choice="value")
    short_value: Short | None = element("shortValue", default=None, choice="value")
    int_value: Int | None = element("intValue", default=None, choice="value")
    physical_value: PhysicalValue | None = element("physicalValue", default=None, choice="value")
    string_value: str | None = element("stringValue", default=None, choice="value")


class ParameterSet(DataType):
    parameter_set_id: Short = element("ParameterSetID")
    parameter: tuple[Parameter, ...] = element("Parameter", max_occurs=16)


class ServiceParameterList(DataType, transparent=True):
    parameter_set: tuple[ParameterSet, ...] = element("ParameterSet", max_occurs=255)


class SupportedEnergyTransferMode(DataType, transparent=True):
    energy_transfer_mode: tuple[EnergyTransferMode, ...] = element("EnergyTransferMode", max_occurs=6)


class ChargeService(Service):
    supported_energy_transfer_mode: tuple[EnergyTransferMode, ...] = element(
        "SupportedEnergyTransferMode", through=SupportedEnergyTransferMode
    )


class PaymentOptionList(DataType, transparent=True):
    payment_option: tuple[PaymentOption, ...] = element("PaymentOption", max_occurs=2)


class ContractSignatureEncryptedPrivateKey(DataType):
    id: str = attribute("Id")
    value: PrivateKeyOctets = content()


class DiffieHellmanPublickey(DataType):
    id: str = attribute("Id")
    value: DhPublicKeyOctets = content()


class Emaid(DataType):
    """The contract's eMAID, signable. As a fragment it has a grammar of its own (see exi/grammar.py)."""

    id: str = attribute("Id")
    value: EmaidText = content()


class SubCertificates(DataType, transparent=True):
    certificate: tuple[Certificate, ...] = element("Certificate", max_occurs=4)


class CertificateChain(DataType, alone_as="ContractSignatureCertChain"):
    """A leaf certificate and what lies between it and its root; DER, each at most 800 octets."""

    id: str | None = attribute("Id", default=None)
    certificate: Certificate = element("Certificate")
    sub_certificates: tuple[Certificate, ...] | None = element("SubCertificates", default=None, through=SubCertificates)


class ListOfRootCertificateIds(DataType, transparent=True):
    root_certificate_id: tuple[X509IssuerSerial, ...] = element("RootCertificateID", max_occurs=20)


class MeterInfo(DataType):
    """One reading: `meter_reading` in Wh, `t_meter` in seconds since 1970."""

    meter_id: MeterId = element("MeterID")
    meter_reading: UnsignedLong | None = element("MeterReading", default=None)
    sig_meter_reading: SigMeterReading | None = element("SigMeterReading", default=None)
    meter_status: Short | None = element("MeterStatus", default=None)
    t_meter: Long | None = element("TMeter", default=None)


class Interval(DataType, element="TimeInterval", abstract=True, substitutable=True):
    """Head of the time intervals."""


class RelativeTimeInterval(Interval, element="RelativeTimeInterval"):
    """Seconds from now; without a duration until the next entry starts."""

    start: TimeStart = element("start")
    duration: TimeDuration | None = element("duration", default=None)


class Entry(DataType, element="Entry", abstract=True, substitutable=True):
    time_interval: Interval = reference()


class Cost(DataType):
    cost_kind: CostKind = element("costKind")
    amount: UnsignedInt = element("amount")
    amount_multiplier: UnitMultiplier | None = element("amountMultiplier", default=None)


class ConsumptionCost(DataType):
    start_value: PhysicalValue = element("startValue")
    cost: tuple[Cost, ...] = element("Cost", max_occurs=3)


class SalesTariffEntry(Entry, element="SalesTariffEntry"):
    e_price_level: UnsignedByte | None = element("EPriceLevel", default=None)
    consumption_cost: tuple[ConsumptionCost, ...] = element("ConsumptionCost", default=(), min_occurs=0, max_occurs=3)


class PMaxScheduleEntry(Entry, element="PMaxScheduleEntry"):
    p_max: PhysicalValue = element("PMax")


class SalesTariff(DataType):
    id: str | None = attribute("Id", default=None)
    sales_tariff_id: SaId = element("SalesTariffID")
    sales_tariff_description: TariffDescription | None = element("SalesTariffDescription", default=None)
    num_e_price_levels: UnsignedByte | None = element("NumEPriceLevels", default=None)
    sales_tariff_entry: tuple[SalesTariffEntry, ...] = reference(max_occurs=1024)


class PMaxSchedule(DataType, transparent=True):
    p_max_schedule_entry: tuple[PMaxScheduleEntry, ...] = reference(max_occurs=1024)


class SaScheduleTuple(DataType):
    sa_schedule_tuple_id: SaId = element("SAScheduleTupleID")
    p_max_schedule: tuple[PMaxScheduleEntry, ...] = element("PMaxSchedule", through=PMaxSchedule)
    sales_tariff: SalesTariff | None = element("SalesTariff", default=None)


class SaSchedules(DataType, element="SASchedules", abstract=True, substitutable=True):
    """Head of the schedules."""


class SaScheduleList(SaSchedules, element="SAScheduleList"):
    sa_schedule_tuple: tuple[SaScheduleTuple, ...] = element("SAScheduleTuple", max_occurs=3)


class EvseStatus(DataType, element="EVSEStatus", abstract=True, substitutable=True):
    """What the station asks for; `notification_max_delay` in seconds."""

    notification_max_delay: UnsignedShort = element("NotificationMaxDelay")
    evse_notification: EvseNotification = element("EVSENotification")


class AcEvseStatus(EvseStatus, element="AC_EVSEStatus"):
    rcd: bool = element("RCD")


class DcEvseStatus(EvseStatus, element="DC_EVSEStatus"):
    evse_isolation_status: IsolationLevel | None = element("EVSEIsolationStatus", default=None)
    evse_status_code: DcEvseStatusCode = element("EVSEStatusCode")


class EvStatus(DataType, element="EVStatus", abstract=True, substitutable=True):
    """Head of the car's status."""


class DcEvStatus(EvStatus, element="DC_EVStatus"):
    ev_ready: bool = element("EVReady")
    ev_error_code: DcEvErrorCode = element("EVErrorCode")
    ev_ress_soc: Percent = element("EVRESSSOC")


class EvChargeParameter(DataType, element="EVChargeParameter", abstract=True, substitutable=True):
    """`departure_time` in seconds from now."""

    departure_time: UnsignedInt | None = element("DepartureTime", default=None)


class AcEvChargeParameter(EvChargeParameter, element="AC_EVChargeParameter"):
    e_amount: PhysicalValue = element("EAmount")
    ev_max_voltage: PhysicalValue = element("EVMaxVoltage")
    ev_max_current: PhysicalValue = element("EVMaxCurrent")
    ev_min_current: PhysicalValue = element("EVMinCurrent")


class DcEvChargeParameter(EvChargeParameter, element="DC_EVChargeParameter"):
    dc_ev_status: DcEvStatus = element("DC_EVStatus")
    ev_maximum_current_limit: PhysicalValue = element("EVMaximumCurrentLimit")
    ev_maximum_power_limit: PhysicalValue | None = element("EVMaximumPowerLimit", default=None)
    ev_maximum_voltage_limit: PhysicalValue = element("EVMaximumVoltageLimit")
    ev_energy_capacity: PhysicalValue | None = element("EVEnergyCapacity", default=None)
    ev_energy_request: PhysicalValue | None = element("EVEnergyRequest", default=None)
    full_soc: Percent | None = element("FullSOC", default=None)
    bulk_soc: Percent | None = element("BulkSOC", default=None)


class EvseChargeParameter(DataType, element="EVSEChargeParameter", abstract=True, substitutable=True):
    """Head of the station's limits."""


class AcEvseChargeParameter(EvseChargeParameter, element="AC_EVSEChargeParameter"):
    ac_evse_status: AcEvseStatus = element("AC_EVSEStatus")
    evse_nominal_voltage: PhysicalValue = element("EVSENominalVoltage")
    evse_max_current: PhysicalValue = element("EVSEMaxCurrent")


class DcEvseChargeParameter(EvseChargeParameter, element="DC_EVSEChargeParameter"):
    dc_evse_status: DcEvseStatus = element("DC_EVSEStatus")
    evse_maximum_current_limit: PhysicalValue = element("EVSEMaximumCurrentLimit")
    evse_maximum_power_limit: PhysicalValue = element("EVSEMaximumPowerLimit")
    evse_maximum_voltage_limit: PhysicalValue = element("EVSEMaximumVoltageLimit")
    evse_minimum_current_limit: PhysicalValue = element("EVSEMinimumCurrentLimit")
    evse_minimum_voltage_limit: PhysicalValue = element("EVSEMinimumVoltageLimit")
    evse_current_regulation_tolerance: PhysicalValue | None = element("EVSECurrentRegulationTolerance", default=None)
    evse_peak_current_ripple: PhysicalValue = element("EVSEPeakCurrentRipple")
    evse_energy_to_be_delivered: PhysicalValue | None = element("EVSEEnergyToBeDelivered", default=None)


class EvPowerDeliveryParameter(DataType, element="EVPowerDeliveryParameter", abstract=True, substitutable=True):
    """Head of what a car adds to PowerDeliveryReq."""


class DcEvPowerDeliveryParameter(EvPowerDeliveryParameter, element="DC_EVPowerDeliveryParameter"):
    dc_ev_status: DcEvStatus = element("DC_EVStatus")
    bulk_charging_complete: bool | None = element("BulkChargingComplete", default=None)
    charging_complete: bool = element("ChargingComplete")


class ProfileEntry(DataType):
    """From `charging_profile_entry_start` (s from now) the car draws at most this power."""

    charging_profile_entry_start: UnsignedInt = element("ChargingProfileEntryStart")
    charging_profile_entry_max_power: PhysicalValue = element("ChargingProfileEntryMaxPower")
    charging_profile_entry_max_number_of_phases_in_use: MaxNumPhases | None = element(
        "ChargingProfileEntryMaxNumberOfPhasesInUse", default=None
    )


class ChargingProfile(DataType, transparent=True):
    profile_entry: tuple[ProfileEntry, ...] = element("ProfileEntry", max_occurs=24)


# -- envelope -------------------------------------------------------------------------------------------


class MessageHeader(Record, namespace=MSG_HEADER):
    session_id: SessionId = element("SessionID")
    notification: Notification | None = element("Notification", default=None)
    signature: Signature | None = reference(default=None)


class BodyElement(Record, namespace=MSG_BODY, element="BodyElement", abstract=True, substitutable=True):
    """Head of everything that a Body may hold."""


class Body(Record, namespace=MSG_BODY, transparent=True):
    body_element: BodyElement | None = reference(default=None)


class V2gMessage(Record, namespace=MSG_DEF, element="V2G_Message"):
    """The envelope; `body` None is an empty Body."""

    header: MessageHeader = element("Header")
    body: BodyElement | None = element("Body", through=Body)


class Request(declare.Request, BodyElement, namespace=MSG_BODY, abstract=True):
    """What the car asks."""


class Response(declare.Response, BodyElement, namespace=MSG_BODY, abstract=True):
    """What the station answers."""

    response_code: ResponseCode = element("ResponseCode", default=ResponseCode.OK)


# -- messages of AC and DC ------------------------------------------------------------------------------


class SessionSetupRes(Response, element="SessionSetupRes"):
    evse_id: EvseId = element("EVSEID")
    evse_time_stamp: Long | None = element("EVSETimeStamp", default=None)


class SessionSetupReq(Request, element="SessionSetupReq", answered_by=SessionSetupRes):
    evcc_id: EvccId = element("EVCCID")


class ServiceDiscoveryRes(Response, element="ServiceDiscoveryRes"):
    payment_option_list: tuple[PaymentOption, ...] = element("PaymentOptionList", through=PaymentOptionList)
    charge_service: ChargeService = element("ChargeService")
    service_list: tuple[Service, ...] | None = element("ServiceList", default=None, through=ServiceList)


class ServiceDiscoveryReq(Request, element="ServiceDiscoveryReq", answered_by=ServiceDiscoveryRes):
    service_scope: ServiceScope | None = element("ServiceScope", default=None)
    service_category: ServiceCategory | None = element("ServiceCategory", default=None)


class ServiceDetailRes(Response, element="ServiceDetailRes"):
    service_id: UnsignedShort = element("ServiceID")
    service_parameter_list: tuple[ParameterSet, ...] | None = element(
        "ServiceParameterList", default=None, through=ServiceParameterList
    )


class ServiceDetailReq(Request, element="ServiceDetailReq", answered_by=ServiceDetailRes):
    service_id: UnsignedShort = element("ServiceID")


class PaymentServiceSelectionRes(Response, element="PaymentServiceSelectionRes"):
    """Nothing but the response code."""


class PaymentServiceSelectionReq(Request, element="PaymentServiceSelectionReq", answered_by=PaymentServiceSelectionRes):
    selected_payment_option: PaymentOption = element("SelectedPaymentOption")
    selected_service_list: tuple[SelectedService, ...] = element("SelectedServiceList", through=SelectedServiceList)


class PaymentDetailsRes(Response, element="PaymentDetailsRes"):
    gen_challenge: GenChallenge = element("GenChallenge")
    evse_time_stamp: Long = element("EVSETimeStamp")


class PaymentDetailsReq(Request, element="PaymentDetailsReq", answered_by=PaymentDetailsRes):
    emaid: EmaidText = element("eMAID")
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")


class AuthorizationRes(Response, element="AuthorizationRes"):
    evse_processing: EvseProcessing = element("EVSEProcessing")


class AuthorizationReq(Request, element="AuthorizationReq", answered_by=AuthorizationRes):
    id: str | None = attribute("Id", default=None)
    gen_challenge: GenChallenge | None = element("GenChallenge", default=None)


class ChargeParameterDiscoveryRes(Response, element="ChargeParameterDiscoveryRes"):
    evse_processing: EvseProcessing = element("EVSEProcessing")
    sa_schedules: SaSchedules | None = reference(default=None)
    evse_charge_parameter: EvseChargeParameter = reference()


class ChargeParameterDiscoveryReq(
    Request, element="ChargeParameterDiscoveryReq", answered_by=ChargeParameterDiscoveryRes
):
    max_entries_sa_schedule_tuple: UnsignedShort | None = element("MaxEntriesSAScheduleTuple", default=None)
    requested_energy_transfer_mode: EnergyTransferMode = element("RequestedEnergyTransferMode")
    ev_charge_parameter: EvChargeParameter = reference()


class PowerDeliveryRes(Response, element="PowerDeliveryRes"):
    evse_status: EvseStatus = reference()


class PowerDeliveryReq(Request, element="PowerDeliveryReq", answered_by=PowerDeliveryRes):
    charge_progress: ChargeProgress = element("ChargeProgress")
    sa_schedule_tuple_id: SaId = element("SAScheduleTupleID")
    charging_profile: tuple[ProfileEntry, ...] | None = element(
        "ChargingProfile", default=None, through=ChargingProfile
    )
    ev_power_delivery_parameter: EvPowerDeliveryParameter | None = reference(default=None)


class MeteringReceiptRes(Response, element="MeteringReceiptRes"):
    evse_status: EvseStatus = reference()


class MeteringReceiptReq(Request, element="MeteringReceiptReq", answered_by=MeteringReceiptRes):
    id: str | None = attribute("Id", default=None)
    session_id: SessionId = element("SessionID")
    sa_schedule_tuple_id: SaId | None = element("SAScheduleTupleID", default=None)
    meter_info: MeterInfo = element("MeterInfo")


class SessionStopRes(Response, element="SessionStopRes"):
    """Nothing but the response code."""


class SessionStopReq(Request, element="SessionStopReq", answered_by=SessionStopRes):
    charging_session: ChargingSession = element("ChargingSession")


class CertificateUpdateRes(Response, element="CertificateUpdateRes"):
    """`retry_counter` days until the car should try again."""

    sa_provisioning_certificate_chain: CertificateChain = element("SAProvisioningCertificateChain")
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")
    contract_signature_encrypted_private_key: ContractSignatureEncryptedPrivateKey = element(
        "ContractSignatureEncryptedPrivateKey"
    )
    dh_publickey: DiffieHellmanPublickey = element("DHpublickey")
    emaid: Emaid = element("eMAID")
    retry_counter: Short | None = element("RetryCounter", default=None)


class CertificateUpdateReq(Request, element="CertificateUpdateReq", answered_by=CertificateUpdateRes):
    id: str = attribute("Id")
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")
    emaid: EmaidText = element("eMAID")
    list_of_root_certificate_ids: tuple[X509IssuerSerial, ...] = element(
        "ListOfRootCertificateIDs", through=ListOfRootCertificateIds
    )


class CertificateInstallationRes(Response, element="CertificateInstallationRes"):
    sa_provisioning_certificate_chain: CertificateChain = element("SAProvisioningCertificateChain")
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")
    contract_signature_encrypted_private_key: ContractSignatureEncryptedPrivateKey = element(
        "ContractSignatureEncryptedPrivateKey"
    )
    dh_publickey: DiffieHellmanPublickey = element("DHpublickey")
    emaid: Emaid = element("eMAID")


class CertificateInstallationReq(Request, element="CertificateInstallationReq", answered_by=CertificateInstallationRes):
    id: str = attribute("Id")
    oem_provisioning_cert: Certificate = element("OEMProvisioningCert")
    list_of_root_certificate_ids: tuple[X509IssuerSerial, ...] = element(
        "ListOfRootCertificateIDs", through=ListOfRootCertificateIds
    )


# -- AC only --------------------------------------------------------------------------------------------


class ChargingStatusRes(Response, element="ChargingStatusRes"):
    evse_id: EvseId = element("EVSEID")
    sa_schedule_tuple_id: SaId = element("SAScheduleTupleID")
    evse_max_current: PhysicalValue | None = element("EVSEMaxCurrent", default=None)
    meter_info: MeterInfo | None = element("MeterInfo", default=None)
    receipt_required: bool | None = element("ReceiptRequired", default=None)
    ac_evse_status: AcEvseStatus = element("AC_EVSEStatus")


class ChargingStatusReq(Request, element="ChargingStatusReq", answered_by=ChargingStatusRes):
    """Empty."""


# -- DC only --------------------------------------------------------------------------------------------


class CableCheckRes(Response, element="CableCheckRes"):
    dc_evse_status: DcEvseStatus = element("DC_EVSEStatus")
    evse_processing: EvseProcessing = element("EVSEProcessing")


class CableCheckReq(Request, element="CableCheckReq", answered_by=CableCheckRes):
    dc_ev_status: DcEvStatus = element("DC_EVStatus")


class PreChargeRes(Response, element="PreChargeRes"):
    dc_evse_status: DcEvseStatus = element("DC_EVSEStatus")
    evse_present_voltage: PhysicalValue = element("EVSEPresentVoltage")


class PreChargeReq(Request, element="PreChargeReq", answered_by=PreChargeRes):
    dc_ev_status: DcEvStatus = element("DC_EVStatus")
    ev_target_voltage: PhysicalValue = element("EVTargetVoltage")
    ev_target_current: PhysicalValue = element("EVTargetCurrent")


class CurrentDemandRes(Response, element="CurrentDemandRes"):
    dc_evse_status: DcEvseStatus = element("DC_EVSEStatus")
    evse_present_voltage: PhysicalValue = element("EVSEPresentVoltage")
    evse_present_current: PhysicalValue = element("EVSEPresentCurrent")
    evse_current_limit_achieved: bool = element("EVSECurrentLimitAchieved")
    evse_voltage_limit_achieved: bool = element("EVSEVoltageLimitAchieved")
    evse_power_limit_achieved: bool = element("EVSEPowerLimitAchieved")
    evse_maximum_voltage_limit: PhysicalValue | None = element("EVSEMaximumVoltageLimit", default=None)
    evse_maximum_current_limit: PhysicalValue | None = element("EVSEMaximumCurrentLimit", default=None)
    evse_maximum_power_limit: PhysicalValue | None = element("EVSEMaximumPowerLimit", default=None)
    evse_id: EvseId = element("EVSEID")
    sa_schedule_tuple_id: SaId = element("SAScheduleTupleID")
    meter_info: MeterInfo | None = element("MeterInfo", default=None)
    receipt_required: bool | None = element("ReceiptRequired", default=None)


class CurrentDemandReq(Request, element="CurrentDemandReq", answered_by=CurrentDemandRes):
    dc_ev_status: DcEvStatus = element("DC_EVStatus")
    ev_target_current: PhysicalValue = element("EVTargetCurrent")
    ev_maximum_voltage_limit: PhysicalValue | None = element("EVMaximumVoltageLimit", default=None)
    ev_maximum_current_limit: PhysicalValue | None = element("EVMaximumCurrentLimit", default=None)
    ev_maximum_power_limit: PhysicalValue | None = element("EVMaximumPowerLimit", default=None)
    bulk_charging_complete: bool | None = element("BulkChargingComplete", default=None)
    charging_complete: bool = element("ChargingComplete")
    remaining_time_to_full_soc: PhysicalValue | None = element("RemainingTimeToFullSoC", default=None)
    remaining_time_to_bulk_soc: PhysicalValue | None = element("RemainingTimeToBulkSoC", default=None)
    ev_target_voltage: PhysicalValue = element("EVTargetVoltage")


class WeldingDetectionRes(Response, element="WeldingDetectionRes"):
    dc_evse_status: DcEvseStatus = element("DC_EVSEStatus")
    evse_present_voltage: PhysicalValue = element("EVSEPresentVoltage")


class WeldingDetectionReq(Request, element="WeldingDetectionReq", answered_by=WeldingDetectionRes):
    dc_ev_status: DcEvStatus = element("DC_EVStatus")
