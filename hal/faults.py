"""Everything that can be wrong with a connector: the codes of the link, their names for people, and how each behaves.

Which condition raises which code is `interlocks` (and `pilot`, `cable_check`, `dc_watch`).
Each is held for 1 s so that the controller sees a flicker too. Latching all was rejected: a dip of the mains needs no
technician.
"""

from typing import Final, NamedTuple


class Rule(NamedTuple):
    """How one fault behaves. `latched`: needs clear_fault or (if `leaves`) the car's departure."""

    name: str
    latched: bool = False
    leaves: bool = True  # the departure of the car clears it
    opens: bool = True
    ramps: bool = False  # time to ramp a DC output down first; without it the output is blocked at once
    mrec: str = ""  # ChargeX Minimum Required Error Code, where one says the same


FAULTS: Final[dict[str, Rule]] = {
    "pilot_short": Rule("control pilot shorted to PE", mrec="MREC14PilotFault"),
    "pilot_diode": Rule("no diode in the car's pilot circuit", mrec="MREC14PilotFault"),
    "pilot_fault": Rule("control pilot voltage is that of no state", mrec="MREC14PilotFault"),
    "pilot_stale": Rule("control pilot is not being measured", mrec="MREC14PilotFault"),
    "ventilation": Rule("car asks for ventilation, which this place has not", mrec="MREC10InvalidVehicleMode"),
    "cable_invalid": Rule("proximity resistor between the windows", mrec="MREC23ProximityFault"),
    "cable_button": Rule("release button of the plug is pressed"),
    "rcd_tripped": Rule("residual current", latched=True, mrec="MREC2GroundFailure"),
    "rcd_self_test": Rule("RCD self test failed", latched=True),
    "emergency_stop": Rule("emergency stop pressed", mrec="MREC8EmergencyStop"),
    "pe_lost": Rule("protective earth or PEN conductor lost", latched=True, mrec="MREC2GroundFailure"),
    "mains_fail": Rule("mains supply failed", mrec="MREC15PowerLoss"),
    "tamper": Rule("housing opened", opens=False),
    "weld": Rule("contactor does not open", latched=True, leaves=False, mrec="MREC17EVSEContactorFault"),
    "stuck_open": Rule("contactor does not close", latched=True, mrec="MREC17EVSEContactorFault"),
    "unexpected_edge": Rule("contactor moved without command", latched=True, mrec="MREC17EVSEContactorFault"),
    "over_current": Rule("car draws more than offered", latched=True, mrec="MREC4OverCurrentFailure"),
    "bad_limit": Rule("limit outside what the connector carries", latched=True),
    "under_voltage": Rule("mains voltage too low", mrec="MREC6UnderVoltage"),
    "over_voltage": Rule("mains voltage too high", mrec="MREC5OverVoltage"),
    "lost_phase": Rule("a phase is missing", mrec="MREC15PowerLoss"),
    "over_temperature": Rule("contacts too hot", ramps=True, mrec="MREC3HighTemperature"),
    "temperature_sensor": Rule("temperature is not being measured", ramps=True),
    "meter_stale": Rule("meter does not answer", ramps=True),
    "lock_open": Rule("plug is not locked", mrec="MREC1ConnectorLockFailure"),
    "lock_failed": Rule("plug lock does not reach its place", mrec="MREC1ConnectorLockFailure"),
    "supply_stale": Rule("DC supply does not answer"),
    "supply_fault": Rule("DC supply reports a failure"),
    "isolation": Rule("insulation of the DC output too low", latched=True, mrec="MREC2GroundFailure"),
    "isolation_monitor": Rule("insulation monitor failed", latched=True),
    "cable_check": Rule("cable check failed", latched=True, mrec="MREC11CableCheckFault"),
    "dc_over_voltage": Rule("voltage of the DC output too high", latched=True, mrec="MREC5OverVoltage"),
    "dc_over_current": Rule("DC output gives more than asked for", latched=True, mrec="MREC4OverCurrentFailure"),
    "dc_polarity": Rule("DC output has the wrong polarity", latched=True),
    "dc_weld": Rule(
        "voltage stays behind the open DC contactor", latched=True, leaves=False, mrec="MREC17EVSEContactorFault"
    ),
    "phase_switch": Rule("phase contactor does not follow", latched=True, mrec="MREC17EVSEContactorFault"),
    "shared_pins": Rule("another contactor is closed on the same contacts of the plug"),
    "contactor_worn": Rule("contactor has reached its life", opens=False),
    "tick_overrun": Rule("guard does not keep its time", latched=True),
    "device": Rule("part of the board does not answer"),
}


def headline(code: str, detail: str) -> str:
    """A fault in one line for people, the back office and the report: what it is, then what was seen of it."""
    name = FAULTS[code].name
    return f"{name}: {detail}" if detail else name
