"""The raw socket of SLAC: HomePlug management frames of one interface and of no other. AF_PACKET, needs CAP_NET_RAW."""

import asyncio
import fcntl
import logging
import socket
import struct
from collections.abc import Callable
from typing import Final

from firmware.v2g.slac.frames import ETHERTYPE, MAX_FRAME

log = logging.getLogger(__name__)

FRAMES_AT_ONCE: Final = 64
_PACKET_OUTGOING: Final = 4
_SIOCGIFFLAGS: Final = 0x8913
_IFF_UP: Final = 0x1


def is_up(name: str) -> bool:
    """Is the interface there and administratively up? Whether it has a carrier is another matter."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, _SIOCGIFFLAGS, struct.pack("16sH22x", name.encode(), 0))
        except OSError:
            return False
    flags: int = struct.unpack_from("16xH", answer)[0]
    return bool(flags & _IFF_UP)


class PacketPort:
    """Open until `close`. `received` gets each frame that arrived here; frames sent from this machine are dropped,
    ours and those of others: an emulation on the same interface is no peer. Raises OSError when it cannot open."""

    def __init__(self, name: str, received: Callable[[bytes], None]) -> None:
        self.name = name
        self.index = socket.if_nametoindex(name)
        self.lost = ""  # why nothing can be sent or received any more
        self.unsent = 0
        self._received = received
        self._loop = asyncio.get_running_loop()
        # protocol 0 until bound: no frame of another interface gets into the queue
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self._socket.bind((name, ETHERTYPE))
            self.mac: bytes = self._socket.getsockname()[4]
            if len(self.mac) != 6:
                raise OSError(f"{name} has no Ethernet address")
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._read)

    def send(self, frame: bytes) -> None:
        """Drops what cannot be sent now: the standard's repeats make it good."""
        try:
            self._socket.send(frame)
        except BlockingIOError:
            self.unsent += 1
        except OSError as error:
            self.unsent += 1
            self.lost = self.lost or str(error)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        for _ in range(FRAMES_AT_ONCE):
            try:
                data, (_, _, kind, *_) = self._socket.recvfrom(MAX_FRAME + 1)
            except BlockingIOError:
                return
            except OSError as error:  # the interface went down or away: the next look sees it
                self.lost = self.lost or str(error)
                return
            if kind != _PACKET_OUTGOING:
                self._received(data)
                if self._socket.fileno() < 0:  # closed by what came
                    return
