"""The npm back office `ocpp-rpc`, strict validation on, accepts the station in a whole transaction in each version.

The station is real: plant, guard and controller as processes; a car is plugged in, a token swiped, energy flows.
"""

import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from hil.rig import CARD
from hil.stack import Stack, station_toml

pytestmark = pytest.mark.interop

SHOWN = {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "Good day", "language": "en"}}
TOKEN = {"idToken": CARD, "type": "ISO14443"}


class StrictCsms:
    """The server process: what it told, and a way to have it call the station."""

    def __init__(self, folder: Path, version: str) -> None:
        self.told: list[dict[str, Any]] = []
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            ["node", "server.js", version], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.port = self.wait(lambda event: event["event"] == "ready", within=60.0)["ports"][0]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def wait(self, wanted: Callable[[dict[str, Any]], bool], within: float = 30.0) -> dict[str, Any]:
        """The next event like this, which may have been told since the last wait."""
        until = time.monotonic() + within
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._lines.get(timeout=left)
            except queue.Empty:
                break
            self.told.append(event)
            if wanted(event):
                return event
        raise AssertionError(f"not told within {within} s; so far: {json.dumps(self.told, indent=1)[-4000:]}")

    def called(self, action: str, within: float = 30.0, **fields: Any) -> dict[str, Any]:
        """Wait until the station calls this, with these fields; its payload."""

        def wanted(event: dict[str, Any]) -> bool:
            if event["event"] != "call" or event["action"] != action:
                return False
            return all(event["payload"].get(key) == value for key, value in fields.items())

        payload: dict[str, Any] = self.wait(wanted, within)["payload"]
        return payload

    def ask(self, action: str, **payload: Any) -> dict[str, Any]:
        """Have the server call the station; the answer, or the error as {"code": ...}."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"call": action, "payload": payload}) + "\n")
        self.process.stdin.flush()
        event = self.wait(lambda event: event["event"] in {"answer", "refused"} and event["action"] == action)
        found: dict[str, Any] = event["payload"] if event["event"] == "answer" else {"code": event["code"]}
        return found

    def violations(self) -> list[dict[str, Any]]:
        return [event for event in self.told if event["event"] == "violation"]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def csms(ocpp_rpc: Path, request: pytest.FixtureRequest) -> Iterator[StrictCsms]:
    server = StrictCsms(ocpp_rpc, request.param)
    yield server
    server.close()


def station_file(folder: Path, csms: StrictCsms, version: str) -> str:
    ocpp = f'url = "ws://127.0.0.1:{csms.port}"\nidentity = "CS-1"\nversions = ["{version}"]\nmeter_interval_s = 1'
    return station_toml(folder, authorization='mode = "csms"', ocpp=ocpp)


@pytest.mark.parametrize("csms", ["1.6", "2.0.1", "2.1"], indirect=True)
def test_the_server_would_see_a_violation(csms: StrictCsms, request: pytest.FixtureRequest) -> None:
    version = request.node.callspec.params["csms"]
    with connect(f"ws://127.0.0.1:{csms.port}/CS-2", subprotocols=[Subprotocol(f"ocpp{version}")]) as wrong:
        wrong.send('[2, "a", "StatusNotification", {"connectorId": "one"}]')
        assert json.loads(wrong.recv(5))[0] == 4
        csms.wait(lambda event: event["event"] == "violation")


@pytest.mark.timeout(120)
@pytest.mark.ocpp("1.6:TC_003", "1.6:TC_012", "1.6:RemoteStopTransaction", "1.6:ClearCache", "1.6:TC_061", "1.6:TC_014")
@pytest.mark.parametrize("csms", ["1.6"], indirect=True)
def test_a_whole_transaction_in_16(csms: StrictCsms, tmp_path: Path) -> None:
    folder = tmp_path / "station"
    with Stack(folder, station_file(folder, csms, "1.6")) as stack:
        csms.called("BootNotification")
        csms.called("StatusNotification", connectorId=1, status="Available")
        answer = csms.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="2")
        assert answer == {"status": "Accepted"}
        stack.rig.do("plug")
        csms.called("StatusNotification", connectorId=1, status="Preparing")
        stack.rig.do("car", wants_power=True)
        stack.rig.do("swipe", token=CARD)
        assert csms.called("Authorize")["idTag"] == CARD
        start = csms.called("StartTransaction")
        csms.called("StatusNotification", connectorId=1, status="Charging")
        csms.called("MeterValues")
        values = csms.called("MeterValues")
        assert values["transactionId"] == 101
        assert csms.ask("TriggerMessage", requestedMessage="MeterValues", connectorId=1) == {"status": "Accepted"}
        for action, payload in (
            ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
            ("GetConfiguration", {}),
            ("ClearCache", {}),
            ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
            ("DataTransfer", {"vendorId": "x"}),
            ("GetLocalListVersion", {}),
            ("SendLocalList", {"listVersion": 1, "updateType": "Full"}),
            ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}),
            ("ClearChargingProfile", {}),
            ("CancelReservation", {"reservationId": 9}),
            ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
        ):
            assert "code" not in csms.ask(action, **payload), action
        assert csms.ask("RemoteStopTransaction", transactionId=101) == {"status": "Accepted"}
        stop = csms.called("StopTransaction")
        assert stop["transactionId"] == 101
        assert stop["reason"] == "Remote"
        assert stop["meterStop"] >= start["meterStart"]
        stack.rig.do("unplug", force=True)
        csms.called("StatusNotification", connectorId=1, status="Available")
        assert csms.ask("Reset", type="Soft") == {"status": "Accepted"}
    assert csms.violations() == []


@pytest.mark.timeout(120)
@pytest.mark.ocpp("2.x:E02.FR.09", "2.x:F03.FR.01", "2.x:B07.FR.01", "2.0.1:TC_F_08")
@pytest.mark.parametrize("csms", ["2.0.1", "2.1"], indirect=True)
def test_a_whole_transaction_in_2x(csms: StrictCsms, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = tmp_path / "station"
    with Stack(folder, station_file(folder, csms, request.node.callspec.params["csms"])) as stack:
        csms.called("BootNotification")
        csms.called("StatusNotification", evseId=1, connectorStatus="Available")
        variable = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedInterval"}}
        answer = csms.ask("SetVariables", setVariableData=[{**variable, "attributeValue": "2"}])
        assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
        stack.rig.do("plug")
        csms.called("StatusNotification", evseId=1, connectorStatus="Occupied")
        stack.rig.do("car", wants_power=True)
        stack.rig.do("swipe", token=CARD)
        assert csms.called("Authorize")["idToken"] == {"idToken": CARD, "type": "ISO14443"}
        started = csms.called("TransactionEvent", eventType="Started")
        transaction_id = started["transactionInfo"]["transactionId"]
        assert started["seqNo"] == 0
        csms.called("TransactionEvent", eventType="Updated", triggerReason="MeterValuePeriodic")
        report = csms.ask("GetBaseReport", requestId=1, reportBase="FullInventory")
        assert report["status"] == "Accepted"
        while csms.called("NotifyReport").get("tbc"):
            pass
        for action, payload in (
            ("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 1}}),
            ("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}),
            ("GetVariables", {"getVariableData": [variable]}),
            ("GetTransactionStatus", {"transactionId": transaction_id}),
            ("ClearCache", {}),
            ("UnlockConnector", {"evseId": 1, "connectorId": 1}),
            ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 1}}),
            ("DataTransfer", {"vendorId": "x"}),
            ("CostUpdated", {"totalCost": 1.5, "transactionId": transaction_id}),
            ("SetDisplayMessage", {"message": SHOWN}),
            ("GetDisplayMessages", {"requestId": 2}),
            ("ClearDisplayMessage", {"id": 1}),
            ("GetLocalListVersion", {}),
            ("SendLocalList", {"versionNumber": 1, "updateType": "Full"}),
            ("GetCompositeSchedule", {"duration": 60, "evseId": 1}),
            ("GetChargingProfiles", {"requestId": 3, "chargingProfile": {}}),
            ("CancelReservation", {"reservationId": 9}),
            ("GetInstalledCertificateIds", {}),
            ("GetMonitoringReport", {"requestId": 4}),
            ("CustomerInformation", {"requestId": 5, "report": True, "clear": False, "idToken": TOKEN}),
        ):
            assert "code" not in csms.ask(action, **payload), action
        assert csms.ask("RequestStopTransaction", transactionId=transaction_id)["status"] == "Accepted"
        ended = csms.called("TransactionEvent", eventType="Ended")
        assert ended["transactionInfo"]["stoppedReason"] == "Remote"
        stack.rig.do("unplug", force=True)
        csms.called("StatusNotification", evseId=1, connectorStatus="Available")
        assert csms.ask("Reset", type="OnIdle")["status"] == "Accepted"
    events = [e["payload"] for e in csms.told if e["event"] == "call" and e["action"] == "TransactionEvent"]
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert csms.violations() == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("csms", ["1.6", "2.0.1"], indirect=True)
def test_a_transaction_survives_kill_9_of_the_controller(
    csms: StrictCsms, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    version = request.node.callspec.params["csms"]
    folder = tmp_path / "station"
    with Stack(folder, station_file(folder, csms, version)) as stack:
        csms.called("StatusNotification")  # registered: before that nobody may begin
        stack.rig.reach("charging")
        if version == "1.6":
            csms.called("MeterValues")
        else:
            csms.called("TransactionEvent", triggerReason="MeterValuePeriodic")
        stack.signal("station", signal.SIGKILL)
        stack.start_controller()
        csms.called("BootNotification")
        assert stack.rig.status()["closed"]  # energy went on
        if version == "1.6":
            assert csms.called("MeterValues")["transactionId"] == 101
            assert csms.ask("RemoteStopTransaction", transactionId=101) == {"status": "Accepted"}
            assert csms.called("StopTransaction")["transactionId"] == 101
        else:
            update = csms.called("TransactionEvent", triggerReason="MeterValuePeriodic")
            transaction_id = update["transactionInfo"]["transactionId"]
            assert csms.ask("RequestStopTransaction", transactionId=transaction_id)["status"] == "Accepted"
            csms.called("TransactionEvent", eventType="Ended")
    calls = [(e["action"], e["payload"]) for e in csms.told if e["event"] == "call"]
    assert sum(action == "StartTransaction" for action, _ in calls) == (version == "1.6")
    numbers = [payload["seqNo"] for action, payload in calls if action == "TransactionEvent"]
    assert sorted(set(numbers)) == list(range(len(set(numbers))))  # none is missing
    assert numbers == sorted(numbers)
    assert len(numbers) <= len(set(numbers)) + 1  # one identical resend at most
    assert csms.violations() == []
