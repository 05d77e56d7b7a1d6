"""Resets, power cuts and lost connections in 1.6 step by step: what is stopped, what is told later, in which order."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v16 import call_result as result16

from firmware.ocpp.payload import stamp
from hal.wire import Fault

On = Callable[..., None]
UNKNOWN = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}


def told(lab: Any, *names: str) -> list[dict[str, Any]]:
    return [payload for name, payload in lab.csms.calls if name in names]


def frames(lab: Any, name: str) -> set[str]:
    """The different ones: after a cut one may come twice, byte by byte."""
    return {frame for frame in lab.csms.raw if f'"{name}"' in frame}


async def status(lab: Any, wanted: str, connector: int = 1, count: int = 1) -> None:
    await lab.csms.heard("StatusNotification", count, connectorId=connector, status=wanted)


async def metered(lab: Any, energy_wh: float) -> None:
    """The meter says so, and the station has heard it."""
    lab.move(energy_wh=energy_wh)
    await lab.until(lambda: lab.station.evses[1].sample().energy_wh == energy_wh)


async def reset(lab: Any, kind: str) -> None:
    assert (await lab.csms.ask("Reset", type=kind)).status == "Accepted"


async def lost(lab: Any) -> None:
    await lab.csms.close()
    await lab.csms.drop()
    await lab.until(lambda: lab.station.offline)


async def stopped(lab: Any) -> dict[str, Any]:
    stop: dict[str, Any] = await lab.csms.heard("StopTransaction")
    assert stop["transactionId"] == lab.csms.next_transaction
    return stop


# --- Reset ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:Reset", "1.6:TC_013", "1.6:TC_014")
@pytest.mark.parametrize("kind", ["Hard", "Soft"])
def test_a_reset_without_a_transaction(on_16: On, kind: str) -> None:
    async def test(lab: Any) -> None:
        for connector in (0, 1, 2):
            await status(lab, "Available", connector)
        await reset(lab, kind)
        await lab.site.reboot()
        await lab.csms.heard("BootNotification", 2)
        boot = len(lab.csms.calls) - 1 - lab.csms.actions()[::-1].index("BootNotification")

        def since() -> set[tuple[int, str]]:
            news = [payload for name, payload in lab.csms.calls[boot:] if name == "StatusNotification"]
            return {(each["connectorId"], each["status"]) for each in news}

        await lab.until(lambda: {(0, "Available"), (1, "Available"), (2, "Available")} <= since())
        assert told(lab, "StartTransaction", "StopTransaction") == []

    on_16(test)


@pytest.mark.ocpp("1.6:Reset", "1.6:TC_015", "1.6:TC_016", "1.6:StopTransaction")
@pytest.mark.parametrize("kind", ["Hard", "Soft"])
def test_a_reset_ends_the_transaction(on_16: On, kind: str) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("DRIVER")
        await lab.csms.heard("StartTransaction")
        await reset(lab, kind)
        await lab.site.reboot()
        stop = await stopped(lab)
        assert (stop["reason"], stop["meterStop"], "idTag" in stop) == (f"{kind}Reset", 1000, False)
        await lab.csms.heard("BootNotification", 2)
        await lab.until(lambda: lab.station.evses[1].seen is not None)
        assert not lab.station.evses[1].closed
        assert lab.guard.connectors[1].grant is None
        assert len(frames(lab, "StopTransaction")) == 1

    on_16(test)


# --- power ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:TC_032_1", "1.6:StopTransaction")
def test_mains_that_fail_end_the_transaction_while_the_controller_still_lives(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("DRIVER")
        await lab.csms.heard("StartTransaction")
        lab.move(faults=(Fault("mains_fail", "no voltage", 0.0),))
        assert (await stopped(lab))["reason"] == "PowerLoss"

    on_16(test)


@pytest.mark.ocpp("1.6:TC_032_2", "1.6:StopTransaction", "1.6:BootNotification")
def test_a_power_cut_ends_the_transaction_at_the_next_start(on_16: On) -> None:
    async def test(lab: Any) -> None:
        lab.station.boot_id = "before the cut"
        await lab.charge("DRIVER")
        await lab.csms.heard("StartTransaction")
        lab.move(energy_wh=1777.0)
        await lab.wait(6)
        lab.guard.connectors[1].grant = None  # the guard was without power too
        lab.guard.connectors[1].energy_wh = 1780.0
        await lab.site.reboot(pulled=True)
        await lab.csms.heard("BootNotification", 2)
        stop = await stopped(lab)
        assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", 1780)
        assert not lab.station.evses[1].closed  # the car is still there; nobody asked to go on
        assert len(frames(lab, "StartTransaction")) == 1

    on_16(test)


@pytest.mark.ocpp("1.6:TC_034", "1.6:ChangeAvailability")
def test_what_is_out_of_service_stays_so_over_a_power_cut(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await status(lab, "Available")
        answer = await lab.csms.ask("ChangeAvailability", connector_id=1, type="Inoperative")
        assert answer.status == "Accepted"
        await status(lab, "Unavailable")
        await lab.site.reboot(pulled=True)
        await lab.csms.heard("BootNotification", 2)
        await status(lab, "Unavailable", count=2)
        answer = await lab.csms.ask("ChangeAvailability", connector_id=1, type="Operative")
        await status(lab, "Available", count=2)

    on_16(test, first_look_s=10.0)  # states are told once the guard has spoken


# --- the connection -------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:TC_036", "1.6:MeterValues")
def test_a_lost_connection_does_not_disturb_and_what_was_measured_is_told_later(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lab.csms.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="10")
        await lab.charge("DRIVER")
        await lab.site.told("StartTransaction")
        await lost(lab)
        before = len(told(lab, "MeterValues"))
        for energy in (1100.0, 1200.0, 1300.0):
            await metered(lab, energy)
            await lab.wait(10)
        assert lab.station.evses[1].closed
        await lab.csms.open()
        for count in range(3):
            values = await lab.csms.heard("MeterValues", before + 1 + count)
            assert values["transactionId"] == lab.csms.next_transaction
            first = values["meterValue"][0]["sampledValue"][0]
            assert first["value"] == str(1100 + 100 * count)
        times = [each["meterValue"][0]["timestamp"] for each in told(lab, "MeterValues")]
        assert times == sorted(times)
        assert lab.csms.actions().count("BootNotification") == 1  # nothing has changed: it is not repeated

    on_16(test)


@pytest.mark.ocpp("1.6:TC_037_1", "1.6:StartTransaction")
def test_who_is_known_starts_offline(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lab.swipe("DRIVER")  # accepted, and so known
        await lab.swipe("DRIVER")
        await lost(lab)
        asked = len(told(lab, "Authorize"))
        await lab.charge("DRIVER")
        began = lab.site.clock.utc()
        lab.site.clock.now += 300
        await lab.csms.open()
        start = await lab.csms.heard("StartTransaction")
        assert start["idTag"] == "DRIVER"
        assert start["timestamp"] < stamp(began + 60)  # when it began, not when it is told
        await status(lab, "Charging")
        assert len(told(lab, "Authorize")) == asked
        assert lab.station.evses[1].closed

    on_16(test)


@pytest.mark.ocpp("1.6:TC_037_2", "1.6:StartTransaction")
def test_who_turns_out_to_be_nobody_gets_no_more_energy(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lab.csms.ask("ChangeConfiguration", key="StopTransactionOnInvalidId", value="false")
        await lost(lab)
        await lab.charge("NOBODY")
        refused = result16.StartTransaction(transaction_id=5, id_tag_info={"status": "Invalid"})
        lab.csms.replies["StartTransaction"].append(refused)
        await lab.csms.open()
        await status(lab, "SuspendedEVSE")
        await lab.until(lambda: not lab.station.evses[1].closed)
        assert told(lab, "StopTransaction") == []
        lab.move(level="A")
        stop = await lab.csms.heard("StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (5, "EVDisconnected")

    on_16(test, variables=UNKNOWN)


@pytest.mark.ocpp("1.6:TC_037_3", "1.6:StartTransaction", "1.6:StopTransaction")
def test_who_turns_out_to_be_nobody_is_stopped(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lost(lab)
        await lab.charge("NOBODY")
        refused = result16.StartTransaction(transaction_id=5, id_tag_info={"status": "Invalid"})
        lab.csms.replies["StartTransaction"].append(refused)
        await lab.csms.open()
        stop = await lab.csms.heard("StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (5, "DeAuthorized")
        await status(lab, "Finishing")

    on_16(test, variables=UNKNOWN)


@pytest.mark.ocpp("1.6:TC_038", "1.6:StopTransaction")
def test_a_transaction_that_ends_offline_is_told_later(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("DRIVER")
        await lab.site.told("StartTransaction")
        await lost(lab)
        await metered(lab, 1500.0)
        assert (await lab.swipe("DRIVER")).accepted
        await lab.until(lambda: lab.station.evses[1].transaction_id is None)
        ended = lab.site.clock.utc()
        lab.site.clock.now += 300
        await lab.csms.open()
        stop = await stopped(lab)
        assert (stop["meterStop"], stop["idTag"]) == (1500, "DRIVER")
        assert stop["timestamp"] <= stamp(ended)
        await status(lab, "Finishing")

    on_16(test)
