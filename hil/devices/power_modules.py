"""Power modules of several makers, as frames in and frames out: what each maker's paper says a module answers. Built
anew, knows nothing of hal. What they deliver together is asked of an `Output`; the CAN line is `can_line.py`.
"""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hil.devices.plant_values import Trouble

Frame = tuple[int, bytes]
SELF_OFF_S = 10.0  # a module that hears nothing for this long switches itself off


class Output(Protocol):
    """What the modules are joined to."""

    @property
    def voltage_v(self) -> float: ...

    @property
    def current_a(self) -> float: ...

    def command(self, *, on: bool, volts: float, amps: float) -> None: ...


@dataclass
class Module:
    """One module. `silent`: its bus driver is dead, it goes on as it was told; `failed`: it has switched itself off;
    `stuck`: it does as it is told, and says the same for ever."""

    address: int
    max_amps: float
    max_watts: float
    on: bool = False
    volts: float = 0.0
    amps: float = 0.0
    silent: bool = False
    failed: bool = False
    stuck: bool = False
    said: tuple[float, float] | None = None
    heard_at: float = 0.0

    @property
    def gives(self) -> float:
        return min(self.amps, self.max_amps) if self.on and not self.failed else 0.0


@dataclass
class Rack:
    """The modules of one output. Makers' subclasses say what a frame asks for and how it is answered."""

    output: Output
    addresses: tuple[int, ...] = (1, 2)
    max_volts: float = 1000.0
    max_amps: float = 100.0
    max_watts: float = 30_000.0
    trouble: Trouble = Trouble.NONE
    slow_s: float = 5.0
    clock: Callable[[], float] = time.monotonic
    heard: list[Frame] = field(default_factory=list)  # the last frames, for tests
    _stuck: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.modules = {number: Module(number, self.max_amps, self.max_watts) for number in self.addresses}

    def frame(self, can_id: int, data: bytes) -> list[Frame]:
        """One frame from the controller; the answers."""
        self.heard.append((can_id, data))
        del self.heard[:-500]
        module = self.modules.get(self.address_of(can_id))
        if module is None or module.silent or len(data) != 8:
            return []
        module.heard_at = self.clock()
        answers = self.answer(module, can_id, data)
        self.follow()
        return answers if self.trouble is not Trouble.SILENCE else []

    def follow(self) -> None:
        """Tell the output what the modules give together; to be called now and then."""
        now = self.clock()
        for module in self.modules.values():
            if now - module.heard_at > SELF_OFF_S:
                module.on = False
        giving = [module for module in self.modules.values() if module.on and not module.failed]
        self.output.command(
            on=bool(giving),
            volts=max((module.volts for module in giving), default=0.0),
            amps=sum(module.gives for module in giving),
        )

    def measures(self, module: Module) -> tuple[float, float]:
        """V and A of one module, with what is wrong with them."""
        whole = sum(each.gives for each in self.modules.values())
        share = module.gives / whole if whole > 0.0 else 1.0 / len(self.modules)
        volts, amps = self.output.voltage_v, self.output.current_a * share
        if self.trouble is Trouble.STUCK:
            self._stuck = self._stuck or (volts, amps)
            return self._stuck
        self._stuck = None
        module.said = (module.said or (volts, amps)) if module.stuck else None
        if module.said is not None:
            return module.said
        if self.trouble is Trouble.SIGN:
            return -volts, -amps
        if self.trouble is Trouble.OUT_OF_RANGE:
            return 9.0 * self.max_volts, 40.0 * self.max_amps
        return volts, amps

    def single(self, value: float) -> bytes:
        """A float of four bytes."""
        return b"\x7f\xc0\0\0" if self.trouble is Trouble.NAN else struct.pack(">f", value)

    def thousandth(self, value: float) -> bytes:
        """Four bytes of mV, mA; what has no value is all ones or the lowest number."""
        return b"\x80\0\0\0" if self.trouble is Trouble.NAN else struct.pack(">i", round(value * 1000))

    def address_of(self, can_id: int) -> int:
        raise NotImplementedError

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        raise NotImplementedError


class InfyModules(Rack):
    """REG series: id = error(3) device(4) command(6) to(8) from(8)."""

    def address_of(self, can_id: int) -> int:
        return can_id >> 8 & 0xFF if can_id & 0x1FC000FF == 0x028000F0 else -1

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        command = can_id >> 16 & 0x3F
        answer = 0x02800000 | command << 16 | 0xF000 | module.address
        if self.trouble is Trouble.REFUSE:
            return [(answer | 0x3 << 26, data)]
        if command == 0x03:
            volts, amps = self.measures(module)
            return [(answer, self.single(volts) + self.single(amps))]
        if command == 0x04:
            return [(answer, bytes(6) + bytes((0x02 if module.failed else not module.on, 0)))]
        if command == 0x0A:
            most = (round(self.max_volts), 50, round(module.max_amps * 10), round(module.max_watts / 10))
            return [(answer, b"".join(value.to_bytes(2, "big") for value in most))]
        if command == 0x1A:
            module.on = data[0] == 0
        elif command == 0x1C:
            module.volts, module.amps = (number / 1000 for number in struct.unpack(">II", data))
        return [(answer, data)]


class InfySystem(Rack):
    """BEG series: a group as one; items are read with 23 and written with 24."""

    def address_of(self, can_id: int) -> int:
        return can_id >> 8 & 0xFF if can_id & 0x1FC000FF == 0x02C000F0 else -1

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        command, item = can_id >> 16 & 0x3F, data[:2].hex()
        head = 0x02C00000 | command << 16 | 0xF000 | module.address
        if self.trouble is Trouble.REFUSE:
            return [(head | 0x2 << 26, data)]
        if command == 0x24:
            number = int.from_bytes(data[4:], "big")
            if item == "1001":
                module.volts = number / 1000
            elif item == "1002":
                module.amps = number / 1000
            elif item == "1110":
                module.on = data[7] == 0xA0
            return [(head, data)]
        volts, amps = self.measures(module)
        contents = {
            "1001": self.thousandth(volts), "1002": self.thousandth(amps),
            "1110": bytes((0, 0, 0x02 if module.failed else 0, 0)),
            "1130": struct.pack(">I", round(self.max_volts * 1000)), "1131": struct.pack(">I", 50_000),
            "1132": struct.pack(">I", round(module.max_amps * 1000)),
            "1133": struct.pack(">I", round(module.max_watts * 1000)),
        }  # fmt: skip
        return [(head, data[:4] + contents[item])] if item in contents else []


class UuModules(Rack):
    """UR1000x0: id = protocol(4) monitor(4) module(7) date(5) serial(9)."""

    modes: dict[int, list[bool]]  # by module: whether it was on when its output mode was set

    def __post_init__(self) -> None:
        super().__post_init__()
        self.modes = {number: [] for number in self.addresses}

    def address_of(self, can_id: int) -> int:
        return can_id >> 14 & 0x7F if can_id & 0x1FE03FFF == 0x02200000 else -1

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        kind, command, number = data[0], data[1], int.from_bytes(data[4:], "big")
        head = 0x02200000 | module.address << 14 | 0x1357 + module.address  # its date and serial number
        if self.trouble is Trouble.REFUSE:
            return [(head, b"\x1f" + data[1:])]
        if kind == 0x10:
            if command == 2:
                module.volts = number / 1000
            elif command == 3:
                module.amps = number / 1000
            elif command == 4:
                module.on = number == 0
            elif command == 95:
                self.modes[module.address].append(module.on)
            return [(head, b"\x11" + data[1:])]
        volts, amps = self.measures(module)
        contents = {
            0: self.thousandth(volts),
            1: self.thousandth(amps),
            8: struct.pack(">I", 0x100 if module.failed else 0),
            104: struct.pack(">I", round(module.max_amps * 1000)),
        }
        return [(head, bytes((0x13, command, 0, 0)) + contents[command])] if command in contents else []


class WinlineModules(Rack):
    """Maxwell family: id = 060(9) point-to-point(1) to(8) from(8) group(3)."""

    group = 0

    def address_of(self, can_id: int) -> int:
        return can_id >> 11 & 0xFF if can_id & 0x1FF807FF == 0x06080780 | self.group else -1

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        head = 0x06080000 | 0xF0 << 11 | module.address << 3 | self.group
        register, value = int.from_bytes(data[2:4], "big"), data[4:]
        if self.trouble is Trouble.REFUSE:
            return [(head, b"\x41\xf2" + data[2:])]
        if data[0] == 0x03:
            self.write(module, register, value)
            return [(head, b"\x43\xf0" + data[2:])]
        volts, amps = self.measures(module)
        contents = {
            0x0001: (0x41, self.single(volts)),
            0x0002: (0x41, self.single(amps)),
            0x0011: (0x41, struct.pack(">f", module.max_watts)),
            0x0012: (0x41, struct.pack(">f", module.max_amps)),
            0x0040: (0x42, struct.pack(">I", 1 if module.failed else 0 if module.on else 1 << 22)),
        }
        if data[0] != self.reads or register not in contents:
            return []
        kind, raw = contents[register]
        return [(head, self.kind(kind) + data[2:4] + raw)]

    reads = 0x10

    def kind(self, kind: int) -> bytes:
        return bytes((kind, 0xF0))

    def write(self, module: Module, register: int, value: bytes) -> None:
        if register == 0x0021:
            module.volts = struct.unpack(">f", value)[0]
        elif register == 0x001B:
            module.amps = int.from_bytes(value, "big") / 1024
        elif register == 0x0030:
            module.on = value == bytes(4)


class DpmModules(WinlineModules):
    """DPM1000: current as a share of 100 A; switched in a frame's head and in a register."""

    group = 3
    reads = 0x01

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        if self.trouble is Trouble.REFUSE:
            return [(0x06080000 | 0xF0 << 11 | module.address << 3 | self.group, bytes((data[0] | 0x80,)) + data[1:])]
        if data[0] == 0x00:
            module.on = not data[2] & 0x80
            return []
        return super().answer(module, can_id, data)

    def kind(self, kind: int) -> bytes:
        return bytes((0x01, 0))

    def write(self, module: Module, register: int, value: bytes) -> None:
        if register == 0x0022:
            module.amps = struct.unpack(">f", value)[0] * 100.0
        elif register == 0x0030:
            module.on = int.from_bytes(value, "big") == 0
        elif register == 0x0021:
            module.volts = struct.unpack(">f", value)[0]


class HuaweiModules(Rack):
    """R100040Gx: id = protocol(6) address(7) message(8) from-us(1) group(5) software-address(1) more(1)."""

    def address_of(self, can_id: int) -> int:
        return can_id >> 16 & 0x7F if can_id & 0x1F8000FF == 0x068000FC else -1

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        head = can_id & ~0x80
        if self.trouble is Trouble.REFUSE:
            return [(head, bytes((data[0] | 0x20,)) + data[1:])]
        message, signal, number = can_id >> 8 & 0xFF, data[:2].hex(), int.from_bytes(data[4:], "big")
        if message == 0x40 and data[3] == 0xAA and number >> 22 & 1:
            volts, amps = self.measures(module)
            whole = (round(abs(volts) * 10) & 0xFFFF) | (round(abs(amps) * 10) & 0xFFFF) << 16
            if self.trouble in (Trouble.NAN, Trouble.SIGN):  # unsigned: what is below nothing turns over
                whole = 0xFFFFFFFF
            return [(head, bytes.fromhex("01910000") + whole.to_bytes(4, "big"))]
        if message == 0x82 and signal == "0183":
            return [(head, bytes.fromhex("01830000") + (1 if module.failed else 0).to_bytes(4, "big"))]
        if signal == "0100":
            module.volts = number / 1024
        elif signal == "010f":
            module.amps = number / 1024
        elif signal == "0132":
            module.on = data[3] == 0
        return [(head, data)]


class R48Modules(Rack):
    """R4850: protocol 0x21, software addresses; one question, a frame for each value."""

    def address_of(self, can_id: int) -> int:
        return can_id >> 16 & 0x7F if can_id & 0x1F8000FF == 0x108000FE else -1

    def answer(self, module: Module, can_id: int, data: bytes) -> list[Frame]:
        if can_id >> 8 & 0xFF == 0x40:
            volts, amps = self.measures(module)
            head = 0x1080407E | module.address << 16
            state = 0x21 if self.trouble is Trouble.REFUSE else 0x01
            values = {0x70: volts * amps, 0x71: 50.0, 0x75: volts, 0x78: 230.0, 0x81: amps}
            frames = []
            for nth, (item, value) in enumerate(values.items(), 1):
                raw = b"\x80\0\0\0" if self.trouble is Trouble.NAN else struct.pack(">i", round(value * 1024))
                frames.append((head | (nth < len(values)), bytes((state, item, 0, 0)) + raw))
            return frames
        if can_id >> 8 & 0xFF == 0x50:
            head = 0x1080507E | module.address << 16
            return [(head | 1, bytes.fromhex("0001000000001064")), (head, bytes.fromhex("0005000000000001"))]
        signal, number = data[:2].hex(), int.from_bytes(data[6:], "big")
        if signal == "0100":
            module.volts = number / 1024
        elif signal == "0103":
            module.amps = number / 1024 * 50.0
        elif signal == "0132":
            module.on = data[3] == 0
        return [(can_id & ~0x80, data)]


RACKS: dict[str, type[Rack]] = {
    "infypower": InfyModules,
    "infypower-system": InfySystem,
    "uugreenpower": UuModules,
    "winline": WinlineModules,
    "dpm1000": DpmModules,
    "huawei_r100040gx": HuaweiModules,
    "huawei_r48xx": R48Modules,
}
