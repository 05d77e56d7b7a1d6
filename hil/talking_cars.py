"""Cars that talk ISO 15118-2 or DIN SPEC 70121, as processes at the connectors of a `Stack`."""

import json
import signal
import subprocess
from collections.abc import Callable
from typing import Any, Final

from hil.plant.command import RigError
from hil.stack import Stack
from hil.workbench_commands import Plug

PROTOCOL: Final = {"iso2-ac": ("iso2", "ac"), "iso2-dc": ("iso2", "dc"), "din": ("din", "dc")}
ENDS_WITHIN_S: Final = 20.0
TOGGLE_S: Final = 0.3


class TalkingCars:
    """One car process per connector at most."""

    def __init__(self, stack: Stack, sdp_port: Callable[[int], int]) -> None:
        self._stack = stack
        self._sdp_port = sdp_port
        self._plugged: dict[int, Plug] = {}

    def plug(self, wanted: Plug) -> None:
        """Raises RigError where a car that talks is plugged in already."""
        if wanted.connector in self._plugged:
            raise RigError(f"connector {wanted.connector}: a car is plugged in")
        rig = self._stack.rig_of(wanted.connector)
        rig.do("car", policy="manual")
        rig.do("plug", cable=wanted.cable)
        self._plugged[wanted.connector] = wanted
        self._drive(wanted)

    def pause(self, connector: int) -> bool:
        """False: no car that talks is here."""
        return self._signal(connector, signal.SIGUSR1)

    def resume(self, connector: int) -> bool:
        """A new process goes on with the paused session. False: no car that talks is here. Raises RigError when it has
        not paused."""
        if connector not in self._plugged:
            return False
        process = self._stack.processes[_name(connector)]
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise RigError(f"connector {connector}: the car has not paused") from None
        paused = next((e for e in reversed(self._events(connector)) if e["event"] == "ended"), None)
        rig = self._stack.rig_of(connector)
        for state in ("C", "B"):  # ISO 15118-3: B-C-B wakes the station
            rig.do("set_state", state=state)
            rig.link.pass_time(TOGGLE_S)
        self._drive(self._plugged[connector], paused["session"] if paused else None)
        return True

    def end(self, connector: int, force: bool) -> None:
        """The session ends, at once with `force`; the plug stays."""
        if connector not in self._plugged:
            return
        process = self._stack.processes[_name(connector)]
        if not force and self._signal(connector, signal.SIGUSR2):
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                raise RigError(f"connector {connector}: the car does not end its session") from None
            self._stack.rig_of(connector).wait(lambda seen: not seen["locked"], ENDS_WITHIN_S, "unlocked")
        self._stack.end(_name(connector), signal.SIGKILL)
        del self._plugged[connector]

    def status(self) -> dict[str, Any]:
        """What each car told last."""
        return {str(connector): (self._events(connector) or [{}])[-1] for connector in self._plugged}

    def close(self) -> None:
        for connector in tuple(self._plugged):
            self.end(connector, force=True)

    def _drive(self, wanted: Plug, session: str | None = None) -> None:
        protocols, energy = PROTOCOL[wanted.car]
        command = ["-m", "hil.car", "--unicast", "::1", "--sdp-port", str(self._sdp_port(wanted.connector)), "--stay"]
        command += ["--control", str(self._stack.folder / "rig.sock"), "--connector", str(wanted.connector)]
        command += ["--protocols", protocols, "--energy", energy]
        command += ["--soc", str(wanted.soc)] if wanted.soc is not None and session is None else []
        command += ["--energy-wh", str(wanted.energy_wh)] if wanted.energy_wh is not None else []
        command += ["--session", session] if session is not None else []
        self._stack.start(_name(wanted.connector), command)

    def _signal(self, connector: int, number: signal.Signals) -> bool:
        if connector not in self._plugged:
            return False
        if self._stack.processes[_name(connector)].poll() is None:
            self._stack.signal(_name(connector), number)
        return True

    def _events(self, connector: int) -> list[dict[str, Any]]:
        lines = self._stack.log(_name(connector)).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def _name(connector: int) -> str:
    return f"car{connector}"
