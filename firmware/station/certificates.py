"""The station's certificates as a back office sees them, whatever protocol it speaks: the seam to `firmware/security`.

Only words and their meaning (OCPP 2.0.1 part 2, A02, A03, M03 to M05); files, keys and checks are in firmware/security.
"""

from typing import Literal, NamedTuple, Protocol

import msgspec

from firmware.station.signal import Signal

#: Certificates that are trusted. Names are 2.x's without the ending: CSMS, Manufacturer, V2G, MO, OEM.
RootUse = Literal["CSMS", "Manufacturer", "V2G", "MO", "OEM"]
#: Certificates of our own. V2G20 is that for ISO 15118-20.
OwnUse = Literal["ChargingStation", "V2G", "V2G20"]


class HashData(msgspec.Struct, frozen=True):
    """How OCPP names a certificate (CertificateHashDataType); hexadecimal digits, the serial without leading zeros."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    def same_as(self, other: "HashData") -> bool:
        return _plain(self) == _plain(other)


def _plain(data: HashData) -> tuple[str, str, str, str]:
    """Case and leading zeros do not matter."""
    names = data.issuer_name_hash.lower(), data.issuer_key_hash.lower()
    return data.algorithm, *names, data.serial_number.lower().lstrip("0")


class InstalledCertificate(msgspec.Struct, frozen=True):
    """A root, or one of our V2G leaves (`use` "V2GChain") with the CAs above it."""

    use: RootUse | Literal["V2GChain"]
    hash_data: HashData
    children: tuple[HashData, ...] = ()


class Verdict(NamedTuple):
    """`status`: Accepted, Rejected, Failed, NotFound; `reason` tells people why when it is no plain yes."""

    status: Literal["Accepted", "Rejected", "Failed", "NotFound"]
    reason: str = ""


class LinkMaterial(msgspec.Struct, frozen=True):
    """What TLS to the back office needs: the roots to trust (PEM, None = the operating system's), and the files of our
    chain and key, "" where we have none."""

    roots: str | None = None
    chain: str = ""
    key: str = ""


class Choice(msgspec.Struct, frozen=True):
    """Which of ours to try: the root or the certificate before the present one, while the present one is not proven."""

    old_root: bool = False
    old_certificate: bool = False


class Signer(Protocol):
    """Who has certificate requests signed: a back office. `station.signer`; None there: nobody."""

    async def sign_certificate(
        self, csr: str, use: OwnUse, request_id: int, root: HashData | None, *, asked: bool
    ) -> bool:
        """Hand over a request (PEM); `asked`: the back office wants it. False: it is refused. Raises
        firmware.station.authorization.Unreachable."""
        ...


class Certificates(Protocol):
    """`station.certificates`. Everything is done in threads; nothing raises for what a back office asks."""

    changed: Signal  # something was installed or removed

    async def install(self, use: RootUse, pem: str) -> Verdict:
        """A root certificate: Accepted, Rejected (not usable, no room), Failed (disk)."""
        ...

    async def installed(self, uses: tuple[str, ...]) -> list[InstalledCertificate]:
        """What is installed of these uses; () = all."""
        ...

    async def delete(self, hash_data: HashData) -> Verdict:
        """Accepted, Failed (ours, or in use), NotFound."""
        ...

    def begin_renewal(self, use: OwnUse) -> bool:
        """Make a new key and have its certificate signed (A02). False: this station cannot."""
        ...

    async def signed(self, chain: str, use: OwnUse | None, request_id: int | None) -> Verdict:
        """A chain (PEM) came for a request of ours: Accepted or Rejected."""
        ...

    async def load(self) -> None:
        """Look at what is on disk; what follows goes by the last look."""
        ...

    def entries(self) -> int:
        """How many roots are installed (CertificateEntries)."""
        ...

    def has_csms_root(self) -> bool:
        """Is a root for the back office installed and valid (needed for security profiles 2 and 3)?"""
        ...

    def has_client_certificate(self) -> bool:
        """Have we got a valid certificate to show the back office (needed for security profile 3)?"""
        ...

    def has_unproven_certificate(self) -> bool:
        """Is there a renewed one that no connection was made with yet?"""
        ...

    def choices(self) -> Choice:
        """What there is to fall back to."""
        ...

    async def link_material(self, choice: Choice) -> LinkMaterial:
        """What to dial with."""
        ...

    async def link_proven(self, choice: Choice, root: bytes, *, certificate_shown: bool) -> None:
        """A connection with these came about, and rests on this root (DER, b"" = none of ours): what it made
        superfluous goes (M05.FR.13, A02.FR.10, FR.29)."""
        ...
