"""2.1 block H: a reservation that was used without a transaction coming of it can be told."""

from collections.abc import Callable
from typing import Any, Final

from firmware.ocpp.dialect import Outgoing, Shape
from firmware.ocpp.v21 import messages
from firmware.ocpp.v201.messages import ReservationStatusUpdateResponse
from firmware.station import fact, facts


def reservation_ended(fact: facts.ReservationEnded, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """H04.FR.01, H01.FR.16/17, H03.FR.11."""
    payload = messages.ReservationStatusUpdateRequest(
        reservation_id=fact.reservation_id, reservation_update_status=fact.outcome
    )
    return (Outgoing("ReservationStatusUpdate", payload, ReservationStatusUpdateResponse),)


CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    facts.ReservationEnded: reservation_ended
}
