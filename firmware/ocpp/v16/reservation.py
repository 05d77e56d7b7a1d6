"""1.6 reservations (5.1, 5.13). Connector 0 is any connector."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from firmware.ocpp.dialect import Answer, Office, instant
from firmware.ocpp.payload import Payload, given
from firmware.ocpp.v16 import messages as v16
from firmware.station import commands, facts


async def reserve_now(request: v16.ReserveNow, office: Office) -> Answer:
    parent = given(request.parent_id_tag)
    outcome = await office.station.do(
        commands.Reserve(
            reservation_id=request.reservation_id,
            id_token=facts.IdToken(request.id_tag),
            expiry=instant(request.expiry_date) or 0.0,
            group=facts.IdToken(parent) if parent is not None else None,
            evse=request.connector_id or None,
        )
    )
    return Answer(v16.ReserveNowResponse(status=cast(v16.ReserveNowStatus, outcome.status)))


async def cancel_reservation(request: v16.CancelReservation, office: Office) -> Answer:
    outcome = await office.station.do(commands.CancelReservation(reservation_id=request.reservation_id))
    return Answer(v16.CancelReservationResponse(status="Accepted" if outcome.accepted else "Rejected"))


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.ReserveNow: reserve_now,
    v16.CancelReservation: cancel_reservation,
}
