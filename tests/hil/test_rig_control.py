"""Rig control: requests and answers, the socket, the command line, and named conditions."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.sim.registers import Registers
from hil.plant.command import RigError
from hil.plant.commands import COMMANDS, answer, read
from hil.plant.plant import Plant
from hil.plant.rig_server import LONGEST_LINE, RigServer
from hil.rig import Rig, SocketLink
from hil.rig_cli import main

Bench = Any  # the class of conftest.py's fixtures


def ask(plant: Plant, **request: object) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(answer(plant, json.dumps(request).encode()))
    return reply


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"nonsense", "not JSON"),
        (b"[" * 3000, "not JSON"),
        (b"[1]", 'an object with "do"'),
        (b'{"do": 7}', 'an object with "do"'),
        (b'{"do": "plgu"}', "did you mean 'plug'?"),
        (b'{"do": "dance"}', "one of: plug, unplug"),
        (b'{"do": "plug", "cabel": 20}', "unknown field `cabel`"),
        (b'{"do": "plug", "cable": 16}', "$.cable"),
        (b'{"do": "set_state"}', "missing required field `state`"),
        (b'{"do": "set_state", "state": "Q"}', "$.state"),
        (b'{"do": "swipe", "token": "a b"}', "UID"),
        (b'{"do": "swipe", "token": "xyz"}', "UID"),
        (b'{"do": "plug", "connector": 0}', "$.connector"),
        (b'{"do": "lease_freeze", "pid": 1}', "$.pid"),
    ],
)
def test_a_bad_request_is_refused_with_what_is_wrong(line: bytes, said: str) -> None:
    with pytest.raises(RigError) as refused:
        read(line)
    assert said in str(refused.value)


@given(st.binary(max_size=200))
def test_any_line_is_a_command_or_a_named_error(line: bytes) -> None:
    try:
        read(line)
    except RigError as error:
        assert str(error)


def test_a_connector_that_is_not_there_is_named(bench: Bench) -> None:
    assert "connectors 1 to 1" in ask(bench.plant, do="plug", connector=7)["error"]


def test_what_is_put_in_is_seen_in_the_registers(bench: Bench) -> None:
    requests: list[dict[str, object]] = [
        {"do": "plug", "cable": 20},
        {"do": "emergency_stop"},
        {"do": "meter_fault"},
        {"do": "adc_fault"},
        {"do": "temperature", "celsius": 88.0, "fault": True},
        {"do": "pe_fault"},
        {"do": "tamper"},
        {"do": "phase_loss", "phase": 3},
        {"do": "swipe", "token": "04AABBCC"},
    ]
    for request in requests:
        assert ask(bench.plant, **request) == {"ok": True}
    bench.run(0.1)
    seen = {
        "plug_rating_a": 20.0,
        "emergency_stop": 1.0,
        "meter_fault": 1.0,
        "adc_fault": 1.0,
        "temperature_c": 88.0,
        "temperature_fault": 1.0,
        "pe_fault": 1.0,
        "tamper": 1.0,
        "voltage_l3_v": 0.0,
        "token_count": 1.0,
    }
    assert {name: bench.registers[name] for name in seen} == seen
    assert bench.registers.token == "04AABBCC"


@pytest.mark.parametrize(("state", "millivolts"), [("A", 12000), ("B", 8978), ("C", 5996), ("D", 2931)])
def test_set_state_shows_that_state_and_nothing_moves_it_afterwards(bench: Bench, state: str, millivolts: int) -> None:
    assert ask(bench.plant, do="set_state", state=state)["ok"]
    bench.duty(26.67)
    bench.run(5.0)
    assert bench.registers["cp_high_mv"] == pytest.approx(millivolts, abs=100)


def test_a_locked_plug_stays_unless_it_is_forced(bench: Bench) -> None:
    ask(bench.plant, do="plug")
    bench.registers["lock_command"] = 1.0
    bench.run(1.0)
    assert "locked" in ask(bench.plant, do="unplug")["error"]
    assert ask(bench.plant, do="unplug", force=True)["ok"]


def test_heal_takes_every_fault_out(bench: Bench) -> None:
    for name in ("weld", "stuck_open", "diode_fault", "short", "emergency_stop", "rcd_dead", "lock_jam", "mains_fail"):
        ask(bench.plant, do=name)
    ask(bench.plant, do="leak", dc_ma=50)
    ask(bench.plant, do="isolation", ohm=1000)
    ask(bench.plant, do="grid", voltage_v=180)
    bench.run(0.1)
    assert len(bench.connector.faults()) == 11
    ask(bench.plant, do="heal")
    bench.run(0.1)
    assert bench.connector.faults() == []
    assert bench.connector.car.state == "A"


def test_lease_freeze_stops_and_continues_a_process(bench: Bench) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        assert ask(bench.plant, do="lease_freeze", pid=process.pid)["ok"]
        status = Path(f"/proc/{process.pid}/stat")
        assert wait_for_state(status, "T")
        assert ask(bench.plant, do="lease_freeze", pid=process.pid, on=False)["ok"]
        assert wait_for_state(status, "S")
        process.send_signal(signal.SIGKILL)
    assert "No such process" in ask(bench.plant, do="lease_freeze", pid=process.pid)["error"]


def wait_for_state(status: Path, letter: str) -> bool:
    pause = threading.Event()
    return any(status.read_text().split()[2] == letter or pause.wait(0.01) for _ in range(2000))


# --- over the socket ----------------------------------------------------------------------------------------------


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Path]:
    """A served plant in a thread; rig control at the path."""
    path = tmp_path / "rig.sock"
    plant = Plant(Registers.create(None, 2))
    server = RigServer(plant, path)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.serve(0.005)
            plant.step(0.005)

    thread = threading.Thread(target=serve)
    thread.start()
    yield path
    stop.set()
    thread.join()
    server.close()
    assert not path.exists()


def test_several_requests_in_one_packet_and_one_in_several(control: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(20.0)
        client.connect(str(control))
        client.sendall(b'{"do": "plug"}\n{"do": "unplug"}\n{"do": "st')
        client.sendall(b'atus"}\n')
        answers = client.makefile("rb")
        assert [json.loads(answers.readline())["ok"] for _ in range(3)] == [True, True, True]


def test_an_endless_line_is_refused_and_the_connection_closed(control: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(20.0)
        client.connect(str(control))
        client.sendall(b"x" * (LONGEST_LINE + 1))
        answers = client.makefile("rb")
        assert not json.loads(answers.readline())["ok"]
        assert answers.readline() == b""


def test_the_socket_is_for_this_user_only(control: Path) -> None:
    assert control.stat().st_mode & 0o777 == 0o600


def test_named_conditions_are_reached(control: Path) -> None:
    rig = Rig(SocketLink(control), connector=2)
    assert rig.reach("plugged")["car"] == "B"
    assert rig.reach("idle")["car"] == "A"
    rig.do("short")
    rig.check_healthy()
    assert rig.status()["faults"] == []
    with pytest.raises(RigError, match="not charging within"):
        rig.reach("charging", within=0.1)  # nobody guards this plant


def test_the_command_line_moves_the_plant(control: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def pilotline_rig(*words: str) -> int:
        return main(["--control", str(control), *words])

    assert pilotline_rig("plug", "--cable", "20", "--connector", "2") == 0
    assert pilotline_rig("car", "--connector", "2", "--max-current-a", "10", "--wants-power", "off") == 0
    assert pilotline_rig("diode-fault", "--connector", "2") == 0
    assert pilotline_rig("emergency-stop", "on") == 0
    assert pilotline_rig("emergency-stop", "off") == 0
    capsys.readouterr()
    assert pilotline_rig("status", "--json") == 0
    seen = json.loads(capsys.readouterr().out)["connectors"]
    assert (seen["2"]["car"], seen["2"]["cable_a"], seen["2"]["wants_power"]) == ("B", 20.0, False)
    assert seen["2"]["faults"] == ["diode_fault"]
    assert seen["1"]["faults"] == []
    assert pilotline_rig("status") == 0
    assert "connector 2: state B" in capsys.readouterr().out


def test_a_refusal_and_a_missing_rig_exit_with_one(
    control: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--control", str(control), "plug", "--connector", "9"]) == 1
    assert "connectors 1 to 2" in capsys.readouterr().err
    assert main(["--control", str(tmp_path / "none"), "plug"]) == 1
    assert "is `python -m hil.plant` running?" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([command.replace("_", "-"), "--help"])
    assert done.value.code == 0
    assert "usage: pilotline rig" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "register", "value"),
    [
        (["temperature", "95"], "temperature_c", 95.0),
        (["temperature", "--celsius", "95"], "temperature_c", 95.0),
        (["plug", "20"], "plug_rating_a", 20.0),
        (["phase-loss", "2"], "voltage_l2_v", 0.0),
        (["grid", "180"], "voltage_l1_v", 180.0),
    ],
)
def test_the_number_a_command_is_about_needs_no_option(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, words: list[str], register: str, value: float
) -> None:
    class Direct:
        def __init__(self, path: Path, timeout_s: float = 0.0) -> None: ...

        def request(self, request: dict[str, object]) -> dict[str, Any]:
            return ask(bench.plant, **request)

    monkeypatch.setattr("hil.rig_cli.SocketLink", Direct)
    assert main(words) == 0
    bench.run(0.1)
    assert bench.registers[register] == pytest.approx(value)


def test_a_number_given_twice_is_refused(control: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--control", str(control), "leak", "30", "--dc-ma", "20"]) == 1
    assert "dc_ma is given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("leak", "mA, from 0 to 1000"),
        ("temperature", "°C, from -60 to 200"),
        ("car", "%, from 0 to 100"),
        ("plug", "A"),
    ],
)
def test_help_names_the_unit_and_the_range(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert said in " ".join(capsys.readouterr().out.split())


# --- one plant to each socket and register file ---------------------------------------------------------------------


def plant_process(registers: Path, control: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hil.plant", "--registers", str(registers), "--control", str(control)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("registers", "socket_name"), [("board", "other.sock"), ("other", "rig.sock")])
def test_a_second_plant_is_refused_and_leaves_the_first_one_alone(
    tmp_path: Path, registers: str, socket_name: str
) -> None:
    control = tmp_path / "rig.sock"
    with plant_process(tmp_path / "board", control) as first:
        try:
            assert first.stdout is not None and "plant ready" in first.stdout.readline()
            with plant_process(tmp_path / registers, tmp_path / socket_name) as second:
                said = second.communicate(timeout=30)[1]
                assert second.returncode == 1
                assert "a plant already runs on" in said
            assert Rig(SocketLink(control)).reach("plugged")["car"] == "B"
            assert (tmp_path / "board").exists()
        finally:
            first.terminate()
            assert first.wait(30) == 0
    assert not control.exists() and not (tmp_path / "board").exists()


def test_what_a_dead_plant_left_is_taken_over(tmp_path: Path) -> None:
    control = tmp_path / "rig.sock"
    for end in (signal.SIGKILL, signal.SIGTERM):
        with plant_process(tmp_path / "board", control) as plant:
            assert plant.stdout is not None and "plant ready" in plant.stdout.readline()
            plant.send_signal(end)
    assert not control.exists()
