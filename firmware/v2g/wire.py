"""What lies between a car's socket and its conversation: nothing, TLS, or whichever of the two the car begins with.

Fed what the socket gave, gives plain text; given plain text, gives what the socket shall send. No socket, no clock.
TLS itself is `tls.channel`'s, which is loaded only where it is configured.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from firmware.v2g.tls.channel import TlsChannel

TLS_HANDSHAKE: Final = 0x16  # first byte of a TLS record; a V2GTP header begins with its version, 0x01


class WireFailed(Exception):
    """Nothing more can be said over this connection; the text says why, for people."""


class Wire(Protocol):
    """`open`: a conversation may go on. `peer_closed`: the car said that it sends no more."""

    @property
    def open(self) -> bool: ...
    @property
    def peer_closed(self) -> bool: ...
    def receive(self, data: bytes) -> bytes: ...  # raises WireFailed; what is in `take` must be sent even then
    def send(self, plain: bytes) -> None: ...  # raises WireFailed
    def take(self) -> bytes: ...
    def close(self) -> None: ...


class Plain:
    """No security: what comes is what was said."""

    open = True
    peer_closed = False

    def __init__(self) -> None:
        self._out = b""

    def receive(self, data: bytes) -> bytes:
        return data

    def send(self, plain: bytes) -> None:
        self._out += plain

    def take(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def close(self) -> None:
        """Nothing to say."""


class Secure:
    """TLS; and plain text too, where the policy allows it and the car begins with it."""

    def __init__(self, channel: "Callable[[], TlsChannel]", *, plain_too: bool) -> None:
        self.tls: TlsChannel | None = None  # once the car has begun with TLS
        self._channel = channel
        self._plain_too = plain_too
        self._plain: Plain | None = None

    @property
    def open(self) -> bool:
        return self._plain is not None or (self.tls is not None and self.tls.secured is not None)

    @property
    def peer_closed(self) -> bool:
        return self.tls is not None and self.tls.peer_closed

    def receive(self, data: bytes) -> bytes:
        if self.tls is None and self._plain is None:
            if not data:
                return b""
            self._begin(data[0])
        under = self.tls or self._plain
        return b"" if under is None else under.receive(data)

    def send(self, plain: bytes) -> None:
        under = self.tls or self._plain
        if under is not None:
            under.send(plain)

    def take(self) -> bytes:
        under = self.tls or self._plain
        return b"" if under is None else under.take()

    def close(self) -> None:
        if self.tls is not None:
            self.tls.close()

    def _begin(self, first: int) -> None:
        if first == TLS_HANDSHAKE:
            self.tls = self._channel()
        elif self._plain_too:
            self._plain = Plain()
        else:
            raise WireFailed('the car speaks without TLS, and station.toml says tls = "force"')
