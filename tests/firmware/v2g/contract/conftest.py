"""A car with a contract, in virtual time: the real script, desk, codec and signatures; the back office is the test's.

`Clerk` stands where the station's `ContractClerk` stands; what it is asked waits until the test gives the answer.
"""

import base64
import types
from collections.abc import Callable, Coroutine, Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmware.station.authorization import Verdict
from firmware.station.contracts import CertificateAnswer, ContractVerdict, PresentedContract
from firmware.station.facts import IdToken
from firmware.v2g import exi, v2gtp
from firmware.v2g.ac_station import AcStation
from firmware.v2g.contract.desk import ContractDesk
from firmware.v2g.contract.signatures import Part, sign
from firmware.v2g.conversation import Conversation
from firmware.v2g.language import ISO2
from firmware.v2g.messages import app_protocol, iso2
from firmware.v2g.messages.declare import replace
from firmware.v2g.messages.xmldsig import Signature, X509IssuerSerial
from firmware.v2g.peer import Peer
from firmware.v2g.pki.authority import Leaf
from firmware.v2g.pki.certificates import Chain, der
from firmware.v2g.pki.make_test import TestPki, build
from firmware.v2g.sessions.iso2 import charge_ac
from firmware.v2g.sessions.iso2_contract import contract_terms
from firmware.v2g.sessions.iso2_terms import PLAIN, Terms

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROOT_IDS = (X509IssuerSerial(x509_issuer_name="CN=V2G root", x509_serial_number=1),)
GREETING = app_protocol.SupportedAppProtocolRes(
    response_code=app_protocol.ResponseCode.OK_SuccessfulNegotiation, schema_id=1
)


class Clerk:
    """The station's side, set by hand. `verdict` and `answer` None: the back office has not answered yet."""

    def __init__(self) -> None:
        self.open = self.connected = self.installs = self.central = self.clock_trusted = True
        self.now = NOW
        self.verdict: ContractVerdict | None = ContractVerdict(Verdict(), "Accepted")
        self.answer: CertificateAnswer | None = None
        self.asked: list[PresentedContract] = []
        self.forwarded: list[tuple[str, bytes, str]] = []
        self.refusals: list[str] = []
        self.accepted: Callable[[IdToken], None] = lambda _: None

    @property
    def utc(self) -> float:
        return self.now.timestamp()

    def refused(self, id_token: IdToken, reason: str) -> None:
        self.refusals.append(reason)

    async def authorise(self, contract: PresentedContract) -> ContractVerdict:
        self.asked.append(contract)
        await _until(lambda: self.verdict is not None)
        assert self.verdict is not None
        if self.verdict.accepted:
            self.accepted(contract.id_token)
        return self.verdict

    async def exchange(self, action: str, exi_request: str, schema: str) -> CertificateAnswer:
        self.forwarded.append((action, base64.b64decode(exi_request), schema))
        await _until(lambda: self.answer is not None)
        assert self.answer is not None
        return self.answer


@types.coroutine
def _until(condition: Callable[[], bool]) -> Generator[None]:
    while not condition():
        yield


class ByHand:
    """Work that goes on when the test says so."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self.work = work
        self.over = False

    def go_on(self) -> None:
        if self.over:
            return
        try:
            self.work.send(None)
        except StopIteration:
            self.over = True

    def cancel(self) -> None:
        self.over = True
        self.work.close()


class ContractRig:
    """One car over TLS at one AC bay; `now` is whatever the test says."""

    def __init__(self, bay: Any, pki: TestPki, terms: Terms = PLAIN) -> None:
        self.terms = terms
        self.pki, self.bay, self.now, self.session_id = pki, bay, 100.0, bytes(8)
        bay.id_token = None
        self.clerk = Clerk()
        self.clerk.accepted = lambda id_token: setattr(bay, "id_token", id_token)
        self.roots = (pki.mo.root.certificate,)
        self.work: list[ByHand] = []
        self.desk = ContractDesk(self.clerk, lambda: self.roots, self._changed, self._spawn)
        self.car = AcStation(bay, self._wish_changed)
        self.challenge = b""
        self.connect()

    def connect(self) -> None:
        """A new connection, as after a pause."""
        peer = Peer(self.car.release, ISO2)
        terms = contract_terms(self.desk, self.terms)
        self.talk = Conversation(lambda ev: charge_ac(ev, self.car, GREETING, None, terms), peer, self.now)
        self.talk.take()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> ByHand:
        self.work.append(ByHand(work))
        return self.work[-1]

    def _changed(self) -> None:
        self.car.look()
        self.talk.poke(self.now)

    def _wish_changed(self) -> None:
        self.bay.closed = self.car.wish.energise

    def go_on(self) -> Any:
        """The back office gets on with what it was asked; the answer that the car gets because of it."""
        for each in list(self.work):
            each.go_on()
        return self.heard()

    def wait(self, seconds: float) -> Any:
        end = self.now + seconds
        while self.talk.deadline is not None and self.talk.deadline <= end:
            self.now = max(self.now, self.talk.deadline)
            self.talk.poke(self.now)
        self.now = end
        return self.heard()

    def ask(self, request: Any, signature: Signature | None = None) -> Any:
        """The answer, or None while one is being waited for."""
        header = iso2.MessageHeader(session_id=self.session_id, signature=signature)
        message = iso2.V2gMessage(header=header, body=request)
        self.talk.receive(v2gtp.pack(0x8001, exi.encode(message)), self.now)
        return self.heard()

    def heard(self) -> Any:
        frames = v2gtp.FrameReader().feed(self.talk.take())
        if not frames:
            return None
        [frame] = frames
        self.raw = frame.payload
        message = exi.decode(frame.payload, "iso2")
        assert isinstance(message, iso2.V2gMessage)
        if isinstance(message.body, iso2.SessionSetupRes):
            self.session_id = message.header.session_id
        if isinstance(message.body, iso2.PaymentDetailsRes):
            self.challenge = message.body.gen_challenge
        return message.body

    # --- a good car -------------------------------------------------------------------------------------------------

    def choose_contract(self) -> Any:
        self.ask(iso2.SessionSetupReq(evcc_id=bytes(6)))
        self.discovered = self.ask(iso2.ServiceDiscoveryReq())
        service = (iso2.SelectedService(service_id=1),)
        option = iso2.PaymentOption.Contract
        return self.ask(iso2.PaymentServiceSelectionReq(selected_payment_option=option, selected_service_list=service))

    def details(self, leaf: Leaf | None = None, **changes: Any) -> Any:
        request = iso2.PaymentDetailsReq(
            emaid="DEPLTC0000012X", contract_signature_cert_chain=chain_of((leaf or self.pki.contract).chain)
        )
        return self.ask(replace(request, **changes))

    def authorize(self, leaf: Leaf | None = None, challenge: bytes | None = None) -> Any:
        request = iso2.AuthorizationReq(id="ID1", gen_challenge=challenge or self.challenge)
        return self.ask(request, self.signed(request, leaf))

    def signed(self, request: Any, leaf: Leaf | None = None) -> Signature:
        key: Any = (leaf or self.pki.contract).key
        return sign([Part(request, request.id)], key)

    def to_verdict(self) -> Any:
        """Everything up to the first AuthorizationRes, and the back office has seen the contract."""
        self.choose_contract()
        self.details()
        answer = self.authorize()
        self.go_on()
        return answer


def chain_of(chain: Chain, name: str = "") -> iso2.CertificateChain:
    subs = tuple(der(each) for each in chain.sub_cas)
    return iso2.CertificateChain(id=name or None, certificate=der(chain.leaf), sub_certificates=subs or None)


@pytest.fixture(scope="session")
def pki() -> TestPki:
    return build("iso2", NOW - timedelta(days=30))


@pytest.fixture
def contract_rig(make_bay: Callable[..., Any], pki: TestPki) -> ContractRig:
    return ContractRig(make_bay(level="B"), pki)


@pytest.fixture
def receipt_rig(make_bay: Callable[..., Any], pki: TestPki) -> ContractRig:
    """Every reading must be signed."""
    return ContractRig(make_bay(level="C"), pki, Terms(receipt_every_s=0))


@pytest.fixture
def noon() -> datetime:
    """The time of every contract test."""
    return NOW


@pytest.fixture
def to_chain() -> Callable[..., iso2.CertificateChain]:
    return chain_of


@pytest.fixture
def root_ids() -> tuple[X509IssuerSerial, ...]:
    return ROOT_IDS
