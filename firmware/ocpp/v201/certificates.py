"""2.0.1 blocks A and M: certificates installed, listed, deleted and renewed, as `station.certificates` does it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast, get_args

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Outgoing
from firmware.ocpp.payload import Payload
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.v201.status_info import because
from firmware.station.certificates import HashData, InstalledCertificate, OwnUse, RootUse

OWN: Final[dict[str, OwnUse]] = {
    "ChargingStationCertificate": "ChargingStation",
    "V2GCertificate": "V2G",
    "V2G20Certificate": "V2G20",
}
#: TriggerMessage -> which certificate
TRIGGERS: Final[dict[str, OwnUse]] = {
    "SignChargingStationCertificate": "ChargingStation",
    "SignV2GCertificate": "V2G",
    "SignV2G20Certificate": "V2G20",
}
NOT_HERE: Final = "this station manages no certificates"


def _use(kind: str) -> str:
    """Our word for a kind of certificate: CSMS, V2G, ..., V2GChain."""
    return kind.removesuffix("RootCertificate").replace("V2GCertificateChain", "V2GChain")


def _kind(use: str) -> messages.GetCertificateIdUseEnum:
    kind = "V2GCertificateChain" if use == "V2GChain" else f"{use}RootCertificate"
    return cast(messages.GetCertificateIdUseEnum, kind)


def hash_data(data: HashData) -> types.CertificateHashData:
    return types.CertificateHashData(
        hash_algorithm=cast(types.HashAlgorithmEnum, data.algorithm),
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
    )


async def install(request: messages.InstallCertificateRequest, office: Office) -> Answer:
    certificates = office.station.certificates
    if certificates is None:
        return Answer(messages.InstallCertificateResponse(status="Rejected", status_info=because(NOT_HERE)))
    verdict = await certificates.install(cast(RootUse, _use(request.certificate_type)), request.certificate)
    status = cast(messages.InstallCertificateStatusEnum, verdict.status)
    code = "InvalidCertificate" if status == "Rejected" else "InternalError"
    return Answer(messages.InstallCertificateResponse(status=status, status_info=because(verdict.reason, code)))


async def installed(request: messages.GetInstalledCertificateIdsRequest, office: Office) -> Answer:
    certificates = office.station.certificates
    kinds = request.certificate_type if request.certificate_type is not UNSET else ()
    found = await certificates.installed(tuple(map(_use, kinds))) if certificates is not None else []
    if isinstance(request, messages.GetInstalledCertificateIdsRequest):  # 2.0.1 has no word for roots of car makers
        found = [each for each in found if _kind(each.use) in get_args(messages.GetCertificateIdUseEnum)]
    if not found:
        return Answer(messages.GetInstalledCertificateIdsResponse(status="NotFound"))
    chains = tuple(_chain(each) for each in found)
    return Answer(messages.GetInstalledCertificateIdsResponse(status="Accepted", certificate_hash_data_chain=chains))


def _chain(each: InstalledCertificate) -> messages.CertificateHashDataChain:
    return messages.CertificateHashDataChain(
        certificate_type=_kind(each.use),
        certificate_hash_data=hash_data(each.hash_data),
        child_certificate_hash_data=tuple(hash_data(child) for child in each.children) or UNSET,
    )


async def delete(request: messages.DeleteCertificateRequest, office: Office) -> Answer:
    certificates = office.station.certificates
    if certificates is None:
        return Answer(messages.DeleteCertificateResponse(status="NotFound", status_info=because(NOT_HERE)))
    data = request.certificate_hash_data
    wanted = HashData(data.hash_algorithm, data.issuer_name_hash, data.issuer_key_hash, data.serial_number)
    verdict = await certificates.delete(wanted)
    status = cast(messages.DeleteCertificateStatusEnum, verdict.status)
    return Answer(messages.DeleteCertificateResponse(status=status, status_info=because(verdict.reason)))


async def signed(request: messages.CertificateSignedRequest, office: Office) -> Answer:
    certificates = office.station.certificates
    if certificates is None:
        return Answer(messages.CertificateSignedResponse(status="Rejected", status_info=because(NOT_HERE)))
    use = OWN.get(request.certificate_type) if request.certificate_type is not UNSET else None
    request_id = getattr(request, "request_id", UNSET)  # 2.1
    verdict = await certificates.signed(request.certificate_chain, use, request_id if request_id is not UNSET else None)
    accepted = verdict.status == "Accepted"
    return Answer(
        messages.CertificateSignedResponse(
            status="Accepted" if accepted else "Rejected",
            status_info=because(verdict.reason, "InvalidCertificate"),
        )
    )


def renew(message: str, office: Office) -> bool:
    """A02: TriggerMessage for one of our certificates; the request follows when its key is made."""
    certificates = office.station.certificates
    return certificates is not None and certificates.begin_renewal(TRIGGERS[message])


def sign_certificate(csr: str, use: OwnUse) -> Outgoing:
    kind = "ChargingStationCertificate" if use == "ChargingStation" else "V2GCertificate"
    payload = messages.SignCertificateRequest(csr=csr, certificate_type=cast(messages.CertificateSigningUseEnum, kind))
    return Outgoing("SignCertificate", payload, messages.SignCertificateResponse)


def will_sign(response: Payload) -> bool:
    return getattr(response, "status", "") == "Accepted"


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.InstallCertificateRequest: install,
    messages.GetInstalledCertificateIdsRequest: installed,
    messages.DeleteCertificateRequest: delete,
    messages.CertificateSignedRequest: signed,
}
