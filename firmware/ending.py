"""How the controller ends: its tasks are cancelled; a reset that one of them resists is tried again, then done anyway.

OCPP 2.0.1 part 2, OCPPCommCtrlr.ResetRetries; 1.6 ResetRetries. A reset that hangs would leave a station that answers
nobody; what is on disk is whole at every instant, so that leaving hard costs nothing but the good-byes.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Collection
from typing import Final, NoReturn

log = logging.getLogger(__name__)

END_S: Final = 10.0  # what an orderly end may take; the slowest part closes the journal


async def ended(tasks: Collection[asyncio.Task[None]], retries: int, within_s: float = END_S) -> bool:
    """Cancel the tasks, and those that resist `retries` times again. False: some run even then."""
    running = set(tasks)
    for attempt in range(retries + 1):
        for task in running:
            task.cancel()
        if running:
            _, running = await asyncio.wait(running, timeout=within_s)
        if not running:
            return True
        names = ", ".join(sorted(task.get_name() for task in running))
        log.error("ending, attempt %d of %d: still running: %s", attempt + 1, retries + 1, names)
    return False


def begin_again() -> NoReturn:
    """Put a fresh controller in the place of this one, whatever still runs in it. Where systemd does that, leave."""
    logging.shutdown()
    if "NOTIFY_SOCKET" in os.environ:
        os._exit(1)
    os.execv(sys.executable, [sys.executable, "-m", "firmware", *sys.argv[1:]])  # noqa: S606 - ourselves
