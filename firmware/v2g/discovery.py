"""Where cars find us: the interface of one EVSE, SDP on it, and the TCP listener while a car may come.

Interfaces that are missing, late or flapping are states with a reason. Whether a car may come is `car_link`'s to say.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from firmware.config import V2gSettings
from firmware.v2g import netlink, sdp
from firmware.v2g.interface import Interface, NotUsable, look
from firmware.v2g.link_security import LinkSecurity
from firmware.v2g.server import Listener

log = logging.getLogger(__name__)

BRING_UP_AGAIN_S: Final = 5.0


class Discovery:
    """`accepted` gets each connected socket. `waiting_for`: why no car can find us, "" when one can."""

    def __init__(
        self, evse: int, settings: V2gSettings, security: LinkSecurity, accepted: Callable[[socket.socket], None]
    ) -> None:
        self.waiting_for = "the first look at the interface"
        self.sdp = sdp.SdpServer(self.endpoint, settings.tls)
        self._evse = evse
        self._settings = settings
        self._security = security
        self._accepted = accepted
        self._interface: Interface | None = None
        self._listener: Listener | None = None
        self._brought_up = float("-inf")
        self._bring_up_problem = ""
        self._bringing_up: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """The interface is there and SDP hears what comes in on it."""
        return self._interface is not None

    def endpoint(self) -> sdp.Endpoint | None:
        """Where a car may connect now; None while it shall not find us."""
        if self._interface is None or self._listener is None:
            return None
        security = self._security
        port = self._listener.port
        return sdp.Endpoint(self._interface.packed, port, plain=security.serves_plain, tls=security.serves_tls)

    async def look(self) -> None:
        """Open the sockets when the interface has come, close them when it went; call it every second."""
        found = look(self._settings.interface)
        if isinstance(found, NotUsable):
            if self.ready or found.reason != self.waiting_for:
                log.warning("EVSE %d: no car can find us: %s", self._evse, found.reason)
            self.waiting_for = found.reason
            self.close()
            self._bring_up()
        elif found != self._interface:
            self.close()
            await self._serve_on(found)
        else:
            self.waiting_for = self._security.nobody_because

    def listen(self, wanted: bool) -> None:
        """Open or close the door."""
        if not wanted or self._security.nobody_because:
            self._close_listener()
        elif self._listener is None and self._interface is not None:
            try:
                self._listener = Listener(self._interface, self._accepted)
            except OSError as error:  # the interface is going away: the next look says so
                log.warning("EVSE %d: cannot listen on %s: %s", self._evse, self._interface.name, error)

    def close(self) -> None:
        self.sdp.close()
        self._close_listener()
        self._interface = None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _serve_on(self, interface: Interface) -> None:
        try:
            udp = sdp.open_socket(interface, self._settings.sdp_port)
        except OSError as error:
            self.waiting_for = f"SDP on {interface.name} port {self._settings.sdp_port}: {error}"
            log.warning("EVSE %d: %s", self._evse, self.waiting_for)
            return
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self.sdp, sock=udp)
        self._interface = interface
        self.waiting_for = self._security.nobody_because
        log.info("EVSE %d: SDP ready on %s [%s]", self._evse, interface.name, interface.address)

    def _bring_up(self) -> None:
        """An interface with a modem is ours to bring up; any other is the machine's affair."""
        now = asyncio.get_running_loop().time()
        if self._settings.modem == "none" or now - self._brought_up < BRING_UP_AGAIN_S:
            return
        if self._settings.interface in {name for _, name in socket.if_nameindex()}:
            self._brought_up = now
            self._bringing_up = asyncio.ensure_future(self._ask_for_interface())

    async def _ask_for_interface(self) -> None:
        problem = await netlink.ask_for(self._settings.interface)
        if problem and problem != self._bring_up_problem:
            log.warning("EVSE %d: cannot bring %s up: %s", self._evse, self._settings.interface, problem)
        self._bring_up_problem = problem
