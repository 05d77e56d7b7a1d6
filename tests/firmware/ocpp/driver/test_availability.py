"""Block G: what a back office hears of each connector, and how it takes them out of service. The certification cases
TC_G are played step by step."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.config import EvseSettings
from hal import wire

Run = Callable[..., None]
AVAILABILITY = {"name": "AvailabilityState"}
TWO_PLUGS = {"evses": (EvseSettings(id=1, connectors=(1, 2)),)}  # one EVSE that serves one of them at a time


def told(lab: Any, since: int = 0) -> dict[tuple[int, int], str]:
    """What was said last of each connector; `since`: only by the calls from that one on."""
    said = (payload for name, payload in lab.csms.calls[since:] if name == "StatusNotification")
    return {(each["evseId"], each["connectorId"]): each["connectorStatus"] for each in said}


async def change(lab: Any, to: str, evse: int | None = None, connector: int | None = None) -> str:
    where: dict[str, Any] = {}
    if evse is not None:
        where = {"evse": {"id": evse} if connector is None else {"id": evse, "connector_id": connector}}
    return str((await lab.csms.ask("ChangeAvailability", operational_status=to, **where)).status)


async def hears(lab: Any, *expected: str, since: int = 0) -> None:
    """Wait until every connector was told so."""
    await lab.until(lambda: tuple(told(lab, since).values()) == expected)


@pytest.mark.ocpp("2.0.1:G01.FR.01", "2.0.1:G01.FR.03", "2.0.1:G01.FR.04", "2.0.1:TC_G_01", "2.0.1:TC_G_02")
def test_a_plug_that_comes_and_goes_is_told(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await hears(lab, "Available", "Available")
        lab.move(1, level="B")
        await hears(lab, "Occupied", "Available")
        lab.move(1, level="A")
        await hears(lab, "Available", "Available")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:G03.FR.01", "2.0.1:G03.FR.02", "2.0.1:G03.FR.03", "2.0.1:G03.FR.04", "2.0.1:G03.FR.06")
@pytest.mark.ocpp("2.0.1:G03.FR.07", "2.0.1:G01.FR.07")
@pytest.mark.ocpp("2.0.1:TC_G_03", "2.0.1:TC_G_04", "2.0.1:TC_G_09", "2.0.1:TC_G_10")
def test_an_evse_is_taken_out_of_service_with_all_its_connectors_and_back(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await hears(lab, "Available", "Available")
        for status, seen in (("Inoperative", "Unavailable"), ("Operative", "Available")):
            for _ in ("it changes", "it is so already, and is told so again"):
                before = len(lab.csms.calls)
                assert await change(lab, status, evse=1) == "Accepted"
                await hears(lab, seen, seen, since=before)
            lab.move(1, level="B")
            assert (await lab.swipe("DRIVER")).accepted is (status == "Operative")
            lab.move(1, level="A")
        assert await change(lab, "Inoperative", evse=9) == "Rejected"
        assert await change(lab, "Inoperative", evse=1, connector=9) == "Rejected"

    on_2x(test, **TWO_PLUGS)


@pytest.mark.ocpp("2.0.1:G04.FR.01", "2.0.1:G04.FR.02", "2.0.1:G04.FR.03", "2.0.1:G04.FR.04", "2.0.1:G04.FR.05")
@pytest.mark.ocpp("2.0.1:G04.FR.07", "2.0.1:G04.FR.08", "2.0.1:G03.FR.07")
@pytest.mark.ocpp("2.0.1:TC_G_05", "2.0.1:TC_G_06", "2.0.1:TC_G_12", "2.0.1:TC_G_13")
def test_the_station_is_taken_out_of_service_and_each_evse_comes_back_as_it_was(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        for _ in ("it changes", "it is so already, and is told so again"):
            before = len(lab.csms.calls)
            assert await change(lab, "Inoperative") == "Accepted"
            await hears(lab, "Unavailable", "Unavailable", since=before)
        assert not (await lab.swipe("DRIVER", 2)).accepted
        for _ in ("it changes", "it is so already, and is told so again"):
            before = len(lab.csms.calls)
            assert await change(lab, "Operative") == "Accepted"
            await hears(lab, "Available", "Available", since=before)
        assert await change(lab, "Inoperative", evse=2) == "Accepted"
        assert await change(lab, "Inoperative") == "Accepted"
        await hears(lab, "Unavailable", "Unavailable")
        assert await change(lab, "Operative") == "Accepted"
        await hears(lab, "Available", "Unavailable")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:G03.FR.04", "2.0.1:G03.FR.07")
@pytest.mark.ocpp("2.0.1:TC_G_07", "2.0.1:TC_G_08", "2.0.1:TC_G_15", "2.0.1:TC_G_16")
def test_one_connector_is_taken_out_of_service_alone(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await hears(lab, "Available", "Available")
        for _ in ("it changes", "it is so already, and is told so again"):
            before = len(lab.csms.calls)
            assert await change(lab, "Inoperative", evse=1, connector=2) == "Accepted"
            await hears(lab, "Unavailable", since=before)
        assert told(lab) == {(1, 1): "Available", (1, 2): "Unavailable"}
        states = [
            {"component": {"name": "Connector", "evse": {"id": 1, "connectorId": number}}, "variable": AVAILABILITY}
            for number in (1, 2)
        ]
        answer = await lab.csms.ask("GetVariables", get_variable_data=states)
        assert [each["attribute_value"] for each in answer.get_variable_result] == ["Available", "Unavailable"]
        lab.move(2, level="B")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert not (await lab.swipe("DRIVER")).accepted, "this plug is out of service"
        lab.move(2, level="A")
        await lab.until(lambda: not lab.station.evses[1].plugged)
        lab.move(1, level="B")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert (await lab.swipe("DRIVER")).accepted, "the other one is not"
        lab.move(1, level="A")
        await lab.until(lambda: lab.station.evses[1].transaction_id is None)
        for _ in ("it changes", "it is so already, and is told so again"):
            before = len(lab.csms.calls)
            assert await change(lab, "Operative", evse=1, connector=2) == "Accepted"
            await lab.until(lambda: told(lab, before).get((1, 2)) == "Available")  # noqa: B023 - awaited here

    on_2x(test, **TWO_PLUGS)


@pytest.mark.ocpp("2.0.1:G03.FR.05", "2.0.1:G04.FR.06", "2.0.1:G01.FR.05", "2.0.1:G03.FR.04", "2.0.1:G04.FR.05")
@pytest.mark.ocpp("2.0.1:TC_G_11", "2.0.1:TC_G_14", "2.0.1:TC_G_17")
@pytest.mark.parametrize(
    ("where", "ends_by"), [((), "token"), ((1,), "plug"), ((1, 1), "token")], ids=["station", "evse", "connector"]
)
def test_who_charges_is_not_disturbed(on_2x: Run, where: tuple[int, ...], ends_by: str) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()
        await hears(lab, "Occupied", "Available")
        first = len(lab.csms.calls)
        assert await change(lab, "Operative", *where) == "Accepted", "it is so already"
        await hears(lab, *(["Occupied"] if where else ["Occupied", "Available"]), since=first)
        before = len(lab.csms.calls)
        assert await change(lab, "Inoperative", *where) == "Scheduled"
        if not where:
            await lab.until(lambda: told(lab, before) == {(2, 1): "Unavailable"})
        await lab.wait(10)
        assert lab.station.evses[1].closed
        if ends_by == "token":
            await lab.swipe("DRIVER")
            await lab.csms.heard("TransactionEvent", eventType="Ended")
            await lab.until(lambda: told(lab, before).get((1, 1)) == "Unavailable")
        lab.move(1, level="A")
        await lab.csms.heard("TransactionEvent", eventType="Ended")
        await lab.until(lambda: told(lab, before).get((1, 1)) == "Unavailable")
        said = [p["connectorStatus"] for name, p in lab.csms.calls[before:] if name == "StatusNotification"]
        assert set(said) == {"Unavailable"}
        assert not (await lab.swipe("OTHER")).accepted

    on_2x(test)


@pytest.mark.ocpp("2.0.1:G03.FR.08", "2.0.1:G04.FR.09", "2.0.1:G01.FR.02", "2.0.1:G01.FR.01", "2.0.1:B01.FR.05")
@pytest.mark.ocpp("2.0.1:TC_G_18", "2.0.1:TC_G_19", "2.0.1:TC_G_21")
@pytest.mark.parametrize("where", [(), (1,), (1, 1)], ids=["station", "evse", "connector"])
def test_out_of_service_outlives_a_reset(on_2x: Run, where: tuple[int, ...]) -> None:
    async def test(lab: Any) -> None:
        assert await change(lab, "Inoperative", *where) == "Accepted"
        expected = ("Unavailable", "Unavailable" if not where else "Available")
        await hears(lab, *expected)
        before = len(lab.csms.calls)
        assert (await lab.csms.ask("Reset", type="Immediate")).status == "Accepted"
        lab.guard.held = False
        await lab.site.reboot()
        await lab.csms.heard("BootNotification", 2)
        await lab.until(lambda: tuple(dict(sorted(told(lab, before).items())).values()) == expected)
        await lab.csms.heard("SecurityEventNotification", type="ResetOrReboot")

    on_2x(test, is_managed=True)


@pytest.mark.ocpp("2.0.1:G01.FR.06", "2.0.1:G01.FR.09", "2.0.1:G03.FR.09")
def test_a_reserved_connector_stays_reserved_until_its_driver_is_there(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        mine = {"id_token": "MINE", "type": "ISO14443"}
        answer = await lab.csms.ask(
            "ReserveNow", id=1, evse_id=1, expiry_date_time="2027-01-15T13:00:00Z", id_token=mine
        )
        assert answer.status == "Accepted"
        await hears(lab, "Reserved", "Available")
        before = len(lab.csms.calls)
        lab.move(1, level="B")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert not (await lab.swipe("OTHER")).accepted
        assert (await lab.swipe("MINE")).accepted
        await lab.until(lambda: told(lab, before) != {})
        said = [p["connectorStatus"] for name, p in lab.csms.calls[before:] if name == "StatusNotification"]
        assert said == ["Occupied"]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:G05.FR.01", "2.0.1:G05.FR.02")
def test_no_charging_where_the_lock_failed(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        lab.move(1, level="C", faults=(wire.Fault("lock_open", "the bolt did not reach its place", 0.0),))
        told_of = await lab.csms.heard("NotifyEvent")
        assert told_of["eventData"][0]["component"]["name"] == "ConnectorPlugRetentionLock"
        assert (told_of["eventData"][0]["variable"]["name"], told_of["eventData"][0]["actualValue"]) == (
            "Problem",
            "true",
        )
        refused = await lab.swipe("DRIVER")
        assert (refused.accepted, "the bolt" in refused.reason) == (False, True)
        assert lab.station.evses[1].wishes.grant is None

    on_2x(test)
