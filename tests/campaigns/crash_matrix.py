"""kill -9 of a station at random points of its life, beside a back office that is on line, off line, flapping or slow.

    python tests/campaigns/crash_matrix.py [--version 2.0.1] [--kills 500] [--transactions 100] [--seed N]

What must hold: every event arrives, first arrivals are in order; 2.x never has two messages for one (transaction,
seqNo); whatever arrives twice is the same message, one more time for each kill or cut at most; 1.6's transactions keep
their number. Exit code 1 when it does not. Lives are forked from a process that has all imported, so one takes 0.1 s.
"""

import argparse
import asyncio
import contextlib
import importlib
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import websockets.asyncio.server
from websockets.typing import Subprotocol

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
busy_station = importlib.import_module("busy_station")  # beside us, and imported by the forked lives

Mode = Literal["online", "offline", "flapping", "slow"]
MODES: Final[tuple[Mode, ...]] = ("online", "offline", "flapping", "slow")
PER_MODE: Final = 10  # kills before the back office changes its ways
REPORTS: Final = {"TransactionEvent", "StartTransaction", "MeterValues", "StopTransaction"}
QUIET_S: Final = 3.0  # at the end: so long nothing more comes


class Office:
    """A back office that answers at once, late, not for long, or is not there. It drops no frame it has read."""

    def __init__(self, version: str, dice: random.Random) -> None:
        self.version = version
        self.mode: Mode = "online"
        self.frames: list[str] = []  # reports in the order of arrival
        self.cuts = 0  # connections that we ended
        self.heard_at = 0.0
        self.on_report: Callable[[], None] = lambda: None
        self.port = 0
        self._dice = dice
        self._numbers: dict[str, int] = {}  # 1.6: by the start's frame
        self._server: websockets.asyncio.server.Server | None = None

    async def become(self, mode: Mode) -> None:
        self.mode = mode
        if mode == "offline":
            await self.close()
        elif self._server is None:
            protocol = Subprotocol(f"ocpp{self.version}")
            self._server = await websockets.asyncio.server.serve(
                self._serve, "127.0.0.1", self.port, subprotocols=[protocol], compression=None
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
            self.cuts += 1

    async def _serve(self, socket: Any) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in socket:
                kind, message_id, action, *_ = json.loads(frame)
                if kind != 2:
                    continue
                if action in REPORTS:
                    same = frame.replace(message_id, "", 1) if self.version == "2.0.1" else frame
                    self.frames.append(same)  # 2.0.1 repeats under another id (part 4, 4.1.4)
                    self.heard_at = time.monotonic()
                    self.on_report()
                if self.mode == "flapping" and self._dice.random() < 0.2:
                    self.cuts += 1
                    socket.transport.abort()
                    return
                if self.mode == "slow":
                    await asyncio.sleep(self._dice.random() * 0.3)
                await socket.send(json.dumps([3, message_id, self._answer(action, frame)]))

    def _answer(self, action: str, frame: str) -> dict[str, Any]:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": "2027-01-15T12:00:00Z", "interval": 300}
            case "Heartbeat":
                return {"currentTime": "2027-01-15T12:00:00Z"}
            case "StartTransaction":
                number = self._numbers.setdefault(frame, 1000 + len(self._numbers))
                return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
        return {}


class Campaign:
    def __init__(self, folder: Path, version: str, kills: int, transactions: int, seed: int) -> None:
        self.folder = folder
        self.version = version
        self.kills = kills
        self.facts = transactions * len(busy_station.FACTS)
        self.dice = random.Random(seed)
        self.office = Office(version, self.dice)
        self.killed: Counter[str] = Counter()  # by mode
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["busy_station"])

    async def run(self) -> None:
        """All kills, then one life that is left alone until everything is told."""
        await self.office.become("online")
        for number in range(self.kills):
            mode = MODES[number // PER_MODE % len(MODES)]
            if mode != self.office.mode:
                await self.office.become(mode)
            await self._one_life(upto=self.facts * (number + 1) // (self.kills + 1))
            self.killed[mode] += 1
        await self.office.become("online")
        await self._to_the_end()
        await self.office.close()

    async def _one_life(self, upto: int) -> None:
        """Begins, and is killed: some time after its beginning, or around one of its reports."""
        heard = asyncio.Event()
        self.office.on_report = heard.set
        process = self._begin(upto)
        patience = 0.2 + self.dice.random() * 0.6
        if self.dice.random() < 0.6 and self.office.mode != "offline":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), patience * 3)
            await asyncio.sleep(self.dice.choice((0.0, 0.001, 0.003, 0.01, 0.05)) * self.dice.random())
        else:
            await asyncio.sleep(patience)
        process.kill()
        await asyncio.to_thread(process.join)

    async def _to_the_end(self) -> None:
        process = self._begin(self.facts)
        self.office.heard_at = time.monotonic()
        until = time.monotonic() + 60 + self.facts / 50
        while time.monotonic() < until:
            await asyncio.sleep(0.1)
            if time.monotonic() - self.office.heard_at > QUIET_S and len(set(self.office.frames)) >= self.facts:
                break
        process.kill()
        await asyncio.to_thread(process.join)

    def _begin(self, upto: int) -> Any:
        url = f"ws://127.0.0.1:{self.office.port}/ocpp"
        process = self._context.Process(target=busy_station.life, args=(str(self.folder), url, self.version, upto))
        process.start()
        return process

    # --- what must hold -----------------------------------------------------------------------------------------------

    def broken(self) -> list[str]:
        """Which rules are broken, in words."""
        sent = Counter(self.office.frames)
        firsts = list(dict.fromkeys(self.office.frames))
        found = self._wrong_16(firsts) if self.version == "1.6" else self._wrong_2x(firsts)
        again = sum(sent.values()) - len(sent)
        allowed = self.kills + self.office.cuts
        if again > allowed:
            found.append(f"{again} resends for {allowed} kills and cuts")
        for frame in sent:
            places = [n for n, each in enumerate(self.office.frames) if each == frame]
            if places != list(range(places[0], places[-1] + 1)):
                found.append(f"something overtook the resend of {frame[:120]}")
        return found

    def _wrong_2x(self, firsts: list[str]) -> list[str]:
        events = [json.loads(frame)[3] for frame in firsts]
        places = [(event["transactionInfo"]["transactionId"], event["seqNo"]) for event in events]
        wanted = [(f"tx-{n}", seq) for n, seq in (divmod(i, len(busy_station.FACTS)) for i in range(self.facts))]
        found = [f"two messages for {place}" for place, count in Counter(places).items() if count > 1]
        found += [f"lost: {place}" for place in wanted if place not in set(places)]
        return found + (["not in order"] if places != wanted and not found else [])

    def _wrong_16(self, firsts: list[str]) -> list[str]:
        calls = [json.loads(frame)[2:] for frame in firsts]
        wanted = ["StartTransaction", "MeterValues", "MeterValues", "MeterValues", "StopTransaction"]
        found = []
        for n in range(self.facts // len(wanted)):
            mine = calls[n * len(wanted) : (n + 1) * len(wanted)]
            if [action for action, _ in mine] != wanted:
                return [f"transaction {n} is told by {[action for action, _ in mine]}"]
            numbers = {payload["transactionId"] for _, payload in mine[1:]}
            if len(numbers) != 1 or min(numbers) < 1000:
                found.append(f"transaction {n} has the numbers {numbers}")
            meters = [mine[0][1]["meterStart"], mine[-1][1]["meterStop"]]
            if meters != [1000 * n, 1000 * n + 4]:
                found.append(f"transaction {n} has the meter values {meters}")
        return found + ([f"{len(calls)} calls for {self.facts} events"] if len(calls) != self.facts else [])


async def campaign(
    version: str, kills: int, transactions: int, seed: int, say: Callable[[str], Any] = print
) -> list[str]:
    """Run one; what is broken."""
    with tempfile.TemporaryDirectory(prefix="pilotline-crash-") as folder:
        run = Campaign(Path(folder), version, kills, transactions, seed)
        began = time.monotonic()
        await run.run()
        broken = run.broken()
    frames = run.office.frames
    say(
        f"OCPP {version}: {kills} kills ({', '.join(f'{mode} {count}' for mode, count in run.killed.items())}), "
        f"{transactions} transactions, {len(set(frames))} of {run.facts} events, {len(frames) - len(set(frames))} "
        f"identical resends, {run.office.cuts} cuts, {time.monotonic() - began:.0f} s, seed {seed}: "
        + (f"{len(broken)} broken" if broken else "all rules hold")
    )
    return broken


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=("1.6", "2.0.1", "2.1"), action="append", help="default: all three")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--transactions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(argv)
    broken: list[str] = []
    for version in options.version or ("1.6", "2.0.1", "2.1"):
        broken += asyncio.run(campaign(version, options.kills, options.transactions, options.seed))
    print("\n".join(broken[:50]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
