"""Bench of the uplink: a message there and back beside the plain `ocpp` library, delivery of a backlog, import cost.

    python tests/bench/ocpp_uplink.py

Limits of the project: a round trip at least 5 times faster, import in half of the library's time and memory. Exit code
1 when one does not hold.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import websockets.asyncio.server
from ocpp.messages import Call, CallResult, validate_payload
from websockets.typing import Subprotocol

from firmware.config import OcppSettings, Settings, StationSettings
from firmware.ocpp import ocpp_j
from firmware.ocpp.client import BackOfficeClient, load_dialect
from firmware.ocpp.dialect import Dialect, Outgoing, Shape
from firmware.ocpp.rpc import Answered, Rpc
from firmware.station.facts import IdToken, MeterValues, Sample, Transaction
from firmware.station.station import build_station

MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "Voltage", "Current.Import")
SHAPE = Shape(started=MEASURANDS, updated=MEASURANDS, ended=MEASURANDS, aligned=MEASURANDS)
BACKLOG = 2000
RUNS = 7  # of an import, the best counts
MOST_OF_LIBRARY = 0.5
LEAST_FASTER = 5.0


def event(number: int, kind: str = "Updated", transaction: str = "tx") -> Transaction:
    """A fact that becomes a TransactionEvent with eight sampled values."""
    sample = Sample(1.8e9 + number, 1000.0 + number, 11_000.0, (230.0, 230.0, 230.0), (16.0, 16.0, 16.0))
    return Transaction(
        at=1.8e9 + number,
        kind=kind,  # type: ignore[arg-type]  # one of the three
        transaction_id=transaction,
        seq_no=number,
        trigger="MeterValuePeriodic",
        evse=1,
        connector=1,
        id_token=IdToken("04AABB") if kind != "Updated" else None,
        samples=(sample,),
    )


over: list[str] = []  # one for each limit that does not hold


def judged(holds: bool) -> str:
    if not holds:
        over.append("over")
    return "OK" if holds else "over"


def microseconds(work: Callable[[], Any], times: int = 300) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e6


def ours(dialect: Dialect, outgoing: Outgoing, answer: str) -> Callable[[], Any]:
    def round_trip() -> Any:
        connection = Rpc(dialect.flavour, dialect.requests)
        message_id, text = ocpp_j.encode_call(outgoing.action, outgoing.payload, "1")
        connection.call(ocpp_j.Sent(message_id, outgoing.action, text, outgoing.response), 0.0, 30.0)
        connection.frames()
        return connection.feed(f'[3,"1",{answer}]')

    return round_trip


def library(dialect: Dialect, outgoing: Outgoing, answer: str) -> Callable[[], Any]:
    payload = json.loads(msgspec.json.encode(outgoing.payload))
    loop = asyncio.new_event_loop()
    version = dialect.flavour.version

    async def both() -> None:
        call = Call("1", outgoing.action, payload)
        await validate_payload(call, version)
        call.to_json()
        result = CallResult("1", json.loads(answer), action=outgoing.action)
        await validate_payload(result, version)

    return lambda: loop.run_until_complete(both())


BOOT = '{"status":"Accepted","currentTime":"2027-01-15T12:00:00Z","interval":300}'


def compare() -> None:
    """Encode and check a CALL, decode and check its answer; where 1.6 has no TransactionEvent, its StopTransaction."""
    site = build_station(Settings(station=StationSettings()))
    for version in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):
        dialect = load_dialect(version)
        values = MeterValues(at=1.8e9, evse=1, samples=event(1).samples)
        kind = "Updated" if version != "ocpp1.6" else "Ended"
        for outgoing, answer in (
            (dialect.boot(site, "PowerUp", "0.1.0"), BOOT),
            (dialect.calls(values, SHAPE, None)[0], "{}"),
            (dialect.calls(event(1, kind), SHAPE, "4711")[0], "{}"),
        ):
            if not isinstance(ours(dialect, outgoing, answer)(), Answered):
                raise SystemExit(f"{outgoing.action}: {answer} is no answer to it")
            mine, theirs = (microseconds(make(dialect, outgoing, answer)) for make in (ours, library))
            verdict = judged(theirs / mine >= LEAST_FASTER)
            print(
                f"OCPP {dialect.flavour.version:5} {outgoing.action:18} ours {mine:5.0f} us   "
                f"ocpp library {theirs:6.0f} us   {theirs / mine:5.1f} times  {verdict}"
            )


async def drain(folder: Path) -> None:
    """Deliver a backlog to a back office on the same machine, each frame stored before it is sent."""
    done = asyncio.Event()
    answered = 0

    async def serve(socket: Any) -> None:
        nonlocal answered
        async for frame in socket:
            kind, message_id, action, *_ = json.loads(frame)
            boot = {"status": "Accepted", "currentTime": "2027-01-15T12:00:00Z", "interval": 300}
            if kind == 2:
                await socket.send(json.dumps([3, message_id, boot if action == "BootNotification" else {}]))
                answered += action == "TransactionEvent"
            if answered == BACKLOG:
                done.set()

    server = await websockets.asyncio.server.serve(serve, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp2.0.1")])
    port = server.sockets[0].getsockname()[1]
    ocpp = OcppSettings(url=f"ws://127.0.0.1:{port}", identity="BENCH", versions=("2.0.1",))
    station = build_station(
        Settings(station=StationSettings(storage=str(folder), guard_socket=f"{folder}/g"), ocpp=ocpp)
    )
    client = BackOfficeClient(station, ocpp, station.journal, first_look_s=0.0)
    running = asyncio.create_task(station.run())
    await station.ready.wait()
    station.journal.append([event(n, transaction=f"tx-{n // 100}") for n in range(BACKLOG)])
    began = time.perf_counter()
    delivering = asyncio.create_task(client.run())
    over_or_broken = asyncio.create_task(done.wait()), delivering
    await asyncio.wait(over_or_broken, return_when=asyncio.FIRST_COMPLETED)
    if delivering.done():
        delivering.result()
    taken = time.perf_counter() - began
    print(f"backlog of {BACKLOG} events {taken:6.1f} s   {BACKLOG / taken:6.0f} a second, on disk before each is sent")
    for task in (delivering, running):
        task.cancel()
    await asyncio.gather(delivering, running, return_exceptions=True)
    server.close()


LIBRARY = "ocpp library, 3 versions"
IMPORTS = {
    "station alone": "",
    "uplink, 2.0.1": "import firmware.ocpp.client, firmware.ocpp.v201.dialect",
    "uplink, 1.6": "import firmware.ocpp.client, firmware.ocpp.v16.dialect",
    "uplink, 3 versions": "import firmware.ocpp.client, firmware.ocpp.v16.dialect, firmware.ocpp.v21.dialect",
    LIBRARY: "import websockets.asyncio.client, ocpp.v16, ocpp.v201, ocpp.v21",
}
MEASURE = """
import asyncio, sqlite3, time, firmware.station.station
began = time.perf_counter()
{}
taken = time.perf_counter() - began
private = [int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("Private_")]
print(taken * 1e3, sum(private) / 1024)
"""


def imports() -> None:
    """Compiled once before, as an installed station is."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache

        def measured(what: str) -> tuple[float, float]:
            command = [sys.executable, "-c", MEASURE.format(what)]
            milliseconds, megabytes = subprocess.check_output(command, text=True, env=environment).split()
            return float(milliseconds), float(megabytes)

        runs = [{name: measured(what) for name, what in IMPORTS.items()} for _ in range(RUNS)]
    best = {name: tuple(min(run[name][n] for run in runs) for n in (0, 1)) for name in IMPORTS}
    base = best["station alone"][1]
    theirs = best[LIBRARY][0], best[LIBRARY][1] - base
    for name, (milliseconds, megabytes) in best.items():
        more = megabytes - base
        ours = ""
        if name.startswith("uplink"):
            time_share, memory_share = milliseconds / theirs[0], more / theirs[1]
            verdict = judged(max(time_share, memory_share) <= MOST_OF_LIBRARY)
            ours = f"   {time_share:4.0%} and {memory_share:4.0%} of the library  {verdict}"
        print(f"import {name:26} {milliseconds:6.0f} ms   +{more:4.1f} MB private{ours}")


if __name__ == "__main__":
    compare()
    imports()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(drain(Path(folder)))
    sys.exit(1 if over else 0)
