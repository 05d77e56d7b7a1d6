"""A board of the Yeti family on its UART: protocol buffers in COBS frames with CRC-32/JAMCRC. It tells its start, says
its states on change and twice a second, and opens when keep-alives stay away. Codec and field numbers written anew.
"""

import struct
from typing import Final

from hil.devices.copper import Copper
from hil.devices.framing import Frames, cobs, crc, uncobs
from hil.devices.plant_values import Trouble
from hil.devices.serial_board import SimulatedController

_LOST_S: Final = 1.6
_BOOT_S: Final = 0.05
_PP: Final = {0: 0, 13: 1, 20: 2, 32: 3, 63: 4, -1: 5}
#: board -> names of what the host sends and of what it is sent, by field number
HEARS: Final = {
    "yeti": {100: "alive", 102: "lock", 103: "duty", 104: "allow", 105: "reset"},
    "ad_acevse22": {100: "unused", 103: "duty", 104: "allow", 105: "reset"},
    "tida_010939": {2: "alive", 3: "lock", 4: "duty", 5: "allow", 6: "reset", 8: "rcd"},
    "phyverso": {1: "alive", 3: "lock", 4: "duty", 5: "coil", 6: "reset", 8: "config", 10: "rcd", 7: "connector"},
}
SAYS: Final = {
    "yeti": {"alive": 3, "start": 101, "state": 102, "relay": 103, "errors": 104, "plug": 106, "lock": 107,
             "meter": 108},
    "ad_acevse22": {"alive": 3, "start": 101, "state": 102, "relay": 103, "errors": 104, "plug": 106, "meter": 108},
    "tida_010939": {"alive": 1, "start": 2, "state": 3, "relay": 4, "errors": 5, "telemetry": 6, "plug": 7, "lock": 8},
    "phyverso": {"alive": 1, "start": 2, "state": 3, "relay": 4, "errors": 5, "plug": 8, "lock": 10, "asks": 11,
                 "connector": 6},
}  # fmt: skip


def number(value: int) -> bytes:
    return bytes((value,)) if value < 128 else bytes((value & 127 | 128,)) + number(value >> 7)


def field(at: int, value: int | float | bytes) -> bytes:
    if isinstance(value, float):
        return number(at * 8 + 5) + struct.pack("<f", value)
    if isinstance(value, bytes):
        return number(at * 8 + 2) + number(len(value)) + value
    return number(at * 8) + number(value)


def wrap(data: bytes) -> bytes:
    return cobs(data + crc(data, 32, 0xEDB88320, 0xFFFFFFFF, reflected=True).to_bytes(4, "little"))


def unwrap(frame: bytes) -> dict[int, int | bytes] | None:
    data = uncobs(frame)
    if data is None or crc(data, 32, 0xEDB88320, 0xFFFFFFFF, reflected=True) != 0:
        return None
    return _fields(data[:-4])


def _fields(data: bytes) -> dict[int, int | bytes]:
    found: dict[int, int | bytes] = {}
    while data:
        key, data = _take(data)
        value, data = _take(data)
        if key % 8 == 2:
            found[key >> 3], data = data[:value], data[value:]
        else:
            found[key >> 3] = value
    return found


def _take(data: bytes) -> tuple[int, bytes]:
    value = shift = 0
    while data:
        byte, data = data[0], data[1:]
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value, data


class ProtobufBoard(SimulatedController):
    """`watchdog_reset` restarts it by itself. `heard`: names of what the host sent, the last ones."""

    def __init__(self, board: str = "yeti", *coppers: Copper) -> None:
        count = 2 if board == "phyverso" else 1
        super().__init__(*(coppers or [Copper() for _ in range(count)]))
        self.board = board
        self.heard: list[str] = []
        self.config = b""
        self.self_test_failed = False
        self.bad_frames = 0
        self.start(0.0)

    def start(self, now: float, reason: int = 0) -> None:
        self.started += 1
        self._frames = Frames()
        self._says_start: int | None = reason
        self._from = now + _BOOT_S
        self._alive_at = now
        self._repeat_at = self._slow_at = self._meter_at = now
        self.hostless = self.board == "ad_acevse22"  # until a host speaks it charges as it likes
        self.allow = [self.hostless] * len(self.coppers)
        self.duty = [5333 if self.hostless else 10_000] * len(self.coppers)
        self._said: list[bytes] = [b""] * len(self.coppers)
        for copper in self.coppers:
            copper.rcd_test = False
            copper.coil = False

    def watchdog_reset(self, now: float) -> None:
        self.start(now, reason=1)

    # --- from the host ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> bytes:
        for frame in self._frames.feed(data):
            fields = unwrap(frame)
            if fields is None:
                self.bad_frames += 1
                continue
            if self.hostless:
                self.hostless, self.allow, self.duty = False, [False], [10_001]
            named = {HEARS[self.board].get(at, f"?{at}"): value for at, value in fields.items()}
            self.heard += list(named)
            del self.heard[:-300]
            connector = named.pop("connector", 1)
            for name, value in named.items():
                self._obey(name, value, int(connector) - 1 if isinstance(connector, int) else 0, now)
        return b""

    def _obey(self, name: str, value: int | bytes, at: int, now: float) -> None:
        copper = self.coppers[at]
        if name == "alive":
            self._alive_at = now
        elif (
            name == "duty"
            and isinstance(value, int)
            and not (
                self.board == "ad_acevse22" and 5333 < value <= 10_000  # more than it can: not obeyed
            )
        ):
            self.duty[at] = value
        elif name == "allow":
            self.allow[at] = bool(value)
        elif name == "coil" and isinstance(value, bytes):
            coil = _fields(value)
            self.allow[at] = bool(coil.get(2)) if coil.get(1) == 1 else self.allow[at]
        elif name == "lock":
            copper.bolt_to = bool(value)
        elif name == "rcd" and isinstance(value, bytes):
            copper.rcd_test = bool(_fields(value).get(1))
        elif name == "config" and isinstance(value, bytes):
            self.config = value
        elif name == "reset":
            self.start(now)

    # --- to the host ------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bytes:
        says, out = SAYS[self.board], b""
        if now - self._alive_at > _LOST_S and "alive" in HEARS[self.board].values():
            self.allow = [False] * len(self.allow)
            self.duty = [10_000] * len(self.duty)
        for at, copper in enumerate(self.coppers):
            duty = self.duty[at]
            copper.mode = "f" if duty == 0 else "x1" if duty >= 10_000 else "duty"
            copper.duty_percent = duty / 100 if copper.mode == "duty" else 100.0
            safe = not copper.leak and (copper.diode or copper.mode != "duty")
            copper.coil = self.allow[at] and copper.state in "CD" and safe
            copper.step(now)
        if now < self._from:
            return b""
        if self._says_start is not None:
            out += wrap(field(says["start"], self._says_start))
            self._says_start = None
        if "asks" in says and not self.config:
            if now >= self._repeat_at:
                self._repeat_at = now + 0.5
                out += wrap(field(says["asks"], b""))
            return out
        return out + self._states(says, now)

    def _states(self, says: dict[str, int], now: float) -> bytes:
        out, again = b"", now >= self._repeat_at
        for at, copper in enumerate(self.coppers):
            fields = self._outlet(says, copper)
            if self.trouble is Trouble.STUCK and self._said[at]:
                fields = self._said[at]
            if again or fields != self._said[at]:
                self._said[at] = fields
                out += fields
        if again:  # the kit says its states on change only
            self._repeat_at = float("inf") if self.board == "ad_acevse22" else now + 0.5
        if self.board == "ad_acevse22" and self.copper.closed and now >= self._meter_at:
            self._meter_at = now + 1.0
            out += wrap(field(says["meter"], self._meter()))
        if now >= self._slow_at:
            self._slow_at = now + (3.0 if self.board == "ad_acevse22" else 1.0)
            out += wrap(field(says["alive"], field(1, int(now)) + field(4, 1) + field(6, b"3.1")))
            if "meter" in says and self.board != "ad_acevse22":
                out += wrap(field(says["meter"], self._meter()))
            if "telemetry" in says:
                nan = self.trouble is Trouble.NAN
                degrees = float("nan") if nan else self.copper.temperature_c
                out += wrap(
                    field(says["telemetry"], field(1, 12.0) + field(2, -12.0) + field(3, degrees) + field(4, degrees))
                )
        return out

    def _outlet(self, says: dict[str, int], copper: Copper) -> bytes:
        connector = field(says["connector"], self.coppers.index(copper) + 1) if "connector" in says else b""
        relay = field(1, 1) + field(2, int(copper.closed)) if self.board == "phyverso" else int(copper.closed)
        errors = b""
        if not copper.diode and copper.mode == "duty" and copper.car != "A":
            errors += field(1, 1)
        if self.self_test_failed:
            errors += field(2, 1)
        if copper.tripped:
            errors += field(3, 1)
        state = 9 if self.trouble is Trouble.OUT_OF_RANGE else "ABCDEF".index(copper.state)
        values = {"state": state, "relay": relay, "errors": errors, "plug": _PP[copper.cable]}
        values["lock"] = 2 if copper.locked else 1
        # the flags first: a state is judged by them
        order = ("errors", "state", "relay", "plug", "lock")
        return b"".join(wrap(field(says[name], values[name]) + connector) for name in order if name in says)

    def _meter(self) -> bytes:
        meter = self.copper.meter
        watts = [v * a for v, a in zip(meter.voltage_v, meter.current_a, strict=True)]
        scale = 40.0 if self.trouble is Trouble.OUT_OF_RANGE else 1.0
        values = [*meter.voltage_v, *(each * scale for each in meter.current_a), 0.0]
        values += [0.0, 0.0, 0.0, float("nan") if self.trouble is Trouble.NAN else meter.import_wh]
        values += [30.0, 30.0, 30.0, 30.0, *watts, 50.0, 50.0, 50.0]
        return b"".join(field(at, float(value)) for at, value in enumerate(values, 2))
