"""`pilotline ocpp replay LOG`: a recorded log against our OCPP. For people who look for whose fault it was.

Every frame is checked; each CALL of the back office is asked again of a real station of ours without hardware, in a
folder that goes away. Nothing is dialled, nothing is up- or downloaded.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from firmware.config import EvseSettings, OcppSettings, Settings, StationSettings
from firmware.energy.engine import Engine
from firmware.main import managed
from firmware.ocpp.client import SUBPROTOCOLS, BackOfficeClient
from firmware.ocpp.ocpp_j import MessageType
from firmware.ocpp.payload import stamp
from firmware.ocpp.replay import VERSIONS, Entry, Judge, Judged, dialect_of, entries, guessed
from firmware.station.clock import SystemClock
from firmware.station.station import build_station

ANSWER_S: Final = 5.0  # ours take milliseconds; 1.6 leaves some frames without any
ARROWS: Final = {"sent": "->", "received": "<-", None: "  "}


def main(argv: list[str]) -> int:
    """Exit code 0: every frame is valid; 1: at least one is not; 2: no log that can be read."""
    parser = argparse.ArgumentParser(prog="pilotline ocpp", description="Tools for OCPP.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    play = commands.add_parser("replay", help="check a recorded log", description=f"{main.__doc__}\n{replay.__doc__}")
    play.add_argument("log", metavar="LOG", help="a file of storage/ocpp, or one frame per line; - is standard input")
    play.add_argument("--ocpp", choices=VERSIONS, help="the version; else as the log says, or the one that fits best")
    play.add_argument("--evses", type=int, default=2, choices=range(1, 65), metavar="N", help="of our station (2)")
    play.add_argument("--only-check", action="store_true", help="do not ask our station")
    options = parser.parse_args(argv)
    try:
        with contextlib.nullcontext(sys.stdin) if options.log == "-" else open(options.log, encoding="utf-8") as file:
            log = list(entries(file))
        if not log:
            raise ValueError("no frame in it")
    except (OSError, ValueError) as error:
        said = error.strerror or error if isinstance(error, OSError) else error
        print(f"pilotline ocpp: {options.log}: {said}", file=sys.stderr)
        return 2
    version = options.ocpp or guessed(log)
    logging.disable()  # what our station says of itself is no part of the answer
    try:
        return asyncio.run(replay(log, version, 0 if options.only_check else options.evses))
    finally:
        logging.disable(logging.NOTSET)


async def replay(log: list[Entry], version: str, evses: int) -> int:
    """Each frame is checked and paired with its answer. -> is the station's, <- the back office's; under a CALL of the
    back office stands what our station, with nothing plugged in, answers to it."""
    judge = Judge(dialect_of(version))
    wrong = 0
    async with Player(version, evses) if evses else contextlib.nullcontext() as player:
        for entry in log:
            judged = judge.judge(entry)
            wrong += bool(judged.problem)
            print(line_of(judged))
            if player is not None and judged.direction == "received" and judged.kind == "call":
                print(f"      ours: {await player.ask(judged)}")
    for call in judge.open.values():
        print(f"no answer in this log: {call.action} {call.id}")
    print(f"{len(log)} frames, OCPP {version}: {wrong or 'none'} invalid")
    return 1 if wrong else 0


def line_of(judged: Judged) -> str:
    """A frame in a line for people."""
    after = f"after {judged.answered_s * 1000:.0f} ms" if judged.answered_s is not None else ""
    verdict = f"INVALID: {judged.problem}" if judged.problem else "valid" if judged.checked else "not checked"
    notes = "; ".join(part for part in (verdict, after, *judged.remarks) if part)
    return f"{judged.entry.at[11:23]:12} {ARROWS[judged.direction]} {judged.kind:6} {judged.action or '?':30} {notes}"


class RecordedTime(SystemClock):
    """The time of the log, going on from its latest frame: a profile was valid then, not now."""

    def at(self, utc: float | None) -> None:
        if utc is not None:
            self._correction += utc - self.utc()
            self._told = True

    def set_utc(self, utc: float) -> float:
        return 0.0


class Played:
    """The connection of our station: what it is told comes from the log, its CALLs but for the first find no ear."""

    def __init__(self, subprotocol: str, clock: RecordedTime) -> None:
        self.subprotocol = subprotocol
        self._clock = clock
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self.registered = asyncio.Event()

    async def send(self, text: str) -> None:
        parts = json.loads(text)
        if parts[0] != MessageType.CALL:
            waiting = self._answers.pop(parts[1], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(parts)
        elif parts[2] == "BootNotification":
            answer = {"status": "Accepted", "currentTime": stamp(self._clock.utc()), "interval": 300}
            self._told.put_nowait(json.dumps([3, parts[1], answer]))
        else:
            self.registered.set()  # what follows the registration

    async def frames(self) -> AsyncIterator[str | bytes]:
        while True:
            yield await self._told.get()

    async def ping(self, within_s: float) -> None:
        """A log answers always."""

    async def close(self) -> None:
        """Nothing is open."""

    async def ask(self, message_id: str, frame: str) -> list[Any]:
        """The answer to a frame. Raises TimeoutError."""
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._answers[message_id] = answer
        self._told.put_nowait(frame)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        finally:
            self._answers.pop(message_id, None)


class Player:
    """A real station of ours, registered, with nothing plugged in; begins anew after a Reset, as it would."""

    def __init__(self, version: str, evses: int) -> None:
        self._version = version
        self._evses = evses
        self._folder = tempfile.TemporaryDirectory(prefix="pilotline-replay-")
        self._clock = RecordedTime()
        self._tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> "Player":
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()
        self._folder.cleanup()

    async def ask(self, judged: Judged) -> str:
        """What we answer to this CALL, as JSON, or why nothing."""
        entry = judged.entry
        self._clock.at(entry.utc)
        asked = asyncio.create_task(self._link.ask(judged.id, entry.frame or ""))
        await asyncio.wait([asked, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            asked.cancel()
            why = next((str(task.exception() or "it ended") for task in self._tasks if task.done()), "")
            await self._end()
            await self._begin()
            return f"our station failed: {why}"
        try:
            kind, _, *answer = asked.result()
        except TimeoutError:
            return "no answer"
        if judged.action == "Reset" and kind == 3:
            await self._end()
            await self._begin()
        return " ".join(each if isinstance(each, str) else json.dumps(each) for each in answer[:2])

    async def _begin(self) -> None:
        folder = Path(self._folder.name)
        ocpp = OcppSettings(url="ws://localhost/replay", identity="REPLAY", versions=(self._version,))  # type: ignore[arg-type]  # one of VERSIONS
        settings = Settings(
            station=StationSettings(storage=str(folder), guard_socket=str(folder / "guard.sock")),
            evse=tuple(EvseSettings(id=number, connectors=(number,)) for number in range(1, self._evses + 1)),
            ocpp=ocpp,
        )
        station = build_station(settings, self._clock)
        station.smart_charging = engine = Engine(station)
        parts = [station.run, engine.run, *(start for _, start in managed(settings, station))]
        station.log_upload = None  # a log must not send files to addresses of its time
        client = BackOfficeClient(station, ocpp, station.journal)
        self._link = Played(SUBPROTOCOLS[self._version], self._clock)
        self._tasks = [asyncio.create_task(start()) for start in parts]  # type: ignore[arg-type]  # coroutines
        await client.begin()
        self._tasks.append(asyncio.create_task(client.serve(self._link)))
        async with asyncio.timeout(ANSWER_S):
            await self._link.registered.wait()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
