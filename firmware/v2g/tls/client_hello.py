"""The ClientHello of a car, read before OpenSSL sees it: what it offers decides the profile and chain we answer with.

Own and bounded: it looks at the hello's own bytes only, copies nothing it does not need, and knows one error.
Sources: RFC 8446 section 4.1.2, RFC 6066 sections 6 and 8, RFC 6961, RFC 8446 section 4.2.4.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

RECORD_HEADER: Final = 5
HANDSHAKE_RECORD: Final = 22
CLIENT_HELLO: Final = 1
MAX_RECORD: Final = 16_384
MAX_HELLO: Final = 16_384  # cars' hellos have 200 to 2,000 bytes
MAX_RECORDS: Final = 64  # a hello in more pieces than that is an attack on patience


class Extension(IntEnum):
    """The extensions we look into."""

    SERVER_NAME = 0
    MAX_FRAGMENT_LENGTH = 1
    TRUSTED_CA_KEYS = 3
    STATUS_REQUEST = 5
    SUPPORTED_GROUPS = 10
    SIGNATURE_ALGORITHMS = 13
    STATUS_REQUEST_V2 = 17
    SUPPORTED_VERSIONS = 43
    CERTIFICATE_AUTHORITIES = 47


class TrustedCa(IntEnum):
    """IdentifierType of trusted_ca_keys (RFC 6066 section 6)."""

    PRE_AGREED = 0
    KEY_SHA1_HASH = 1
    X509_NAME = 2
    CERT_SHA1_HASH = 3


class ClientHelloError(ValueError):
    """No well-formed ClientHello; the text says what is wrong."""


@dataclass(frozen=True)
class ClientHello:
    """What a car offers. Numbers are those of the IANA TLS registries, in the car's order."""

    legacy_version: int
    suites: tuple[int, ...]
    versions: tuple[int, ...]  # of supported_versions; without it the one legacy version
    groups: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    trusted_ca_keys: tuple[tuple[TrustedCa, bytes], ...] = ()
    certificate_authorities: tuple[bytes, ...] = ()  # DER names
    status_request: bool = False
    status_request_v2: bool = False
    max_fragment_length: int | None = None
    extensions: tuple[int, ...] = ()


class _Cursor:
    """A view of bytes that gives what is there or complains."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, count: int, what: str) -> memoryview:
        if count > len(self._data):
            raise ClientHelloError(f"{what} ends early")
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def number(self, octets: int, what: str) -> int:
        return int.from_bytes(self.take(octets, what), "big")

    def vector(self, length_octets: int, what: str) -> "_Cursor":
        """A length and that many bytes."""
        return _Cursor(self.take(self.number(length_octets, what), what))

    def numbers(self, what: str) -> tuple[int, ...]:
        """All that is left as two-byte numbers."""
        if len(self._data) % 2:
            raise ClientHelloError(f"{what} has half a number")
        rest = self.rest()
        return tuple(rest[at] << 8 | rest[at + 1] for at in range(0, len(rest), 2))

    def rest(self) -> bytes:
        rest, self._data = bytes(self._data), self._data[:0]
        return rest

    def end(self, what: str) -> None:
        if self._data:
            raise ClientHelloError(f"{what} has {len(self._data)} bytes too many")


class HelloReader:
    """Collects the first records of a connection until they hold a ClientHello. What it was fed is in `raw`."""

    def __init__(self) -> None:
        self.raw = bytearray()
        self._at = 0  # start of the next record
        self._records = 0
        self._message = bytearray()

    def feed(self, data: bytes) -> ClientHello | None:
        """More bytes, in pieces of any size; the hello once it is complete. Raises ClientHelloError."""
        self.raw += data
        if len(self.raw) > MAX_HELLO + MAX_RECORDS * RECORD_HEADER + MAX_RECORD:
            raise ClientHelloError(f"no ClientHello in the first {len(self.raw)} bytes")
        while self._next_record():
            hello = self._complete()
            if hello is not None:
                return hello
        return None

    def _next_record(self) -> bool:
        """Add the next whole record to the message; False when it has not all come yet."""
        header = self.raw[self._at : self._at + RECORD_HEADER]
        if header and header[0] != HANDSHAKE_RECORD:
            raise ClientHelloError(f"a record of type {header[0]} where TLS begins with a handshake record (22)")
        if len(header) < RECORD_HEADER:
            return False
        if header[1] != 3:
            raise ClientHelloError(f"record version {header[1]}.{header[2]}")
        length = int.from_bytes(header[3:5], "big")
        if not 0 < length <= MAX_RECORD:
            raise ClientHelloError(f"a record of {length} bytes")
        end = self._at + RECORD_HEADER + length
        if len(self.raw) < end:
            return False
        self._records += 1
        if self._records > MAX_RECORDS:
            raise ClientHelloError(f"more than {MAX_RECORDS} records without a whole ClientHello")
        self._message += self.raw[self._at + RECORD_HEADER : end]
        self._at = end
        return True

    def _complete(self) -> ClientHello | None:
        if self._message[0] != CLIENT_HELLO:
            raise ClientHelloError(f"handshake message {self._message[0]} instead of ClientHello (1)")
        if len(self._message) < 4:
            return None
        length = int.from_bytes(self._message[1:4], "big")
        if length > MAX_HELLO:
            raise ClientHelloError(f"a ClientHello of {length} bytes")
        if len(self._message) < 4 + length:
            return None
        return parse(bytes(self._message[4 : 4 + length]))


def parse(body: bytes) -> ClientHello:
    """A ClientHello without record and handshake headers. Raises ClientHelloError."""
    cursor = _Cursor(memoryview(body))
    version = cursor.number(2, "version")
    cursor.take(32, "random")
    if len(cursor.vector(1, "session id").rest()) > 32:
        raise ClientHelloError("session id is longer than 32 bytes")
    suites = cursor.vector(2, "cipher suites").numbers("cipher suites")
    if not suites:
        raise ClientHelloError("no cipher suites")
    cursor.vector(1, "compression methods")
    found: dict[int, bytes] = {}
    if cursor:  # TLS 1.2 allows a hello without extensions
        extensions = cursor.vector(2, "extensions")
        while extensions:
            kind = extensions.number(2, "extension type")
            if kind in found:
                raise ClientHelloError(f"extension {kind} comes twice")
            found[kind] = extensions.vector(2, f"extension {kind}").rest()
    cursor.end("ClientHello")
    return ClientHello(
        legacy_version=version,
        suites=suites,
        versions=_numbers(found, Extension.SUPPORTED_VERSIONS, 1) or (version,),
        groups=_numbers(found, Extension.SUPPORTED_GROUPS, 2),
        signatures=_numbers(found, Extension.SIGNATURE_ALGORITHMS, 2),
        trusted_ca_keys=_trusted_ca_keys(found.get(Extension.TRUSTED_CA_KEYS)),
        certificate_authorities=_authorities(found.get(Extension.CERTIFICATE_AUTHORITIES)),
        status_request=Extension.STATUS_REQUEST in found,
        status_request_v2=Extension.STATUS_REQUEST_V2 in found,
        max_fragment_length=_fragment_length(found.get(Extension.MAX_FRAGMENT_LENGTH)),
        extensions=tuple(found),
    )


def _cursor(data: bytes, length_octets: int, what: str) -> _Cursor:
    """The contents of an extension that is one vector."""
    whole = _Cursor(memoryview(data))
    inner = whole.vector(length_octets, what)
    whole.end(what)
    return inner


def _numbers(found: dict[int, bytes], kind: Extension, length_octets: int) -> tuple[int, ...]:
    data = found.get(kind)
    name = kind.name.lower()
    return () if data is None else _cursor(data, length_octets, name).numbers(name)


def _trusted_ca_keys(data: bytes | None) -> tuple[tuple[TrustedCa, bytes], ...]:
    if data is None:
        return ()
    inner = _cursor(data, 2, "trusted_ca_keys")
    keys: list[tuple[TrustedCa, bytes]] = []
    while inner:
        number = inner.number(1, "trusted_ca_keys")
        try:
            kind = TrustedCa(number)
        except ValueError:
            raise ClientHelloError(f"trusted_ca_keys names a CA in way {number}") from None
        if kind is TrustedCa.X509_NAME:
            keys.append((kind, inner.vector(2, "trusted_ca_keys name").rest()))
        else:
            keys.append((kind, bytes(inner.take(0 if kind is TrustedCa.PRE_AGREED else 20, "trusted_ca_keys hash"))))
    return tuple(keys)


def _authorities(data: bytes | None) -> tuple[bytes, ...]:
    if data is None:
        return ()
    inner, names = _cursor(data, 2, "certificate_authorities"), []
    while inner:
        names.append(inner.vector(2, "certificate_authorities name").rest())
    return tuple(names)


def _fragment_length(data: bytes | None) -> int | None:
    """In bytes (RFC 6066 section 4)."""
    if data is None:
        return None
    if len(data) != 1 or not 1 <= data[0] <= 4:
        raise ClientHelloError("max_fragment_length is none of the four there are")
    return 256 << data[0]
