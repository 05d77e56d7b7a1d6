"""RAPI, the serial protocol of OpenEVSE (firmware 5.2 and later), without I/O: one question at a time, with a sequence
number, and lines that come unasked in between.

OpenEVSE makes pilot, residual current and earth checks itself and closes by itself as soon as a car is ready: a duty is
enabling it with a current, X1 is sleep, F is disabling. Source: OpenEVSE/open_evse, rapi_proc.h, J1772EvseController.h.
"""

import math
import re
from collections import deque
from typing import Final, NamedTuple

from hal.contracts import MeterReading, PilotMode
from hal.controllers.dialect import Dialect
from hal.controllers.outlet import Outlet, Said, sample_of
from hal.duty import current_for

TIMEOUT_S: Final = 0.5
_LONGEST: Final = 128
_LETTERS: Final = {1: "A", 2: "B", 3: "C", 4: "D"}
_SLEEPING, _DISABLED, _DIODE, _GFCI, _NO_GROUND, _SELF_TEST = 0xFE, 0xFF, 0x05, 0x06, 0x07, 0x09
_FAULTS: Final = {
    0x08: "relay stuck closed",
    0x09: "self test of its residual current sensor failed",
    0x0A: "too hot",
    0x0B: "over-current",
    0x0E: "relay does not close",
}
_VF_NO_GROUND, _VF_CLOSED, _VF_GFCI = 0x0020, 0x0040, 0x0080
_CF_SELF_TEST_OFF: Final = 0x0200
_LINE: Final = re.compile(rb"\$([^$^*\r]*)\^([0-9A-Fa-f]{2})\Z")
#: what is asked again and again, and how often, s
POLLS: Final = {"GS": 0.2, "GG": 0.5, "GU": 1.0, "GE": 1.0, "GP": 1.0}


class RapiError(ValueError):
    """A line that is no RAPI."""


def line(text: str) -> bytes:
    """A command with its checksum: exclusive or of all before it."""
    raw = b"$" + text.encode("ascii")
    check = 0
    for byte in raw:
        check ^= byte
    return raw + f"^{check:02X}\r".encode()


def words_of(raw: bytes) -> list[str]:
    """A received line without its end, as words. Raises RapiError."""
    found = _LINE.search(raw)
    if found is None:
        raise RapiError(f"no line of RAPI: {raw[:40]!r}")
    check = 0
    for byte in raw[found.start() : found.end() - 3]:
        check ^= byte
    if check != int(found[2], 16):
        raise RapiError(f"checksum of {raw[:40]!r}")
    try:
        return found[1].decode("ascii").split()
    except UnicodeDecodeError as error:
        raise RapiError(f"no ASCII: {raw[:40]!r}") from error


class _Asked(NamedTuple):
    command: str
    number: str
    until: float


class RapiDialect(Dialect):
    """`heartbeat_s`, `heartbeat_a`: without our pulse for so long OpenEVSE lowers the current by itself; 0 = off."""

    closes_itself = True
    digital = False

    def __init__(self, heartbeat_s: int, heartbeat_a: int) -> None:
        super().__init__()
        self._heartbeat = (heartbeat_s, heartbeat_a)
        self.firmware = ""
        self._forget(0.0)

    def _forget(self, now: float) -> None:
        self._buffer = b""
        self._asked: _Asked | None = None
        self._number = 0
        self._queue: deque[str] = deque(["GV"])
        self._poll_at = dict.fromkeys(POLLS, now)
        self._told: tuple[str, ...] = ()
        self._refused = -1  # order to close that a restart has ended
        self._self_tests: bool | None = None  # whether its GFCI self test is switched on
        self._currents = (-1, -1)  # mA, mV; -1 without ammeter
        self._pulse_at = now
        self._missed = 0
        if self._heartbeat[0]:
            self._queue.append(f"SY {self._heartbeat[0]} {self._heartbeat[1]}")

    def opened(self, now: float) -> None:
        self._forget(now)

    # --- hearing ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        *lines, self._buffer = re.split(rb"\r\n?|\n", self._buffer + data)
        self._buffer = self._buffer[-_LONGEST:]
        for raw in lines:
            if not raw:
                continue
            try:
                self._hear(words_of(raw), now)
            except (RapiError, ValueError, IndexError) as error:
                self.bad_frames += 1
                self.trouble = str(error)

    def _hear(self, words: list[str], now: float) -> None:
        kind = words[0]
        if kind == "AT":
            self._state(int(words[1], 16), int(words[2], 16), int(words[4], 16), now)
        elif kind == "AB":  # it has started anew and knows nothing of us
            self._forget(now)
            wish = self.wishes[1]
            self._refused = wish.closings if wish.close else -1  # what was closed is not closed again unasked
        elif kind in ("OK", "NK"):
            asked = self._asked
            number = words.pop()[1:] if words[-1].startswith(":") else ""
            if asked is None or number != asked.number:
                return  # late: nobody waits for it any more
            self._asked, self._missed, self.trouble = None, 0, ""
            self._answer(asked.command, words[1:], now, good=kind == "OK")

    def _answer(self, command: str, values: list[str], now: float, *, good: bool) -> None:
        outlet = self.outlets[1]
        if not good:
            if command == "SY":
                self._queue.append("SY 165")  # a missed pulse is acknowledged
            elif not command.startswith(("SC", "G")):
                self.trouble = f"refuses {command}"
                self._told = ()
        elif command == "GS":
            self._state(int(values[0], 16), int(values[2], 16), int(values[3], 16), now)
        elif command == "GE":
            self._self_tests = not int(values[1], 16) & _CF_SELF_TEST_OFF
            self._check_amps(outlet, int(values[0]))
        elif command == "GG":
            self._currents = (int(values[0]), int(values[1]))
        elif command == "GU":
            self._meter(outlet, int(values[0]), int(values[1]), now)
        elif command == "GP":
            found = [int(each) for each in values[:3] if int(each) > -2560]
            outlet.temperature_c = Said(max(found) / 10, now) if found else None
        elif command == "GV":
            self.firmware = values[0]

    def _state(self, state: int, pilot: int, flags: int, now: float) -> None:
        outlet = self.outlets[1]
        letter = _LETTERS.get(state) or _LETTERS.get(pilot)
        pwm = state in (2, 3, 4, _DIODE)
        if state == _DISABLED:
            letter = "F"
        sample = sample_of(letter, pwm=pwm, diode_fault=state == _DIODE) if letter else None
        outlet.closed = Said(bool(flags & _VF_CLOSED) or state == 0x08, now)
        tripped = state == _GFCI or bool(flags & _VF_GFCI)
        # it tests its sensor by itself before each closing: what a test can ask is whether it does, and passed
        proven = bool(self._self_tests) and state != _SELF_TEST
        outlet.rcd = Said(tripped or (self.wishes[1].rcd_test and proven), now)
        outlet.pe_lost = Said(state == _NO_GROUND or bool(flags & _VF_NO_GROUND), now)
        outlet.fault = f"OpenEVSE: {_FAULTS[state]}" if state in _FAULTS else ""
        outlet.pilot = None if sample is None else Said(sample, now)  # last: who waits for the first words looks here

    def _check_amps(self, outlet: Outlet, amps: int) -> None:
        output = self.wishes[1].pilot
        asked = next((word for word in self._told if word.startswith("SC")), "")
        if output.mode is PilotMode.DUTY and asked and self._asked is None and amps > whole_amps(output.duty_percent):
            self._told = ()  # said again: it has forgotten, or not heard

    def _meter(self, outlet: Outlet, session_ws: int, total_wh: int, now: float) -> None:
        milliamps, millivolts = self._currents
        if milliamps < 0 or millivolts < 0:
            outlet.meter = None
            return
        amps, volts = milliamps / 1000, millivolts / 1000
        reading = MeterReading(total_wh + session_ws / 3600, amps * volts, (volts,), (amps,))
        outlet.meter = Said(reading, now)

    # --- speaking ---------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bytes:
        self._follow_wish()
        if self._asked is not None:
            if now < self._asked.until:
                return b""
            self._missed += 1
            self.trouble = f"no answer to {self._asked.command}" + (f", {self._missed} times" * (self._missed > 1))
            if not self._asked.command.startswith("G"):
                self._told = ()  # whether it was heard nobody knows
            self._asked = None
        command = self._next(now)
        if not command:
            return b""
        self._number = self._number % 255 + 1
        number = f"{self._number:02X}"
        self._asked = _Asked(command, number, now + TIMEOUT_S)
        return line(f"{command} :{number}")

    def _follow_wish(self) -> None:
        """The commands that make the present wish true, ahead of everything else."""
        wish = self.wishes[1]
        void = wish.duty_void or (wish.close and wish.closings == self._refused)
        commands: tuple[str, ...] = ("FS",)
        if wish.pilot.mode in (PilotMode.E, PilotMode.F):
            commands = ("FD",)
        elif wish.pilot.mode is PilotMode.DUTY and not void:
            commands = (f"SC {whole_amps(wish.pilot.duty_percent)} V", "FE")
        if commands != self._told:
            known = self._told[-1:] == commands[-1:] == ("FE",)
            wanted = commands[:1] if known and "FE" not in self._queue else commands  # enabled: only the current is new
            rest = [command for command in self._queue if command[:2] not in ("SC", "FE", "FS", "FD")]
            self._queue = deque([*wanted, *rest])
            self._told = commands

    def _next(self, now: float) -> str:
        if self._queue:
            return self._queue.popleft()
        if self._heartbeat[0] and now >= self._pulse_at and self.alive(now):
            self._pulse_at = now + self._heartbeat[0] / 3
            return "SY"
        for command, period_s in POLLS.items():
            if now >= self._poll_at[command]:
                self._poll_at[command] = now + period_s
                return command
        return ""

    def next_at(self, now: float) -> float:
        if self._asked is not None:
            return self._asked.until
        if self._queue:
            return now
        return min(self._poll_at.values())

    def farewell(self) -> bytes:
        return line("FS")


def whole_amps(duty_percent: float) -> int:
    """Whole A that OpenEVSE offers for a duty, never more than it means."""
    return max(6, math.floor(current_for(duty_percent) + 0.05))
