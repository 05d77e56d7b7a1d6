"""supportedAppProtocol: car and station agree on a protocol, the car's favourite among those we can serve here.

Which protocols that are (transport, hardware, settings) is the caller's; what follows is that protocol's script.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from firmware.v2g.ending import Ending
from firmware.v2g.language import Language
from firmware.v2g.messages.app_protocol import (
    AppProtocol,
    ResponseCode,
    SupportedAppProtocolReq,
    SupportedAppProtocolRes,
)
from firmware.v2g.peer import Peer


@dataclass(frozen=True)
class Offer:
    """A protocol we can serve on this connection, and the script that serves it."""

    namespace: str
    major: int
    minor: int
    language: Language
    script: Callable[[Peer, SupportedAppProtocolRes], Coroutine[Any, Any, Ending]]


@dataclass(frozen=True)
class Agreement:
    """What was chosen, and the answer that tells the car: the protocol's script sends it with its first `next`."""

    offer: Offer
    answer: SupportedAppProtocolRes


async def agree_on_protocol(ev: Peer, offers: Sequence[Offer]) -> Agreement | None:
    """The agreement, or None after Failed_NoNegotiation was said."""
    request = await ev.next(SupportedAppProtocolReq)
    agreement = choose(request.app_protocol, offers)
    if agreement is None:
        await ev.next(reply=SupportedAppProtocolRes(response_code=ResponseCode.Failed_NoNegotiation))
        return None
    ev.language = agreement.offer.language
    return agreement


def choose(asked: Sequence[AppProtocol], offers: Sequence[Offer]) -> Agreement | None:
    """The lowest priority number that we can serve [V2G2-169]; another minor version is near enough, another major
    version is not."""
    for theirs in sorted(asked, key=lambda each: each.priority):
        for ours in offers:
            if (theirs.protocol_namespace, theirs.version_number_major) != (ours.namespace, ours.major):
                continue
            same = theirs.version_number_minor == ours.minor
            code = (
                ResponseCode.OK_SuccessfulNegotiation
                if same
                else ResponseCode.OK_SuccessfulNegotiationWithMinorDeviation
            )
            return Agreement(ours, SupportedAppProtocolRes(response_code=code, schema_id=theirs.schema_id))
    return None
