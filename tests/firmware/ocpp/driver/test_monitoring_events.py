"""Monitors and what they tell (N03 to N05, N07, N08) at a station with connectors: replaced and restored monitors,
thresholds that move, events while nobody listens."""

from collections.abc import Callable
from typing import Any

import pytest

from hal.wire import Fault

Run = Callable[..., None]
OFFLINE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
PLUG = {
    "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
    "variable": {"name": "AvailabilityState"},
}
METER = {"component": {"name": "FiscalMetering", "evse": {"id": 1}}, "variable": {"name": "Problem"}}
STALE = (Fault("meter_stale", "no reading for 10 s", 0.0),)


async def monitor(lab: Any, where: dict[str, Any], kind: str, value: float, severity: int = 6, **more: Any) -> int:
    data = {**where, "type": kind, "value": value, "severity": severity, **more}
    (result,) = (await lab.csms.ask("SetVariableMonitoring", set_monitoring_data=[data])).set_monitoring_result
    assert result["status"] == "Accepted", result
    return int(result["id"])


async def set_value(lab: Any, where: dict[str, Any], value: str) -> None:
    answer = await lab.csms.ask("SetVariables", set_variable_data=[{**where, "attribute_value": value}])
    assert answer.set_variable_result[0]["attribute_status"] == "Accepted"


def events(lab: Any) -> list[dict[str, Any]]:
    return [each for name, payload in lab.csms.calls if name == "NotifyEvent" for each in payload["eventData"]]


def alarms(lab: Any) -> list[tuple[str, bool]]:
    """Value, and is the threshold no longer exceeded, of each alarm so far."""
    return [(each["actualValue"], each.get("cleared", False)) for each in events(lab) if each["trigger"] == "Alerting"]


async def severities(lab: Any, where: dict[str, Any], request_id: int) -> dict[int, int]:
    """Id -> severity of the monitors on this variable."""
    await lab.csms.ask("GetMonitoringReport", request_id=request_id, component_variable=[where])
    report = await lab.csms.heard("NotifyMonitoringReport", requestId=request_id)
    return {each["id"]: each["severity"] for row in report["monitor"] for each in row["variableMonitoring"]}


@pytest.mark.ocpp("2.0.1:N03.FR.01", "2.0.1:N03.FR.03", "2.0.1:N03.FR.04", "2.0.1:N03.FR.05")
@pytest.mark.ocpp("2.0.1:N04.FR.12", "2.0.1:N04.FR.15", "2.0.1:N07.FR.19")
def test_a_replaced_monitor_is_the_back_offices_until_the_factorys_are_asked_for(on_2x: Run) -> None:
    async def fail(lab: Any) -> list[tuple[str, str]]:
        """Component and kind of what is told of a meter that fails."""
        before = len(events(lab))

        def whole() -> list[str]:
            """What was told of the EVSE, which comes last."""
            return [each["actualValue"] for each in events(lab)[before:] if each["component"]["name"] == "EVSE"]

        lab.move(1, faults=STALE)
        await lab.until(lambda: whole() == ["true"])
        lab.move(1, faults=())
        await lab.until(lambda: whole() == ["true", "false"])
        told = [each for each in events(lab)[before:] if each["actualValue"] == "true"]
        return [(each["component"]["name"], each["eventNotificationType"]) for each in told]

    async def base(lab: Any, which: str) -> None:
        assert (await lab.csms.ask("SetMonitoringBase", monitoring_base=which)).status == "Accepted"

    async def test(lab: Any) -> None:
        ((built_in, severity),) = (await severities(lab, METER, 1)).items()
        whole = ("EVSE", "HardWiredMonitor")
        assert await fail(lab) == [("FiscalMetering", "PreconfiguredMonitor"), whole]
        assert await monitor(lab, METER, "Delta", 1, severity=5, id=built_in) == built_in
        for number, same in enumerate(("it is replaced", "All leaves it alone"), 2):
            assert await severities(lab, METER, number) == {built_in: 5}, same
            assert await fail(lab) == [("FiscalMetering", "CustomMonitor"), whole], same
            await base(lab, "All")
        await base(lab, "FactoryDefault")
        assert await severities(lab, METER, 4) == {built_in: severity}
        assert await fail(lab) == [("FiscalMetering", "PreconfiguredMonitor"), whole]
        await base(lab, "HardWiredOnly")
        assert await fail(lab) == [whole]
        await base(lab, "All")
        assert await fail(lab) == [("FiscalMetering", "PreconfiguredMonitor"), whole]

    on_2x(test)


@pytest.mark.ocpp(
    "2.0.1:N04.FR.12", "2.0.1:N07.FR.02", "2.0.1:N07.FR.11", "2.0.1:N07.FR.12", "2.0.1:N07.FR.16", "2.0.1:N07.FR.17"
)
def test_a_threshold_may_move_past_the_value_as_the_value_past_the_threshold(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        upper = await monitor(lab, OFFLINE, "UpperThreshold", 100)
        await set_value(lab, OFFLINE, "100")  # on it, not beyond
        await set_value(lab, OFFLINE, "150")
        await lab.until(lambda: alarms(lab) == [("150", False)])
        await monitor(lab, OFFLINE, "UpperThreshold", 200, id=upper)
        await lab.until(lambda: alarms(lab)[1:] == [("150", True)])
        await monitor(lab, OFFLINE, "UpperThreshold", 120, id=upper)
        await lab.until(lambda: alarms(lab)[2:] == [("150", False)])
        await monitor(lab, OFFLINE, "UpperThreshold", 130, id=upper)  # exceeded still
        assert (await lab.csms.ask("ClearVariableMonitoring", id=[upper])).clear_monitoring_result
        await monitor(lab, OFFLINE, "LowerThreshold", 50)
        for value in ("50", "40", "30", "60"):
            await set_value(lab, OFFLINE, value)
        await lab.until(lambda: alarms(lab)[3:] == [("40", False), ("60", True)])

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N05.FR.01", "2.0.1:N05.FR.03", "2.0.1:N07.FR.15")
def test_a_level_is_taken_and_counts_at_once(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        for severity in (3, 5):
            await monitor(lab, PLUG, "Delta", 1, severity=severity)
        assert (await lab.csms.ask("SetMonitoringLevel", severity=4)).status == "Accepted"
        lab.move(1, level="B")
        await lab.until(lambda: events(lab))
        assert (await lab.csms.ask("SetMonitoringLevel", severity=9)).status == "Accepted"
        lab.move(1, level="A")
        await lab.until(lambda: len(events(lab)) == 3)
        assert [each["actualValue"] for each in events(lab)] == ["Occupied", "Available", "Available"]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:N07.FR.04", "2.0.1:N07.FR.07", "2.0.1:N08.FR.03", "2.0.1:N08.FR.04", "2.0.1:N08.FR.05")
def test_what_is_severe_enough_waits_for_the_back_office(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        severe = {
            await monitor(lab, PLUG, "Delta", 1, severity=4),
            await monitor(lab, HEARTBEAT, "Periodic", 60, severity=4),
            await monitor(lab, HEARTBEAT, "PeriodicClockAligned", 60, severity=4),
        }
        for kind, where in (("Delta", PLUG), ("Periodic", OFFLINE), ("PeriodicClockAligned", OFFLINE)):
            await monitor(lab, where, kind, 60, severity=5)
        await lab.csms.close()
        await lab.until(lambda: not lab.site.client.connected)
        lab.site.clock.now += 61
        lab.move(1, level="B")
        await lab.until(lambda: lab.station.evses[1].plugged)
        await lab.csms.open()
        await lab.until(lambda: len(events(lab)) >= len(severe))
        assert {each["variableMonitoringId"] for each in events(lab)} == severe
        assert {each["trigger"] for each in events(lab)} == {"Delta", "Periodic"}
        lab.move(1, level="A")  # online everything is told
        await lab.until(lambda: len(events(lab)) == len(severe) + 2)
        assert {p["seqNo"] for name, p in lab.csms.calls if name == "NotifyEvent"} == {0}

    on_2x(test, variables={"MonitoringCtrlr.OfflineQueuingSeverity": "4"})
