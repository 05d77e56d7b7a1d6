"""The rig as a test sees it: rig control by name, and named conditions with the way to each.

    rig = Rig(SocketLink(path))
    rig.reach("charging")               # plugs in, swipes, waits
    rig.do("emergency_stop")
    rig.wait("open", within=0.5)
    rig.check_healthy()

The same `Rig` works on a plant in virtual time: hand it a link whose `pass_time` steps plant and guard.
"""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from hil.plant.command import RigError

JsonObject = dict[str, Any]
CARD: Final = "04A2B3C4D5E680"  # what the rig holds to the reader


class Link(Protocol):
    """A way to a plant: one request, and time that passes."""

    def request(self, request: JsonObject) -> JsonObject: ...

    def pass_time(self, seconds: float) -> None: ...


class SocketLink:
    """Rig control over its Unix socket; time passes by itself."""

    def __init__(self, path: Path, timeout_s: float = 5.0) -> None:
        """Raises RigError when no plant listens there."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise RigError(f"no rig at {path} ({error.strerror}); is `python -m hil.plant` running?") from error
        self._answers = self._socket.makefile("rb")

    def request(self, request: JsonObject) -> JsonObject:
        """Raises RigError when the plant went away or does not answer in time."""
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._answers.readline()
        except OSError as error:
            raise RigError(f"the rig does not answer: {error}") from error
        if not line:
            raise RigError("the rig closed the connection")
        reply: JsonObject = json.loads(line)
        return reply

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


@dataclass(frozen=True)
class Condition:
    """What must be true of a connector's status, and the way there from a healthy rig."""

    holds: Callable[[JsonObject], bool]
    way: Callable[["Rig"], None] = lambda rig: None
    within: float = 5.0


def _plug(rig: "Rig") -> None:
    if rig.status()["car"] == "A":
        rig.do("plug")


def _charge(rig: "Rig") -> None:
    _plug(rig)
    rig.do("car", wants_power=True)
    rig.do("swipe", token=rig.token)


def _idle(rig: "Rig") -> None:
    rig.do("car", wants_power=False)
    rig.wait("open", within=10.0)
    rig.do("unplug", force=True)


CONDITIONS: Final = {
    "idle": Condition(lambda seen: seen["car"] == "A" and seen["de_energised"], _idle),
    "plugged": Condition(lambda seen: seen["car"] == "B" and not seen["closed"], _plug),
    "ready": Condition(lambda seen: seen["car"] in "CD"),
    "closed": Condition(lambda seen: bool(seen["closed"])),
    "open": Condition(lambda seen: not seen["closed"]),
    "charging": Condition(lambda seen: bool(seen["closed"]) and seen["power_w"] > 500.0, _charge, within=30.0),
    "de-energised": Condition(lambda seen: bool(seen["de_energised"])),
    "healthy": Condition(lambda seen: not seen["faults"] and seen["de_energised"]),
}


class Rig:
    """One connector of a plant. `token` is the card that `reach("charging")` uses."""

    def __init__(self, link: Link, connector: int = 1, token: str = CARD, step_s: float = 0.02) -> None:
        self.link = link
        self.connector = connector
        self.token = token
        self.step_s = step_s

    def do(self, command: str, **fields: object) -> JsonObject:
        """Send one rig command. Raises RigError with the rig's words when it is refused."""
        reply = self.link.request({"do": command, "connector": self.connector, **fields})
        if not reply.pop("ok"):
            raise RigError(reply["error"])
        return reply

    def status(self) -> JsonObject:
        """This connector's part of the rig's status."""
        seen: JsonObject = self.do("status")["connectors"][str(self.connector)]
        return seen

    def wait(self, condition: str | Callable[[JsonObject], bool], within: float, what: str = "") -> float:
        """Let time pass until it holds; the seconds that took. Raises RigError with the last status if it does not;
        `what` names a condition that has no name of its own."""
        holds = CONDITIONS[condition].holds if isinstance(condition, str) else condition
        name = condition if isinstance(condition, str) else what or "as wanted"
        waited = 0.0
        while not holds(seen := self.status()):
            if waited >= within:
                raise RigError(f"not {name} within {within:g} s: {seen}")
            self.link.pass_time(self.step_s)
            waited += self.step_s
        return waited

    def reach(self, condition: str, within: float | None = None) -> JsonObject:
        """Go the way to a named condition and wait until it holds; the status then."""
        wanted = CONDITIONS[condition]
        if not wanted.holds(self.status()):
            wanted.way(self)
            self.wait(condition, within or wanted.within)
        return self.status()

    def check_healthy(self) -> None:
        """After a test: take faults and plug out; then no contact may be closed, nothing may flow. Raises RigError."""
        self.do("heal")
        self.wait("healthy", within=1.0)
