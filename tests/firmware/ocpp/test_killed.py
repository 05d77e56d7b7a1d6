"""kill -9 of the station before and after every answer: nothing is lost, nothing is doubled but one identical resend
per kill, order is kept. Real processes, real disk, real sockets."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

STATION = Path(__file__).with_name("reporting_station.py")
ROOT = Path(__file__).parents[3]
TRANSACTIONS = 4
# seconds after the call arrived: None = before it is answered; then while the answer is being committed, and after
MOMENTS = (None, 0.0, 0.002, 0.005, 0.02)
REPORTS = {"TransactionEvent", "StartTransaction", "MeterValues", "StopTransaction"}


class Killer:
    """Kills the station at each of its reports, at changing moments, at most `often` times per report."""

    def __init__(self, csms: Any, often: int) -> None:
        self.csms = csms
        self.often = often
        self.kills: Counter[str] = Counter()  # by what was said
        self.process: asyncio.subprocess.Process | None = None
        self.heard_at = 0.0
        self.alive = False  # the present process has registered
        self._moments = cycle(MOMENTS)
        csms.on_call = self.called

    def called(self, frame: str) -> None:
        loop = asyncio.get_running_loop()
        action = json.loads(frame)[2]
        self.heard_at = loop.time()
        self.alive = True
        if action not in REPORTS or self.kills[said(frame)] == self.often:
            return
        self.kills[said(frame)] += 1
        moment = next(self._moments)
        if moment is None:
            self.csms.replies[action].append("")  # it never hears an answer
            self.kill(self.process)
        else:
            loop.call_later(moment, self.kill, self.process)

    def kill(self, process: asyncio.subprocess.Process | None) -> None:
        if process is not None and process.returncode is None:
            process.kill()

    async def keep_starting(self, *arguments: str) -> None:
        while True:
            self.alive = False
            self.process = await asyncio.create_subprocess_exec(sys.executable, str(STATION), *arguments, cwd=ROOT)
            await self.process.wait()

    async def run(self, folder: Path, version: str) -> None:
        """Until all was reported and a station that was left alive has nothing more to say."""
        starting = asyncio.create_task(self.keep_starting(str(folder), self.csms.url, version, str(TRANSACTIONS)))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(170):
                while not (  # noqa: ASYNC110 - quiet is not an event
                    len(set(reports(self.csms))) >= 4 * TRANSACTIONS
                    and self.alive
                    and loop.time() - self.heard_at > 1.0
                ):
                    await asyncio.sleep(0.05)
        finally:
            starting.cancel()
            self.kill(self.process)


def said(frame: str) -> str:
    """What makes two frames the same: all of it in 1.6, what follows the id in 2.0.1 (part 4, 4.1.4)."""
    _, message_id, action, _ = json.loads(frame)
    return frame.replace(message_id, "", 1) if action == "TransactionEvent" else frame


def reports(csms: Any) -> list[str]:
    return [said(frame) for frame in csms.raw if json.loads(frame)[2] in REPORTS]


def firsts(frames: list[str]) -> list[str]:
    """Each frame once, in the order of first arrival: what a back office that de-duplicates sees."""
    return list(dict.fromkeys(frames))


def run(folder: Path, back_office: Callable[..., Any], version: str) -> tuple[list[str], Killer]:
    async def life() -> tuple[list[str], Killer]:
        csms = back_office((version,))
        await csms.open()
        killer = Killer(csms, often=2)
        try:
            await killer.run(folder, version)
        finally:
            await csms.close()
        return reports(csms), killer

    frames, killer = asyncio.run(life())
    sent = Counter(frames)
    assert all(sent[frame] <= 1 + killer.kills[frame] for frame in sent)  # one resend per kill at most
    assert all(killer.kills[frame] for frame in sent)  # killed at every report
    assert any(sent[frame] > 1 for frame in sent)  # and some had to be resent
    for frame in sent:  # a resend follows at once: nothing overtakes
        places = [n for n, each in enumerate(frames) if each == frame]
        assert places == list(range(places[0], places[-1] + 1))
    return firsts(frames), killer


@pytest.mark.timeout(200)
@pytest.mark.ocpp("2.0.1:E04.FR.01", "2.0.1:E01.FR.07")
def test_201_every_event_once_in_order_and_never_two_for_one_number(
    tmp_path: Path, back_office: Callable[..., Any]
) -> None:
    frames, _ = run(tmp_path, back_office, "2.0.1")
    events = [json.loads(frame)[3] for frame in frames]
    assert [(e["transactionInfo"]["transactionId"], e["seqNo"]) for e in events] == [
        (f"tx-{n}", number) for n in range(TRANSACTIONS) for number in range(4)
    ]


@pytest.mark.timeout(200)
@pytest.mark.ocpp("1.6:StartTransaction", "1.6:StopTransaction", "1.6:TC_039")
def test_16_every_report_once_in_order_with_its_transaction(tmp_path: Path, back_office: Callable[..., Any]) -> None:
    frames, _ = run(tmp_path, back_office, "1.6")
    calls = [json.loads(frame)[2:] for frame in frames]
    assert [action for action, _ in calls] == [
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
    ] * TRANSACTIONS
    for n in range(TRANSACTIONS):
        start, *others = [payload for _, payload in calls[4 * n : 4 * n + 4]]
        assert start["meterStart"] == 1000 * n
        assert len({payload["transactionId"] for payload in others}) == 1
        assert others[0]["transactionId"] > 1000  # the back office's own number, not -1
        assert others[-1]["meterStop"] == 1000 * n + 3
