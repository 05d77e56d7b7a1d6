"""The signing side of two Modbus meters: registers for commands, states, records and keys, beside the measurements."""

import json
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from hil.devices.http_meters import Signer
from hil.devices.modbus_meters import MeterRegisters
from hil.devices.modbus_slave import Device
from hil.devices.plant_values import PlantValues


def text_of(memory: dict[int, int], register: int, length: int) -> str:
    words = (memory.get(register + at, 0) for at in range((length + 1) // 2))
    return b"".join(word.to_bytes(2, "big") for word in words)[:length].decode()


def put(memory: dict[int, int], register: int, raw: bytes) -> None:
    raw += b"\0" * (len(raw) % 2)
    for at in range(0, len(raw), 2):
        memory[register + at // 2] = int.from_bytes(raw[at : at + 2], "big")


class SigningMeter:
    """Holding registers beside the measurements; `commanded` acts on what was written."""

    model = ""

    def __init__(self, address: int, plant: PlantValues, signer: Signer) -> None:
        self.plant, self.signer = plant, signer
        self.memory: dict[int, int] = {}
        self.begin_wh = 0.0
        self._measured = MeterRegisters(self.model, plant)
        self.device = Device(address, self._read, self._write, plant)
        self.power_up()

    def power_up(self) -> None:
        raise NotImplementedError

    def commanded(self, register: int) -> bool:
        raise NotImplementedError

    def _read(self, function: int) -> dict[int, int]:
        return self._measured.now() if function == 4 else self.memory

    def _write(self, register: int, values: list[int]) -> bool:
        before = {register + at: self.memory.get(register + at) for at in range(len(values))}
        self.memory.update({register + at: value for at, value in enumerate(values)})
        if self.commanded(register):
            return True
        self.memory.update({at: value for at, value in before.items() if value is not None})
        return False


class IskraWm3m4c(SigningMeter):
    """47001 state, 47052 command, 47053 status, ... Signs a session as one record."""

    model = "iskra_wm3m4c"

    def power_up(self) -> None:
        self.memory |= {7000: 0, 7051: 0, 7052: 1, 7056: 0, 7057: 0, 7058: 0}
        put(self.memory, 8124, self.signer.public_key[-64:])

    def commanded(self, register: int) -> bool:
        if register != 7051:
            return True
        command, state = self.memory[7051], self.memory[7000]
        if command == 0x4200 and state == 0 and 7071 in self.memory:
            self.begin_wh = self.plant.import_wh
            self.memory |= {7000: 1, 7052: 15}
            return True
        if command == 0x7200 and state == 1:
            self._sign()
            self.memory |= {7000: 0, 7052: 15}
            return True
        self.memory[7052] = 131
        return False

    def _sign(self) -> None:
        fields: dict[str, Any] = json.loads(text_of(self.memory, 7100, self.memory[7056]))
        shared = {"RI": "1-0:1.8.0*255", "RU": "kWh", "RT": "AC", "EF": "", "ST": "G"}
        readings = [
            {"TM": "2026-11-21T12:00:00,000+0000 S", "TX": kind, "RV": round(wh / 1000, 3)} | shared
            for kind, wh in (("B", self.begin_wh), ("E", self.plant.import_wh))
        ]
        payload = json.dumps(fields | {"PG": "T9", "MV": "Iskra", "MM": "WM3M4C", "MS": "SIM33", "RD": readings})
        signature = self.signer.sign(payload)
        put(self.memory, 7612, payload.encode())
        put(self.memory, 8188, signature)
        self.memory |= {7057: len(payload), 7058: len(signature)}


class Em580(SigningMeter):
    """328737 command, 328929 state, 328930 size, 328945 file; the file must be taken before the next session."""

    model = "carlo_gavazzi_em580"
    BASE: Final = 300001

    def power_up(self) -> None:
        self.memory |= {328929 - self.BASE: 0, 328930 - self.BASE: 0, 309472 - self.BASE: 1, 328737 - self.BASE: 0}
        put(self.memory, 309729 - self.BASE, self.signer.public_key)

    @classmethod
    def make(cls, address: int, plant: PlantValues) -> "Em580":
        return cls(address, plant, Signer(ec.BrainpoolP384R1(), "ECDSA-brainpool384r1-SHA256"))

    def commanded(self, register: int) -> bool:
        state = self.memory[328929 - self.BASE]
        if register != 328737 - self.BASE:
            return True
        command = chr(self.memory[register])
        if command == "B" and state == 0:
            self.begin_wh = self.plant.import_wh
            self.memory[328929 - self.BASE] = 1
            return True
        if command == "E" and state == 1:
            identity = text_of(self.memory, 328680 - self.BASE, 40).split("\0")[0]
            place = text_of(self.memory, 328701 - self.BASE, 40).split("\0")[0]
            record = self.signer.record({"ID": identity, "CI": place}, self.begin_wh, self.plant.import_wh)
            put(self.memory, 328945 - self.BASE, record.encode())
            self.memory |= {328930 - self.BASE: (len(record) + 1) // 2, 328929 - self.BASE: 2}
            return True
        return False
