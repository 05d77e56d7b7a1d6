"""Who may charge in 1.6, and what it costs them (OCA's pricing messages in DataTransfer), over a real socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v16 import call_result as result16

On = Callable[..., None]


def says(lab: Any, status: str, **info: Any) -> None:
    lab.csms.replies["Authorize"].append(result16.Authorize(id_tag_info={"status": status, **info}))


def asked(lab: Any) -> list[str]:
    return [payload["idTag"] for action, payload in lab.csms.calls if action == "Authorize"]


@pytest.mark.ocpp("1.6:Authorize", "1.6:TC_023_1", "1.6:TC_023_2", "1.6:TC_023_3")
@pytest.mark.parametrize("status", ["Invalid", "Expired", "Blocked", "ConcurrentTx"])
def test_every_other_word_is_a_no(on_16: On, status: str) -> None:
    async def test(lab: Any) -> None:
        says(lab, status)
        assert status in (await lab.swipe("DRIVER")).reason
        assert lab.station.evses[1].id_token is None

    on_16(test)


@pytest.mark.ocpp("1.6:Authorize", "1.6:TC_007", "1.6:TC_061", "1.6:ClearCache")
def test_who_was_accepted_before_charges_without_a_question(on_16: On) -> None:
    async def test(lab: Any) -> None:
        for _ in range(2):
            assert (await lab.swipe("DRIVER")).accepted
            await lab.swipe("DRIVER")
        assert asked(lab) == ["DRIVER"]
        assert (await lab.csms.ask("ClearCache")).status == "Accepted"
        assert (await lab.swipe("DRIVER")).accepted
        assert asked(lab) == ["DRIVER", "DRIVER"]

    on_16(test, variables={"AuthCtrlr.LocalPreAuthorize": "true"})


@pytest.mark.ocpp("1.6:Authorize", "1.6:TC_068", "1.6:TC_069")
@pytest.mark.parametrize("other", ["DRIVER", "SON"])
def test_the_same_tag_or_one_with_its_parent_ends_it(on_16: On, other: str) -> None:
    async def test(lab: Any) -> None:
        for _ in range(2):
            says(lab, "Accepted", parent_id_tag="FAMILY")
        await lab.charge("DRIVER")
        await lab.csms.heard("StartTransaction")
        assert (await lab.swipe(other)).accepted
        stop = await lab.csms.heard("StopTransaction")
        assert (stop["idTag"], stop.get("reason", "Local")) == (other, "Local")

    on_16(test)


async def tell(lab: Any, message: str, **data: Any) -> str:
    answer = await lab.csms.ask(
        "DataTransfer", vendor_id="org.openchargealliance.costmsg", message_id=message, data=json.dumps(data)
    )
    return str(answer.status)


@pytest.mark.ocpp("1.6:DataTransfer")
def test_prices_and_costs_are_shown(on_16: On) -> None:
    async def test(lab: Any) -> None:
        lab.csms.next_transaction = 76
        assert await tell(lab, "SetUserPrice", idToken="DRIVER", priceText="0.40/kWh") == "Rejected"  # nobody is here
        await lab.charge("DRIVER")
        await lab.site.told("StartTransaction")
        assert await tell(lab, "SetUserPrice", idToken="DRIVER", priceText="0.40/kWh") == "Accepted"
        assert lab.station.displayed.told(1).tariff == "0.40/kWh"
        running = {"timestamp": "2027-01-15T12:00:00Z", "meterValue": 1000, "state": "Charging"}
        assert await tell(lab, "RunningCost", transactionId=77, cost=1.25, **running) == "Accepted"
        assert lab.station.displayed.told(1).cost == 1.25
        assert await tell(lab, "RunningCost", transactionId=1, cost=1.25, **running) == "Rejected"
        await lab.swipe("DRIVER")
        await lab.csms.heard("StopTransaction")
        assert await tell(lab, "FinalCost", transactionId=77, cost=3.5, priceText="Thank you") == "Accepted"
        told = lab.station.displayed.told(1)
        assert (told.cost, told.final, told.text) == (3.5, True, "Thank you")
        assert await tell(lab, "FinalCost", transactionId="x") == "Rejected"
        assert await tell(lab, "Nonsense") == "UnknownMessageId"

    on_16(test)
