"""A week without a back office: how long it takes until all is told afterwards, and what memory grows by.

    python tests/campaigns/week_offline.py [--days 7] [--transactions 500] [--samples 100000] [--version 2.0.1]

The week's facts are written into the journal as they would have come, with its bounds; then the station connects to
a back office on this machine. Exit code 1 when a start or an end is missing, when it takes more than 60 s or more than
10 MB.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import websockets.asyncio.server
from websockets.typing import Subprotocol

sys.path[:0] = [str(Path(__file__).parents[2])]
from firmware.config import OcppSettings, Settings, StationSettings  # noqa: E402
from firmware.ocpp.client import BackOfficeClient  # noqa: E402
from firmware.station.facts import IdToken, Sample, Transaction  # noqa: E402
from firmware.station.journal import Journal  # noqa: E402
from firmware.station.station import build_station  # noqa: E402

NOON: Final = 1_800_014_400.0
PAGE: Final = 20  # facts in one commit: few, as they come
MAX_S: Final = 60.0
MAX_MB: Final = 10.0
REPORTS: Final = {"TransactionEvent", "StartTransaction", "MeterValues", "StopTransaction"}


def week(days: float, transactions: int, samples: int) -> list[Transaction]:
    """Every fact of it, in order of time."""
    each = max(1, samples // transactions)
    apart = days * 86_400 / transactions
    step = apart * 0.9 / (each + 2)
    return [
        Transaction(
            at=NOON + n * apart + number * step,
            mono=1000.0,
            kind="Started" if number == 0 else "Ended" if number == each + 1 else "Updated",
            transaction_id=f"tx-{n}",
            seq_no=number,
            trigger="MeterValuePeriodic" if 0 < number <= each else "Authorized",
            evse=1,
            connector=1,
            offline=True,
            id_token=IdToken("04AABBCCDD") if number in {0, each + 1} else None,
            meter_start_wh=10_000.0 * n if number == 0 else None,
            stopped_reason="Local" if number == each + 1 else None,
            samples=(
                Sample(NOON + n * apart, 10_000.0 * n + number, 11_000.0, (230.0, 231.0, 229.0), (16.0, 16.0, 16.0)),
            ),
        )
        for n in range(transactions)
        for number in range(each + 2)
    ]


class Office:
    """Answers at once, counts what it is told, and knows when the last transaction ended."""

    def __init__(self, version: str, last: str) -> None:
        self.version = version
        self.told: Counter[str] = Counter()
        self.over = asyncio.Event()
        self._last = last
        self._ends = 0

    async def open(self) -> int:
        protocol = Subprotocol(f"ocpp{self.version}")
        server = await websockets.asyncio.server.serve(
            self._serve, "127.0.0.1", 0, subprotocols=[protocol], compression=None
        )
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, socket: Any) -> None:
        async for frame in socket:
            kind, message_id, action, *payload = json.loads(frame)
            if kind != 2:
                continue
            answer: dict[str, Any] = {}
            if action == "BootNotification":
                answer = {"status": "Accepted", "currentTime": "2027-01-22T13:00:00Z", "interval": 300}
            elif action == "StartTransaction":
                answer = {"transactionId": 1 + self.told[action], "idTagInfo": {"status": "Accepted"}}
            await socket.send(json.dumps([3, message_id, answer]))
            if action in REPORTS:
                what = payload[0].get("eventType", action)
                self.told[what] += 1
                if what in {"Ended", "StopTransaction"} and self.told[what] == int(self._last):
                    self.over.set()


async def write(folder: str, facts: list[Transaction]) -> tuple[int, float]:
    """The week; how many facts are kept, and how long writing took."""
    journal = Journal(Path(folder) / "journal.sqlite")
    await journal.start()
    await journal.cursor("ocpp")
    began = time.perf_counter()
    for first in range(0, len(facts), PAGE):
        written = asyncio.Event()
        journal.append(facts[first : first + PAGE], then=written.set)
        await written.wait()
    taken = time.perf_counter() - began
    kept = await journal.unread()
    await journal.close()
    return kept, taken


async def drain(folder: str, version: str, transactions: int) -> tuple[Counter[str], float, float]:
    """What was told, in how many seconds, with how much more memory (MB)."""
    office = Office(version, str(transactions))
    port = await office.open()
    ocpp = OcppSettings(url=f"ws://127.0.0.1:{port}", identity="WEEK", versions=(version,))  # type: ignore[arg-type]
    settings = Settings(station=StationSettings(storage=folder, guard_socket=f"{folder}/g"), ocpp=ocpp)
    station = build_station(settings)
    client = BackOfficeClient(station, ocpp, station.journal, first_look_s=0.0)
    running = asyncio.create_task(station.run())
    await station.ready.wait()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    reporting = asyncio.create_task(client.run())
    await office.over.wait()
    taken = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    for task in (reporting, running):
        task.cancel()
    await asyncio.gather(reporting, running, return_exceptions=True)
    return office.told, taken, grown


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--transactions", type=int, default=500)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--version", choices=("1.6", "2.0.1", "2.1"), default="2.0.1")
    parser.add_argument("--folder", help="of a week that is written already: only deliver it")
    options = parser.parse_args(argv)
    if options.folder is None:  # written by a process of its own: its memory is not the delivery's
        with tempfile.TemporaryDirectory(prefix="pilotline-week-") as folder:
            facts = week(options.days, options.transactions, options.samples)
            kept, taken = asyncio.run(write(folder, facts))
            print(f"written: {len(facts)} facts in {taken:.1f} s, kept within the journal's bounds: {kept}", flush=True)
            return _in_own_process(folder, options)
    told, taken, grown = asyncio.run(drain(options.folder, options.version, options.transactions))
    ends = [
        told[name]
        for name in (("StartTransaction", "StopTransaction") if "StartTransaction" in told else ("Started", "Ended"))
    ]
    count = sum(told.values())
    print(
        f"OCPP {options.version}: {count} messages in {taken:.1f} s ({count / taken:.0f} a second), {grown:.1f} MB more"
    )
    print(dict(told))
    return 0 if ends == [options.transactions] * 2 and taken < MAX_S and grown < MAX_MB else 1


def _in_own_process(folder: str, options: argparse.Namespace) -> int:
    import subprocess  # noqa: PLC0415 - the delivering process does without

    command = [sys.executable, __file__, "--folder", folder, "--version", options.version]
    command += ["--transactions", str(options.transactions)]
    return subprocess.run(command, check=False, timeout=600).returncode


if __name__ == "__main__":
    sys.exit(main())
