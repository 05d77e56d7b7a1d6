"""`python -m hil.plc`: a power line between network interfaces. Behind each is one modem; what a host sends to its own
modem is answered here, SLAC crosses to every other, and the rest only to modems with the same key. Needs root."""

import argparse
import asyncio
import json
import signal
import socket
import sys
import time

from hil.plc.medium import JOIN_S, Dialect, Medium, Modem
from hil.plc.packets import EVERYTHING, close_packets, open_packets


class Bridge:
    """Moves frames between the interfaces and the medium."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.sockets: dict[str, socket.socket] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def attach(self, interface: str, modem: Modem) -> None:
        """Raises OSError."""
        self.medium.attach(interface, modem)

        def received(frame: bytes) -> None:
            self.medium.send(interface, frame, self._loop.time())
            self._deliver()

        self.sockets[interface] = open_packets(interface, EVERYTHING, received)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for packets in self.sockets.values():
            close_packets(packets)

    def _deliver(self) -> None:
        for interface, frame in self.medium.take(self._loop.time()):
            try:
                self.sockets[interface].send(frame)
            except OSError as error:  # an end that is down hears nothing, as on a real line
                print(json.dumps({"event": "lost", "interface": interface, "reason": str(error)}), flush=True)
        if self._timer is not None:
            self._timer.cancel()
        at = self.medium.deadline
        self._timer = None if at is None else self._loop.call_at(at, self._deliver)


async def serve(options: argparse.Namespace) -> None:
    medium = Medium(options.attenuation, options.join)
    bridge = Bridge(medium)
    number = 0
    for kind, interfaces in (("station", options.station), ("car", options.car)):
        for interface in interfaces:
            number += 1
            mac = bytes([2, 0x50, 0x4C, 0, int(kind == "car"), number])
            dialect: Dialect = options.make if kind == "station" else "simulated"
            bridge.attach(interface, Modem(mac, dialect, measures=kind == "station"))
    stop = asyncio.Event()
    for stopper in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stopper, stop.set)
    print(json.dumps({"at": round(time.time(), 3), "event": "ready", "interfaces": list(bridge.sockets)}), flush=True)
    try:
        await stop.wait()
    finally:
        bridge.close()


def main(argv: list[str] | None = None) -> int:
    """Exit code 1 when an interface is not there."""
    parser = argparse.ArgumentParser(prog="python -m hil.plc", description=__doc__)
    parser.add_argument("--station", action="append", default=[], metavar="INTERFACE", help="the wire to a station")
    parser.add_argument("--car", action="append", default=[], metavar="INTERFACE", help="the wire to a car")
    parser.add_argument("--make", default="simulated", choices=("simulated", "qca7000", "cg5317"))
    parser.add_argument("--attenuation", type=float, default=8.0, help="dB between any two modems")
    parser.add_argument("--join", type=float, default=JOIN_S, help="seconds from equal keys to a link")
    options = parser.parse_args(argv)
    try:
        asyncio.run(serve(options))
    except OSError as error:
        print(f"plc: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
