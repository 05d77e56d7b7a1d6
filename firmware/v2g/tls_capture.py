"""TLS records of a capture made readable with a key log (SSLKEYLOGFILE, as `SSLContext.keylog_filename` writes it).

TLS 1.2 and 1.3, with the cipher suites that ISO 15118-2 and -20 name and those that stacks use beside them. For looking
at recordings only: nothing is verified except what decryption itself verifies.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

_CHANGE_CIPHER_SPEC, _HANDSHAKE, _APPLICATION_DATA = 20, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _FINISHED, _KEY_UPDATE = 1, 2, 20, 24
_EXTENSION_ENCRYPT_THEN_MAC, _EXTENSION_SUPPORTED_VERSIONS = 22, 43
_TLS_1_3: Final = 0x0304
_LONGEST_RECORD: Final = 16384 + 2048


class TlsError(ValueError):
    """Records that cannot be read: no keys for them in the log, an unknown suite, or no TLS at all."""


class Suite(NamedTuple):
    hash_name: str
    cipher: str  # "gcm", "chacha" or "cbc"
    key_length: int
    mac: str = ""  # hash of the HMAC of a CBC suite


SUITES: Final = {
    0x1301: Suite("sha256", "gcm", 16),
    0x1302: Suite("sha384", "gcm", 32),
    0x1303: Suite("sha256", "chacha", 32),
    0xC023: Suite("sha256", "cbc", 16, "sha256"),  # the two of ISO 15118-2
    0xC025: Suite("sha256", "cbc", 16, "sha256"),
    0xC02B: Suite("sha256", "gcm", 16),
    0xC02C: Suite("sha384", "gcm", 32),
    0xCCA9: Suite("sha256", "chacha", 32),
}

KeyLog = dict[tuple[str, bytes], bytes]  # (label, client random) -> secret


def read_key_log(text: str) -> KeyLog:
    """The secrets of a key log; other lines are passed over."""
    keys: KeyLog = {}
    for line in text.splitlines():
        parts = line.split()
        if len(parts) == 3 and not line.startswith("#"):
            try:
                keys[parts[0], bytes.fromhex(parts[1])] = bytes.fromhex(parts[2])
            except ValueError:
                continue
    return keys


class TlsReader:
    """Both directions of one connection: fed bytes as they went by, asked for what was said inside."""

    def __init__(self, keys: KeyLog) -> None:
        self._keys = keys
        self._held = {True: b"", False: b""}  # by "from the client"
        self._messages = {True: b"", False: b""}  # handshake messages that span records
        self._protection: dict[bool, _Protection | None] = {True: None, False: None}
        self._client_random = self._server_random = b""
        self._suite: Suite | None = None
        self._version = 0
        self._encrypt_then_mac = False

    def feed(self, from_client: bool, data: bytes) -> bytes:
        """The application data that `data` completes; TlsError where it cannot be read."""
        plain = b""
        for kind, record in self._records(from_client, data):
            plain += self._record(from_client, kind, record)
        return plain

    def _records(self, from_client: bool, data: bytes) -> Iterator[tuple[int, bytes]]:
        held = self._held[from_client] + data
        while len(held) >= 5:
            length = int.from_bytes(held[3:5], "big")
            if held[1] != 3 or length > _LONGEST_RECORD:
                raise TlsError("no TLS records")
            if len(held) < 5 + length:
                break
            record, held = held[: 5 + length], held[5 + length :]
            yield record[0], record
        self._held[from_client] = held

    def _record(self, from_client: bool, kind: int, record: bytes) -> bytes:
        if kind == _CHANGE_CIPHER_SPEC:
            if self._version != _TLS_1_3:
                self._protection[from_client] = self._protect_1_2(from_client)
            return b""
        protection = self._protection[from_client]
        kind, plain = (kind, record[5:]) if protection is None else protection.open(record)
        if kind == _HANDSHAKE:
            self._handshake(from_client, plain)
        return plain if kind == _APPLICATION_DATA else b""

    # -- handshake ----------------------------------------------------------------------------------------

    def _handshake(self, from_client: bool, data: bytes) -> None:
        held = self._messages[from_client] + data
        while len(held) >= 4:
            length = int.from_bytes(held[1:4], "big")
            if len(held) < 4 + length:
                break
            kind, body, held = held[0], held[4 : 4 + length], held[4 + length :]
            if kind == _CLIENT_HELLO:
                self._client_random = body[2:34]
            elif kind == _SERVER_HELLO:
                self._server_hello(body)
            elif kind == _FINISHED and self._version == _TLS_1_3:
                self._protection[from_client] = self._protect_1_3(from_client, "TRAFFIC_SECRET_0")
            elif kind == _KEY_UPDATE and self._version == _TLS_1_3:
                raise TlsError("keys changed in the middle of the session, which a key log does not follow")
        self._messages[from_client] = held

    def _server_hello(self, body: bytes) -> None:
        self._server_random = body[2:34]
        at = 35 + body[34]
        number = int.from_bytes(body[at : at + 2], "big")
        if number not in SUITES:
            raise TlsError(f"cipher suite {number:#06x} is not known here")
        self._suite = SUITES[number]
        self._version = 0x0303
        at += 5
        while at + 4 <= len(body):
            kind, length = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
            if kind == _EXTENSION_ENCRYPT_THEN_MAC:
                self._encrypt_then_mac = True
            elif kind == _EXTENSION_SUPPORTED_VERSIONS:
                self._version = int.from_bytes(body[at + 4 : at + 6], "big")
            at += 4 + length
        if self._version == _TLS_1_3:
            for client in (True, False):
                self._protection[client] = self._protect_1_3(client, "HANDSHAKE_TRAFFIC_SECRET")

    # -- keys ---------------------------------------------------------------------------------------------

    def _secret(self, label: str) -> bytes:
        try:
            return self._keys[label, self._client_random]
        except KeyError:
            raise TlsError(f"the key log has no {label} of this connection") from None

    def _protect_1_3(self, from_client: bool, label: str) -> _Protection:
        suite = self._known_suite()
        secret = self._secret(f"{'CLIENT' if from_client else 'SERVER'}_{label}")
        key = _expand_label(suite.hash_name, secret, b"key", suite.key_length)
        return _Protection(suite, key, _expand_label(suite.hash_name, secret, b"iv", 12), _TLS_1_3)

    def _protect_1_2(self, from_client: bool) -> _Protection:
        suite = self._known_suite()
        mac = hashlib.new(suite.mac).digest_size if suite.mac else 0
        iv = {"gcm": 4, "chacha": 12, "cbc": 0}[suite.cipher]
        seed = b"key expansion" + self._server_random + self._client_random
        block = _prf(suite.hash_name, self._secret("CLIENT_RANDOM"), seed, 2 * (mac + suite.key_length + iv))
        side = 0 if from_client else 1
        key_at = 2 * mac + side * suite.key_length
        iv_at = 2 * (mac + suite.key_length) + side * iv
        return _Protection(
            suite,
            block[key_at : key_at + suite.key_length],
            block[iv_at : iv_at + iv],
            0x0303,
            mac_length=mac,
            encrypt_then_mac=self._encrypt_then_mac,
        )

    def _known_suite(self) -> Suite:
        if self._suite is None:
            raise TlsError("the capture does not show the start of this TLS connection")
        return self._suite


class _Protection:
    """Takes the protection off the records of one direction."""

    def __init__(
        self, suite: Suite, key: bytes, iv: bytes, version: int, *, mac_length: int = 0, encrypt_then_mac: bool = False
    ) -> None:
        self._suite, self._key, self._iv, self._version = suite, key, iv, version
        self._mac_length, self._encrypt_then_mac = mac_length, encrypt_then_mac
        self._sequence = 0

    def open(self, record: bytes) -> tuple[int, bytes]:
        """(content type, content) of a protected record."""
        try:
            opened = self._cbc(record) if self._suite.cipher == "cbc" else self._aead(record)
        except (InvalidTag, ValueError, IndexError):
            raise TlsError("a record that its keys do not open") from None
        self._sequence += 1
        return opened

    def _aead(self, record: bytes) -> tuple[int, bytes]:
        cipher = AESGCM(self._key) if self._suite.cipher == "gcm" else ChaCha20Poly1305(self._key)
        number = self._sequence.to_bytes(8, "big")
        body = record[5:]
        if self._version == _TLS_1_3:
            plain = cipher.decrypt(_xor(self._iv, number), body, record[:5]).rstrip(b"\0")
            return plain[-1], plain[:-1]
        if self._suite.cipher == "gcm":
            nonce, body = self._iv + body[:8], body[8:]
        else:
            nonce = _xor(self._iv, number)
        about = number + record[:3] + (len(body) - 16).to_bytes(2, "big")
        return record[0], cipher.decrypt(nonce, body, about)

    def _cbc(self, record: bytes) -> tuple[int, bytes]:
        body = record[5:]
        if self._encrypt_then_mac:
            body = body[: -self._mac_length]
        opener = Cipher(algorithms.AES(self._key), modes.CBC(body[:16])).decryptor()
        plain = opener.update(body[16:]) + opener.finalize()
        plain = plain[: -1 - plain[-1]]  # the padding and its length
        return record[0], plain if self._encrypt_then_mac else plain[: -self._mac_length]


def _xor(iv: bytes, number: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(iv, number.rjust(len(iv), b"\0"), strict=True))


def _prf(hash_name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    """P_hash of RFC 5246 section 5."""
    made, link = b"", seed
    while len(made) < length:
        link = hmac.digest(secret, link, hash_name)
        made += hmac.digest(secret, link + seed, hash_name)
    return made[:length]


def _expand_label(hash_name: str, secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1, with an empty context."""
    label = b"tls13 " + label
    about = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    made, block, count = b"", b"", 1
    while len(made) < length:
        block = hmac.digest(secret, block + about + bytes([count]), hash_name)
        made, count = made + block, count + 1
    return made[:length]
