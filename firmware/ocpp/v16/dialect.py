"""OCPP 1.6J as `session` and `outbox` see it: the two tables and the reading of answers."""

from typing import Final, cast

from msgspec import UNSET

from firmware.ocpp import ocpp_j
from firmware.ocpp.dialect import Answer, Contracts, Learnt, Office, Outgoing, Registration, Shape
from firmware.ocpp.payload import Payload, moment
from firmware.ocpp.v16 import calls, commands, contracts, security
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v16.id_tag import id_tag as told_tag
from firmware.ocpp.v16.id_tag import verdict_of
from firmware.station.authorization import Verdict
from firmware.station.certificates import HashData, OwnUse
from firmware.station.facts import AnyFact, ConnectorStatus, IdToken
from firmware.station.station import Station

REQUESTS: Final = {kind.__name__: kind for kind in commands.COMMANDS}


class V16:
    flavour = ocpp_j.V16
    numbers_transactions = True
    requests = REQUESTS
    known = commands.KNOWN

    def __init__(self) -> None:
        self.contracts: Contracts = contracts.Contracts16()

    def boot(self, station: Station, reason: str, firmware: str) -> Outgoing:
        return calls.boot_notification(station.settings.station, firmware)  # 1.6 tells no reason

    def registration(self, response: Payload) -> Registration:
        answer = cast(v16.BootNotificationResponse, response)
        return Registration(answer.status, answer.interval, moment(answer.current_time))

    def heartbeat(self) -> Outgoing:
        return Outgoing("Heartbeat", v16.Heartbeat(), v16.HeartbeatResponse)

    def current_time(self, response: Payload) -> float | None:
        return moment(cast(v16.HeartbeatResponse, response).current_time)

    def authorize(self, id_token: IdToken) -> Outgoing:
        payload = v16.Authorize(id_tag=told_tag(id_token.token))
        return Outgoing("Authorize", payload, v16.AuthorizeResponse)

    def verdict(self, response: Payload) -> Verdict:
        return verdict_of(cast(v16.AuthorizeResponse, response).id_tag_info)

    def station_status(self, station: Station) -> ConnectorStatus | None:
        return calls.station_status(station)

    def status(self, fact: ConnectorStatus) -> Outgoing:
        return calls.status_notification(fact)

    def status_content(self, fact: ConnectorStatus) -> tuple[str, ...]:
        return calls.status_word(fact), fact.error_code

    def calls(self, fact: AnyFact, shape: Shape, remote_id: str | None) -> tuple[Outgoing, ...]:
        turn = calls.CALLS.get(type(fact))
        return turn(fact, shape, remote_id) if turn is not None else ()

    def learn(self, response: Payload) -> Learnt:
        match response:
            case v16.StartTransactionResponse():
                return Learnt(verdict_of(response.id_tag_info), str(response.transaction_id))
            case v16.StopTransactionResponse() if response.id_tag_info is not UNSET:
                verdict = verdict_of(response.id_tag_info)
                return Learnt(verdict if verdict.status != "ConcurrentTx" else None)  # says nothing about an ended one
        return Learnt()

    def sign_certificate(self, csr: str, use: OwnUse, request_id: int, root: HashData | None) -> Outgoing | None:
        if use == "ChargingStation":
            return security.sign_certificate(csr)
        return contracts.sign_certificate(csr) if use == "V2G" else None  # the note is older than ISO 15118-20

    def will_sign(self, response: Payload) -> bool:
        return contracts.will_sign(response)

    async def answer(self, request: Payload, office: Office) -> Answer:
        return await commands.COMMANDS[type(request)](request, office)
