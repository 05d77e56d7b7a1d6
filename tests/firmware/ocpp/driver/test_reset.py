"""Blocks B11 and B12 of 2.0.1 and 2.1: resets with and without cars, up to what the station says when it is back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.config import UpdateSettings

On = Callable[..., None]
CONNECTORS = [(1, 1), (2, 1)]


def place(payload: dict[str, Any]) -> tuple[int, int]:
    return payload["evseId"], payload["connectorId"]


async def back_again(lab: Any, reason: str, evses: list[str]) -> int:
    """The station reboots: it registers with this reason, then tells every connector's state. At which place in what
    the back office heard it registered."""
    before = len(lab.csms.calls)
    await lab.site.reboot()
    boot = await lab.csms.heard("BootNotification", lab.csms.actions().count("BootNotification") + 1)
    assert boot["reason"] == reason
    heard = lab.csms.calls
    at = next(number for number, (name, _) in enumerate(heard) if name == "BootNotification" and number >= before)

    def states() -> list[tuple[tuple[int, int], str]]:
        told = [each for name, each in heard[at:] if name == "StatusNotification"]
        return sorted((place(each), each["connectorStatus"]) for each in told)

    wanted = sorted(zip(CONNECTORS, evses, strict=True))
    await lab.until(lambda: len(states()) >= len(wanted))
    assert states() == wanted
    return at


async def reset(lab: Any, kind: str, **more: Any) -> Any:
    return await lab.csms.ask("Reset", type=kind, **more)


async def long_wait(lab: Any) -> None:
    """Half a minute, once everything is told: an answer under way would be late by then."""
    client = lab.site.client
    await lab.until(lambda: client._outbox.idle and client._session._rpc.in_flight is None)
    await lab.wait(30)


def again(on_2x: On, test: Any, **more: Any) -> None:
    """With the first look at the guard that a real start takes."""
    on_2x(test, first_look_s=10.0, **more)


@pytest.mark.ocpp("2.0.1:B12.FR.01", "2.0.1:B12.FR.03", "2.0.1:B11.FR.04", "2.0.1:B11.FR.07", "2.0.1:TC_B_21")
def test_on_idle_waits_for_the_transaction(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()
        answer = await reset(lab, "OnIdle")
        assert (answer.status, answer.status_info["reason_code"]) == ("Scheduled", "TxInProgress")
        await long_wait(lab)
        assert lab.station.resets.wanted is None
        assert (await lab.swipe("DRIVER")).accepted
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert ended["triggerReason"] == "StopAuthorized"  # as any other: E06
        await back_again(lab, "ScheduledReset", ["Occupied", "Available"])
        told = await lab.csms.heard("SecurityEventNotification", type="ResetOrReboot")
        assert told["techInfo"] == "ScheduledReset"

    again(on_2x, test, is_managed=True)


@pytest.mark.ocpp("2.0.1:B12.FR.02", "2.0.1:B12.FR.04", "2.0.1:B01.FR.03", "2.0.1:TC_B_22")
def test_immediate_ends_the_transaction_and_says_so_before_it_reboots(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()
        assert (await reset(lab, "Immediate")).status == "Accepted"
        at = await back_again(lab, "RemoteReset", ["Occupied", "Available"])
        (ended,) = [each for name, each in lab.csms.calls[:at] if each.get("eventType") == "Ended"]
        assert ended["triggerReason"] == "ResetCommand"
        assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        assert ended["transactionInfo"]["chargingState"] == "EVConnected"
        assert "idToken" not in ended

    again(on_2x, test)


@pytest.mark.ocpp("2.0.1:B12.FR.05")
def test_an_end_that_nobody_confirmed_is_told_again_after_the_reboot(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()
        silent = ['"Ended"']  # the first of these gets no answer
        lab.csms.on_call = lambda frame: (
            lab.csms.replies["TransactionEvent"].append("") if silent and silent[0] in frame and silent.pop() else None
        )
        assert (await reset(lab, "Immediate")).status == "Accepted"
        await back_again(lab, "RemoteReset", ["Occupied", "Available"])
        await lab.csms.heard("TransactionEvent", 2, eventType="Ended")
        first, second = [each for _, each in lab.csms.calls if each.get("eventType") == "Ended"]
        assert first == second

    again(on_2x, test)


@pytest.mark.ocpp("2.0.1:B12.FR.01", "2.0.1:B12.FR.03", "2.0.1:TC_B_41")
def test_on_idle_waits_for_the_last_of_several_transactions(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("A", 1)
        await lab.charge("B", 2)
        assert (await reset(lab, "OnIdle")).status == "Scheduled"
        assert (await lab.swipe("A", 1)).accepted
        await lab.csms.heard("TransactionEvent", eventType="Ended")
        lab.move(1, level="A")
        await long_wait(lab)
        assert lab.station.resets.wanted is None
        assert (await lab.swipe("B", 2)).accepted
        await lab.csms.heard("TransactionEvent", 2, eventType="Ended")
        await back_again(lab, "ScheduledReset", ["Available", "Occupied"])

    again(on_2x, test)


@pytest.mark.ocpp("2.0.1:B11.FR.02", "2.0.1:B12.FR.06", "2.0.1:B01.FR.07", "2.0.1:B11.FR.03", "2.0.1:TC_B_23")
def test_what_is_out_of_service_or_reserved_stays_so(on_2x: On) -> None:
    """Also after a reset of that EVSE alone (B12.FR.06)."""

    async def test(lab: Any) -> None:
        answer = await lab.csms.ask("ChangeAvailability", operational_status="Inoperative", evse={"id": 1})
        assert answer.status == "Accepted"
        assert (await reset(lab, "OnIdle")).status == "Accepted"
        await back_again(lab, "RemoteReset", ["Unavailable", "Available"])
        assert (await reset(lab, "Immediate", evse_id=1)).status == "Accepted"
        lab.station.tick()
        assert [each.state for each in lab.station.statuses()] == ["Unavailable", "Available"]

    again(on_2x, test)


@pytest.mark.ocpp("2.0.1:B01.FR.13", "2.0.1:B11.FR.05")
def test_a_reservation_outlives_resets(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        booked = {"id": 1, "evse_id": 2, "expiry_date_time": "2027-01-15T13:00:00Z"}
        token = {"idToken": "MINE", "type": "ISO14443"}
        assert (await lab.csms.ask("ReserveNow", id_token=token, **booked)).status == "Accepted"
        assert (await reset(lab, "OnIdle")).status == "Accepted"
        await back_again(lab, "RemoteReset", ["Available", "Reserved"])
        assert (await reset(lab, "OnIdle", evse_id=2)).status == "Accepted"
        lab.station.tick()
        assert [each.state for each in lab.station.statuses()] == ["Available", "Reserved"]
        await lab.site.reboot(pulled=True)
        await lab.until(lambda: [each.state for each in lab.station.statuses()] == ["Available", "Reserved"])

    again(on_2x, test)


@pytest.mark.ocpp("2.0.1:B01.FR.03", "2.0.1:B01.FR.01", "2.0.1:B01.FR.09")
def test_power_that_comes_back_is_a_reboot_too(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.site.reboot(pulled=True)
        boot = await lab.csms.heard("BootNotification", 2)
        assert boot["reason"] in {"PowerUp", "ApplicationReset"}  # the machine itself ran on: its boot id is the same

    on_2x(test)


@pytest.mark.ocpp("2.0.1:B11.FR.01", "2.0.1:B11.FR.06", "2.0.1:B12.FR.10")
def test_none_while_software_is_written(on_2x: On, serve: Any, files: Any, tmp_path: Path) -> None:
    written = tmp_path / "written"
    installer = ("sh", "-c", f'[ "$0" = verify ] || while [ ! -e {written} ]; do sleep 0.05; done')
    files.files["/image"] = b"new software"
    firmware = {"location": f"http://127.0.0.1:{serve()}/image", "retrieveDateTime": "2027-01-15T10:00:00Z"}

    async def test(lab: Any) -> None:
        assert (await lab.csms.ask("UpdateFirmware", request_id=1, firmware=firmware)).status == "Accepted"
        await lab.until(lambda: lab.station.firmware_update.installing)
        for kind in ("Immediate", "OnIdle"):
            answer = await reset(lab, kind)
            assert (answer.status, answer.status_info["reason_code"]) == ("Rejected", "FwUpdateInProgress")
        written.touch()
        await lab.csms.heard("FirmwareStatusNotification", status="Installed")
        await lab.until(lambda: not lab.station.firmware_update.installing)
        assert (await reset(lab, "OnIdle")).status == "Accepted"

    on_2x(test, is_managed=True, update=UpdateSettings(installer=installer, unsigned=True))
