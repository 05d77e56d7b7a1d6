"""Who may charge in 1.6, over a real socket."""

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
