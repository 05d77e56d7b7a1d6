"""A software update beside charging: it waits for transactions, lets no new ones begin, and goes on after a restart."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from firmware.station.commands import StartTransaction, StopTransaction
from firmware.station.facts import FirmwareStatus, IdToken, SecurityEvent
from firmware.station.firmware_update import UpdateOrder
from firmware.transfer.address import OURSELVES
from firmware.transfer.job import SshTrust
from firmware.update.process import UpdateProcess
from firmware.update.updater import UpdaterError

CARD = IdToken("04A2")


class Updater:
    """Notes what it was asked for."""

    def __init__(self, restart: bool = False, runs: bool = True) -> None:
        self.asked: list[str] = []
        self.restart = restart
        self.runs = runs

    async def verify(self, image: Path) -> None:
        self.asked.append("verify")

    async def install(self, image: Path) -> bool:
        self.asked.append("install")
        return self.restart

    async def confirm(self) -> None:
        self.asked.append("confirm")
        if not self.runs:
            raise UpdaterError("the old one runs")


def process(b: Any, updater: Updater, folder: Path) -> UpdateProcess:
    return UpdateProcess(
        b.station,
        updater,
        folder / "update",
        folder / "certificates",
        accepts_unsigned=True,
        privacy=lambda: OURSELVES,
        ssh=SshTrust(),
    )


def told(b: Any) -> list[str]:
    return [fact.status for fact in b.facts if isinstance(fact, FirmwareStatus)]


@pytest.fixture
def order(files: Any, serve: Any) -> UpdateOrder:
    files.files["/image"] = b"new software"
    return UpdateOrder(3, f"http://127.0.0.1:{serve()}/image", retrieve_at=0.0)


@pytest.mark.ocpp("2.x:L01.FR.06", "2.x:L01.FR.07", "2.x:L01.FR.34", "2.0.1:TC_L_15", "2.x:L02.FR.03")
def test_running_transactions_end_first_and_no_new_ones_begin(
    bench: Any, play: Any, csms_settings: Any, tmp_path: Path, order: UpdateOrder
) -> None:
    async def scenario() -> None:
        async with bench(**csms_settings) as b:
            await b.move(level="B")
            await b.station.do(StartTransaction(id_token=CARD, evse=1))
            await b.settle()
            evse = b.station.evses[1]
            updater = Updater()
            update = process(b, updater, tmp_path)
            running = asyncio.create_task(update.run())
            assert (await update.begin(order)).status == "Accepted"
            await b.until(lambda: "InstallScheduled" in told(b))
            await b.until(lambda: not evse.operative)
            assert evse.transaction_id is not None  # it is not disturbed
            assert updater.asked == ["verify"]
            await b.station.do(StopTransaction(transaction_id=evse.transaction_id))
            await b.until(lambda: told(b)[-1:] == ["Installed"])
            assert told(b) == ["Downloading", "Downloaded", "InstallScheduled", "Installing", "Installed"]
            assert updater.asked == ["verify", "install"]
            await b.until(lambda: evse.operative)
            running.cancel()

    play(scenario())


@pytest.mark.ocpp("2.x:L01.FR.32", "2.x:L01.FR.33", "2.x:L01.FR.10", "2.x:L02.FR.21")
def test_an_order_goes_on_after_the_restart_it_asked_for(
    bench: Any, play: Any, csms_settings: Any, tmp_path: Path, order: UpdateOrder
) -> None:
    async def scenario(runs: bool) -> None:
        async with bench(**csms_settings) as b:
            update = process(b, Updater(restart=True), tmp_path)
            running = asyncio.create_task(update.run())
            await update.begin(order)
            await b.until(lambda: told(b)[-1:] == ["InstallRebooting"])
            await b.until(lambda: b.station.variable("boot/reason") == "FirmwareUpdate")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            again = process(b, after := Updater(runs=runs), tmp_path)  # as the next start has it
            assert again.last_status() == ("InstallRebooting", 3)
            running = asyncio.create_task(again.run())
            expected = "Installed" if runs else "InstallationFailed"
            await b.until(lambda: told(b)[-1:] == [expected])
            assert after.asked == ["confirm"]
            fact = next(fact for fact in reversed(b.facts) if isinstance(fact, FirmwareStatus))
            assert fact.request_id == 3
            events = [fact.kind for fact in b.facts if isinstance(fact, SecurityEvent)]
            assert ("FirmwareUpdated" in events) is runs
            running.cancel()

    play(scenario(runs=True))
    play(scenario(runs=False))


@pytest.mark.ocpp("2.x:L01.FR.27", "2.0.1:TC_L_11")
def test_an_installation_is_not_cancelled(
    bench: Any, play: Any, csms_settings: Any, tmp_path: Path, order: UpdateOrder
) -> None:
    async def scenario() -> None:
        async with bench(**csms_settings) as b:
            update = process(b, Updater(restart=True), tmp_path)
            running = asyncio.create_task(update.run())
            await update.begin(order)
            await b.until(lambda: told(b)[-1:] == ["InstallRebooting"])
            assert (await update.begin(order)).status == "Rejected"
            running.cancel()

    play(scenario())
