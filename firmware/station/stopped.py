"""Why a transaction ended, in words for people. The identifiers are OCPP's; when which applies is decided elsewhere."""

from typing import Final

#: ReasonEnumType of OCPP 2.0.1 part 2 -> words
STOPPED: Final = {
    "DeAuthorized": "the token was no longer accepted",
    "EmergencyStop": "the emergency stop was pressed",
    "EnergyLimitReached": "the energy limit was reached",
    "EVDisconnected": "the car was unplugged",
    "GroundFault": "current could have flowed to earth",
    "ImmediateReset": "the station was reset at once",
    "Local": "it was stopped at the station",
    "LocalOutOfCredit": "the credit was used up",
    "MasterPass": "it was stopped with the operator's token",
    "Other": "of something OCPP has no word for",
    "OvercurrentFault": "too much current flowed",
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


def worded(reason: str) -> str:
    """The clause after "because"; an identifier that OCPP does not know is quoted."""
    return STOPPED.get(reason, f"of “{reason}”")
