"""2.1: facts that are told only here, or differently than in 2.0.1; everything else is 2.0.1's table."""

from collections.abc import Callable
from typing import Any, Final

from firmware.ocpp.dialect import Outgoing, Shape
from firmware.ocpp.v21 import monitoring, reservation, smart_charging
from firmware.station import fact

CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    **smart_charging.CALLS,
    **reservation.CALLS,
    **monitoring.CALLS,
}
