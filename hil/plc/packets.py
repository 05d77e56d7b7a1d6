"""Raw Ethernet for the rig: sockets of one interface, and checksums done where the frame is made (needs root)."""

import asyncio
import ctypes
import fcntl
import socket
import struct
from collections.abc import Callable
from typing import Final

HOMEPLUG: Final = 0x88E1
EVERYTHING: Final = 0x0003  # ETH_P_ALL
_OUTGOING: Final = 4
_SIOCETHTOOL: Final = 0x8946
_SWITCH_OFF: Final = (0x17, 0x1F, 0x24)  # ETHTOOL_STXCSUM, _STSO, _SGSO


def open_packets(interface: str, kind: int, received: Callable[[bytes], None]) -> socket.socket:
    """Frames that arrive at the interface; those that this machine sends there are left out. Raises OSError."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        packets.bind((interface, kind))
    except OSError:
        packets.close()
        raise

    def read() -> None:
        try:
            frame, (_, _, direction, *_) = packets.recvfrom(65_536)
        except OSError:
            return
        if direction != _OUTGOING:
            received(frame)

    asyncio.get_running_loop().add_reader(packets, read)
    return packets


def close_packets(packets: socket.socket) -> None:
    asyncio.get_running_loop().remove_reader(packets)
    packets.close()


def finish_frames(interface: str) -> None:
    """Let the kernel hand over frames with checksums and of wire size: a veth leaves both to hardware it does not
    have, and frames that go through a socket of ours would arrive broken. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _SWITCH_OFF:
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(control, _SIOCETHTOOL, request)
