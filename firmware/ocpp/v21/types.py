"""OCPP 2.1's data types where they differ from those of 2.0.1, as far as our messages use them (part 2, ch. 3)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from firmware.ocpp.payload import DateTime, String8, String20, String32, String36, String50, String255, String2500
from firmware.ocpp.v201 import messages, types

ApnAuthenticationEnum = messages.ApnAuthenticationEnum
MessageFormatEnum = Literal[types.MessageFormatEnum, "QRCODE"]
CertificateSigningUseEnum = Literal[messages.CertificateSigningUseEnum, "V2G20Certificate"]
ChargingProfilePurposeEnum = Literal[types.ChargingProfilePurposeEnum, "PriorityCharging", "LocalGeneration"]
ChargingProfileKindEnum = Literal[types.ChargingProfileKindEnum, "Dynamic"]
OperationModeEnum = Literal[
    "Idle",
    "ChargingOnly",
    "CentralSetpoint",
    "ExternalSetpoint",
    "ExternalLimits",
    "CentralFrequency",
    "LocalFrequency",
    "LocalLoadBalancing",
]
DayOfWeekEnum = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
EnergyTransferModeEnum = Literal[
    messages.EnergyTransferModeEnum, "AC_BPT", "AC_BPT_DER", "AC_DER", "DC_BPT", "DC_ACDP", "DC_ACDP_BPT", "WPT"
]
EvseKindEnum = Literal["AC", "DC"]
GetCertificateIdUseEnum = Literal[messages.GetCertificateIdUseEnum, "OEMRootCertificate"]
InstallCertificateUseEnum = Literal[messages.InstallCertificateUseEnum, "OEMRootCertificate"]
LogEnum = Literal[messages.LogEnum, "DataCollectorLog"]
MessageStateEnum = Literal[messages.MessageStateEnum, "Suspended", "Discharging"]
MessageTriggerEnum = Literal[types.MessageTriggerEnum, "SignV2G20Certificate", "CustomTrigger"]
MonitorEnum = Literal[messages.MonitorEnum, "TargetDelta", "TargetDeltaRelative"]
OCPPVersionEnum = Literal[messages.OCPPVersionEnum, "OCPP201", "OCPP21"]
OCPPInterfaceEnum = Literal[messages.OCPPInterfaceEnum, "Any"]
OCPPTransportEnum = messages.OCPPTransportEnum
NotifyEVChargingNeedsStatusEnum = Literal[messages.NotifyEVChargingNeedsStatusEnum, "NoChargingProfile"]
PriorityChargingStatusEnum = Literal["Accepted", "Rejected", "NoProfile"]
ReservationUpdateStatusEnum = Literal[messages.ReservationUpdateStatusEnum, "NoTransaction"]
ControlModeEnum = Literal["ScheduledControl", "DynamicControl"]
MobilityNeedsModeEnum = Literal["EVCC", "EVCC_SECC"]
ResetEnum = Literal[types.ResetEnum, "ImmediateAndResume"]


class Apn(types.Payload201, frozen=True, kw_only=True):
    apn: Annotated[str, Meta(max_length=2000)]
    apn_authentication: ApnAuthenticationEnum
    apn_user_name: String50 | UnsetType = UNSET
    apn_password: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    sim_pin: int | UnsetType = UNSET
    preferred_network: Annotated[str, Meta(max_length=6)] | UnsetType = UNSET
    use_only_preferred_network: bool | UnsetType = UNSET


class RationalNumber(types.Payload201, frozen=True, kw_only=True):
    exponent: int
    value: int


class PriceRule(types.Payload201, frozen=True, kw_only=True):
    energy_fee: RationalNumber
    power_range_start: RationalNumber
    parking_fee_period: int | UnsetType = UNSET
    carbon_dioxide_emission: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    renewable_generation_percentage: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    parking_fee: RationalNumber | UnsetType = UNSET


class PriceRuleStack(types.Payload201, frozen=True, kw_only=True):
    duration: int
    price_rule: Annotated[tuple[PriceRule, ...], Meta(min_length=1, max_length=8)]


class TaxRule(types.Payload201, frozen=True, kw_only=True):
    tax_rule_id: Annotated[int, Meta(ge=0)] = field(name="taxRuleID")
    applies_to_energy_fee: bool
    applies_to_parking_fee: bool
    applies_to_overstay_fee: bool
    applies_to_minimum_maximum_cost: bool
    tax_rate: RationalNumber
    tax_rule_name: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    tax_included_in_price: bool | UnsetType = UNSET


class OverstayRule(types.Payload201, frozen=True, kw_only=True):
    overstay_fee: RationalNumber
    start_time: int
    overstay_fee_period: int
    overstay_rule_description: String32 | UnsetType = UNSET


class OverstayRuleList(types.Payload201, frozen=True, kw_only=True):
    overstay_rule: Annotated[tuple[OverstayRule, ...], Meta(min_length=1, max_length=5)]
    overstay_power_threshold: RationalNumber | UnsetType = UNSET
    overstay_time_threshold: int | UnsetType = UNSET


class AdditionalSelectedServices(types.Payload201, frozen=True, kw_only=True):
    service_fee: RationalNumber
    service_name: Annotated[str, Meta(max_length=80)]


class AbsolutePriceSchedule(types.Payload201, frozen=True, kw_only=True):
    time_anchor: DateTime
    price_schedule_id: Annotated[int, Meta(ge=0)] = field(name="priceScheduleID")
    currency: Annotated[str, Meta(max_length=3)]
    language: String8
    price_algorithm: Annotated[str, Meta(max_length=2000)]
    price_rule_stacks: Annotated[tuple[PriceRuleStack, ...], Meta(min_length=1, max_length=1024)]
    price_schedule_description: Annotated[str, Meta(max_length=160)] | UnsetType = UNSET
    minimum_cost: RationalNumber | UnsetType = UNSET
    maximum_cost: RationalNumber | UnsetType = UNSET
    tax_rules: Annotated[tuple[TaxRule, ...], Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    overstay_rule_list: OverstayRuleList | UnsetType = UNSET
    additional_selected_services: (
        Annotated[tuple[AdditionalSelectedServices, ...], Meta(min_length=1, max_length=5)] | UnsetType
    ) = UNSET


class AdditionalInfo(types.AdditionalInfo, frozen=True, kw_only=True):
    additional_id_token: String255


class IdToken(types.Payload201, frozen=True, kw_only=True):
    id_token: String255
    type: String20
    additional_info: Annotated[tuple[AdditionalInfo, ...], Meta(min_length=1)] | UnsetType = UNSET


class MessageContent(types.Payload201, frozen=True, kw_only=True):
    format: MessageFormatEnum
    content: Annotated[str, Meta(max_length=1024)]
    language: String8 | UnsetType = UNSET


class IdTokenInfo(types.Payload201, frozen=True, kw_only=True):
    status: types.AuthorizationStatusEnum
    cache_expiry_date_time: DateTime | UnsetType = UNSET
    charging_priority: int | UnsetType = UNSET
    group_id_token: IdToken | UnsetType = UNSET
    language1: String8 | UnsetType = UNSET
    language2: String8 | UnsetType = UNSET
    evse_id: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1)] | UnsetType = UNSET
    personal_message: MessageContent | UnsetType = UNSET


class AuthorizationData(types.Payload201, frozen=True, kw_only=True):
    id_token: IdToken
    id_token_info: IdTokenInfo | UnsetType = UNSET


class ChargingProfileCriterion(types.Payload201, frozen=True, kw_only=True):
    charging_profile_purpose: ChargingProfilePurposeEnum | UnsetType = UNSET
    stack_level: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    charging_profile_id: Annotated[tuple[int, ...], Meta(min_length=1)] | UnsetType = UNSET
    charging_limit_source: Annotated[tuple[String20, ...], Meta(min_length=1, max_length=4)] | UnsetType = UNSET


class LimitAtSoC(types.Payload201, frozen=True, kw_only=True):
    soc: Annotated[int, Meta(ge=0, le=100)]
    limit: float


class V2XFreqWattPoint(types.Payload201, frozen=True, kw_only=True):
    frequency: float
    power: float


class V2XSignalWattPoint(types.Payload201, frozen=True, kw_only=True):
    signal: int
    power: float


class ChargingSchedulePeriod(types.Payload201, frozen=True, kw_only=True):
    start_period: int
    limit: float | UnsetType = UNSET
    limit_l2: float | UnsetType = field(default=UNSET, name="limit_L2")
    limit_l3: float | UnsetType = field(default=UNSET, name="limit_L3")
    number_phases: Annotated[int, Meta(ge=0, le=3)] | UnsetType = UNSET
    phase_to_use: Annotated[int, Meta(ge=0, le=3)] | UnsetType = UNSET
    discharge_limit: Annotated[float, Meta(le=0)] | UnsetType = UNSET
    discharge_limit_l2: Annotated[float, Meta(le=0)] | UnsetType = field(default=UNSET, name="dischargeLimit_L2")
    discharge_limit_l3: Annotated[float, Meta(le=0)] | UnsetType = field(default=UNSET, name="dischargeLimit_L3")
    setpoint: float | UnsetType = UNSET
    setpoint_l2: float | UnsetType = field(default=UNSET, name="setpoint_L2")
    setpoint_l3: float | UnsetType = field(default=UNSET, name="setpoint_L3")
    setpoint_reactive: float | UnsetType = UNSET
    setpoint_reactive_l2: float | UnsetType = field(default=UNSET, name="setpointReactive_L2")
    setpoint_reactive_l3: float | UnsetType = field(default=UNSET, name="setpointReactive_L3")
    preconditioning_request: bool | UnsetType = UNSET
    evse_sleep: bool | UnsetType = UNSET
    v2x_baseline: float | UnsetType = UNSET
    operation_mode: OperationModeEnum | UnsetType = UNSET
    v2x_freq_watt_curve: Annotated[tuple[V2XFreqWattPoint, ...], Meta(min_length=1, max_length=20)] | UnsetType = UNSET
    v2x_signal_watt_curve: Annotated[tuple[V2XSignalWattPoint, ...], Meta(min_length=1, max_length=20)] | UnsetType = (
        UNSET
    )


class SalesTariff(types.SalesTariff, frozen=True, kw_only=True):
    id: Annotated[int, Meta(ge=0)]
    num_e_price_levels: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class PriceLevelScheduleEntry(types.Payload201, frozen=True, kw_only=True):
    duration: int
    price_level: Annotated[int, Meta(ge=0)]


class PriceLevelSchedule(types.Payload201, frozen=True, kw_only=True):
    price_level_schedule_entries: Annotated[tuple[PriceLevelScheduleEntry, ...], Meta(min_length=1, max_length=100)]
    time_anchor: DateTime
    price_schedule_id: Annotated[int, Meta(ge=0)]
    number_of_price_levels: Annotated[int, Meta(ge=0)]
    price_schedule_description: String32 | UnsetType = UNSET


class ChargingSchedule(types.Payload201, frozen=True, kw_only=True):
    id: int
    charging_rate_unit: types.ChargingRateUnitEnum
    charging_schedule_period: Annotated[tuple[ChargingSchedulePeriod, ...], Meta(min_length=1, max_length=1024)]
    limit_at_so_c: LimitAtSoC | UnsetType = UNSET
    start_schedule: DateTime | UnsetType = UNSET
    duration: int | UnsetType = UNSET
    min_charging_rate: float | UnsetType = UNSET
    power_tolerance: float | UnsetType = UNSET
    signature_id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    digest_value: Annotated[str, Meta(max_length=88)] | UnsetType = UNSET
    use_local_time: bool | UnsetType = UNSET
    randomized_delay: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    sales_tariff: SalesTariff | UnsetType = UNSET
    absolute_price_schedule: AbsolutePriceSchedule | UnsetType = UNSET
    price_level_schedule: PriceLevelSchedule | UnsetType = UNSET


class ChargingProfile(types.Payload201, frozen=True, kw_only=True):
    id: int
    stack_level: Annotated[int, Meta(ge=0)]
    charging_profile_purpose: ChargingProfilePurposeEnum
    charging_profile_kind: ChargingProfileKindEnum
    charging_schedule: Annotated[tuple[ChargingSchedule, ...], Meta(min_length=1, max_length=3)]
    recurrency_kind: types.RecurrencyKindEnum | UnsetType = UNSET
    valid_from: DateTime | UnsetType = UNSET
    valid_to: DateTime | UnsetType = UNSET
    transaction_id: String36 | UnsetType = UNSET
    max_offline_duration: int | UnsetType = UNSET
    invalid_after_offline_duration: bool | UnsetType = UNSET
    dyn_update_interval: int | UnsetType = UNSET
    dyn_update_time: DateTime | UnsetType = UNSET
    price_schedule_signature: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET


class ChargingScheduleUpdate(types.Payload201, frozen=True, kw_only=True):
    limit: float | UnsetType = UNSET
    limit_l2: float | UnsetType = field(default=UNSET, name="limit_L2")
    limit_l3: float | UnsetType = field(default=UNSET, name="limit_L3")
    discharge_limit: Annotated[float, Meta(le=0)] | UnsetType = UNSET
    discharge_limit_l2: Annotated[float, Meta(le=0)] | UnsetType = field(default=UNSET, name="dischargeLimit_L2")
    discharge_limit_l3: Annotated[float, Meta(le=0)] | UnsetType = field(default=UNSET, name="dischargeLimit_L3")
    setpoint: float | UnsetType = UNSET
    setpoint_l2: float | UnsetType = field(default=UNSET, name="setpoint_L2")
    setpoint_l3: float | UnsetType = field(default=UNSET, name="setpoint_L3")
    setpoint_reactive: float | UnsetType = UNSET
    setpoint_reactive_l2: float | UnsetType = field(default=UNSET, name="setpointReactive_L2")
    setpoint_reactive_l3: float | UnsetType = field(default=UNSET, name="setpointReactive_L3")


class AcChargingParameters(types.Payload201, frozen=True, kw_only=True):
    energy_amount: float
    ev_min_current: float
    ev_max_current: float
    ev_max_voltage: float


class DcChargingParameters(types.Payload201, frozen=True, kw_only=True):
    ev_max_current: float
    ev_max_voltage: float
    ev_max_power: float | UnsetType = UNSET
    ev_energy_capacity: float | UnsetType = UNSET
    energy_amount: float | UnsetType = UNSET
    state_of_charge: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    full_so_c: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    bulk_so_c: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET


class ChargingNeeds(types.Payload201, frozen=True, kw_only=True):
    requested_energy_transfer: EnergyTransferModeEnum
    ac_charging_parameters: AcChargingParameters | UnsetType = UNSET
    dc_charging_parameters: DcChargingParameters | UnsetType = UNSET
    available_energy_transfer: Annotated[tuple[EnergyTransferModeEnum, ...], Meta(min_length=1)] | UnsetType = UNSET
    control_mode: ControlModeEnum | UnsetType = UNSET
    mobility_needs_mode: MobilityNeedsModeEnum | UnsetType = UNSET
    departure_time: DateTime | UnsetType = UNSET


class ClearChargingProfile(types.Payload201, frozen=True, kw_only=True):
    evse_id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    charging_profile_purpose: ChargingProfilePurposeEnum | UnsetType = UNSET
    stack_level: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Evse(types.Evse, frozen=True, kw_only=True):
    id: Annotated[int, Meta(ge=0)]
    connector_id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Component(types.Component, frozen=True, kw_only=True):
    evse: Evse | UnsetType = UNSET


class ComponentVariable(types.ComponentVariable, frozen=True, kw_only=True):
    component: Component


class Firmware(messages.Firmware, frozen=True, kw_only=True):
    location: Annotated[str, Meta(max_length=2000)]


class GetVariableData(types.GetVariableData, frozen=True, kw_only=True):
    component: Component


class LogParameters(messages.LogParameters, frozen=True, kw_only=True):
    remote_location: Annotated[str, Meta(max_length=2000)]


class MessageInfo(types.Payload201, frozen=True, kw_only=True):
    id: Annotated[int, Meta(ge=0)]
    priority: messages.MessagePriorityEnum
    message: MessageContent
    display: Component | UnsetType = UNSET
    state: MessageStateEnum | UnsetType = UNSET
    start_date_time: DateTime | UnsetType = UNSET
    end_date_time: DateTime | UnsetType = UNSET
    transaction_id: String36 | UnsetType = UNSET
    message_extra: Annotated[tuple[MessageContent, ...], Meta(min_length=1, max_length=4)] | UnsetType = UNSET


class Vpn(messages.Vpn, frozen=True, kw_only=True):
    server: Annotated[str, Meta(max_length=2000)]
    user: String50
    password: Annotated[str, Meta(max_length=64)]
    group: String50 | UnsetType = UNSET


class NetworkConnectionProfile(types.Payload201, frozen=True, kw_only=True):
    ocpp_interface: OCPPInterfaceEnum
    ocpp_transport: OCPPTransportEnum
    message_timeout: int
    ocpp_csms_url: Annotated[str, Meta(max_length=2000)]
    security_profile: Annotated[int, Meta(ge=0)]
    apn: Apn | UnsetType = UNSET
    ocpp_version: OCPPVersionEnum | UnsetType = UNSET
    identity: Annotated[str, Meta(max_length=48)] | UnsetType = UNSET
    basic_auth_password: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    vpn: Vpn | UnsetType = UNSET


class PeriodicEventStreamParams(types.Payload201, frozen=True, kw_only=True):
    interval: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    values: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class TaxRate(types.Payload201, frozen=True, kw_only=True):
    type: String20
    tax: float
    stack: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Price(types.Payload201, frozen=True, kw_only=True):
    excl_tax: float | UnsetType = UNSET
    incl_tax: float | UnsetType = UNSET
    tax_rates: Annotated[tuple[TaxRate, ...], Meta(min_length=1, max_length=5)] | UnsetType = UNSET


class SetMonitoringData(types.Payload201, frozen=True, kw_only=True):
    value: float
    type: MonitorEnum
    severity: Annotated[int, Meta(ge=0)]
    component: Component
    variable: types.Variable
    id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    periodic_event_stream: PeriodicEventStreamParams | UnsetType = UNSET
    transaction: bool | UnsetType = UNSET


class SetVariableData(types.SetVariableData, frozen=True, kw_only=True):
    attribute_value: String2500
    component: Component


class StatusInfo(types.StatusInfo, frozen=True, kw_only=True):
    additional_info: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET


class TariffConditionsFixed(types.Payload201, frozen=True, kw_only=True):
    start_time_of_day: str | UnsetType = UNSET
    end_time_of_day: str | UnsetType = UNSET
    day_of_week: Annotated[tuple[DayOfWeekEnum, ...], Meta(min_length=1, max_length=7)] | UnsetType = UNSET
    valid_from_date: str | UnsetType = UNSET
    valid_to_date: str | UnsetType = UNSET
    evse_kind: EvseKindEnum | UnsetType = UNSET
    payment_brand: String20 | UnsetType = UNSET
    payment_recognition: String20 | UnsetType = UNSET


class TariffConditions(types.Payload201, frozen=True, kw_only=True):
    start_time_of_day: str | UnsetType = UNSET
    end_time_of_day: str | UnsetType = UNSET
    day_of_week: Annotated[tuple[DayOfWeekEnum, ...], Meta(min_length=1, max_length=7)] | UnsetType = UNSET
    valid_from_date: str | UnsetType = UNSET
    valid_to_date: str | UnsetType = UNSET
    evse_kind: EvseKindEnum | UnsetType = UNSET
    min_energy: float | UnsetType = UNSET
    max_energy: float | UnsetType = UNSET
    min_current: float | UnsetType = UNSET
    max_current: float | UnsetType = UNSET
    min_power: float | UnsetType = UNSET
    max_power: float | UnsetType = UNSET
    min_time: int | UnsetType = UNSET
    max_time: int | UnsetType = UNSET
    min_charging_time: int | UnsetType = UNSET
    max_charging_time: int | UnsetType = UNSET
    min_idle_time: int | UnsetType = UNSET
    max_idle_time: int | UnsetType = UNSET


class TariffEnergyPrice(types.Payload201, frozen=True, kw_only=True):
    price_kwh: float
    conditions: TariffConditions | UnsetType = UNSET


class TariffEnergy(types.Payload201, frozen=True, kw_only=True):
    prices: Annotated[tuple[TariffEnergyPrice, ...], Meta(min_length=1)]
    tax_rates: Annotated[tuple[TaxRate, ...], Meta(min_length=1, max_length=5)] | UnsetType = UNSET


class TariffFixedPrice(types.Payload201, frozen=True, kw_only=True):
    price_fixed: float
    conditions: TariffConditionsFixed | UnsetType = UNSET


class TariffFixed(types.Payload201, frozen=True, kw_only=True):
    prices: Annotated[tuple[TariffFixedPrice, ...], Meta(min_length=1)]
    tax_rates: Annotated[tuple[TaxRate, ...], Meta(min_length=1, max_length=5)] | UnsetType = UNSET


class TariffTimePrice(types.Payload201, frozen=True, kw_only=True):
    price_minute: float
    conditions: TariffConditions | UnsetType = UNSET


class TariffTime(types.Payload201, frozen=True, kw_only=True):
    prices: Annotated[tuple[TariffTimePrice, ...], Meta(min_length=1)]
    tax_rates: Annotated[tuple[TaxRate, ...], Meta(min_length=1, max_length=5)] | UnsetType = UNSET


class Tariff(types.Payload201, frozen=True, kw_only=True):
    tariff_id: Annotated[str, Meta(max_length=60)]
    currency: Annotated[str, Meta(max_length=3)]
    description: Annotated[tuple[MessageContent, ...], Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    energy: TariffEnergy | UnsetType = UNSET
    valid_from: DateTime | UnsetType = UNSET
    charging_time: TariffTime | UnsetType = UNSET
    idle_time: TariffTime | UnsetType = UNSET
    fixed_fee: TariffFixed | UnsetType = UNSET
    reservation_time: TariffTime | UnsetType = UNSET
    reservation_fixed: TariffFixed | UnsetType = UNSET
    min_cost: Price | UnsetType = UNSET
    max_cost: Price | UnsetType = UNSET


class TransactionLimit(types.Payload201, frozen=True, kw_only=True):
    max_cost: float | UnsetType = UNSET
    max_energy: float | UnsetType = UNSET
    max_time: int | UnsetType = UNSET
    max_so_c: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
