"""Block B of 2.0.1 and 2.1: variables read and written, the device model reported, connection profiles kept."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.config import EvseSettings
from firmware.ocpp.v201.reports import MAX_UNDER_WAY
from firmware.station import journal_writer

OnSite = Callable[..., None]
Row = dict[str, Any]
TIME = "2027-01-15T12:00:00Z"
RESULTS = {"2.0.1": result201, "2.1": result21}
VERSIONS = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


def variable(component: str, name: str, instance: str | None = None, **more: Any) -> Row:
    found: Row = {"component": {"name": component}, "variable": {"name": name}}
    if instance is not None:
        found["variable"]["instance"] = instance
    return {**found, **more}


async def get(site: Any, *wanted: Row) -> list[Row]:
    found: list[Row] = (await site.csms.ask("GetVariables", get_variable_data=list(wanted))).get_variable_result
    return found


async def set_(site: Any, *wanted: Row) -> list[Row]:
    found: list[Row] = (await site.csms.ask("SetVariables", set_variable_data=list(wanted))).set_variable_result
    return found


# --- B05, B06 -------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:B05.FR.03", "2.0.1:B05.FR.06", "2.0.1:B05.FR.09", "2.0.1:B05.FR.12", "2.0.1:TC_B_37")
def test_what_cannot_be_set_is_told_for_its_attribute(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        threshold = ("OCPPCommCtrlr", "OfflineThreshold")
        answers = await set_(
            site,
            variable(*threshold, attribute_type="Target", attribute_value="7"),
            variable(*threshold, attribute_type="Actual", attribute_value="8"),
            variable(*threshold, attribute_value="9"),
            variable("ClockCtrlr", "DateTime", attribute_value=TIME),
            variable("SecurityCtrlr", "SecurityProfile", attribute_value="0"),
        )
        assert [(each["attribute_type"], each["attribute_status"]) for each in answers] == [
            ("Target", "NotSupportedAttributeType"),
            ("Actual", "Accepted"),
            ("Actual", "Accepted"),
            ("Actual", "Rejected"),
            ("Actual", "Rejected"),
        ]
        assert [each["component"]["name"] for each in answers][3:] == ["ClockCtrlr", "SecurityCtrlr"]
        assert answers[4]["attribute_status_info"]["reason_code"] == "ReadOnly"
        (now,) = await get(site, variable(*threshold))
        assert now["attribute_value"] == "9"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:B06.FR.09", "2.0.1:B06.FR.13", "2.0.1:B06.FR.14", "2.0.1:B06.FR.15")
def test_instances_unset_values_and_what_may_not_be_read(on_2x: OnSite) -> None:
    def of_slot(instance: str | None) -> Row:
        component = {"name": "NetworkConfiguration"} | ({"instance": instance} if instance is not None else {})
        return {"component": component, "variable": {"name": "OcppCsmsUrl"}}

    async def test(site: Any) -> None:
        hidden, unset, named, *without = await get(
            site,
            variable("SecurityCtrlr", "BasicAuthPassword"),
            variable("ISO15118Ctrlr", "SeccId"),
            variable("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
            variable("OCPPCommCtrlr", "MessageAttempts"),
            variable("OCPPCommCtrlr", "MessageAttempts", ""),
            variable("OCPPCommCtrlr", "MessageAttempts", "Other"),
            of_slot(None),
            of_slot(""),
        )
        assert (hidden["attribute_status"], hidden.get("attribute_value")) == ("Rejected", None)
        assert (unset["attribute_status"], unset["attribute_value"]) == ("Accepted", "")
        assert (named["attribute_status"], named["variable"]["instance"]) == ("Accepted", "TransactionEvent")
        assert [each["attribute_status"] for each in without] == ["UnknownVariable"] * 3 + ["UnknownComponent"] * 2
        (slot,) = await get(site, of_slot("1"))
        assert (slot["attribute_status"], slot["component"]["instance"]) == ("Accepted", "1")
        assert slot["attribute_value"] == site.csms.url

    on_2x(test)


# --- B07, B08 -------------------------------------------------------------------------------------------------------


async def report(site: Any, request_id: int) -> list[Row]:
    """Every row of a report, once all its pages came in order."""
    pages: list[Row] = []
    while not pages or pages[-1].get("tbc"):
        pages.append(await site.csms.heard("NotifyReport", len(pages) + 1, requestId=request_id))
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    return [each for page in pages for each in page["reportData"]]


def names(row: Row) -> tuple[Any, ...]:
    component, evse = row["component"], row["component"].get("evse", {})
    place = (component["name"], component.get("instance"), evse.get("id"), evse.get("connectorId"))
    return (*place, row["variable"]["name"], row["variable"].get("instance"))


class Inventory:
    """What a back office knows after a full report: what it may expect of every other one."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = {names(row): row for row in rows}
        assert len(self.rows) == len(rows)

    def value(self, place: tuple[Any, ...], name: str) -> str | None:
        row = self.rows.get((*place, name, None))
        return None if row is None else row["variableAttribute"][0]["value"]

    def meeting(self, *criteria: str) -> set[tuple[Any, ...]]:
        """The rows of components for which one of these is true or (but for Problem) not there."""

        def meets(place: tuple[Any, ...]) -> bool:
            values = ((each, self.value(place, each)) for each in criteria)
            return any(value == "true" or (value is None and each != "Problem") for each, value in values)

        return {row for row in self.rows if meets(row[:4])}

    def of(self, name: str, instance: Any = ..., evse: Any = ..., connector: Any = ...) -> set[tuple[Any, ...]]:
        wanted = (name, instance, evse, connector)
        return {
            row
            for row in self.rows
            if all(each is ... or each == there for each, there in zip(wanted, row, strict=False))
        }


async def inventory(site: Any) -> Inventory:
    assert (await site.csms.ask("GetBaseReport", request_id=1, report_base="FullInventory")).status == "Accepted"
    return Inventory(await report(site, 1))


TWO_PLUGS = (EvseSettings(id=1, connectors=(1, 2)), EvseSettings(id=2, connectors=(3,)))


@pytest.mark.ocpp("2.0.1:B08.FR.01", "2.0.1:B08.FR.03", "2.0.1:B08.FR.04", "2.0.1:B08.FR.05", "2.0.1:B08.FR.11")
@pytest.mark.ocpp("2.0.1:B08.FR.12", "2.0.1:B08.FR.14", "2.0.1:B08.FR.20", "2.0.1:B08.FR.21", "2.0.1:B08.FR.22")
@pytest.mark.ocpp("2.0.1:B08.FR.23", "2.0.1:B08.FR.24", "2.0.1:B08.FR.25")
def test_what_is_left_out_of_a_component_stands_for_all_there_are(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        known = await inventory(site)
        asked: list[tuple[Row, set[tuple[Any, ...]]]] = [
            ({"name": "Connector", "evse": {"id": 1}}, known.of("Connector", ..., 1)),
            ({"name": "Connector", "evse": {"id": 1, "connectorId": 2}}, known.of("Connector", ..., 1, 2)),
            ({"name": "Connector"}, known.of("Connector")),
            ({"name": "EVSE"}, known.of("EVSE")),
            ({"name": "NetworkConfiguration", "instance": "2"}, known.of("NetworkConfiguration", "2")),
            ({"name": "NetworkConfiguration"}, known.of("NetworkConfiguration")),
        ]
        for number, (component, expected) in enumerate(asked, 2):
            wanted = [{"component": component}]
            answer = await site.csms.ask("GetReport", request_id=number, component_variable=wanted)
            rows = await report(site, number)
            assert (answer.status, {names(row) for row in rows}) == ("Accepted", expected)
            assert all("variableCharacteristics" in row for row in rows)
            hidden = [row for row in rows if row["variableAttribute"][0].get("mutability") == "WriteOnly"]
            assert not [row for row in hidden if "value" in row["variableAttribute"][0]]
        assert len({row[3] for row in asked[0][1]}) == len({row[1] for row in asked[5][1]}) - 1 == 2
        variables = [{"component": {"name": "EVSE"}, "variable": {"name": "AvailabilityState"}}]
        await site.csms.ask("GetReport", request_id=20, component_variable=variables)
        assert {row["component"]["evse"]["id"] for row in await report(site, 20)} == {1, 2}

    on_2x(test, evses=TWO_PLUGS)


@pytest.mark.ocpp("2.0.1:B08.FR.05", "2.0.1:B08.FR.07", "2.0.1:B08.FR.08", "2.0.1:B08.FR.09", "2.0.1:B08.FR.10")
@pytest.mark.ocpp("2.0.1:B08.FR.13", "2.0.1:B08.FR.15")
def test_components_that_meet_one_of_the_criteria_are_reported(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        await set_(site, variable("LocalAuthListCtrlr", "Enabled", attribute_value="false"))
        known = await inventory(site)
        off = known.of("LocalAuthListCtrlr")
        assert off
        assert not off & known.meeting("Enabled")
        cases = [["Enabled"], ["Available"], ["Active"], ["Problem"], ["Problem", "Enabled"], ["Enabled", "Available"]]
        for number, criteria in enumerate(cases, 2):
            expected = known.meeting(*criteria)
            answer = await site.csms.ask("GetReport", request_id=number, component_criteria=criteria)
            assert answer.status == ("Accepted" if expected else "EmptyResultSet"), criteria
            if expected:
                assert {names(row) for row in await report(site, number)} == expected, criteria
        both = [{"component": {"name": "LocalAuthListCtrlr"}}, {"component": {"name": "AuthCtrlr"}}]
        await site.csms.ask("GetReport", request_id=30, component_variable=both, component_criteria=["Enabled"])
        assert {names(row) for row in await report(site, 30)} == known.of("AuthCtrlr")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:B08.FR.06", "2.0.1:B08.FR.17")
def test_a_report_names_no_more_variables_than_the_station_says(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        (most,) = await get(site, variable("DeviceDataCtrlr", "ItemsPerMessage", "GetReport"))
        one = {"component": {"name": "EVSE"}}
        wanted = [one] * int(most["attribute_value"])
        answer = await site.csms.ask("GetReport", request_id=1, component_variable=wanted)
        assert answer.status == "Accepted"
        with pytest.raises(OCPPError) as refused:
            await site.csms.ask("GetReport", request_id=2, component_variable=[*wanted, one])
        assert refused.value.code == "OccurrenceConstraintViolation"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:B07.FR.13", "2.0.1:B08.FR.16")
def test_too_many_reports_at_a_time_are_refused_until_some_are_sent(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        async def ask(kind: str, number: int) -> str:
            more = {"report_base": "SummaryInventory"} if kind == "GetBaseReport" else {}
            return str((await site.csms.ask(kind, request_id=number, **more)).status)

        site.csms.replies["NotifyReport"].append("")  # the line is busy
        for number in range(MAX_UNDER_WAY):
            assert await ask("GetBaseReport", number) == "Accepted"
        assert await ask("GetBaseReport", 50) == "Rejected"
        assert await ask("GetReport", 51) == "Rejected"
        await site.csms.heard("NotifyReport")
        site.later(31)  # MessageTimeout
        await site.csms.heard("NotifyReport", requestId=MAX_UNDER_WAY - 1)
        await until(lambda: not site.client._model.reports)
        assert await ask("GetReport", 52) == "Accepted"
        assert not {each["requestId"] for name, each in site.csms.calls if name == "NotifyReport"} & {50, 51}

    on_2x(test)


def test_reports_that_a_lost_connection_dropped_are_under_way_no_longer(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        site.csms.replies["NotifyReport"].append("")  # the line is busy
        for number in range(MAX_UNDER_WAY):
            await site.csms.ask("GetBaseReport", request_id=number, report_base="SummaryInventory")
        assert len(site.client._model.reports) == MAX_UNDER_WAY
        gc.disable()  # it may come late
        try:
            await site.csms.drop()
            await until(lambda: not site.client._model.reports)
        finally:
            gc.enable()
        await site.connected()
        answer = await site.csms.ask("GetBaseReport", request_id=99, report_base="SummaryInventory")
        assert answer.status == "Accepted"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:B07.FR.11")
def test_every_attribute_that_can_be_read_is_reported_also_without_a_value(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        known = await inventory(site)
        kinds = ("Actual", "Target", "MinSet", "MaxSet")
        seen: set[str] = set()
        for (name, instance, evse, connector, variable_name, of), row in known.rows.items():
            place: Row = {"name": name} | ({"instance": instance} if instance is not None else {})
            if evse is not None:
                place["evse"] = {"id": evse} | ({"connectorId": connector} if connector is not None else {})
            wanted = {"name": variable_name} | ({"instance": of} if of is not None else {})
            asked = [{"component": place, "variable": wanted, "attribute_type": kind} for kind in kinds]
            there = {
                each["attribute_type"]
                for each in await get(site, *asked)
                if each["attribute_status"] != "NotSupportedAttributeType"
            }
            assert {each.get("type", "Actual") for each in row["variableAttribute"]} == there, row
            seen |= there
        assert seen >= {"Actual", "MaxSet"}
        assert "" in {row["variableAttribute"][0].get("value") for row in known.rows.values()}

    on_2x(test)


# --- B02, B09 -------------------------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.ocpp("2.0.1:B02.FR.01", "2.0.1:B02.FR.02", "2.0.1:B02.FR.08")
def test_while_pending_it_can_be_asked_and_set(on_site: OnSite, version: str) -> None:
    def opening(csms: Any) -> None:
        result = RESULTS[version].BootNotification(current_time=TIME, interval=30, status="Pending")
        csms.replies["BootNotification"].append(result)

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        (done,) = await set_(site, variable("OCPPCommCtrlr", "OfflineThreshold", attribute_value="77"))
        (read,) = await get(site, variable("OCPPCommCtrlr", "OfflineThreshold"))
        assert (done["attribute_status"], read["attribute_value"]) == ("Accepted", "77")
        assert (await site.csms.ask("GetBaseReport", request_id=1, report_base="SummaryInventory")).status == "Accepted"
        assert await report(site, 1)  # asked for: it may be sent
        assert set(site.csms.actions()) == {"BootNotification", "NotifyReport"}
        site.later(31)
        await site.csms.heard("BootNotification", 2)
        await site.csms.heard("StatusNotification", 2)

    on_site(test, version=version, opening=opening)


def network(url: str) -> Row:
    told = {"ocppVersion": "OCPP20", "ocppTransport": "JSON", "messageTimeout": 30, "ocppInterface": "Wired0"}
    return {**told, "ocppCsmsUrl": url, "securityProfile": 0}


@pytest.mark.ocpp("2.0.1:B09.FR.01", "2.0.1:B09.FR.03", "2.0.1:B09.FR.06")
def test_a_profile_that_the_disk_refuses_is_not_set(on_2x: OnSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_S", 0.05)

    async def test(site: Any) -> None:
        async def set_slot(slot: int, url: str) -> str:
            answer = await site.csms.ask("SetNetworkProfile", configuration_slot=slot, connection_data=network(url))
            return str(answer.status)

        assert [await set_slot(slot, "ws://127.0.0.1:1/x") for slot in (2, 3)] == ["Accepted"] * 2
        journal = site.station.journal
        pages = await journal.execute_in_writer(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await journal.execute_in_writer(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())
        for number in range(40):  # SQLite's own limit gives the same error as a full disk
            site.station.set_variable(f"filler/{number}", "x" * 4000)
        await until(lambda: not journal.healthy)
        assert await set_slot(2, "ws://127.0.0.1:1/y") == "Failed"
        assert site.client._uplink.profiles.get(2).url == "ws://127.0.0.1:1/x"
        await journal.execute_in_writer(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone())
        await until(lambda: bool(journal.healthy))
        assert await set_slot(2, "ws://127.0.0.1:1/y") == "Accepted"

    on_2x(test)
