"""OCPP 2.0.1 as `session` and `outbox` see it: the two tables and the reading of answers."""

from collections.abc import Mapping
from typing import Final, cast

from msgspec import UNSET

from firmware.ocpp import ocpp_j
from firmware.ocpp.dialect import Answer, Contracts, Learnt, Office, Outgoing, Registration, Shape
from firmware.ocpp.payload import Payload, moment
from firmware.ocpp.v201 import calls, certificates, commands, messages
from firmware.ocpp.v201.contracts import Contracts201
from firmware.ocpp.v201.id_token import told_token, verdict_of
from firmware.station.authorization import Verdict
from firmware.station.certificates import HashData, OwnUse
from firmware.station.facts import AnyFact, ConnectorStatus, IdToken
from firmware.station.station import Station

REQUESTS: Final = {kind.__name__.removesuffix("Request"): kind for kind in commands.COMMANDS}


class V201:
    flavour: ocpp_j.Flavour = ocpp_j.V201
    numbers_transactions = False
    requests: Mapping[str, type[Payload]] = REQUESTS
    known: frozenset[str] = commands.KNOWN

    def __init__(self) -> None:
        self.contracts: Contracts = Contracts201(verdict_of)

    def boot(self, station: Station, reason: str, firmware: str) -> Outgoing:
        return calls.boot_notification(station.settings.station, reason, firmware)

    def registration(self, response: Payload) -> Registration:
        answer = cast(messages.BootNotificationResponse, response)
        return Registration(answer.status, answer.interval, moment(answer.current_time))

    def heartbeat(self) -> Outgoing:
        return Outgoing("Heartbeat", messages.HeartbeatRequest(), messages.HeartbeatResponse)

    def current_time(self, response: Payload) -> float | None:
        return moment(cast(messages.HeartbeatResponse, response).current_time)

    def authorize(self, id_token: IdToken) -> Outgoing:
        payload = messages.AuthorizeRequest(id_token=told_token(id_token))
        return Outgoing("Authorize", payload, messages.AuthorizeResponse)

    def verdict(self, response: Payload) -> Verdict:
        return verdict_of(cast(messages.AuthorizeResponse, response).id_token_info)

    def station_status(self, station: Station) -> ConnectorStatus | None:
        return None  # 2.x reports connectors only

    def status(self, fact: ConnectorStatus) -> Outgoing:
        return calls.status_notification(fact)

    def status_content(self, fact: ConnectorStatus) -> tuple[str, ...]:
        return (fact.state,)  # the finer words of 1.6 are the charging state of the transaction here

    def calls(self, fact: AnyFact, shape: Shape, remote_id: str | None) -> tuple[Outgoing, ...]:
        turn = calls.CALLS.get(type(fact))
        return turn(fact, shape, remote_id) if turn is not None else ()

    def learn(self, response: Payload) -> Learnt:
        if isinstance(response, messages.NotifyEVChargingNeedsResponse):
            return Learnt(needs=response.status)
        info, cost, news = (
            getattr(response, name, UNSET) for name in ("id_token_info", "total_cost", "updated_personal_message")
        )
        return Learnt(
            verdict=verdict_of(info) if info is not UNSET else None,
            cost=cost if cost is not UNSET else None,
            personal=news.content if news is not UNSET else "",
        )

    def sign_certificate(self, csr: str, use: OwnUse, request_id: int, root: HashData | None) -> Outgoing | None:
        return certificates.sign_certificate(csr, use)

    def will_sign(self, response: Payload) -> bool:
        return certificates.will_sign(response)

    async def answer(self, request: Payload, office: Office) -> Answer:
        return await commands.COMMANDS[type(request)](request, office)
