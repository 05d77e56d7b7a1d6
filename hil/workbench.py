"""`pilotline rig serve`: a whole station under rig control, for test suites of others. Plant, guard and controller are
processes; the link to any back office goes over a line that can be cut. One Unix socket, one JSON object per line.

See OUTSIDE_SUITES.md. The requests are `workbench_commands`; those of the plant are passed on to it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from firmware.ocpp import start_values
from firmware.panel.status import NotRunning, request
from firmware.panel.status import ask as station_status
from hil import named_errors
from hil import workbench_commands as ask
from hil.office_line import OfficeLine
from hil.places import PlaceError, control_socket, held, runtime_folder
from hil.plant.command import RigError
from hil.plant.commands import COMMANDS
from hil.rig import JsonObject
from hil.stack import BOARDS, Stack, StackError, station_toml
from hil.talking_cars import TalkingCars

T = TypeVar("T")
FIRST_SDP_PORT: Final = 15_200
OPTIONAL: Final = ("password", "ca_file", "security_profile", "client_certificate", "client_key")  # keys of [ocpp]
LONGEST_LINE: Final = 1 << 20  # start values of a whole device model


@dataclass(frozen=True)
class Setup:
    """How the station is started; `start` changes it field by field."""

    state: Path
    url: str = ""
    identity: str = "CS-1"
    versions: str = "2.0.1,1.6"
    password: str | None = None
    ca_file: str | None = None
    security_profile: int | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    authorization: str = "csms"
    local_list: str = ""
    digital: bool = False
    firmware_roots: str = ""
    signed_firmware_only: bool = False

    def station_file(self, folder: Path, evses: int, dialled: str) -> str:
        """The station.toml of this setup; TOML takes JSON's way of writing texts."""
        v2g = [
            f'interface = "lo"\nsdp_port = {sdp_port(number)}\nnominal_after_s = 5.0' if self.digital else ""
            for number in range(1, evses + 1)
        ]
        tokens = json.dumps([token for token in self.local_list.split(",") if token])
        ocpp = ""
        if self.url:
            fields: dict[str, object] = {
                "url": dialled,
                "identity": self.identity,
                "versions": self.versions.split(","),
            }
            for name in OPTIONAL:
                value = getattr(self, name)
                fields |= {name: value} if value not in {None, ""} else {}
            ocpp = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
        authorization = f'mode = "{self.authorization}"\nlocal_list = {tokens}'
        return station_toml(
            folder, authorization=authorization, v2g=v2g, ocpp=ocpp, update=self._update(), storage=self.state
        )

    def _update(self) -> str:
        """Two slots in the state folder, and the simulated updater that fills them."""
        installer = [sys.executable, "-m", "hil.updater", str(self.state / "slots")]
        fields: dict[str, object] = {"installer": installer, "unsigned": not self.signed_firmware_only}
        fields |= {"roots": self.firmware_roots} if self.firmware_roots else {}
        return "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())


def sdp_port(connector: int) -> int:
    """Where the station listens for talking cars of this connector; another range in each process."""
    return FIRST_SDP_PORT + os.getpid() % 300 * 64 + connector


class Workbench:
    """`folder` keeps sockets, logs and, unless told otherwise, the station's state."""

    def __init__(self, folder: Path, *, board: str, evses: int, policy: str = "") -> None:
        self._folder, self._board, self._policy = folder, board, policy
        self._evses = evses
        # the guard's pause between two closings is for the contactor's sake, and this one has none
        self._stack = Stack(folder, "", board=board, connectors=evses, policy=f"min_close_interval_s = 1\n{policy}")
        self._cars = TalkingCars(self._stack, sdp_port)
        self._line = OfficeLine()
        self._setup = Setup(folder / "state")
        self._started = False
        self._worker = ThreadPoolExecutor(1)  # one thread for life: its end would be the end of its children
        self._one_at_a_time = asyncio.Lock()
        self.over = asyncio.Event()

    async def open(self) -> None:
        """Plant and guard. Raises StackError."""
        await self._do(self._stack.start_plant)
        await self._do(self._stack.start_guard)

    async def close(self) -> None:
        await self._do(self._cars.close)
        await self._do(self._stack.close)
        await self._line.close()
        self._worker.shutdown()

    async def answer(self, line: bytes) -> JsonObject:
        """Do one request."""
        try:
            asked = ask.read(line, tuple(COMMANDS))
            async with self._one_at_a_time:
                return {"ok": True, **(await self._answer(asked))}
        except (RigError, StackError, NotRunning, OSError, start_values.StartValuesError) as error:
            return {"ok": False, "error": str(error)}

    async def _answer(self, asked: ask.Ask | dict[str, object]) -> JsonObject:
        match asked:
            case ask.Start():
                return await self._start(asked)
            case ask.Stop():
                return {"did_run": await self._stop(asked.kill)}
            case ask.Restart():
                if not self._started:
                    raise RigError("the station was never started: start it")
                await self._stop(asked.kill)
                return await self._begin()
            case ask.Plug() if asked.car == "basic":
                await self._do(lambda: self._basic(asked))
            case ask.Plug():
                await self._do(lambda: self._cars.plug(asked))
            case ask.Unplug():
                await self._do(lambda: self._cars.end(asked.connector, asked.force))
                return await self._plant(do="unplug", connector=asked.connector, force=asked.force, end=asked.end)
            case ask.Pause():
                if not await self._do(lambda: self._cars.pause(asked.connector)):
                    await self._plant(do="car", connector=asked.connector, wants_power=False)
            case ask.Resume():
                if not await self._do(lambda: self._cars.resume(asked.connector)):
                    await self._plant(do="car", connector=asked.connector, wants_power=True)
            case ask.CutLink():
                await (self._line.silence() if asked.silent else self._line.cut())
            case ask.RestoreLink():
                await self._line.restore()
            case ask.Raise():
                return await self._raise(asked)
            case ask.Clear():
                return await self._clear(asked)
            case ask.Errors():
                return named_errors.told()
            case ask.Status():
                return await self._status()
            case ask.Shutdown():
                self.over.set()
            case dict():
                return await self._plant(**asked)
        return {}

    # --- the station ------------------------------------------------------------------------------------------------

    async def _start(self, wanted: ask.Start) -> JsonObject:
        """Raises RigError when it runs already, StackError when it does not come up."""
        if self._running():
            raise RigError("the station runs already; stop it first, or restart it")
        await self._do(lambda: self._prepare(wanted))
        return await self._begin()

    def _prepare(self, wanted: ask.Start) -> None:
        """Setup, state folder and start values. Raises StartValuesError, OSError."""
        told: dict[str, Any] = {name: getattr(wanted, name) for name in Setup.__dataclass_fields__}
        told["state"] = None if wanted.state is None else Path(wanted.state).absolute()
        self._setup = replace(self._setup, **{name: value for name, value in told.items() if value is not None})
        values = start_values.flat({**(wanted.keys or {}), **(wanted.variables or {})})
        state = self._setup.state
        if wanted.fresh:
            shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True, exist_ok=True)
        (state / start_values.APPLIED).unlink(missing_ok=True)
        if values:
            (state / start_values.FILE).write_text(json.dumps(values))

    async def _begin(self) -> JsonObject:
        setup, self._started = self._setup, True
        dialled = await self._line.lead_to(setup.url) if setup.url else ""
        return await self._do(lambda: self._launch(setup, dialled))

    def _launch(self, setup: Setup, dialled: str) -> JsonObject:
        """Returns which start values were not set. Raises StackError."""
        self._stack.station_file.write_text(setup.station_file(self._folder, self._evses, dialled))
        values, applied = setup.state / start_values.FILE, setup.state / start_values.APPLIED
        given = values.exists() and bool(setup.url)  # without a back office there is no configuration
        self._stack.start_controller()
        if given:
            self._stack.wait("station", applied.exists)
        refused = json.loads(applied.read_bytes()) if given else {}
        return {"pid": self._stack.processes["station"].pid, "not_set": refused}

    async def _stop(self, kill: bool) -> bool:
        """False: it did not run."""
        did_run = self._running()
        if did_run:
            await self._do(lambda: self._stack.end("station", signal.SIGKILL if kill else signal.SIGTERM))
        return did_run

    def _running(self) -> bool:
        process = self._stack.processes.get("station")
        return process is not None and process.poll() is None

    # --- cars and errors --------------------------------------------------------------------------------------------

    def _basic(self, wanted: ask.Plug) -> None:
        rig = self._stack.rig_of(wanted.connector)
        soc = {} if wanted.soc is None else {"soc_percent": wanted.soc}
        rig.do("car", policy="basic", wants_power=True, **soc)
        rig.do("plug", cable=wanted.cable)

    async def _raise(self, wanted: ask.Raise) -> JsonObject:
        error = named_errors.find(wanted.error)[1]
        if error.board and error.board != self._board:
            raise RigError(f"{wanted.error} needs another board: rig serve --board {error.board}")
        if error.policy.partition(" ")[0] not in self._policy:
            raise RigError(f"{wanted.error} needs another policy, such as: rig serve --policy '{error.policy}'")
        guard = {"pid": self._stack.processes["guard"].pid} if error.to_guard else {}
        return await self._plant(**error.put_in, **guard, connector=wanted.connector)

    async def _clear(self, wanted: ask.Clear) -> JsonObject:
        name, error = named_errors.find(wanted.error)
        await self._plant(**error.take_out, connector=wanted.connector)
        if not wanted.latched:
            return {}
        asked = {"do": "clear_fault", "evse": wanted.connector, "code": name}
        return await self._do(lambda: request(self._stack.control, asked))

    async def _status(self) -> JsonObject:
        seen = await self._plant(do="status")
        return {
            **seen,
            "station": {
                "running": self._running(),
                "connected": await self._do(self._connected),
                "state": str(self._setup.state),
                "url": self._setup.url,
            },
            "link": {"state": self._line.state, "connections": self._line.connections},
            "cars": self._cars.status(),
        }

    def _connected(self) -> bool:
        """Registered at the back office, by the station's own word."""
        try:
            return bool(self._running() and station_status(self._stack.control)["back_office"]["connected"])
        except NotRunning:
            return False

    async def _plant(self, **wanted: Any) -> JsonObject:
        reply = await self._do(lambda: self._stack.rig.link.request(wanted))
        if not reply.pop("ok"):
            raise RigError(reply["error"])
        return reply

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


async def serve(options: argparse.Namespace, folder: Path, control: Path) -> None:
    """Until SIGTERM, SIGINT or `shutdown`. Raises StackError, OSError."""
    bench = Workbench(folder, board=options.board, evses=options.evses, policy=options.policy)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, bench.over.set)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):  # a client that left, or we do
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    reply: JsonObject = {"ok": False, "error": f"a line may have {LONGEST_LINE} bytes"}
                    line = b""
                else:
                    reply = await bench.answer(line) if line else {}
                if reply:
                    writer.write(json.dumps(reply).encode() + b"\n")
                    await writer.drain()
                if not line:
                    break
        writer.close()

    try:
        await bench.open()
        listener = await asyncio.start_unix_server(client, control, limit=LONGEST_LINE)
        print(f"workbench ready: {options.evses} x {options.board}, control {control}, folder {folder}", flush=True)
        await bench.over.wait()
        listener.close()
    finally:
        await bench.close()


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 after SIGTERM, SIGINT or shutdown; 1 when the folder or the processes cannot be had."""
    parser = argparse.ArgumentParser(
        prog="pilotline rig serve", description="A whole station under rig control, for test suites of others."
    )
    parser.add_argument("--control", type=Path, help="where to listen (default: the rig's folder)")
    parser.add_argument("--folder", type=Path, help="keeps sockets, logs and state (default: in the rig's folder)")
    parser.add_argument(
        "--board", default="sim-ac-type2", choices=sorted(path.stem for path in BOARDS.glob("sim-*.toml"))
    )
    parser.add_argument("--evses", type=int, default=1, choices=range(1, 17), metavar="N")
    parser.add_argument("--policy", default="", metavar="LINE", help="for the board's [connector.policy]")
    options = parser.parse_args(argv)
    try:
        control = options.control or control_socket()
        folder = (options.folder or runtime_folder() / "workbench").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        with held(control):
            control.unlink(missing_ok=True)
            os.umask(0o077)  # the socket and what lies beside it are this user's alone
            asyncio.run(serve(options, folder, control))
            control.unlink(missing_ok=True)
    except (OSError, PlaceError, StackError) as error:
        print(f"rig serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
