"""2.1: what is asked only here, or differently than in 2.0.1; everything else is 2.0.1's table."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from firmware.ocpp.dialect import Answer, Office
from firmware.ocpp.payload import Payload
from firmware.ocpp.v21 import display, monitoring, smart_charging

COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    **smart_charging.COMMANDS,
    **monitoring.COMMANDS,
    **display.COMMANDS,
}
