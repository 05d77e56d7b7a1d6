"""TLS of one connection without a socket: fed what the car sent, gives plain text; given plain text, what to send.

Waits for the whole ClientHello, chooses (see `choice`), then hands everything to OpenSSL. Time limits and the closing
of the socket are `server`'s. Beware: what OpenSSL wants to say last (an alert) is in `take()` also after TlsFailed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA512
from OpenSSL import SSL

from firmware.v2g.pki.certificates import common_name, domain
from firmware.v2g.tls.choice import Alert, Choice, Profile, Refused, choose, suites_text, versions_text
from firmware.v2g.tls.client_hello import ClientHello, ClientHelloError, HelloReader
from firmware.v2g.tls.contexts import Contexts, not_a_vehicle
from firmware.v2g.wire import WireFailed

MAX_HANDSHAKE: Final = 65_536  # bytes a car may send before it is through: its chain has at most some 8,000
CHUNK: Final = 16_384
_ALERTS: Final = {
    Alert.HANDSHAKE_FAILURE: 40,
    Alert.DECODE_ERROR: 50,
    Alert.PROTOCOL_VERSION: 70,
    Alert.INTERNAL_ERROR: 80,
}


class TlsFailed(WireFailed):
    """There is no TLS with this car, or no more; the text says why, for people."""


@dataclass(frozen=True)
class Vehicle:
    """A vehicle certificate that we trust. `evccid` is its common name [V2G20-2331]."""

    evccid: str
    issuer: str
    digest: bytes  # SHA-512 of the leaf: what a resumed session is bound to [V2G20-2545]


@dataclass(frozen=True)
class Secured:
    """What was agreed with the car."""

    profile: Profile
    version: str
    suite: str
    chain: str  # which of our chains, by name
    root_known: bool
    stapled: bool
    vehicle: Vehicle | None

    @property
    def mutual(self) -> bool:
        """Did both sides show a certificate that the other trusts, as ISO 15118-20 wants it?"""
        return self.profile is Profile.ISO20 and self.vehicle is not None


class TlsChannel:
    """One car. `hello` and `choice` are there as soon as they are known, `secured` after the handshake."""

    def __init__(self, contexts: Contexts, utc: Callable[[], float], *, conformance: bool, tls13: bool = True) -> None:
        self.hello: ClientHello | None = None
        self.choice: Choice | None = None
        self.secured: Secured | None = None
        self.peer_closed = False  # the car said close_notify
        self._contexts = contexts
        self._utc = utc
        self._conformance = conformance
        self._tls13 = tls13
        self._reader = HelloReader()
        self._connection: SSL.Connection | None = None
        self._received = 0
        self._own = bytearray()  # alerts that OpenSSL does not send for us
        self._closed = False

    @property
    def offered(self) -> str:
        """What the car offered, for people; "" before its hello is known."""
        return "" if self.hello is None else f"{versions_text(self.hello)}: {suites_text(self.hello)}"

    def receive(self, data: bytes) -> bytes:
        """What the car sent -> plain text, as far as there is any. Raises TlsFailed."""
        if self._closed:
            return b""
        if self._connection is None:
            self._connection = self._begin(data)
            if self._connection is None:
                return b""
            data = bytes(self._reader.raw)
        if self.secured is None:
            self._received += len(data)
            if self._received > MAX_HANDSHAKE:
                raise TlsFailed(f"no handshake within {self._received} bytes")
        if data:
            self._connection.bio_write(data)
        if self.secured is None and not self._shake_hands(self._connection):
            return b""
        return self._read(self._connection)

    def send(self, plain: bytes) -> None:
        """Encrypt what is to be sent; `take()` has it. Raises TlsFailed."""
        if self._connection is None or self._closed or not plain:
            return
        try:
            for at in range(0, len(plain), CHUNK):
                self._connection.send(plain[at : at + CHUNK])
        except SSL.Error as error:
            raise TlsFailed(_text(error)) from error

    def take(self) -> bytes:
        """The bytes that are to go to the car now."""
        out, self._own = bytes(self._own), bytearray()
        if self._connection is None:
            return out
        parts = [out]
        while True:
            try:
                parts.append(self._connection.bio_read(CHUNK))
            except SSL.WantReadError:
                return b"".join(parts)

    def close(self) -> None:
        """Our last word: close_notify, in `take()`."""
        if self._connection is None or self._closed:
            return
        self._closed = True
        if self.secured is not None:
            try:
                self._connection.shutdown()
            except SSL.Error:  # nothing can be said any more; the socket closes anyway
                return

    # --- inside -----------------------------------------------------------------------------------------------------

    def _begin(self, data: bytes) -> SSL.Connection | None:
        """The OpenSSL side once the hello is whole and a choice is made. Raises TlsFailed."""
        try:
            self.hello = self._reader.feed(data)
            if self.hello is None:
                return None
            now = datetime.fromtimestamp(self._utc(), UTC)
            chains = self._contexts.installed.chains
            self.choice = choose(self.hello, chains, now, conformance=self._conformance, tls13=self._tls13)
        except ClientHelloError as error:
            self._alert(Alert.DECODE_ERROR)
            raise TlsFailed(f"no ClientHello: {error}") from error
        except Refused as refusal:
            self._alert(refusal.alert)
            raise TlsFailed(refusal.reason) from refusal
        return self._contexts.connection(self.choice.profile, self.choice.chain)

    def _alert(self, alert: Alert) -> None:
        """A fatal alert in the clear (RFC 8446 section 6)."""
        self._own += bytes((21, 3, 3, 0, 2, 2, _ALERTS[alert]))
        self._closed = True

    def _shake_hands(self, connection: SSL.Connection) -> bool:
        """One step of the handshake; True when it is done."""
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            refused = (connection.get_app_data() or {}).get("refused")
            raise TlsFailed(refused or _text(error)) from error
        self.secured = self._agreed(connection)
        return True

    def _agreed(self, connection: SSL.Connection) -> Secured:
        if self.choice is None:
            raise TlsFailed("a handshake without a choice")
        leaf = connection.get_peer_certificate(as_cryptography=True)
        return Secured(
            profile=self.choice.profile,
            version=connection.get_protocol_version_name(),
            suite=connection.get_cipher_name() or "",
            chain=self.choice.chain.name,
            root_known=self.choice.root_known,
            stapled=bool((connection.get_app_data() or {}).get("stapled")),
            vehicle=None if leaf is None else self._vehicle(leaf),
        )

    def _vehicle(self, leaf: x509.Certificate) -> Vehicle:
        if why := not_a_vehicle(leaf, domain(leaf), conformance=self._conformance):
            self.close()
            raise TlsFailed(f"vehicle certificate {common_name(leaf)!r}: {why}")
        return Vehicle(common_name(leaf), leaf.issuer.rfc4514_string(), leaf.fingerprint(SHA512()))

    def _read(self, connection: SSL.Connection) -> bytes:
        parts = []
        while True:
            try:
                parts.append(connection.recv(CHUNK))
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self.peer_closed = True
                break
            except SSL.Error as error:
                raise TlsFailed(_text(error)) from error
        return b"".join(parts)


def _text(error: SSL.Error) -> str:
    """OpenSSL's reasons, for people."""
    reasons = [entry[2] for entry in (error.args[0] if error.args and isinstance(error.args[0], list) else [])]
    told = [reason for reason in reasons if "alert " in reason]
    if told:
        what = told[0].split("alert ", 1)[1]
        hint = ": it does not know the root of our chain" if what == "unknown ca" else ""
        return f"the car refused: {what}{hint}"
    return f"TLS: {', '.join(reasons) or type(error).__name__}"
