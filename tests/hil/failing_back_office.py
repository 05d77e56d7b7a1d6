"""The controller, except that SIGUSR1 raises inside its back-office link: `python failing_back_office.py run ...`.

What is thrown is thrown where a bug would throw: in the task that serves the link, in the middle of whatever it does.
"""

import asyncio
import signal
import sys

from firmware.cli import main
from firmware.ocpp.client import BackOfficeClient


class Bug(Exception):
    """Nobody expects this one."""


serve = BackOfficeClient.run


async def run(client: BackOfficeClient) -> None:
    struck = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, struck.set)
    serving, waiting = asyncio.ensure_future(serve(client)), asyncio.ensure_future(struck.wait())
    try:
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        raise Bug("thrown by the test inside the back-office link")
    finally:
        serving.cancel()
        waiting.cancel()


if __name__ == "__main__":
    BackOfficeClient.run = run  # type: ignore[method-assign,assignment]
    sys.exit(main())
