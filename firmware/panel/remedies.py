"""What a person can do about each fault of the guard, by its code. What the fault is, the guard says itself."""

from typing import Final

REMEDIES: Final = {
    "pilot_short": "Unplug and look for damage or water in plug and cable; try another cable or car.",
    "pilot_diode": "The car or adapter has a defective pilot circuit; try another car.",
    "pilot_fault": "Unplug and plug in again; check the pilot wire and the car's inlet.",
    "pilot_stale": "The pilot is not being measured; restart the guard, then check the board's pilot measurement.",
    "ventilation": "This car only charges with ventilation, which this place has not; use another place.",
    "cable_invalid": "Use another cable; if it stays, check the proximity contact of the socket.",
    "cable_button": "Release the button of the plug and push the plug in fully.",
    "rcd_tripped": "Unplug. If it comes back with another car, have cable, socket and wiring measured.",
    "rcd_self_test": "The residual current monitor failed its test; have it replaced. Charging stays locked.",
    "emergency_stop": "When the danger is over, release the emergency stop.",
    "pe_lost": "Do not touch the station. An electrician must check protective earth and PEN.",
    "mains_fail": "Wait for the mains to return; check the breaker upstream.",
    "tamper": "Somebody opened the housing: check the station and close it.",
    "weld": "Danger: the contactor does not open. Switch off the breaker and replace the contactor.",
    "stuck_open": "The contactor does not close: check its coil supply, then replace it.",
    "unexpected_edge": "The contactor moved by itself: check its wiring and mirror contact.",
    "over_current": "The car draws more than offered; unplug it. If other cars do so too, check the meter.",
    "bad_limit": "A current was asked for that this connector cannot carry; check the board and station files.",
    "under_voltage": "The mains voltage is too low: ask the grid operator or check the supply cable.",
    "over_voltage": "The mains voltage is too high: ask the grid operator; check the neutral conductor.",
    "lost_phase": "A phase is missing: check fuses and terminals upstream.",
    "over_temperature": "Let it cool down; check plug contacts and terminals for looseness.",
    "temperature_sensor": "Check the temperature sensor and its wiring.",
    "plc_modem": "The power-line modem does not answer: check its supply, its interface and `modem` in station.toml.",
    "plc_modem_needed": "Without its power-line modem this plug cannot charge: check supply, interface and `modem`.",
    "meter_stale": "The meter does not answer: check its bus wiring, address and supply.",
    "lock_open": "Push the plug in fully so that it can be locked.",
    "lock_failed": "Move the plug a little; if it stays, check the lock's motor.",
    "supply_stale": "The DC supply does not answer: check its bus and its supply voltage.",
    "supply_fault": "The DC supply reports a failure: look at its modules, its fans and its mains supply.",
    "isolation": "Insulation is too low: unplug; try another car; have the output cable measured.",
    "isolation_monitor": "The insulation monitor failed: check its wiring to the output, its bus and its supply.",
    "cable_check": "The test before charging failed: unplug, look at plug and cable, try another car.",
    "dc_over_voltage": "The output's voltage was too high: another car may try; if it comes back, check the supply.",
    "dc_over_current": "The output gave more current than asked for: if it comes back, check the supply.",
    "dc_polarity": "The output's poles or its measurement are swapped: a technician must check the wiring.",
    "dc_weld": "Danger: the DC contactor does not open. Switch the station off; have the contactor replaced.",
    "phase_switch": "The contactor for one or three phases does not follow: check its coil supply and its contact.",
    "shared_pins": "Two outputs share this plug's contacts and both were closed: check both contactors for welding.",
    "contactor_worn": "The contactor has switched as often as it is made for: plan its replacement.",
    "tick_overrun": "The guard was late: look for what else uses this computer, then restart the guard.",
    "device": "A part of the board does not answer; restart the guard, then look at its log for the part's name.",
}
_OTHERWISE: Final = "Look at the guard's log for this code."


def remedy(code: str) -> str:
    return REMEDIES.get(code, _OTHERWISE)
