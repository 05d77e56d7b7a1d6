"""A safety microcontroller that speaks our wire (hal/mcu/SPEC.md): in a test's thread, or as a process of its own.

    python -m hil.devices.mcu PORT [--sim REGISTERS]

PORT is the link it makes to its pty; with --sim its circuit is connector 1 of the rig's plant. It keeps the rules of
the specification by itself: lease, re-arming, opening when the car lets go. Codec and framing are written anew here.
"""

import argparse
import signal
import threading
from collections import deque
from pathlib import Path
from typing import Any, Final

import cbor2

from hal.sim.registers import Registers
from hil.devices.copper import Copper, PlantCopper
from hil.devices.framing import Frames, cobs, crc, uncobs
from hil.devices.plant_values import Trouble
from hil.devices.serial_board import SerialBoard, SimulatedController

LEASE_S: Final = 0.3
MODES: Final = ("x1", "duty", "e", "f")


def frame(*fields: object) -> bytes:
    data = cbor2.dumps(list(fields))
    return cobs(data + crc(data, 16, 0x1021, 0xFFFF).to_bytes(2, "big"))


def content(raw: bytes) -> list[Any] | None:
    """The fields of a good frame."""
    data = uncobs(raw)
    if data is None or len(data) < 4 or crc(data, 16, 0x1021, 0xFFFF) != 0:
        return None
    fields = cbor2.loads(data[:-2])
    return fields if isinstance(fields, list) and fields else None


class _Outlet:
    def __init__(self, copper: Copper) -> None:
        self.copper = copper
        self.command: list[Any] = [2, 0, 0, 0, 0, False, False, 0, None]
        self.armed = False  # has been told "open" since the last lease ended
        self.said: list[object] = []
        self.said_at = -1.0
        self.metered_at = -1.0


class Mcu(SimulatedController):
    """`lease_ended_at`: when it last opened for want of a lease."""

    def __init__(self, *coppers: Copper) -> None:
        super().__init__(*coppers)
        self.outlets = [_Outlet(copper) for copper in self.coppers]
        self.lease_ended_at = 0.0
        self.longest_pause_s = 0.0  # between two rounds: what a busy machine adds to every time above
        self._round_at: float | None = None
        self.version = 1
        self.deaf = False  # hears, and does nothing of it
        self.fault = 0
        self.bad_frames = 0
        self.start(0.0)

    def start(self, now: float) -> None:
        self.started += 1
        self._frames = Frames()
        self._beat, self._beat_at = 0, -1.0
        self._beats: deque[tuple[int, float]] = deque(maxlen=8)
        self._leased_from = float("-inf")  # when the newest beat that was echoed had been sent
        self.held = False
        for outlet in self.outlets:
            outlet.armed = False

    def receive(self, data: bytes, now: float) -> bytes:
        out = b""
        for raw in self._frames.feed(data):
            fields = content(raw)
            if fields is None:
                self.bad_frames += 1
            elif fields[0] == 0:
                out += frame(0, self.version, len(self.outlets), "simulated", "1.0")
            elif fields[0] == 1:
                sent = dict(self._beats).get(fields[1])
                self._leased_from = self._leased_from if sent is None else max(sent, self._leased_from)
            elif fields[0] == 2 and 1 <= fields[1] <= len(self.outlets) and not self.deaf:
                outlet = self.outlets[fields[1] - 1]
                outlet.command = fields
                outlet.armed = outlet.armed or not fields[5]
        return out

    def due(self, now: float) -> bytes:
        self.longest_pause_s = max(self.longest_pause_s, now - (now if self._round_at is None else self._round_at))
        self._round_at = now
        held = now - self._leased_from <= LEASE_S
        if self.held and not held:
            self.lease_ended_at = now
            for outlet in self.outlets:
                outlet.armed = False
        self.held = held
        out = b""
        for number, outlet in enumerate(self.outlets, 1):
            self._drive(outlet)
            outlet.copper.step(now)
            out += self._report(number, outlet, now)
        if now - self._beat_at >= 0.1:
            self._beat, self._beat_at = (self._beat + 1) & 0xFFFF, now
            self._beats.append((self._beat, now))
            out += frame(1, self._beat, self.held)
        return out

    def _drive(self, outlet: _Outlet) -> None:
        """The rules of the specification that no host can overrule."""
        copper, command = outlet.copper, outlet.command
        _, _, _, mode, duty, close, test, _, bolt = command
        copper.mode = MODES[mode] if self.held else "x1"
        copper.duty_percent = duty / 100 if copper.mode == "duty" else 100.0
        copper.rcd_test = bool(test) and self.held
        ready = copper.state in "CD" and copper.mode in ("duty", "x1")
        safe = not copper.leak and not copper.emergency_stop and not copper.pe_lost
        copper.coil = self.held and outlet.armed and bool(close) and ready and safe
        copper.bolt_to = bool(bolt) or copper.closed

    def _report(self, number: int, outlet: _Outlet, now: float) -> bytes:
        copper = outlet.copper
        high, low = copper.half_waves_mv
        inputs = copper.emergency_stop | copper.pe_lost << 1
        plug = {-1: 1}.get(copper.cable, copper.cable)
        duty = outlet.command[4] if copper.mode == "duty" else 0
        fields: list[object] = [
            2,
            number,
            outlet.command[2] if outlet.command[1] else 0,
            MODES.index(copper.mode),
            duty,
        ]
        fields += [high, low, copper.closed, plug, copper.tripped, int(copper.locked), inputs]
        fields += [round(copper.temperature_c * 10), self.fault]
        if self.trouble is Trouble.NAN:
            fields[5] = float("nan")
        elif self.trouble is Trouble.OUT_OF_RANGE:
            fields[5] = 400_000
        out = b""
        if self.trouble is Trouble.STUCK and outlet.said:
            fields = outlet.said
        if now - outlet.said_at >= 0.25 or (fields != outlet.said and now - outlet.said_at >= 0.05):
            outlet.said, outlet.said_at = fields, now
            out += frame(*fields)
        if now - outlet.metered_at >= 0.5:
            outlet.metered_at = now
            meter = copper.meter
            volts = [round(each * 1000) for each in meter.voltage_v]
            amps = [round(each * 1000) for each in meter.current_a]
            out += frame(3, number, int(meter.import_wh), round(meter.watts()), volts, amps)
        return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=Path, help="link to make to the pty")
    parser.add_argument("--sim", type=Path, metavar="REGISTERS", help="register file of the rig's plant")
    options = parser.parse_args()
    copper = PlantCopper(Registers.attach(options.sim).connector(1)) if options.sim else Copper()
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    with SerialBoard(Mcu(copper), options.port):
        print(f"mcu ready: {options.port}", flush=True)
        end.wait()


if __name__ == "__main__":
    main()
