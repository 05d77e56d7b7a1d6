"""CustomData (2.x): whatever a vendor adds to any object is taken, and changes nothing (part 6, TC_P_03)."""

from collections.abc import Callable
from typing import Any

import pytest

OnSite = Callable[..., None]
CUSTOM = {"vendorId": "org.example", "colour": "green", "more": {"deep": [1, 2.5, None]}}
OFFLINE = {
    "component": {"name": "OCPPCommCtrlr", "customData": CUSTOM},
    "variable": {"name": "OfflineThreshold", "customData": CUSTOM},
    "attributeType": "Actual",
    "customData": CUSTOM,
}


@pytest.mark.ocpp("2.0.1:TC_P_03")
def test_custom_data_may_be_anywhere_and_changes_nothing(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        wanted = {**OFFLINE, "attributeValue": "200"}
        answer = await site.csms.ask("SetVariables", set_variable_data=[wanted], custom_data=CUSTOM)
        assert answer.set_variable_result[0]["attribute_status"] == "Accepted"
        answer = await site.csms.ask("GetVariables", get_variable_data=[OFFLINE], custom_data=CUSTOM)
        (found,) = answer.get_variable_result
        assert (found["attribute_status"], found["attribute_value"]) == ("Accepted", "200")
        assert found["attribute_type"] == "Actual"
        assert site.station.number("OCPPCommCtrlr.OfflineThreshold", 0) == 200

    on_2x(test)
