"""GetMonitoringReport (N02): which monitors are reported for which question, and how the pages are counted."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.exceptions import OCPPError

from firmware.config import EvseSettings

OnSite = Callable[..., None]


def named(component: str, variable: str = "", **more: Any) -> dict[str, Any]:
    """A componentVariable; `of`: the component's instance, `instance`: the variable's, `evse`, `connector`."""
    found: dict[str, Any] = {"component": {"name": component}}
    if "of" in more:
        found["component"]["instance"] = more["of"]
    if "evse" in more:
        found["component"]["evse"] = {"id": more["evse"]}
    if "connector" in more:
        found["component"]["evse"]["connectorId"] = more["connector"]
    if variable:
        found["variable"] = {"name": variable}
    if "instance" in more:
        found["variable"]["instance"] = more["instance"]
    return found


#: A letter for each monitor that the tests set.
PLACED = {
    "a": (named("OCPPCommCtrlr", "OfflineThreshold"), "UpperThreshold", 5000.0),
    "b": (named("OCPPCommCtrlr", "OfflineThreshold"), "Delta", 10.0),
    "c": (named("OCPPCommCtrlr", "HeartbeatInterval"), "LowerThreshold", 2.0),
    "d": (named("OCPPCommCtrlr", "HeartbeatInterval"), "Periodic", 3600.0),
    "e": (named("OCPPCommCtrlr", "RetryBackOffRepeatTimes"), "PeriodicClockAligned", 3600.0),
    "f": (named("TariffCostCtrlr", "Enabled", instance="Tariff"), "Delta", 1.0),
    "g": (named("TariffCostCtrlr", "Enabled", instance="Cost"), "Delta", 1.0),
    "h": (named("ChargingStation", "AvailabilityState"), "Delta", 1.0),
    "i": (named("EVSE", "AvailabilityState", evse=1), "Delta", 1.0),
    "j": (named("EVSE", "AvailabilityState", evse=2), "Delta", 1.0),
    "k": (named("Connector", "AvailabilityState", evse=2, connector=1), "Delta", 1.0),
    "l": (named("Connector", "AvailabilityState", evse=2, connector=2), "Delta", 1.0),
    "m": (named("NetworkConfiguration", "MessageTimeout", of="1"), "Delta", 1.0),
    "n": (named("NetworkConfiguration", "MessageTimeout", of="2"), "Delta", 1.0),
}

#: criteria, variables, the letters that are reported
QUESTIONS: tuple[tuple[tuple[str, ...], tuple[dict[str, Any], ...], str], ...] = (
    (("ThresholdMonitoring",), (), "ac"),  # N02.FR.06, FR.12
    (("DeltaMonitoring",), (named("OCPPCommCtrlr"),), "b"),  # FR.05, FR.13, FR.16
    (("PeriodicMonitoring",), (), "de"),  # FR.14
    (("ThresholdMonitoring", "PeriodicMonitoring"), (), "acde"),
    (("ThresholdMonitoring", "DeltaMonitoring"), (named("OCPPCommCtrlr", "OfflineThreshold"),), "ab"),  # FR.05
    ((), (named("OCPPCommCtrlr", "HeartbeatInterval"),), "cd"),  # FR.08
    ((), (named("OCPPCommCtrlr"),), "abcde"),  # FR.16: no variable
    ((), (named("TariffCostCtrlr", "Enabled"),), "fg"),  # FR.17: no instance of it
    ((), (named("TariffCostCtrlr", "Enabled", instance="Cost"),), "g"),
    ((), (named("Connector", "AvailabilityState", evse=2),), "kl"),  # FR.18: no connector
    ((), (named("Connector", "AvailabilityState", evse=2, connector=2),), "l"),
    ((), (named("EVSE", "AvailabilityState"),), "ij"),  # FR.19: no EVSE
    ((), (named("EVSE", "AvailabilityState", evse=1), named("ChargingStation", "AvailabilityState")), "hi"),
    ((), (named("NetworkConfiguration", "MessageTimeout", of="2"),), "n"),  # FR.20
    ((), (named("NetworkConfiguration", "MessageTimeout"),), "mn"),  # FR.21: no instance
)


async def reported(site: Any, request_id: int) -> list[dict[str, Any]]:
    """The rows of a whole report; its pages are counted from 0 and say whose they are."""
    pages: list[dict[str, Any]] = []
    while not pages or pages[-1].get("tbc"):
        pages.append(await site.csms.heard("NotifyMonitoringReport", len(pages) + 1, requestId=request_id))
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    return [row for page in pages for row in page["monitor"]]


@pytest.mark.ocpp("2.0.1:N02.FR.01", "2.0.1:N02.FR.03", "2.0.1:N02.FR.04", "2.0.1:N02.FR.05", "2.0.1:N02.FR.06")
@pytest.mark.ocpp("2.0.1:N02.FR.08", "2.0.1:N02.FR.09", "2.0.1:N02.FR.11", "2.0.1:N02.FR.12", "2.0.1:N02.FR.13")
@pytest.mark.ocpp("2.0.1:N02.FR.14", "2.0.1:N02.FR.16", "2.0.1:N02.FR.17", "2.0.1:N02.FR.18", "2.0.1:N02.FR.19")
@pytest.mark.ocpp("2.0.1:N02.FR.20", "2.0.1:N02.FR.21", "2.0.1:N04.FR.02", "2.0.1:N04.FR.11")
def test_what_is_asked_for_is_reported_and_nothing_else(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        asked = [{**where, "type": kind, "value": value, "severity": 6} for where, kind, value in PLACED.values()]
        answer = await site.csms.ask("SetVariableMonitoring", set_monitoring_data=asked)
        letters: dict[int, str] = {}
        for letter, wanted, result in zip(PLACED, asked, answer.set_monitoring_result, strict=True):
            assert result["status"] == "Accepted", result
            assert result["component"]["name"] == wanted["component"]["name"]
            assert result["variable"]["name"] == wanted["variable"]["name"]
            letters[result["id"]] = letter
        assert len(letters) == len(PLACED), "each has an id of its own"
        for number, (criteria, variables, expected) in enumerate(QUESTIONS):
            more: dict[str, Any] = {"monitoring_criteria": list(criteria)} if criteria else {}
            if variables:
                more["component_variable"] = list(variables)
            assert (await site.csms.ask("GetMonitoringReport", request_id=number, **more)).status == "Accepted"
            rows = await reported(site, number)
            ids = [monitor["id"] for row in rows for monitor in row["variableMonitoring"]]
            assert "".join(sorted(letters.get(each, "?") for each in ids)) == expected, (criteria, variables)
        assert (await site.csms.ask("GetMonitoringReport", request_id=100)).status == "Accepted"
        rows = await reported(site, 100)
        kinds = [monitor["type"] for row in rows for monitor in row["variableMonitoring"]]
        assert len(rows) > 20, "on several pages: the station's own monitors are there, too"
        assert set(letters) <= {monitor["id"] for row in rows for monitor in row["variableMonitoring"]}
        assert set(kinds) == {kind for _, kind, _ in PLACED.values()}

    two_plugs = EvseSettings(id=2, connectors=(2, 3))
    on_2x(test, evses=(EvseSettings(id=1), two_plugs))


@pytest.mark.ocpp("2.0.1:N02.FR.07", "2.0.1:N04.FR.09", "2.0.1:N06.FR.06")
def test_more_items_than_allowed_are_refused(on_2x: OnSite) -> None:
    one = {**named("OCPPCommCtrlr", "OfflineThreshold"), "value": 1, "type": "Delta", "severity": 6}

    async def test(site: Any) -> None:
        for action, asked in (
            ("GetMonitoringReport", {"request_id": 1, "component_variable": [named("EVSE")] * 51}),
            ("SetVariableMonitoring", {"set_monitoring_data": [one] * 51}),
            ("ClearVariableMonitoring", {"id": list(range(51))}),
        ):
            with pytest.raises(OCPPError) as refused:
                await site.csms.ask(action, **asked)
            assert refused.value.code == "OccurrenceConstraintViolation", action

    on_2x(test)
