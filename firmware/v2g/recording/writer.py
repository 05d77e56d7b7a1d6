"""The thread that turns events into packets and puts them into files. A disk that fails costs the recording of this
plug-in, told once; nobody waits for it.
"""

import logging
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple

from firmware.v2g.recording import pcapng
from firmware.v2g.recording.events import Begin, Datagram, End, Event, Frame, Secret, Sent, size
from firmware.v2g.recording.file import Bounds, PacketFile, make_room
from firmware.v2g.recording.frames import Macs, mac_of, tcp, udp
from firmware.v2g.recording.tap import Place

log = logging.getLogger(__name__)

MOST_CHATTER: Final = 2000  # UDP datagrams and vendor messages of the modem in one file, each: they may go on for hours
UNKNOWN_CAR: Final = bytes.fromhex("020000000001")  # locally administered
APPLICATION: Final = "pilotline"
NOTE: Final = (
    "Written by the station from its own sockets: bytes, order, addresses and times are theirs; the cut into TCP "
    "segments, their numbers and windows, the handshake and the close are made up to match. HomePlug frames are raw."
)
_VENDOR_MESSAGES: Final = 0xA000
_FROM_CARS: Final = range(0x6064, 0x6080)  # MMTYPEs of SLAC that modems do not send: the sender is the other host


class Told(NamedTuple):
    """News of a file."""

    file: str
    kind: Literal["Began", "Ended"]
    packets: int = 0
    size: int = 0
    left_out: int = 0
    secrets: bool = False
    reason: str = ""


class Writer(threading.Thread):
    """`told` is called in this thread. `taken` counts the bytes of events it is through with."""

    def __init__(self, folder: Path, evse: int, interface: str, bounds: Bounds, told: Callable[[Told], None]) -> None:
        super().__init__(name=f"packets of EVSE {evse}", daemon=True)
        self.queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.taken = 0
        self._folder = folder
        self._evse = evse
        self._interface = interface
        self._bounds = bounds
        self._told = told
        self._file: PacketFile | None = None
        self._began: Begin | None = None  # None: nothing is to be written
        self._fresh()

    def run(self) -> None:
        while (event := self.queue.get()) is not None:
            self.take(event)
            self.taken += size(event)
        self._end("the station stopped", 0, self._latest)

    def take(self, event: Event) -> None:
        """One event, in order. Never raises for a bad disk."""
        self._latest = event.at
        try:
            match event:
                case Begin():
                    self._end("another began", 0, event.at)
                    self._began = event
                case End():
                    self._end("", event.missed, event.at)
                    self._began = None
                case _ if self._began is not None:
                    self._write(event, self._began)
        except OSError as error:
            self._fail(error)

    def _fresh(self) -> None:
        self._packets = self._chatter_left_out = 0
        self._secrets = False
        self._counts: dict[str, int] = {}
        self._mac = bytes(6)
        self._car_mac = UNKNOWN_CAR
        self._latest = 0.0

    # --- packets ----------------------------------------------------------------------------------------------------

    def _write(self, event: Event, began: Begin) -> None:
        if self._file is None:
            self._open(began)
        if self._file is None:
            return
        at = self._utc(event.at, began)
        match event:
            case Secret():
                self._secrets = True
                self._file.write(pcapng.tls_secrets(event.data + b"\n"), packet=False)
            case Frame() if self._heard(event):
                self._put(at, event.data, event.from_car)
            case Datagram() if self._may("datagram"):
                macs = self._macs(event.source, event.destination, event.from_car)
                self._put(at, udp(event.data, event.source, event.destination, macs), event.from_car)
            case Sent(segment=segment):
                macs = self._macs(segment.source, segment.destination, event.from_car)
                for frame in tcp(segment, macs):
                    self._put(at, frame, event.from_car)

    def _put(self, at: float, frame: bytes, from_car: bool) -> None:
        if self._file is not None:
            self._file.write(pcapng.packet(at, frame, from_car=from_car))
            self._packets += 1

    def _heard(self, frame: Frame) -> bool:
        """May it be written? Learns the car's Ethernet address, for IPv6 addresses that do not tell it."""
        kind = int.from_bytes(frame.data[15:17], "little")
        if frame.from_car and kind in _FROM_CARS:
            self._car_mac = frame.data[6:12]
        return kind < _VENDOR_MESSAGES or self._may("vendor")

    def _may(self, kind: str) -> bool:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._chatter_left_out += self._counts[kind] > MOST_CHATTER
        return self._counts[kind] <= MOST_CHATTER

    def _macs(self, source: Place, destination: Place, from_car: bool) -> Macs:
        if "::1" in (source.host, destination.host):  # the loopback interface has none
            return Macs(bytes(6), bytes(6))
        if from_car:
            to = mac_of(destination.host) if destination.host.startswith("ff") else None
            return Macs(mac_of(source.host) or self._car_mac, to or self._mac)
        return Macs(self._mac, mac_of(destination.host) or self._car_mac)

    @staticmethod
    def _utc(at: float, began: Begin) -> float:
        """A wall clock that is set meanwhile moves nothing."""
        return began.utc + at - began.at

    # --- files ------------------------------------------------------------------------------------------------------

    def _open(self, began: Begin) -> None:
        """With the first packet: a car that says nothing leaves no file."""
        make_room(self._folder, self._evse, self._bounds)
        self._fresh()
        self._mac = _mac(self._interface)
        stem = f"{datetime.fromtimestamp(began.utc, UTC):%Y%m%dT%H%M%SZ}-{self._evse}"
        self._file = PacketFile(self._folder, stem, self._bounds)
        self._file.write(pcapng.section(APPLICATION, NOTE) + pcapng.interface(self._interface, self._mac), packet=False)
        self._told(Told(self._file.name, "Began"))

    def _end(self, reason: str, missed: int, at: float) -> None:
        file, self._file = self._file, None
        if file is None or self._began is None:
            return
        left_out = file.left_out + self._chatter_left_out + missed
        comment = f"{left_out} packets left out" if left_out else "complete"
        try:
            seen = self._packets + self._chatter_left_out + missed
            utc = self._utc(at, self._began)
            file.close(pcapng.statistics(utc, seen=seen, dropped=left_out, comment=comment))
        except OSError as error:
            reason = f"not written to its end: {error}"
            log.warning("EVSE %d: packets in %s: %s", self._evse, file.name, reason)
        written = self._packets - file.left_out
        self._told(Told(file.name, "Ended", written, file.size, left_out, self._secrets, reason))

    def _fail(self, error: OSError) -> None:
        """No more of this plug-in; the next one tries again."""
        file, self._file, self._began = self._file, None, None
        log.warning("EVSE %d: packets are not recorded: %s; charging goes on", self._evse, error)
        if file is None:
            self._told(Told("", "Ended", reason=str(error)))
            return
        try:
            file.give_up()
        except OSError as again:
            log.debug("EVSE %d: %s", self._evse, again)
        self._told(Told(file.name, "Ended", self._packets, file.size, file.left_out, self._secrets, str(error)))


def _mac(interface: str) -> bytes:
    """The interface's own Ethernet address; zeros where it has none."""
    try:
        text = Path(f"/sys/class/net/{interface}/address").read_text(encoding="ascii")
        mac = bytes.fromhex(text.replace(":", ""))
    except (OSError, ValueError):
        return bytes(6)
    return mac if len(mac) == 6 else bytes(6)
