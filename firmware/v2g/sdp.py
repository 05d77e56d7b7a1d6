"""SECC discovery (SDP, ISO 15118-2 clause 7.10.1): a car asks by UDP where to connect, we answer with our TCP endpoint.

Answers only while `endpoint()` names one: the link is ready and no session runs. Anything malformed is counted and
ignored. Which interface there is, and the TCP side, are `car_link`'s and `server`'s.
"""

import asyncio
import logging
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, cast

from firmware.v2g.interface import Interface
from firmware.v2g.recording.tap import NO_TAP, Place, Tap, place
from firmware.v2g.v2gtp import PayloadType, V2gtpError, pack, unpack

log = logging.getLogger(__name__)

ALL_NODES: Final = socket.inet_pton(socket.AF_INET6, "ff02::1")
MAX_DATAGRAM: Final = 64  # a request has 10 bytes
ANSWERS_PER_MINUTE: Final = 50  # one discovery cycle of a car

TlsPolicy = Literal["prohibit", "allow", "force"]


class Security(IntEnum):
    TLS = 0x00
    NONE = 0x10


class Transport(IntEnum):
    TCP = 0x00
    UDP = 0x10  # reserved


class SdpError(ValueError):
    """No valid SDP request; the text says why."""


@dataclass(frozen=True)
class SdpRequest:
    security: Security
    transport: Transport


@dataclass(frozen=True)
class Endpoint:
    """Where a car may connect. `tls`: the listener can serve TLS; `plain`: and unencrypted sessions."""

    address: bytes  # 16 bytes, network order
    port: int
    plain: bool = True
    tls: bool = False


def read_request(datagram: bytes) -> SdpRequest:
    """A whole UDP datagram -> request. Raises SdpError."""
    try:
        frame = unpack(datagram)
    except V2gtpError as error:
        raise SdpError(str(error)) from error
    if frame.payload_type != PayloadType.SDP_REQUEST:
        raise SdpError(f"payload type {frame.payload_type:#06x} is no SDP request")
    if len(frame.payload) != 2:
        raise SdpError(f"an SDP request has 2 bytes, this one {len(frame.payload)}")
    try:
        return SdpRequest(Security(frame.payload[0]), Transport(frame.payload[1]))
    except ValueError as error:
        raise SdpError(str(error)) from error


def write_response(endpoint: Endpoint, security: Security) -> bytes:
    """The datagram that tells a car where to connect."""
    place = endpoint.address + endpoint.port.to_bytes(2, "big")
    return pack(PayloadType.SDP_RESPONSE, place + bytes((security, Transport.TCP)))


def security_for(request: SdpRequest, endpoint: Endpoint, policy: TlsPolicy) -> Security | None:
    """What to answer; None = nothing we may serve. A car that asks for TLS and hears "none" decides for itself; under
    "force" nobody is served in clear, and a car that asked for none is offered TLS."""
    if request.transport is not Transport.TCP:
        return None
    may_tls = endpoint.tls and policy != "prohibit"
    if may_tls and (request.security is Security.TLS or policy == "force"):
        return Security.TLS
    return Security.NONE if endpoint.plain and policy != "force" else None


class RateLimit:
    """At most `count` in any `span_s` seconds."""

    def __init__(self, count: int, span_s: float) -> None:
        self._times: deque[float] = deque(maxlen=max(1, count))
        self._count = count
        self._span_s = span_s

    def allows(self, now: float) -> bool:
        """Count this one if it is allowed."""
        if self._count <= 0 or (len(self._times) == self._count and now - self._times[0] < self._span_s):
            return False
        self._times.append(now)
        return True

    def forget(self) -> None:
        self._times.clear()


class SdpServer(asyncio.DatagramProtocol):
    """Answers the cars on one interface."""

    def __init__(
        self,
        endpoint: Callable[[], Endpoint | None],
        policy: TlsPolicy,
        clock: Callable[[], float] = time.monotonic,
        answers_per_minute: int = ANSWERS_PER_MINUTE,
    ) -> None:
        self._endpoint = endpoint
        self._policy = policy
        self._clock = clock
        self._transport: asyncio.DatagramTransport | None = None
        self.tap: Tap = NO_TAP
        self.limit = RateLimit(answers_per_minute, 60.0)
        self.answered = 0
        self.malformed = 0
        self.limited = 0
        self.unserved = 0  # valid, but nothing to serve now, or not this way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own classes do not say so

    def datagram_received(self, data: bytes, addr: tuple[str, int, int, int] | tuple[str, int]) -> None:
        answer = self.answer(data)
        self._show(data, addr, from_car=True)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)
            self._show(answer, addr, from_car=False)

    def _show(self, data: bytes, addr: object, *, from_car: bool) -> None:
        """To the tap. A request's destination is not told by the socket: cars ask all nodes, the rig ::1."""
        car, endpoint = place(addr), self._endpoint()
        port = self._transport.get_extra_info("sockname")[1] if self._transport is not None else 0
        if car is not None and from_car:
            everybody = "::1" if car.host == "::1" else socket.inet_ntop(socket.AF_INET6, ALL_NODES)
            self.tap.datagram(data, car, Place(everybody, port), from_car=True)
        elif endpoint is not None:
            own = Place(socket.inet_ntop(socket.AF_INET6, endpoint.address), port)
            self.tap.datagram(data, own, car, from_car=False)

    def error_received(self, exc: Exception) -> None:
        """The interface went away, or the car did: what is lost is one answer, the car asks again."""
        log.debug("SDP: %s", exc)

    def answer(self, datagram: bytes) -> bytes | None:
        """The response to this datagram, None = silence."""
        try:
            request = read_request(datagram)
        except SdpError as error:
            self.malformed += 1
            log.debug("SDP: ignored: %s", error)
            return None
        endpoint = self._endpoint()
        security = None if endpoint is None else security_for(request, endpoint, self._policy)
        if endpoint is None or security is None:
            self.unserved += 1
            return None
        if not self.limit.allows(self._clock()):
            self.limited += 1
            return None
        self.answered += 1
        return write_response(endpoint, security)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def open_socket(interface: Interface, port: int) -> socket.socket:
    """A UDP socket that hears this interface only, its multicasts and its unicasts. Raises OSError."""
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode() + b"\0")
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        udp.bind(("::", port))
        group = ALL_NODES + interface.index.to_bytes(4, sys.byteorder)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    except OSError:
        udp.close()
        raise
    return udp
