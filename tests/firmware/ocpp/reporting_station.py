"""A station process for the tests that kill it: a real station (without hardware) whose journal holds transactions to
be reported. Started again with the same folder it goes on where it was killed.

usage: reporting_station.py FOLDER URL VERSION TRANSACTIONS
"""

import asyncio
import sys

from firmware.config import OcppSettings, Settings, StationSettings
from firmware.ocpp.client import BackOfficeClient
from firmware.station.facts import IdToken, Sample, Transaction
from firmware.station.journal import Change
from firmware.station.station import build_station

NOON = 1_800_014_400.0
WRITTEN = "test/written"


def facts(count: int) -> list[Transaction]:
    found = []
    for n in range(count):
        for number, kind in enumerate(("Started", "Updated", "Updated", "Ended")):
            at = NOON + 3600 * n + 60 * number
            found.append(
                Transaction(
                    at=at,
                    kind=kind,  # type: ignore[arg-type]  # one of the three
                    transaction_id=f"tx-{n}",
                    seq_no=number,
                    trigger="MeterValuePeriodic" if kind == "Updated" else "Authorized",
                    evse=1,
                    connector=1,
                    id_token=IdToken("04AABBCCDD") if kind != "Updated" else None,
                    samples=(Sample(at, 1000.0 * n + number),),
                    stopped_reason="Local" if kind == "Ended" else None,
                )
            )
    return found


async def main(folder: str, url: str, version: str, count: str) -> None:
    ocpp = OcppSettings(url=url, identity="CS-1", versions=(version,))  # type: ignore[arg-type]
    settings = Settings(station=StationSettings(storage=folder, guard_socket=f"{folder}/guard.sock"), ocpp=ocpp)
    station = build_station(settings)
    client = BackOfficeClient(station, ocpp, station.journal, first_look_s=0.0)
    running = asyncio.create_task(station.run())
    await station.ready.wait()
    if not station.variable(WRITTEN):
        written = asyncio.Event()
        station.journal.append(facts(int(count)), then=written.set, changes=[Change("variable", WRITTEN, "yes")])
        await written.wait()
    await asyncio.gather(running, client.run())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
