"""Block H of 2.0.1 and 2.1, and reservations of 1.6 (5.1, 5.13), over a real socket."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from ocpp.v16 import call_result as result16
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.config import EvseSettings
from hal.wire import Fault

On = Callable[..., None]
NOON = 1_800_014_400.0


def at(seconds: float) -> str:
    """A time after the clock's noon."""
    return datetime.fromtimestamp(NOON + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def card(token: str) -> dict[str, Any]:
    return {"idToken": token, "type": "ISO14443"}


async def reserve(lab: Any, number: int = 1, *, evse: int | None = 1, by: str = "MINE", **more: Any) -> str:
    if evse is not None:
        more["evse_id"] = evse
    more = {"expiry_date_time": at(600), "id_token": card(by), **more}
    answer = await lab.csms.ask("ReserveNow", id=number, **more)
    if answer.status != "Accepted":
        assert answer.status_info["additional_info"]
    return str(answer.status)


async def cancel(lab: Any, number: int) -> str:
    return str((await lab.csms.ask("CancelReservation", reservation_id=number)).status)


def state(lab: Any, evse: int = 1) -> str:
    return str(lab.station.evses[evse].present_status().state)


@pytest.mark.ocpp("2.0.1:H01.FR.03", "2.0.1:H01.FR.23", "2.0.1:H02.FR.01", "2.0.1:H02.FR.02", "2.0.1:H01.FR.02")
@pytest.mark.ocpp("2.0.1:H02.FR.03", "2.0.1:H02.FR.04")
def test_a_reserved_evse_looks_reserved_until_it_is_cancelled(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab) == "Accepted"
        await lab.csms.heard("StatusNotification", evseId=1, connectorStatus="Reserved")
        assert await reserve(lab, evse=2) == "Accepted"  # the same id: it moves
        await lab.csms.heard("StatusNotification", evseId=2, connectorStatus="Reserved")
        assert (state(lab, 1), state(lab, 2)) == ("Available", "Reserved")
        assert await cancel(lab, 9) == "Rejected"
        assert await cancel(lab, 1) == "Accepted"
        await lab.until(lambda: state(lab, 2) == "Available")
        assert "ReservationStatusUpdate" not in lab.csms.actions()

    on_2x(test)


@pytest.mark.ocpp("2.0.1:H01.FR.11", "2.0.1:H01.FR.12", "2.0.1:H01.FR.14", "2.0.1:H01.FR.01", "2.0.1:H01.FR.19")
def test_what_cannot_be_reserved_says_why(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, evse=9) == "Rejected"
        assert await reserve(lab, expiry_date_time=at(-600)) == "Rejected"
        assert await reserve(lab, evse=None) == "Rejected"  # NonEvseSpecific is false
        lab.move(1, level="B")
        await lab.until(lambda: state(lab) == "Occupied")
        assert await reserve(lab) == "Occupied"
        lab.move(1, level="A")
        await lab.csms.ask("ChangeAvailability", operational_status="Inoperative", evse={"id": 1})
        assert await reserve(lab) == "Unavailable"
        lab.move(2, faults=(Fault("rcd_trip", "residual current", since=0.0),))
        await lab.until(lambda: state(lab, 2) == "Faulted")
        assert await reserve(lab, evse=2) == "Faulted"
        await lab.csms.ask("SetVariables", set_variable_data=[off("ReservationCtrlr", "Enabled")])
        assert await reserve(lab, evse=2) == "Rejected"

    on_2x(test, variables={"ReservationCtrlr.NonEvseSpecific": "false"})


def off(component: str, variable: str) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": variable}, "attribute_value": "false"}


@pytest.mark.ocpp("2.0.1:H01.FR.15", "2.0.1:H03.FR.01", "2.0.1:H03.FR.09", "2.0.1:H03.FR.10", "2.0.1:H01.FR.03")
def test_only_the_reserved_token_charges_and_its_transaction_names_the_reservation(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, 7) == "Accepted"
        assert not (await lab.swipe("OTHER")).accepted
        await lab.charge("MINE")
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert started["reservationId"] == 7
        assert await cancel(lab, 7) == "Rejected"  # it is used
        await lab.csms.heard("StatusNotification", evseId=1, connectorStatus="Occupied")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:H03.FR.04", "2.0.1:H03.FR.07", "2.0.1:H03.FR.08")
def test_a_token_of_the_reserved_group_charges(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        group = {"idToken": "FAMILY", "type": "Central"}
        assert await reserve(lab, 7, group_id_token=group) == "Accepted"
        info = {"status": "Accepted", "group_id_token": group}
        lab.csms.replies["Authorize"].append(result(lab, info))
        await lab.charge("SON")
        assert (await lab.csms.heard("TransactionEvent", eventType="Started"))["reservationId"] == 7

    on_2x(test)


def result(lab: Any, info: dict[str, Any]) -> Any:
    return {"2.0.1": result201, "2.1": result21}[lab.version].Authorize(id_token_info=info)


@pytest.mark.ocpp("2.0.1:H04.FR.01", "2.0.1:H04.FR.02", "2.0.1:H04.FR.03")
def test_an_expired_reservation_is_told_and_the_evse_is_free_again(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, 7) == "Accepted"
        await lab.csms.heard("StatusNotification", evseId=1, connectorStatus="Reserved")
        free = {"evseId": 1, "connectorStatus": "Available"}
        before = sum(free.items() <= payload.items() for _, payload in lab.csms.calls)
        await lab.wait(601)
        update = await lab.csms.heard("ReservationStatusUpdate")
        assert update == {"reservationId": 7, "reservationUpdateStatus": "Expired"}
        await lab.csms.heard("StatusNotification", before + 1, **free)
        assert (await lab.swipe("OTHER")).accepted

    on_2x(test)


@pytest.mark.ocpp("2.0.1:H01.FR.16", "2.0.1:H01.FR.17")
@pytest.mark.parametrize("how", ["Faulted", "Unavailable"])
def test_a_reservation_that_cannot_be_kept_is_removed(on_2x: On, how: str) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, 7) == "Accepted"
        if how == "Faulted":
            lab.move(1, faults=(Fault("rcd_trip", "residual current", since=0.0),))
        else:
            await lab.csms.ask("ChangeAvailability", operational_status="Inoperative", evse={"id": 1})
        await lab.until(lambda: state(lab) == how)
        lab.station.tick()
        update = await lab.csms.heard("ReservationStatusUpdate")
        assert update == {"reservationId": 7, "reservationUpdateStatus": "Removed"}

    on_2x(test)


@pytest.mark.ocpp("2.0.1:H01.FR.04", "2.0.1:H01.FR.07", "2.0.1:H01.FR.18", "2.0.1:H01.FR.20", "2.0.1:H03.FR.03")
@pytest.mark.ocpp("2.0.1:H03.FR.06")
@pytest.mark.parametrize("who", ["MINE", "ALSO OURS"])
def test_any_evse_is_kept_free_for_who_reserved_just_any(on_2x: On, who: str) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, 1, evse=None, group_id_token={"idToken": "FAMILY", "type": "Central"}) == "Accepted"
        assert (state(lab, 1), state(lab, 2)) == ("Available", "Available")
        await lab.charge("FIRST", 1)
        await lab.csms.heard("StatusNotification", evseId=2, connectorStatus="Reserved")
        assert not (await lab.swipe("SECOND", 2)).accepted
        assert await reserve(lab, 2, evse=None, by="ALSO") == "Occupied"
        family = {"status": "Accepted", "group_id_token": {"idToken": "FAMILY", "type": "Central"}}
        lab.csms.replies["Authorize"].append(result(lab, family))
        await lab.charge(who, 2)
        await lab.csms.heard("TransactionEvent", reservationId=1)

    on_2x(test)


@pytest.mark.ocpp("2.0.1:H02.FR.05", "2.0.1:H02.FR.06")
def test_what_was_kept_free_is_free_when_that_is_cancelled(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, 1, evse=None) == "Accepted"
        assert await reserve(lab, 2, evse=None, by="ALSO") == "Accepted"
        for evse in (1, 2):
            await lab.csms.heard("StatusNotification", evseId=evse, connectorStatus="Reserved")
        free = {"connectorStatus": "Available"}
        before = sum(free.items() <= payload.items() for _, payload in lab.csms.calls)
        assert await cancel(lab, 1) == "Accepted"
        await lab.csms.heard("StatusNotification", before + 2, **free)
        assert (await lab.swipe("OTHER")).accepted

    on_2x(test)


@pytest.mark.ocpp("2.0.1:H01.FR.06", "2.0.1:H01.FR.09", "2.0.1:H01.FR.24", "2.0.1:H03.FR.02", "2.0.1:H03.FR.05")
@pytest.mark.parametrize("who", ["MINE", "ALSO OURS"])
def test_a_type_of_plug_is_kept_free(on_2x: On, who: str) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, 1, evse=None, connector_type="cTesla") == "Rejected"
        group = {"idToken": "FAMILY", "type": "Central"}
        assert await reserve(lab, 1, evse=None, connector_type="cType2", group_id_token=group) == "Accepted"
        await lab.csms.heard("StatusNotification", evseId=2, connectorStatus="Reserved")
        assert state(lab, 1) == "Available"
        assert not (await lab.swipe("OTHER", 2)).accepted
        lab.csms.replies["Authorize"].append(result(lab, {"status": "Accepted", "group_id_token": group}))
        await lab.charge(who, 2)
        await lab.csms.heard("TransactionEvent", reservationId=1)

    on_2x(test, kinds=("sType2", "cType2"))


@pytest.mark.ocpp("2.1:H03.FR.09")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_that_nobody_plugged_in_can_be_told_in_21_only(at_plug: Any, version: str) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab, 7) == "Accepted"
        assert (await lab.swipe("MINE")).accepted
        await lab.wait(65)
        await lab.until(lambda: any(type(f).__name__ == "ReservationEnded" for f in lab.site.facts))
        if version == "2.1":
            update = await lab.csms.heard("ReservationStatusUpdate")
            assert update == {"reservationId": 7, "reservationUpdateStatus": "NoTransaction"}
        else:
            await lab.charge("MINE", 2)  # what comes later has been told, that has not
            await lab.csms.heard("TransactionEvent", eventType="Started")
            assert "ReservationStatusUpdate" not in lab.csms.actions()

    at_plug(test, version)


# --- 1.6 ------------------------------------------------------------------------------------------------------------


async def reserve_16(lab: Any, number: int = 1, *, connector: int = 1, **more: Any) -> str:
    more = {"expiry_date": at(600), "id_tag": "MINE", **more}
    return str((await lab.csms.ask("ReserveNow", connector_id=connector, reservation_id=number, **more)).status)


@pytest.mark.ocpp("1.6:ReserveNow", "1.6:CancelReservation", "1.6:TC_046", "1.6:TC_051", "1.6:TC_052")
def test_16_reserve_use_and_cancel(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve_16(lab, 7) == "Accepted"
        await lab.csms.heard("StatusNotification", connectorId=1, status="Reserved")
        assert not (await lab.swipe("OTHER")).accepted
        assert await reserve_16(lab, 8) == "Occupied"
        await lab.charge("mine")  # tags are compared without case
        started = await lab.csms.heard("StartTransaction")
        assert started["reservationId"] == 7
        assert await cancel(lab, 7) == "Rejected"
        assert await reserve_16(lab, 9, connector=2) == "Accepted"
        assert await cancel(lab, 9) == "Accepted"

    on_16(test)


@pytest.mark.ocpp("1.6:ReserveNow", "1.6:TC_048_1", "1.6:TC_048_2", "1.6:TC_048_3", "1.6:TC_048_4")
def test_16_what_cannot_be_reserved(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve_16(lab, connector=9) == "Rejected"
        assert await reserve_16(lab, connector=0) == "Rejected"  # ReserveConnectorZeroSupported is false
        lab.move(1, level="B")
        await lab.until(lambda: state(lab) == "Occupied")
        assert await reserve_16(lab) == "Occupied"
        lab.move(1, level="A")
        await lab.csms.ask("ChangeAvailability", connector_id=1, type="Inoperative")
        assert await reserve_16(lab) == "Unavailable"
        lab.move(2, faults=(Fault("rcd_trip", "residual current", since=0.0),))
        await lab.until(lambda: state(lab, 2) == "Faulted")
        assert await reserve_16(lab, connector=2) == "Faulted"

    on_16(test, variables={"ReservationCtrlr.NonEvseSpecific": "false"})


@pytest.mark.ocpp("1.6:ReserveNow", "1.6:TC_047", "1.6:TC_049", "1.6:TC_053")
def test_16_any_connector_the_parents_and_the_end(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve_16(lab, 7, connector=0, parent_id_tag="FAMILY") == "Accepted"
        info = {"status": "Accepted", "parent_id_tag": "FAMILY"}
        await lab.charge("OTHER", 1)
        await lab.csms.heard("StatusNotification", connectorId=2, status="Reserved")
        lab.csms.replies["Authorize"].append(result16.Authorize(id_tag_info=info))
        await lab.charge("SON", 2)
        assert (await lab.csms.heard("StartTransaction", connectorId=2))["reservationId"] == 7
        lab.move(1, level="A")
        await lab.until(lambda: state(lab, 1) == "Available")
        assert await reserve_16(lab, 8, expiry_date=at(lab.site.clock.utc() - NOON + 30)) == "Accepted"
        await lab.csms.heard("StatusNotification", connectorId=1, status="Reserved")
        seen = len([c for c in lab.csms.calls if c[1].get("connectorId") == 1 and c[1].get("status") == "Available"])
        await lab.wait(31)
        await lab.csms.heard("StatusNotification", seen + 1, connectorId=1, status="Available")

    on_16(test)


@pytest.mark.ocpp("1.6:ReserveNow", "1.6:TC_050_1", "1.6:TC_050_2", "1.6:TC_050_3", "1.6:TC_050_4")
def test_16_the_whole_station_cannot_be_reserved(on_16: On) -> None:
    """Connector 0: every connector has to be so for the answer to be about them all."""

    async def test(lab: Any) -> None:
        fault = (Fault("rcd_trip", "residual current", since=0.0),)
        lab.move(1, faults=fault)
        await lab.until(lambda: state(lab, 1) == "Faulted")
        assert await reserve_16(lab, connector=0) == "Accepted"  # the other one can be had
        assert await cancel(lab, 1) == "Accepted"
        lab.move(2, faults=fault)
        await lab.until(lambda: state(lab, 2) == "Faulted")
        assert await reserve_16(lab, connector=0) == "Faulted"
        for evse in (1, 2):
            lab.move(evse, faults=(), level="B")
        await lab.until(lambda: {state(lab, 1), state(lab, 2)} == {"Occupied"})
        assert await reserve_16(lab, connector=0) == "Occupied"
        for evse in (1, 2):
            lab.move(evse, level="A")
        await lab.csms.ask("ChangeAvailability", connector_id=0, type="Inoperative")
        await lab.until(lambda: {state(lab, 1), state(lab, 2)} == {"Unavailable"})
        assert await reserve_16(lab, connector=0) == "Unavailable"
        await lab.csms.ask("ChangeAvailability", connector_id=0, type="Operative")
        await lab.csms.ask("ChangeConfiguration", key="ReserveConnectorZeroSupported", value="false")
        assert await reserve_16(lab, connector=0) == "Rejected"

    on_16(test)


@pytest.mark.ocpp("2.0.1:H01.FR.23")
def test_a_reserved_evse_is_reserved_with_all_its_connectors(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await reserve(lab) == "Accepted"
        for connector in (1, 2):
            await lab.csms.heard("StatusNotification", connectorId=connector, connectorStatus="Reserved")

    on_2x(test, evses=(EvseSettings(id=1, connectors=(1, 2)),))
