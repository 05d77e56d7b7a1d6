"""2.0.1, block I: the running cost of a transaction. Who is told what is `ocpp.cost`'s."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from firmware.ocpp.dialect import Answer, Office
from firmware.ocpp.payload import Payload
from firmware.ocpp.v201 import messages


async def cost_updated(request: messages.CostUpdatedRequest, office: Office) -> Answer:
    """I02.FR.02; the answer has no word for a transaction that does not run (any more)."""
    office.cost.updated(request.transaction_id, request.total_cost)
    return Answer(messages.CostUpdatedResponse())


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.CostUpdatedRequest: cost_updated,
}
