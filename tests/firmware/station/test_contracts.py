"""Contracts as tokens: who is asked, what holds offline (OCPP 2.0.1 C07), and whose transaction it becomes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from firmware.config import AuthorizationSettings
from firmware.station.authorization import Unreachable, Verdict
from firmware.station.commands import SwipeToken
from firmware.station.contracts import (
    CertificateAnswer,
    ContractClerk,
    ContractVerdict,
    PresentedContract,
)
from firmware.station.facts import Authorized, IdToken

EMAID = IdToken("DEPLTC0000012X", "eMAID")
GOOD = PresentedContract(EMAID, valid=True)
UNKNOWN_ROOT = replace(GOOD, valid=False, chain_pem="-----BEGIN")

Play = Callable[[Any], None]


@dataclass
class ContractOffice:
    """Answers as told; `gate` holds the answer back."""

    connected: bool = True
    reachable: bool = True
    answer: ContractVerdict = field(default_factory=lambda: ContractVerdict(Verdict(), "Accepted"))
    asked: list[PresentedContract] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def authorize_contract(self, contract: PresentedContract, evse: int) -> ContractVerdict:
        self.asked.append(contract)
        if self.gate is not None:
            await self.gate.wait()
        if not self.reachable:
            raise Unreachable("no answer in time")
        return self.answer

    async def exchange_certificate(self, action: str, exi_request: str, schema: str) -> CertificateAnswer:
        if not self.reachable:
            raise Unreachable("no answer in time")
        return CertificateAnswer(True, exi_request)


def with_clerk(
    bench: Any,
    settings: dict[str, Any],
    scenario: Callable[[Any, ContractClerk, ContractOffice], Any],
    office: ContractOffice | None = None,
) -> Any:
    async def run() -> None:
        async with bench(**settings) as b:
            office_ = office or ContractOffice()
            b.station.contract_office = office_
            await b.move(level="B")
            await scenario(b, ContractClerk(b.station, b.station.evses[1]), office_)

    return run()


def test_an_accepted_contract_is_the_transactions_token(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        assert (await clerk.authorise(GOOD)).accepted
        await b.until(b.transactions)
        assert b.transactions()[0].id_token == EMAID
        assert office.asked == [GOOD]

    play(with_clerk(bench, csms_settings, scenario))


@pytest.mark.parametrize(
    "answer",
    [
        ContractVerdict(Verdict("Invalid"), "ContractCancelled"),
        ContractVerdict(Verdict("Accepted"), "CertificateRevoked"),
        ContractVerdict(Verdict("Blocked"), ""),
    ],
)
def test_a_refused_contract_starts_nothing_and_says_why(
    bench: Any, csms_settings: Any, play: Play, answer: ContractVerdict
) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        office.answer = answer
        verdict = await clerk.authorise(GOOD)
        assert not verdict.accepted
        assert verdict.certificate_status == answer.certificate_status
        assert b.station.evses[1].id_token is None
        [told] = [fact for fact in b.facts if isinstance(fact, Authorized)]
        assert not told.accepted
        assert told.reason
        assert not b.transactions()

    play(with_clerk(bench, csms_settings, scenario))


# --- offline (C07.FR.07 to .12) -------------------------------------------------------------------------------------


def offline(bench: Any, csms_settings: Any, contract: PresentedContract, **rules: bool) -> Any:
    """The verdict while nobody can be asked; `rules`: settings by name."""
    listed = (EMAID.token,) if rules.pop("listed", False) else ()
    unknown = rules.pop("unknown", False)
    settings = csms_settings | {
        "authorization": AuthorizationSettings(mode="csms", local_list=listed, offline_unknown=unknown)
    }
    found: list[ContractVerdict] = []

    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        office.connected = False
        if "validation" in rules:
            b.station.set_variable("ISO15118Ctrlr.ContractValidationOffline", str(rules["validation"]).lower())
        found.append(await clerk.authorise(contract))
        assert office.asked == []

    asyncio.run(with_clerk(bench, settings, scenario))
    return found[0].accepted


@pytest.mark.ocpp("2.0.1:C07.FR.08", "2.0.1:C07.FR.09", "2.0.1:C07.FR.10")
def test_offline_a_listed_contract_charges(bench: Any, csms_settings: Any) -> None:
    assert offline(bench, csms_settings, GOOD, listed=True)


def test_offline_an_unknown_contract_charges_only_by_setting(bench: Any, csms_settings: Any) -> None:
    assert not offline(bench, csms_settings, GOOD)


@pytest.mark.ocpp("2.0.1:C07.FR.12")
def test_offline_unknown_contracts_may_be_allowed(bench: Any, csms_settings: Any) -> None:
    assert offline(bench, csms_settings, GOOD, unknown=True)


@pytest.mark.ocpp("2.0.1:C07.FR.07")
def test_offline_no_contract_where_offline_validation_is_off(bench: Any, csms_settings: Any) -> None:
    assert not offline(bench, csms_settings, GOOD, listed=True, unknown=True, validation=False)


def test_offline_a_chain_that_nobody_validated_never_charges(bench: Any, csms_settings: Any) -> None:
    assert not offline(bench, csms_settings, UNKNOWN_ROOT, listed=True, unknown=True)


@pytest.mark.ocpp("2.0.1:C07.FR.11")
def test_an_accepted_contract_is_cached_for_the_next_outage(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        await clerk.authorise(GOOD)
        await b.until(b.transactions)
        await b.move(level="A")
        await b.until(lambda: b.station.evses[1].transaction_id is None)
        office.connected = False
        await b.move(level="B")
        assert (await clerk.authorise(GOOD)).accepted
        assert len(office.asked) == 1

    play(with_clerk(bench, csms_settings, scenario))


def test_an_office_that_does_not_answer_is_as_good_as_away(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        office.reachable = False
        assert not (await clerk.authorise(GOOD)).accepted

    play(with_clerk(bench, csms_settings, scenario))


# --- meanwhile ------------------------------------------------------------------------------------------------------


def test_a_car_that_left_is_not_charged_by_a_late_yes(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        office.gate = asyncio.Event()
        asking = asyncio.create_task(clerk.authorise(GOOD))
        await b.until(lambda: office.asked)
        asking.cancel()
        office.gate.set()
        await asyncio.gather(asking, return_exceptions=True)
        await b.settle()
        assert b.station.evses[1].id_token is None
        assert b.station.asking == set()

    play(with_clerk(bench, csms_settings, scenario))


def test_who_is_authorised_already_pays(bench: Any, play: Play) -> None:
    """A free station, a card before the plug, a session that was resumed: nobody is asked."""

    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        await b.until(lambda: b.station.evses[1].id_token is not None)
        assert (await clerk.authorise(GOOD)).accepted
        assert office.asked == []
        assert b.station.evses[1].id_token.token == "FREE"

    play(with_clerk(bench, {}, scenario))


def test_a_card_waits_while_the_contract_is_asked_about(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        office.gate = asyncio.Event()
        asking = asyncio.create_task(clerk.authorise(GOOD))
        await b.until(lambda: office.asked)
        outcome = await b.station.do(SwipeToken(by="reader", id_token=IdToken("04AABB"), evse=1))
        assert outcome.status == "Rejected"
        office.gate.set()
        assert (await asking).accepted

    play(with_clerk(bench, csms_settings, scenario))


def test_an_evse_with_a_fault_takes_no_contract(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        b.station.evses[1].set_operative(False)
        verdict = await clerk.authorise(GOOD)
        assert not verdict.accepted
        assert "out of service" in verdict.verdict.reason

    play(with_clerk(bench, csms_settings, scenario))


# --- what is open ---------------------------------------------------------------------------------------------------


def test_what_the_clerk_offers(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        assert clerk.open
        assert clerk.connected
        assert clerk.installs
        assert clerk.central
        office.connected = False
        assert clerk.open
        assert not clerk.installs
        assert not clerk.central
        b.station.set_variable("ISO15118Ctrlr.PnCEnabled", "false")
        assert not clerk.open
        b.station.contract_office = None
        assert not clerk.open
        assert not clerk.connected

    play(with_clerk(bench, csms_settings, scenario))


def test_certificate_requests_never_raise(bench: Any, csms_settings: Any, play: Play) -> None:
    async def scenario(b: Any, clerk: ContractClerk, office: ContractOffice) -> None:
        assert (await clerk.exchange("Install", "QUJD", "urn")).exi_response == "QUJD"
        office.reachable = False
        assert not (await clerk.exchange("Install", "QUJD", "urn")).accepted
        office.connected = False
        assert "out of reach" in (await clerk.exchange("Update", "QUJD", "urn")).reason

    play(with_clerk(bench, csms_settings, scenario))
