"""How the controller ends: a part that resists is cancelled again, and a reset does not wait for it for ever."""

import asyncio

import pytest

from firmware.ending import ended

SOON_S = 0.05


async def resists(times: int) -> None:
    """A part that does not go when it is told to, so many times."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if times == 0:
                raise
            times -= 1


async def started(*parts: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(resists(each), name=f"part {each}") for each in parts]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize(("retries", "goes"), [(0, False), (1, False), (2, True), (5, True)])
def test_a_reset_is_tried_again_as_often_as_reset_retries_says(retries: int, goes: bool) -> None:
    async def scenario() -> None:
        tasks = await started(0, 2)
        assert await ended(tasks, retries, SOON_S) is goes
        assert tasks[0].done()
        assert tasks[1].done() is goes
        await ended(tasks, 5, SOON_S)

    asyncio.run(scenario())


def test_who_resists_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        tasks = await started(0, 1)
        assert await ended(tasks, 1, SOON_S)

    asyncio.run(scenario())
    assert "attempt 1 of 2: still running: part 1" in caplog.text
    assert "part 0" not in caplog.text
