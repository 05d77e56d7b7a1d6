"""What one ISO 15118-2 session can offer besides energy, and what it has agreed on. Built by `offers`, read by phases.

Everything here is data or a function handed in; without any of it a session is plain charging with external payment.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from firmware.v2g.messages.iso2 import (
    ChargeParameterDiscoveryReq,
    MeteringReceiptReq,
    PaymentServiceSelectionRes,
    ResponseCode,
)
from firmware.v2g.messages.xmldsig import Signature
from firmware.v2g.peer import Peer


class EvStation(Protocol):
    """What the phases that AC and DC share need of their station."""

    @property
    def evse_id(self) -> str: ...
    @property
    def authorised(self) -> bool: ...
    @property
    def stop_wanted(self) -> bool: ...
    def tell(self, status: str, *, protocol: str | None = None, evccid: str | None = None) -> None: ...
    def release(self) -> None: ...


# From the answer to PaymentServiceSelection(Contract), which it sends, to the first ChargeParameterDiscoveryReq.
Pay = Callable[[Peer, EvStation, PaymentServiceSelectionRes], Coroutine[Any, Any, ChargeParameterDiscoveryReq]]
ReceiptRefusal = Callable[[MeteringReceiptReq, Signature | None], ResponseCode | None]


@dataclass(frozen=True)
class Terms:
    """What is offered on this connection. `pay_by_contract` None: external payment only. `receipt_refusal`: what is
    wrong with a receipt's signature, if anything; None: nobody can tell, and nobody needs to [V2G2-904]."""

    pay_by_contract: Pay | None = None
    receipt_refusal: ReceiptRefusal | None = None
