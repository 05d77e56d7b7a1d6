"""What a connector's condition is called outside: OCPP states, error codes and stop reasons for the guard's faults.

Tables only; when a status is reported is `evse`'s business.
"""

from collections.abc import Sequence
from typing import Final

from firmware.station.facts import ConnectorState
from hal.wire import Fault

#: The power-line modem does not answer: basic charging goes on (AC), or nothing does (DC).
MODEM: Final = "plc_modem"
MODEM_NEEDED: Final = "plc_modem_needed"

#: Faults that leave the contactor alone.
HARMLESS: Final = frozenset({"tamper", MODEM})

#: ... and of them those that a back office hears of in the connector's status all the same.
TOLD: Final = frozenset({MODEM})

#: OCPP 1.6 ChargePointErrorCode (edition 2, section 7.6); what is not here is an OtherError.
ERROR_CODES: Final = {
    "pilot_short": "EVCommunicationError",
    "pilot_diode": "EVCommunicationError",
    "pilot_fault": "EVCommunicationError",
    "pilot_stale": "InternalError",
    "rcd_tripped": "GroundFailure",
    "rcd_self_test": "GroundFailure",
    "pe_lost": "GroundFailure",
    "mains_fail": "UnderVoltage",
    "weld": "PowerSwitchFailure",
    "stuck_open": "PowerSwitchFailure",
    "unexpected_edge": "PowerSwitchFailure",
    "over_current": "OverCurrentFailure",
    "under_voltage": "UnderVoltage",
    "lost_phase": "UnderVoltage",
    "over_voltage": "OverVoltage",
    "over_temperature": "HighTemperature",
    "isolation": "GroundFailure",
    "isolation_monitor": "GroundFailure",
    "dc_over_current": "OverCurrentFailure",
    "dc_over_voltage": "OverVoltage",
    "dc_weld": "PowerSwitchFailure",
    "cable_check": "PowerSwitchFailure",
    "supply_stale": "InternalError",
    "supply_fault": "InternalError",
    "meter_stale": "PowerMeterFailure",
    "lock_open": "ConnectorLockFailure",
    MODEM: "EVCommunicationError",
    MODEM_NEEDED: "EVCommunicationError",
    "device": "InternalError",
    "guard": "InternalError",
}

#: Faults that end the transaction even if they clear by themselves (ReasonEnumType); every latched fault does too.
STOPPING: Final = {
    "emergency_stop": "EmergencyStop",
    "rcd_tripped": "GroundFault",
    "pe_lost": "GroundFault",
    "over_current": "OvercurrentFault",
    "mains_fail": "PowerLoss",
    # a DC session ends with its output; none of these lets it go on
    "isolation": "GroundFault",
    "dc_over_current": "OvercurrentFault",
    "supply_stale": "Other",
    "supply_fault": "Other",
}


_PLAIN: Final[dict[str, ConnectorState]] = {
    "Available": "Available",
    "Unavailable": "Unavailable",
    "Faulted": "Faulted",
    "Reserved": "Reserved",
}


def stop_reason(faults: Sequence[Fault]) -> str | None:
    """The reason for which these faults end a transaction, None while it may wait for them to clear."""
    for fault in faults:
        if fault.code in STOPPING:
            return STOPPING[fault.code]
    return "Other" if any(fault.latched and fault.code not in HARMLESS for fault in faults) else None


def forbidding(faults: Sequence[Fault]) -> list[Fault]:
    """Those of the faults that keep the contactor open."""
    return [fault for fault in faults if fault.code not in HARMLESS]


def foremost(faults: Sequence[Fault]) -> Fault | None:
    """The one that a connector's status names: what forbids charging first."""
    return next(iter((*forbidding(faults), *(fault for fault in faults if fault.code in TOLD))), None)


def state_of(detail: str, *, plugged: bool) -> ConnectorState:
    """OCPP 1.6 status -> OCPP 2.x ConnectorStatusEnumType. A token without a plug does not occupy a connector, nor does
    a transaction whose car is gone (G01.FR.04), and a stranger's plug does not end a reservation (G01.FR.09)."""
    plain = _PLAIN.get(detail)
    if plain is not None:
        return plain
    return "Occupied" if plugged or detail not in {"Preparing", "SuspendedEV"} else "Available"
