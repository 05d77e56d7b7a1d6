"""OCPP 2.0.1's messages of block K: charging profiles, limits from elsewhere, what the car needs."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime
from firmware.ocpp.v201.types import (
    ChargingProfile,
    ChargingProfilePurposeEnum,
    ChargingRateUnitEnum,
    ChargingSchedule,
    ChargingSchedulePeriod,
    GenericStatusEnum,
    Payload201,
    StatusInfo,
)

ChargingLimitSourceEnum = Literal["EMS", "Other", "SO", "CSO"]
EnergyTransferModeEnum = Literal["DC", "AC_single_phase", "AC_two_phase", "AC_three_phase"]
ChargingProfileStatusEnum = Literal["Accepted", "Rejected"]
ClearChargingProfileStatusEnum = Literal["Accepted", "Unknown"]
GetChargingProfileStatusEnum = Literal["Accepted", "NoProfiles"]
NotifyEVChargingNeedsStatusEnum = Literal["Accepted", "Rejected", "Processing"]


class AcChargingParameters(Payload201, frozen=True, kw_only=True):
    energy_amount: int
    ev_min_current: int
    ev_max_current: int
    ev_max_voltage: int


class ChargingLimit(Payload201, frozen=True, kw_only=True):
    charging_limit_source: ChargingLimitSourceEnum
    is_grid_critical: bool | UnsetType = UNSET


class DcChargingParameters(Payload201, frozen=True, kw_only=True):
    ev_max_current: int
    ev_max_voltage: int
    energy_amount: int | UnsetType = UNSET
    ev_max_power: int | UnsetType = UNSET
    state_of_charge: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    ev_energy_capacity: int | UnsetType = UNSET
    full_so_c: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    bulk_so_c: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET


class ChargingNeeds(Payload201, frozen=True, kw_only=True):
    requested_energy_transfer: EnergyTransferModeEnum
    ac_charging_parameters: AcChargingParameters | UnsetType = UNSET
    dc_charging_parameters: DcChargingParameters | UnsetType = UNSET
    departure_time: DateTime | UnsetType = UNSET


class ChargingProfileCriterion(Payload201, frozen=True, kw_only=True):
    charging_profile_purpose: ChargingProfilePurposeEnum | UnsetType = UNSET
    stack_level: int | UnsetType = UNSET
    charging_profile_id: Annotated[tuple[int, ...], Meta(min_length=1)] | UnsetType = UNSET
    charging_limit_source: (
        Annotated[tuple[ChargingLimitSourceEnum, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class ClearChargingProfile(Payload201, frozen=True, kw_only=True):
    evse_id: int | UnsetType = UNSET
    charging_profile_purpose: ChargingProfilePurposeEnum | UnsetType = UNSET
    stack_level: int | UnsetType = UNSET


class CompositeSchedule(Payload201, frozen=True, kw_only=True):
    charging_schedule_period: Annotated[tuple[ChargingSchedulePeriod, ...], Meta(min_length=1)]
    evse_id: int
    duration: int
    schedule_start: DateTime
    charging_rate_unit: ChargingRateUnitEnum


class SetChargingProfileRequest(Payload201, frozen=True, kw_only=True):
    evse_id: int
    charging_profile: ChargingProfile


class SetChargingProfileResponse(Payload201, frozen=True, kw_only=True):
    status: ChargingProfileStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class GetChargingProfilesRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    charging_profile: ChargingProfileCriterion
    evse_id: int | UnsetType = UNSET


class GetChargingProfilesResponse(Payload201, frozen=True, kw_only=True):
    status: GetChargingProfileStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class ReportChargingProfilesRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    charging_limit_source: ChargingLimitSourceEnum
    charging_profile: Annotated[tuple[ChargingProfile, ...], Meta(min_length=1)]
    evse_id: int
    tbc: bool | UnsetType = UNSET


class ReportChargingProfilesResponse(Payload201, frozen=True, kw_only=True):
    pass


class ClearChargingProfileRequest(Payload201, frozen=True, kw_only=True):
    charging_profile_id: int | UnsetType = UNSET
    charging_profile_criteria: ClearChargingProfile | UnsetType = UNSET


class ClearChargingProfileResponse(Payload201, frozen=True, kw_only=True):
    status: ClearChargingProfileStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class GetCompositeScheduleRequest(Payload201, frozen=True, kw_only=True):
    duration: int
    evse_id: int
    charging_rate_unit: ChargingRateUnitEnum | UnsetType = UNSET


class GetCompositeScheduleResponse(Payload201, frozen=True, kw_only=True):
    status: GenericStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    schedule: CompositeSchedule | UnsetType = UNSET


class NotifyChargingLimitRequest(Payload201, frozen=True, kw_only=True):
    charging_limit: ChargingLimit
    charging_schedule: Annotated[tuple[ChargingSchedule, ...], Meta(min_length=1)] | UnsetType = UNSET
    evse_id: int | UnsetType = UNSET


class NotifyChargingLimitResponse(Payload201, frozen=True, kw_only=True):
    pass


class ClearedChargingLimitRequest(Payload201, frozen=True, kw_only=True):
    charging_limit_source: ChargingLimitSourceEnum
    evse_id: int | UnsetType = UNSET


class ClearedChargingLimitResponse(Payload201, frozen=True, kw_only=True):
    pass


class NotifyEVChargingNeedsRequest(Payload201, frozen=True, kw_only=True):
    charging_needs: ChargingNeeds
    evse_id: int
    max_schedule_tuples: int | UnsetType = UNSET


class NotifyEVChargingNeedsResponse(Payload201, frozen=True, kw_only=True):
    status: NotifyEVChargingNeedsStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class NotifyEVChargingScheduleRequest(Payload201, frozen=True, kw_only=True):
    time_base: DateTime
    charging_schedule: ChargingSchedule
    evse_id: int


class NotifyEVChargingScheduleResponse(Payload201, frozen=True, kw_only=True):
    status: GenericStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
