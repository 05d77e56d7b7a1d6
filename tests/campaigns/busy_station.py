"""A station process that reports transactions until it is killed: `life` is one process life. The journal says how many
facts there were; each life adds some more."""

import asyncio
import logging
import os
import random

from firmware.config import OcppSettings, Settings, StationSettings
from firmware.ocpp.client import BackOfficeClient, load_dialect
from firmware.station.facts import IdToken, Sample, Transaction
from firmware.station.journal import Change
from firmware.station.station import build_station

NOON = 1_800_014_400.0
FACTS = ("Started", "Updated", "Updated", "Updated", "Ended")  # of each transaction
WRITTEN = "test/written"
PAUSE_S = 0.03

for _version in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):  # before a fork: lives begin in milliseconds
    load_dialect(_version)


def fact(number: int, offline: bool) -> Transaction:
    """The `number`th fact of this station's life."""
    n, seq_no = divmod(number, len(FACTS))
    kind = FACTS[seq_no]
    at = NOON + 3600 * n + 60 * seq_no
    first = seq_no == 0
    return Transaction(
        at=at,
        kind=kind,  # type: ignore[arg-type]  # one of the three
        transaction_id=f"tx-{n}",
        seq_no=seq_no,
        trigger="MeterValuePeriodic" if kind == "Updated" else "Authorized",
        evse=1,
        connector=1,
        offline=offline,
        id_token=IdToken("04AABBCCDD") if kind != "Updated" else None,
        samples=(Sample(at, 1000.0 * n + seq_no),),
        meter_start_wh=1000.0 * n if first else None,
        stopped_reason="Local" if kind == "Ended" else None,
    )


def life(folder: str, url: str, version: str, upto: int) -> None:
    """Add facts until there are `upto`, and report; for ever."""
    logging.disable(logging.CRITICAL)
    random.seed(os.urandom(8))
    asyncio.run(_life(folder, url, version, upto))


async def _life(folder: str, url: str, version: str, upto: int) -> None:
    ocpp = OcppSettings(url=url, identity="CS-1", versions=(version,))  # type: ignore[arg-type]
    settings = Settings(station=StationSettings(storage=folder, guard_socket=f"{folder}/guard.sock"), ocpp=ocpp)
    station = build_station(settings)
    client = BackOfficeClient(station, ocpp, station.journal, first_look_s=0.0)
    running = asyncio.create_task(station.run())
    await station.ready.wait()
    station.set_variable("OCPPCommCtrlr.RetryBackOffWaitMinimum", "1")
    station.set_variable("OCPPCommCtrlr.RetryBackOffRandomRange", "0")
    reporting = asyncio.create_task(client.run())
    for number in range(int(station.variable(WRITTEN, "0")), upto):
        written = asyncio.Event()
        event, change = fact(number, not client.connected), Change("variable", WRITTEN, str(number + 1))
        station.journal.append([event], then=written.set, changes=[change])
        await written.wait()
        station._tell(event)  # as `emit` would, had it room for the change
        await asyncio.sleep(random.random() * PAUSE_S)
    await asyncio.gather(running, reporting)
