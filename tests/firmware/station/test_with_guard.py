"""The station at the real guard: `python -m hal` over the simulated board, the rig's plant as the world. Real time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.config import AuthorizationSettings
from firmware.station.commands import SetLimit
from firmware.station.facts import AnyFact, Transaction
from firmware.station.station import Station, build_station
from hil.stack import Stack

CARD = "04A2B3C4"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path, "", policy="min_close_interval_s = 1")
    try:
        stack.start_plant()
        stack.start_guard()
        yield stack
    finally:
        stack.close()


class Life:
    """One run of the controller's station, and what it told."""

    def __init__(self, folder: Path, parts: Any) -> None:
        local = AuthorizationSettings(mode="local", local_list=(CARD,))
        self.station: Station = build_station(parts.settings(folder, authorization=local))
        self.evse = self.station.evses[1]
        self.facts: list[AnyFact] = []
        self.station.subscribe(self.facts.append)

    def transactions(self) -> list[Transaction]:
        return [fact for fact in self.facts if isinstance(fact, Transaction)]

    async def until(self, condition: Callable[[], object], within: float = 20.0) -> None:
        try:
            async with asyncio.timeout(within):
                while not condition():  # noqa: ASYNC110 - anything may be waited for
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{self.evse.why()} / {self.evse.seen}")


@contextlib.asynccontextmanager
async def alive(folder: Path, parts: Any) -> AsyncIterator[Life]:
    life = Life(folder, parts)
    running = asyncio.create_task(life.station.run())
    try:
        await life.until(lambda: life.station.guard.connected)
        yield life
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def rig(stack: Stack, command: str, **fields: Any) -> Any:
    return await asyncio.to_thread(lambda: stack.rig.do(command, **fields))


def drawn(life: Life) -> float:
    meter = life.evse.seen.meter if life.evse.seen is not None else None
    return max(meter.current_a) if meter is not None else 0.0


def test_a_card_starts_a_limit_is_followed_and_the_card_stops(
    stack: Stack, tmp_path: Path, parts: Any, play: Any
) -> None:
    async def scenario() -> None:
        async with alive(tmp_path, parts) as life:
            await rig(stack, "plug", cable=20)
            await rig(stack, "car", wants_power=True)
            await life.until(lambda: life.evse.plugged)
            await rig(stack, "swipe", token=CARD)
            await life.until(lambda: life.evse.charging_state == "Charging" and drawn(life) > 10.0)
            assert life.evse.limit.source == "cable"
            assert life.evse.limit.amps == 20.0
            await life.station.do(SetLimit(source="csms", limit_a=8.0, evse=1))
            await life.until(lambda: 6.0 < drawn(life) < 8.5)
            assert life.evse.seen is not None and life.evse.seen.duty_percent == pytest.approx(8 / 0.6, abs=0.1)
            await life.station.do(SetLimit(source="csms", limit_a=0.0, evse=1))
            await life.until(lambda: not life.evse.closed)
            assert life.evse.transaction_id is not None
            await life.station.do(SetLimit(source="csms", limit_a=None, evse=1))
            await life.until(lambda: life.evse.closed, within=20.0)
            await rig(stack, "swipe", token=CARD)
            await life.until(lambda: life.evse.transaction_id is None)
            await life.until(lambda: life.evse.seen is not None and life.evse.seen.lock.value == "unlocked")
            await rig(stack, "unplug")
            await life.until(lambda: life.evse.level == "A")
            events = life.transactions()
            assert [each.seq_no for each in events] == list(range(len(events)))
            assert events[-1].stopped_reason == "Local"
            assert events[-1].samples[-1].energy_wh > (events[0].meter_start_wh or 0.0)

    play(scenario())


def test_a_controller_that_died_finds_its_car_charging_at_the_failsafe_limit(
    stack: Stack, tmp_path: Path, parts: Any, play: Any
) -> None:
    async def scenario() -> None:
        async with alive(tmp_path, parts) as life:
            await rig(stack, "plug", cable=32)
            await rig(stack, "car", wants_power=True)
            await life.until(lambda: life.evse.plugged)
            await rig(stack, "swipe", token=CARD)
            await life.until(lambda: drawn(life) > 10.0)
            running = life.evse.transaction_id
        await asyncio.to_thread(lambda: stack.rig.wait(lambda seen: 1000 < seen["power_w"] < 4500, within=20.0))
        async with alive(tmp_path, parts) as again:
            await again.until(lambda: again.evse.transaction_id == running and drawn(again) > 10.0)
            assert again.transactions() == []
            await rig(stack, "swipe", token=CARD)
            await again.until(lambda: again.transactions() and again.transactions()[-1].kind == "Ended")
            assert again.transactions()[-1].transaction_id == running

    play(scenario())


def test_emergency_stop_ends_the_transaction_and_frees_the_plug(
    stack: Stack, tmp_path: Path, parts: Any, play: Any
) -> None:
    async def scenario() -> None:
        async with alive(tmp_path, parts) as life:
            await rig(stack, "plug", cable=32)
            await rig(stack, "car", wants_power=True)
            await life.until(lambda: life.evse.plugged)
            await rig(stack, "swipe", token=CARD)
            await life.until(lambda: life.evse.closed)
            await rig(stack, "emergency_stop", on=True)
            await life.until(lambda: life.transactions()[-1].kind == "Ended")
            ended = life.transactions()[-1]
            assert (ended.stopped_reason, ended.trigger) == ("EmergencyStop", "AbnormalCondition")
            assert "emergency stop" in life.evse.why()
            await life.until(lambda: life.evse.seen is not None and life.evse.seen.lock.value == "unlocked")
            await rig(stack, "emergency_stop", on=False)
            await rig(stack, "unplug")
            await life.until(lambda: life.evse.status is not None and life.evse.status.state == "Available")

    play(scenario())
