"""2.0.1 block K, what is asked: charging profiles set, cleared and reported, and the composite schedule. The station's
smart charging decides; here it is put into words. `Words` is what 2.1 says otherwise."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from firmware.ocpp import dialect
from firmware.ocpp.dialect import Answer, Office, Outgoing
from firmware.ocpp.payload import Payload, given, stamp, told
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.v201.charging_profile import heard_profile, told_profile
from firmware.station.charging_profile import Installed, LimitSource, Profile
from firmware.station.smart_charging import CompositeSchedule, Criteria, Edition, Refusal, SmartCharging
from firmware.station.station import Station

PAGE_PERIODS: Final = 200  # of one ReportChargingProfiles: about 10 kB


class Words(msgspec.Struct, frozen=True):
    """How a version writes profiles. `tell` gives None for one that the version has no words for."""

    edition: Edition
    hear: Callable[[Any], Profile]
    tell: Callable[[Installed], Payload | None]
    report: Callable[..., Payload]


WORDS: Final = Words("2.0.1", heard_profile, told_profile, messages.ReportChargingProfilesRequest)


def engine(station: Station) -> SmartCharging:
    """Raises dialect.Refusal where there is none, or it is switched off (K01.FR.29)."""
    found = station.smart_charging
    if found is None or not found.enabled:
        raise dialect.Refusal("NotSupported", "there is no smart charging here")
    return found


def why(refusal: Refusal | None) -> types.StatusInfo | UnsetType:
    if refusal is None:
        return UNSET
    return types.StatusInfo(reason_code=refusal.code[:20], additional_info=refusal.text[:512])


async def set_charging_profile(
    request: messages.SetChargingProfileRequest, office: Office, words: Words = WORDS
) -> Answer:
    smart = engine(office.station)
    refused = smart.install(request.evse_id, words.hear(request.charging_profile), words.edition)
    status: messages.ChargingProfileStatusEnum = "Accepted" if refused is None else "Rejected"
    return Answer(messages.SetChargingProfileResponse(status=status, status_info=why(refused)))


def take_along(
    office: Office, evse: int | None, remote_start_id: int, said: object | UnsetType, words: Words
) -> Refusal | None:
    """The profile that a remote start brings; where there is no smart charging it is ignored (K05.FR.04)."""
    smart = office.station.smart_charging
    if isinstance(said, UnsetType) or smart is None or not smart.enabled:
        return None
    profile = words.hear(said)
    refused = smart.check_for_start(evse, profile, words.edition)
    if refused is None:
        smart.begin_with(remote_start_id, profile)
    return refused


async def clear_charging_profile(request: messages.ClearChargingProfileRequest, office: Office) -> Answer:
    smart = engine(office.station)
    said = request.charging_profile_criteria
    if request.charging_profile_id is not UNSET:  # K10.FR.03
        criteria = Criteria(ids=(request.charging_profile_id,))
    elif said is not UNSET:
        criteria = Criteria(
            evse=given(said.evse_id), purpose=given(said.charging_profile_purpose), stack_level=given(said.stack_level)
        )
    else:
        criteria = Criteria()
    if smart.clear(criteria):
        return Answer(messages.ClearChargingProfileResponse(status="Accepted"))
    nothing = Refusal("NotFound", "no profile of the back office matches")  # K10.FR.01, 08, 09
    return Answer(messages.ClearChargingProfileResponse(status="Unknown", status_info=why(nothing)))


async def get_composite_schedule(request: messages.GetCompositeScheduleRequest, office: Office) -> Answer:
    smart = engine(office.station)
    found = smart.composite(request.evse_id, request.duration, given(request.charging_rate_unit))
    if isinstance(found, Refusal):
        return Answer(messages.GetCompositeScheduleResponse(status="Rejected", status_info=why(found)))
    return Answer(messages.GetCompositeScheduleResponse(status="Accepted", schedule=_composite(found, office.station)))


def _composite(found: CompositeSchedule, station: Station) -> messages.CompositeSchedule:
    return messages.CompositeSchedule(
        evse_id=found.evse,
        schedule_start=stamp(found.start),
        duration=found.duration_s,
        charging_rate_unit=found.unit,
        charging_schedule_period=tuple(
            types.ChargingSchedulePeriod(
                start_period=row.start_s,
                limit=row.limit,
                number_phases=UNSET if station.is_dc(found.evse) else row.phases,
                phase_to_use=told(row.phase_to_use),
            )
            for row in found.rows
        ),
    )


async def get_charging_profiles(
    request: messages.GetChargingProfilesRequest, office: Office, words: Words = WORDS
) -> Answer:
    """K09: what matches is reported after the answer, for each EVSE and source on pages of its own."""
    smart, evse = engine(office.station), given(request.evse_id)
    matching = [each for each in smart.installed(_criteria(request)) if evse in {None, each.evse}]
    pages = list(_pages(matching, words))
    if not pages:
        none = Refusal("NotFound", "no profile matches")
        return Answer(messages.GetChargingProfilesResponse(status="NoProfiles", status_info=why(none)))
    then = tuple(
        Outgoing(
            "ReportChargingProfiles",
            words.report(
                request_id=request.request_id,  # K09.FR.01
                charging_limit_source=source,
                evse_id=at,
                charging_profile=page,
                tbc=True if number + 1 < len(pages) else UNSET,  # K09.FR.02
            ),
            messages.ReportChargingProfilesResponse,
        )
        for number, (at, source, page) in enumerate(pages)
    )
    return Answer(messages.GetChargingProfilesResponse(status="Accepted"), then)


def _criteria(request: messages.GetChargingProfilesRequest) -> Criteria:
    said = request.charging_profile
    return Criteria(
        ids=given(said.charging_profile_id) or (),
        evse=given(request.evse_id),
        purpose=given(said.charging_profile_purpose),
        stack_level=given(said.stack_level),
        sources=cast(tuple[LimitSource, ...], given(said.charging_limit_source) or ()),
    )


def _pages(found: Sequence[Installed], words: Words) -> Iterator[tuple[int, LimitSource, tuple[Any, ...]]]:
    def place(each: Installed) -> tuple[int, LimitSource]:
        return each.evse, each.source

    for (evse, source), group in groupby(sorted(found, key=place), key=place):
        page: list[Payload] = []
        periods = 0
        for each in group:
            said = words.tell(each)
            more = sum(len(schedule.periods) for schedule in each.profile.schedules)
            if page and periods + more > PAGE_PERIODS:
                yield evse, source, tuple(page)
                page, periods = [], 0
            if said is not None:
                page.append(said)
                periods += more
        if page:
            yield evse, source, tuple(page)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.SetChargingProfileRequest: set_charging_profile,
    messages.ClearChargingProfileRequest: clear_charging_profile,
    messages.GetCompositeScheduleRequest: get_composite_schedule,
    messages.GetChargingProfilesRequest: get_charging_profiles,
}
