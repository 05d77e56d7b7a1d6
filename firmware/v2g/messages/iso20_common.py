"""ISO 15118-20:2022, the messages common to every energy transfer (V2G_CI_CommonMessages).

Sessions, authorization, services, schedules, metering, certificates, parking. Order of fields is wire order; a wrapper
that only holds a list is no object of its own (`through=`).
"""

from enum import StrEnum
from typing import Annotated

from firmware.v2g.messages.declare import Integer, Namespace, Octets, Record, Text, attribute, element
from firmware.v2g.messages.iso20_types import (
    Byte,
    Description,
    EvseStatus,
    Identifier,
    Int,
    ListOfRootCertificateIds,
    MeterInfo,
    Name,
    NumericId,
    Percent,
    Processing,
    RationalNumber,
    Receipt,
    SessionId,
    Short,
    UnsignedByte,
    UnsignedInt,
    UnsignedLong,
    UnsignedShort,
    V2gRequest,
    V2gResponse,
)
from firmware.v2g.messages.xmldsig import X509IssuerSerial

COMMON_MESSAGES = Namespace("urn:iso:std:iso:15118:-20:CommonMessages", "cm", qualified_attributes=True)

GenChallenge = Annotated[bytes, Octets(16, 16)]
ServiceId = UnsignedShort
MaxSupportingPointsScheduleTuple = Annotated[int, Integer(12, 1024)]
DhPublicKey = Annotated[bytes, Octets(133, 133)]
Secp521EncryptedPrivateKey = Annotated[bytes, Octets(94, 94)]
X448EncryptedPrivateKey = Annotated[bytes, Octets(84, 84)]
TpmEncryptedPrivateKey = Annotated[bytes, Octets(206, 206)]
Currency = Annotated[str, Text(max_length=3)]
Language = Annotated[str, Text(max_length=3)]
Certificate = Annotated[bytes, Octets(max_length=1600)]


class Authorization(StrEnum):
    EIM = "EIM"
    PnC = "PnC"


class ChargeProgress(StrEnum):
    Start = "Start"
    Stop = "Stop"
    Standby = "Standby"
    ScheduleRenegotiation = "ScheduleRenegotiation"


class ChannelSelection(StrEnum):
    Charge = "Charge"
    Discharge = "Discharge"


class EcdhCurve(StrEnum):
    SECP521 = "SECP521"
    X448 = "X448"


class ChargingSession(StrEnum):
    Pause = "Pause"
    Terminate = "Terminate"
    ServiceRenegotiation = "ServiceRenegotiation"


class EvCheckInStatus(StrEnum):
    CheckIn = "CheckIn"
    Processing = "Processing"
    Completed = "Completed"


class EvCheckOutStatus(StrEnum):
    CheckOut = "CheckOut"
    Processing = "Processing"
    Completed = "Completed"


class EvseCheckOutStatus(StrEnum):
    Scheduled = "Scheduled"
    Completed = "Completed"


class ParkingMethod(StrEnum):
    AutoParking = "AutoParking"
    MVGuideManual = "MVGuideManual"
    Manual = "Manual"


class PowerToleranceAcceptance(StrEnum):
    PowerToleranceNotConfirmed = "PowerToleranceNotConfirmed"
    PowerToleranceConfirmed = "PowerToleranceConfirmed"


class SupportedProvidersList(Record, namespace=COMMON_MESSAGES, transparent=True):
    provider_id: tuple[Name, ...] = element("ProviderID", max_occurs=128)


class PncAsResAuthorizationMode(Record, namespace=COMMON_MESSAGES):
    gen_challenge: GenChallenge = element("GenChallenge")
    supported_providers: tuple[Name, ...] | None = element(
        "SupportedProviders", default=None, through=SupportedProvidersList
    )


class EimAsResAuthorizationMode(Record, namespace=COMMON_MESSAGES):
    """Empty."""


class SubCertificates(Record, namespace=COMMON_MESSAGES, transparent=True):
    certificate: tuple[Certificate, ...] = element("Certificate", max_occurs=3)


class ContractCertificateChain(Record, namespace=COMMON_MESSAGES):
    certificate: Certificate = element("Certificate")
    sub_certificates: tuple[Certificate, ...] = element("SubCertificates", through=SubCertificates)


class PncAReqAuthorizationMode(Record, namespace=COMMON_MESSAGES):
    id: str = attribute("Id")
    gen_challenge: GenChallenge = element("GenChallenge")
    contract_certificate_chain: ContractCertificateChain = element("ContractCertificateChain")


class EimAReqAuthorizationMode(Record, namespace=COMMON_MESSAGES):
    """Empty."""


class ServiceIdList(Record, namespace=COMMON_MESSAGES, transparent=True):
    service_id: tuple[ServiceId, ...] = element("ServiceID", max_occurs=16)


class Service(Record, namespace=COMMON_MESSAGES):
    service_id: ServiceId = element("ServiceID")
    free_service: bool = element("FreeService")


class ServiceList(Record, namespace=COMMON_MESSAGES, transparent=True):
    service: tuple[Service, ...] = element("Service", max_occurs=8)


class SelectedService(Record, namespace=COMMON_MESSAGES):
    service_id: ServiceId = element("ServiceID")
    parameter_set_id: ServiceId = element("ParameterSetID")


class SelectedServiceList(Record, namespace=COMMON_MESSAGES, transparent=True):
    selected_service: tuple[SelectedService, ...] = element("SelectedService", max_occurs=16)


class Parameter(Record, namespace=COMMON_MESSAGES):
    name: Name = attribute("Name")
    bool_value: bool | None = element("boolValue", default=None, choice="value")
    byte_value: Byte | None = element("byteValue", default=None, choice="value")
    short_value: Short | None = element("shortValue", default=None, choice="value")
    int_value: Int | None = element("intValue", default=None, choice="value")
    rational_number: RationalNumber | None = element("rationalNumber", default=None, choice="value")
    finite_string: Name | None = element("finiteString", default=None, choice="value")


class ParameterSet(Record, namespace=COMMON_MESSAGES):
    parameter_set_id: ServiceId = element("ParameterSetID")
    parameter: tuple[Parameter, ...] = element("Parameter", max_occurs=32)


class ServiceParameterList(Record, namespace=COMMON_MESSAGES, transparent=True):
    parameter_set: tuple[ParameterSet, ...] = element("ParameterSet", max_occurs=32)


class PowerScheduleEntry(Record, namespace=COMMON_MESSAGES):
    duration: UnsignedInt = element("Duration")
    power: RationalNumber = element("Power")
    power_l2: RationalNumber | None = element("Power_L2", default=None)
    power_l3: RationalNumber | None = element("Power_L3", default=None)


class PowerScheduleEntryList(Record, namespace=COMMON_MESSAGES, transparent=True):
    power_schedule_entry: tuple[PowerScheduleEntry, ...] = element("PowerScheduleEntry", max_occurs=1024)


class PowerSchedule(Record, namespace=COMMON_MESSAGES):
    time_anchor: UnsignedLong = element("TimeAnchor")
    available_energy: RationalNumber | None = element("AvailableEnergy", default=None)
    power_tolerance: RationalNumber | None = element("PowerTolerance", default=None)
    power_schedule_entries: tuple[PowerScheduleEntry, ...] = element(
        "PowerScheduleEntries", through=PowerScheduleEntryList
    )


class PriceSchedule(Record, namespace=COMMON_MESSAGES, abstract=True):
    time_anchor: UnsignedLong = element("TimeAnchor")
    price_schedule_id: NumericId = element("PriceScheduleID")
    price_schedule_description: Description | None = element("PriceScheduleDescription", default=None)


class PriceLevelScheduleEntry(Record, namespace=COMMON_MESSAGES):
    duration: UnsignedInt = element("Duration")
    price_level: UnsignedByte = element("PriceLevel")


class PriceLevelScheduleEntryList(Record, namespace=COMMON_MESSAGES, transparent=True):
    price_level_schedule_entry: tuple[PriceLevelScheduleEntry, ...] = element(
        "PriceLevelScheduleEntry", max_occurs=1024
    )


class PriceLevelSchedule(PriceSchedule, namespace=COMMON_MESSAGES):
    id: str | None = attribute("Id", default=None)
    number_of_price_levels: UnsignedByte = element("NumberOfPriceLevels")
    price_level_schedule_entries: tuple[PriceLevelScheduleEntry, ...] = element(
        "PriceLevelScheduleEntries", through=PriceLevelScheduleEntryList
    )


class TaxRule(Record, namespace=COMMON_MESSAGES):
    tax_rule_id: NumericId = element("TaxRuleID")
    tax_rule_name: Name | None = element("TaxRuleName", default=None)
    tax_rate: RationalNumber = element("TaxRate")
    tax_included_in_price: bool | None = element("TaxIncludedInPrice", default=None)
    applies_to_energy_fee: bool = element("AppliesToEnergyFee")
    applies_to_parking_fee: bool = element("AppliesToParkingFee")
    applies_to_overstay_fee: bool = element("AppliesToOverstayFee")
    applies_minimum_maximum_cost: bool = element("AppliesMinimumMaximumCost")


class TaxRuleList(Record, namespace=COMMON_MESSAGES, transparent=True):
    tax_rule: tuple[TaxRule, ...] = element("TaxRule", max_occurs=10)


class PriceRule(Record, namespace=COMMON_MESSAGES):
    energy_fee: RationalNumber = element("EnergyFee")
    parking_fee: RationalNumber | None = element("ParkingFee", default=None)
    parking_fee_period: UnsignedInt | None = element("ParkingFeePeriod", default=None)
    carbon_dioxide_emission: UnsignedShort | None = element("CarbonDioxideEmission", default=None)
    renewable_generation_percentage: UnsignedByte | None = element("RenewableGenerationPercentage", default=None)
    power_range_start: RationalNumber = element("PowerRangeStart")


class PriceRuleStack(Record, namespace=COMMON_MESSAGES):
    duration: UnsignedInt = element("Duration")
    price_rule: tuple[PriceRule, ...] = element("PriceRule", max_occurs=8)


class PriceRuleStackList(Record, namespace=COMMON_MESSAGES, transparent=True):
    price_rule_stack: tuple[PriceRuleStack, ...] = element("PriceRuleStack", max_occurs=1024)


class OverstayRule(Record, namespace=COMMON_MESSAGES):
    overstay_rule_description: Description | None = element("OverstayRuleDescription", default=None)
    start_time: UnsignedInt = element("StartTime")
    overstay_fee: RationalNumber = element("OverstayFee")
    overstay_fee_period: UnsignedInt = element("OverstayFeePeriod")


class OverstayRuleList(Record, namespace=COMMON_MESSAGES):
    overstay_time_threshold: UnsignedInt | None = element("OverstayTimeThreshold", default=None)
    overstay_power_threshold: RationalNumber | None = element("OverstayPowerThreshold", default=None)
    overstay_rule: tuple[OverstayRule, ...] = element("OverstayRule", max_occurs=5)


class AdditionalService(Record, namespace=COMMON_MESSAGES):
    service_name: Name = element("ServiceName")
    service_fee: RationalNumber = element("ServiceFee")


class AdditionalServiceList(Record, namespace=COMMON_MESSAGES, transparent=True):
    additional_service: tuple[AdditionalService, ...] = element("AdditionalService", max_occurs=5)


class AbsolutePriceSchedule(PriceSchedule, namespace=COMMON_MESSAGES):
    id: str | None = attribute("Id", default=None)
    currency: Currency = element("Currency")
    language: Language = element("Language")
    price_algorithm: Identifier = element("PriceAlgorithm")
    minimum_cost: RationalNumber | None = element("MinimumCost", default=None)
    maximum_cost: RationalNumber | None = element("MaximumCost", default=None)
    tax_rules: tuple[TaxRule, ...] | None = element("TaxRules", default=None, through=TaxRuleList)
    price_rule_stacks: tuple[PriceRuleStack, ...] = element("PriceRuleStacks", through=PriceRuleStackList)
    overstay_rules: OverstayRuleList | None = element("OverstayRules", default=None)
    additional_selected_services: tuple[AdditionalService, ...] | None = element(
        "AdditionalSelectedServices", default=None, through=AdditionalServiceList
    )


class ChargingSchedule(Record, namespace=COMMON_MESSAGES):
    power_schedule: PowerSchedule = element("PowerSchedule")
    absolute_price_schedule: AbsolutePriceSchedule | None = element(
        "AbsolutePriceSchedule", default=None, choice="price_schedule?"
    )
    price_level_schedule: PriceLevelSchedule | None = element(
        "PriceLevelSchedule", default=None, choice="price_schedule?"
    )


class ScheduleTuple(Record, namespace=COMMON_MESSAGES):
    schedule_tuple_id: NumericId = element("ScheduleTupleID")
    charging_schedule: ChargingSchedule = element("ChargingSchedule")
    discharging_schedule: ChargingSchedule | None = element("DischargingSchedule", default=None)


class EvPowerScheduleEntry(Record, namespace=COMMON_MESSAGES):
    duration: UnsignedInt = element("Duration")
    power: RationalNumber = element("Power")


class EvPowerScheduleEntryList(Record, namespace=COMMON_MESSAGES, transparent=True):
    ev_power_schedule_entry: tuple[EvPowerScheduleEntry, ...] = element("EVPowerScheduleEntry", max_occurs=1024)


class EvPowerSchedule(Record, namespace=COMMON_MESSAGES):
    time_anchor: UnsignedLong = element("TimeAnchor")
    ev_power_schedule_entries: tuple[EvPowerScheduleEntry, ...] = element(
        "EVPowerScheduleEntries", through=EvPowerScheduleEntryList
    )


class EvPriceRule(Record, namespace=COMMON_MESSAGES):
    energy_fee: RationalNumber = element("EnergyFee")
    power_range_start: RationalNumber = element("PowerRangeStart")


class EvPriceRuleStack(Record, namespace=COMMON_MESSAGES):
    duration: UnsignedInt = element("Duration")
    ev_price_rule: tuple[EvPriceRule, ...] = element("EVPriceRule", max_occurs=8)


class EvPriceRuleStackList(Record, namespace=COMMON_MESSAGES, transparent=True):
    ev_price_rule_stack: tuple[EvPriceRuleStack, ...] = element("EVPriceRuleStack", max_occurs=1024)


class EvAbsolutePriceSchedule(Record, namespace=COMMON_MESSAGES):
    time_anchor: UnsignedLong = element("TimeAnchor")
    currency: Currency = element("Currency")
    price_algorithm: Identifier = element("PriceAlgorithm")
    ev_price_rule_stacks: tuple[EvPriceRuleStack, ...] = element("EVPriceRuleStacks", through=EvPriceRuleStackList)


class EvEnergyOffer(Record, namespace=COMMON_MESSAGES):
    ev_power_schedule: EvPowerSchedule = element("EVPowerSchedule")
    ev_absolute_price_schedule: EvAbsolutePriceSchedule = element("EVAbsolutePriceSchedule")


class ScheduledSeReqControlMode(Record, namespace=COMMON_MESSAGES):
    departure_time: UnsignedInt | None = element("DepartureTime", default=None)
    ev_target_energy_request: RationalNumber | None = element("EVTargetEnergyRequest", default=None)
    ev_maximum_energy_request: RationalNumber | None = element("EVMaximumEnergyRequest", default=None)
    ev_minimum_energy_request: RationalNumber | None = element("EVMinimumEnergyRequest", default=None)
    ev_energy_offer: EvEnergyOffer | None = element("EVEnergyOffer", default=None)


class ScheduledSeResControlMode(Record, namespace=COMMON_MESSAGES, transparent=True):
    schedule_tuple: tuple[ScheduleTuple, ...] = element("ScheduleTuple", max_occurs=3)


class DynamicSeReqControlMode(Record, namespace=COMMON_MESSAGES):
    departure_time: UnsignedInt = element("DepartureTime")
    minimum_soc: Percent | None = element("MinimumSOC", default=None)
    target_soc: Percent | None = element("TargetSOC", default=None)
    ev_target_energy_request: RationalNumber = element("EVTargetEnergyRequest")
    ev_maximum_energy_request: RationalNumber = element("EVMaximumEnergyRequest")
    ev_minimum_energy_request: RationalNumber = element("EVMinimumEnergyRequest")
    ev_maximum_v2x_energy_request: RationalNumber | None = element("EVMaximumV2XEnergyRequest", default=None)
    ev_minimum_v2x_energy_request: RationalNumber | None = element("EVMinimumV2XEnergyRequest", default=None)


class DynamicSeResControlMode(Record, namespace=COMMON_MESSAGES):
    departure_time: UnsignedInt | None = element("DepartureTime", default=None)
    minimum_soc: Percent | None = element("MinimumSOC", default=None)
    target_soc: Percent | None = element("TargetSOC", default=None)
    absolute_price_schedule: AbsolutePriceSchedule | None = element(
        "AbsolutePriceSchedule", default=None, choice="price_schedule?"
    )
    price_level_schedule: PriceLevelSchedule | None = element(
        "PriceLevelSchedule", default=None, choice="price_schedule?"
    )


class SignedInstallationData(Record, namespace=COMMON_MESSAGES, element="SignedInstallationData"):
    id: str = attribute("Id")
    contract_certificate_chain: ContractCertificateChain = element("ContractCertificateChain")
    ecdh_curve: EcdhCurve = element("ECDHCurve")
    dh_public_key: DhPublicKey = element("DHPublicKey")
    secp521_encrypted_private_key: Secp521EncryptedPrivateKey | None = element(
        "SECP521_EncryptedPrivateKey", default=None, choice="private_key"
    )
    x448_encrypted_private_key: X448EncryptedPrivateKey | None = element(
        "X448_EncryptedPrivateKey", default=None, choice="private_key"
    )
    tpm_encrypted_private_key: TpmEncryptedPrivateKey | None = element(
        "TPM_EncryptedPrivateKey", default=None, choice="private_key"
    )


class ScheduledSmdtControlMode(Record, namespace=COMMON_MESSAGES):
    selected_schedule_tuple_id: NumericId = element("SelectedScheduleTupleID")


class DynamicSmdtControlMode(Record, namespace=COMMON_MESSAGES):
    """Empty."""


class SignedMeteringData(Record, namespace=COMMON_MESSAGES, element="SignedMeteringData"):
    id: str = attribute("Id")
    session_id: SessionId = element("SessionID")
    meter_info: MeterInfo = element("MeterInfo")
    receipt: Receipt | None = element("Receipt", default=None)
    dynamic_smdt_control_mode: DynamicSmdtControlMode | None = element(
        "Dynamic_SMDTControlMode", default=None, choice="control_mode"
    )
    scheduled_smdt_control_mode: ScheduledSmdtControlMode | None = element(
        "Scheduled_SMDTControlMode", default=None, choice="control_mode"
    )


class TargetPosition(Record, namespace=COMMON_MESSAGES):
    target_offset_x: UnsignedShort = element("TargetOffsetX")
    target_offset_y: UnsignedShort = element("TargetOffsetY")


class EvPowerProfileEntryList(Record, namespace=COMMON_MESSAGES, transparent=True):
    ev_power_profile_entry: tuple[PowerScheduleEntry, ...] = element("EVPowerProfileEntry", max_occurs=2048)


class ScheduledEvpptControlMode(Record, namespace=COMMON_MESSAGES):
    selected_schedule_tuple_id: NumericId = element("SelectedScheduleTupleID")
    power_tolerance_acceptance: PowerToleranceAcceptance | None = element("PowerToleranceAcceptance", default=None)


class DynamicEvpptControlMode(Record, namespace=COMMON_MESSAGES):
    """Empty."""


class EvPowerProfile(Record, namespace=COMMON_MESSAGES):
    time_anchor: UnsignedLong = element("TimeAnchor")
    dynamic_evppt_control_mode: DynamicEvpptControlMode | None = element(
        "Dynamic_EVPPTControlMode", default=None, choice="control_mode"
    )
    scheduled_evppt_control_mode: ScheduledEvpptControlMode | None = element(
        "Scheduled_EVPPTControlMode", default=None, choice="control_mode"
    )
    ev_power_profile_entries: tuple[PowerScheduleEntry, ...] = element(
        "EVPowerProfileEntries", through=EvPowerProfileEntryList
    )


class EmaidList(Record, namespace=COMMON_MESSAGES, transparent=True):
    emaid: tuple[Identifier, ...] = element("EMAID", max_occurs=8)


class CertificateChain(Record, namespace=COMMON_MESSAGES):
    certificate: Certificate = element("Certificate")
    sub_certificates: tuple[Certificate, ...] | None = element("SubCertificates", default=None, through=SubCertificates)


class SignedCertificateChain(Record, namespace=COMMON_MESSAGES):
    id: str = attribute("Id")
    certificate: Certificate = element("Certificate")
    sub_certificates: tuple[Certificate, ...] | None = element("SubCertificates", default=None, through=SubCertificates)


class SessionSetupRes(V2gResponse, namespace=COMMON_MESSAGES, element="SessionSetupRes"):
    evse_id: Identifier = element("EVSEID")


class SessionSetupReq(V2gRequest, namespace=COMMON_MESSAGES, element="SessionSetupReq", answered_by=SessionSetupRes):
    evcc_id: Identifier = element("EVCCID")


class AuthorizationSetupRes(V2gResponse, namespace=COMMON_MESSAGES, element="AuthorizationSetupRes"):
    authorization_services: tuple[Authorization, ...] = element("AuthorizationServices", max_occurs=2)
    certificate_installation_service: bool = element("CertificateInstallationService")
    eim_as_res_authorization_mode: EimAsResAuthorizationMode | None = element(
        "EIM_ASResAuthorizationMode", default=None, choice="mode"
    )
    pnc_as_res_authorization_mode: PncAsResAuthorizationMode | None = element(
        "PnC_ASResAuthorizationMode", default=None, choice="mode"
    )


class AuthorizationSetupReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="AuthorizationSetupReq", answered_by=AuthorizationSetupRes
):
    """Asks without saying anything."""


class AuthorizationRes(V2gResponse, namespace=COMMON_MESSAGES, element="AuthorizationRes"):
    evse_processing: Processing = element("EVSEProcessing")


class AuthorizationReq(V2gRequest, namespace=COMMON_MESSAGES, element="AuthorizationReq", answered_by=AuthorizationRes):
    selected_authorization_service: Authorization = element("SelectedAuthorizationService")
    eim_a_req_authorization_mode: EimAReqAuthorizationMode | None = element(
        "EIM_AReqAuthorizationMode", default=None, choice="mode"
    )
    pnc_a_req_authorization_mode: PncAReqAuthorizationMode | None = element(
        "PnC_AReqAuthorizationMode", default=None, choice="mode"
    )


class ServiceDiscoveryRes(V2gResponse, namespace=COMMON_MESSAGES, element="ServiceDiscoveryRes"):
    service_renegotiation_supported: bool = element("ServiceRenegotiationSupported")
    energy_transfer_service_list: tuple[Service, ...] = element("EnergyTransferServiceList", through=ServiceList)
    vas_list: tuple[Service, ...] | None = element("VASList", default=None, through=ServiceList)


class ServiceDiscoveryReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="ServiceDiscoveryReq", answered_by=ServiceDiscoveryRes
):
    supported_service_ids: tuple[ServiceId, ...] | None = element(
        "SupportedServiceIDs", default=None, through=ServiceIdList
    )


class ServiceDetailRes(V2gResponse, namespace=COMMON_MESSAGES, element="ServiceDetailRes"):
    service_id: ServiceId = element("ServiceID")
    service_parameter_list: tuple[ParameterSet, ...] = element("ServiceParameterList", through=ServiceParameterList)


class ServiceDetailReq(V2gRequest, namespace=COMMON_MESSAGES, element="ServiceDetailReq", answered_by=ServiceDetailRes):
    service_id: ServiceId = element("ServiceID")


class ServiceSelectionRes(V2gResponse, namespace=COMMON_MESSAGES, element="ServiceSelectionRes"):
    """Nothing but the response code."""


class ServiceSelectionReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="ServiceSelectionReq", answered_by=ServiceSelectionRes
):
    selected_energy_transfer_service: SelectedService = element("SelectedEnergyTransferService")
    selected_vas_list: tuple[SelectedService, ...] | None = element(
        "SelectedVASList", default=None, through=SelectedServiceList
    )


class ScheduleExchangeRes(V2gResponse, namespace=COMMON_MESSAGES, element="ScheduleExchangeRes"):
    evse_processing: Processing = element("EVSEProcessing")
    go_to_pause: bool | None = element("GoToPause", default=None)
    dynamic_se_res_control_mode: DynamicSeResControlMode | None = element(
        "Dynamic_SEResControlMode", default=None, choice="control_mode"
    )
    scheduled_se_res_control_mode: tuple[ScheduleTuple, ...] | None = element(
        "Scheduled_SEResControlMode", through=ScheduledSeResControlMode, default=None, choice="control_mode"
    )


class ScheduleExchangeReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="ScheduleExchangeReq", answered_by=ScheduleExchangeRes
):
    maximum_supporting_points: MaxSupportingPointsScheduleTuple = element("MaximumSupportingPoints")
    dynamic_se_req_control_mode: DynamicSeReqControlMode | None = element(
        "Dynamic_SEReqControlMode", default=None, choice="control_mode"
    )
    scheduled_se_req_control_mode: ScheduledSeReqControlMode | None = element(
        "Scheduled_SEReqControlMode", default=None, choice="control_mode"
    )


class PowerDeliveryRes(V2gResponse, namespace=COMMON_MESSAGES, element="PowerDeliveryRes"):
    evse_status: EvseStatus | None = element("EVSEStatus", default=None)


class PowerDeliveryReq(V2gRequest, namespace=COMMON_MESSAGES, element="PowerDeliveryReq", answered_by=PowerDeliveryRes):
    ev_processing: Processing = element("EVProcessing")
    charge_progress: ChargeProgress = element("ChargeProgress")
    ev_power_profile: EvPowerProfile | None = element("EVPowerProfile", default=None)
    bpt_channel_selection: ChannelSelection | None = element("BPT_ChannelSelection", default=None)


class MeteringConfirmationRes(V2gResponse, namespace=COMMON_MESSAGES, element="MeteringConfirmationRes"):
    """Nothing but the response code."""


class MeteringConfirmationReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="MeteringConfirmationReq", answered_by=MeteringConfirmationRes
):
    signed_metering_data: SignedMeteringData = element("SignedMeteringData")


class SessionStopRes(V2gResponse, namespace=COMMON_MESSAGES, element="SessionStopRes"):
    """Nothing but the response code."""


class SessionStopReq(V2gRequest, namespace=COMMON_MESSAGES, element="SessionStopReq", answered_by=SessionStopRes):
    charging_session: ChargingSession = element("ChargingSession")
    ev_termination_code: Name | None = element("EVTerminationCode", default=None)
    ev_termination_explanation: Description | None = element("EVTerminationExplanation", default=None)


class CertificateInstallationRes(V2gResponse, namespace=COMMON_MESSAGES, element="CertificateInstallationRes"):
    evse_processing: Processing = element("EVSEProcessing")
    cps_certificate_chain: CertificateChain = element("CPSCertificateChain")
    signed_installation_data: SignedInstallationData = element("SignedInstallationData")
    remaining_contract_certificate_chains: UnsignedByte = element("RemainingContractCertificateChains")


class CertificateInstallationReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="CertificateInstallationReq", answered_by=CertificateInstallationRes
):
    oem_provisioning_certificate_chain: SignedCertificateChain = element("OEMProvisioningCertificateChain")
    list_of_root_certificate_ids: tuple[X509IssuerSerial, ...] = element(
        "ListOfRootCertificateIDs", through=ListOfRootCertificateIds
    )
    maximum_contract_certificate_chains: UnsignedByte = element("MaximumContractCertificateChains")
    prioritized_emaids: tuple[Identifier, ...] | None = element("PrioritizedEMAIDs", default=None, through=EmaidList)


class VehicleCheckInRes(V2gResponse, namespace=COMMON_MESSAGES, element="VehicleCheckInRes"):
    parking_space: Short | None = element("ParkingSpace", default=None)
    device_location: Short | None = element("DeviceLocation", default=None)
    target_distance: Short | None = element("TargetDistance", default=None)


class VehicleCheckInReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="VehicleCheckInReq", answered_by=VehicleCheckInRes
):
    ev_check_in_status: EvCheckInStatus = element("EVCheckInStatus")
    parking_method: ParkingMethod = element("ParkingMethod")
    vehicle_frame: Short | None = element("VehicleFrame", default=None)
    device_offset: Short | None = element("DeviceOffset", default=None)
    vehicle_travel: Short | None = element("VehicleTravel", default=None)


class VehicleCheckOutRes(V2gResponse, namespace=COMMON_MESSAGES, element="VehicleCheckOutRes"):
    evse_check_out_status: EvseCheckOutStatus = element("EVSECheckOutStatus")


class VehicleCheckOutReq(
    V2gRequest, namespace=COMMON_MESSAGES, element="VehicleCheckOutReq", answered_by=VehicleCheckOutRes
):
    ev_check_out_status: EvCheckOutStatus = element("EVCheckOutStatus")
    check_out_time: UnsignedLong = element("CheckOutTime")
