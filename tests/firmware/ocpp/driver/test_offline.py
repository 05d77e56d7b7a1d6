"""Transactions while the back office is away, and what it hears when it is back (2.x E04, E08, E11, E12, E14)."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from hal.contracts import LockState

On = Callable[..., None]

DRIVER = {"idToken": "DRIVER", "type": "ISO14443"}
KNOWN = {"AuthCtrlr.LocalAuthorizeOffline": "true", "SampledDataCtrlr.TxUpdatedInterval": "10"}
SIGNED = 'OCMF|{"FV":"1.0"}|{"SD":"00"}'


async def known(lab: Any, token: str, **info: Any) -> None:
    """From now on the token is in the cache."""
    result = result201 if lab.version == "2.0.1" else result21
    lab.csms.replies["Authorize"].append(result.Authorize(id_token_info={"status": "Accepted", **info}))
    await lab.swipe(token)
    await lab.swipe(token)  # and taken back
    await lab.until(lambda: lab.station.evses[1].id_token is None)


async def back(lab: Any) -> list[dict[str, Any]]:
    """The back office is back; what it hears until everything is told."""
    before = len(lab.events())
    await lab.csms.open()
    await lab.until(lambda: lab.client.connected)
    await lab.quiet()
    found: list[dict[str, Any]] = lab.events()[before:]
    return found


async def standing(lab: Any, transaction: str | None) -> tuple[bool | None, bool]:
    """Does it go on, and is something of it still to be told?"""
    asked = {} if transaction is None else {"transaction_id": transaction}
    answer = await lab.csms.ask("GetTransactionStatus", **asked)
    return answer.ongoing_indicator, answer.messages_in_queue


async def settled(lab: Any, transaction: str | None, wanted: tuple[bool | None, bool]) -> None:
    async with asyncio.timeout(20):
        while await standing(lab, transaction) != wanted:  # noqa: ASYNC110 - the back office can only ask
            await asyncio.sleep(0.01)


async def pulled(lab: Any) -> None:
    lab.move(level="A")
    await lab.until(lambda: lab.station.evses[1].transaction is None)
    await lab.until(lambda: lab.station.evses[1].level == "A")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [each["eventType"] for each in events]


def gapless(events: list[dict[str, Any]], first: int = 0) -> bool:
    return [each["seqNo"] for each in events] == list(range(first, first + len(events)))


@pytest.mark.ocpp("2.0.1:E04.FR.03", "2.0.1:E04.FR.04", "2.0.1:E04.FR.05", "2.0.1:E04.FR.06", "2.0.1:E04.FR.01")
@pytest.mark.ocpp("2.0.1:E04.FR.02", "2.0.1:E08.FR.05", "2.0.1:E08.FR.06", "2.0.1:E12.FR.01", "2.0.1:E12.FR.02")
@pytest.mark.ocpp("2.0.1:E12.FR.03", "2.0.1:E12.FR.07", "2.0.1:TC_E_43")
def test_a_whole_transaction_while_nobody_listens(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await known(lab, "DRIVER")
        await lab.cut()
        await lab.charge()
        await lab.wait(11)
        assert (await lab.swipe("DRIVER")).accepted
        await pulled(lab)
        events = await back(lab)
        assert kinds(events) == ["Started", "Updated", "Updated", "Ended"]
        assert [each["triggerReason"] for each in events][1:] == [
            "ChargingStateChanged",
            "MeterValuePeriodic",
            "StopAuthorized",
        ]
        assert all(each["offline"] is True for each in events)
        assert gapless(events)
        contexts = [each["meterValue"][-1]["sampledValue"][0]["context"] for each in events]
        assert contexts == ["Transaction.Begin", "Sample.Periodic", "Sample.Periodic", "Transaction.End"]

    on_2x(test, variables=KNOWN)


@pytest.mark.ocpp("2.0.1:E08.FR.01", "2.0.1:E08.FR.03", "2.0.1:E08.FR.04", "2.0.1:E08.FR.07", "2.0.1:E08.FR.08")
@pytest.mark.ocpp("2.0.1:E08.FR.09", "2.0.1:E11.FR.01", "2.0.1:E11.FR.02", "2.0.1:E11.FR.03", "2.0.1:TC_E_44")
@pytest.mark.ocpp("2.0.1:TC_E_31", "2.0.1:E14.FR.03", "2.0.1:E14.FR.04")
def test_a_transaction_ends_while_nobody_listens(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        running = await lab.charge()
        await lab.told("Updated ChargingStateChanged Charging")
        await settled(lab, running, (True, False))
        await lab.cut()
        await lab.wait(11)
        assert (await lab.swipe("DRIVER")).accepted
        await lab.until(lambda: not lab.station.evses[1].closed)
        await lab.until(lambda: lab.guard.connectors[1].lock is LockState.UNLOCKED)
        await pulled(lab)
        before = len(lab.events())
        lab.csms.replies["TransactionEvent"].append("")  # the first that comes gets no answer: it waits
        await lab.csms.open()
        await lab.until(lambda: len(lab.events()) > before)
        assert await standing(lab, running) == (False, True)
        assert await standing(lab, None) == (None, True)
        await lab.cut()
        events = await back(lab)
        assert await standing(lab, running) == (False, False)
        assert lab.events()[before] == events[0]  # once more, unchanged
        assert (kinds(events), gapless(events, 2)) == (["Updated", "Ended"], True)
        assert all(each["offline"] is True for each in events)
        assert (events[0]["triggerReason"], events[1]["idToken"]) == ("MeterValuePeriodic", DRIVER)
        assert events[0]["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Periodic"
        assert events[1]["meterValue"][-1]["sampledValue"][0]["context"] == "Transaction.End"

    on_2x(test, variables=KNOWN)


@pytest.mark.ocpp("2.0.1:E08.FR.02", "2.0.1:E08.FR.04", "2.0.1:E07.FR.01", "2.0.1:TC_E_45")
def test_another_of_the_group_ends_it_while_nobody_listens(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        family = {"idToken": "FAMILY", "type": "Central"}
        await known(lab, "OTHER", groupIdToken=family)
        result = result201 if lab.version == "2.0.1" else result21
        accepted = {"status": "Accepted", "groupIdToken": family}
        lab.csms.replies["Authorize"].append(result.Authorize(id_token_info=accepted))
        await lab.charge("DRIVER")
        await lab.told("Updated ChargingStateChanged Charging")
        await lab.quiet()
        await lab.cut()
        assert not (await lab.swipe("STRANGER")).accepted
        assert (await lab.swipe("OTHER")).accepted
        await lab.until(lambda: not lab.station.evses[1].closed)
        (ended,) = await back(lab)
        assert (ended["eventType"], ended["offline"], ended["triggerReason"]) == ("Ended", True, "StopAuthorized")
        assert ended["idToken"]["idToken"] == "OTHER"

    on_2x(test, variables={**KNOWN, "SampledDataCtrlr.TxUpdatedInterval": "0"})


@pytest.mark.ocpp("2.0.1:E14.FR.01", "2.0.1:E14.FR.02", "2.0.1:E14.FR.03", "2.0.1:E14.FR.04", "2.0.1:E14.FR.05")
@pytest.mark.ocpp("2.0.1:E14.FR.06", "2.0.1:E14.FR.07", "2.0.1:E14.FR.08", "2.0.1:TC_E_28", "2.0.1:TC_E_30")
@pytest.mark.ocpp("2.0.1:TC_E_32", "2.0.1:TC_E_34", "2.0.1:TC_E_29", "2.0.1:TC_E_33")
def test_how_a_transaction_stands_is_told(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await standing(lab, "never heard of") == (False, False)
        assert await standing(lab, None) == (None, False)
        running = await lab.charge()
        await lab.told("Updated ChargingStateChanged Charging")
        await settled(lab, running, (True, False))
        await lab.cut()
        await lab.wait(11)
        before = len(lab.events())
        lab.csms.replies["TransactionEvent"].append("")
        await lab.csms.open()
        await lab.until(lambda: len(lab.events()) > before)
        assert await standing(lab, running) == (True, True)
        assert await standing(lab, None) == (None, True)
        waiting = lab.events()[-1]
        assert (waiting["eventType"], waiting["offline"], "meterValue" in waiting) == ("Updated", True, True)
        await lab.cut()
        await back(lab)
        await lab.swipe("DRIVER")
        await lab.told("Ended StopAuthorized EVConnected Local")
        await settled(lab, running, (False, False))

    on_2x(test, variables=KNOWN)


@pytest.mark.ocpp("2.0.1:E03.FR.10", "2.0.1:E04.FR.10", "2.0.1:E05.FR.06", "2.0.1:E07.FR.12", "2.0.1:E08.FR.12")
@pytest.mark.ocpp("2.0.1:E09.FR.08", "2.0.1:E10.FR.07", "2.0.1:E11.FR.08", "2.0.1:E12.FR.10")
def test_signed_values_are_in_every_event_heard_or_not(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        lab.move(signed=SIGNED)
        await lab.until(lambda: lab.station.evses[1].sample().signed)
        await known(lab, "DRIVER")
        await lab.swipe("DRIVER")  # token first
        await lab.told("Started Authorized Idle")
        await lab.charge_on()
        await lab.cut()
        await lab.wait(11)
        lab.move(level="A")  # pulled, and plugged in again
        await lab.until(lambda: lab.station.evses[1].level == "A")
        await lab.charge_on()
        await lab.swipe("DRIVER")
        await pulled(lab)
        await lab.charge()  # a whole one, offline, by a token that will be refused
        result = result201 if lab.version == "2.0.1" else result21
        answers = lab.csms.replies["TransactionEvent"]
        bad = result.TransactionEvent(id_token_info={"status": "Invalid"})
        second = lab.transactions()[-1].transaction_id

        def judge(frame: str) -> None:
            if second in frame and '"Started"' in frame:
                answers.append(bad)

        lab.csms.on_call = judge
        await back(lab)
        await lab.told("Ended Deauthorized EVConnected DeAuthorized")
        told = [each for each in lab.events() if "meterValue" in each]
        triggers = {each["triggerReason"] for each in told}
        assert {"MeterValuePeriodic", "EVCommunicationLost", "CablePluggedIn", "StopAuthorized"} < triggers
        for each in told:
            whole = f"OCMF|{each['transactionInfo']['transactionId']}"
            for sampled in [found for value in each["meterValue"] for found in value["sampledValue"]]:
                record = base64.b64decode(sampled["signedMeterValue"]["signedMeterData"]).decode()
                assert record == SIGNED or (record == whole and sampled["context"] == "Transaction.End")

    variables = {
        **KNOWN,
        "SampledDataCtrlr.SignReadings": "true",
        "SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register",
        "TxCtrlr.TxStartPoint": "Authorized",
        "TxCtrlr.TxStopPoint": "Authorized",
        "TxCtrlr.StopTxOnEVSideDisconnect": "false",
    }
    on_2x(test, variables=variables, signs=True)
