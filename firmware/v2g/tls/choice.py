"""Which profile and which of our chains answer a car's hello: -2 over TLS 1.2 or -20 over TLS 1.3, one listener.

Pure: hello and chains in, a choice or a refusal that names its reason out. Sources: ISO 15118-2 [V2G2-602, -651, -871],
ISO 15118-20 clause 7.7.3 (Tables 5 to 8), [V2G20-1006, -2379].
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from firmware.v2g.pki.certificates import Curve, sha1_of_certificate, sha1_of_key
from firmware.v2g.pki.store import SeccChain
from firmware.v2g.tls.client_hello import ClientHello, TrustedCa

TLS_1_2: Final = 0x0303
TLS_1_3: Final = 0x0304
ECDHE_CBC: Final = 0xC023  # TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
STATIC_ECDH_CBC: Final = 0xC025  # TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256: gone from every OpenSSL that is maintained
AES_256_GCM: Final = 0x1302
CHACHA20: Final = 0x1303
SECP256R1: Final = 23
SECP521R1: Final = 25
X448: Final = 30
#: a car of a PKI offers the group of the same kind; OpenSSL-made cars offer every signature scheme, whatever they trust
GROUP: Final = {Curve.P256: SECP256R1, Curve.P521: SECP521R1, Curve.ED448: X448}
#: signature scheme of each kind of leaf (RFC 8446 section 4.2.3)
SCHEME: Final = {Curve.P256: 0x0403, Curve.P521: 0x0603, Curve.ED448: 0x0808}
VERSION_NAMES: Final = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", TLS_1_2: "TLS 1.2", TLS_1_3: "TLS 1.3"}
SUITE_NAMES: Final = {
    ECDHE_CBC: "ECDHE-ECDSA-AES128-CBC-SHA256",
    STATIC_ECDH_CBC: "ECDH-ECDSA-AES128-CBC-SHA256",
    0x1301: "AES-128-GCM-SHA256",
    AES_256_GCM: "AES-256-GCM-SHA384",
    CHACHA20: "CHACHA20-POLY1305-SHA256",
}


class Alert(StrEnum):
    """Why a hello is refused; the values are for the log."""

    PROTOCOL_VERSION = "protocol_version"
    HANDSHAKE_FAILURE = "handshake_failure"
    DECODE_ERROR = "decode_error"
    INTERNAL_ERROR = "internal_error"


class Refused(Exception):
    """We cannot serve this hello: `reason` for people, `alert` for the car."""

    def __init__(self, reason: str, alert: Alert = Alert.HANDSHAKE_FAILURE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.alert = alert


class Profile(StrEnum):
    ISO2 = "ISO 15118-2"  # TLS 1.2, only the station shows a certificate
    ISO20 = "ISO 15118-20"  # TLS 1.3, both do


@dataclass(frozen=True)
class Choice:
    """What answers a car. `root_known`: the chain ends in a root that the car named."""

    profile: Profile
    chain: SeccChain
    root_known: bool


def choose(
    hello: ClientHello, chains: Sequence[SeccChain], now: datetime, *, conformance: bool, tls13: bool = True
) -> Choice:
    """The best answer. Raises Refused.

    A root that the car trusts weighs most, then TLS 1.3, then a chain that is valid today, then a group that goes with
    its keys, then the profile's own curve, then the signature that the car likes best, then the newest chain
    (OCPP 2.0.1 A02.FR.15). `conformance`: P-521 and Ed448 only in -20, and a group of the standard must be offered;
    else P-256 will do, as in most PKIs of the field.
    """
    offered = [*_iso20(hello, chains, conformance)] if tls13 and TLS_1_3 in hello.versions else []
    if TLS_1_2 in hello.versions:
        offered += _iso2(hello, chains)
    if not offered:
        raise _refusal(hello, chains, tls13)

    def worth(choice: Choice) -> tuple[bool, bool, bool, bool, bool, int, datetime]:
        is13 = choice.profile is Profile.ISO20
        native = (choice.chain.curve is Curve.P256) != is13
        liking = -hello.signatures.index(SCHEME[choice.chain.curve]) if is13 else 0
        group = GROUP[choice.chain.curve] in hello.groups
        begins = choice.chain.chain.leaf.not_valid_before_utc
        return (choice.root_known, is13, choice.chain.valid_at(now), group, native, liking, begins)

    return max(offered, key=worth)  # the first of equals: names in alphabetical order


def _iso20(hello: ClientHello, chains: Iterable[SeccChain], conformance: bool) -> Iterable[Choice]:
    if not {AES_256_GCM, CHACHA20} & set(hello.suites):
        return
    if conformance and not {SECP521R1, X448} & set(hello.groups):
        return
    for chain in chains:
        if SCHEME[chain.curve] in hello.signatures and not (conformance and chain.curve is Curve.P256):
            yield Choice(Profile.ISO20, chain, _trusted(hello, chain))


def _iso2(hello: ClientHello, chains: Iterable[SeccChain]) -> Iterable[Choice]:
    if ECDHE_CBC not in hello.suites or (hello.groups and SECP256R1 not in hello.groups):
        return
    for chain in chains:
        if chain.curve is Curve.P256:
            yield Choice(Profile.ISO2, chain, _trusted(hello, chain))


def _trusted(hello: ClientHello, chain: SeccChain) -> bool:
    """Does the car say it knows this chain's root?"""
    if chain.root is None:  # only its name is known, from the certificate below it
        issuer = chain.chain.top.issuer.public_bytes()
        return issuer in hello.certificate_authorities or (TrustedCa.X509_NAME, issuer) in hello.trusted_ca_keys
    name = chain.root.subject.public_bytes()
    if name in hello.certificate_authorities:
        return True
    names = {
        (TrustedCa.X509_NAME, name),
        (TrustedCa.KEY_SHA1_HASH, sha1_of_key(chain.root)),
        (TrustedCa.CERT_SHA1_HASH, sha1_of_certificate(chain.root)),
    }
    return not names.isdisjoint(hello.trusted_ca_keys)


def _refusal(hello: ClientHello, chains: Sequence[SeccChain], tls13: bool) -> Refused:
    """The one reason that says most."""
    if not chains:
        return Refused("no usable certificate chain is installed", Alert.INTERNAL_ERROR)
    usable = {TLS_1_2, TLS_1_3} if tls13 else {TLS_1_2}
    if not usable & set(hello.versions):
        return Refused(f"the car offers {versions_text(hello)} only", Alert.PROTOCOL_VERSION)
    suites = set(hello.suites)
    if STATIC_ECDH_CBC in suites and ECDHE_CBC not in suites and not {AES_256_GCM, CHACHA20} & suites:
        return Refused("the car offers static ECDH only (0xC025), which no maintained TLS library serves")
    if not {ECDHE_CBC, AES_256_GCM, CHACHA20} & suites:
        return Refused(f"the car offers no cipher suite of ISO 15118, but {suites_text(hello)}")
    curves = ", ".join(sorted({chain.curve for chain in chains}))
    return Refused(
        f"nothing installed here ({curves}) fits the car's {versions_text(hello)}, {suites_text(hello)}, "
        f"signatures {_hex(hello.signatures)}, groups {_hex(hello.groups)}"
    )


def versions_text(hello: ClientHello) -> str:
    """The versions a car offers, for people; made-up ones (GREASE, RFC 8701) left out."""
    real = [each for each in hello.versions if each & 0x0F0F != 0x0A0A]
    return ", ".join(VERSION_NAMES.get(each, f"version {each:#06x}") for each in real[:8]) or "no TLS version"


def suites_text(hello: ClientHello) -> str:
    """The cipher suites a car offers, for people; of long lists the beginning."""
    real = [each for each in hello.suites if each & 0x0F0F != 0x0A0A and each != 0x00FF]
    text = ", ".join(SUITE_NAMES.get(each, f"{each:#06x}") for each in real[:8])
    return text + (f" and {len(real) - 8} more" if len(real) > 8 else "")


def _hex(numbers: Sequence[int]) -> str:
    return " ".join(f"{each:#06x}" for each in numbers[:12]) or "none"
