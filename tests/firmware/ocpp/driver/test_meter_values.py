"""Values by the clock and of meters that sign, step by step (2.x use cases J01, J02): where each is from, when they are
silent, and the key that goes with a signature."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from hal import wire
from hal.wire import MeterSample

On = Callable[..., None]

ENERGY = "Energy.Active.Import.Register"
SIGNED = 'OCMF|{"FV":"1.0"}|{"SD":"00"}'
CLOCK = {"AlignedDataCtrlr.Interval": "5", "AlignedDataCtrlr.Measurands": f"{ENERGY},Current.Import"}


def outside(lab: Any, evse: int) -> list[dict[str, Any]]:
    """What MeterValues told of this EVSE."""
    return [
        payload["meterValue"][0]
        for name, payload in lab.csms.calls
        if name == "MeterValues" and payload["evseId"] == evse
    ]


def inside(lab: Any) -> list[dict[str, Any]]:
    """What the clock struck within transactions."""
    return [each["meterValue"][0] for each in lab.events() if each["triggerReason"] == "MeterValueClock"]


async def site_meter(lab: Any, energy_wh: float) -> None:
    """The meter at the grid connection says this."""
    reading = MeterSample(lab.site.clock.mono(), energy_wh, 9000.0, (231.0,) * 3, (12.0, 13.0, 14.0))
    lab.guard.send(wire.SiteMeter(reading))
    await lab.until(lambda: lab.station.guard.site is not None)


@pytest.mark.ocpp("2.0.1:J01.FR.02", "2.0.1:J01.FR.03", "2.0.1:J01.FR.04", "2.0.1:J01.FR.05", "2.0.1:J01.FR.06")
@pytest.mark.ocpp("2.0.1:J01.FR.07", "2.0.1:J01.FR.08", "2.0.1:J01.FR.09", "2.0.1:J01.FR.10", "2.0.1:J01.FR.11")
@pytest.mark.ocpp("2.0.1:J01.FR.14", "2.0.1:J01.FR.17", "2.0.1:TC_J_01")
def test_the_clock_strikes_at_every_meter_of_the_station(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        lab.move(2, energy_wh=7.0)
        await lab.until(lambda: lab.station.evses[2].sample().energy_wh == 7.0)
        await site_meter(lab, 123_456.0)
        await lab.wait(6)
        await lab.until(lambda: all(outside(lab, evse) for evse in (0, 1, 2)))
        wanted = {0: (123_456.0, [12.0, 13.0, 14.0]), 1: (1000.0, [0.0] * 3), 2: (7.0, [0.0] * 3)}
        for evse, (energy, amps) in wanted.items():
            first = outside(lab, evse)[0]
            assert int(first["timestamp"][-3:-1]) % 5 == 0
            register, *currents = first["sampledValue"]
            assert (register["measurand"], register["value"], "phase" in register) == (ENERGY, energy, False)
            assert [(each["measurand"], each["phase"]) for each in currents] == [
                ("Current.Import", "L1"),
                ("Current.Import", "L2"),
                ("Current.Import", "L3"),
            ]
            assert [each["value"] for each in currents] == amps
            assert {each["context"] for each in first["sampledValue"]} == {"Sample.Clock"}
            where = {each.get("location", "Outlet") for each in first["sampledValue"]}
            assert where == ({"Inlet"} if evse == 0 else {"Outlet"})
        assert len({outside(lab, evse)[0]["timestamp"] for evse in wanted}) == 1

    on_2x(test, variables=CLOCK)


@pytest.mark.ocpp("2.0.1:J01.FR.19", "2.0.1:J01.FR.20", "2.0.1:J01.FR.22", "2.0.1:TC_J_06")
def test_during_transactions_the_clock_is_silent_where_that_is_wanted(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        idle = {"component": {"name": "AlignedDataCtrlr"}, "variable": {"name": "SendDuringIdle"}}
        of_1 = {**idle, "component": {"name": "AlignedDataCtrlr", "evse": {"id": 1}}}
        answer = await lab.csms.ask("SetVariables", set_variable_data=[{**of_1, "attribute_value": "true"}])
        assert answer.set_variable_result[0]["attribute_status"] == "Accepted"
        await lab.wait(6)
        await lab.until(lambda: outside(lab, 1) and outside(lab, 2))
        await lab.charge(evse=1)
        told = len(outside(lab, 1))
        await lab.wait(6)
        await lab.until(lambda: len(outside(lab, 2)) == 2)
        assert (len(outside(lab, 1)), inside(lab)) == (told, [])  # only EVSE 1 is silent
        await lab.charge("OTHER", evse=2)
        await lab.wait(6)
        await lab.until(lambda: len(inside(lab)) == 1)
        answer = await lab.csms.ask("SetVariables", set_variable_data=[{**idle, "attribute_value": "true"}])
        assert answer.set_variable_result[0]["attribute_status"] == "Accepted"
        lab.move(1, level="A")
        await lab.until(lambda: lab.station.evses[1].transaction is None)
        await site_meter(lab, 1.0)
        await lab.wait(11)
        for evse in (1, 2):
            lab.move(evse, level="A")
        await lab.until(lambda: lab.station.evses[2].transaction is None)
        heard = (len(outside(lab, 1)), len(outside(lab, 2)), len(outside(lab, 0)), len(inside(lab)))
        assert heard == (told, 2, 0, 1)  # EVSE 2 charged: the whole station was silent
        await lab.wait(6)
        await lab.until(lambda: len(outside(lab, 1)) > told and outside(lab, 0))

    on_2x(test, variables=CLOCK)


def signed_of(value: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each["signedMeterValue"] for each in value["sampledValue"] if "signedMeterValue" in each]
    return dict(found)


@pytest.mark.ocpp("2.0.1:J01.FR.21", "2.0.1:TC_J_04")
@pytest.mark.parametrize("keys", ["Never", "OncePerTransaction", "EveryMeterValue"])
def test_what_is_signed_by_the_clock_and_the_key_to_it(on_2x: On, keys: str) -> None:
    async def test(lab: Any) -> None:
        lab.move(signed=SIGNED)
        await lab.until(lambda: lab.station.evses[1].sample().signed)
        await lab.wait(6)
        await lab.until(lambda: outside(lab, 1))
        idle = signed_of(outside(lab, 1)[0])
        assert base64.b64decode(idle["signedMeterData"]).decode() == SIGNED
        await lab.charge()
        await lab.wait(10)
        lab.move(level="A")
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        struck = [each for each in ended["meterValue"] if each["sampledValue"][0]["context"] == "Sample.Clock"]
        assert len(struck) == 2
        assert all(base64.b64decode(signed_of(each)["signedMeterData"]).decode() == SIGNED for each in struck)
        key = base64.b64encode(b"oca:base16:asn1:3059").decode()
        last = signed_of(ended["meterValue"][-1])
        assert base64.b64decode(last["signedMeterData"]).decode().startswith("OCMF|")
        assert last["publicKey"] == ("" if keys == "Never" else key)
        assert {signed_of(each)["publicKey"] for each in struck} == {key if keys == "EveryMeterValue" else ""}
        asked = {"component": {"name": "FiscalMetering", "evse": {"id": 1}}, "variable": {"name": "PublicKey"}}
        answer = await lab.csms.ask("GetVariables", get_variable_data=[asked])
        assert answer.get_variable_result[0]["attribute_value"] == key

    variables = {
        **CLOCK,
        "AlignedDataCtrlr.SignReadings": "true",
        "SampledDataCtrlr.SignReadings": "true",
        "AlignedDataCtrlr.TxEndedInterval": "5",
        "AlignedDataCtrlr.TxEndedMeasurands": ENERGY,
        "OCPPCommCtrlr.PublicKeyWithSignedMeterValue": keys,
    }
    on_2x(test, variables=variables, signs=True)


def test_where_no_meter_signs_there_is_nothing_to_switch(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        asked = [
            {"component": {"name": name}, "variable": {"name": "SignReadings"}}
            for name in ("SampledDataCtrlr", "AlignedDataCtrlr")
        ]
        answer = await lab.csms.ask("GetVariables", get_variable_data=asked)
        assert [each["attribute_status"] for each in answer.get_variable_result] == ["UnknownVariable"] * 2

    on_2x(test)


@pytest.mark.ocpp("2.0.1:J01.FR.13", "2.0.1:J02.FR.09")
def test_how_the_phases_lie_in_the_grid(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        def of(evse: int | None) -> dict[str, Any]:
            place = {} if evse is None else {"evse": {"id": evse}}
            return {"component": {"name": "ElectricalFeed", **place}, "variable": {"name": "PhaseRotation"}}

        wired = [(None, "RST"), (1, "STR"), (2, "Rxx"), (2, "RRS"), (1, "L12")]
        data = [{**of(evse), "attribute_value": text} for evse, text in wired]
        answer = await lab.csms.ask("SetVariables", set_variable_data=data)
        statuses = [each["attribute_status"] for each in answer.set_variable_result]
        assert statuses == ["Accepted", "Accepted", "Accepted", "Rejected", "Rejected"]
        read = await lab.csms.ask("GetVariables", get_variable_data=[of(None), of(1), of(2)])
        assert [each["attribute_value"] for each in read.get_variable_result] == ["RST", "STR", "Rxx"]
        key = lab.client._model.key("ConnectorPhaseRotation")  # the same of 1.6, which has no such half phases
        assert lab.client._model.value(key) == "0.RST,1.STR,2.Unknown"

    on_2x(test)
