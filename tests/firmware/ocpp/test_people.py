"""What people are told: display messages (block O), tariff and cost (block I), and DataTransfer (block P), in 2.0.1 and
2.1 alike."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from firmware.ocpp.v201.display import PAGE
from firmware.station.data_transfer import Transferred
from firmware.station.displayed import MAX_MESSAGES, Displayed, DisplayMessage, Text
from firmware.station.facts import Authorized, DriverTold, IdToken, Transaction
from firmware.station.transaction import Open

OnSite = Any
Whole = Callable[..., list[Transaction]]


def info(number: int = 1, text: str = "Welcome", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "priority": "NormalCycle",
        "message": {"format": "UTF8", "content": text, "language": "en"},
        **more,
    }


async def put(site: Any, number: int = 1, text: str = "Welcome", **more: Any) -> str:
    answer = await site.csms.ask("SetDisplayMessage", message=info(number, text, **more))
    return str(answer.status)


@pytest.mark.ocpp("2.x:O01.FR.12", "2.x:O05.FR.01", "2.x:O05.FR.02", "2.x:O06.FR.01")
def test_a_message_is_set_replaced_and_cleared(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        shown = site.station.displayed
        assert await put(site) == "Accepted"
        assert shown.shown(1, "Idle", None) == ["Welcome"]
        assert await put(site, text="Good day") == "Accepted"
        assert shown.shown(1, "Idle", None) == ["Good day"]
        assert (await site.csms.ask("ClearDisplayMessage", id=1)).status == "Accepted"
        assert (await site.csms.ask("ClearDisplayMessage", id=1)).status == "Unknown"
        assert shown.shown(1, "Idle", None) == []

    on_2x(test)


@pytest.mark.ocpp("2.1:O01.FR.02", "2.1:O02.FR.04", "2.x:O01.FR.03", "2.x:O02.FR.01", "2.x:O02.FR.05")
def test_what_cannot_be_shown_is_refused_by_its_own_word(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        html = info(message={"format": "HTML", "content": "<b>"})
        assert (await site.csms.ask("SetDisplayMessage", message=html)).status == "NotSupportedMessageFormat"
        if site.csms.point.socket.subprotocol == "ocpp2.1":  # 2.0.1 has no state that is not shown
            assert await put(site, state="Discharging") == "NotSupportedState"
        assert await put(site, transaction_id="nobody") == "UnknownTransaction"
        assert await put(site, display={"name": "Display", "evse": {"id": 7}}) == "Rejected"
        site.station.set_variable("DisplayMessageCtrlr.Enabled", "false")
        assert await put(site) == "Rejected"

    on_2x(test)


@pytest.mark.ocpp("2.x:O01.FR.11", "2.x:O02.FR.11")
def test_there_is_an_end_to_messages(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        for number in range(MAX_MESSAGES):
            assert await put(site, number) == "Accepted"
        assert await put(site, MAX_MESSAGES) == "Rejected"
        assert await put(site, 3, "another") == "Accepted"  # in place of one

    on_2x(test)


@pytest.mark.ocpp(
    "2.x:O03.FR.01", "2.x:O03.FR.02", "2.x:O03.FR.03", "2.x:O03.FR.04", "2.x:O03.FR.05", "2.x:O03.FR.06",
    "2.x:O04.FR.01", "2.x:O04.FR.02", "2.x:O04.FR.03", "2.x:O04.FR.04", "2.x:O04.FR.05", "2.x:O04.FR.06",
    "2.x:O04.FR.07",
)  # fmt: skip
def test_messages_are_told_in_pages(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert (await site.csms.ask("GetDisplayMessages", request_id=1)).status == "Unknown"
        for number in range(PAGE + 1):
            await put(site, number, priority="InFront" if number == 2 else "NormalCycle")
        assert (await site.csms.ask("GetDisplayMessages", request_id=2)).status == "Accepted"
        first = await site.csms.heard("NotifyDisplayMessages", requestId=2)
        second = await site.csms.heard("NotifyDisplayMessages", 2, requestId=2)
        assert [len(first["messageInfo"]), len(second["messageInfo"])] == [PAGE, 1]
        assert first["tbc"] is True
        assert not second.get("tbc")
        assert first["messageInfo"][0]["message"] == {"format": "UTF8", "content": "Welcome", "language": "en"}
        assert (await site.csms.ask("GetDisplayMessages", request_id=3, priority="InFront")).status == "Accepted"
        found = await site.csms.heard("NotifyDisplayMessages", requestId=3)
        assert [each["id"] for each in found["messageInfo"]] == [2]
        assert (await site.csms.ask("GetDisplayMessages", request_id=4, id=[99])).status == "Unknown"

    on_2x(test)


@pytest.mark.ocpp("2.1:O03.FR.02", "2.1:O03.FR.06")
def test_21_a_message_is_told_in_all_its_languages(on_site: OnSite) -> None:
    extra = [
        {"format": "UTF8", "content": text, "language": code} for text, code in (("Willkommen", "de"), ("Hei", "fi"))
    ]

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        assert await put(site, message_extra=extra) == "Accepted"
        assert await put(site, 2, "Hello") == "Accepted"
        await site.csms.ask("GetDisplayMessages", request_id=1)
        both, plain = (await site.csms.heard("NotifyDisplayMessages", requestId=1))["messageInfo"]
        assert both["message"] == {"format": "UTF8", "content": "Welcome", "language": "en"}
        assert both["messageExtra"] == extra
        assert (plain["message"]["content"], plain.get("messageExtra")) == ("Hello", None)

    on_site(test, version="2.1")


# --- what is shown when: no socket ----------------------------------------------------------------------------------


class Screen:
    def __init__(self) -> None:
        self.now = 1000.0
        self.kept = ""
        self.shows = Displayed(self.keep, lambda: self.now)

    def keep(self, text: str) -> None:
        self.kept = text

    def put(self, number: int, text: str, **more: Any) -> None:
        texts = more.pop("texts", (Text(text),))
        assert self.shows.install(DisplayMessage(id=number, texts=texts, **{"priority": "NormalCycle", **more}))

    def seen(self, state: Any = "Idle", transaction: str | None = None, language: str = "") -> list[str]:
        return self.shows.shown(1, state, transaction, language)


@pytest.mark.ocpp("2.x:O01.FR.13", "2.x:O01.FR.14", "2.x:O01.FR.15", "2.x:O01.FR.16")
@pytest.mark.ocpp("2.x:O02.FR.14", "2.x:O02.FR.15", "2.x:O02.FR.16", "2.x:O02.FR.17", "2.x:O02.FR.18")
def test_priorities() -> None:
    screen = Screen()
    screen.put(1, "usual")
    screen.put(2, "also usual")
    assert screen.seen() == ["usual", "also usual"]
    screen.put(3, "front", priority="InFront")
    screen.put(4, "front too", priority="InFront")
    assert screen.seen() == ["front", "front too"]
    screen.put(5, "alone", priority="AlwaysFront")
    screen.put(6, "now alone", priority="AlwaysFront")
    assert screen.seen() == ["now alone"]
    assert [each.id for each in screen.shows.messages()] == [1, 2, 3, 4, 6]


@pytest.mark.ocpp("2.x:O01.FR.06", "2.x:O01.FR.07", "2.x:O02.FR.06", "2.x:O02.FR.07")
def test_a_message_has_its_time_and_its_state() -> None:
    screen = Screen()
    screen.put(1, "later", start=1010.0, end=1020.0)
    screen.put(2, "charging", state="Charging")
    assert screen.seen() == []
    assert screen.seen("Charging") == ["charging"]
    screen.now = 1010.0
    assert screen.seen() == ["later"]
    screen.now = 1020.0
    assert screen.seen() == []
    assert [each.id for each in screen.shows.messages()] == [2]


@pytest.mark.ocpp("2.x:O02.FR.02")
def test_a_message_goes_with_its_transaction() -> None:
    screen = Screen()
    screen.put(1, "for you", transaction_id="tx")
    assert screen.seen("Charging", "tx") == ["for you"]
    assert screen.seen("Charging", "other") == []
    screen.shows.transaction_ended("tx")
    assert screen.shows.messages() == []


@pytest.mark.ocpp("2.x:O01.FR.08", "2.x:O01.FR.09", "2.x:O02.FR.08", "2.x:O02.FR.09")
def test_the_drivers_language_then_english() -> None:
    screen = Screen()
    screen.put(1, "", texts=(Text("Hallo", language="de-DE"), Text("Hello", language="en-US")))
    assert screen.seen(language="de") == ["Hallo"]
    assert screen.seen(language="fr") == ["Hello"]
    assert screen.seen() == ["Hello"]


@pytest.mark.ocpp("2.x:O01.FR.10", "2.x:O02.FR.10")
def test_messages_outlive_a_reboot_and_damage_is_no_message() -> None:
    screen, next_life = Screen(), Screen()
    screen.put(1, "still here")
    next_life.shows.load(screen.kept)
    assert next_life.seen() == ["still here"]
    next_life.shows.load("{damaged")
    assert next_life.seen() == []


# --- tariff and cost ------------------------------------------------------------------------------------------------


def told(site: Any) -> DriverTold:
    found: DriverTold = [fact for fact in site.facts if isinstance(fact, DriverTold)][-1]
    return found


@pytest.mark.ocpp("2.x:I01.FR.03", "2.x:I02.FR.04", "2.x:I03.FR.01", "2.x:I03.FR.03", "2.x:I06.FR.03")
def test_tariff_and_costs_of_answers_reach_the_driver(on_2x: OnSite, whole_transaction: Whole) -> None:
    async def test(site: Any) -> None:
        news = '"updatedPersonalMessage":{"format":"UTF8","content":"0.40 EUR/kWh now"}'
        site.csms.replies["TransactionEvent"].extend(
            ['[3,"$ID",{}]', f'[3,"$ID",{{"totalCost":1.5,{news}}}]', '[3,"$ID",{"totalCost":3.25}]']
        )
        started, updated, ended = whole_transaction("tx", updates=1)
        greeting = Authorized(
            at=0.0, evse=1, id_token=IdToken("04AA"), accepted=True, status="Accepted", source="csms", reason="0.39 EUR"
        )
        await site.emit(greeting, started)
        await site.told("TransactionEvent")
        assert told(site).tariff == "0.39 EUR"
        await site.emit(updated)
        await site.told("TransactionEvent", 2)
        assert (told(site).cost, told(site).currency, told(site).final) == (1.5, "EUR", False)
        assert told(site).tariff == "0.40 EUR/kWh now"
        await site.emit(ended)
        await site.told("TransactionEvent", 3)
        assert (told(site).cost, told(site).final) == (3.25, True)
        assert site.station.displayed.told(1).cost == 3.25

    on_2x(test)


@pytest.mark.ocpp("2.x:I04.FR.01", "2.x:I05.FR.02")
def test_without_the_back_office_its_own_words_stand_in(on_2x: OnSite, whole_transaction: Whole) -> None:
    async def test(site: Any) -> None:
        site.station.set_variable("TariffCostCtrlr.TariffFallbackMessage", "ask for the price")
        site.station.set_variable("TariffCostCtrlr.TotalCostFallbackMessage", "see your bill")
        await site.csms.close()
        await site.connected(False)
        started, ended = whole_transaction("tx", updates=0)
        await site.emit(started, msgspec.structs.replace(ended, offline=True))
        async with asyncio.timeout(20):
            while not (site.station.displayed.told(1) and site.station.displayed.told(1).final):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (told(site).tariff, told(site).text) == ("ask for the price", "see your bill")
        assert told(site).cost is None

    on_2x(test)


@pytest.mark.ocpp("2.x:I02.FR.02", "2.x:I02.FR.03")
def test_cost_updated_is_answered_also_for_nobody(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.csms.ask("CostUpdated", total_cost=2.5, transaction_id="nobody")
        assert not [fact for fact in site.facts if isinstance(fact, DriverTold)]
        running = Open(transaction_id="tx", evse=1, connector=1, boot_id="", started_at=0.0)
        site.station.evses[1]._ledger.open = running  # a car would need a guard
        await site.csms.ask("CostUpdated", total_cost=2.5, transaction_id="tx")
        assert (told(site).cost, told(site).transaction_id, told(site).final) == (2.5, "tx", False)

    on_2x(test)


# --- DataTransfer ---------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.x:P01.FR.05", "2.x:P01.FR.06", "2.x:P02.FR.06", "2.x:P02.FR.07", "1.6:DataTransfer", "1.6:TC_062")
@pytest.mark.ocpp("2.0.1:TC_P_01")
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_vendors_are_served_by_whoever_registered(on_site: OnSite, version: str) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)

        async def echo(data: object) -> Transferred:
            return Transferred("Accepted", data) if data else Transferred("Rejected")

        site.station.data_transfers.serve("com.example", "echo", echo)
        ask = site.csms.ask
        assert (await ask("DataTransfer", vendor_id="org.nobody")).status == "UnknownVendorId"
        assert (await ask("DataTransfer", vendor_id="com.example", message_id="sing")).status == "UnknownMessageId"
        answer = await ask("DataTransfer", vendor_id="com.example", message_id="echo", data="hello")
        assert (answer.status, answer.data) == ("Accepted", "hello")
        assert (await ask("DataTransfer", vendor_id="com.example", message_id="echo")).status == "Rejected"
        site.station.data_transfers.serve("com.example", "", echo)
        assert (await ask("DataTransfer", vendor_id="com.example", message_id="sing")).status == "Rejected"

    on_site(test, version=version)
