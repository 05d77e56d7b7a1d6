"""Opens the connection to the back office: asks `routes` what to try, dials, tells what went wrong as security events.

Also what makes us dial anew: a password, a security profile or a certificate that is to be used from now on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from firmware.config import OcppSettings
from firmware.ocpp import quirks
from firmware.ocpp.link import Link, LinkError, dial, is_private
from firmware.ocpp.network_profiles import Profiles, Secret
from firmware.ocpp.routes import Attempt, Routes, Trouble
from firmware.station import security_events
from firmware.station.certificates import LinkMaterial
from firmware.station.station import Station

log = logging.getLogger(__name__)

BEFORE_REDIAL_S: Final = 0.5  # the answer to whoever asked goes out first
EVENTS: Final[dict[Trouble, str]] = {
    "password": "FailedToAuthenticateAtCsms",
    "client_certificate": "FailedToAuthenticateAtCsms",
    "server_certificate": "InvalidCsmsCertificate",
    "tls_version": "InvalidTLSVersion",
    "tls_suite": "InvalidTLSCipherSuite",
}


class Uplink:
    """`begin()` at every start, then `open()` for every connection."""

    def __init__(self, station: Station, settings: OcppSettings) -> None:
        self._station = station
        self._settings = settings
        self.profiles = Profiles(station, settings)
        self.routes = Routes(station, self.profiles)
        self.at_once = False  # the next attempt need not wait
        self.moved = False  # the present connection is by another profile than the one before (B10.FR.10)
        self._told: set[str] = set()  # an event is told once for repeated failures (A00.FR.316, note)
        self._link: Link | None = None
        self._closing: asyncio.Task[None] | None = None
        self._watched: object | None = None

    async def begin(self) -> None:
        certificates = self._station.certificates
        if certificates is not None:
            await certificates.load()
            if self._watched is not certificates:
                self._watched = certificates
                certificates.changed.subscribe(self._certificates_changed)
        self.routes.begin()

    @property
    def url(self) -> str:
        return self.routes.next().profile.url

    async def open(self, subprotocols: Sequence[str]) -> Link:
        """One attempt. Raises LinkError."""
        self.at_once = False
        attempt = self.routes.next()
        try:
            await self._keep_private(attempt.profile.url)
            link = await dial(
                attempt.profile.url,
                self.profiles.identity(attempt.profile),
                subprotocols,
                attempt.secret.data if attempt.basic and attempt.secret is not None else None,
                await self._material(attempt) if attempt.profile.url.startswith("wss:") else None,
            )
        except LinkError as error:
            self._tell(error)
            self.at_once = self.routes.failed(attempt, error.trouble)
            raise
        await self._stands(attempt, link)
        return link

    async def _keep_private(self, url: str) -> None:
        """Some back offices know no encryption; then nothing is said outside of the house's network."""
        if url.startswith("ws:") and quirks.only_private(self._settings):
            host = urlsplit(url).hostname or ""
            if not await asyncio.to_thread(is_private, host):
                who = ", ".join(self._settings.quirks)
                raise LinkError(f"{host} is on the internet: without TLS ({who}) only addresses of private networks")

    async def _material(self, attempt: Attempt) -> LinkMaterial:
        certificates = self._station.certificates
        if certificates is not None:
            found = await certificates.link_material(attempt.choice)
        else:
            found = await asyncio.to_thread(self._from_file)
        return found if attempt.profile.security_profile >= 3 else LinkMaterial(found.roots)

    def _from_file(self) -> LinkMaterial:
        settings = self._settings
        try:
            roots = Path(settings.ca_file).read_text(encoding="ascii") if settings.ca_file is not None else None
        except (OSError, UnicodeError) as error:
            raise LinkError(f"{settings.ca_file}: {error}") from None
        return LinkMaterial(roots, settings.client_certificate or "", settings.client_key or "")

    async def _stands(self, attempt: Attempt, link: Link) -> None:
        self._told.clear()
        self._link = link
        self.moved = attempt.profile.slot != self.profiles.active
        level = self.profiles.level
        if attempt.profile.message_timeout_s:  # the profile says it (B09)
            timeout = str(attempt.profile.message_timeout_s)
            self._station.set_variable("OCPPCommCtrlr.MessageTimeout[Default]", timeout)
        if self.routes.connected(attempt):
            log.error("the new password was refused, the old one is used again")
            security_events.tell(self._station, "ReconfigurationOfSecurityParameters", "new password given up")
        if self.profiles.level != level:
            told = f"security profile {self.profiles.level}"
            security_events.tell(self._station, "ReconfigurationOfSecurityParameters", told)
        certificates = self._station.certificates
        if certificates is not None and link.root:
            shown = attempt.profile.security_profile >= 3
            await certificates.link_proven(attempt.choice, link.root, certificate_shown=shown)

    def _tell(self, error: LinkError) -> None:
        kind = EVENTS.get(error.trouble)
        if kind is not None and kind not in self._told:
            self._told.add(kind)
            security_events.tell(self._station, kind, str(error))

    # --- dialling anew ----------------------------------------------------------------------------------------------

    def set_password(self, secret: Secret) -> None:
        """A01: use it from the next connection on, which is made now."""
        self.profiles.set_all_secrets(secret)
        security_events.tell(self._station, "ReconfigurationOfSecurityParameters", "password for the back office")
        active = self.profiles.get(self.profiles.active)
        if active is not None and active.security_profile in {1, 2}:
            self.redial()

    def raise_profile(self, level: int) -> str:
        """1.6 A05: a higher security profile, now. Why not, or ""."""
        before = self.profiles.level
        why = self.routes.raise_to(level)
        if not why and level != before:
            self.redial()
        return why

    def redial(self) -> None:
        """Close the present connection soon, and open the next without waiting."""
        if self._link is not None and (self._closing is None or self._closing.done()):
            self._closing = asyncio.create_task(self._close(self._link), name="redial")

    async def _close(self, link: Link) -> None:
        await asyncio.sleep(BEFORE_REDIAL_S)
        self.at_once = True
        with contextlib.suppress(LinkError):
            await link.close()

    def lost(self) -> None:
        """The connection is over."""
        self._link = None

    def _certificates_changed(self) -> None:
        """A02.FR.08: a renewed certificate is used at once."""
        active = self.profiles.get(self.profiles.active)
        certificates = self._station.certificates
        renewed = certificates is not None and certificates.has_unproven_certificate()
        if active is not None and active.security_profile == 3 and renewed:
            self.redial()
