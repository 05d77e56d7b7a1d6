"""ISO 15118-2, payment by contract (Plug & Charge): from the choice of it to the first ChargeParameterDiscoveryReq.

The order of messages is here; whether a contract is good, and what the back office says of it, is `contract/`'s.
"""

from dataclasses import replace
from typing import Final

from firmware.station.contracts import ContractVerdict
from firmware.v2g.contract.chain import ContractRefused
from firmware.v2g.contract.desk import ContractDesk
from firmware.v2g.contract.installation import CertificateRequest, NoAnswer, action_of, check_request, relay
from firmware.v2g.ev_station import EvStation
from firmware.v2g.messages.declare import Response
from firmware.v2g.messages.iso2 import (
    AuthorizationReq,
    AuthorizationRes,
    CertificateInstallationReq,
    CertificateUpdateReq,
    ChargeParameterDiscoveryReq,
    EvseProcessing,
    PaymentDetailsReq,
    PaymentServiceSelectionRes,
    ResponseCode,
)
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.peer import Peer, Relayed, Reply
from firmware.v2g.sessions.iso2_terms import PLAIN, Terms
from firmware.v2g.value_added import CertificateService
from firmware.v2g.when import when

NAMESPACE: Final = "urn:iso:15118:2:2013:MsgDef"
EXCHANGE_S: Final = 4.2  # the answer to a certificate request within 4.5 s (Table 109)
ONGOING_S: Final = 55.0  # [V2G2-712]: then the station must have finished


def contract_terms(desk: ContractDesk | None, terms: Terms = PLAIN) -> Terms:
    """`terms` with payment by contract where this desk is open, and certificates where the back office can be asked
    for them. `offers.Ground` gives neither to a connection without TLS."""
    if desk is None or not desk.offered:
        return terms

    async def pay(ev: Peer, station: EvStation, selected: PaymentServiceSelectionRes) -> ChargeParameterDiscoveryReq:
        return await pay_by_contract(ev, station, selected, desk=desk)

    services = (*terms.value_added, CertificateService()) if desk.installs else terms.value_added
    return replace(terms, pay_by_contract=pay, receipt_refusal=desk.receipt_refusal, value_added=services)


async def pay_by_contract(
    ev: Peer, station: EvStation, selected: PaymentServiceSelectionRes, *, desk: ContractDesk
) -> ChargeParameterDiscoveryReq:
    """Get a certificate if the car needs one, look at the contract, let the car prove that it is its own, and wait for
    the back office's verdict. `selected` answers the choice of payment, also where it refuses it."""
    desk.begin()
    try:
        details = await get_certificate(ev, station, selected, desk)
        authorization = await show_contract(ev, station, details, desk)
        return await authorise(ev, station, authorization, desk)
    finally:
        desk.end()


async def get_certificate(
    ev: Peer, station: EvStation, selected: PaymentServiceSelectionRes, desk: ContractDesk
) -> PaymentDetailsReq:
    """Straight on to the contract, or first a new certificate for it. One that could not be had ends nothing: the car
    may still have another contract."""
    request = await ev.next(PaymentDetailsReq, CertificateInstallationReq, CertificateUpdateReq, reply=selected)
    if isinstance(request, PaymentDetailsReq):
        return request
    station.tell("the car asks for a contract certificate")
    return await ev.next(PaymentDetailsReq, reply=certificate(ev, station, request, desk), goes_on=True)


def certificate(ev: Peer, station: EvStation, request: CertificateRequest, desk: ContractDesk) -> Reply:
    """The back office's answer, if it comes in time."""
    try:
        check_request(request, ev.signature, len(ev.asked), desk.now, clock_trusted=desk.clock_trusted)
    except ContractRefused as refused:
        station.tell(f"no certificate for the car: {refused}")
        return failure_reply(request.answered_by, refused.code)
    exchange = desk.forward(action_of(request), ev.asked, NAMESPACE)

    def answer() -> Relayed | Response:
        try:
            if exchange.result is None:
                exchange.drop()
                raise NoAnswer("the back office did not answer in time")
            relayed = relay(exchange.result, request, ev.session_id)
        except NoAnswer as none:
            station.tell(f"no certificate for the car: {none}")
            return failure_reply(request.answered_by, ResponseCode.FAILED_NoCertificateAvailable)
        station.tell("the car got its contract certificate")
        return relayed

    return when(exchange.done, within=EXCHANGE_S, then=answer, otherwise=answer)


async def show_contract(
    ev: Peer, station: EvStation, request: PaymentDetailsReq, desk: ContractDesk
) -> AuthorizationReq:
    """After a refusal only SessionStop comes, as EvStops."""
    try:
        reply = desk.present(request)
    except ContractRefused as refused:
        station.tell(f"contract refused: {refused}")
        reply = desk.refuse(request, refused)
    return await ev.next(AuthorizationReq, reply=reply)


async def authorise(
    ev: Peer, station: EvStation, request: AuthorizationReq, desk: ContractDesk
) -> ChargeParameterDiscoveryReq:
    """The signed challenge first, then Ongoing until the back office, or whoever stands in for it, has said yes."""
    while True:
        code = desk.refusal(request, ev.signature)
        verdict = desk.ask().result if code is None else None
        if verdict is not None and verdict.accepted and station.authorised:
            station.tell("contract accepted; agreeing on charge parameters")
            reply = AuthorizationRes(evse_processing=EvseProcessing.Finished)
            return await ev.next(ChargeParameterDiscoveryReq, reply=reply)
        code = code or unsuccessful(ev, verdict, desk)
        if code is not None:
            station.tell(f"contract not accepted: {code}")
            return await ev.next(ChargeParameterDiscoveryReq, reply=failure_reply(AuthorizationRes, code))
        station.tell("waiting for the back office's word on the contract")
        waiting = AuthorizationRes(evse_processing=EvseProcessing.Ongoing)
        request = await ev.next(AuthorizationReq, reply=waiting)


def unsuccessful(ev: Peer, verdict: ContractVerdict | None, desk: ContractDesk) -> ResponseCode | None:
    """A verdict that is no, or none in all the time there is; None: it may still come."""
    if verdict is not None and not verdict.accepted:
        return desk.code_of(verdict)
    return ResponseCode.FAILED if ev.asking_for_s >= ONGOING_S else None
