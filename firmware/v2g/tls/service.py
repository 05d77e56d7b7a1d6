"""TLS of one car link: the PKI folder as contexts, made anew when the folder changes, and a channel for each car.

Cars that are connected keep the context they began with. What is wrong with the folder is told once per change.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL

from firmware.v2g.pki.staples import Fetch, Staples, queries_for
from firmware.v2g.pki.store import Finding, Installed, RootKind, load, state_of
from firmware.v2g.tls.channel import TlsChannel
from firmware.v2g.tls.contexts import Contexts, KeyLog

log = logging.getLogger(__name__)


class TlsService:
    """`why_not` is "" while cars can be served; `found` is told the findings of each (re)load."""

    def __init__(
        self,
        folder: Path,
        utc: Callable[[], float],
        found: Callable[[tuple[Finding, ...]], None],
        *,
        conformance: bool = False,
        key_log: KeyLog | None = None,
    ) -> None:
        self.why_not = "certificates are not loaded yet"
        self._folder = folder
        self._utc = utc
        self._found = found
        self._conformance = conformance
        self._key_log = key_log
        self._staples = Staples(folder)
        self._contexts: Contexts | None = None
        self._state: tuple[tuple[str, int, int], ...] | None = None

    def channel(self) -> TlsChannel:
        """For one connection. Only while `why_not` is ""."""
        if self._contexts is None:
            raise ValueError(self.why_not)
        return TlsChannel(self._contexts, self._utc, conformance=self._conformance)

    def roots(self, *kinds: RootKind) -> tuple[x509.Certificate, ...]:
        """The roots of these kinds that are installed."""
        if self._contexts is None:
            return ()
        return tuple(root for kind in kinds for root in self._contexts.installed.roots.get(kind, ()))

    async def look(self) -> bool:
        """Load when the folder has changed; True when it had. The work is a thread's."""
        state = await asyncio.to_thread(state_of, self._folder)
        if state == self._state:
            return False
        self._state = state
        await self._load()
        return True

    def forget(self) -> None:
        """The next look loads, and tells what is wrong, as if all were new."""
        self._state = None

    async def renew_staples(self, fetch: Fetch) -> None:
        """Ask for the OCSP responses that are missing or due, of leaves and sub CAs (OCPP 2.0.1 M06.FR.06, FR.07,
        FR.10); call it every few minutes."""
        if self._contexts is None:
            return
        chains = self._contexts.installed.chains
        asked = {query.request: query for each in chains for query in queries_for(each.chain, each.root)}
        if wrong := await self._staples.renew(list(asked.values()), fetch, self._now()):
            self._found(tuple(wrong))

    async def _load(self) -> None:
        installed, contexts, failure = await asyncio.to_thread(self._made)
        findings = installed.findings
        if contexts is not None and contexts.lacking:
            text = f"this process may not make callbacks (MemoryDenyWriteExecute): no {', no '.join(contexts.lacking)}"
            findings = (*findings, Finding("warning", "tls", text, "MemoryDenyWriteExecute=no in the unit"))
        if contexts is not None:
            self._contexts = contexts
            self.why_not = ""
            log.info("TLS: chains %s from %s", ", ".join(each.name for each in installed.chains), self._folder)
        elif self._contexts is None:
            self.why_not = failure
        else:
            findings = (*findings, Finding("fault", "tls", f"the old certificates stay in use: {failure}"))
        self._found(findings)

    def _made(self) -> tuple[Installed, Contexts | None, str]:
        """In a thread."""
        installed = load(self._folder, self._now())
        if not installed.chains:
            return installed, None, f"no usable certificate chain in {self._folder} (`pilotline pki show` says why)"
        staples = Staples(self._folder)
        staples.load(each for chain in installed.chains for each in chain.chain.certificates)
        try:
            contexts = Contexts(installed, staples, self._utc, conformance=self._conformance, key_log=self._key_log)
        except SSL.Error as error:
            return installed, None, f"OpenSSL does not take the certificates: {error}"
        self._staples = staples
        return installed, contexts, ""

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._utc(), UTC)
