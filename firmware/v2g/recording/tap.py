"""What may watch the traffic of one EVSE, and the watcher that does not look: all that `sdp`, `server`, `data_link`
and `car_link` know of recordings. Called in the loop: a tap never waits and never raises.
"""

from typing import Final, NamedTuple, Protocol


class Place(NamedTuple):
    """One end of UDP or TCP: IPv6 address without scope, port."""

    host: str
    port: int


def place(address: object) -> Place | None:
    """A socket's IPv6 address as a Place; None for any other."""
    match address:
        case (str() as host, int() as port, *_) if ":" in host:
            return Place(host.split("%")[0], port)
    return None


class StreamTap(Protocol):
    """Watches one TCP connection."""

    def opened(self, car: Place | None, station: Place | None) -> None: ...
    def received(self, data: bytes, came: float) -> None: ...  # after TLS took it, with the loop's time before
    def sent(self, data: bytes) -> None: ...
    def finished(self, *, by_car: bool) -> None: ...
    def lost(self, why: Exception | None) -> None: ...


class Tap(Protocol):
    """Watches one EVSE. `begin` and `end`: the car is plugged in, unplugged."""

    def begin(self) -> None: ...
    def end(self) -> None: ...
    def frame(self, frame: bytes, *, from_car: bool) -> None: ...
    def datagram(self, data: bytes, source: Place | None, destination: Place | None, *, from_car: bool) -> None: ...
    def stream(self) -> StreamTap: ...
    def secret(self, line: bytes) -> None: ...


class _NoStream:
    def opened(self, car: Place | None, station: Place | None) -> None:
        """Nobody looks."""

    def received(self, data: bytes, came: float) -> None:
        """Nobody looks."""

    def sent(self, data: bytes) -> None:
        """Nobody looks."""

    def finished(self, *, by_car: bool) -> None:
        """Nobody looks."""

    def lost(self, why: Exception | None) -> None:
        """Nobody looks."""


class _NoTap:
    def begin(self) -> None:
        """Nobody looks."""

    def end(self) -> None:
        """Nobody looks."""

    def frame(self, frame: bytes, *, from_car: bool) -> None:
        """Nobody looks."""

    def datagram(self, data: bytes, source: Place | None, destination: Place | None, *, from_car: bool) -> None:
        """Nobody looks."""

    def stream(self) -> StreamTap:
        return NO_STREAM

    def secret(self, line: bytes) -> None:
        """Nobody looks."""


NO_STREAM: Final = _NoStream()
NO_TAP: Final = _NoTap()
