"""Charging sessions in 1.6 step by step, as the OCA's compliance tool goes through them: what comes first, who does not
come, remote starts and the lock of the plug."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v16 import call_result as result16

On = Callable[..., None]


def states(lab: Any, connector: int = 1) -> list[str]:
    """Every status that was told of a connector, in order."""
    told = [payload for name, payload in lab.csms.calls if name == "StatusNotification"]
    return [each["status"] for each in told if each["connectorId"] == connector]


async def status(lab: Any, wanted: str, connector: int = 1, count: int = 1) -> None:
    await lab.csms.heard("StatusNotification", count, connectorId=connector, status=wanted)


async def set_key(lab: Any, key: str, value: str) -> None:
    assert (await lab.csms.ask("ChangeConfiguration", key=key, value=value)).status == "Accepted"


async def remote_start(lab: Any, card: str = "DRIVER", **more: Any) -> str:
    return str((await lab.csms.ask("RemoteStartTransaction", id_tag=card, **more)).status)


async def unlock(lab: Any, connector: int = 1) -> str:
    return str((await lab.csms.ask("UnlockConnector", connector_id=connector)).status)


def named(lab: Any, *names: str) -> list[str]:
    return [name for name in lab.csms.actions() if name in names]


# --- the driver comes first -----------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:TC_004_1", "1.6:Authorize", "1.6:StartTransaction", "1.6:StatusNotification")
def test_identification_first(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await status(lab, "Available")
        assert (await lab.swipe("DRIVER")).accepted
        await status(lab, "Preparing")
        assert "StartTransaction" not in lab.csms.actions()
        lab.move(level="C")
        started = await lab.csms.heard("StartTransaction")
        assert (started["connectorId"], started["idTag"], started["meterStart"]) == (1, "DRIVER", 1000)
        await status(lab, "Charging")
        assert states(lab) == ["Available", "Preparing", "Charging"]
        assert named(lab, "Authorize", "StartTransaction") == ["Authorize", "StartTransaction"]

    on_16(test)


@pytest.mark.ocpp("1.6:TC_004_2", "1.6:StatusNotification")
def test_nobody_plugs_in_after_the_identification(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await status(lab, "Available")
        await set_key(lab, "ConnectionTimeOut", "20")
        assert (await lab.swipe("DRIVER")).accepted
        await status(lab, "Preparing")
        await lab.wait(19)
        assert states(lab)[-1] == "Preparing"
        await lab.wait(2)
        await status(lab, "Available", count=2)
        lab.move(level="C")
        await status(lab, "Preparing", count=2)
        assert "StartTransaction" not in lab.csms.actions()  # the authorization was for then

    on_16(test)


# --- the central system starts --------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:TC_010", "1.6:RemoteStartTransaction")
@pytest.mark.parametrize("asks", [True, False])
def test_a_remote_start_with_the_cable_in(on_16: On, asks: bool) -> None:
    async def test(lab: Any) -> None:
        await set_key(lab, "AuthorizeRemoteTxRequests", "true" if asks else "false")
        lab.move(level="C")
        await status(lab, "Preparing")
        assert await remote_start(lab, connector_id=1) == "Accepted"
        started = await lab.csms.heard("StartTransaction")
        assert (started["idTag"], started["connectorId"]) == ("DRIVER", 1)
        await status(lab, "Charging")
        assert ("Authorize" in lab.csms.actions()) is asks

    on_16(test)


@pytest.mark.ocpp("1.6:TC_010", "1.6:RemoteStartTransaction", "1.6:Authorize")
def test_a_remote_start_that_is_asked_for_and_refused_starts_nothing(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await set_key(lab, "AuthorizeRemoteTxRequests", "true")
        lab.csms.replies["Authorize"].append(result16.Authorize(id_tag_info={"status": "Blocked"}))
        lab.move(level="C")
        assert await remote_start(lab, connector_id=1) == "Accepted"  # to try it
        await lab.until(lambda: "Blocked" in lab.station.evses[1].refusal)
        assert lab.station.evses[1].id_token is None
        assert "StartTransaction" not in lab.csms.actions()

    on_16(test)


@pytest.mark.ocpp("1.6:TC_011_1", "1.6:RemoteStartTransaction")
def test_a_remote_start_before_the_cable(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await remote_start(lab, connector_id=1) == "Accepted"
        await status(lab, "Preparing")
        assert "StartTransaction" not in lab.csms.actions()
        lab.move(level="C")
        assert (await lab.csms.heard("StartTransaction"))["idTag"] == "DRIVER"
        await status(lab, "Charging")

    on_16(test)


@pytest.mark.ocpp("1.6:TC_011_2", "1.6:RemoteStartTransaction")
def test_nobody_plugs_in_after_a_remote_start(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await status(lab, "Available")
        await set_key(lab, "ConnectionTimeOut", "20")
        assert await remote_start(lab, connector_id=1) == "Accepted"
        await status(lab, "Preparing")
        await lab.wait(21)
        await status(lab, "Available", count=2)
        lab.move(level="C")
        await status(lab, "Preparing", count=2)
        assert "StartTransaction" not in lab.csms.actions()

    on_16(test)


@pytest.mark.ocpp("1.6:TC_026", "1.6:RemoteStartTransaction")
def test_a_remote_start_where_none_can_be_is_rejected(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("DRIVER")
        assert await remote_start(lab, "OTHER", connector_id=1) == "Rejected"  # in use
        await lab.csms.ask("ChangeAvailability", connector_id=2, type="Inoperative")
        assert await remote_start(lab, "OTHER", connector_id=2) == "Rejected"
        assert await remote_start(lab, "OTHER") == "Rejected"  # no connector is left
        assert lab.csms.actions().count("StartTransaction") == 1

    on_16(test)


@pytest.mark.ocpp("1.6:TC_027", "1.6:RemoteStartTransaction")
def test_a_remote_start_of_the_whole_station_is_rejected(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await remote_start(lab, connector_id=0) == "Rejected"
        assert all(evse.id_token is None for evse in lab.station.evses.values())
        assert await remote_start(lab) == "Accepted"  # without a connector it is any

    on_16(test)


# --- the plug's lock ------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:TC_017_1", "1.6:UnlockConnector")
def test_a_plug_without_a_session_is_unlocked(on_16: On) -> None:
    async def test(lab: Any) -> None:
        lab.move(level="C")
        await lab.until(lambda: lab.guard.connectors[1].lock == "locked")
        assert await unlock(lab) == "Unlocked"
        assert lab.guard.connectors[1].lock == "unlocked"
        assert "StopTransaction" not in lab.csms.actions()

    on_16(test)


@pytest.mark.ocpp("1.6:TC_017_2", "1.6:TC_018_2", "1.6:UnlockConnector")
def test_a_fixed_cable_has_no_lock_and_its_session_goes_on(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await unlock(lab) == "NotSupported"
        await lab.charge("DRIVER")
        assert await unlock(lab) == "NotSupported"
        assert lab.station.evses[1].closed
        assert "StopTransaction" not in lab.csms.actions()

    on_16(test, kinds=("cType2", "cType2"))


@pytest.mark.ocpp("1.6:TC_018_1", "1.6:UnlockConnector", "1.6:StopTransaction")
def test_unlocking_ends_the_session(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await status(lab, "Available")
        await lab.charge("DRIVER")
        assert await unlock(lab) == "Unlocked"
        stop = await lab.csms.heard("StopTransaction")
        assert (stop["reason"], "idTag" in stop) == ("UnlockCommand", False)
        await status(lab, "Finishing")
        assert (lab.guard.connectors[1].lock, lab.guard.connectors[1].closed) == ("unlocked", False)
        lab.move(level="A")
        await status(lab, "Available", count=2)

    on_16(test)


@pytest.mark.ocpp("1.6:TC_030", "1.6:UnlockConnector")
def test_a_bolt_that_does_not_move_is_told(on_16: On) -> None:
    async def test(lab: Any) -> None:
        lab.move(level="C")
        await lab.until(lambda: lab.guard.connectors[1].lock == "locked")
        lab.guard.connectors[1].stuck = True
        assert await unlock(lab) == "UnlockFailed"

    on_16(test)


# --- the car's end of the cable -------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:TC_005_1", "1.6:StopTransaction", "1.6:ChangeConfiguration")
def test_a_plug_pulled_at_the_car_ends_the_session_and_frees_the_cable(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await status(lab, "Available")
        await set_key(lab, "StopTransactionOnEVSideDisconnect", "true")
        await set_key(lab, "UnlockConnectorOnEVSideDisconnect", "true")
        await lab.charge("DRIVER")
        await lab.until(lambda: lab.guard.connectors[1].lock == "locked")
        lab.move(level="A")
        stop = await lab.csms.heard("StopTransaction")
        assert (stop["reason"], "idTag" in stop) == ("EVDisconnected", False)
        await lab.until(lambda: lab.guard.connectors[1].lock == "unlocked")
        await status(lab, "Available", count=2)

    on_16(test)


@pytest.mark.ocpp("1.6:TC_005_3", "1.6:StopTransaction", "1.6:ChangeConfiguration")
def test_a_plug_pulled_at_the_car_may_only_interrupt_the_session(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await set_key(lab, "StopTransactionOnEVSideDisconnect", "false")
        await lab.charge("DRIVER")
        await status(lab, "Charging")
        await lab.until(lambda: lab.guard.connectors[1].lock == "locked")
        lab.move(level="A")
        waits = await lab.csms.heard("StatusNotification", connectorId=1, status="SuspendedEV")
        assert (waits["errorCode"], waits["info"]) == ("NoError", "EV side disconnected")
        await lab.wait(5)
        assert lab.guard.connectors[1].lock == "locked"
        assert "StopTransaction" not in lab.csms.actions()
        lab.move(level="C")
        await status(lab, "Charging", count=2)
        assert (await lab.swipe("DRIVER")).accepted
        assert (await lab.csms.heard("StopTransaction")).get("reason", "Local") == "Local"
        assert lab.csms.actions().count("StartTransaction") == 1

    on_16(test)


@pytest.mark.ocpp("1.6:TC_005_2", "1.6:StopTransaction", "1.6:ChangeConfiguration")
def test_a_plug_pulled_at_the_car_may_leave_the_cable_locked_for_its_owner(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await status(lab, "Available")
        await set_key(lab, "UnlockConnectorOnEVSideDisconnect", "false")
        await lab.charge("DRIVER")
        await lab.until(lambda: lab.guard.connectors[1].lock == "locked")
        lab.move(level="A")
        assert (await lab.csms.heard("StopTransaction"))["reason"] == "EVDisconnected"
        await status(lab, "Finishing")
        await lab.wait(5)
        assert lab.guard.connectors[1].lock == "locked"
        assert (await lab.swipe("DRIVER")).accepted
        await lab.until(lambda: lab.guard.connectors[1].lock == "unlocked")
        await status(lab, "Available", count=2)
        assert lab.csms.actions().count("StartTransaction") == 1

    on_16(test)
