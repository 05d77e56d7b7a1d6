"""The back office, spoken to over a real WebSocket by a station that is only this test."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from hil.csms.control import answer
from hil.csms.records import Records, Transaction
from hil.csms.server import Csms

JsonObject = dict[str, Any]
CARD = "04AA"


class Station:
    """A scripted station: `call` asks, `serve` answers the back office's next call."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.number = 0

    async def call(self, action: str, payload: JsonObject) -> Any:
        self.number += 1
        await self.socket.send(json.dumps([2, str(self.number), action, payload]))
        reply = json.loads(await self.socket.recv())
        assert reply[1] == str(self.number)
        return reply[2]

    async def serve(self, result: JsonObject) -> tuple[str, JsonObject]:
        _, identity, action, payload = json.loads(await self.socket.recv())
        await self.socket.send(json.dumps([3, identity, result]))
        return action, payload


@asynccontextmanager
async def back_office(
    records: Records | None = None, passwords: dict[str, str] | None = None
) -> AsyncIterator[tuple[Csms, str, io.StringIO]]:
    out = io.StringIO()
    csms = Csms(records or Records(), passwords, out)
    server = await csms.listen("127.0.0.1", 0, ["2.1", "2.0.1", "1.6"])
    port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield csms, f"ws://127.0.0.1:{port}/ocpp/CP1", out
    finally:
        server.close()
        await server.wait_closed()


def with_station(
    version: str, script: Callable[[Csms, Station], Awaitable[None]], records: Records | None = None
) -> str:
    """Run a script with a connected station; what the back office printed."""

    async def run() -> str:
        async with (
            back_office(records) as (csms, url, out),
            connect(url, subprotocols=[Subprotocol(f"ocpp{version}")]) as socket,
        ):
            async with asyncio.timeout(20):
                await script(csms, Station(socket))
        return out.getvalue()

    return asyncio.run(run())


async def ask(csms: Csms, **request: object) -> JsonObject:
    return await answer(csms, json.dumps(request).encode())


def test_a_whole_transaction_in_1_6() -> None:
    async def script(csms: Csms, station: Station) -> None:
        boot = await station.call("BootNotification", {"chargePointVendor": "P", "chargePointModel": "M"})
        assert boot["status"] == "Accepted"
        begin = {"connectorId": 1, "idTag": "04AA", "meterStart": 100, "timestamp": "2026-01-01T00:00:00Z"}
        number = (await station.call("StartTransaction", begin))["transactionId"]
        assert (await station.call("StartTransaction", begin))["transactionId"] == number, "a repeat is no new one"
        sample = {"timestamp": "2026-01-01T00:01:00Z", "sampledValue": [{"value": "0.4", "unit": "kWh"}]}
        await station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [sample]})
        end = {
            "transactionId": number,
            "meterStop": 900,
            "timestamp": "2026-01-01T00:02:00Z",
            "reason": "EVDisconnected",
        }
        await station.call("StopTransaction", end)
        seen = (await ask(csms, do="status"))["transactions"]
        assert [(each["energy_wh"], each["stopped_reason"], each["repeats"], each["faults"]) for each in seen] == [
            (800, "EVDisconnected", 1, [])
        ]

    assert '"event": "invalid"' not in with_station("1.6", script)


def event(number: int, kind: str, trigger: str, energy_wh: float, **about: object) -> JsonObject:
    return {
        "eventType": kind,
        "timestamp": f"2026-01-01T00:0{number}:00Z",
        "triggerReason": trigger,
        "seqNo": number,
        "transactionInfo": {"transactionId": "tx1", **about},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": energy_wh}]}],
    }


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("needs", "unit", "limit"),
    [
        (
            {
                "requestedEnergyTransfer": "AC_three_phase",
                "acChargingParameters": {"energyAmount": 9, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 400},
            },
            "A",
            16.0,
        ),
        (
            {"requestedEnergyTransfer": "DC", "dcChargingParameters": {"evMaxCurrent": 100, "evMaxVoltage": 400}},
            "W",
            40_000.0,
        ),
    ],
    ids=["AC", "DC"],
)
def test_a_car_that_tells_its_needs_gets_a_plan(version: str, needs: JsonObject, unit: str, limit: float) -> None:
    async def script(csms: Csms, station: Station) -> None:
        told = {"evseId": 1, "chargingNeeds": needs}
        assert (await station.call("NotifyEVChargingNeeds", told))["status"] == "Rejected"  # nothing runs
        await station.call("TransactionEvent", event(0, "Started", "CablePluggedIn", 100.0))
        assert (await station.call("NotifyEVChargingNeeds", told))["status"] == "Accepted"
        action, asked = await station.serve({"status": "Accepted"})
        assert (action, asked["evseId"]) == ("SetChargingProfile", 1)
        assert asked["chargingProfile"]["transactionId"] == "tx1"
        (schedule,) = asked["chargingProfile"]["chargingSchedule"]
        assert (schedule["chargingRateUnit"], schedule["chargingSchedulePeriod"][0]["limit"]) == (unit, limit)
        await station.call("NotifyEVChargingNeeds", told)  # asks again: a plan instead of the first
        _, again = await station.serve({"status": "Accepted"})
        assert again["chargingProfile"]["id"] == asked["chargingProfile"]["id"]

    assert '"event": "invalid"' not in with_station(version, script)


def test_a_whole_transaction_in_2_0_1() -> None:
    async def script(csms: Csms, station: Station) -> None:
        about = {"vendorName": "P", "model": "M"}
        assert (await station.call("BootNotification", {"reason": "PowerUp", "chargingStation": about}))[
            "interval"
        ] == 300
        token = {"idToken": "04AA", "type": "ISO14443"}
        assert (await station.call("Authorize", {"idToken": token}))["idTokenInfo"]["status"] == "Accepted"
        await station.call("TransactionEvent", event(0, "Started", "Authorized", 100) | {"idToken": token})
        await station.call("TransactionEvent", event(1, "Updated", "MeterValuePeriodic", 600, chargingState="Charging"))
        await station.call("TransactionEvent", event(2, "Ended", "EVDeparted", 900, stoppedReason="EVDisconnected"))
        (seen,) = (await ask(csms, do="status"))["transactions"]
        assert (seen["energy_wh"], seen["stopped_reason"], seen["id_token"]) == (800, "EVDisconnected", "04AA")
        assert seen["events"] == ["0 Started Authorized", "1 Updated MeterValuePeriodic", "2 Ended EVDeparted"]
        assert seen["faults"] == []

    assert '"event": "invalid"' not in with_station("2.0.1", script)


@pytest.mark.parametrize(
    ("version", "action"), [("1.6", "RemoteStartTransaction"), ("2.0.1", "RequestStartTransaction")]
)
def test_the_back_office_starts_a_transaction(version: str, action: str) -> None:
    async def script(csms: Csms, station: Station) -> None:
        asked, (called, payload) = await asyncio.gather(
            ask(csms, do="start", token=CARD), station.serve({"status": "Accepted"})
        )
        assert asked == {"ok": True, "result": {"status": "Accepted"}}
        assert called == action
        assert "04AA" in json.dumps(payload)

    with_station(version, script)


def test_a_silent_back_office_answers_nothing_and_a_dropped_station_is_gone() -> None:
    async def script(csms: Csms, station: Station) -> None:
        assert (await ask(csms, do="silent"))["ok"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await station.call("Heartbeat", {})
        assert (await ask(csms, do="drop"))["ok"]
        with pytest.raises(ConnectionClosed):
            await station.socket.recv()
        assert not (await ask(csms, do="stop"))["ok"]

    assert '"event": "disconnected"' in with_station("2.0.1", script)


def test_a_station_that_comes_again_replaces_its_dead_connection() -> None:
    async def run() -> None:
        async with (
            back_office() as (csms, url, _),
            connect(url, subprotocols=[Subprotocol("ocpp1.6")]) as first,
            connect(url, subprotocols=[Subprotocol("ocpp2.0.1")]) as second,
        ):
            with pytest.raises(ConnectionClosed):
                await first.recv()
            assert "currentTime" in await Station(second).call("Heartbeat", {})
            assert (await ask(csms, do="status"))["connected"] == {"CP1": "2.0.1"}

    asyncio.run(run())


def test_an_answer_against_the_schema_is_reported() -> None:
    async def script(csms: Csms, station: Station) -> None:
        asked, _ = await asyncio.gather(ask(csms, do="reset"), station.serve({"status": "Maybe"}))
        assert not asked["ok"]
        assert "schema" in asked["error"]

    assert '"event": "invalid"' in with_station("2.0.1", script)


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Heartbeat", {"x": 1}, "FormatViolation"),
        ("Authorize", {}, "ProtocolError"),
        ("Dance", {}, "NotImplemented"),
    ],
)
def test_a_call_against_the_schema_gets_an_error(action: str, payload: JsonObject, code: str) -> None:
    async def script(csms: Csms, station: Station) -> None:
        assert await station.call(action, payload) == code

    assert '"event": "invalid"' in with_station("2.0.1", script)


def test_tokens_are_accepted_by_the_list() -> None:
    async def script(csms: Csms, station: Station) -> None:
        statuses = [(await station.call("Authorize", {"idTag": tag}))["idTagInfo"]["status"] for tag in ("A", "B")]
        assert statuses == ["Accepted", "Invalid"]
        await ask(csms, do="tokens", accepted=None)
        assert (await station.call("Authorize", {"idTag": "B"}))["idTagInfo"]["status"] == "Accepted"

    with_station("1.6", script, Records(tokens={"A"}))


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        (b"{}", '"do", one of'),
        (b"nonsense", "Expecting value"),
        (b'{"do": "start"}', "no station is connected"),
        (b'{"do": "boot", "status": "Maybe"}', "Accepted, Pending or Rejected"),
        (b'{"do": "tokens"}', "missing: accepted"),
    ],
)
def test_a_bad_control_line_is_refused(request_line: bytes, said: str) -> None:
    reply = asyncio.run(answer(Csms(Records(), out=io.StringIO()), request_line))
    assert not reply["ok"]
    assert said in reply["error"]


def test_a_wrong_password_is_refused() -> None:
    async def run() -> None:
        async with back_office(passwords={"CP1": "secret"}) as (_, url, _out):
            right = base64.b64encode(b"CP1:secret").decode()
            async with connect(
                url, subprotocols=[Subprotocol("ocpp1.6")], additional_headers={"Authorization": f"Basic {right}"}
            ):
                pass
            with pytest.raises(InvalidStatus):
                await connect(url, subprotocols=[Subprotocol("ocpp1.6")])

    asyncio.run(run())


def test_the_control_socket_answers_line_by_line(tmp_path: Path) -> None:
    async def run() -> list[bool]:
        csms = Csms(Records(), out=io.StringIO())
        async with await csms.listen_control(tmp_path / "csms.sock"):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "csms.sock")
            writer.write(b'{"do": "status"}\n{"do": "drop"}\n')
            answers = [json.loads(await reader.readline())["ok"] for _ in range(2)]
            writer.close()
            return answers

    assert asyncio.run(run()) == [True, False]


def test_gaps_repeats_and_falling_energy_are_noticed() -> None:
    transaction = Transaction("tx1", "CP1", 1)
    transaction.event(event(0, "Started", "Authorized", 0))
    transaction.event(event(0, "Started", "Authorized", 0))
    assert (transaction.repeats, transaction.faults) == (1, [])
    transaction.event(event(0, "Started", "CablePluggedIn", 0))
    transaction.event(event(2, "Updated", "MeterValuePeriodic", 0))
    transaction.event(event(2, "Started", "Authorized", 0))
    transaction.meter(10.0)
    transaction.meter(9.0)
    assert transaction.faults == [
        "two different events with seqNo 0",
        "seqNo 2 where 1 is next",
        "two different events with seqNo 2",
        "energy went back from 10.0 to 9.0 Wh",
    ]


def test_a_rounded_meter_start_is_no_energy_going_back() -> None:
    """OCPP 1.6 has whole Wh there."""
    transaction = Transaction("1", "CP", 1)
    transaction.meter(124)
    transaction.meter(123.6)
    assert transaction.faults == []
    transaction.meter(123.0)
    assert transaction.faults == ["energy went back from 123.6 to 123.0 Wh"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_answers_may_be_told_instead_of_the_usual_ones(version: str) -> None:
    async def script(csms: Csms, station: Station) -> None:
        assert (await ask(csms, do="answer", action="Heartbeat"))["ok"] is False
        assert (await ask(csms, do="answer", action="Heartbeat", error="InternalError"))["ok"]
        assert (await ask(csms, do="answer", action="Heartbeat", garbage='[3,"$ID",7]'))["ok"]
        assert (await ask(csms, do="answer", action="Heartbeat", payload={"currentTime": "later"}, delay_s=0.01))["ok"]
        error, garbage, told, usual = [await station.call("Heartbeat", {}) for _ in range(4)]
        assert error == "InternalError"
        assert garbage == 7
        assert told == {"currentTime": "later"}
        assert usual["currentTime"].endswith("Z")

    with_station(version, script)
