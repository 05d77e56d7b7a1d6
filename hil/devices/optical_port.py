"""A household meter's optical port on a pty: SML or D0 telegrams pushed for ever. Encoded anew, not with hal's
reader.
"""

import os
import struct
import threading
from collections.abc import Callable
from types import TracebackType

from hil.devices.plant_values import PlantValues, Trouble
from hil.devices.pseudo_terminal import open_terminal

_OBIS = {
    "1.8.0": (1, 8, 0, 30, -1), "2.8.0": (2, 8, 0, 30, -1), "16.7.0": (16, 7, 0, 27, 0),
    "32.7.0": (32, 7, 0, 35, -1), "52.7.0": (52, 7, 0, 35, -1), "72.7.0": (72, 7, 0, 35, -1),
    "31.7.0": (31, 7, 0, 33, -2), "51.7.0": (51, 7, 0, 33, -2), "71.7.0": (71, 7, 0, 33, -2),
    "14.7.0": (14, 7, 0, 44, -1),
}  # fmt: skip


def crc16(data: bytes) -> int:
    """CRC-16/X.25 over whole bytes by long division of the reflected polynomial."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x8408 if byte & 1 else 0)  # noqa: PLW2901
        table.append(byte)
    value = 0xFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFF


def _entry(code: tuple[int, int, int, int, int], value: float) -> bytes:
    c, d, e, unit, scaler = code
    number = struct.pack(">q", round(value / 10.0**scaler))
    head = b"\x77\x07" + bytes((1, 0, c, d, e, 255)) + b"\x01\x01"
    return head + b"\x62" + bytes((unit,)) + b"\x52" + struct.pack("b", scaler) + b"\x59" + number + b"\x01"


def _message(kind: int, body: bytes) -> bytes:
    raw = b"\x76\x05\x00\x00\x00\x01\x62\x00\x62\x00\x72\x63" + kind.to_bytes(2, "big") + body
    return raw + b"\x63" + crc16(raw).to_bytes(2, "little") + b"\x00"


def telegram(values: dict[str, float]) -> bytes:
    """SML_GetList.Res with these values by OBIS C.D.E."""
    entries = b"".join(_entry(_OBIS[name], value) for name, value in values.items())
    listed = b"\x77\x01\x05SIM1\x01\x01" + (0x70 | len(values)).to_bytes(1, "big") + entries + b"\x01\x01"
    body = _message(0x701, listed) + _message(0x201, b"\x71\x01")
    fill = -len(body) % 4
    raw = b"\x1b" * 4 + b"\x01" * 4 + body + b"\0" * fill + b"\x1b" * 4 + b"\x1a" + bytes((fill,))
    return raw + crc16(raw).to_bytes(2, "little")


_D0_FORMS = {  # digits, factor, unit
    "1.8.0": ("{:015.4f}", 1e-3, "kWh"), "2.8.0": ("{:015.4f}", 1e-3, "kWh"), "16.7.0": ("{:.2f}", 1.0, "W"),
    **dict.fromkeys(("32.7.0", "52.7.0", "72.7.0"), ("{:05.1f}", 1.0, "V")),
    **dict.fromkeys(("31.7.0", "51.7.0", "71.7.0"), ("{:07.2f}", 1.0, "A")), "14.7.0": ("{:04.1f}", 1.0, "Hz"),
}  # fmt: skip


def d0_telegram(values: dict[str, float]) -> bytes:
    """The readout of IEC 62056-21 with these values, seven bits and even parity in each byte."""
    lines = ["/SIM5PLT1", "", "1-0:0.0.0*255(1SIM0000000001)"]
    for name, value in values.items():
        form, factor, unit = _D0_FORMS[name]
        lines.append(f"1-0:{name}*255({form.format(value * factor)}*{unit})")
    text = "\r\n".join([*lines, "!", ""]).encode("ascii")
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in text)


class OpticalPort:
    """Pushes while used as a context manager. `cycles`: telegrams sent, or kept back by a fault."""

    def __init__(
        self, plant: PlantValues, period_s: float = 0.03, *, make: Callable[[dict[str, float]], bytes] = telegram
    ) -> None:
        self._make = make
        self.plant = plant
        self.cycles = 0
        self.port = ""
        self._period_s = period_s
        self._frozen: dict[str, float] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._link = self._peer = -1

    def __enter__(self) -> "OpticalPort":
        self._link, self._peer, self.port = open_terminal(waits=False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._link)
        os.close(self._peer)

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            trouble = self.plant.trouble
            if trouble is Trouble.SLOW:
                waited = 0.0
                while waited < self.plant.slow_s and self.plant.trouble is Trouble.SLOW and not self._stop.wait(0.02):
                    waited += 0.02
            raw = self._bytes(trouble)
            if trouble not in (Trouble.SILENCE, Trouble.DISCONNECT):
                try:
                    os.write(self._link, raw)
                except BlockingIOError:
                    continue
            self.cycles += 1

    def _bytes(self, trouble: Trouble) -> bytes:
        shown = self.plant.shown()
        values = {"1.8.0": shown["in"], "2.8.0": shown["out"], "16.7.0": shown["p"], "14.7.0": shown["f"]}
        for number, (volts, amps) in enumerate((("32.7.0", "31.7.0"), ("52.7.0", "51.7.0"), ("72.7.0", "71.7.0")), 1):
            values |= {volts: shown[f"u{number}"], amps: shown[f"i{number}"]}
        if trouble is Trouble.STUCK and self._frozen is not None:
            values = self._frozen
        self._frozen = values
        if trouble is Trouble.REFUSE:  # no PIN entered: energy only
            values = {"1.8.0": values["1.8.0"]}
        if trouble is Trouble.NAN:  # SML has none: a register that is left out
            values = {name: value for name, value in values.items() if name != "1.8.0"}
        raw = self._make(values)
        if trouble is Trouble.GARBAGE:
            return bytes((0xA5 ^ n * 37) & 0xFF for n in range(len(raw)))
        if trouble is Trouble.CORRUPT:
            return raw[:60] + bytes((raw[60] ^ 0x10,)) + raw[61:]
        return raw
