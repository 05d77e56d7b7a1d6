"""Contracts and certificates of cars at the back office: what is asked in each version, and before what."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v16 import call_result as result16
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.station.authorization import Unreachable
from firmware.station.contracts import OcspRequestData, PresentedContract
from firmware.station.facts import IdToken

OnSite = Callable[..., None]
Whole = Callable[..., Any]

SCHEMA = "urn:iso:15118:2:2013:MsgDef"
OCSP = OcspRequestData("aa" * 32, "bb" * 32, "1f", "http://ocsp.example/")
EMAID = IdToken("DEPLTC0000012X", "eMAID")
GOOD = PresentedContract(EMAID, valid=True, ocsp=(OCSP, OCSP, OCSP))
UNKNOWN_ROOT = PresentedContract(EMAID, valid=False, ocsp=(OCSP, OCSP), chain_pem="-----BEGIN CERTIFICATE-----")
RESULTS = {"2.0.1": result201, "2.1": result21}


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.ocpp("2.x:C07.FR.01", "2.x:C07.FR.02")
def test_authorize_carries_what_ocsp_needs_and_brings_both_statuses(on_site: OnSite, version: str) -> None:
    def opening(csms: Any) -> None:
        answer = RESULTS[version].Authorize(
            id_token_info={"status": "Invalid"}, certificate_status="CertificateRevoked"
        )
        csms.replies["Authorize"].append(answer)

    async def test(site: Any) -> None:
        await site.connected()
        verdict = await site.client.authorize_contract(GOOD, 1)
        assert not verdict.accepted
        assert verdict.certificate_status == "CertificateRevoked"
        asked = await site.csms.heard("Authorize")
        assert asked["idToken"] == {"idToken": "DEPLTC0000012X", "type": "eMAID"}
        assert len(asked["iso15118CertificateHashData"]) == 3
        assert asked["iso15118CertificateHashData"][0] == {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "aa" * 32,
            "issuerKeyHash": "bb" * 32,
            "serialNumber": "1f",
            "responderURL": "http://ocsp.example/",
        }
        assert "certificate" not in asked

    on_site(test, version=version, opening=opening)


@pytest.mark.ocpp("2.0.1:C07.FR.06")
def test_a_chain_of_an_unknown_root_is_sent_whole(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        assert (await site.client.authorize_contract(UNKNOWN_ROOT, 1)).accepted
        assert (await site.csms.heard("Authorize"))["certificate"] == "-----BEGIN CERTIFICATE-----"

    on_site(test)


@pytest.mark.ocpp("1.6:DataTransfer", "1.6:TC_064")
def test_16_wraps_the_question_into_data_transfer(on_site: OnSite) -> None:
    inner = {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": "Accepted"}

    def opening(csms: Any) -> None:
        csms.replies["DataTransfer"].append(result16.DataTransfer(status="Accepted", data=json.dumps(inner)))

    async def test(site: Any) -> None:
        await site.connected()
        assert (await site.client.authorize_contract(GOOD, 1)).accepted
        asked = await site.csms.heard("DataTransfer")
        assert asked["vendorId"] == "org.openchargealliance.iso15118pnc"
        assert asked["messageId"] == "Authorize"
        assert json.loads(asked["data"])["idToken"]["type"] == "eMAID"

    on_site(test, version="1.6", opening=opening)


def test_a_16_back_office_without_contracts_is_asked_about_the_plain_token(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        assert (await site.client.authorize_contract(GOOD, 1)).accepted
        assert (await site.csms.heard("Authorize"))["idTag"] == "DEPLTC0000012X"
        with pytest.raises(Unreachable):
            await site.client.authorize_contract(UNKNOWN_ROOT, 1)

    on_site(test, version="1.6")


@pytest.mark.parametrize("inner", ["", "{}", "no JSON", '{"idTokenInfo":{"status":"Grand"}}'])
def test_16_nonsense_inside_is_no_verdict(on_site: OnSite, inner: str) -> None:
    def opening(csms: Any) -> None:
        csms.replies["DataTransfer"].append(result16.DataTransfer(status="Accepted", data=inner))

    async def test(site: Any) -> None:
        await site.connected()
        with pytest.raises(Unreachable):
            await site.client.authorize_contract(UNKNOWN_ROOT, 1)

    on_site(test, version="1.6", opening=opening)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("action", ["Install", "Update"])
@pytest.mark.ocpp("2.x:M01.FR.01", "2.x:M02.FR.01")
def test_a_cars_certificate_request_goes_there_and_back(on_site: OnSite, version: str, action: str) -> None:
    def opening(csms: Any) -> None:
        inner = {"status": "Accepted", "exiResponse": "QUJD"}
        if version == "1.6":
            csms.replies["DataTransfer"].append(result16.DataTransfer(status="Accepted", data=json.dumps(inner)))
        else:
            answer = RESULTS[version].Get15118EVCertificate(status="Accepted", exi_response="QUJD")
            csms.replies["Get15118EVCertificate"].append(answer)

    async def test(site: Any) -> None:
        await site.connected()
        answer = await site.client.exchange_certificate(action, "gJgCAA==", SCHEMA)
        assert answer.accepted
        assert answer.exi_response == "QUJD"
        if version == "1.6":
            asked = json.loads((await site.csms.heard("DataTransfer"))["data"])
        else:
            asked = await site.csms.heard("Get15118EVCertificate")
        assert asked == {"iso15118SchemaVersion": SCHEMA, "action": action, "exiRequest": "gJgCAA=="}

    on_site(test, version=version, opening=opening)


def test_a_back_office_that_has_no_certificate_says_why(on_site: OnSite) -> None:
    def opening(csms: Any) -> None:
        no = result201.Get15118EVCertificate(status="Failed", exi_response="", status_info={"reasonCode": "NoContract"})
        csms.replies["Get15118EVCertificate"].append(no)

    async def test(site: Any) -> None:
        await site.connected()
        answer = await site.client.exchange_certificate("Install", "gJgCAA==", SCHEMA)
        assert not answer.accepted
        assert answer.reason == "NoContract"

    on_site(test, opening=opening)


def test_a_16_back_office_without_certificates_is_a_plain_no(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        answer = await site.client.exchange_certificate("Install", "gJgCAA==", SCHEMA)
        assert not answer.accepted
        assert "UnknownVendorId" in answer.reason

    on_site(test, version="1.6")


@pytest.mark.ocpp("2.0.1:M06.FR.01")
def test_ocsp_responses_come_from_the_back_office(on_site: OnSite) -> None:
    def opening(csms: Any) -> None:
        yes = result201.GetCertificateStatus(
            status="Accepted", ocsp_result=base64.b64encode(b"\x30\x03\x0a\x01\x00").decode()
        )
        csms.replies["GetCertificateStatus"].append(yes)
        csms.replies["GetCertificateStatus"].append(result201.GetCertificateStatus(status="Accepted", ocsp_result="?"))

    async def test(site: Any) -> None:
        await site.connected()
        assert await site.client.get_certificate_status(OCSP) == b"\x30\x03\x0a\x01\x00"
        for _ in ("one that is no base64", "none at all"):
            with pytest.raises(Unreachable):
                await site.client.get_certificate_status(OCSP)
        asked = await site.csms.heard("GetCertificateStatus")
        assert asked["ocspRequestData"]["serialNumber"] == "1f"

    on_site(test, opening=opening)


async def hurried(site: Any) -> None:
    """Wait until what is in flight has little time left."""
    async with asyncio.timeout(20):
        while not site.client._session._calls.hurried:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)


PATIENT = {"OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "1"}


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize("asks", ["Get15118EVCertificate", "Authorize"])
def test_a_silent_call_does_not_use_up_the_cars_time(
    on_site: OnSite, whole_transaction: Whole, version: str, asks: str
) -> None:
    """The car waits 4.5 s, MessageTimeout is 30 s. What was given up is said again, byte by byte."""

    async def test(site: Any) -> None:
        await site.connected()
        site.csms.replies["TransactionEvent"].append("")
        await site.emit(*whole_transaction("tx-1", updates=0))
        await site.csms.heard("TransactionEvent")
        question = (
            site.client.authorize_contract(GOOD, 1)
            if asks == "Authorize"
            else site.client.exchange_certificate("Install", "gJgCAA==", SCHEMA)
        )
        asking = asyncio.create_task(question)
        await hurried(site)
        assert asks not in site.csms.actions(), "one CALL at a time"
        site.later(1.0)
        await asyncio.wait_for(asking, 20)
        await site.csms.heard("TransactionEvent", 3)
        payloads = [json.loads(frame)[2:] for frame in site.csms.raw if '"TransactionEvent"' in frame]
        assert payloads[0] == payloads[1]
        assert payloads[2] != payloads[1]

    on_site(test, version=version, variables=PATIENT)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_car_goes_before_a_card_and_a_card_before_the_queue(
    on_site: OnSite, whole_transaction: Whole, version: str
) -> None:
    """The CALL in flight is a silent one about a card: it is no excuse for the car's time either."""

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        csms = site.csms
        csms.replies["Authorize"].append("")
        cards = [asyncio.create_task(site.client.authorize(IdToken("FIRST"), 1))]
        await csms.heard("Authorize")
        await site.emit(*whole_transaction("tx-1", updates=0))
        cards.append(asyncio.create_task(site.client.authorize(IdToken("SECOND"), 2)))
        car = asyncio.create_task(site.client.exchange_certificate("Install", "gJgCAA==", SCHEMA))
        await hurried(site)
        before = len(csms.calls)
        site.later(1.0)
        await asyncio.wait_for(car, 20)
        for card in cards:
            assert (await asyncio.wait_for(card, 20)).accepted
        await csms.heard("TransactionEvent", 2)
        assert csms.actions()[before:] == [
            "Get15118EVCertificate",
            *["Authorize"] * 2,
            *["TransactionEvent"] * 2,
        ]

    on_site(test, version=version)


def test_without_a_connection_nobody_knows_contracts(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        for question in (
            site.client.authorize_contract(GOOD, 1),
            site.client.exchange_certificate("Install", "gJgCAA==", SCHEMA),
            site.client.get_certificate_status(OCSP),
        ):
            with pytest.raises(Unreachable):
                await question

    on_site(test, served=("9.9",))
