"""An OpenEVSE on its serial port: RAPI 5.2 with checksums, sequence numbers and lines nobody asked for. It makes its
own pilot, tests its residual current sensor and closes its relay as soon as an enabled car is ready.
"""

import re
from typing import Final

from hil.devices.copper import Copper
from hil.devices.plant_values import Trouble
from hil.devices.serial_board import SimulatedController

_COMMAND: Final = re.compile(rb"\$(.*?)(?:\^([0-9A-Fa-f]{2}))?\Z")
_STATES: Final = {"A": 1, "B": 2, "C": 3, "D": 4}
_CLOSE_S: Final = 0.06  # its own self test before the relay closes


def line(text: str) -> bytes:
    check = 0
    for character in "$" + text:
        check ^= ord(character)
    return f"${text}^{check:02X}\r".encode()


class OpenEvse(SimulatedController):
    """`fault`: a state of its own (6 GFCI, 7 no ground, 8 stuck relay, 10 too hot, ...). `self_test_on`: ECF flag."""

    def __init__(self, copper: Copper | None = None) -> None:
        super().__init__(copper or Copper())
        self.fault = 0
        self.self_test_on = True
        self.commands: list[str] = []
        self.most_amps = 32
        self.chatty = False  # sends a line between each question and its answer
        self.start(0.0)

    def start(self, now: float) -> None:
        self.started += 1
        self._rest = b""
        self._unasked = ["AB 00 8.2.1"]
        self.mode = "asleep"
        self.amps = 16
        self._said = (-1, -1, -1, -1)
        self._ready_since: float | None = None
        self._pulse: tuple[int, int] = (0, 0)
        self._pulsed_at = now
        self.pulse_missed = False

    # --- RAPI -------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> bytes:
        *lines, self._rest = (self._rest + data).split(b"\r")
        out = b""
        for raw in lines:
            found = _COMMAND.search(raw[raw.rfind(b"$") :])
            if found is None:
                continue
            text = found[1].decode("ascii", "replace")
            if found[2] is not None and line(text)[-4:-1] != b"^" + found[2].upper():
                out += line("NK")
                continue
            self.commands.append(text)
            del self.commands[:-300]
            words = text.split()
            number = f" {words.pop()}" if words[-1].startswith(":") else ""
            if self.chatty:
                out += line(self._transition()) + line("AN 0")
            out += line(self._answer(words, now) + number)
        return out

    def _answer(self, words: list[str], now: float) -> str:
        copper, name = self.copper, words[0]
        if name in ("FE", "FS", "FD"):
            self.mode = {"FE": "enabled", "FS": "asleep", "FD": "disabled"}[name]
        elif name == "SC":
            wanted = int(words[1])
            self.amps = min(max(wanted, 6), self.most_amps)
            return "OK" if wanted == self.amps else f"NK {self.amps}"
        elif name == "SY":
            return self._heartbeat(words[1:], now)
        elif name == "GS":
            state, pilot, flags, _ = self._seen()
            return f"OK {state:02x} 17 {pilot:02x} {flags:04x}"
        elif name == "GE":
            return f"OK {self.amps} {0x0001 | (0 if self.self_test_on else 0x0200):04X}"
        elif name == "GG":
            meter = copper.meter
            if self.trouble is Trouble.NAN:
                return "OK nan nan"
            high = self.trouble is Trouble.OUT_OF_RANGE
            return f"OK {round(meter.current_a[0] * 1000) + high * 400_000} {round(meter.voltage_v[0] * 1000)}"
        elif name == "GU":
            return f"OK 0 {int(copper.meter.import_wh)}"
        elif name == "GP":
            return f"OK {round(copper.temperature_c * 10)} -2560 -2560"
        elif name == "GV":
            return "OK 8.2.1 5.2.1"
        else:
            return "NK"
        return "OK"

    def _heartbeat(self, words: list[str], now: float) -> str:
        if len(words) == 2:
            self._pulse = (int(words[0]), int(words[1]))
        elif words == ["165"]:
            self.pulse_missed = False
        elif self.pulse_missed:
            return f"NK {self._pulse[0]} {self._pulse[1]} 2"
        self._pulsed_at = now
        return f"OK {self._pulse[0]} {self._pulse[1]} {2 if self.pulse_missed else 0}"

    # --- what it does by itself -------------------------------------------------------------------------------------

    def due(self, now: float) -> bytes:
        copper = self.copper
        every, lowered = self._pulse
        if every and now - self._pulsed_at > every:
            self.pulse_missed = True
            self.amps = min(self.amps, lowered)
        works = self.mode == "enabled" and not self._fault()
        copper.mode = "f" if self.mode == "disabled" else "duty" if works and copper.car != "A" else "x1"
        copper.duty_percent = self.amps / 0.6 if copper.mode == "duty" else 100.0
        ready = works and copper.car in "CD" and copper.diode
        self._ready_since = (self._ready_since or now) if ready else None
        copper.coil = self._ready_since is not None and now - self._ready_since >= _CLOSE_S
        copper.step(now)
        unasked, self._unasked = self._unasked, []
        out = b"".join(line(each) for each in unasked)
        if self._seen() != self._said and self.trouble is not Trouble.STUCK:
            self._said = self._seen()
            out += line(self._transition())
        return out

    def _fault(self) -> int:
        copper = self.copper
        if self.fault:
            return self.fault
        if copper.leak:
            return 6
        if copper.pe_lost:
            return 7
        if copper.welded and copper.closed and not copper.coil:
            return 8
        return 5 if not copper.diode and copper.car != "A" and self.mode == "enabled" else 0

    def _seen(self) -> tuple[int, int, int, int]:
        if self.trouble is Trouble.STUCK and self._said[0] >= 0:
            return self._said
        pilot = _STATES.get(self.copper.car, 0)
        state = self._fault() or {"enabled": pilot, "asleep": 0xFE, "disabled": 0xFF}[self.mode]
        flags = self.copper.closed << 6 | self.copper.leak << 7 | self.copper.pe_lost << 5
        return state, pilot, flags | (0x0100 if pilot > 1 else 0), self.amps

    def _transition(self) -> str:
        state, pilot, flags, amps = self._seen()
        return f"AT {state:02x} {pilot:02x} {amps} {flags:04x}"
