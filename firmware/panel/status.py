"""`pilotline status`: asks the running station and says first why it charges or does not.

What is known comes from the control socket (`control.py`); this file only words it.
"""

import argparse
import json
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

from firmware.config import StationSettings
from firmware.panel.words import PROTOCOLS
from firmware.station.reasons import whose

TIMEOUT_S = 5.0
LONGEST_ANSWER = 4_000_000
LABEL = 14  # columns

_BOLD, _GREEN, _YELLOW, _RED, _DIM, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
_COLOURS = {"good": _GREEN, "wait": _YELLOW, "bad": _RED, "dim": _DIM, "title": _BOLD}

LEVELS = {
    "A": "no car connected",
    "B": "car connected, does not ask for power",
    "C": "car asks for power",
    "D": "car asks for power and ventilation",
    "E": "pilot at 0 V",
    "F": "station signals a fault",
}


class NotRunning(Exception):
    """Nobody answers on the control socket; the text says what to do."""


def ask(path: Path) -> dict[str, Any]:
    """The station's state. Raises NotRunning."""
    answer = request(path, {"do": "status"})
    if not isinstance(answer.get("status"), dict):
        raise NotRunning(f"the station on {path} answers: {answer.get('error', answer)}")
    status: dict[str, Any] = answer["status"]
    return status


def request(path: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """One request to the control socket and its answer. Raises NotRunning."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(TIMEOUT_S)
            link.connect(str(path))
            link.sendall(json.dumps(wanted).encode() + b"\n")
            answer = json.loads(_line(link))
    except FileNotFoundError:
        raise NotRunning(f"no station runs here ({path} does not exist); start it, or name its --socket") from None
    except ConnectionRefusedError:
        raise NotRunning(f"the station has ended (nobody listens on {path}); see its log for why") from None
    except PermissionError:
        raise NotRunning(f"you may not open {path}; join its group or use sudo") from None
    except TimeoutError:
        raise NotRunning(f"the station does not answer within {TIMEOUT_S:.0f} s on {path}") from None
    except (OSError, ValueError) as error:
        raise NotRunning(f"no sense from {path}: {error}") from error
    if not isinstance(answer, dict):
        raise NotRunning(f"the station on {path} answers: {answer}")
    return answer


def _line(link: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        part = link.recv(65_536)
        if not part or len(received) > LONGEST_ANSWER:
            raise ValueError("the answer is not one line")
        received += part
    return bytes(received)


def show(status: dict[str, Any], *, colour: bool = False, options: str = "") -> str:
    """The state for people: per EVSE the answer first, then what it is made of; the station last. `options`: what
    commands that are advised need to reach this very station."""
    page = _Page(colour)
    for evse in status["evses"]:
        _show_evse(page, evse, options)
        page.line("")
    _show_station(page, status)
    return page.text()


class _Page:
    """Lines of `label  value`, coloured only for a terminal."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self._lines: list[str] = []

    def paint(self, text: str, tone: str) -> str:
        return f"{_COLOURS[tone]}{text}{_PLAIN}" if self._colour and tone else text

    def line(self, text: str) -> None:
        self._lines.append(text)

    def row(self, label: str, value: object, tone: str = "") -> None:
        """Nothing is shown for what is not known."""
        text = printable(value)
        if text:
            self._lines.append(f"  {self.paint(label.ljust(LABEL), 'dim')}{self.paint(text, tone)}")

    def text(self) -> str:
        return "\n".join(self._lines)


def printable(value: object) -> str:
    """Texts of others without control characters: a terminal obeys those."""
    text = "" if value is None else str(value)
    return "".join(each if each.isprintable() else "�" for each in text)


def _show_evse(page: _Page, evse: dict[str, Any], options: str) -> None:
    tone = "good" if evse["charging"] else "bad" if evse["faults"] else "wait" if evse["plugged"] else ""
    page.line(f"{page.paint('EVSE ' + printable(evse['id']), 'title')}  {page.paint(printable(evse['why']), tone)}")
    for fault in evse["faults"]:
        page.row("fault", f"{fault['text']} ({fault['code']}, for {_duration(fault['since_s'])})", "bad")
        page.row("  to do", fault["remedy"])
        if fault["latched"]:
            leaves = "the car leaves or " if fault["leaves"] else ""
            clear = f"pilotline clear {evse['id']} {fault['code']}{options}"
            page.row("", f"stays until {leaves}it is cleared: {clear}")
    words = LEVELS.get(evse["level"], "not known yet")
    page.row("pilot", f"{evse['level']}, {words}{_duty(evse)}")
    page.row("contactor", _contactor(evse))
    page.row("limit", f"{evse['limit_a']:g} A, set by {whose(evse['limit_source'])}{_cable(evse)}")
    page.row("power", f"{evse['power_w'] / 1000:.2f} kW" if evse["power_w"] is not None else None)
    page.row("transaction", f"{evse['transaction']}{_energy(evse)}" if evse["transaction"] else "none")
    page.row("token", evse["token"])
    page.row("session", _session(evse))
    page.row("told", evse.get("told", ""))
    page.row("bill", evse.get("bill", ""))
    page.row("shown", " / ".join(evse.get("says", ())))
    page.row("packets", ", ".join(part for part in (evse.get("capture"), evse.get("capture_state")) if part))
    page.row("temperature", f"{evse['temperature_c']:.0f} °C" if evse["temperature_c"] is not None else None)
    page.row("reported as", " / ".join(filter(None, dict.fromkeys((evse["state"], evse["detail"])))))
    page.row("", None if evse["operative"] else "out of service by command", "wait")


def _contactor(evse: dict[str, Any]) -> str:
    """A weld that is over stays latched; both lines must be true together."""
    if evse["contactor"] == "open" and any(fault["code"] == "weld" for fault in evse["faults"]):
        return "open by now; locked until the fault is cleared"
    return str(evse["contactor"])


def _duty(evse: dict[str, Any]) -> str:
    return f"; duty {evse['duty_percent']:.1f} %" if evse["pilot"] == "duty" else ""


def _cable(evse: dict[str, Any]) -> str:
    return f" (cable {evse['cable_rating_a']:g} A)" if evse["cable_rating_a"] else ""


def _energy(evse: dict[str, Any]) -> str:
    return f", {evse['energy_wh'] / 1000:.3f} kWh" if evse["energy_wh"] is not None else ""


def _session(evse: dict[str, Any]) -> str:
    soc = f"{evse['soc_percent']:.0f} % charged" if evse["soc_percent"] is not None else ""
    car = f"car {evse['evccid']}" if evse["evccid"] else ""
    return ", ".join(
        part for part in (PROTOCOLS.get(evse["protocol"], evse["protocol"]), car, soc, evse["session_status"]) if part
    )


def _show_station(page: _Page, status: dict[str, Any]) -> None:
    name = " ".join(part for part in (status["vendor"], status["model"], status["serial"]) if part)
    page.line(page.paint(printable(name), "title"))
    version = f"{status['version']}, " if status["version"] else ""
    page.row("running", f"{version}for {_duration(status['uptime_s'])}, started by {status['boot_reason']}")
    guard = status["guard"]
    if guard["connected"]:
        page.row("guard", f"connected, board {guard['board']}, {guard['version']}", "good")
    else:
        page.row("guard", f"not connected: {guard['problem']}", "bad")
    page.row("back office", *_back_office(status["back_office"]))
    page.row("clock", None if status["clock_synced"] else "not set yet", "wait")


def _back_office(office: dict[str, Any]) -> tuple[str, str]:
    if not office["configured"]:
        return "none", ""
    count = office["waiting"]
    waiting = "queue unknown" if count is None else f"{count} not delivered yet" if count else "all delivered"
    if office["connected"]:
        return f"OCPP {office['version']}, {office['url']}, {waiting}", "good"
    reason = f": {office['reason']}" if office["reason"] else ""
    return f"not connected to {office['url']}{reason}; {waiting}", "wait"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min" if whole < 172_800 else f"{whole // 86_400} days"


def main(argv: list[str]) -> int:
    """Exit code 1: no station answers."""
    parser = argparse.ArgumentParser(
        prog="pilotline status", description="What the station does now, and why it is not charging."
    )
    parser.add_argument("--json", action="store_true", help="everything, for programs")
    default = StationSettings().control_socket
    parser.add_argument("--socket", type=Path, default=Path(default), metavar="PATH", help=f"default: {default}")
    arguments = parser.parse_args(argv)
    try:
        status = ask(arguments.socket)
    except NotRunning as error:
        print(f"pilotline status: {error}", file=sys.stderr)
        return 1
    options = "" if arguments.socket == Path(default) else f" --socket {shlex.quote(str(arguments.socket))}"
    text = json.dumps(status, indent=2) if arguments.json else show(status, colour=sys.stdout.isatty(), options=options)
    print(text)
    return 0
