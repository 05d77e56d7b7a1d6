"""HTTP with JSON to a meter on the station's own network: one request, one deadline, a bounded answer.

Plain HTTP, or TLS with the one certificate the board file names by its SHA-256: such meters sign their own.
"""

import hashlib
import http.client
import io
import json
import socket
import time
from typing import Any, Final

from hal.contracts import DeviceError

MAX_BYTES: Final = 65_536


class _Timed(io.RawIOBase):
    """The receiving side of a socket that ends at a deadline, however slowly the bytes drip."""

    def __init__(self, end: socket.socket, until: float) -> None:
        self._end = end
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        self._end.settimeout(left)
        return self._end.recv_into(buffer)


class _Answer(http.client.HTTPResponse):
    def limit(self, end: socket.socket, until: float) -> None:
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(end, until))


class JsonDevice:
    """`host` is `address[:port]`; `fingerprint` of the certificate in hex turns TLS on."""

    def __init__(self, name: str, host: str, timeout_s: float, fingerprint: str = "") -> None:
        self._name = f"{name} at {host}"
        address, colon, port = host.rpartition(":")
        self._address = (address if colon else host).strip("[]")
        self._port = int(port) if colon else (443 if fingerprint else 80)
        self._timeout_s = timeout_s
        self._fingerprint = fingerprint.replace(":", "").lower()

    def ask(self, method: str, path: str, body: object = None, *, fine: tuple[int, ...] = (200, 201)) -> Any:
        """What the JSON of the answer says. Raises DeviceError."""
        text = self.text(method, path, body, fine=fine)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DeviceError(f"{self._name}: {path} answers no JSON: {text[:40]!r}") from error

    def text(self, method: str, path: str, body: object = None, *, fine: tuple[int, ...] = (200, 201)) -> str:
        """The answer as it is. Raises DeviceError."""
        until = time.monotonic() + self._timeout_s
        try:
            status, raw = self._exchange(method, path, None if body is None else json.dumps(body), until)
        except TimeoutError as error:
            raise DeviceError(f"{self._name}: {path}: no answer within {self._timeout_s:g} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeviceError(f"{self._name}: {path}: {str(error) or type(error).__name__}") from error
        if len(raw) > MAX_BYTES:
            raise DeviceError(f"{self._name}: {path} answers more than {MAX_BYTES} bytes")
        if status not in fine:
            raise DeviceError(f"{self._name}: {method} {path} answered {status} {raw[:60]!r}")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DeviceError(f"{self._name}: {path} answers no text") from error

    def _exchange(self, method: str, path: str, body: str | None, until: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._address, self._port, timeout=self._timeout_s)
        try:
            connection.connect()
            if self._fingerprint:
                connection.sock = self._secured(connection.sock)
            head = {"Content-Type": "application/json", "Connection": "close"}
            connection.request(method, path, body, head)
            end = connection.sock
            answer = _Answer(end, method=method)
            answer.limit(end, until)
            try:
                answer.begin()
                return answer.status, answer.read(MAX_BYTES + 1)
            finally:
                answer.close()
        finally:
            connection.close()

    def _secured(self, plain: socket.socket) -> socket.socket:
        import ssl  # noqa: PLC0415 - few meters have it switched on

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the fingerprint below is the check
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # 1024 bit keys are what these meters have
        secured = context.wrap_socket(plain)
        certificate = secured.getpeercert(binary_form=True) or b""
        if hashlib.sha256(certificate).hexdigest() != self._fingerprint:
            secured.close()
            raise OSError("its certificate is not the one whose SHA-256 the board file names")
        return secured
