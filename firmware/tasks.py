"""Keeps the station's long-running tasks alive: the one place that catches every exception.

A task that fails is logged with its traceback and started again after a growing pause; its neighbours never notice.
What making a connector safe means is the task's own affair (its `finally`), not this file's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
HEALTHY_S = 120.0  # a task that ran this long starts again with the first pause


async def keep_running(name: str, start: Callable[[], Awaitable[None]]) -> None:
    """Run `start()` for ever: after a failure or an early return again, 0.5 s later, doubling up to 60 s."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE_S
    while True:
        began = loop.time()
        try:
            await start()
            log.warning("%s ended by itself", name)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s failed", name)
        if loop.time() - began >= HEALTHY_S:
            pause = FIRST_PAUSE_S
        log.info("%s starts again in %.1f s", name, pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
