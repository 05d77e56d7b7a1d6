"""Components that say who charges, when and how much: TxCtrlr, Auth*, LocalAuthList, Reservation, SmartCharging."""

from dataclasses import replace
from typing import Final

from firmware.ocpp.variables import DAY, Variable, fixed, members, number, switch, text

TX: Final = "TxCtrlr"
AUTH: Final = "AuthCtrlr"
CACHE: Final = "AuthCacheCtrlr"
LIST: Final = "LocalAuthListCtrlr"
RESERVATION: Final = "ReservationCtrlr"
SMART: Final = "SmartChargingCtrlr"

START_POINTS: Final = ("EVConnected", "Authorized", "DataSigned", "PowerPathClosed", "EnergyTransfer")
STOP_POINTS: Final = ("EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")

ROWS: Final[tuple[Variable, ...]] = (
    number(TX, "EVConnectionTimeOut", 60, low=1, high=3600, key="ConnectionTimeOut", unit="s"),
    switch(TX, "StopTxOnInvalidId", True, key="StopTransactionOnInvalidId"),
    number(TX, "MaxEnergyOnInvalidId", 0, high=1_000_000, key="MaxEnergyOnInvalidId", unit="Wh"),
    # Who is unplugged must authorise again: a cable that another car takes over must not charge on the same account.
    fixed(TX, "StopTxOnEVSideDisconnect", "boolean", "true", key="StopTransactionOnEVSideDisconnect"),
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
    fixed(LIST, "ItemsPerMessage", "integer", "1000", key="SendLocalListMaxLength"),
    fixed(LIST, "BytesPerMessage", "integer", "262144"),
    switch(LIST, "SupportsExpiryDateTime", True),
    fixed(RESERVATION, "Available", "boolean", "true"),
    switch(RESERVATION, "Enabled", True),
    fixed(RESERVATION, "NonEvseSpecific", "boolean", "true", key="ReserveConnectorZeroSupported"),
    fixed(SMART, "Available", "boolean", "true"),
    switch(SMART, "Enabled", True),
    fixed(SMART, "ProfileStackLevel", "integer", "20", key="ChargeProfileMaxStackLevel"),
    replace(fixed(SMART, "RateUnit", "MemberList", "A,W"), values=("A", "W")),
    fixed(SMART, "PeriodsPerSchedule", "integer", "256", key="ChargingScheduleMaxPeriods"),
    fixed(SMART, "ACPhaseSwitchingSupported", "boolean", "false"),
    fixed(SMART, "Phases3to1", "boolean", "false", key="ConnectorSwitch3to1PhaseSupported"),
    replace(number(SMART, "LimitChangeSignificance", 1, high=100, unit="Percent"), kind="decimal"),
    switch(SMART, "NotifyChargingLimitWithSchedules", False),
    switch(SMART, "ExternalControlSignalsEnabled", True),
)
