"""Security events by name, and which of them the back office must hear of (OCPP 2.1 part 2 appendix 1, table 1).

All of them go to the security log; that is `firmware/security/log.py`'s.
"""

from typing import TYPE_CHECKING, Final

from firmware.station.facts import SecurityEvent

if TYPE_CHECKING:
    from firmware.station.station import Station

#: name -> critical
SECURITY_EVENTS: Final = {
    "FirmwareUpdated": True,
    "FailedToAuthenticateAtCsms": False,
    "CsmsFailedToAuthenticate": False,
    "SettingSystemTime": True,
    "StartupOfTheDevice": True,
    "ResetOrReboot": True,
    "SecurityLogWasCleared": True,
    "ReconfigurationOfSecurityParameters": False,
    "MemoryExhaustion": True,
    "InvalidMessages": False,
    "AttemptedReplayAttacks": False,
    "TamperDetectionActivated": True,
    "InvalidFirmwareSignature": True,
    "InvalidFirmwareSigningCertificate": True,
    "InvalidCsmsCertificate": True,
    "InvalidChargingStationCertificate": True,
    "DiscardedRenewedClientCertificate": True,
    "InvalidTLSVersion": True,
    "InvalidTLSCipherSuite": True,
    "MaintenanceLoginAccepted": True,
    "MaintenanceLoginFailed": True,
    "FileServerHostKeyChanged": True,  # ours: the table has no word for the key of an SFTP server
}
TECH_INFO_SIZE: Final = 255


def tell(station: "Station", kind: str, tech_info: str = "") -> None:
    """Emit the event with the weight that the table gives it; one that the table lacks is not critical."""
    clock = station.clock
    station.emit(
        SecurityEvent(
            at=clock.utc(),
            mono=clock.mono(),
            clock_synced=clock.synced,
            kind=kind,
            tech_info=tech_info[:TECH_INFO_SIZE],
            critical=SECURITY_EVENTS.get(kind, False),
        )
    )
