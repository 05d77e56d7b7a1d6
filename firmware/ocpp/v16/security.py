"""1.6 security whitepaper (edition 3): certificates, the password and the security profile, security events.

The words differ from 2.x, the station's doings do not.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, cast

from msgspec import UNSET

from firmware.ocpp import quirks
from firmware.ocpp.dialect import Answer, Office, Outgoing, Shape
from firmware.ocpp.network_profiles import HEX, Secret, refuses_password
from firmware.ocpp.payload import Payload, stamp
from firmware.ocpp.v16 import messages as v16
from firmware.station import fact, facts, security_events
from firmware.station.certificates import HashData, RootUse

#: 2.x's name of a security event -> the whitepaper's (chapter 8), where it has another
EVENT_NAMES: Final = {
    "FailedToAuthenticateAtCsms": "FailedToAuthenticateAtCentralSystem",
    "CsmsFailedToAuthenticate": "CentralSystemFailedToAuthenticate",
    "InvalidCsmsCertificate": "InvalidCentralSystemCertificate",
    "InvalidChargingStationCertificate": "InvalidChargePointCertificate",
}
ROOTS: Final[dict[str, RootUse]] = {
    "CentralSystemRootCertificate": "CSMS",
    "ManufacturerRootCertificate": "Manufacturer",
}
OCTETS: Final = (16, 20)  # AuthorizationKey


# --- certificates ---------------------------------------------------------------------------------------------------


async def install(request: v16.InstallCertificate, office: Office) -> Answer:
    certificates = office.station.certificates
    if certificates is None:
        return Answer(v16.InstallCertificateResponse(status="Rejected"))
    verdict = await certificates.install(ROOTS[request.certificate_type], request.certificate)
    if verdict.status == "Rejected" and request.certificate_type == "CentralSystemRootCertificate":
        security_events.tell(office.station, "InvalidCsmsCertificate", f"not installed: {verdict.reason}")
    return Answer(
        v16.InstallCertificateResponse(status=cast(Literal["Accepted", "Failed", "Rejected"], verdict.status))
    )


async def installed(request: v16.GetInstalledCertificateIds, office: Office) -> Answer:
    certificates = office.station.certificates
    found = await certificates.installed((ROOTS[request.certificate_type],)) if certificates is not None else []
    if not found:
        return Answer(v16.GetInstalledCertificateIdsResponse(status="NotFound"))
    named = tuple(_hash_data(each.hash_data) for each in found)
    return Answer(v16.GetInstalledCertificateIdsResponse(status="Accepted", certificate_hash_data=named))


def _hash_data(data: HashData) -> v16.CertificateHashData:
    return v16.CertificateHashData(
        hash_algorithm=cast(Literal["SHA256", "SHA384", "SHA512"], data.algorithm),
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
    )


async def delete(request: v16.DeleteCertificate, office: Office) -> Answer:
    certificates = office.station.certificates
    if certificates is None:
        return Answer(v16.DeleteCertificateResponse(status="NotFound"))
    data = request.certificate_hash_data
    verdict = await certificates.delete(
        HashData(data.hash_algorithm, data.issuer_name_hash, data.issuer_key_hash, data.serial_number)
    )
    return Answer(v16.DeleteCertificateResponse(status=cast(Literal["Accepted", "Failed", "NotFound"], verdict.status)))


async def signed(request: v16.CertificateSigned, office: Office) -> Answer:
    certificates = office.station.certificates
    accepted = False
    if certificates is not None:
        verdict = await certificates.signed(request.certificate_chain, "ChargingStation", None)
        accepted = verdict.status == "Accepted"
    return Answer(v16.CertificateSignedResponse(status="Accepted" if accepted else "Rejected"))


def sign_certificate(csr: str) -> Outgoing:
    return Outgoing("SignCertificate", v16.SignCertificate(csr=csr), v16.SignCertificateResponse)


# --- password and security profile ----------------------------------------------------------------------------------


def set_password(text: str, office: Office) -> str:
    """AuthorizationKey: 32 to 40 hexadecimal digits mean 16 to 20 octets (7.2); other texts are taken as they are.
    Why not, or ""."""
    digits = len(text) % 2 == 0 and OCTETS[0] <= len(text) // 2 <= OCTETS[1] and not set(text) - HEX
    if not digits and (why := refuses_password(text)):
        return why
    as_text = quirks.shows(office.station.settings.ocpp, "authorization_key_as_text")
    office.uplink.set_password(Secret(text, digits and not as_text))
    return ""


def set_profile(text: str, office: Office) -> str:
    """SecurityProfile: only upwards, and only with what it needs (A05). Why not, or ""."""
    if text not in {"0", "1", "2", "3"}:
        return "no security profile"
    return office.uplink.raise_profile(int(text))


#: keys that ChangeConfiguration may set though the variable behind them is another's: key in lower case -> how
WRITERS: Final[dict[str, Callable[[str, Office], str]]] = {
    "authorizationkey": set_password,
    "securityprofile": set_profile,
}


# --- events ------------------------------------------------------------------------------------------------------


def security_event(fact: facts.SecurityEvent, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    if not fact.critical:
        return ()  # A04.FR.01: only critical events are sent
    payload = v16.SecurityEventNotification(
        type=EVENT_NAMES.get(fact.kind, fact.kind)[:50],
        timestamp=stamp(fact.at),
        tech_info=fact.tech_info[:255] or UNSET,
    )
    return (Outgoing("SecurityEventNotification", payload, v16.SecurityEventNotificationResponse),)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.InstallCertificate: install,
    v16.GetInstalledCertificateIds: installed,
    v16.DeleteCertificate: delete,
    v16.CertificateSigned: signed,
}
CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    facts.SecurityEvent: security_event,
}
