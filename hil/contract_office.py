"""A mobility operator, its certificate pool and its provisioning service in one, for the rig: what a back office asks.

Knows contracts by eMAID, says whether one may charge, and makes new contract certificates for cars that ask. All from
a test PKI (`pilotline pki make-test`, folder others/iso2). Speaks no protocol: `hil.csms` does.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from firmware.v2g.contract.chain import ContractRefused, examine
from firmware.v2g.contract.emaid import same_emaid
from firmware.v2g.contract.signatures import BadSignature, Part, sign, verify
from firmware.v2g.exi import ExiError, decode, encode
from firmware.v2g.messages.iso2 import (
    CertificateChain,
    CertificateInstallationReq,
    CertificateInstallationRes,
    CertificateUpdateReq,
    CertificateUpdateRes,
    ContractSignatureEncryptedPrivateKey,
    DiffieHellmanPublickey,
    Emaid,
    MessageHeader,
    ResponseCode,
    V2gMessage,
)
from firmware.v2g.pki.authority import Authority, Leaf
from firmware.v2g.pki.certificates import UNREADABLE, Chain, common_name, der, in_order, read_certificates
from firmware.v2g.pki.make_test import EMAID
from hil.contract_keys import encrypt

#: what is said of the certificate -> what is said of its token (OCPP 2.0.1 C07.FR.13 to -17)
TOKEN_STATUS: Final = {
    "Accepted": "Accepted",
    "ContractCancelled": "Invalid",
    "CertificateExpired": "Expired",
    "CertificateRevoked": "Invalid",
    "CertChainError": "Invalid",
}


class NoCertificate(Exception):
    """This car gets no certificate; the text says why."""


@dataclass
class ContractOffice:
    """`contracts`: eMAIDs that may charge, compact. `revoked`: serial numbers, as hex without leading zeros."""

    mo: Authority  # the sub CA that issues contracts
    cps: Leaf
    roots: tuple[x509.Certificate, ...]
    contracts: set[str] = field(default_factory=lambda: {EMAID})
    revoked: set[str] = field(default_factory=set)
    new_emaid: str = EMAID
    life_days: float = 365
    made: list[Leaf] = field(default_factory=list)
    issued: list[tuple[x509.Certificate, Authority]] = field(default_factory=list)  # what OCSP is answered about

    @classmethod
    def from_folder(cls, folder: Path) -> "ContractOffice":
        """Of the folder others/iso2 of a test PKI. Raises PkiError, OSError, ValueError."""
        sub2, sub1 = (read_certificates(folder / f"mo-{name}.pem")[0] for name in ("sub2", "sub1"))
        cps = in_order(read_certificates(folder / "cps.pem"))
        root = read_certificates(folder / "mo-root.pem")[0]
        mo = Authority(sub2, _key(folder / "mo-sub2.key"), (sub2, sub1))
        office = cls(mo, Leaf(cps, _key(folder / "cps.key")), (root,))
        station = folder.parent.parent / "secc" / f"{folder.name}.pem"
        if station.is_file():  # the station of the same test PKI asks for its staple
            cpo = Authority(read_certificates(folder / "v2g-sub2.pem")[0], _key(folder / "v2g-sub2.key"))
            office.issued.append((in_order(read_certificates(station)).leaf, cpo))
        return office

    def knows(self, emaid: str) -> bool:
        """May this contract charge, whatever its certificate?"""
        return any(same_emaid(emaid, each) for each in self.contracts)

    def judge(self, emaid: str, pem: str | None, hashes: Sequence[dict[str, Any]]) -> tuple[str, str]:
        """(authorization status, certificate status) of a contract, by its chain or by its hash data."""
        status = self._certificate_status(emaid, pem, hashes)
        return TOKEN_STATUS[status], status

    def _certificate_status(self, emaid: str, pem: str | None, hashes: Sequence[dict[str, Any]]) -> str:
        if any(str(each["serialNumber"]).lower().lstrip("0") in self.revoked for each in hashes):
            return "CertificateRevoked"
        if pem is not None and (wrong := self._chain_status(emaid, pem)):
            return wrong
        return "Accepted" if self.knows(emaid) else "ContractCancelled"

    def _chain_status(self, emaid: str, pem: str) -> str:
        try:
            first, *rest = (der(each) for each in x509.load_pem_x509_certificates(pem.encode()))
            sent = CertificateChain(certificate=first, sub_certificates=tuple(rest) or None)
            contract = examine(emaid, sent, self.roots, _utc_now())
        except ContractRefused as refused:
            return "CertificateExpired" if refused.code is ResponseCode.FAILED_CertificateExpired else "CertChainError"
        except ValueError:
            return "CertChainError"
        return "" if contract.root is not None else "CertChainError"

    def ocsp(self, serial_number: str) -> bytes | None:
        """The OCSP response (DER) for a certificate of ours; None for a revoked one, and for others'."""
        serial = serial_number.lower().lstrip("0")
        for certificate, issuer in [*self.issued, *((each.certificate, self.mo) for each in self.made)]:
            if f"{certificate.serial_number:x}" == serial and serial not in self.revoked:
                return issuer.ocsp_good(certificate)
        return None

    def provide(self, action: str, exi_request: str) -> str:
        """The answer (base64 of EXI) to a car's certificate request. Raises NoCertificate."""
        try:
            message = decode(base64.b64decode(exi_request, validate=True), "iso2")
        except (binascii.Error, ExiError) as error:
            raise NoCertificate(f"no EXI message: {error}") from None
        wanted = CertificateUpdateReq if action == "Update" else CertificateInstallationReq
        if not isinstance(message, V2gMessage) or not isinstance(message.body, wanted):
            raise NoCertificate(f"{action} with something else than {wanted.__name__}")
        request = message.body
        car = _certificate_of(request)
        try:
            verify(message.header.signature, [Part(request, request.id)], car.public_key())
        except BadSignature as bad:
            raise NoCertificate(str(bad)) from None
        if f"{car.serial_number:x}" in self.revoked:
            raise NoCertificate(f"{common_name(car)!r} is revoked")
        return base64.b64encode(self._answer(request, car, message.header.session_id)).decode()

    def _answer(
        self, request: CertificateInstallationReq | CertificateUpdateReq, car: x509.Certificate, session_id: bytes
    ) -> bytes:
        receiver = car.public_key()
        if not isinstance(receiver, ec.EllipticCurvePublicKey):
            raise NoCertificate("the car's key is no EC key")
        emaid = common_name(car) if isinstance(request, CertificateUpdateReq) else self.new_emaid
        leaf = self.mo.leaf("contract", emaid, "MO", not_before=_utc_now() - timedelta(minutes=5), days=self.life_days)
        self.made.append(leaf)
        self.contracts.add(emaid)
        secret, point = encrypt(cast(ec.EllipticCurvePrivateKey, leaf.key), receiver)
        kind = CertificateUpdateRes if isinstance(request, CertificateUpdateReq) else CertificateInstallationRes
        body = kind(
            sa_provisioning_certificate_chain=_sent(self.cps.chain),
            contract_signature_cert_chain=_sent(leaf.chain, "id1"),
            contract_signature_encrypted_private_key=ContractSignatureEncryptedPrivateKey(id="id2", value=secret),
            dh_publickey=DiffieHellmanPublickey(id="id3", value=point),
            emaid=Emaid(id="id4", value=emaid),
        )
        signature = sign(signed_parts(body), cast(ec.EllipticCurvePrivateKey, self.cps.key))
        header = MessageHeader(session_id=session_id, signature=signature)
        return encode(V2gMessage(header=header, body=body), "iso2")


def signed_parts(body: CertificateInstallationRes | CertificateUpdateRes) -> list[Part]:
    """The four elements that the provisioning service signs [V2G2-771]."""
    chain = body.contract_signature_cert_chain
    secret, point = body.contract_signature_encrypted_private_key, body.dh_publickey
    return [
        Part(chain, chain.id or "", "ContractSignatureCertChain"),
        Part(secret, secret.id),
        Part(point, point.id),
        Part(body.emaid, body.emaid.id),
    ]


def _certificate_of(request: CertificateInstallationReq | CertificateUpdateReq) -> x509.Certificate:
    if isinstance(request, CertificateUpdateReq):
        data = request.contract_signature_cert_chain.certificate
    else:
        data = request.oem_provisioning_cert
    try:
        return x509.load_der_x509_certificate(data)
    except UNREADABLE as error:
        raise NoCertificate(f"the car's certificate cannot be read: {error}") from None


def _sent(chain: Chain, name: str | None = None) -> CertificateChain:
    subs = tuple(der(each) for each in chain.sub_cas)
    return CertificateChain(id=name, certificate=der(chain.leaf), sub_certificates=subs or None)


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    return cast(ec.EllipticCurvePrivateKey, load_pem_private_key(path.read_bytes(), password=None))


def _utc_now() -> datetime:
    return datetime.now(UTC)
