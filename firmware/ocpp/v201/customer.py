"""2.0.1 block N: what the station knows about a customer, told and forgotten (N09, N10).

What it knows: the token in the authorization cache and in the local list, and running transactions. The local list is
the back office's and stays (N10.FR.03). Transactions that ended are known only until they are reported.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Outgoing
from firmware.ocpp.payload import Payload, stamp
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201.reports import paged
from firmware.station.authorization import same_token
from firmware.station.facts import IdToken

CHUNK: Final = 512  # characters of one NotifyCustomerInformation
NOTHING: Final = "no data"


async def customer_information(request: messages.CustomerInformationRequest, office: Office) -> Answer:
    named = [request.id_token, request.customer_certificate, request.customer_identifier]
    if sum(each is not UNSET for each in named) != 1:
        return Answer(messages.CustomerInformationResponse(status="Invalid"))  # N09.FR.09
    if not (request.report or request.clear):
        return Answer(messages.CustomerInformationResponse(status="Rejected"))  # N09.FR.07
    token: IdToken | None = None
    if request.id_token is not UNSET:
        token = IdToken(request.id_token.id_token, request.id_token.type)
    elif request.customer_identifier is not UNSET:
        token = IdToken(request.customer_identifier, "Central")
    known = _known(office, token) if token is not None else []
    if request.clear and token is not None:
        office.station.authorizer.forget(token)
    text = "\n".join(known) or NOTHING  # N09.FR.06, N10.FR.04
    if not request.report:
        text = "cleared" if known else NOTHING  # N10.FR.06
    return Answer(messages.CustomerInformationResponse(status="Accepted"), _notify(office, request.request_id, text))


def _known(office: Office, token: IdToken) -> list[str]:
    """One line for each thing known."""
    station = office.station
    found = station.authorizer.about(token)
    for evse in station.evses.values():
        mine = evse.transaction
        if mine is not None and same_token(mine.id_token, token):
            found.append(f"transaction {mine.transaction_id} at EVSE {evse.id} since {stamp(mine.started_at)}")
    return found


def _notify(office: Office, request_id: int, text: str) -> Iterator[Outgoing]:
    for number, more, page in paged(text, CHUNK):
        payload = messages.NotifyCustomerInformationRequest(
            data="".join(page),
            seq_no=number,
            generated_at=stamp(office.station.clock.utc()),
            request_id=request_id,
            tbc=True if more else UNSET,
        )
        yield Outgoing("NotifyCustomerInformation", payload, messages.NotifyCustomerInformationResponse)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.CustomerInformationRequest: customer_information,
}
