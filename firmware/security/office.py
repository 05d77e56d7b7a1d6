"""The station's `Certificates`: what a back office may install, list, delete and have renewed. Each piece of work on
files and keys is a thread's; one at a time, so that two requests cannot tread on each other.

`cryptography` (10 MB) is loaded with the first piece of work, in its thread: a station that never needs it saves that.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from firmware.security.renewal import Renewal
from firmware.station import security_events
from firmware.station.certificates import (
    Choice,
    HashData,
    InstalledCertificate,
    LinkMaterial,
    OwnUse,
    RootUse,
    Verdict,
)
from firmware.station.signal import Signal
from firmware.station.station import Station

if TYPE_CHECKING:
    from firmware.security.requests import Subject
    from firmware.security.store import OwnChain, Store

log = logging.getLogger(__name__)

LOOK_S: Final = 3600.0  # between two looks at what expires
MAX_CHAIN_SIZE: Final = 10_000  # MaxCertificateChainSize
T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """PEM files that a technician gave: roots by use, our chain for the back office and its key."""

    roots: Mapping[RootUse, str] = field(default_factory=dict)
    chain: str | None = None
    key: str | None = None


class CertificateOffice:
    """Make it, then keep `run()` running."""

    def __init__(self, station: Station, folder: Path, pki: Path, given: Given | None = None) -> None:
        """`given`: what is taken over while nothing of its kind is installed."""
        self._station = station
        self._folder = folder
        self._pki = pki
        self._given = given or Given()
        self._busy = asyncio.Lock()
        self._loaded = False
        self._csms_root = self._client_certificate = False
        self._entries = 0
        self._choices = Choice()
        self._unproven = False
        self._root_in_use = b""  # DER
        self._renewal = Renewal(station, self._request)
        self.changed = Signal()

    async def run(self) -> None:
        """Look after what expires, for ever (A03)."""
        while True:
            await self.load()
            ending = [] if await asyncio.to_thread(self._empty) else await self._work(self._expiring)
            for use in ending if self._station.signer is not None else ():
                self._renewal.begin_by_itself(use)
            await asyncio.sleep(LOOK_S)

    def _expiring(self, store: "Store") -> list[OwnUse]:
        """Which of our certificates end within a month, or have."""
        soon = self._now() + timedelta(days=30)
        newest = store.station_chains()[:1]
        found: list[OwnUse] = ["ChargingStation" for own in newest if own.chain.leaf.not_valid_after_utc < soon]
        if self._station.flag("ISO15118Ctrlr.V2GCertificateInstallationEnabled", True):
            ending = [own for own in store.v2g_chains() if own.chain.leaf.not_valid_after_utc < soon]
            found += ["V2G" for own in ending if own.path.stem == "V2G"]
            found += ["V2G20" for own in ending if own.path.stem == "V2G20"]
        return found

    # --- what the link goes by --------------------------------------------------------------------------------------

    async def load(self) -> None:
        if not await asyncio.to_thread(self._empty):
            await self._work(self._look)

    def _empty(self) -> bool:
        """Nothing to look at: `cryptography` need not be loaded for it."""
        given = self._given.roots or self._given.chain
        return not given and not self._folder.exists() and not self._pki.exists()

    def _look(self, store: "Store") -> None:
        self._take_over_given(store)
        now = self._now()
        roots = store.roots("CSMS")
        self._entries = len(store.roots("CSMS", "Manufacturer", "V2G", "MO", "OEM"))
        chains = store.station_chains()
        self._csms_root = any(root.certificate.not_valid_after_utc > now for root in roots)
        self._client_certificate = any(own.valid(now) for own in chains)
        usable = [own for own in chains if own.valid(now)]
        self._unproven = bool(usable) and not usable[0].proven
        self._choices = Choice(
            old_root=any(root.fallback for root in roots), old_certificate=self._unproven and len(usable) > 1
        )
        self._loaded = True

    def _take_over_given(self, store: "Store") -> None:
        from firmware.security.certificates import CertificateError, read  # noqa: PLC0415
        from firmware.security.store import Full, pem_of  # noqa: PLC0415

        try:
            for use, file in self._given.roots.items():
                if not store.roots(use):
                    for each in read(Path(file).read_bytes()):
                        store.install(use, pem_of(each), self._now())
            if self._given.chain and self._given.key and not store.station_chains():
                store.take_over(Path(self._given.chain), Path(self._given.key))
        except (OSError, CertificateError, Full) as error:
            log.error("a certificate that station.toml names cannot be taken over: %s", error)

    def _given_text(self, use: RootUse) -> str | None:
        """A root file as it is: one that holds what is no root (a pinned server certificate) still vouches."""
        try:
            return Path(self._given.roots[use]).read_text(encoding="ascii") if use in self._given.roots else None
        except (OSError, UnicodeError):
            return ""  # better no connection than one that anybody's CA may vouch for

    def entries(self) -> int:
        return self._entries

    def has_csms_root(self) -> bool:
        return self._csms_root

    def has_client_certificate(self) -> bool:
        return self._client_certificate

    def has_unproven_certificate(self) -> bool:
        return self._unproven

    def choices(self) -> Choice:
        return self._choices

    async def link_material(self, choice: Choice) -> LinkMaterial:
        return await self._work(lambda store: self._material(store, choice))

    def _material(self, store: "Store", choice: Choice) -> LinkMaterial:
        from firmware.security.store import pem_of  # noqa: PLC0415

        self._look(store)
        roots = store.roots("CSMS")
        wanted = [root for root in roots if root.fallback is choice.old_root] or roots
        own = self._own(store, choice)
        return LinkMaterial(
            roots="".join(pem_of(root.certificate) for root in wanted) or self._given_text("CSMS"),
            chain=str(own.path) if own is not None else "",
            key=str(own.key) if own is not None else "",
        )

    def _own(self, store: "Store", choice: Choice) -> "OwnChain | None":
        """The newest that is valid; the one before it while that is not proven (A02.FR.28). An expired one is better
        than none: whether it will do is the back office's to say (A00.FR.430)."""
        chains = store.station_chains()
        usable = [own for own in chains if own.valid(self._now())] or chains
        if choice.old_certificate:
            usable = [own for own in usable if own.proven] or usable
        return usable[0] if usable else None

    async def link_proven(self, choice: Choice, root: bytes, *, certificate_shown: bool) -> None:
        self._root_in_use = root
        if await self._work(lambda store: self._prove(store, choice, certificate_shown)):
            security_events.tell(
                self._station, "DiscardedRenewedClientCertificate", "no connection with it"
            )  # A02.FR.29

    def _prove(self, store: "Store", choice: Choice, certificate_shown: bool) -> bool:
        """True: a renewed certificate was given up."""
        if not choice.old_root:
            store.drop_fallback()
        own = self._own(store, choice) if certificate_shown else None
        given_up = own is not None and any(not each.proven for each in store.station_chains() if each.path != own.path)
        if own is not None:
            store.prove(own)
        self._look(store)
        return given_up

    # --- what the back office asks ----------------------------------------------------------------------------------

    async def install(self, use: RootUse, pem: str) -> Verdict:
        succession = use == "CSMS" and self._station.flag("SecurityCtrlr.AdditionalRootCertificateCheck", False)
        verdict = await self._work(lambda store: self._install(store, use, pem, succession))
        self._tell_change(verdict, f"{use} root certificate installed")
        return verdict

    def _install(self, store: "Store", use: RootUse, pem: str, succession: bool) -> Verdict:
        from firmware.security.certificates import CertificateError  # noqa: PLC0415
        from firmware.security.store import Full  # noqa: PLC0415

        try:
            store.install(use, pem, self._now(), succession=succession)
        except (CertificateError, Full) as error:
            return Verdict("Rejected", str(error))
        except OSError as error:
            return Verdict("Failed", error.strerror or str(error))
        self._look(store)
        return Verdict("Accepted")

    async def installed(self, uses: tuple[str, ...]) -> list[InstalledCertificate]:
        return await self._work(lambda store: store.installed(uses))

    async def delete(self, hash_data: HashData) -> Verdict:
        verdict = await self._work(lambda store: self._delete(store, hash_data))
        self._tell_change(verdict, f"certificate {hash_data.serial_number} deleted")
        return verdict

    def _delete(self, store: "Store", hash_data: HashData) -> Verdict:
        from firmware.security.certificates import CertificateError  # noqa: PLC0415

        try:
            store.delete(hash_data, self._root_in_use)
        except KeyError:
            return Verdict("NotFound", "no such certificate is installed")
        except CertificateError as error:
            return Verdict("Failed", str(error))
        except OSError as error:
            return Verdict("Failed", error.strerror or str(error))
        self._look(store)
        return Verdict("Accepted")

    def begin_renewal(self, use: OwnUse) -> bool:
        if self._station.signer is None or not self._subject_complete(use):
            return False
        self._renewal.begin(use)
        return True

    def _subject_complete(self, use: OwnUse) -> bool:
        return use != "ChargingStation" or bool(self._serial)

    async def signed(self, chain: str, use: OwnUse | None, request_id: int | None) -> Verdict:
        if request_id is not None and not self._renewal.knows(request_id):
            return Verdict("Rejected", f"there is no request {request_id}")  # 2.1 A02.FR.26
        limit = int(self._station.number("SecurityCtrlr.MaxCertificateChainSize", MAX_CHAIN_SIZE))
        if len(chain) > limit:
            return Verdict("Rejected", f"the chain has {len(chain)} characters, {limit} are allowed")  # A02.FR.16
        found, why = await self._work(lambda store: self._put_into_service(store, chain, use))
        if found is None:
            self._renewal.give_up(use)  # A02.FR.20
            security_events.tell(self._station, "InvalidChargingStationCertificate", why)
            return Verdict("Rejected", why)
        self._renewal.done(found)
        verdict = Verdict("Accepted")
        self._tell_change(verdict, f"{found} certificate renewed")
        return verdict

    def _put_into_service(self, store: "Store", pem: str, use: OwnUse | None) -> tuple[OwnUse | None, str]:
        """Which certificate it is, None and why not."""
        from firmware.security import certificates, requests  # noqa: PLC0415
        from firmware.security.store import key_belongs  # noqa: PLC0415

        try:
            found = certificates.read(pem)
            leaf = certificates.chain_of(found, ()).leaf
            match = [(kind, key) for kind, key in requests.waiting(self._folder) if key_belongs(key, leaf)]
            if not match or use not in (None, match[0][0], *(["V2G"] if match[0][0] == "V2G20" else [])):
                return None, "it belongs to no request of ours"
            kind, key = match[0]
            roots: tuple[RootUse, ...] = ("CSMS",) if kind == "ChargingStation" else ("V2G",)
            chain = certificates.chain_of(found, [root.certificate for root in store.roots(*roots)])
            if kind == "ChargingStation":
                certificates.check_station(
                    chain, self._now(), serial=self._serial, organisation=self._subject(kind).organisation
                )
                store.install_own("station", f"{self._now():%Y%m%dT%H%M%S%f}", chain, key)
            else:
                certificates.check_time(leaf, self._now())
                certificates.check_strength(leaf)
                if chain.root is None:
                    return None, f"{certificates.name_of(leaf)} was issued below no V2G root of ours"
                store.install_own("secc", kind, chain, key)
        except certificates.CertificateError as error:
            return None, str(error)
        except OSError as error:
            return None, error.strerror or str(error)
        self._look(store)
        return kind, ""

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _request(self, use: OwnUse) -> tuple[str, HashData | None]:
        """A new key's request (PEM), and for cars the root we would like above it."""
        return await self._work(lambda store: self._make_request(store, use))

    def _make_request(self, store: "Store", use: OwnUse) -> tuple[str, HashData | None]:
        from firmware.security import requests  # noqa: PLC0415
        from firmware.security.certificates import hash_data  # noqa: PLC0415

        pem = requests.make_request(self._folder, use, self._subject(use))
        root = next(iter(store.roots("V2G")), None) if use != "ChargingStation" else None
        return pem, hash_data(root.certificate, root.issuer) if root is not None else None

    def _subject(self, use: OwnUse) -> "Subject":
        from firmware.security.requests import Subject  # noqa: PLC0415

        station = self._station
        operator = station.variable("SecurityCtrlr.OrganizationName", "Pilotline")
        if use == "ChargingStation":
            return Subject(self._serial, operator)
        first = next(iter(station.evses.values())).settings.evse_id
        return Subject(
            station.variable("ISO15118Ctrlr.SeccId") or first,
            station.variable("ISO15118Ctrlr.OrganizationName") or operator,
            station.variable("ISO15118Ctrlr.CountryName") or first[:2],
        )

    @property
    def _serial(self) -> str:
        return self._station.settings.station.serial

    def _tell_change(self, verdict: Verdict, what: str) -> None:
        if verdict.status == "Accepted":
            security_events.tell(self._station, "ReconfigurationOfSecurityParameters", what)
            self.changed.notify()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._station.clock.utc(), UTC)

    async def _work(self, what: "Callable[[Store], T]") -> T:
        """One piece of work with the store, in a thread."""
        folder, pki = self._folder, self._pki

        def work() -> T:
            from firmware.security.store import Store  # noqa: PLC0415

            return what(Store(folder, pki))

        async with self._busy:
            return await asyncio.to_thread(work)
