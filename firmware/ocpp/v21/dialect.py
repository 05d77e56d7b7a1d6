"""OCPP 2.1 as `session` and `outbox` see it: that of 2.0.1, with 2.1's messages where they differ.

What we say in 2.0.1 is valid in 2.1 too; what we hear may carry more, so it is read by 2.1's own classes.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from firmware.ocpp import ocpp_j
from firmware.ocpp.dialect import Answer, Learnt, Office, Outgoing, Shape
from firmware.ocpp.payload import Payload
from firmware.ocpp.v21 import calls as calls_21
from firmware.ocpp.v21 import commands as commands_21
from firmware.ocpp.v21 import messages
from firmware.ocpp.v21.types import CertificateSigningUseEnum
from firmware.ocpp.v201 import commands
from firmware.ocpp.v201.certificates import hash_data
from firmware.ocpp.v201.contracts import Contracts201
from firmware.ocpp.v201.dialect import REQUESTS as REQUESTS_201
from firmware.ocpp.v201.dialect import V201
from firmware.ocpp.v201.id_token import verdict_of
from firmware.station.certificates import HashData, OwnUse
from firmware.station.facts import AnyFact, ConnectorStatus, IdToken
from firmware.station.station import Station


def _here(kind: type[Payload]) -> type[Payload]:
    """2.1's class for a message of 2.0.1: its own where it differs."""
    found: type[Payload] = getattr(messages, kind.__name__, kind)
    return found


_OF_201: Final = {_here(kind): kind for kind in REQUESTS_201.values()}
REQUESTS: Final = {kind.__name__.removesuffix("Request"): kind for kind in (*_OF_201, *commands_21.COMMANDS)}


def _heard(call: Outgoing) -> Outgoing:
    """A CALL of 2.0.1 whose answer is read as 2.1's."""
    return msgspec.structs.replace(call, response=_here(call.response))


SIGNING_USES: Final[dict[OwnUse, CertificateSigningUseEnum]] = {
    "ChargingStation": "ChargingStationCertificate",
    "V2G": "V2GCertificate",
    "V2G20": "V2G20Certificate",
}


class V21(V201):
    flavour = ocpp_j.V21
    requests: Mapping[str, type[Payload]] = REQUESTS

    def __init__(self) -> None:
        self.contracts = Contracts201(verdict_of, _heard)

    def boot(self, station: Station, reason: str, firmware: str) -> Outgoing:
        return _heard(super().boot(station, reason, firmware))

    def heartbeat(self) -> Outgoing:
        return _heard(super().heartbeat())

    def authorize(self, id_token: IdToken) -> Outgoing:
        return _heard(super().authorize(id_token))

    def status(self, fact: ConnectorStatus) -> Outgoing:
        return _heard(super().status(fact))

    def calls(self, fact: AnyFact, shape: Shape, remote_id: str | None) -> tuple[Outgoing, ...]:
        turn = calls_21.CALLS.get(type(fact))
        calls = super().calls(fact, shape, remote_id) if turn is None else turn(fact, shape, remote_id)
        return tuple(_heard(each) for each in calls)

    def learn(self, response: Payload) -> Learnt:
        if isinstance(response, messages.NotifyEVChargingNeedsResponse):
            return Learnt(needs=response.status)
        return super().learn(response)

    def sign_certificate(self, csr: str, use: OwnUse, request_id: int, root: HashData | None) -> Outgoing | None:
        payload = messages.SignCertificateRequest(
            csr=csr,
            certificate_type=SIGNING_USES[use],
            hash_root_certificate=hash_data(root) if root is not None else UNSET,
            request_id=request_id,
        )
        return Outgoing("SignCertificate", payload, messages.SignCertificateResponse)

    async def answer(self, request: Payload, office: Office) -> Answer:
        own = commands_21.COMMANDS.get(type(request))
        answer = await (own or commands.COMMANDS[_OF_201[type(request)]])(request, office)
        return msgspec.structs.replace(answer, then=map(_heard, answer.then))
