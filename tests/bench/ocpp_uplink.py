"""Bench of the uplink: a message there and back beside the plain `ocpp` library, delivery of a backlog, import cost.

python tests/bench/ocpp_uplink.py
"""

import asyncio
import json
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
from firmware.ocpp.client import BackOfficeClient
from firmware.ocpp.dialect import Outgoing, Shape
from firmware.ocpp.rpc import Rpc
from firmware.ocpp.v201.calls import boot_notification
from firmware.ocpp.v201.dialect import V201
from firmware.station.facts import IdToken, MeterValues, Sample, Transaction
from firmware.station.station import build_station

MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "Voltage", "Current.Import")
SHAPE = Shape(started=MEASURANDS, updated=MEASURANDS, ended=MEASURANDS, aligned=MEASURANDS)
BACKLOG = 2000


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


def microseconds(work: Callable[[], Any], times: int = 300) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e6


def ours(outgoing: Outgoing, answer: str) -> Callable[[], Any]:
    def round_trip() -> Any:
        connection = Rpc(ocpp_j.V201, V201.requests)
        message_id, text = ocpp_j.encode_call(outgoing.action, outgoing.payload, "1")
        connection.call(ocpp_j.Sent(message_id, outgoing.action, text, outgoing.response), 0.0, 30.0)
        connection.frames()
        return connection.feed(f'[3,"1",{answer}]')

    return round_trip


def library(outgoing: Outgoing, answer: str) -> Callable[[], Any]:
    payload = json.loads(msgspec.json.encode(outgoing.payload))
    loop = asyncio.new_event_loop()

    async def both() -> None:
        call = Call("1", outgoing.action, payload)
        await validate_payload(call, "2.0.1")
        call.to_json()
        result = CallResult("1", json.loads(answer), action=outgoing.action)
        await validate_payload(result, "2.0.1")

    return lambda: loop.run_until_complete(both())


def compare() -> None:
    dialect = V201()
    (transaction_event,) = dialect.calls(event(1), SHAPE, None)
    about = StationSettings()
    boot = boot_notification(about, "PowerUp", "0.1.0")
    (values,) = dialect.calls(MeterValues(at=1.8e9, evse=1, samples=event(1).samples), SHAPE, None)
    for name, outgoing, answer in (
        ("BootNotification", boot, '{"status":"Accepted","currentTime":"2027-01-15T12:00:00Z","interval":300}'),
        ("MeterValues(8)", values, "{}"),
        ("TransactionEvent(8)", transaction_event, '{"idTokenInfo":{"status":"Accepted"}}'),
    ):
        mine, theirs = (microseconds(make(outgoing, answer)) for make in (ours, library))
        print(f"{name:22} ours {mine:7.0f} us   ocpp library {theirs:7.0f} us   {theirs / mine:5.1f} times")


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
    await done.wait()
    taken = time.perf_counter() - began
    print(f"backlog of {BACKLOG} events {taken:6.1f} s   {BACKLOG / taken:6.0f} a second, on disk before each is sent")
    for task in (delivering, running):
        task.cancel()
    await asyncio.gather(delivering, running, return_exceptions=True)
    server.close()


IMPORTS = {
    "station alone": "",
    "uplink, 2.0.1": "import firmware.ocpp.client, firmware.ocpp.v201.dialect",
    "uplink, 1.6": "import firmware.ocpp.client, firmware.ocpp.v16.dialect",
    "uplink, 3 versions": "import firmware.ocpp.client, firmware.ocpp.v16.dialect, firmware.ocpp.v21.dialect",
    "ocpp library, 3 versions": "import websockets.asyncio.client, ocpp.v16, ocpp.v201, ocpp.v21",
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
    base = 0.0
    for name, what in IMPORTS.items():
        runs = [
            tuple(map(float, subprocess.check_output([sys.executable, "-c", MEASURE.format(what)], text=True).split()))
            for _ in range(5)
        ]
        milliseconds, megabytes = min(run[0] for run in runs), min(run[1] for run in runs)
        base = base or megabytes
        print(f"import {name:26} {milliseconds:6.0f} ms   +{megabytes - base:4.1f} MB private")


if __name__ == "__main__":
    compare()
    imports()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(drain(Path(folder)))
