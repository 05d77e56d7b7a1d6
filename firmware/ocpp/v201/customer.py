"""2.0.1 block N: what the station knows about a customer, told and forgotten (N09, N10).

What it knows: the token in the authorization cache and in the local list, and running transactions. The local list is
the back office's and stays (N10.FR.03). Transactions that ended are known only until they are reported. A customer
identifier is a token of whatever kind; nothing is kept of a customer's certificate.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, get_args

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Outgoing
from firmware.ocpp.payload import Payload, stamp
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.v201.reports import paged
from firmware.station.authorization import same_token
from firmware.station.facts import IdToken

CHUNK: Final = 512  # characters of one NotifyCustomerInformation
NOTHING: Final = ""  # no data was found (part 6, TC_N_62: "data empty")
CLEARED: Final = "cleared"


async def customer_information(request: messages.CustomerInformationRequest, office: Office) -> Answer:
    named = [request.id_token, request.customer_certificate, request.customer_identifier]
    if sum(each is not UNSET for each in named) != 1:
        return Answer(messages.CustomerInformationResponse(status="Invalid"))  # N09.FR.09
    if not (request.report or request.clear):
        return Answer(messages.CustomerInformationResponse(status="Rejected"))  # N09.FR.07
    tokens: list[IdToken] = []
    if request.id_token is not UNSET:
        tokens = [IdToken(request.id_token.id_token, request.id_token.type)]
    elif request.customer_identifier is not UNSET:
        tokens = [IdToken(request.customer_identifier, kind) for kind in get_args(types.IdTokenEnum)]
    known = dict.fromkeys(line for token in tokens for line in _known(office, token))
    if request.clear:
        for token in tokens:
            office.station.authorizer.forget(token)
    text = CLEARED if not request.report else "\n".join(known) or NOTHING  # N10.FR.06; N09.FR.06, N10.FR.04
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
    chunks = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)] or [NOTHING]
    for number, more, (chunk,) in paged(chunks, 1):
        payload = messages.NotifyCustomerInformationRequest(
            data=chunk,
            seq_no=number,
            generated_at=stamp(office.station.clock.utc()),
            request_id=request_id,
            tbc=True if more else UNSET,
        )
        yield Outgoing("NotifyCustomerInformation", payload, messages.NotifyCustomerInformationResponse)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.CustomerInformationRequest: customer_information,
}
