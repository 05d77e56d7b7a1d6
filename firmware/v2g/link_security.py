"""TLS of one car link: which wire a car that connects gets, by settings and by the certificates that are installed.

TLS itself is `tls/`'s, the folder of certificates `pki/`'s; both are loaded only where they are asked for.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from firmware.config import V2gSettings
from firmware.station.certificate_status import StatusSource
from firmware.station.clock import Clock
from firmware.v2g.car_facts import CarFacts
from firmware.v2g.recording.tap import Tap
from firmware.v2g.wire import Plain, Secure, Wire

if TYPE_CHECKING:
    from cryptography import x509

    from firmware.v2g.tls.service import TlsService

log = logging.getLogger(__name__)

CERTIFICATE_CHECK_S: Final = 5.0  # certificates may be replaced at any time
STAPLES_AGAIN_S: Final = 300.0  # between two looks for OCSP responses that are missing or due
FINDINGS_AGAIN_S: Final = 86_400.0  # what is wrong with them is told again every day


class Desk(Protocol):
    """What is needed of the station."""

    @property
    def clock(self) -> Clock: ...
    @property
    def certificate_status(self) -> StatusSource | None: ...


class LinkSecurity:
    """`start()` once, then `look()` every second; `close()` at the end."""

    def __init__(self, settings: V2gSettings, desk: Desk, facts: CarFacts) -> None:
        self._settings = settings
        self._desk = desk
        self._facts = facts
        self._tls: TlsService | None = None  # None = nothing but plain TCP
        self._seen = self._told = self._asked = float("-inf")
        self._renewing: asyncio.Task[None] | None = None
        if settings.tls != "prohibit":  # 100 ms on a desktop: now, before READY, not on a turning loop
            from firmware.v2g.tls import service  # noqa: F401, PLC0415

    def start(self, tap: Tap) -> None:
        """The PKI folder as TLS; with the key log where a service technician asked for it."""
        if self._settings.tls == "prohibit":
            return
        from firmware.v2g.tls.service import TlsService  # noqa: PLC0415

        key_log = self._key_log(tap)
        folder, conformance = Path(self._settings.pki), self._settings.conformance
        self._tls = TlsService(
            folder, self._desk.clock.utc, self._facts.found, conformance=conformance, key_log=key_log
        )

    def _key_log(self, tap: Tap) -> Callable[[bytes], None] | None:
        if self._settings.tls_key_log is None:
            return None
        from firmware.v2g.tls.key_log import KeyLogFile  # noqa: PLC0415

        file = KeyLogFile(Path(self._settings.tls_key_log))

        def add(line: bytes) -> None:
            file.add(line)
            tap.secret(line)

        self._facts.secrets_are_written(self._settings.tls_key_log)
        return add

    @property
    def serves_tls(self) -> bool:
        return self._tls is not None and not self._tls.why_not

    @property
    def serves_plain(self) -> bool:
        return self._settings.tls != "force"

    @property
    def nobody_because(self) -> str:
        """Why nobody can be served although the interface is there: TLS only, and no certificates for it."""
        return self._tls.why_not if self._tls is not None and not self.serves_plain else ""

    def wire(self) -> Wire:
        """Plain TCP; or TLS, and plain TCP as well unless the policy forbids it."""
        if self._tls is None or self._tls.why_not:
            return Plain()
        return Secure(self._tls.channel, plain_too=self.serves_plain)

    def contract_roots(self) -> "tuple[x509.Certificate, ...]":
        """Those that may have issued contracts; none without certificates."""
        return () if self._tls is None else self._tls.roots(*self._settings.contract_roots)

    async def look(self) -> None:
        """Take what is new in the PKI folder; cars that are connected keep what they began with."""
        now = asyncio.get_running_loop().time()
        if self._tls is None or now - self._seen < CERTIFICATE_CHECK_S:
            return
        self._seen = now
        if now - self._told >= FINDINGS_AGAIN_S:
            self._tls.forget()
            self._told = now
        changed = await self._tls.look()
        source = self._desk.certificate_status
        idle = self._renewing is None or self._renewing.done()
        if source is not None and idle and (changed or now - self._asked >= STAPLES_AGAIN_S):
            self._asked = now
            self._renewing = asyncio.ensure_future(self._tls.renew_staples(source.get_certificate_status))
            self._renewing.add_done_callback(_tell_failure)

    def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()


def _tell_failure(task: "asyncio.Task[None]") -> None:
    """An error of whoever was asked costs the response, not the link."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("OCSP responses could not be renewed", exc_info=error)
