"""Where the car at one EVSE pays by contract: chain, challenge, signature, and the questions to the back office.

Everything here answers at once; what takes time is `Work`, which the session script looks at. Chains are judged in
`chain`, signatures in `signatures`; whom the station asks, and the rules while nobody can be asked, are the clerk's.
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from cryptography import x509

from firmware.station.contracts import KIND, Action, CertificateAnswer, ContractVerdict, PresentedContract
from firmware.station.facts import IdToken
from firmware.v2g.contract.chain import Contract, ContractRefused, examine
from firmware.v2g.contract.signatures import BadSignature, Part, verify
from firmware.v2g.contract.work import Spawn, Work, as_task
from firmware.v2g.messages.iso2 import (
    AuthorizationReq,
    MeteringReceiptReq,
    PaymentDetailsReq,
    PaymentDetailsRes,
    ResponseCode,
)
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.messages.xmldsig import Signature

CHALLENGE_SIZE: Final = 16  # bytes; >= 120 bits of randomness [V2G2-825]
REVOKED_S: Final = 3600.0  # so long a contract that the back office called revoked is refused without asking again
MAX_REVOKED: Final = 100
SHOWN: Final = 36  # characters of an eMAID that was not checked yet


class Clerk(Protocol):
    """The part of `firmware.station.contracts.ContractClerk` that a desk needs."""

    @property
    def open(self) -> bool: ...
    @property
    def connected(self) -> bool: ...
    @property
    def installs(self) -> bool: ...
    @property
    def central(self) -> bool: ...
    @property
    def utc(self) -> float: ...
    @property
    def clock_trusted(self) -> bool: ...
    def refused(self, id_token: IdToken, reason: str) -> None: ...
    async def authorise(self, contract: PresentedContract) -> ContractVerdict: ...
    async def exchange(self, action: Action, exi_request: str, schema: str) -> CertificateAnswer: ...


class ContractDesk:
    """One EVSE's, for as long as the station runs; `begin` for each car, `end` after it."""

    def __init__(
        self,
        clerk: Clerk,
        roots: Callable[[], Sequence[x509.Certificate]],
        changed: Callable[[], None],
        spawn: Spawn = as_task,
    ) -> None:
        """`roots`: those that may have issued contracts, as they are now. `changed`: what was waited for is there."""
        self.contract: Contract | None = None  # that the car showed; whether it is the car's, the signature tells
        self._clerk = clerk
        self._roots = roots
        self._changed = changed
        self._spawn = spawn
        self._challenge = b""
        self._question: Work[ContractVerdict] | None = None
        self._exchange: Work[CertificateAnswer] | None = None
        self._revoked: dict[bytes, float] = {}  # fingerprint of a leaf -> UTC until which it is refused

    @property
    def offered(self) -> bool:
        """May cars pay by contract now?"""
        return self._clerk.open

    @property
    def installs(self) -> bool:
        """Can cars get or renew their contract certificate now?"""
        return self._clerk.open and self._clerk.installs

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clerk.utc, UTC)

    @property
    def clock_trusted(self) -> bool:
        return self._clerk.clock_trusted

    def begin(self) -> None:
        """Another car, or the same with another session."""
        self.end()
        self.contract, self._challenge = None, b""

    def end(self) -> None:
        """The session is over: nothing that is still on its way may have an effect."""
        for work in (self._question, self._exchange):
            if work is not None:
                work.drop()
        self._question = self._exchange = None

    # --- the contract -----------------------------------------------------------------------------------------------

    def present(self, request: PaymentDetailsReq) -> PaymentDetailsRes:
        """Look at the contract; the answer has a fresh challenge for the car to sign, or says what is wrong.
        Raises ContractRefused."""
        contract = examine(
            request.emaid,
            request.contract_signature_cert_chain,
            self._roots(),
            self.now,
            clock_trusted=self._clerk.clock_trusted,
        )
        self._refuse_what_nobody_can_vouch_for(contract)
        self.contract = contract
        self._challenge = secrets.token_bytes(CHALLENGE_SIZE)
        code = ResponseCode.OK_CertificateExpiresSoon if contract.expires_soon else ResponseCode.OK
        return PaymentDetailsRes(
            response_code=code, gen_challenge=self._challenge, evse_time_stamp=int(self._clerk.utc)
        )

    def _refuse_what_nobody_can_vouch_for(self, contract: Contract) -> None:
        if self._clerk.utc < self._revoked.get(contract.fingerprint, 0.0):
            raise ContractRefused(ResponseCode.FAILED_CertificateRevoked, "the back office called it revoked")
        if contract.root is None and not self._clerk.central:
            reason = "its root is not installed here, and nobody else can validate it"
            raise ContractRefused(ResponseCode.FAILED_NoCertificateAvailable, reason)
        if not contract.judged and not self._clerk.connected:
            reason = "the clock was never set, so no certificate can be judged, and the back office is out of reach"
            raise ContractRefused(ResponseCode.FAILED, reason)

    def refuse(self, request: PaymentDetailsReq, refused: ContractRefused) -> PaymentDetailsRes:
        """Tell the station why, and the car which code."""
        self._clerk.refused(IdToken(request.emaid[:SHOWN], KIND), f"contract refused: {refused}")
        return failure_reply(PaymentDetailsRes, refused.code)

    def refusal(self, request: AuthorizationReq, signature: Signature | None) -> ResponseCode | None:
        """What is wrong with the proof that the contract is the car's, if anything. Cars repeat the request while we
        are Ongoing: then signature and challenge may be missing, but not wrong."""
        repeated = self._question is not None
        if repeated and signature is None and request.gen_challenge in {None, self._challenge}:
            return None
        if self.contract is None or not hmac.compare_digest(request.gen_challenge or b"", self._challenge):
            self._say_no("the challenge that the car signed is not ours")
            return ResponseCode.FAILED_ChallengeInvalid
        try:
            verify(signature, [Part(request, request.id or "")], self.contract.key)
        except BadSignature as bad:
            self._say_no(f"the contract is not proven to be the car's: {bad}")
            return ResponseCode.FAILED_SignatureError
        return None

    def _say_no(self, reason: str) -> None:
        emaid = self.contract.emaid if self.contract is not None else ""
        self._clerk.refused(IdToken(emaid[:SHOWN], KIND), reason)

    # --- the back office's word -------------------------------------------------------------------------------------

    def ask(self) -> Work[ContractVerdict]:
        """The verdict on the contract, asked for once per car."""
        if self._question is None:
            if self.contract is None:
                raise ValueError("no contract was presented")
            presented = self._presented(self.contract)
            self._question = Work(lambda: self._clerk.authorise(presented), self._changed, self._spawn)
        return self._question

    def _presented(self, contract: Contract) -> PresentedContract:
        return PresentedContract(
            IdToken(contract.emaid[:SHOWN], KIND),
            contract.valid,
            contract.ocsp_requests(),
            None if contract.valid else contract.pem(),
        )

    def code_of(self, answer: ContractVerdict) -> ResponseCode:
        """A verdict that is no yes, for the car; a revoked certificate is remembered."""
        if answer.certificate_status == "CertificateRevoked" and self.contract is not None:
            while len(self._revoked) >= MAX_REVOKED:
                del self._revoked[next(iter(self._revoked))]
            self._revoked[self.contract.fingerprint] = self._clerk.utc + REVOKED_S
        return CODES.get(answer.certificate_status, ResponseCode.FAILED_CertificateNotAllowedAtThisEVSE)

    # --- certificates and receipts ----------------------------------------------------------------------------------

    def forward(self, action: Action, payload: bytes, schema: str) -> Work[CertificateAnswer]:
        """The car's certificate request, as it came, on its way to the back office."""
        if self._exchange is not None:
            self._exchange.drop()
        exi_request = base64.b64encode(payload).decode()
        self._exchange = Work(lambda: self._clerk.exchange(action, exi_request, schema), self._changed, self._spawn)
        return self._exchange

    def receipt_refusal(self, request: MeteringReceiptReq, signature: Signature | None) -> ResponseCode | None:
        """What is wrong with the car's signature under a meter reading; who did not show a contract has none to sign
        with [V2G2-902 to -904]."""
        if self.contract is None:
            return None
        try:
            verify(signature, [Part(request, request.id or "")], self.contract.key)
        except BadSignature:
            return ResponseCode.FAILED_MeteringSignatureNotValid
        return None


#: what the back office says of the certificate (AuthorizeCertificateStatusEnumType) -> what the car is told
CODES: Final = {
    "SignatureError": ResponseCode.FAILED_SignatureError,
    "CertificateExpired": ResponseCode.FAILED_CertificateExpired,
    "CertificateRevoked": ResponseCode.FAILED_CertificateRevoked,
    "NoCertificateAvailable": ResponseCode.FAILED_NoCertificateAvailable,
    "CertChainError": ResponseCode.FAILED_CertChainError,
    "ContractCancelled": ResponseCode.FAILED_ContractCanceled,
}
