"""What an outside test suite does with the rig: every request of a workbench, on real processes, over its socket and
its command line; and every named error in virtual time."""

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.panel.status import NotRunning, request
from hal import wire
from hal.contracts import PilotMode
from hil.named_errors import ERRORS, OF_16, find
from hil.plant.command import RigError
from hil.rig import CARD, JsonObject, Rig, SocketLink
from hil.rig_cli import main as rig_command
from hil.stack import Stack
from hil.virtual import VirtualBench

pytestmark = pytest.mark.timeout(120)
BOARDS = Path(__file__).parents[2] / "board-configs"


class Suite:
    """A back office of ours and a workbench, as a foreign suite would have them."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.office = Stack(folder / "office", "")
        self.url = self.office.start_office("2.0.1,1.6")
        self.socket, self.control = folder / "suite.sock", folder / "w" / "control.sock"
        command = [sys.executable, "-m", "hil.workbench", "--control", str(self.socket), "--folder", str(folder / "w")]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "workbench ready" in self.process.stdout.readline()
        self.rig = Rig(SocketLink(self.socket, timeout_s=60.0))

    def ask(self, do: str, **fields: object) -> JsonObject:
        reply = self.rig.link.request({"do": do, **fields})
        assert reply.pop("ok"), reply
        return reply

    def until(self, what: Callable[[], Any], within: float = 20.0) -> Any:
        end = time.monotonic() + within
        while not (found := what()):
            assert time.monotonic() < end, f"not within {within} s: {self.ask('status')}, {self.seen()}, {self._why()}"
            time.sleep(0.05)
        return found

    def seen(self) -> JsonObject:
        found: JsonObject = self.office.ask_office(do="status")
        return found

    def connected(self, version: str) -> None:
        """A station on line in this version, started anew where it speaks another: no test needs the one before."""
        if self.until(lambda: self.seen()["connected"]) != {"SUITE-1": version}:
            self.ask("stop")
            self.until(lambda: not self.seen()["connected"])
            self.ask("start", versions=version)
        self.until(lambda: self.seen()["connected"] == {"SUITE-1": version})
        self.until(self._knows_it)

    def _why(self) -> object:
        """The station's own words, for whoever has to find out."""
        try:
            return request(self.control, {"do": "status"})["status"]["evses"]
        except NotRunning as error:
            return error

    def _knows_it(self) -> bool:
        """The station too takes itself for connected: a card that comes before is judged off line."""
        try:
            status = request(self.control, {"do": "status"})["status"]
        except NotRunning:
            return False
        return bool(status["back_office"]["connected"])

    def received(self, action: str) -> list[JsonObject]:
        """The payloads of the station's calls of this name, in their order."""
        whole = self.office.log("csms").rpartition("\n")[0].splitlines()  # the last line may be half written
        lines = [json.loads(line) for line in whole if f'"{action}"' in line]
        ours = [line for line in lines if (line.get("direction"), line.get("kind")) == ("received", "call")]
        return [line["payload"] for line in ours if line["action"] == action]

    def transactions(self) -> list[JsonObject]:
        found: list[JsonObject] = self.seen()["transactions"]
        return found

    def charging(self, connector: int) -> None:
        self.until(lambda: self.ask("status")["connectors"][str(connector)]["power_w"] > 500.0, 40.0)

    def close(self) -> None:
        self.rig.link.close()  # type: ignore[attr-defined]
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        self.office.close()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("ac"), "--evses", "2")
    suite.ask(
        "start",
        url=suite.url,
        identity="SUITE-1",
        versions="1.6",
        keys={"HeartbeatInterval": 77, "NoSuchKey": "1", "MeterValuesSampledData": ["Voltage", "Current.Import"]},
        variables={
            "OCPPCommCtrlr": {"RetryBackOffWaitMinimum": 1, "RetryBackOffRandomRange": 0},
            "TxCtrlr": {"EVConnectionTimeOut": 33},
        },
    )
    yield suite
    suite.close()


def test_a_station_starts_with_the_values_it_is_given_and_keeps_its_state(suite: Suite) -> None:
    suite.connected("1.6")
    keys = {
        "do": "call",
        "action": "GetConfiguration",
        "payload": {"key": ["ConnectionTimeOut", "WebSocketPingInterval", "MeterValuesSampledData"]},
    }
    found = suite.office.ask_office(**keys)["result"]["configurationKey"]
    values = {each["key"]: each["value"] for each in found}
    assert values["ConnectionTimeOut"] == "33"
    assert values["MeterValuesSampledData"] == "Voltage,Current.Import"
    suite.until(lambda: suite.ask("status")["station"]["connected"])
    changed = {"action": "ChangeConfiguration", "payload": {"key": "WebSocketPingInterval", "value": "19"}}
    assert suite.office.ask_office(do="call", **changed)["result"] == {"status": "Accepted"}
    assert suite.rig.link.request({"do": "start"})["error"].startswith("the station runs already")
    suite.ask("stop")
    assert not suite.ask("status")["station"]["running"]
    suite.until(lambda: not suite.seen()["connected"])
    suite.ask("start", versions="2.0.1")  # the same state, another dialect
    suite.connected("2.0.1")
    wanted = [
        {"component": {"name": component}, "variable": {"name": variable}}
        for component, variable in (("OCPPCommCtrlr", "WebSocketPingInterval"), ("TxCtrlr", "EVConnectionTimeOut"))
    ]
    ask = {"action": "GetVariables", "payload": {"getVariableData": wanted}}
    results = suite.office.ask_office(do="call", **ask)["result"]["getVariableResult"]
    assert [each["attributeValue"] for each in results] == ["19", "33"]


def test_a_key_that_the_station_has_not_is_named(suite: Suite) -> None:
    suite.ask("stop")
    suite.until(lambda: not suite.seen()["connected"])
    told = suite.ask(
        "start", versions="2.0.1", keys={"NoSuchKey": 1, "ConnectionTimeOut": "34", "HeartbeatInterval": "soon"}
    )
    assert told["not_set"].keys() == {"NoSuchKey", "HeartbeatInterval"}
    refused = suite.rig.link.request({"do": "start", "keys": {"HeartbeatInterval": [1]}})
    assert not refused["ok"]
    suite.connected("2.0.1")


def test_cards_and_cars_at_the_connector_of_choice_and_a_link_that_is_cut(suite: Suite) -> None:
    suite.connected("2.0.1")
    suite.ask("plug", connector=2, cable=20)
    suite.ask("swipe", connector=2, token=CARD)
    suite.charging(2)
    (transaction,) = suite.until(suite.transactions)
    assert transaction["evse"] == 2
    suite.ask("cut_link")
    suite.until(lambda: not suite.seen()["connected"])
    suite.ask("pause", connector=2)
    suite.until(lambda: suite.ask("status")["connectors"]["2"]["car"] == "B")
    suite.ask("resume", connector=2)
    suite.charging(2)
    suite.ask("restart", kill=True)  # a power cut of the controller while off line
    suite.ask("restore_link")
    suite.connected("2.0.1")
    suite.ask("unplug", connector=2, force=True)
    suite.until(lambda: suite.transactions()[0]["ended_at"])
    (transaction,) = suite.transactions()
    assert transaction["faults"] == []
    states = [event.split()[1] for event in transaction["events"]]
    assert states[0] == "Started"
    assert states[-1] == "Ended"
    suite.ask("heal", connector=2)


def test_a_car_that_unplugs_at_its_own_end_leaves_the_cable_in_the_socket(suite: Suite) -> None:
    suite.connected("2.0.1")
    before = len(suite.transactions())
    suite.ask("plug", connector=2)
    suite.ask("swipe", connector=2, token=CARD)
    suite.charging(2)
    assert "locked" in suite.rig.link.request({"do": "unplug", "connector": 2})["error"]
    suite.ask("unplug", connector=2, end="car")
    suite.until(lambda: len(suite.transactions()) > before and suite.transactions()[-1]["ended_at"])
    assert suite.transactions()[-1]["stopped_reason"] == "EVDisconnected"
    assert suite.ask("status")["connectors"]["2"]["cable_a"] == 32.0
    suite.until(lambda: suite.rig.link.request({"do": "unplug", "connector": 2})["ok"])  # once it is unlocked
    assert suite.ask("status")["connectors"]["2"]["cable_a"] == 0.0


def test_a_silent_link_keeps_its_connection(suite: Suite) -> None:
    suite.connected("2.0.1")
    suite.ask("cut_link", silent=True)
    link = suite.ask("status")["link"]
    assert link["state"] == "silent"
    assert link["connections"] >= 1
    suite.ask("restore_link")
    answer = suite.office.ask_office(do="call", action="ClearCache", payload={})
    assert answer["ok"], answer


def test_a_named_error_reaches_the_back_office_and_goes_again(suite: Suite) -> None:
    suite.connected("2.0.1")
    assert set(suite.ask("errors")["errors"]) == set(ERRORS)
    suite.ask("raise", error="emergency_stop")
    suite.until(lambda: suite.seen()["connectors"].get("SUITE-1/1.1", {}).get("status") == "Faulted")
    suite.ask("clear", error="emergency_stop")
    suite.until(lambda: suite.seen()["connectors"].get("SUITE-1/1.1", {}).get("status") == "Available")
    suite.ask("raise", error="tick_overrun")  # the guard's process stands still again and again, and says so
    suite.until(lambda: suite.seen()["connectors"].get("SUITE-1/1.1", {}).get("status") == "Faulted")
    suite.ask("clear", error="tick_overrun")

    def cleared() -> bool:
        suite.rig.link.request({"do": "clear", "error": "tick_overrun", "latched": True})  # refused until it is over
        status: str = suite.seen()["connectors"].get("SUITE-1/1.1", {}).get("status")
        return status == "Available"

    suite.until(cleared)
    needy = suite.rig.link.request({"do": "raise", "error": "phase_switch"})["error"]
    assert needy == "phase_switch needs another board: rig serve --board sim-ac-phases"
    needy = suite.rig.link.request({"do": "raise", "error": "contactor_worn"})["error"]
    assert needy.endswith("rig serve --policy 'contactor_life = 3'")
    assert "no error 'rain'" in suite.rig.link.request({"do": "raise", "error": "rain"})["error"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP; the address they are at."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_new_software_is_fetched_installed_and_runs_after_a_restart(suite: Suite, tmp_path: Path) -> None:
    suite.connected("1.6")
    told = len(suite.received("FirmwareStatusNotification"))
    booted = len(suite.received("BootNotification"))
    (tmp_path / "image").write_bytes(b"new software")
    state = Path(suite.ask("status")["station"]["state"])

    def steps() -> list[str]:
        return [each["status"] for each in suite.received("FirmwareStatusNotification")[told:]]

    with served(tmp_path) as url:
        order = {"location": f"{url}/image", "retrieveDate": "2026-01-01T00:00:00Z"}
        answer = suite.office.ask_office(do="call", action="UpdateFirmware", payload=order)
        assert answer["ok"], answer
        suite.until(lambda: "Installed" in steps(), 60.0)
    once = list(dict.fromkeys(steps()))  # what the restart cut off before its answer is said again
    assert once == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert len(suite.received("BootNotification")) > booted
    assert (state / "slots" / "slot-b").read_bytes() == b"new software"
    assert suite.ask("status")["station"]["running"]  # the same process under the same number, begun again
    suite.connected("1.6")


def signer(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Who makes software: a root that signs it itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "maker")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    builder = builder.not_valid_after(now + timedelta(days=1))
    return builder.add_extension(x509.BasicConstraints(True, None), critical=True).sign(key, SHA256()), key


def test_signed_software_where_the_suite_wants_no_other(suite: Suite, tmp_path: Path) -> None:
    image = b"NOW it runs"
    root, key = signer(datetime.now(UTC))
    pem = root.public_bytes(Encoding.PEM)
    (tmp_path / "image").write_bytes(image)
    (tmp_path / "roots.pem").write_bytes(pem)
    suite.ask("stop")
    suite.until(lambda: not suite.seen()["connected"])
    suite.ask("start", versions="2.0.1", signed_firmware_only=True, firmware_roots=str(tmp_path / "roots.pem"))
    suite.connected("2.0.1")

    def answer(number: int, **firmware: str) -> str:
        order = {"requestId": number, "firmware": {"retrieveDateTime": "2026-01-01T00:00:00Z", **firmware}}
        reply = suite.office.ask_office(do="call", action="UpdateFirmware", payload=order)
        status: str = reply["result"]["status"]
        return status

    def steps(number: int) -> list[str]:
        told = suite.received("FirmwareStatusNotification")
        return [each["status"] for each in told if each.get("requestId") == number]

    with served(tmp_path) as url:
        where = f"{url}/image"
        assert answer(601, location=where) == "Rejected"
        signature = base64.b64encode(key.sign(image, ec.ECDSA(SHA256()))).decode()
        assert answer(602, location=where, signingCertificate=pem.decode(), signature=signature) == "Accepted"
        suite.until(lambda: "Installed" in steps(602), 60.0)
    assert steps(602) == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
    suite.ask("stop")
    suite.until(lambda: not suite.seen()["connected"])
    suite.ask("start", signed_firmware_only=False, firmware_roots="")
    suite.connected("2.0.1")


def test_a_talking_car_charges_pauses_and_goes_on(suite: Suite) -> None:
    suite.ask("stop")
    suite.ask("start", digital=True, authorization="free", state=str(suite.socket.parent / "other"))
    suite.connected("2.0.1")
    suite.ask("plug", car="iso2-ac")
    suite.charging(1)
    suite.ask("pause")
    suite.until(lambda: suite.ask("status")["cars"]["1"].get("event") == "ended")
    session = suite.ask("status")["cars"]["1"]["session"]
    suite.until(lambda: suite.ask("status")["connectors"]["1"]["car"] == "B")
    suite.ask("resume")
    suite.charging(1)
    suite.ask("unplug")
    assert suite.ask("status")["connectors"]["1"]["car"] == "A"
    assert len(session) == 16


def test_by_the_command_line(suite: Suite, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def rig(*arguments: str) -> int:
        return rig_command(["--control", str(suite.socket), *arguments])

    assert rig("status") == 0
    assert "station runs" in capsys.readouterr().out
    assert rig("raise", "pe_lost") == 0
    assert rig("clear", "pe_lost") == 0
    assert rig("cut-link") == 0
    assert rig("restore-link") == 0
    assert rig("swipe", CARD, "--connector", "2") == 0
    assert rig("stop", "--kill") == 0
    assert rig("stop") == 0  # it does not run: nothing to do
    assert not suite.ask("status")["station"]["connected"]
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"TxCtrlr": {"EVConnectionTimeOut": 44}}))
    capsys.readouterr()
    assert rig("start", "--fresh", "--variables", f"@{values}", "--keys", '{"Nope": 1}') == 0
    assert "Nope" in capsys.readouterr().out
    assert rig("shutdown") == 0
    assert suite.process.wait(30) == 0
    assert rig("status") == 1


def test_a_dc_car_at_a_dc_station(tmp_path: Path) -> None:
    suite = Suite(tmp_path, "--board", "sim-dc-ccs2")
    try:
        suite.ask("start", url=suite.url, identity="SUITE-1", authorization="free", digital=True)
        suite.ask("plug", car="iso2-dc", soc=40)
        suite.charging(1)
        suite.ask("unplug")
        suite.until(lambda: suite.transactions() and suite.transactions()[0]["ended_at"])
    finally:
        suite.close()


# --- every error by its name ----------------------------------------------------------------------------------------


def nominal(bench: VirtualBench, message: wire.FromGuard) -> None:
    """A controller that offers 16 A and grants them."""
    if not isinstance(message, wire.Hello):
        bench.guard.receive(wire.SetPilot(bench.epoch, 1, PilotMode.DUTY, 26.6))
        outlet: Literal["", "ac"] = "" if bench.board.connectors[0].settings.ac is None else "ac"
        bench.guard.receive(wire.GrantIntent(bench.epoch, 1, "tx1", 16.0, outlet=outlet))


AC_ERRORS = [name for name, error in ERRORS.items() if error.only != "dc" and not error.to_guard]
STAYS = {"contactor_worn"}  # only a new contactor, with counters of its own, ends it


@pytest.mark.parametrize("name", AC_ERRORS)
def test_the_guard_finds_what_was_put_in_and_forgets_what_was_taken_out(name: str, tmp_path: Path) -> None:
    error = ERRORS[name]
    board = tmp_path / "board.toml"
    text = (BOARDS / f"{error.board or 'sim-ac-type2'}.toml").read_text()
    text = text.replace("[connector.policy]", f"[connector.policy]\nmin_close_interval_s = 1\n{error.policy}")
    board.write_text(text.replace('driver = "sim_lock"', 'driver = "sim_lock"\nreach_s = 0'))
    bench = VirtualBench(board, tmp_path, nominal)
    rig = Rig(bench, step_s=0.2)
    bench.pass_time(0.5)
    if error.state != "A":
        rig.do("plug")
        bench.pass_time(1.0)
    if error.state == "C" and name != "stuck_open":
        rig.do("car", wants_power=True)
        rig.wait("closed", within=20.0)
    rig.do(**named(error.put_in))
    if name == "stuck_open":
        rig.do("car", wants_power=True)
    if name == "weld":
        rig.do("car", wants_power=False)
        bench.pass_time(0.5)

    def there(_: JsonObject) -> bool:
        return name in {fault.code for fault in bench.seen[1].faults}

    rig.wait(there, within=30.0, what=name)
    rig.do(**named(error.take_out))
    rig.do("unplug", force=True)
    bench.guard.receive(wire.ClearFault(bench.epoch, 1, name))
    bench.pass_time(1.0)
    bench.guard.receive(wire.ClearFault(bench.epoch, 1, name))
    if name not in STAYS:
        rig.wait(lambda seen: not there(seen), within=20.0, what=f"without {name}")
    bench.close()


def named(request: JsonObject) -> dict[str, Any]:
    """A request as arguments of `Rig.do`."""
    return {"command": request["do"], **{key: value for key, value in request.items() if key != "do"}}


def test_every_name_of_16_leads_to_an_error() -> None:
    assert {find(name)[0] for name in OF_16} <= ERRORS.keys()
    with pytest.raises(RigError):
        find("Rain")
