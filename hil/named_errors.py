"""Errors by name: what the rig does to the plant so that the guard finds this fault, and how it is taken out again.

Names are the guard's (`hal/faults.py`); those of OCPP 1.6's ChargePointErrorCode lead to the nearest of them.
"""

from typing import Final, NamedTuple

from hil.plant.command import RigError
from hil.rig import JsonObject


class NamedError(NamedTuple):
    """Rig requests, without their connector. `state`: where the guard looks for it: A = always, B = with a plug in,
    C = while energy flows; `only`: dc = at DC outputs, ac = at AC outputs; `board`: the simulated one that has the
    part, "" = any; `policy`: what its [connector.policy] must say; `to_guard`: the request wants the guard's process,
    as `pid`."""

    put_in: JsonObject
    take_out: JsonObject
    state: str = "A"
    only: str = ""
    board: str = ""
    policy: str = ""
    to_guard: bool = False


def _switch(name: str, state: str = "A", only: str = "") -> NamedError:
    return NamedError({"do": name, "on": True}, {"do": name, "on": False}, state, only)


ERRORS: Final[dict[str, NamedError]] = {
    "pilot_short": _switch("short"),
    "pilot_diode": _switch("diode_fault", "B"),
    "pilot_stale": _switch("adc_fault"),
    "cable_invalid": NamedError({"do": "cable", "rating": -1}, {"do": "cable", "rating": 32}, "B", "ac"),
    "rcd_tripped": NamedError({"do": "leak", "dc_ma": 20.0}, {"do": "leak"}, "C", "ac"),
    "emergency_stop": _switch("emergency_stop"),
    "pe_lost": _switch("pe_fault"),
    "mains_fail": _switch("mains_fail"),
    "tamper": _switch("tamper"),
    "weld": _switch("weld", "C"),
    "stuck_open": _switch("stuck_open", "C"),
    "under_voltage": NamedError({"do": "grid", "voltage_v": 170.0}, {"do": "grid"}, "C", "ac"),
    "over_voltage": NamedError({"do": "grid", "voltage_v": 280.0}, {"do": "grid"}, "C", "ac"),
    "lost_phase": _switch("phase_loss", "C", "ac"),
    "over_temperature": NamedError({"do": "temperature", "celsius": 120.0}, {"do": "temperature"}),
    "temperature_sensor": NamedError({"do": "temperature", "fault": True}, {"do": "temperature"}),
    "meter_stale": _switch("meter_fault"),
    "isolation": NamedError({"do": "isolation", "ohm": 10_000.0}, {"do": "isolation"}, "C", "dc"),
    "isolation_monitor": NamedError({"do": "isolation", "silent": True}, {"do": "isolation"}, "C", "dc"),
    "supply_fault": NamedError(
        {"do": "module_failure", "modules": 4}, {"do": "module_failure", "modules": 0}, "C", "dc"
    ),
    "supply_stale": _switch("supply_silent", "C", "dc"),
    "dc_polarity": _switch("dc_reversed", "C", "dc"),
    "phase_switch": _switch("phase_stuck", "A", "ac")._replace(board="sim-ac-phases"),
    "shared_pins": NamedError(
        {"do": "dc_residual", "volts": 200.0}, {"do": "dc_residual", "volts": 0.0}, "C", "ac", "sim-nacs"
    ),
    # a contactor that has had its closings stays worn: what is taken out is only what wore it
    "contactor_worn": NamedError(
        {"do": "car", "policy": "nervous"}, {"do": "car", "policy": "basic"}, "C", "ac", policy="contactor_life = 3"
    ),
    "tick_overrun": NamedError({"do": "guard_stutter"}, {"do": "guard_stutter", "on": False}, to_guard=True),
}
OF_16: Final = {
    "ConnectorLockFailure": "cable_invalid",
    "EVCommunicationError": "pilot_diode",
    "GroundFailure": "pe_lost",
    "HighTemperature": "over_temperature",
    "OtherError": "emergency_stop",
    "OverVoltage": "over_voltage",
    "PowerMeterFailure": "meter_stale",
    "PowerSwitchFailure": "stuck_open",
    "UnderVoltage": "under_voltage",
}


def find(name: str) -> tuple[str, NamedError]:
    """The guard's name and the way to it. Raises RigError."""
    known = OF_16.get(name, name)
    if known not in ERRORS:
        raise RigError(f"no error {name[:40]!r}; one of: {', '.join(ERRORS)}, or of 1.6: {', '.join(OF_16)}")
    return known, ERRORS[known]


def told() -> JsonObject:
    """All names; what some of them need besides a running station."""
    needs = {name: f"board {each.board}" if each.board else f"policy {each.policy}" for name, each in ERRORS.items()}
    wanting = {name: text for name, text in needs.items() if ERRORS[name].board or ERRORS[name].policy}
    return {"errors": list(ERRORS), "of_16": OF_16, "needs": wanting}
