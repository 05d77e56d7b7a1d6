"""DIN SPEC 70121:2014: every message and type of its schema, also those for AC and contracts that it never uses.

Order of fields is wire order. The schema is an early draft of ISO 15118-2's: same shapes, other values, and most
lists unbounded; PMax and a profile's power are a signed short in W, so at most 32767.
"""

from enum import StrEnum
from typing import Annotated, Self

from firmware.v2g.messages import declare
from firmware.v2g.messages.declare import (
    UNBOUNDED,
    Integer,
    Namespace,
    Octets,
    Record,
    Text,
    attribute,
    element,
    reference,
)
from firmware.v2g.messages.physical_value import scaled, unscaled
from firmware.v2g.messages.xmldsig import Signature

MSG_DEF = Namespace("urn:din:70121:2012:MsgDef", "m")
MSG_HEADER = Namespace("urn:din:70121:2012:MsgHeader", "h")
MSG_BODY = Namespace("urn:din:70121:2012:MsgBody", "b")
MSG_DATA_TYPES = Namespace("urn:din:70121:2012:MsgDataTypes", "t")

# -- simple types ---------------------------------------------------------------------------------------

Byte = Annotated[int, Integer(-128, 127)]
Short = Annotated[int, Integer(-(2**15), 2**15 - 1)]
Int = Annotated[int, Integer(-(2**31), 2**31 - 1)]
Long = Annotated[int, Integer(-(2**63), 2**63 - 1)]
UnsignedByte = Annotated[int, Integer(0, 255)]
UnsignedShort = Annotated[int, Integer(0, 2**16 - 1)]
UnsignedInt = Annotated[int, Integer(0, 2**32 - 1)]
MeterStatus = Short
PMax = Short
Percent = Annotated[int, Integer(0, 100)]
FaultMsg = Annotated[str, Text(max_length=64)]
ServiceName = Annotated[str, Text(max_length=32)]
ServiceScope = Annotated[str, Text(max_length=32)]
GenChallenge = str
Certificate = Annotated[bytes, Octets(max_length=1200)]
RootCertificateId = Annotated[str, Text(max_length=40)]
DhParams = Annotated[bytes, Octets(max_length=256)]
PrivateKey = Annotated[bytes, Octets(max_length=128)]
SigMeterReading = Annotated[bytes, Octets(max_length=32)]
SessionId = Annotated[bytes, Octets(max_length=8, hexadecimal=True)]
EvccId = Annotated[bytes, Octets(max_length=8, hexadecimal=True)]
EvseId = Annotated[bytes, Octets(max_length=32, hexadecimal=True)]
ServiceId = UnsignedShort
ContractId = Annotated[str, Text(max_length=24)]
MeterId = Annotated[str, Text(max_length=32)]
SaId = Short
TariffDescription = Annotated[str, Text(max_length=32)]
UnitMultiplier = Annotated[int, Integer(-3, 3)]


class ValueType(StrEnum):
    bool = "bool"
    byte = "byte"
    short = "short"
    int = "int"
    physicalValue = "physicalValue"
    string = "string"


class EvseProcessing(StrEnum):
    Finished = "Finished"
    Ongoing = "Ongoing"


class EvseNotification(StrEnum):
    None_ = "None"
    StopCharging = "StopCharging"
    ReNegotiation = "ReNegotiation"


class ServiceCategory(StrEnum):
    EVCharging = "EVCharging"
    Internet = "Internet"
    ContractCertificate = "ContractCertificate"
    OtherCustom = "OtherCustom"


class EvseSupportedEnergyTransfer(StrEnum):
    AC_single_phase_core = "AC_single_phase_core"
    AC_three_phase_core = "AC_three_phase_core"
    DC_core = "DC_core"
    DC_extended = "DC_extended"
    DC_combo_core = "DC_combo_core"
    DC_dual = "DC_dual"
    AC_core1p_DC_extended = "AC_core1p_DC_extended"
    AC_single_DC_core = "AC_single_DC_core"
    AC_single_phase_three_phase_core_DC_extended = "AC_single_phase_three_phase_core_DC_extended"
    AC_core3p_DC_extended = "AC_core3p_DC_extended"


class EvRequestedEnergyTransfer(StrEnum):
    AC_single_phase_core = "AC_single_phase_core"
    AC_three_phase_core = "AC_three_phase_core"
    DC_core = "DC_core"
    DC_extended = "DC_extended"
    DC_combo_core = "DC_combo_core"
    DC_unique = "DC_unique"


class CostKind(StrEnum):
    relativePricePercentage = "relativePricePercentage"
    RenewableGenerationPercentage = "RenewableGenerationPercentage"
    CarbonDioxideEmission = "CarbonDioxideEmission"


class PaymentOption(StrEnum):
    Contract = "Contract"
    ExternalPayment = "ExternalPayment"


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
    FAILED_EVSEPresentVoltageToLow = "FAILED_EVSEPresentVoltageToLow"
    FAILED_MeteringSignatureNotValid = "FAILED_MeteringSignatureNotValid"
    FAILED_WrongEnergyTransferType = "FAILED_WrongEnergyTransferType"


class Unit(StrEnum):
    h = "h"
    m = "m"
    s = "s"
    A = "A"
    Ah = "Ah"
    V = "V"
    VA = "VA"
    W = "W"
    W_per_s = "W/s"
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


class Notification(DataType):
    fault_code: FaultCode = element("FaultCode")
    fault_msg: FaultMsg | None = element("FaultMsg", default=None)


class ServiceTag(DataType):
    service_id: ServiceId = element("ServiceID")
    service_name: ServiceName | None = element("ServiceName", default=None)
    service_category: ServiceCategory = element("ServiceCategory")
    service_scope: ServiceScope | None = element("ServiceScope", default=None)


class Service(DataType):
    service_tag: ServiceTag = element("ServiceTag")
    free_service: bool = element("FreeService")


class ServiceTagList(DataType, transparent=True):
    service: tuple[Service, ...] = element("Service", max_occurs=UNBOUNDED)


class SelectedService(DataType):
    service_id: ServiceId = element("ServiceID")
    parameter_set_id: Short | None = element("ParameterSetID", default=None)


class SelectedServiceList(DataType, transparent=True):
    selected_service: tuple[SelectedService, ...] = element("SelectedService", max_occurs=UNBOUNDED)


class PhysicalValue(DataType):
    """value * 10^multiplier; the unit may be missing and is then known from the element. `float()` gives the number."""

    multiplier: UnitMultiplier = element("Multiplier")
    unit: Unit | None = element("Unit", default=None)
    value: Short = element("Value")

    @classmethod
    def of(cls, value: float, unit: Unit | str | None = None) -> Self:
        """`value` in `unit`, as exact as three decimals and a short integer allow; ValueError above 32.767e6."""
        multiplier, number = scaled(value, -3, 3)
        return cls(multiplier=multiplier, unit=None if unit is None else Unit(unit), value=number)

    def __float__(self) -> float:
        return unscaled(self.multiplier, self.value)


class Parameter(DataType):
    name: str = attribute("Name")
    value_type: ValueType = attribute("ValueType")
    bool_value: bool | None = element("boolValue", default=None, choice="value")
    byte_value: Byte | None = element("byteValue", default=None, choice="value")
    short_value: Short | None = element("shortValue", default=None, choice="value")
    int_value: Int | None = element("intValue", default=None, choice="value")
    physical_value: PhysicalValue | None = element("physicalValue", default=None, choice="value")
    string_value: str | None = element("stringValue", default=None, choice="value")


class ParameterSet(DataType):
    parameter_set_id: Short = element("ParameterSetID")
    parameter: tuple[Parameter, ...] = element("Parameter", max_occurs=UNBOUNDED)


class ServiceParameterList(DataType, transparent=True):
    parameter_set: tuple[ParameterSet, ...] = element("ParameterSet", max_occurs=UNBOUNDED)


class ServiceCharge(Service, element="ServiceCharge"):
    energy_transfer_type: EvseSupportedEnergyTransfer = element("EnergyTransferType")


class SubCertificates(DataType, transparent=True):
    certificate: tuple[Certificate, ...] = element("Certificate", max_occurs=UNBOUNDED)


class CertificateChain(DataType, alone_as="ContractSignatureCertChain"):
    certificate: Certificate = element("Certificate")
    sub_certificates: tuple[Certificate, ...] | None = element("SubCertificates", default=None, through=SubCertificates)


class ListOfRootCertificateIds(DataType, transparent=True):
    root_certificate_id: tuple[RootCertificateId, ...] = element("RootCertificateID", max_occurs=UNBOUNDED)


class MeterInfo(DataType):
    meter_id: MeterId = element("MeterID")
    meter_reading: PhysicalValue | None = element("MeterReading", default=None)
    sig_meter_reading: SigMeterReading | None = element("SigMeterReading", default=None)
    meter_status: MeterStatus | None = element("MeterStatus", default=None)
    t_meter: Long | None = element("TMeter", default=None)


class SaSchedules(DataType, element="SASchedules", abstract=True, bare=True, substitutable=True):
    """Head of its substitution group."""


class TimeInterval(DataType, element="TimeInterval", abstract=True, bare=True, substitutable=True):
    """Head of its substitution group."""


class Entry(DataType, element="Entry", abstract=True, bare=True, substitutable=True):
    time_interval: TimeInterval = reference()


class Cost(DataType):
    cost_kind: CostKind = element("costKind")
    amount: UnsignedInt = element("amount")
    amount_multiplier: UnitMultiplier | None = element("amountMultiplier", default=None)


class ConsumptionCost(DataType):
    start_value: UnsignedInt = element("startValue")
    cost: tuple[Cost, ...] = element("Cost", default=(), min_occurs=0, max_occurs=UNBOUNDED)


class SalesTariffEntry(Entry, element="SalesTariffEntry"):
    e_price_level: UnsignedByte = element("EPriceLevel")
    consumption_cost: tuple[ConsumptionCost, ...] = element(
        "ConsumptionCost", default=(), min_occurs=0, max_occurs=UNBOUNDED
    )


class SalesTariff(DataType):
    id: str = attribute("Id")
    sales_tariff_id: SaId = element("SalesTariffID")
    sales_tariff_description: TariffDescription | None = element("SalesTariffDescription", default=None)
    num_e_price_levels: UnsignedByte = element("NumEPriceLevels")
    sales_tariff_entry: tuple[SalesTariffEntry, ...] = reference(max_occurs=UNBOUNDED)


class PMaxScheduleEntry(Entry, element="PMaxScheduleEntry"):
    p_max: PMax = element("PMax")


class PMaxSchedule(DataType):
    p_max_schedule_id: SaId = element("PMaxScheduleID")
    p_max_schedule_entry: tuple[PMaxScheduleEntry, ...] = reference(max_occurs=UNBOUNDED)


class SaScheduleTuple(DataType):
    sa_schedule_tuple_id: SaId = element("SAScheduleTupleID")
    p_max_schedule: PMaxSchedule = element("PMaxSchedule")
    sales_tariff: SalesTariff | None = element("SalesTariff", default=None)


class SaScheduleList(SaSchedules, element="SAScheduleList"):
    sa_schedule_tuple: tuple[SaScheduleTuple, ...] = element("SAScheduleTuple", max_occurs=UNBOUNDED)


class RelativeTimeInterval(TimeInterval, element="RelativeTimeInterval"):
    start: UnsignedInt = element("start")
    duration: UnsignedInt | None = element("duration", default=None)


class EvseStatus(DataType, element="EVSEStatus", abstract=True, bare=True, substitutable=True):
    """Head of its substitution group."""


class AcEvseStatus(EvseStatus, element="AC_EVSEStatus"):
    power_switch_closed: bool = element("PowerSwitchClosed")
    rcd: bool = element("RCD")
    notification_max_delay: UnsignedInt = element("NotificationMaxDelay")
    evse_notification: EvseNotification = element("EVSENotification")


class EvStatus(DataType, element="EVStatus", abstract=True, bare=True, substitutable=True):
    """Head of its substitution group."""


class DcEvseStatus(EvseStatus, element="DC_EVSEStatus"):
    evse_isolation_status: IsolationLevel | None = element("EVSEIsolationStatus", default=None)
    evse_status_code: DcEvseStatusCode = element("EVSEStatusCode")
    notification_max_delay: UnsignedInt = element("NotificationMaxDelay")
    evse_notification: EvseNotification = element("EVSENotification")


class DcEvStatus(EvStatus, element="DC_EVStatus"):
    ev_ready: bool = element("EVReady")
    ev_cabin_conditioning: bool | None = element("EVCabinConditioning", default=None)
    ev_ress_conditioning: bool | None = element("EVRESSConditioning", default=None)
    ev_error_code: DcEvErrorCode = element("EVErrorCode")
    ev_ress_soc: Percent = element("EVRESSSOC")


class EvChargeParameter(DataType, element="EVChargeParameter", abstract=True, bare=True, substitutable=True):
    """Head of its substitution group."""


class AcEvChargeParameter(EvChargeParameter, element="AC_EVChargeParameter"):
    departure_time: UnsignedInt = element("DepartureTime")
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


class EvseChargeParameter(DataType, element="EVSEChargeParameter", abstract=True, bare=True, substitutable=True):
    """Head of its substitution group."""


class AcEvseChargeParameter(EvseChargeParameter, element="AC_EVSEChargeParameter"):
    ac_evse_status: AcEvseStatus = element("AC_EVSEStatus")
    evse_max_voltage: PhysicalValue = element("EVSEMaxVoltage")
    evse_max_current: PhysicalValue = element("EVSEMaxCurrent")
    evse_min_current: PhysicalValue = element("EVSEMinCurrent")


class DcEvseChargeParameter(EvseChargeParameter, element="DC_EVSEChargeParameter"):
    dc_evse_status: DcEvseStatus = element("DC_EVSEStatus")
    evse_maximum_current_limit: PhysicalValue = element("EVSEMaximumCurrentLimit")
    evse_maximum_power_limit: PhysicalValue | None = element("EVSEMaximumPowerLimit", default=None)
    evse_maximum_voltage_limit: PhysicalValue = element("EVSEMaximumVoltageLimit")
    evse_minimum_current_limit: PhysicalValue = element("EVSEMinimumCurrentLimit")
    evse_minimum_voltage_limit: PhysicalValue = element("EVSEMinimumVoltageLimit")
    evse_current_regulation_tolerance: PhysicalValue | None = element("EVSECurrentRegulationTolerance", default=None)
    evse_peak_current_ripple: PhysicalValue = element("EVSEPeakCurrentRipple")
    evse_energy_to_be_delivered: PhysicalValue | None = element("EVSEEnergyToBeDelivered", default=None)


class EvPowerDeliveryParameter(
    DataType, element="EVPowerDeliveryParameter", abstract=True, bare=True, substitutable=True
):
    """Head of its substitution group."""


class DcEvPowerDeliveryParameter(EvPowerDeliveryParameter, element="DC_EVPowerDeliveryParameter"):
    dc_ev_status: DcEvStatus = element("DC_EVStatus")
    bulk_charging_complete: bool | None = element("BulkChargingComplete", default=None)
    charging_complete: bool = element("ChargingComplete")


class ProfileEntry(DataType):
    charging_profile_entry_start: UnsignedInt = element("ChargingProfileEntryStart")
    charging_profile_entry_max_power: PMax = element("ChargingProfileEntryMaxPower")


class ChargingProfile(DataType):
    sa_schedule_tuple_id: SaId = element("SAScheduleTupleID")
    profile_entry: tuple[ProfileEntry, ...] = element("ProfileEntry", max_occurs=UNBOUNDED)


class PaymentOptions(DataType, transparent=True):
    payment_option: tuple[PaymentOption, ...] = element("PaymentOption", max_occurs=UNBOUNDED)


# -- envelope -------------------------------------------------------------------------------------------


class BodyElement(Record, namespace=MSG_DEF, element="BodyElement", abstract=True, bare=True, substitutable=True):
    """Head of everything that a Body may hold."""


class Body(Record, namespace=MSG_DEF, transparent=True):
    body_element: BodyElement | None = reference(default=None)


class MessageHeader(Record, namespace=MSG_HEADER):
    session_id: SessionId = element("SessionID")
    notification: Notification | None = element("Notification", default=None)
    signature: Signature | None = reference(default=None)


class V2gMessage(Record, namespace=MSG_DEF, element="V2G_Message"):
    """The envelope; `body` None is an empty Body."""

    header: MessageHeader = element("Header")
    body: BodyElement | None = element("Body", through=Body)


class Request(declare.Request, BodyElement, namespace=MSG_BODY, abstract=True):
    """What the car asks."""


class Response(declare.Response, BodyElement, namespace=MSG_BODY, abstract=True):
    """What the station answers."""

    response_code: ResponseCode = element("ResponseCode", default=ResponseCode.OK)


# -- messages -------------------------------------------------------------------------------------------


class SessionSetupRes(Response, element="SessionSetupRes"):
    evse_id: EvseId = element("EVSEID")
    date_time_now: Long | None = element("DateTimeNow", default=None)


class SessionSetupReq(Request, element="SessionSetupReq", answered_by=SessionSetupRes):
    evcc_id: EvccId = element("EVCCID")


class ServiceDiscoveryRes(Response, element="ServiceDiscoveryRes"):
    payment_options: tuple[PaymentOption, ...] = element("PaymentOptions", through=PaymentOptions)
    charge_service: ServiceCharge = element("ChargeService")
    service_list: tuple[Service, ...] | None = element("ServiceList", default=None, through=ServiceTagList)


class ServiceDiscoveryReq(Request, element="ServiceDiscoveryReq", answered_by=ServiceDiscoveryRes):
    service_scope: ServiceScope | None = element("ServiceScope", default=None)
    service_category: ServiceCategory | None = element("ServiceCategory", default=None)


class ServiceDetailRes(Response, element="ServiceDetailRes"):
    service_id: ServiceId = element("ServiceID")
    service_parameter_list: tuple[ParameterSet, ...] | None = element(
        "ServiceParameterList", default=None, through=ServiceParameterList
    )


class ServiceDetailReq(Request, element="ServiceDetailReq", answered_by=ServiceDetailRes):
    service_id: ServiceId = element("ServiceID")


class ServicePaymentSelectionRes(Response, element="ServicePaymentSelectionRes"):
    """Nothing but the response code."""


class ServicePaymentSelectionReq(Request, element="ServicePaymentSelectionReq", answered_by=ServicePaymentSelectionRes):
    selected_payment_option: PaymentOption = element("SelectedPaymentOption")
    selected_service_list: tuple[SelectedService, ...] = element("SelectedServiceList", through=SelectedServiceList)


class PaymentDetailsRes(Response, element="PaymentDetailsRes"):
    gen_challenge: GenChallenge = element("GenChallenge")
    date_time_now: Long = element("DateTimeNow")


class PaymentDetailsReq(Request, element="PaymentDetailsReq", answered_by=PaymentDetailsRes):
    contract_id: ContractId = element("ContractID")
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")


class ContractAuthenticationRes(Response, element="ContractAuthenticationRes"):
    evse_processing: EvseProcessing = element("EVSEProcessing")


class ContractAuthenticationReq(Request, element="ContractAuthenticationReq", answered_by=ContractAuthenticationRes):
    id: str | None = attribute("Id", default=None)
    gen_challenge: GenChallenge | None = element("GenChallenge", default=None)


class ChargeParameterDiscoveryRes(Response, element="ChargeParameterDiscoveryRes"):
    evse_processing: EvseProcessing = element("EVSEProcessing")
    sa_schedules: SaSchedules = reference()
    evse_charge_parameter: EvseChargeParameter = reference()


class ChargeParameterDiscoveryReq(
    Request, element="ChargeParameterDiscoveryReq", answered_by=ChargeParameterDiscoveryRes
):
    ev_requested_energy_transfer_type: EvRequestedEnergyTransfer = element("EVRequestedEnergyTransferType")
    ev_charge_parameter: EvChargeParameter = reference()


class PowerDeliveryRes(Response, element="PowerDeliveryRes"):
    evse_status: EvseStatus = reference()


class PowerDeliveryReq(Request, element="PowerDeliveryReq", answered_by=PowerDeliveryRes):
    ready_to_charge_state: bool = element("ReadyToChargeState")
    charging_profile: ChargingProfile | None = element("ChargingProfile", default=None)
    ev_power_delivery_parameter: EvPowerDeliveryParameter | None = reference(default=None)


class ChargingStatusRes(Response, element="ChargingStatusRes"):
    evse_id: EvseId = element("EVSEID")
    sa_schedule_tuple_id: SaId = element("SAScheduleTupleID")
    evse_max_current: PhysicalValue | None = element("EVSEMaxCurrent", default=None)
    meter_info: MeterInfo | None = element("MeterInfo", default=None)
    receipt_required: bool = element("ReceiptRequired")
    ac_evse_status: AcEvseStatus = element("AC_EVSEStatus")


class ChargingStatusReq(Request, element="ChargingStatusReq", answered_by=ChargingStatusRes):
    """Asks without saying anything."""


class MeteringReceiptRes(Response, element="MeteringReceiptRes"):
    ac_evse_status: AcEvseStatus = element("AC_EVSEStatus")


class MeteringReceiptReq(Request, element="MeteringReceiptReq", answered_by=MeteringReceiptRes):
    id: str | None = attribute("Id", default=None)
    session_id: SessionId = element("SessionID")
    sa_schedule_tuple_id: SaId | None = element("SAScheduleTupleID", default=None)
    meter_info: MeterInfo = element("MeterInfo")


class SessionStopRes(Response, element="SessionStopRes"):
    """Nothing but the response code."""


class SessionStopReq(Request, element="SessionStopReq", answered_by=SessionStopRes):
    """Asks without saying anything."""


class CertificateUpdateRes(Response, element="CertificateUpdateRes"):
    id: str = attribute("Id")
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")
    contract_signature_encrypted_private_key: PrivateKey = element("ContractSignatureEncryptedPrivateKey")
    dh_params: DhParams = element("DHParams")
    contract_id: ContractId = element("ContractID")
    retry_counter: Short = element("RetryCounter")


class CertificateUpdateReq(Request, element="CertificateUpdateReq", answered_by=CertificateUpdateRes):
    id: str | None = attribute("Id", default=None)
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")
    contract_id: ContractId = element("ContractID")
    list_of_root_certificate_ids: tuple[RootCertificateId, ...] = element(
        "ListOfRootCertificateIDs", through=ListOfRootCertificateIds
    )
    dh_params: DhParams = element("DHParams")


class CertificateInstallationRes(Response, element="CertificateInstallationRes"):
    id: str = attribute("Id")
    contract_signature_cert_chain: CertificateChain = element("ContractSignatureCertChain")
    contract_signature_encrypted_private_key: PrivateKey = element("ContractSignatureEncryptedPrivateKey")
    dh_params: DhParams = element("DHParams")
    contract_id: ContractId = element("ContractID")


class CertificateInstallationReq(Request, element="CertificateInstallationReq", answered_by=CertificateInstallationRes):
    id: str | None = attribute("Id", default=None)
    oem_provisioning_cert: Certificate = element("OEMProvisioningCert")
    list_of_root_certificate_ids: tuple[RootCertificateId, ...] = element(
        "ListOfRootCertificateIDs", through=ListOfRootCertificateIds
    )
    dh_params: DhParams = element("DHParams")


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
