"""The TCP side of the car link: one listener on one interface, one car at a time, bytes to and from a conversation.

A listener lives only while a car may find us. What is said is the conversation's, when a session may live is
`evse_link`'s, what is between the socket and the conversation (nothing, TLS) is a `Wire`.
"""

import asyncio
import errno
import logging
import random
import socket
from collections.abc import Callable
from typing import Final, cast

from firmware.v2g.conversation import Conversation
from firmware.v2g.ending import Ending
from firmware.v2g.evse_link import Session
from firmware.v2g.interface import Interface
from firmware.v2g.peer import Exchanged
from firmware.v2g.recording.tap import NO_STREAM, StreamTap, place
from firmware.v2g.wire import Plain, Wire, WireFailed

log = logging.getLogger(__name__)

DYNAMIC_PORTS: Final = (49152, 65535)  # RFC 6335; the car learns the port by SDP
PORT_TRIES: Final = 20
HANDSHAKE_S: Final = 10.0  # TLS takes a slow car's controller a second or two; the whole set-up has 20 s
CLOSING_S: Final = 5.0  # after our last byte the car closes first; this long we wait for its FIN


def open_listener(interface: Interface) -> socket.socket:
    """A listening TCP socket on a free dynamic port, bound to the interface. Raises OSError."""
    for _ in range(PORT_TRIES):
        tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode() + b"\0")
            tcp.bind(interface.endpoint(random.randint(*DYNAMIC_PORTS)))  # noqa: S311 - no secret
            tcp.listen(1)
        except OSError as error:
            tcp.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return tcp
    raise OSError(errno.EADDRINUSE, f"no free port on {interface.name}")


class Listener:
    """Accepts cars until closed. `accepted` gets each connected socket."""

    def __init__(self, interface: Interface, accepted: Callable[[socket.socket], None]) -> None:
        self._socket = open_listener(interface)
        self.port: int = self._socket.getsockname()[1]
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            connected, _ = self._socket.accept()
        except OSError as error:  # the car gave up while it waited
            log.debug("accept: %s", error)
            return
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._accepted(connected)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()


class CarConnection(asyncio.Protocol):
    """One TCP connection and its conversation. Ends by half-closing and waiting for the car's FIN."""

    def __init__(
        self,
        begin: Callable[[Wire, float], Conversation],
        said: Callable[[list[Exchanged]], None],
        ended: Callable[[Ending], None],
        wire: Wire | None = None,
        handshake_s: float = HANDSHAKE_S,
        *,
        tap: StreamTap = NO_STREAM,
    ) -> None:
        """`wire` None: plain TCP. `handshake_s`: how long the car has until its wire is open."""
        self.wire: Wire = wire or Plain()
        self._tap = tap
        self._handshake_s = handshake_s
        self._begin = begin
        self._said = said
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told = False
        self._cancelled = False
        self.conversation: Conversation | None = None

    # --- the socket's side ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._tap.opened(*(place(transport.get_extra_info(end)) for end in ("peername", "sockname")))
        if self._cancelled:
            self._transport.abort()
            return
        if self.wire.open:
            self._open()
        else:
            self._wake_at(self._loop.time() + self._handshake_s, self._handshake_late)

    def data_received(self, data: bytes) -> None:
        came = self._loop.time()
        try:
            plain = self.wire.receive(data)
        except WireFailed as failure:
            self._tap.received(data, came)
            self._wire_failed(str(failure))
            return
        self._tap.received(data, came)  # after the secrets that `receive` may have brought
        self._write()
        if self.conversation is None and self.wire.open and not self._cancelled:
            self._open()
        if self.conversation is None:
            return
        if plain:
            self.conversation.receive(plain, self._loop.time())
        if self.wire.peer_closed:
            self.conversation.lost("the car closed the connection", self._loop.time())
        self._go_on()

    def eof_received(self) -> bool:
        """The car has closed its side: nothing more to come. False lets asyncio close ours."""
        self._tap.finished(by_car=True)
        self._lost("the car closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._lost(f"connection lost: {exc or 'closed'}")
        self._tap.lost(exc)
        self._transport = None

    # --- the station's side -----------------------------------------------------------------------------------------

    def station_changed(self) -> None:
        """Something a waiting answer may depend on has changed."""
        if self.conversation is not None and self.conversation.ended is None:
            self.conversation.poke(self._loop.time())
            self._go_on()

    def cancel(self, reason: str) -> None:
        """End the session now, without a word to the car."""
        self._cancelled = True
        if self.conversation is not None:
            self.conversation.cancel(reason)
            self._go_on()
        else:
            self._finish(Ending(Session.FAILED, reason))

    def abort(self) -> None:
        """Close at once, whatever state the connection is in."""
        if self._transport is not None:
            self._transport.abort()

    # --- both -------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """The wire is ready: the conversation begins."""
        self.conversation = self._begin(self.wire, self._loop.time())
        self._go_on()

    def _handshake_late(self) -> None:
        self._wire_failed(f"no TLS handshake within {self._handshake_s:g} s")

    def _wire_failed(self, reason: str) -> None:
        """What the wire still wants to say (an alert) goes out, then it is over."""
        self._write()
        self._lost(reason)

    def _lost(self, reason: str) -> None:
        if self.conversation is None:
            self._finish(Ending(Session.FAILED, reason))
            return
        self.conversation.lost(reason, self._loop.time())
        self._go_on()

    def _write(self) -> None:
        if self._transport is not None and (data := self.wire.take()):
            self._transport.write(data)
            self._tap.sent(data)

    def _go_on(self) -> None:
        """Send what is to be sent, tell what was said, and see to the next deadline or the end."""
        conversation = self.conversation
        if conversation is None:
            return
        if data := conversation.take():
            try:
                self.wire.send(data)
            except WireFailed as failure:
                conversation.lost(str(failure), self._loop.time())
            self._write()
        if messages := conversation.take_messages():
            sent = self._loop.time()  # an answer's time is when it left, not when its request came
            self._said([each._replace(mono=sent) if each.direction == "to_car" else each for each in messages])
        if conversation.ended is not None:
            self._finish(conversation.ended)
        else:
            self._wake_at(conversation.deadline, self.station_changed)

    def _wake_at(self, when: float | None, what: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None else self._loop.call_at(when, what)

    def _finish(self, ending: Ending) -> None:
        """Once: no more bytes from us, some time for the car to close, and the news."""
        if self._told:
            return
        self._told = True
        if self._transport is not None and not self._transport.is_closing():
            self.wire.close()
            self._write()
            self._transport.write_eof()
            self._tap.finished(by_car=False)
            self._wake_at(self._loop.time() + CLOSING_S, self.abort)
        self._ended(ending)
