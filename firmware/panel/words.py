"""Plain words for the identifiers of protocols, the same in the report and on the status page."""

from typing import Final

#: ReasonEnumType of OCPP 2.0.1 part 2 -> words
STOPPED: Final = {
    "DeAuthorized": "the token was no longer accepted",
    "EmergencyStop": "the emergency stop was pressed",
    "EnergyLimitReached": "the energy limit was reached",
    "EVDisconnected": "the car was unplugged",
    "GroundFault": "a residual current was detected",
    "ImmediateReset": "the station was reset at once",
    "Local": "it was stopped at the station",
    "LocalOutOfCredit": "the credit was used up",
    "MasterPass": "it was stopped with the operator's token",
    "Other": "of something OCPP has no word for",
    "OvercurrentFault": "the car drew too much current",
    "PowerLoss": "the station lost power",
    "PowerQuality": "the grid's quality did not allow charging",
    "Reboot": "the station restarted",
    "Remote": "the back office stopped it",
    "SOCLimitReached": "the wanted state of charge was reached",
    "StoppedByEV": "the car stopped",
    "TimeLimitReached": "the time limit was reached",
    "Timeout": "nobody plugged in or answered in time",
    "ReqEnergyTransferRejected": "the wanted way of charging is not available",
}

#: what the car's side calls its protocols
PROTOCOLS: Final = {
    "din": "DIN SPEC 70121",
    "iso2": "ISO 15118-2",
    "iso20": "ISO 15118-20",
    "iso20_ac": "ISO 15118-20 AC",
    "iso20_dc": "ISO 15118-20 DC",
    "slac": "SLAC",
}
