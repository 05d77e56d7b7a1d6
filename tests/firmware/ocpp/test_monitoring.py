"""Monitors on variables and what they tell (block N), reports by criteria (B08)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.monitoring import Monitors
from firmware.ocpp.variables import Variable
from firmware.station.facts import MonitorEvents

OnSite = Callable[..., None]
HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
THRESHOLD = {"variable": {"name": "OfflineThreshold"}, "component": {"name": "OCPPCommCtrlr"}}


@pytest.fixture(params=["2.0.1", "2.1"])
def on_2x(on_site: OnSite, request: pytest.FixtureRequest) -> OnSite:
    """A test with a back office of each version of 2.x; their answers have the same words."""

    def run(test: Any, **more: Any) -> None:
        async def when_accepted(site: Any) -> None:
            await site.connected()
            await test(site)

        on_site(when_accepted, version=request.param, **more)

    return run


async def monitor(site: Any, **data: Any) -> dict[str, Any]:
    answer = await site.csms.ask("SetVariableMonitoring", set_monitoring_data=[data])
    found: dict[str, Any] = answer.set_monitoring_result[0]
    return found


async def set_value(site: Any, where: dict[str, Any], value: str) -> None:
    answer = await site.csms.ask("SetVariables", set_variable_data=[{**where, "attribute_value": value}])
    assert answer.set_variable_result[0]["attribute_status"] == "Accepted"


@pytest.mark.ocpp("2.0.1:N07.FR.02", "2.0.1:N07.FR.06", "2.0.1:N07.FR.07", "2.0.1:N07.FR.16", "2.0.1:N04.FR.08")
def test_a_threshold_is_told_when_it_is_exceeded_and_when_it_no_longer_is(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        placed = await monitor(site, **THRESHOLD, value=100, type="UpperThreshold", severity=4)
        assert placed["status"] == "Accepted"
        await set_value(site, THRESHOLD, "120")
        event = await site.csms.heard("NotifyEvent")
        data = event["eventData"][0]
        assert event["seqNo"] == 0
        assert (data["trigger"], data["actualValue"]) == ("Alerting", "120")
        assert (data["variableMonitoringId"], data.get("cleared")) == (placed["id"], None)
        assert data["component"]["name"] == "OCPPCommCtrlr"
        await set_value(site, THRESHOLD, "130")  # exceeded still: not told again
        await set_value(site, THRESHOLD, "50")
        back = await site.csms.heard("NotifyEvent", 2)
        assert back["eventData"][0]["cleared"] is True
        assert back["eventData"][0]["eventId"] > data["eventId"]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N07.FR.18", "2.0.1:N07.FR.19")
def test_a_delta_is_told_when_the_value_moved_by_more(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        await monitor(site, **THRESHOLD, value=10, type="Delta", severity=8)
        await set_value(site, THRESHOLD, "70")  # by 10: not more
        await set_value(site, THRESHOLD, "71")
        event = await site.csms.heard("NotifyEvent")
        assert [(e["trigger"], e["actualValue"]) for e in event["eventData"]] == [("Delta", "71")]

    on_2x(test)


@pytest.mark.ocpp(
    "2.0.1:N04.FR.01",
    "2.0.1:N04.FR.03",
    "2.0.1:N04.FR.04",
    "2.0.1:N04.FR.05",
    "2.0.1:N04.FR.06",
    "2.0.1:N04.FR.10",
    "2.0.1:N04.FR.13",
    "2.0.1:N04.FR.14",
    "2.0.1:N04.FR.16",
    "2.0.1:N04.FR.18",
)
def test_monitors_that_cannot_be_are_refused_each_for_its_reason(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        good = await monitor(site, **THRESHOLD, value=100, type="UpperThreshold", severity=4)
        asked = [
            {"component": {"name": "Nonsense"}, "variable": {"name": "X"}, "value": 1, "type": "Delta"},
            {**THRESHOLD, "variable": {"name": "Nonsense"}, "value": 1, "type": "Delta"},
            {
                "component": {"name": "AuthCtrlr"},
                "variable": {"name": "LocalPreAuthorize"},
                "value": 1,
                "type": "UpperThreshold",
            },
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "value": 1,
                "type": "Delta",
            },
            {**THRESHOLD, "value": 1e9, "type": "UpperThreshold"},
            {**THRESHOLD, "value": 100, "type": "UpperThreshold", "severity": 4},
            {**THRESHOLD, "value": -1, "type": "Delta"},
            {**THRESHOLD, "value": 5, "type": "Delta", "id": 99_999},
            {**HEARTBEAT, "value": 5, "type": "Delta", "id": good["id"]},
            {
                "component": {"name": "EVSE", "evse": {"id": 1}},
                "variable": {"name": "Problem"},
                "value": 1,
                "type": "Delta",
                "id": 1,
            },
        ]
        answer = await site.csms.ask(
            "SetVariableMonitoring", set_monitoring_data=[{"severity": 5, **each} for each in asked]
        )
        assert [each["status"] for each in answer.set_monitoring_result] == [
            "UnknownComponent",
            "UnknownVariable",
            "UnsupportedMonitorType",
            "UnsupportedMonitorType",  # write-only
            "Rejected",
            "Duplicate",
            "Rejected",
            "Rejected",
            "Rejected",
            "Rejected",
        ]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N06.FR.01", "2.0.1:N06.FR.02", "2.0.1:N06.FR.03", "2.0.1:N06.FR.05")
def test_monitors_are_cleared_by_id(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        placed = await monitor(site, **THRESHOLD, value=100, type="UpperThreshold", severity=4)
        answer = await site.csms.ask("ClearVariableMonitoring", id=[placed["id"], placed["id"], 1])
        assert [each["status"] for each in answer.clear_monitoring_result] == ["Accepted", "NotFound", "Rejected"]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N02.FR.01", "2.0.1:N02.FR.03", "2.0.1:N02.FR.10", "2.0.1:N02.FR.12", "2.0.1:N02.FR.16")
def test_the_monitoring_report_lists_what_is_asked_for(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        placed = await monitor(site, **THRESHOLD, value=100, type="UpperThreshold", severity=4)
        answer = await site.csms.ask("GetMonitoringReport", request_id=5, monitoring_criteria=["ThresholdMonitoring"])
        assert answer.status == "Accepted"
        report = await site.csms.heard("NotifyMonitoringReport")
        assert (report["requestId"], report["seqNo"], report.get("tbc")) == (5, 0, None)
        (row,) = report["monitor"]
        assert row["variable"]["name"] == "OfflineThreshold"
        assert [m["id"] for m in row["variableMonitoring"]] == [placed["id"]]
        empty = await site.csms.ask("GetMonitoringReport", request_id=6, monitoring_criteria=["PeriodicMonitoring"])
        assert empty.status == "EmptyResultSet"
        one = [{"component": {"name": "EVSE"}}]
        await site.csms.ask("GetMonitoringReport", request_id=7, component_variable=one)
        built_in = await site.csms.heard("NotifyMonitoringReport", 2)
        assert {row["variable"]["name"] for row in built_in["monitor"]} == {"Problem"}

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N05.FR.02", "2.0.1:N05.FR.03", "2.0.1:N07.FR.15")
def test_what_is_less_severe_than_the_level_is_not_told(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert (await site.csms.ask("SetMonitoringLevel", severity=10)).status == "Rejected"
        assert (await site.csms.ask("SetMonitoringLevel", severity=4)).status == "Accepted"
        await monitor(site, **THRESHOLD, value=100, type="UpperThreshold", severity=5)
        await monitor(site, **THRESHOLD, value=200, type="UpperThreshold", severity=4)
        await set_value(site, THRESHOLD, "150")
        await set_value(site, THRESHOLD, "250")
        event = await site.csms.heard("NotifyEvent")
        assert [e["actualValue"] for e in event["eventData"]] == ["250"]

    on_2x(test)


@pytest.fixture
def own(on_site: OnSite) -> Callable[[Any], None]:
    """A test with the monitors of a station, looked at by hand: `test(site, model, monitors, told)`."""

    def run(test: Any) -> None:
        async def with_monitors(site: Any) -> None:
            await site.connected()
            model = DeviceModel(site.station, site.station.settings.ocpp)
            monitors = Monitors(site.station, model)
            monitors.load()

            async def told(count: int) -> list[Any]:
                for _ in range(3):
                    await site.station.journal.execute_in_writer(lambda connection: None)
                events = [event for fact in site.facts if isinstance(fact, MonitorEvents) for event in fact.events]
                assert len(events) == count
                return events

            await test(site, model, monitors, told)

        on_site(with_monitors)

    return run


def row(model: DeviceModel, component: str, name: str) -> Variable:
    found = model.find(component, name)
    assert isinstance(found, Variable)
    return found


@pytest.mark.ocpp("2.0.1:N08.FR.05", "2.0.1:N08.FR.06", "2.0.1:N08.FR.07")
def test_periodic_monitors_by_their_own_time_and_by_the_clock(own: Any) -> None:
    async def test(site: Any, model: DeviceModel, monitors: Monitors, told: Any) -> None:
        threshold = row(model, "OCPPCommCtrlr", "OfflineThreshold")
        site.clock.now += 7
        monitors.set(threshold, "Periodic", 30, 8, id=None, transaction=False)
        monitors.set(threshold, "PeriodicClockAligned", 900, 8, id=None, transaction=False)
        for _ in range(3):
            monitors.look()
        await told(0)
        site.clock.now += 30
        monitors.look()
        assert [event.trigger for event in await told(1)] == ["Periodic"]
        site.clock.now += 900 - site.clock.utc() % 900
        monitors.look()
        monitors.look()
        assert len({event.monitor_id for event in await told(3)}) == 2

    own(test)


@pytest.mark.ocpp("2.0.1:N07.FR.13", "2.0.1:N07.FR.14", "2.0.1:N03.FR.04", "2.0.1:N03.FR.05")
def test_monitors_and_their_alarms_outlive_a_restart_until_the_base_is_set(own: Any) -> None:
    async def test(site: Any, model: DeviceModel, monitors: Monitors, told: Any) -> None:
        threshold = row(model, "OCPPCommCtrlr", "OfflineThreshold")
        model.set(threshold, "300")
        status, number, _ = monitors.set(threshold, "UpperThreshold", 200, 3, id=None, transaction=False)
        assert status == "Accepted"
        await told(1)
        site.station.set_variable(threshold.stored_as, "100")
        again = Monitors(site.station, model)
        again.load()  # the value came back while nobody looked
        events = await told(2)
        assert (events[1].monitor_id, events[1].cleared) == (number, True)
        assert events[1].event_id > events[0].event_id
        again.set_base("FactoryDefault")
        assert {each.origin for each in again} == {"HardWiredMonitor", "PreconfiguredMonitor"}
        again.set_base("HardWiredOnly")
        assert {each.origin for each in again} == {"HardWiredMonitor"}

    own(test)


@pytest.mark.ocpp("2.0.1:B07.FR.07", "2.0.1:B07.FR.09", "2.0.1:B07.FR.10", "2.0.1:TC_B_12_CS")
def test_base_reports_hold_what_can_be_set_and_what_tells_of_the_condition(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert (await site.csms.ask("GetBaseReport", request_id=1, report_base="SummaryInventory")).status == "Accepted"
        rows = await report(site, 1)
        assert {each["variable"]["name"] for each in rows} == {"AvailabilityState", "Problem"}
        await site.csms.ask("GetBaseReport", request_id=2, report_base="ConfigurationInventory")
        rows = await report(site, 2)
        assert {each["variableAttribute"][0]["mutability"] for each in rows} <= {"ReadWrite", "WriteOnly"}
        assert all("variableCharacteristics" in each for each in rows)
        settable = [json.dumps([each["component"], each["variable"]]) for each in rows]
        await site.csms.ask("GetBaseReport", request_id=3, report_base="FullInventory")
        whole = [each for each in await report(site, 3) if each["variableAttribute"][0]["mutability"] != "ReadOnly"]
        assert settable == [json.dumps([each["component"], each["variable"]]) for each in whole]

    on_2x(test)


@pytest.mark.ocpp(
    "2.0.1:B08.FR.01", "2.0.1:B08.FR.07", "2.0.1:B08.FR.10", "2.0.1:B08.FR.15", "2.0.1:B08.FR.20", "2.0.1:B08.FR.21"
)
def test_reports_by_variable_and_by_criteria(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        wanted = [{"component": {"name": "DeviceDataCtrlr"}, "variable": {"name": "ItemsPerMessage"}}]
        await site.csms.ask("GetReport", request_id=3, component_variable=wanted)
        assert {each["variable"]["instance"] for each in await report(site, 3)} == {
            "GetVariables",
            "SetVariables",
            "GetReport",
        }
        connectors = [{"component": {"name": "Connector", "evse": {"id": 1}}}]
        await site.csms.ask("GetReport", request_id=4, component_variable=connectors, component_criteria=["Available"])
        assert {each["component"]["evse"]["connectorId"] for each in await report(site, 4)} == {1}
        nobody = [{"component": {"name": "DeviceDataCtrlr"}}]
        answer = await site.csms.ask(
            "GetReport", request_id=5, component_variable=nobody, component_criteria=["Problem"]
        )
        assert answer.status == "EmptyResultSet"

    on_2x(test)


async def report(site: Any, request_id: int) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []
    while not pages or pages[-1].get("tbc"):
        pages.append(await site.csms.heard("NotifyReport", len(pages) + 1, requestId=request_id))
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    return [each for page in pages for each in page["reportData"]]
