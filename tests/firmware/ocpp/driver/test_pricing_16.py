"""What drivers are told of prices and costs in 1.6 (OCA's "OCPP & California Pricing Requirements"), over a socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from firmware.ocpp.payload import stamp

On = Callable[..., None]
VENDOR = "org.openchargealliance.costmsg"


async def tell(lab: Any, message: str, **data: Any) -> str:
    answer = await lab.csms.ask("DataTransfer", vendor_id=VENDOR, message_id=message, data=json.dumps(data))
    return str(answer.status)


async def set_key(lab: Any, key: str, value: Any) -> str:
    value = value if isinstance(value, str) else json.dumps(value)
    return str((await lab.csms.ask("ChangeConfiguration", key=key, value=value)).status)


def now(lab: Any, later: float = 0.0) -> str:
    return stamp(lab.site.clock.utc() + later)


async def charging(lab: Any) -> int:
    """A transaction that has its number."""
    await lab.charge("DRIVER")
    await lab.site.told("StartTransaction")
    return int(lab.csms.next_transaction)


def running(lab: Any, number: int, **more: Any) -> dict[str, Any]:
    usual = {"timestamp": now(lab), "meterValue": 1000, "state": "Charging", "chargingPrice": {"kWhPrice": 0.5}}
    return {"transactionId": number, "cost": 1.25, **usual, **more}


def told(lab: Any) -> Any:
    return lab.station.displayed.told(1)


@pytest.mark.ocpp("1.6:DataTransfer", "1.6:TC_062")
def test_prices_and_costs_are_shown(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await tell(lab, "SetUserPrice", idToken="DRIVER", priceText="0.40/kWh") == "Rejected"  # nobody is here
        assert (await lab.swipe("DRIVER")).accepted
        assert await tell(lab, "SetUserPrice", idToken="DRIVER", priceText="0.40/kWh") == "Accepted"
        assert told(lab).tariff == "0.40/kWh"
        lab.move(level="C")
        await lab.site.told("StartTransaction")
        assert told(lab).tariff == "0.40/kWh"  # told before the transaction, and still
        number = lab.csms.next_transaction
        assert await tell(lab, "RunningCost", **running(lab, number)) == "Accepted"
        assert told(lab).cost == 1.25
        assert await tell(lab, "RunningCost", **running(lab, 1)) == "Rejected"
        await lab.swipe("DRIVER")
        await lab.csms.heard("StopTransaction")
        bill = {
            "transactionId": number,
            "cost": 3.507,
            "priceText": "Thank you",
            "qrCodeText": "https://bill.example/7",
        }
        assert await tell(lab, "FinalCost", **bill) == "Accepted"
        assert (told(lab).cost, told(lab).final, told(lab).text) == (3.51, True, "Thank you")
        assert told(lab).qr == "https://bill.example/7"
        assert await tell(lab, "FinalCost", transactionId="x") == "Rejected"
        assert await tell(lab, "Nonsense") == "UnknownMessageId"

    on_16(test)


@pytest.mark.ocpp("1.6:DataTransfer")
def test_the_cost_is_worked_out_between_two_words(on_16: On) -> None:
    async def test(lab: Any) -> None:
        number = await charging(lab)
        change = {"atTime": now(lab, 3600), "chargingPrice": {"kWhPrice": 1}}
        assert await set_key(lab, "TimeOffset", "-05:00") == "Accepted"
        assert await set_key(lab, "TimeOffset", "five") == "Rejected"
        await tell(lab, "RunningCost", **running(lab, number, nextPeriod=change))
        assert told(lab).coming == "from 08:00: 1/kWh"
        before = len(lab.site.facts)
        lab.move(energy_wh=3000.0)
        await lab.until(lambda: told(lab).cost == 2.25)
        assert "DriverTold" not in {type(fact).__name__ for fact in lab.site.facts[before:]}  # nobody said so
        await tell(lab, "RunningCost", **running(lab, number, cost=2.2, meterValue=3000))
        assert told(lab).cost == 2.2  # the central system's word counts

    on_16(test)


@pytest.mark.ocpp("1.6:DataTransfer", "1.6:MeterValues")
def test_meter_values_are_sent_when_they_are_wanted(on_16: On) -> None:
    async def test(lab: Any) -> None:
        def wanted() -> list[Any]:
            values = [payload for name, payload in lab.csms.calls if name == "MeterValues"]
            first = [each["meterValue"][0]["sampledValue"][0] for each in values]
            return [each["value"] for each in first if each["context"] == "Other"]

        number = await charging(lab)
        triggers = {"atTime": now(lab, 60), "atEnergykWh": 2.0, "atPowerkW": 0.1, "atCPStatus": ["SuspendedEV"]}
        await tell(lab, "RunningCost", **running(lab, number, triggerMeterValue=triggers))
        lab.move(energy_wh=2999.0)
        lab.move(energy_wh=3000.0)
        await lab.until(lambda: wanted() == ["3000"])
        lab.site.clock.now += 61
        lab.move()
        await lab.until(lambda: wanted() == ["3000", "3000"])
        lab.move(energy_wh=3200.0, level="B")  # the car takes no more: no power, and another state
        await lab.until(lambda: set(wanted()[2:]) == {"3200"})
        values = await lab.csms.heard("MeterValues", 1)
        assert values["transactionId"] == number

    on_16(test)


@pytest.mark.ocpp("1.6:DataTransfer")
def test_after_the_stop_idle_time_may_cost_until_the_plug_is_taken(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await set_key(lab, "CustomIdleFeeAfterStop", "true") == "Accepted"
        number = await charging(lab)
        await lab.swipe("DRIVER")
        await lab.csms.heard("StopTransaction")
        idle = {"state": "Idle", "idlePrice": {"graceMinutes": 30, "hourPrice": 1.0}, "cost": 3.5}
        message = running(lab, number, **idle)
        del message["chargingPrice"]
        assert await tell(lab, "RunningCost", **message) == "Accepted"
        lab.site.clock.now += 5400
        lab.move()
        await lab.until(lambda: told(lab).cost == 4.5)
        lab.move(level="A")
        gone = await lab.csms.heard("DataTransfer", vendorId=VENDOR, messageId="ConnectorUnplugged")
        assert json.loads(gone["data"])["transactionId"] == number
        assert await tell(lab, "RunningCost", **message) == "Rejected"  # that driver has left
        assert await tell(lab, "FinalCost", transactionId=number, cost=1e30) == "Rejected"  # no amount of money
        assert await tell(lab, "FinalCost", transactionId=number, cost=4.5, priceText="Bye") == "Accepted"
        assert (told(lab).cost, told(lab).final) == (4.5, True)
        following = await charging(lab)
        await lab.swipe("DRIVER")
        await lab.csms.heard("StopTransaction", 2)
        lab.move(level="A")
        await lab.csms.heard("DataTransfer", 2)
        await lab.csms.ask("ClearCache")  # behind whatever else was to be told
        unplugged = [json.loads(each["data"]) for name, each in lab.csms.calls if name == "DataTransfer"]
        assert [each["transactionId"] for each in unplugged] == [number, following]

    on_16(test)


@pytest.mark.ocpp("1.6:DataTransfer")
def test_a_plug_taken_offline_is_told_later_behind_its_transaction(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await set_key(lab, "CustomIdleFeeAfterStop", "true")
        await lab.swipe("DRIVER")
        await lab.swipe("DRIVER")  # known now
        await lab.csms.close()
        await lab.csms.drop()
        await lab.until(lambda: lab.station.offline)
        await lab.charge("DRIVER")
        await lab.swipe("DRIVER")
        await lab.until(lambda: lab.station.evses[1].transaction_id is None)
        lab.move(level="A")
        await lab.until(lambda: not lab.station.evses[1].plugged)
        await lab.csms.open()
        gone = await lab.csms.heard("DataTransfer", messageId="ConnectorUnplugged")
        assert json.loads(gone["data"])["transactionId"] == lab.csms.next_transaction
        told = [name for name in lab.csms.actions() if name in {"StartTransaction", "StopTransaction", "DataTransfer"}]
        assert told == ["StartTransaction", "StopTransaction", "DataTransfer"]

    on_16(test)


@pytest.mark.ocpp("1.6:ChangeConfiguration", "1.6:GetConfiguration")
def test_the_default_price_is_shown_to_whoever_comes_in_their_language(on_16: On) -> None:
    async def test(lab: Any) -> None:
        for wrong in ("cheap", {"text": "cheap"}):
            assert await set_key(lab, "DefaultPrice", wrong) == "Rejected"
        price = {
            "priceText": "0.15/kWh",
            "priceTextOffline": "0.20/kWh",
            "chargingPrice": {"kWhPrice": 0.2, "flatFee": 1},
        }
        assert await set_key(lab, "DefaultPrice", price) == "Accepted"
        standing = lab.station.displayed.standing
        assert standing(1) == "0.15/kWh"
        assert await set_key(lab, "DefaultPriceText,nl", {"priceText": "0,15 per kWh"}) == "Accepted"
        assert await set_key(lab, "DefaultPriceText,xx", {"priceText": "?"}) == "NotSupported"
        assert await set_key(lab, "Language", "nl") == "Accepted"
        assert standing(1) == "0,15 per kWh"
        await lab.swipe("DRIVER")
        extra = [{"format": "UTF8", "language": "nl", "content": "voor u: 0,10"}]
        await tell(lab, "SetUserPrice", idToken="DRIVER", priceText="for you: 0.10", priceTextExtra=extra)
        assert told(lab).tariff == "voor u: 0,10"
        await lab.swipe("DRIVER")
        keys = ("SupportedLanguages", "CustomMultiLanguageMessages", "CustomDisplayCostAndPrice", "Language")
        answer = await lab.csms.ask("GetConfiguration", key=list(keys))
        shown = {each["key"]: each["value"] for each in answer.configuration_key}
        assert shown["SupportedLanguages"].split(",")[0] == "en"
        assert (shown["Language"], shown["CustomDisplayCostAndPrice"]) == ("nl", "true")
        assert await set_key(lab, "CustomDisplayCostAndPrice", "false") == "Accepted"
        assert standing(1) == ""
        assert await tell(lab, "SetUserPrice", idToken="DRIVER", priceText="x") == "Rejected"

    on_16(test)


@pytest.mark.ocpp("1.6:ChangeConfiguration")
def test_a_start_off_line_costs_the_default_price(on_16: On) -> None:
    async def test(lab: Any) -> None:
        price = {
            "priceText": "0.15/kWh",
            "priceTextOffline": "0.20/kWh",
            "chargingPrice": {"kWhPrice": 0.2, "flatFee": 1},
        }
        assert await set_key(lab, "DefaultPrice", price) == "Accepted"
        await lab.csms.close()
        await lab.csms.drop()
        await lab.until(lambda: lab.station.offline)
        await lab.charge("DRIVER")
        await lab.until(lambda: told(lab) is not None and told(lab).tariff == "0.20/kWh")
        assert told(lab).cost == 1.0
        lab.move(energy_wh=6000.0)
        await lab.until(lambda: told(lab).cost == 2.0)

    on_16(test, variables={"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})


def test_numbers_outlive_a_restart(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await charging(lab)
        await lab.swipe("DRIVER")
        await lab.site.told("StopTransaction")
        await lab.site.reboot(pulled=True)
        await lab.csms.heard("BootNotification", 2)
        await lab.until(lambda: lab.station.evses[1].seen is not None and lab.site.client.connected)
        assert await tell(lab, "FinalCost", transactionId=lab.csms.next_transaction, cost=2) == "Accepted"

    on_16(test)
