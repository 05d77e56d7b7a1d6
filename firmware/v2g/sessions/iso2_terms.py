"""What one ISO 15118-2 session can offer besides energy: contracts, services, plans, receipts. Built by `offers`.

Everything here is data or a function handed in; without any of it a session is plain charging with external payment.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from firmware.station.schedule import Needs, Planner
from firmware.v2g.ending import Resume
from firmware.v2g.ev_station import EvStation
from firmware.v2g.messages.iso2 import (
    ChargeParameterDiscoveryReq,
    MeteringReceiptReq,
    PaymentOption,
    PaymentServiceSelectionRes,
    ResponseCode,
    SalesTariff,
)
from firmware.v2g.messages.xmldsig import Signature
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.iso2_schedule import Schedule
from firmware.v2g.value_added import ValueAddedService

# From the answer to PaymentServiceSelection(Contract), which it sends, to the first ChargeParameterDiscoveryReq.
Pay = Callable[[Peer, EvStation, PaymentServiceSelectionRes], Coroutine[Any, Any, ChargeParameterDiscoveryReq]]
ReceiptRefusal = Callable[[MeteringReceiptReq, Signature | None], ResponseCode | None]


@dataclass(frozen=True)
class Tariffs:
    """Sales tariffs by schedule tuple id, as the back office made them, with its signature over all of them where it
    gave one."""

    by_tuple: dict[int, SalesTariff]
    signature: Signature | None = None


@dataclass(frozen=True)
class Terms:
    """What is offered on this connection.

    `pay_by_contract` None: external payment only. `value_added`: services besides charging. `planner` None: the
    station's limit of the moment, as a constant. `tariffs`: asked with every schedule offered. `receipt_every_s`: in
    a session paid by contract the car signs the meter reading this often; None = never. `receipt_refusal`: what is
    wrong with a receipt's signature; None = nobody checks [V2G2-904]. `renegotiate_dc`: also ask DC cars to plan anew,
    which repeats cable check and pre-charge.
    """

    pay_by_contract: Pay | None = None
    value_added: tuple[ValueAddedService, ...] = ()
    planner: Planner | None = None
    tariffs: Callable[[Schedule], Tariffs | None] | None = None
    receipt_every_s: float | None = None
    receipt_refusal: ReceiptRefusal | None = None
    renegotiate_dc: bool = False


PLAIN: Final = Terms()


@dataclass
class Deal:
    """What this session has agreed on so far. `paused`: what an earlier session left behind; `joined` once the car
    goes on with it."""

    terms: Terms
    paused: Resume | None = None
    joined: bool = False
    payment: PaymentOption = PaymentOption.ExternalPayment
    needs: Needs | None = None  # as the planner knows them
    schedule: Schedule | None = None
    tuple_id: int = 1
    evccid: str = ""

    @property
    def by_contract(self) -> bool:
        return self.payment is PaymentOption.Contract

    def resume(self, session_id: bytes) -> Resume:
        """What the next session must offer again."""
        return Resume(session_id, self.tuple_id, str(self.payment), self.evccid)
