"""ISO 15118-2 DC, what is said and heard in more than one phase: limits, our status, the plan for a car, its state.

The phases that say it are `iso2_dc`'s; numbers and states are those of `DcStation`.
"""

from typing import Final

from firmware.station.schedule import Needs
from firmware.v2g.dc_station import DcStation, StationState
from firmware.v2g.messages.iso2 import (
    ChargeParameterDiscoveryReq,
    DcEvChargeParameter,
    DcEvErrorCode,
    DcEvseChargeParameter,
    DcEvseStatus,
    DcEvseStatusCode,
    DcEvStatus,
    EnergyTransferMode,
    EvseNotification,
    IsolationLevel,
    PhysicalValue,
    ResponseCode,
    Unit,
)
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.iso2_offer import Supply, listen_to, make_schedule
from firmware.v2g.sessions.iso2_schedule import Schedule
from firmware.v2g.sessions.iso2_terms import Deal

# Cars name what they know of the inlet; all three are served by the same two power contacts.
COMBO: Final = (
    EnergyTransferMode.DC_extended,
    EnergyTransferMode.DC_combo_core,
    EnergyTransferMode.DC_core,
)
#: NACS cars speak the protocols of CCS, and ask for its modes
MODES: Final = {"cTesla": COMBO, "cCCS1": COMBO, "cCCS2": COMBO, "cType1": (EnergyTransferMode.DC_core,)}
MODES_OF_OTHERS: Final = (EnergyTransferMode.DC_unique,)

STATUS_CODES: Final = {
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
    "no_imd": IsolationLevel.No_IMD,
}
MAY_DELIVER: Final = frozenset({StationState.READY, StationState.SHUTDOWN, StationState.NOT_READY})


def energy_transfer_modes(station: DcStation) -> tuple[EnergyTransferMode, ...]:
    """By the kind of connector (OCPP's names)."""
    return MODES.get(station.connector_kind, MODES_OF_OTHERS)


def maximum_voltage_v(request: ChargeParameterDiscoveryReq) -> float:
    """What the car's battery takes at most."""
    car = request.ev_charge_parameter
    return float(car.ev_maximum_voltage_limit) if isinstance(car, DcEvChargeParameter) else 0.0


def parameter_refusal(station: DcStation, request: ChargeParameterDiscoveryReq) -> ResponseCode | None:
    """What is wrong with the car's parameters, if anything. Lenient: only what cannot work at all."""
    if request.requested_energy_transfer_mode not in energy_transfer_modes(station):
        return ResponseCode.FAILED_WrongEnergyTransferMode
    car = request.ev_charge_parameter
    if not isinstance(car, DcEvChargeParameter):
        return ResponseCode.FAILED_WrongChargeParameter
    if float(car.ev_maximum_current_limit) <= 0 or float(car.ev_maximum_voltage_limit) < station.min_voltage_v:
        return ResponseCode.FAILED_WrongChargeParameter
    return None


def plan(ev: Peer, station: DcStation, deal: Deal, request: ChargeParameterDiscoveryReq) -> Schedule | None:
    """A schedule for what the car told; without courses while there is nothing to give."""
    car = request.ev_charge_parameter
    if not isinstance(car, DcEvChargeParameter):
        return None
    listen(station, car.dc_ev_status)
    needs = Needs(
        departure_s=car.departure_time,
        energy_wh=None if car.ev_energy_request is None else float(car.ev_energy_request),
        max_current_a=float(car.ev_maximum_current_limit),
        max_power_w=None if car.ev_maximum_power_limit is None else float(car.ev_maximum_power_limit),
        soc_percent=car.dc_ev_status.ev_ress_soc,
        max_voltage_v=float(car.ev_maximum_voltage_limit),
        max_periods=request.max_entries_sa_schedule_tuple,
        capacity_wh=None if car.ev_energy_capacity is None else float(car.ev_energy_capacity),
        full_soc_percent=car.full_soc,
        bulk_soc_percent=car.bulk_soc,
    )
    return make_schedule(ev, deal, listen_to(deal, needs), supply(station), request.max_entries_sa_schedule_tuple)


def supply(station: DcStation) -> Supply:
    """What can be had now."""
    able = station.max_current_a > 0 and station.max_voltage_v > 0
    return Supply(station.max_power_w if able else 0.0, station.max_voltage_v, 1)


def limits(station: DcStation) -> DcEvseChargeParameter:
    return DcEvseChargeParameter(
        dc_evse_status=evse_status(station),
        evse_maximum_current_limit=PhysicalValue.of(station.max_current_a, Unit.A),
        evse_maximum_power_limit=PhysicalValue.of(int(station.max_power_w), Unit.W),
        evse_maximum_voltage_limit=PhysicalValue.of(station.max_voltage_v, Unit.V),
        evse_minimum_current_limit=PhysicalValue.of(station.min_current_a, Unit.A),
        evse_minimum_voltage_limit=PhysicalValue.of(station.min_voltage_v, Unit.V),
        evse_peak_current_ripple=PhysicalValue.of(station.peak_ripple_a, Unit.A),
    )


def evse_status(station: DcStation, notice: tuple[EvseNotification, int] | None = None) -> DcEvseStatus:
    """What every DC answer says of us: what the car shall do, in how many s, the insulation, and how we are."""
    if notice is None:
        stop = station.stop_wanted or station.state not in MAY_DELIVER
        notice = EvseNotification.StopCharging if stop else EvseNotification.None_, 0
    checking = station.phase == "cable_check" and station.cable_check != "passed" and station.state in MAY_DELIVER
    notification, delay_s = notice
    return DcEvseStatus(
        notification_max_delay=delay_s,
        evse_notification=notification,
        evse_isolation_status=ISOLATION.get(station.isolation, IsolationLevel.Invalid),
        evse_status_code=(DcEvseStatusCode.EVSE_IsolationMonitoringActive if checking else STATUS_CODES[station.state]),
    )


def listen(station: DcStation, car: DcEvStatus) -> None:
    """What every DC request says of the car."""
    if car.ev_error_code is not DcEvErrorCode.NO_ERROR:
        station.tell(f"the car reports {car.ev_error_code}", soc_percent=car.ev_ress_soc)
    else:
        station.tell(soc_percent=car.ev_ress_soc)


def present_voltage(station: DcStation) -> PhysicalValue:
    return PhysicalValue.of(round(station.present_voltage_v, 1), Unit.V)
