"""A car's certificates and keys, and what it signs and checks with them (ISO 15118-2 §7.9): XML signatures over EXI
fragments, and the contract key that comes encrypted. Written anew for the cars, so that the station shares no part of
it; only certificates are read by the station's own reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from firmware.v2g.exi import encode
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import Message
from firmware.v2g.messages.xmldsig import (
    CanonicalizationMethod,
    DigestMethod,
    Reference,
    Signature,
    SignatureMethod,
    SignatureValue,
    SignedInfo,
    Transform,
    X509IssuerSerial,
)
from firmware.v2g.pki.certificates import common_name, der, read_certificates
from hil.cars.line import SessionFailed

EXI: Final = "http://www.w3.org/TR/canonical-exi/"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
DIGEST_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
SIDE: Final = 32  # octets of r, of s and of a private key on P-256
OTHER_INFO: Final = bytes([0x01, 0x55, 0x56])  # algorithm, party U, party V [V2G2-818]


@dataclass
class Wallet:
    """What a Plug & Charge car carries: its certificate from the factory, and a contract once it has one."""

    provisioning: tuple[x509.Certificate, ...]  # leaf first
    provisioning_key: ec.EllipticCurvePrivateKey
    roots: tuple[x509.Certificate, ...]  # mobility operators and provisioning services it trusts
    contract: tuple[x509.Certificate, ...] = ()  # leaf first
    contract_key: ec.EllipticCurvePrivateKey | None = None

    @classmethod
    def load(cls, folder: Path) -> Self:
        """From a folder as `pilotline pki make-test` makes it (others/iso2). Raises PkiError, OSError, ValueError."""
        roots = tuple(
            each for name in ("mo-root", "cps-root", "v2g-root") for each in read_certificates(folder / f"{name}.pem")
        )
        return cls(
            provisioning=tuple(read_certificates(folder / "provisioning.pem")),
            provisioning_key=_key(folder / "provisioning.key"),
            roots=roots,
            contract=tuple(read_certificates(folder / "contract.pem")),
            contract_key=_key(folder / "contract.key"),
        )

    @property
    def emaid(self) -> str:
        """The contract's name. Raises SessionFailed without a contract."""
        if not self.contract:
            raise SessionFailed("this car has no contract")
        return common_name(self.contract[0])

    @property
    def provisioning_der(self) -> bytes:
        """The certificate from the factory."""
        return der(self.provisioning[0])

    @property
    def root_ids(self) -> tuple[X509IssuerSerial, ...]:
        """What an installation names as trusted."""
        return tuple(
            X509IssuerSerial(x509_issuer_name=root.issuer.rfc4514_string(), x509_serial_number=root.serial_number)
            for root in self.roots
        )

    def contract_chain(self, id_: str | None = None) -> iso2.CertificateChain:
        """Leaf and sub CAs as they stand in a message. Raises SessionFailed without a contract."""
        if not self.contract:
            raise SessionFailed("this car has no contract")
        leaf, *subs = (der(certificate) for certificate in self.contract)
        return iso2.CertificateChain(id=id_, certificate=leaf, sub_certificates=tuple(subs) or None)

    def sign_by_contract(self, element: Message, id_: str) -> Signature:
        """Raises SessionFailed without a contract."""
        if self.contract_key is None:
            raise SessionFailed("this car has no contract")
        return sign(self.contract_key, element, id_)

    def take(
        self,
        answer: iso2.CertificateInstallationRes | iso2.CertificateUpdateRes,
        signature: Signature | None,
        key: ec.EllipticCurvePrivateKey,
    ) -> None:
        """Check and keep a new contract that was encrypted for `key`. Raises SessionFailed, saying what is wrong."""
        parts = (
            answer.contract_signature_cert_chain,
            answer.contract_signature_encrypted_private_key,
            answer.dh_publickey,
            answer.emaid,
        )
        provider = x509.load_der_x509_certificate(answer.sa_provisioning_certificate_chain.certificate)
        if signature is None:
            raise SessionFailed("the new contract is not signed")
        check(provider.public_key(), {str(part.id): part for part in parts}, signature)
        fresh = open_key(key, answer.dh_publickey.value, answer.contract_signature_encrypted_private_key.value)
        chain = answer.contract_signature_cert_chain
        contract = tuple(
            x509.load_der_x509_certificate(each) for each in (chain.certificate, *(chain.sub_certificates or ()))
        )
        if contract[0].public_key() != fresh.public_key():
            raise SessionFailed("the new contract's key is not that of its certificate")
        self.contract, self.contract_key = contract, fresh


def sign(key: ec.EllipticCurvePrivateKey, element: Message, id_: str) -> Signature:
    """An enveloped signature for the header over one element that carries `id_`."""
    info = SignedInfo(
        canonicalization_method=CanonicalizationMethod(algorithm=EXI),
        signature_method=SignatureMethod(algorithm=ECDSA_SHA256),
        reference=(
            Reference(
                uri=f"#{id_}",
                transforms=(Transform(algorithm=EXI),),
                digest_method=DigestMethod(algorithm=DIGEST_SHA256),
                digest_value=sha256(encode(element, "iso2", fragment=True)).digest(),
            ),
        ),
    )
    r, s = decode_dss_signature(key.sign(encode(info, "xmldsig", fragment=True), ec.ECDSA(SHA256())))
    value = r.to_bytes(SIDE, "big") + s.to_bytes(SIDE, "big")
    return Signature(signed_info=info, signature_value=SignatureValue(value=value))


def check(public: object, elements: Mapping[str, Message], signature: Signature) -> None:
    """Every element is referenced, its digest is right, and the signature is this key's. Raises SessionFailed."""
    references = {(each.uri or "").removeprefix("#"): each.digest_value for each in signature.signed_info.reference}
    if references.keys() != elements.keys():
        raise SessionFailed(f"signed are {', '.join(references)}, not {', '.join(elements)}")
    for id_, element in elements.items():
        forms = {sha256(encode(element, "iso2", fragment=True, relaxed=relaxed)).digest() for relaxed in (True, False)}
        if references[id_] not in forms:  # the eMAID is met in both forms
            raise SessionFailed(f"the digest of {id_} is wrong")
    value = signature.signature_value.value
    if not isinstance(public, ec.EllipticCurvePublicKey) or len(value) != 2 * SIDE:
        raise SessionFailed("the signature is none of ECDSA on P-256")
    form = encode_dss_signature(int.from_bytes(value[:SIDE], "big"), int.from_bytes(value[SIDE:], "big"))
    try:
        public.verify(form, encode(signature.signed_info, "xmldsig", fragment=True), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise SessionFailed("the signature is not that of its certificate") from None


def open_key(mine: ec.EllipticCurvePrivateKey, point: bytes, sealed: bytes) -> ec.EllipticCurvePrivateKey:
    """The contract's private key: ECDH, ConcatKDF, AES-128-CBC with the IV in front [V2G2-815, -818, -820].

    Raises SessionFailed.
    """
    try:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        shared = mine.exchange(ec.ECDH(), theirs)
        secret = ConcatKDFHash(algorithm=SHA256(), length=16, otherinfo=OTHER_INFO).derive(shared)
        opener = Cipher(algorithms.AES128(secret), modes.CBC(sealed[:16])).decryptor()
        number = int.from_bytes(opener.update(sealed[16:]) + opener.finalize(), "big")
        return ec.derive_private_key(number, ec.SECP256R1())
    except ValueError as error:
        raise SessionFailed(f"the contract's key cannot be opened: {error}") from error


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is no key on an elliptic curve")
    return key
