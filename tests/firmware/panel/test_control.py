"""The control socket of a real station model, and `pilotline status` on top of it."""

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from firmware.config import OcppSettings, Settings, StationSettings
from firmware.panel import clear, status
from firmware.panel.control import LONGEST_REQUEST, MODE, MOST_CLIENTS, AlreadyServed, ControlServer, answer, listening
from firmware.panel.remedies import REMEDIES
from firmware.panel.state import Observer
from firmware.station.commands import Outcome
from firmware.station.connector_status import MODEM, MODEM_NEEDED
from firmware.station.facts import BackOfficeLink, IdToken
from firmware.station.station import Station, build_station
from hal.contracts import PilotMode, Plug
from hal.faults import FAULTS
from hal.wire import Fault, MeterSample, Observation


def station_in(folder: Path, ocpp: OcppSettings | None = None) -> Station:
    return build_station(Settings(station=StationSettings(storage=str(folder)), ocpp=ocpp))


def charging(station: Station) -> Station:
    evse = station.evses[1]
    evse.seen = Observation(
        connector=1, tick=1, epoch=1, at=1.0, level="C", pilot=PilotMode.DUTY, duty_percent=26.7, high_mv=6000,
        low_mv=-12000, plug=Plug.A32, cable_rating_a=32, closed=True, energised=True, limit_a=16,
        meter=MeterSample(at=1.0, import_wh=5000, power_w=11000, voltage_v=(230, 230, 230), current_a=(16, 16, 16)),
        faults=(Fault("tamper", "housing opened", since=0.0),), temperature_c=41.0,
    )  # fmt: skip
    evse.id_token = IdToken("04A2B3C4D5E680")
    return station


async def until_served(path: Path) -> None:
    """Until somebody listens; the test's own time limit ends a wait in vain."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        while probe.connect_ex(str(path)):  # noqa: ASYNC110 - what is waited for is a file
            await asyncio.sleep(0.005)


def served(station: Station, path: Path, client: Callable[[], Any]) -> Any:
    """What `client` returns, called in a thread while the server runs."""

    async def run() -> Any:
        task = asyncio.create_task(ControlServer(station, path).run())
        await until_served(path)
        try:
            return await asyncio.to_thread(client)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(run())


def exchange(path: Path, data: bytes) -> list[dict[str, Any]]:
    """Send everything, read every answer until the server has nothing more to say."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(5)
        link.connect(str(path))
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        received = b""
        while part := link.recv(65536):
            received += part
    return [json.loads(line) for line in received.splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def test_the_status_holds_what_people_ask_for(tmp_path: Path, path: Path) -> None:
    told = served(charging(station_in(tmp_path)), path, lambda: status.ask(path))
    (evse,) = told["evses"]
    assert evse["why"]
    assert (evse["level"], evse["contactor"], evse["duty_percent"]) == ("C", "closed", 26.7)
    assert evse["token"] == "••••E680 (ISO14443)"
    assert evse["faults"][0]["remedy"] == REMEDIES["tamper"]
    assert told["guard"] == {
        "connected": False, "problem": "not connected yet", "board": "", "version": "", "reconnects": 0,
        "bad_frames": 0,
    }  # fmt: skip
    assert told["boot_reason"] == "PowerUp"
    assert told["back_office"]["configured"] is False


def test_the_link_to_the_back_office_is_told(tmp_path: Path) -> None:
    station = station_in(tmp_path, OcppSettings(url="wss://csms.example", identity="cp1"))
    observer = Observer(station)
    observer.note(BackOfficeLink(at=1, connected=False, version="2.0.1", reason="connection refused"))

    async def describe() -> Any:
        return await observer.describe()

    office = asyncio.run(describe()).back_office
    assert (office.url, office.reason, office.connected) == ("wss://csms.example/cp1", "connection refused", False)
    assert office.waiting is None  # the journal does not run here: told, not guessed


def test_several_requests_on_one_connection_are_answered_in_order(tmp_path: Path, path: Path) -> None:
    requests = b'{"do":"ping"}\n{"do":"status"}\n{"do":"reboot"}\nnonsense\n[]\n'
    answers = served(station_in(tmp_path), path, lambda: exchange(path, requests))
    assert [each["ok"] for each in answers] == [True, True, False, False, False]


def test_a_request_that_is_too_long_is_refused_and_the_client_dropped(tmp_path: Path, path: Path) -> None:
    (refused,) = served(station_in(tmp_path), path, lambda: exchange(path, b"x" * (LONGEST_REQUEST * 3)))
    assert refused == {"ok": False, "error": "a request may have 4096 bytes"}


def test_only_so_many_clients_are_served(tmp_path: Path, path: Path) -> None:
    def crowd() -> list[dict[str, Any]]:
        links = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(MOST_CLIENTS)]
        try:
            for link in links:
                link.connect(str(path))
                link.sendall(b'{"do":"ping"}\n')
                link.recv(100)
            return exchange(path, b'{"do":"ping"}\n')
        finally:
            for link in links:
                link.close()

    (refused,) = served(station_in(tmp_path), path, crowd)
    assert "clients are connected" in refused["error"]


def test_the_socket_belongs_to_owner_and_group_only(tmp_path: Path, path: Path) -> None:
    assert served(station_in(tmp_path), path, lambda: stat.S_IMODE(path.stat().st_mode)) == MODE


def test_only_one_process_serves(path: Path) -> None:
    with listening(path), pytest.raises(AlreadyServed), listening(path):
        pass
    with listening(path):
        assert path.is_socket()
    assert not path.exists()


def test_a_socket_left_by_a_dead_station_is_replaced(tmp_path: Path, path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    assert path.exists()
    with pytest.raises(status.NotRunning, match="has ended"):
        status.ask(path)

    async def run() -> dict[str, Any]:
        task = asyncio.create_task(ControlServer(station_in(tmp_path), path).run())
        await until_served(path)
        try:
            return await asyncio.to_thread(status.ask, path)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    assert asyncio.run(run())["evses"]


def test_the_server_ends_at_once_even_with_a_silent_client(tmp_path: Path, path: Path) -> None:
    async def run() -> None:
        task = asyncio.create_task(ControlServer(station_in(tmp_path), path).run())
        await until_served(path)
        _, writer = await asyncio.open_unix_connection(str(path))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 20)
        writer.close()

    asyncio.run(run())


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    line=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: json.dumps({"do": text}).encode()))
)
def test_any_line_gets_an_answer(tmp_path: Path, line: bytes) -> None:
    async def ask(asked: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        return await asked

    station = station_in(tmp_path)
    said = asyncio.run(ask(answer(Observer(station), line, station)))
    assert said["ok"] or said["error"]


# --- for people -------------------------------------------------------------------------------------------------------


def test_why_it_is_not_charging_comes_first(tmp_path: Path, path: Path) -> None:
    told = served(charging(station_in(tmp_path)), path, lambda: status.ask(path))
    told["evses"][0]["why"] = "waiting for authorisation"
    lines = status.show(told).splitlines()
    assert lines[0] == "EVSE 1  waiting for authorisation"
    assert lines[1].split() == ["fault", "housing", "opened", "(tamper,", "for", *lines[1].split()[5:]]
    assert REMEDIES["tamper"] in lines[2]
    assert any(line.split()[:2] == ["guard", "not"] for line in lines)


def test_texts_of_others_cannot_command_the_terminal(tmp_path: Path, path: Path) -> None:
    told = served(charging(station_in(tmp_path)), path, lambda: status.ask(path))
    told["evses"][0].update(why="\x1b[2Jgone\n", evccid="\x07", protocol="\x9b31m")
    assert not [each for each in status.show(told) if not each.isprintable() and each != "\n"]


def test_colour_is_only_for_a_terminal(tmp_path: Path, path: Path) -> None:
    told = served(charging(station_in(tmp_path)), path, lambda: status.ask(path))
    assert "\x1b" not in status.show(told)
    assert "\x1b[" in status.show(told, colour=True)


def test_the_command_says_when_no_station_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.main(["--socket", str(path)]) == 1
    assert f"no station runs here ({path} does not exist)" in capsys.readouterr().err


def test_the_command_prints_json(tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert served(charging(station_in(tmp_path)), path, lambda: status.main(["--json", "--socket", str(path)])) == 0
    assert json.loads(capsys.readouterr().out)["evses"][0]["id"] == 1


@pytest.mark.parametrize("said", [b"", b"nonsense\n", b"[]\n", b'{"ok":false,"error":"no"}\n'])
def test_nonsense_from_the_socket_is_told(path: Path, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def reply() -> None:
            link, _ = listener.accept()
            link.recv(100)
            link.sendall(said)
            link.close()

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(status.NotRunning):
            status.ask(path)
        thread.join(5)


def test_every_fault_has_a_remedy() -> None:
    """Those of the guard, and those that the station knows by itself."""
    assert set(REMEDIES) == {*FAULTS, MODEM, MODEM_NEEDED}


# --- clearing a fault -------------------------------------------------------------------------------------------------


def with_weld(station: Station, *, closed: bool) -> Station:
    evse = charging(station).evses[1]
    assert evse.seen is not None
    weld = Fault("weld", "contactor does not open: still closed 250 ms after the command", 0.0, True, leaves=False)
    lost = Fault("pe_lost", "protective earth or PEN conductor lost", 0.0, True)
    evse.seen = msgspec.structs.replace(evse.seen, faults=(weld, lost), closed=closed)
    return station


def test_the_status_says_how_a_latched_fault_is_cleared(tmp_path: Path, path: Path) -> None:
    told = served(with_weld(station_in(tmp_path), closed=True), path, lambda: status.ask(path))
    shown = status.show(told)
    assert "stays until it is cleared: pilotline clear 1 weld" in shown
    assert "stays until the car leaves or it is cleared: pilotline clear 1 pe_lost" in shown
    assert "open by now" not in shown
    elsewhere = status.show(told, options=" --socket /tmp/other.sock")
    assert "it is cleared: pilotline clear 1 weld --socket /tmp/other.sock" in elsewhere


def test_a_weld_that_is_over_does_not_contradict_the_contactor(tmp_path: Path, path: Path) -> None:
    told = served(with_weld(station_in(tmp_path), closed=False), path, lambda: status.ask(path))
    assert "open by now; locked until the fault is cleared" in status.show(told)


@pytest.mark.parametrize(
    "case",
    [
        (["1", "weld"], Outcome("Accepted"), "EVSE 1: weld is cleared", 0),
        (["1", "weld"], Outcome("Rejected", "the guard still sees it"), "the guard still sees it", 1),
        (["1", "device"], Outcome("Accepted"), "EVSE 1 has no fault 'device'; its faults: weld, pe_lost", 1),
        (["7", "weld"], Outcome("Rejected", "there is no EVSE 7"), "there is no EVSE 7", 1),
    ],
)
def test_the_clear_command_asks_the_station_and_says_what_came_of_it(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    case: tuple[list[str], Outcome, str, int],
) -> None:  # fmt: skip
    words, outcome, said, code = case
    station = with_weld(station_in(tmp_path), closed=False)

    async def do(_command: object) -> Outcome:
        return outcome

    monkeypatch.setattr(station, "do", do)
    assert served(station, path, lambda: clear.main(["--socket", str(path), *words])) == code
    shown = capsys.readouterr()
    assert said in shown.out + shown.err


def test_clear_says_when_no_station_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert clear.main(["--socket", str(path), "1", "weld"]) == 1
    assert "no station runs here" in capsys.readouterr().err
