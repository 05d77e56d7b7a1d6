"""Contracts of cars (Plug & Charge) as the station sees them: who is asked, and what holds while nobody can be asked.

Chains, signatures and challenges are the car protocols' affair; here a contract is a token with a certificate.
OCPP 2.0.1 use cases C07, M01, M02.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, Protocol

from firmware.station.authorization import Unreachable, Verdict
from firmware.station.facts import IdToken
from firmware.station.presenting import cannot_start

if TYPE_CHECKING:
    from firmware.station.evse import Evse
    from firmware.station.station import Station

Action = Literal["Install", "Update"]

KIND: Final = "eMAID"
NOT_CENTRALLY: Final = frozenset({"local_list", "cache", "offline"})  # where a verdict came from without asking


@dataclass(frozen=True)
class OcspRequestData:
    """What to ask an OCSP responder about one certificate (OCPP OCSPRequestDataType); hashes are SHA-256, hex."""

    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str = ""


@dataclass(frozen=True)
class PresentedContract:
    """A contract whose key the car has proven to hold. `valid`: the station itself found its chain good; `chain_pem`:
    the chain, where the back office shall validate it (C07.FR.06)."""

    id_token: IdToken
    valid: bool
    ocsp: tuple[OcspRequestData, ...] = ()
    chain_pem: str | None = None


@dataclass(frozen=True)
class ContractVerdict:
    """The verdict on the token, and on its certificate (AuthorizeCertificateStatusEnumType; "" = nothing was said)."""

    verdict: Verdict
    certificate_status: str = ""

    @property
    def accepted(self) -> bool:
        return self.verdict.accepted and self.certificate_status in {"", "Accepted"}


@dataclass(frozen=True)
class CertificateAnswer:
    """What came back for a certificate request: the EXI response in base64, or why there is none."""

    accepted: bool
    exi_response: str = ""
    reason: str = ""


class ContractOffice(Protocol):
    """What the station needs of a back office that knows contracts, whatever protocol it speaks."""

    @property
    def connected(self) -> bool: ...

    async def authorize_contract(self, contract: PresentedContract, evse: int) -> ContractVerdict:
        """May this contract charge at this EVSE? Raises Unreachable."""
        ...

    async def exchange_certificate(self, action: Action, exi_request: str, schema: str) -> CertificateAnswer:
        """Forward a car's certificate request (base64 of its EXI message). Raises Unreachable."""
        ...


class ContractClerk:
    """One EVSE's way to the back office, for contracts."""

    def __init__(self, station: "Station", evse: "Evse") -> None:
        self._station = station
        self._evse = evse

    @property
    def open(self) -> bool:
        """May contracts pay here at all? Not where nobody could ever be asked about one."""
        return self._station.contract_office is not None and self._station.flag("ISO15118Ctrlr.PnCEnabled", True)

    @property
    def connected(self) -> bool:
        office = self._station.contract_office
        return office is not None and office.connected

    @property
    def installs(self) -> bool:
        """Can cars get contract certificates here now?"""
        return self.connected and self._station.flag("ISO15118Ctrlr.ContractCertificateInstallationEnabled", True)

    @property
    def central(self) -> bool:
        """May the back office validate chains that we cannot?"""
        return self.connected and self._station.flag("ISO15118Ctrlr.CentralContractValidationAllowed", True)

    @property
    def utc(self) -> float:
        return self._station.clock.utc()

    @property
    def clock_trusted(self) -> bool:
        return self._station.clock.synced

    async def authorise(self, contract: PresentedContract) -> ContractVerdict:
        """Ask, and let the contract's token charge at this EVSE when it may. Whoever cancels this is not obliged.

        Who is authorised here already pays: a session that was resumed, a card before the plug, a free station.
        """
        if self._evse.id_token is not None and self._evse.stop_wanted is None:
            return ContractVerdict(Verdict(source="running"))
        question = _Question(self._station, contract)
        verdict = await self._ask(contract.id_token, question)
        if self._evse.id_token is not None:  # somebody else's card was quicker
            return ContractVerdict(Verdict(source="running"))
        late = cannot_start(self._evse, anew=True) if verdict.accepted else ""
        if verdict.accepted and not late:
            late = self._station.reservations.refusal(self._evse, contract.id_token, verdict.group)
        if late:
            verdict = Verdict("Invalid", source="station", reason=late)
        if verdict.accepted:
            self._evse.set_bound("transaction", None)
            self._station.accept(self._evse, contract.id_token, verdict)
        else:
            self._station.refuse(self._evse, contract.id_token, verdict)
        return ContractVerdict(verdict, question.certificate_status)

    def refused(self, id_token: IdToken, reason: str) -> None:
        """The car protocol itself found something wrong; who charges here already is not concerned."""
        verdict = Verdict("Invalid", source="station", reason=reason)
        self._station.refuse(self._evse, id_token, verdict, running=self._evse.id_token is not None)

    async def _ask(self, id_token: IdToken, question: "_Question") -> Verdict:
        asking = self._station.asking  # a card that comes meanwhile is told to wait
        first = self._evse.id not in asking
        asking.add(self._evse.id)
        try:
            return question.settle(await self._station.authorizer.check(id_token, self._evse.id, question))
        finally:
            if first:
                asking.discard(self._evse.id)

    async def exchange(self, action: Action, exi_request: str, schema: str) -> CertificateAnswer:
        """Never raises: without a back office the answer is no."""
        office = self._station.contract_office
        if office is None or not office.connected:
            return CertificateAnswer(False, reason="the back office is out of reach")
        try:
            return await office.exchange_certificate(action, exi_request, schema)
        except Unreachable as error:
            return CertificateAnswer(False, reason=str(error))


class _Question:
    """The back office, as `Authorizer.check` asks it about a token; asks about the whole contract instead."""

    def __init__(self, station: "Station", contract: PresentedContract) -> None:
        self._station = station
        self._contract = contract
        self.certificate_status = ""

    @property
    def connected(self) -> bool:
        office = self._station.contract_office
        return office is not None and office.connected

    async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
        office = self._station.contract_office
        if office is None:
            raise Unreachable("there is no back office for contracts")
        answer = await office.authorize_contract(self._contract, evse)
        self.certificate_status = answer.certificate_status
        if answer.verdict.accepted and not answer.accepted:
            reason = f"the back office says {answer.certificate_status} of the certificate"
            return replace(answer.verdict, status="Invalid", reason=reason)
        return answer.verdict

    def settle(self, verdict: Verdict) -> Verdict:
        """C07.FR.07/08: what nobody was asked about holds only for a chain we found good ourselves."""
        if not verdict.accepted or verdict.source not in NOT_CENTRALLY:
            return verdict
        if not self._contract.valid:
            return _no(verdict, "nobody here can validate the contract's chain, and the back office was not asked")
        if not self.connected and not self._station.flag("ISO15118Ctrlr.ContractValidationOffline", True):
            return _no(verdict, "contracts are not accepted while the back office is out of reach")
        return verdict


def _no(verdict: Verdict, reason: str) -> Verdict:
    return replace(verdict, status="Invalid", reason=reason)
