"""2.0.1 block H: reservations made and cancelled, and what became of them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from firmware.ocpp.dialect import Answer, Office, Outgoing, Shape, instant
from firmware.ocpp.payload import Payload, given
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201.id_token import heard_token
from firmware.ocpp.v201.status_info import because
from firmware.station import commands, fact, facts


async def reserve_now(request: messages.ReserveNowRequest, office: Office) -> Answer:
    """H01. The station knows why not; its words for that are this version's."""
    group = given(request.group_id_token)
    outcome = await office.station.do(
        commands.Reserve(
            reservation_id=request.id,
            id_token=heard_token(request.id_token),
            expiry=instant(request.expiry_date_time) or 0.0,
            group=heard_token(group) if group is not None else None,
            evse=given(request.evse_id),
            connector_type=given(request.connector_type),
        )
    )
    status = cast(messages.ReserveNowStatusEnum, outcome.status)
    return Answer(messages.ReserveNowResponse(status=status, status_info=because(outcome.reason)))


async def cancel_reservation(request: messages.CancelReservationRequest, office: Office) -> Answer:
    """H02."""
    outcome = await office.station.do(commands.CancelReservation(reservation_id=request.reservation_id))
    status: messages.CancelReservationStatusEnum = "Accepted" if outcome.accepted else "Rejected"
    return Answer(messages.CancelReservationResponse(status=status, status_info=because(outcome.reason)))


def reservation_ended(fact: facts.ReservationEnded, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """H04.FR.01, H01.FR.16/17. That no transaction came of it can only be said in 2.1."""
    if fact.outcome == "NoTransaction":
        return ()
    payload = messages.ReservationStatusUpdateRequest(
        reservation_id=fact.reservation_id, reservation_update_status=fact.outcome
    )
    return (Outgoing("ReservationStatusUpdate", payload, messages.ReservationStatusUpdateResponse),)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.ReserveNowRequest: reserve_now,
    messages.CancelReservationRequest: cancel_reservation,
}
CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    facts.ReservationEnded: reservation_ended,
}
