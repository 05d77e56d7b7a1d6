"""A week without a back office: how long it takes until all is told afterwards, and what memory grows by.

    python tests/campaigns/week_offline.py [--days 7] [--transactions 500] [--samples 100000] [--version 2.0.1]

The week's facts are written into the journal as they would have come, with its bounds; then the station connects to
a back office on this machine that answers at once. Beside it: what the bare WebSocket library takes for such frames.
Exit code 1 when a start, a sample or an end is missing, when it takes more than 60 s or more than 10 MB.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

sys.path[:0] = [str(Path(__file__).parents[2])]
from firmware.config import OcppSettings, Settings, StationSettings  # noqa: E402
from firmware.ocpp.client import BackOfficeClient  # noqa: E402
from firmware.station.facts import BackOfficeMessage, IdToken, Sample, Transaction  # noqa: E402
from firmware.station.journal import Journal  # noqa: E402
from firmware.station.station import build_station  # noqa: E402

NOON: Final = 1_800_014_400.0
PAGE: Final = 20  # facts in one commit: few, as they come
MAX_S: Final = 60.0
MAX_MB: Final = 10.0
BARE: Final = 5000  # frames of the comparison
VERSIONS: Final = ("1.6", "2.0.1", "2.1")


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
    """The back office in its process."""

    def __init__(self, version: str, transactions: int) -> None:
        command = [sys.executable, str(Path(__file__).with_name("light_office.py")), version, str(transactions)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.port = int(self._line())

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    async def over(self) -> Counter[str]:
        """What it was told when the last transaction has ended."""
        line = await asyncio.to_thread(self._line)
        if not line:
            raise SystemExit("the station gave up")
        return Counter(msgspec.json.decode(line, type=dict[str, int]))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def memory_mb(what: str) -> float:
    """Of this process: VmRSS now, VmHWM the most it ever was (`getrusage` would count in who started us)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


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


async def drain(folder: str, version: str, office: Office) -> tuple[Counter[str], float, float, float, str]:
    """What was told, in how many seconds, of them on the processor, with how much more memory (MB); one frame."""
    ocpp = OcppSettings(url=f"ws://127.0.0.1:{office.port}", identity="WEEK", versions=(version,))  # type: ignore[arg-type]
    settings = Settings(station=StationSettings(storage=folder, guard_socket=f"{folder}/g"), ocpp=ocpp)
    station = build_station(settings)
    client = BackOfficeClient(station, ocpp, station.journal, first_look_s=0.0)
    frames: list[str] = []

    def hear(frame: BackOfficeMessage) -> None:
        if frame.name in {"TransactionEvent", "MeterValues"} and frame.direction == "sent" and not frames:
            frames.append(frame.text)

    station.on_frame.append(hear)
    running = asyncio.create_task(station.run())
    await station.ready.wait()
    before = memory_mb("VmRSS")
    began, worked = time.perf_counter(), time.process_time()
    reporting = asyncio.create_task(client.run())
    reporting.add_done_callback(lambda _: office.close())  # it ends only when it fails: then nobody waits on
    told = await office.over()
    taken, worked = time.perf_counter() - began, time.process_time() - worked
    grown = memory_mb("VmHWM") - before
    for task in (reporting, running):
        task.cancel()
    await asyncio.gather(reporting, running, return_exceptions=True)
    return told, taken, worked, grown, frames[0]


async def bare(version: str, frame: str) -> float:
    """Seconds for one frame and its answer, one after the other, with nothing but the library."""
    office = Office(version, -1)
    protocols = [Subprotocol(f"ocpp{version}")]
    url = f"ws://127.0.0.1:{office.port}/WEEK"
    async with connect(url, subprotocols=protocols, compression=None, ping_interval=None) as socket:
        began = time.perf_counter()
        for _ in range(BARE):
            await socket.send(frame)
            await socket.recv()
        taken = time.perf_counter() - began
    office.close()
    return taken / BARE


def deliver(options: argparse.Namespace) -> int:
    """Of a week that is written; says what came of it."""
    office = Office(options.version, options.transactions)
    told, taken, worked, grown, frame = asyncio.run(drain(options.folder, options.version, office))
    office.close()
    count = sum(told.values())
    least = asyncio.run(bare(options.version, frame)) * count
    print(
        f"OCPP {options.version}: {count} messages in {taken:.1f} s ({count / taken:.0f} a second; "
        f"{worked:.1f} s of processor), {grown:.1f} MB more\n"
        f"the bare library in the same run: {least:.1f} s; ours on top {(taken - least) / count * 1e6:.0f} us a message"
    )
    print(dict(told))
    names = ("StartTransaction", "MeterValues", "StopTransaction")
    if options.version != "1.6":
        names = ("Started", "Updated", "Ended")
    each = max(1, options.samples // options.transactions)
    wanted = [options.transactions, options.transactions * each, options.transactions]
    return 0 if [told[name] for name in names] == wanted and taken < MAX_S and grown < MAX_MB else 1


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--transactions", type=int, default=500)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--version", choices=VERSIONS, default="2.0.1")
    parser.add_argument("--folder", help="of a week that is written already: only deliver it")
    options = parser.parse_args(argv)
    if options.folder is not None:
        return deliver(options)
    with tempfile.TemporaryDirectory(prefix="pilotline-week-") as folder:
        facts = week(options.days, options.transactions, options.samples)
        kept, taken = asyncio.run(write(folder, facts))
        size = (Path(folder) / "journal.sqlite").stat().st_size / 1e6
        print(f"written: {len(facts)} facts in {taken:.1f} s; kept within the journal's bounds: {kept}, {size:.0f} MB")
        return _in_own_process(folder, options)


def _in_own_process(folder: str, options: argparse.Namespace) -> int:
    """What writing took of memory is not the delivery's."""
    command = [sys.executable, __file__, "--folder", folder, "--version", options.version]
    command += ["--transactions", str(options.transactions), "--samples", str(options.samples)]
    sys.stdout.flush()
    return subprocess.run(command, check=False, timeout=600).returncode


if __name__ == "__main__":
    sys.exit(main())
