"""What the station knows about a customer, told and forgotten (N09, N10), as the certification cases ask."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.ocpp.v201.customer import CHUNK
from firmware.station.facts import IdToken

OnSite = Callable[..., None]
CARD = {"id_token": "04AABBCCDD", "type": "ISO14443"}
NOBODY = {"id_token": "04FFFFFFFF", "type": "ISO14443"}
CERTIFICATE = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1f"}


async def ask(site: Any, number: int, **more: Any) -> tuple[str, str]:
    """Status of the answer, and the whole text that was told after it."""
    asking = {"request_id": number, "report": True, "clear": False, **more}
    answer = await site.csms.ask("CustomerInformation", **asking)
    if answer.status != "Accepted":
        return answer.status, ""
    pages: list[dict[str, Any]] = []
    while not pages or pages[-1].get("tbc"):
        pages.append(await site.csms.heard("NotifyCustomerInformation", len(pages) + 1, requestId=number))
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    assert all(len(page["data"]) <= CHUNK for page in pages)
    return answer.status, "".join(page["data"] for page in pages)


@pytest.mark.ocpp("2.0.1:N09.FR.07", "2.0.1:N09.FR.09", "2.0.1:N10.FR.07")
def test_a_question_needs_one_customer_and_something_to_do(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert (await ask(site, 1))[0] == "Invalid"
        assert (await ask(site, 1, id_token=CARD, customer_identifier="ME"))[0] == "Invalid"
        assert (await ask(site, 1, report=False, id_token=CARD))[0] == "Rejected"
        assert "NotifyCustomerInformation" not in site.csms.actions()

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N09.FR.02", "2.0.1:N09.FR.05", "2.0.1:N10.FR.01", "2.0.1:N10.FR.03", "2.0.1:N10.FR.06")
@pytest.mark.ocpp("2.0.1:TC_N_27", "2.0.1:TC_N_30", "2.0.1:TC_N_32")
def test_what_cache_and_list_know_is_told_and_what_is_no_list_forgotten(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.station.authorizer.check(IdToken("04AABBCCDD"), 1, site.client)
        assert "authorization cache: Accepted" in (await ask(site, 1, id_token=CARD))[1]
        status, told = await ask(site, 2, clear=True, id_token=CARD)
        assert (status, "authorization cache" in told) == ("Accepted", True)
        assert await ask(site, 3, id_token=CARD) == ("Accepted", "")
        assert site.station.authorizer.known(IdToken("04AABBCCDD")) is None
        listed = [{"id_token": CARD, "id_token_info": {"status": "Accepted"}}]
        update = {"version_number": 1, "update_type": "Full", "local_authorization_list": listed}
        assert (await site.csms.ask("SendLocalList", **update)).status == "Accepted"
        assert "local list" in (await ask(site, 4, id_token=CARD))[1]
        assert await ask(site, 5, report=False, clear=True, id_token=CARD) == ("Accepted", "cleared")
        assert "local list" in (await ask(site, 6, id_token=CARD))[1], "it is the back office's"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N09.FR.06", "2.0.1:N10.FR.04", "2.0.1:N10.FR.06")
@pytest.mark.ocpp("2.0.1:TC_N_28", "2.0.1:TC_N_31", "2.0.1:TC_N_32")
def test_of_who_is_not_known_there_is_one_empty_message(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        nobody: tuple[dict[str, Any], ...]
        nobody = ({"id_token": NOBODY}, {"customer_identifier": "NOBODY"}, {"customer_certificate": CERTIFICATE})
        for number, who in zip((1, 4, 7), nobody, strict=True):
            assert await ask(site, number, **who) == ("Accepted", "")
            assert await ask(site, number + 1, clear=True, **who) == ("Accepted", "")
            assert await ask(site, number + 2, report=False, clear=True, **who) == ("Accepted", "cleared")
        assert site.csms.actions().count("NotifyCustomerInformation") == 9

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N10.FR.01", "2.0.1:N10.FR.03", "2.0.1:TC_N_62")
def test_a_customer_identifier_is_a_token_of_whatever_kind(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.station.authorizer.check(IdToken("CUSTOMER-7"), 1, site.client)
        status, told = await ask(site, 1, clear=True, customer_identifier="CUSTOMER-7")
        assert (status, told) == ("Accepted", "authorization cache: Accepted")
        assert await ask(site, 2, customer_identifier="CUSTOMER-7") == ("Accepted", "")

    on_2x(test)
