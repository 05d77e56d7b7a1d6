"""A back office that misbehaves: wrong ids, floods, garbage, huge frames, Pending for ever, connections that do not
last. The station keeps its rules, its memory and its manners. Silence, hanging, certificates: test_link, test_client.
"""

import asyncio
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from firmware.ocpp.rpc import Rpc
from firmware.ocpp.v16.dialect import V16
from firmware.ocpp.v21.dialect import V21
from firmware.ocpp.v201.dialect import V201
from firmware.station.authorization import Unreachable
from firmware.station.facts import IdToken, Transaction

OnSite = Any
Whole = Callable[..., list[Transaction]]
FRAMES = (
    "",
    "nonsense",
    "[" * 5000,
    '[3,"nobody",{}]',
    '[4,"nobody","GenericError","",{}]',
    '[2,"1","Reset",{"type":"Never"}]',
    '[2,"2","NoSuchThing",{}]',
    '[2,"3","TriggerMessage",7]',
    '[9,"4"]',
    '[2,"' + "x" * 40 + '","Reset",{}]',
    '[2,"5","DataTransfer",{"vendorId":"' + "y" * 100_000 + '"}]',
)
MEGABYTE = 1 << 20


@pytest.mark.parametrize("dialect", [V16(), V201(), V21()], ids=lambda dialect: dialect.flavour.version)
def test_a_flood_of_nonsense_leaves_nothing_behind(dialect: Any) -> None:
    connection = Rpc(dialect.flavour, dialect.requests, dialect.known)

    def flood(times: int) -> None:
        for _ in range(times):
            for frame in FRAMES:
                connection.feed(frame)
            connection.frames()

    flood(20)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        flood(100)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < MEGABYTE
    assert peak - before < 5 * MEGABYTE


def test_ten_megabytes_are_refused_unread() -> None:
    connection = Rpc(V201().flavour, V201().requests, V201().known)
    frame = '[2,"big","DataTransfer",{"vendorId":"' + "z" * (10 * MEGABYTE) + '"}]'
    tracemalloc.start()
    try:
        connection.feed(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTE
    (answer,) = connection.frames()
    assert answer.text.startswith('[4,"big","FormatViolation"')


@pytest.mark.ocpp("2.0.1:B02.FR.08", "2.0.1:B01.FR.08")
def test_pending_for_ever_leaves_the_local_rules_and_the_queue(on_site: OnSite, whole_transaction: Whole) -> None:
    def pending(csms: Any) -> None:
        answer = '[3,"$ID",{"currentTime":"2027-01-15T12:00:00Z","interval":60,"status":"Pending"}]'
        csms.replies["BootNotification"].extend([answer] * 100)

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        await site.emit(*whole_transaction("tx", updates=40))
        for number in range(2, 7):
            site.later(61)
            await site.told("BootNotification", number)
        assert set(site.csms.actions()) == {"BootNotification"}
        assert not site.client.connected
        with pytest.raises(Unreachable):
            await site.client.authorize(IdToken("04AA"), 1)
        site.csms.replies["BootNotification"].clear()
        site.later(61)
        assert (await site.csms.heard("TransactionEvent", 42))["eventType"] == "Ended"  # all of it, at last

    on_site(test, opening=pending)


def test_an_answer_under_a_wrong_id_is_none(on_site: OnSite, whole_transaction: Whole) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        site.csms.replies["TransactionEvent"].append('[3,"somebody else",{}]')
        site.station.set_variable("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]", "1")
        started, *_ = whole_transaction("tx", updates=0)
        await site.emit(started)
        await site.csms.heard("TransactionEvent")
        site.later(31)  # MessageTimeout: it was not answered
        async with asyncio.timeout(20):
            while len(site.csms.raw) < 1 or site.csms.actions().count("TransactionEvent") < 2:
                site.later(2)
                await asyncio.sleep(0.05)
        first, second = [json.loads(frame) for frame in site.csms.raw if '"TransactionEvent"' in frame][:2]
        assert first[2:] == second[2:]
        assert first[1] != second[1]  # 2.0.1 part 4, 4.1.4

    on_site(test)


@pytest.mark.ocpp("2.0.1:TC_B_57")
def test_a_back_office_that_drops_every_connection_is_dialled_with_pauses(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        loop = asyncio.get_running_loop()
        for number in (2, 3):
            dropped = loop.time()
            await site.csms.drop()
            async with asyncio.timeout(30):
                while site.csms.connections < number:  # noqa: ASYNC110 - the back office offers no event for it
                    await asyncio.sleep(0.01)
            assert loop.time() - dropped > 0.9  # RetryBackOffWaitMinimum is 1 s here, and never less than it
            await site.connected()

    on_site(test)
