"""What a DC station knows, in the words of DIN SPEC 70121: status, quantities, EVSE id. No order of messages here."""

from typing import Final

from firmware.v2g.dc_station import DcStation, StationState
from firmware.v2g.messages.din import (
    DcEvErrorCode,
    DcEvseChargeParameter,
    DcEvseStatus,
    DcEvseStatusCode,
    DcEvStatus,
    EvseNotification,
    IsolationLevel,
    PhysicalValue,
    PMaxSchedule,
    PMaxScheduleEntry,
    RelativeTimeInterval,
    SaScheduleList,
    SaScheduleTuple,
    Unit,
)

SA_SCHEDULE_TUPLE_ID: Final = 1
A_DAY_S: Final = 86_400
P_MAX_W: Final = 32_767  # PMax is a signed short in W: more power than that cannot be said here

CODES: Final = {
    StationState.NOT_READY: DcEvseStatusCode.EVSE_NotReady,
    StationState.READY: DcEvseStatusCode.EVSE_Ready,
    StationState.SHUTDOWN: DcEvseStatusCode.EVSE_Shutdown,
    StationState.UTILITY_INTERRUPT: DcEvseStatusCode.EVSE_UtilityInterruptEvent,
    StationState.EMERGENCY_SHUTDOWN: DcEvseStatusCode.EVSE_EmergencyShutdown,
    StationState.MALFUNCTION: DcEvseStatusCode.EVSE_Malfunction,
}
ISOLATION: Final = {
    "valid": IsolationLevel.Valid,
    "warning": IsolationLevel.Warning,
    "fault": IsolationLevel.Fault,
}


def evse_id(text: str) -> bytes:
    """DIN SPEC 91286: digits as half bytes, '*' as A, a leading '+' left out. An id with letters (the one of ISO 15118)
    has no such form: its characters, as DC stations in the field send it; none is a zero byte."""
    digits = text.removeprefix("+").replace("*", "A")
    if digits and set(digits) <= set("0123456789A"):
        return bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))[:32]
    return text.encode("ascii", "replace")[:32] or b"\x00"


def volts(value: float) -> PhysicalValue:
    return PhysicalValue.of(round(value, 1), Unit.V)


def amps(value: float) -> PhysicalValue:
    return PhysicalValue.of(round(value, 1), Unit.A)


def watts(value: float) -> PhysicalValue:
    return PhysicalValue.of(round(value), Unit.W)


def status(station: DcStation) -> DcEvseStatus:
    """How we are. Who wants to stop says so twice: some cars read the code, others the notification."""
    state = station.state
    wants_stop = state not in {StationState.READY, StationState.NOT_READY}
    code = CODES[state]
    if state is StationState.READY and station.phase == "cable_check" and station.cable_check != "passed":
        code = DcEvseStatusCode.EVSE_IsolationMonitoringActive
    return DcEvseStatus(
        evse_isolation_status=ISOLATION.get(station.isolation, IsolationLevel.Invalid),
        evse_status_code=code,
        notification_max_delay=0,
        evse_notification=EvseNotification.StopCharging if wants_stop else EvseNotification.None_,
    )


def charge_parameter(station: DcStation) -> DcEvseChargeParameter:
    """Our limits as they are now."""
    return DcEvseChargeParameter(
        dc_evse_status=status(station),
        evse_maximum_current_limit=amps(station.max_current_a),
        evse_maximum_power_limit=watts(station.max_power_w),
        evse_maximum_voltage_limit=volts(station.max_voltage_v),
        evse_minimum_current_limit=amps(station.min_current_a),
        evse_minimum_voltage_limit=volts(station.min_voltage_v),
        evse_peak_current_ripple=amps(station.peak_ripple_a),
    )


def schedule(power_w: float) -> SaScheduleList:
    """One power for a day; a limit that changes later goes out in CurrentDemandRes."""
    entry = PMaxScheduleEntry(
        time_interval=RelativeTimeInterval(start=0, duration=A_DAY_S), p_max=min(int(power_w), P_MAX_W)
    )
    p_max = PMaxSchedule(p_max_schedule_id=1, p_max_schedule_entry=(entry,))
    only = SaScheduleTuple(sa_schedule_tuple_id=SA_SCHEDULE_TUPLE_ID, p_max_schedule=p_max)
    return SaScheduleList(sa_schedule_tuple=(only,))


def learn(station: DcStation, car: DcEvStatus) -> None:
    """The state of charge, for people and the back office; and what is wrong with the car."""
    trouble = None if car.ev_error_code is DcEvErrorCode.NO_ERROR else f"the car reports {car.ev_error_code}"
    station.tell(trouble, soc_percent=float(car.ev_ress_soc))
