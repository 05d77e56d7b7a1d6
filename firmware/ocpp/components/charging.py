"""Components that say who charges, when and how much: TxCtrlr, Auth*, LocalAuthList, Reservation, SmartCharging."""

from dataclasses import replace
from typing import Final

from firmware.ocpp.variables import DAY, Variable, fixed, live, members, number, switch, text
from firmware.station.charging_profile import MAX_PROFILES
from firmware.station.local_list import MAX_ENTRIES
from firmware.station.smart_charging import Criteria
from firmware.station.station import Station

TX: Final = "TxCtrlr"
AUTH: Final = "AuthCtrlr"
CACHE: Final = "AuthCacheCtrlr"
LIST: Final = "LocalAuthListCtrlr"
RESERVATION: Final = "ReservationCtrlr"
SMART: Final = "SmartChargingCtrlr"

START_POINTS: Final = ("EVConnected", "Authorized", "DataSigned", "PowerPathClosed", "EnergyTransfer")
STOP_POINTS: Final = ("EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")

ADDITIONAL: Final = ("PriorityCharging", "LocalGeneration")
FEATURES: Final = {  # 2.1 K01.FR.120 ff.
    "DynamicProfiles": "true",
    "MaxOfflineDuration": "true",
    "RandomizedDelay": "true",
    "LimitAtSoC": "true",
    "UseLocalTime": "false",
    "EvseSleep": "false",
}

ROWS: Final[tuple[Variable, ...]] = (
    number(TX, "EVConnectionTimeOut", 60, low=1, high=3600, key="ConnectionTimeOut", unit="s"),
    switch(TX, "StopTxOnInvalidId", True, key="StopTransactionOnInvalidId"),
    number(TX, "MaxEnergyOnInvalidId", 0, high=1_000_000, key="MaxEnergyOnInvalidId", unit="Wh"),
    switch(TX, "StopTxOnEVSideDisconnect", True, key="StopTransactionOnEVSideDisconnect"),
    members(TX, "TxStartPoint", "PowerPathClosed", START_POINTS, least=1),
    members(TX, "TxStopPoint", "EVConnected,Authorized", STOP_POINTS, least=1),
    switch(TX, "TxBeforeAcceptedEnabled", True),
    switch(AUTH, "Enabled", True),
    switch(AUTH, "AuthorizeRemoteStart", False, key="AuthorizeRemoteTxRequests"),
    switch(AUTH, "LocalPreAuthorize", False, key="LocalPreAuthorize"),
    switch(AUTH, "LocalAuthorizeOffline", True, key="LocalAuthorizeOffline"),
    switch(AUTH, "OfflineTxForUnknownIdEnabled", False, key="AllowOfflineTxForUnknownId"),
    switch(AUTH, "DisableRemoteAuthorization", False),
    text(AUTH, "MasterPassGroupId", "", longest=36),
    fixed(CACHE, "Available", "boolean", "true"),
    switch(CACHE, "Enabled", True, key="AuthorizationCacheEnabled"),
    number(CACHE, "LifeTime", 30 * DAY, low=1, high=3650 * DAY, unit="s"),
    replace(fixed(CACHE, "Policy", "OptionList", "LRU"), values=("LRU",)),
    switch(CACHE, "DisablePostAuthorize", False),
    fixed(LIST, "Available", "boolean", "true"),
    switch(LIST, "Enabled", True, key="LocalAuthListEnabled"),
    switch(LIST, "DisablePostAuthorize", False),
    fixed(LIST, "ItemsPerMessage", "integer", "400", key="SendLocalListMaxLength"),
    fixed(LIST, "BytesPerMessage", "integer", "65536"),  # as of every message
    switch(LIST, "SupportsExpiryDateTime", True),
    fixed(RESERVATION, "Available", "boolean", "true"),
    switch(RESERVATION, "Enabled", True),
    switch(RESERVATION, "NonEvseSpecific", True, key="ReserveConnectorZeroSupported"),
    fixed(SMART, "Available", "boolean", "true"),
    switch(SMART, "Enabled", True),
    fixed(SMART, "ProfileStackLevel", "integer", "20", key="ChargeProfileMaxStackLevel"),
    replace(fixed(SMART, "RateUnit", "MemberList", "A,W"), values=("A", "W")),
    fixed(SMART, "PeriodsPerSchedule", "integer", "256", key="ChargingScheduleMaxPeriods"),
    fixed(SMART, "ACPhaseSwitchingSupported", "boolean", "false"),  # nobody here chooses which phase it is
    replace(number(SMART, "LimitChangeSignificance", 1, high=100, unit="Percent"), kind="decimal"),
    switch(SMART, "NotifyChargingLimitWithSchedules", False),
    switch(SMART, "ExternalControlSignalsEnabled", True),
    switch(SMART, "ExternalConstraintsProfileDisallowed", False),
    replace(fixed(SMART, "SupportedAdditionalPurposes", "MemberList", ",".join(ADDITIONAL)), values=ADDITIONAL),
    *(fixed(SMART, f"Supports{feature}", "boolean", can) for feature, can in FEATURES.items()),
    fixed(SMART, "ChargingProfilePersistence", "boolean", "true", of="TxProfile"),
    fixed(SMART, "ChargingProfilePersistence", "boolean", "false", of="ChargingStationExternalConstraints"),
)


def rows(station: Station) -> tuple[Variable, ...]:
    """How full it is, of how much there is room for (D01.FR.12), and what the board can do."""

    def profiles() -> str:
        smart = station.smart_charging
        return str(len(smart.installed(Criteria()))) if smart is not None else "0"

    def switching() -> str:
        return "true" if station.switches_phases else "false"

    three_to_one = replace(live(SMART, "Phases3to1", "boolean", switching), key="ConnectorSwitch3to1PhaseSupported")
    listed = live(LIST, "Entries", "integer", lambda: str(len(station.authorizer.local_list)))
    installed = live(SMART, "Entries", "integer", profiles, of="ChargingProfiles")
    return (
        three_to_one,
        replace(listed, maximum=MAX_ENTRIES),
        replace(installed, maximum=MAX_PROFILES),
    )
