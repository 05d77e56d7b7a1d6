"""What the station asks the back office and waits for: tokens, contracts, certificates. Each is one CALL; how it is
worded is the dialect's. All raise Unreachable when there is no answer to be had.
"""

import asyncio

from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Dialect, Outgoing
from firmware.ocpp.own_calls import CAR, DRIVER, PLAIN, Job, OwnCalls
from firmware.ocpp.payload import Payload
from firmware.ocpp.registration import Registrar
from firmware.station.authorization import Unreachable, Verdict
from firmware.station.certificates import HashData, OwnUse
from firmware.station.contracts import Action, CertificateAnswer, ContractVerdict, OcspRequestData, PresentedContract
from firmware.station.facts import IdToken


class Questions:
    """Asks on one connection."""

    def __init__(self, dialect: Dialect, calls: OwnCalls, registrar: Registrar, model: DeviceModel) -> None:
        self._dialect = dialect
        self._calls = calls
        self._registrar = registrar
        self._model = model

    async def authorize(self, id_token: IdToken) -> Verdict:
        """Ask the back office about a token, ahead of everything that waits. Raises Unreachable."""
        return self._dialect.verdict(await self._ask(self._dialect.authorize(id_token)))

    async def authorize_contract(self, contract: PresentedContract) -> ContractVerdict:
        """The same for a contract; one that we found good is a plain token to an office that knows none."""
        outgoing = self._dialect.contracts.authorize(contract)
        verdict = self._dialect.contracts.authorized(await self._ask(outgoing, hurried=True))
        if verdict is not None:
            return verdict
        if not contract.valid:
            raise Unreachable("the back office knows no contracts")
        return ContractVerdict(await self.authorize(contract.id_token))

    async def exchange_certificate(self, action: Action, exi_request: str, schema: str) -> CertificateAnswer:
        """Forward a car's certificate request. Raises Unreachable."""
        contracts = self._dialect.contracts
        outgoing = contracts.exchange(action, exi_request, schema)
        return contracts.exchanged(await self._ask(outgoing, rank=CAR, hurried=True))

    async def certificate_status(self, request: OcspRequestData) -> bytes:
        """An OCSP response (DER). Raises Unreachable, also when the back office has none."""
        contracts = self._dialect.contracts
        response = contracts.status_of(await self._ask(contracts.status(request), rank=PLAIN))
        if response is None:
            raise Unreachable("the back office has no OCSP response")
        return response

    async def sign_certificate(
        self, csr: str, use: OwnUse, request_id: int, root: HashData | None, *, asked: bool
    ) -> bool:
        """Have a certificate of ours signed; False: refused, or unknown to this version. Raises Unreachable."""
        outgoing = self._dialect.sign_certificate(csr, use, request_id, root)
        if outgoing is None:
            return False
        return self._dialect.will_sign(await self._ask(outgoing, rank=PLAIN, triggered=asked))

    async def _ask(
        self, outgoing: Outgoing, *, rank: int = DRIVER, hurried: bool = False, triggered: bool = False
    ) -> Payload:
        """Make a CALL and wait for its answer. Raises Unreachable. `rank`: of those that wait the highest goes first;
        `hurried`: a CALL in flight that gets no answer must not use up the time that a car gives us; `triggered`: the
        back office asked for it, perhaps before it accepts us (B02.FR.02, A00.FR.429)."""
        if not self._registrar.accepted and not (triggered and self._registrar.status == "Pending"):
            raise Unreachable("not registered at the back office")
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()

        def done(response: Payload) -> None:
            if not answer.done():
                answer.set_result(response)

        def failed(why: str) -> None:
            if not answer.done():
                answer.set_exception(Unreachable(why))

        job = Job(outgoing, done, failed, triggered=triggered, rank=rank)
        if hurried:
            self._calls.hurry(rank)
        self._calls.put(job)
        timeout = self._model.number("OCPPCommCtrlr.MessageTimeout[Default]")
        try:
            async with asyncio.timeout(2 * timeout):  # the CALL before ours may use up its own time first
                return await answer
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        finally:
            self._calls.withdraw(job)
