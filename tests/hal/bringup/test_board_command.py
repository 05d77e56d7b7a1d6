"""`pilotline board`: the schema agrees with the loader, probing finds what is there, a bring-up ends in a report that
nobody can change, a black box can be read."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

from hal import black_box
from hal.board import load
from hal.bringup import packages, report
from hal.bringup.command import main
from hal.bringup.page import page
from hal.bringup.probe import probe
from hal.bringup.schema import board_schema
from hal.bringup.trial import Step
from hal.contracts import PilotMode
from hal.sim.registers import Registers
from hil.linux_board import LinuxBoard

if TYPE_CHECKING:
    from tests.hal.conftest import Wiring

BOARDS = Path(__file__).parents[3] / "board-configs"
AC = BOARDS / "sim-ac-phases.toml"


# --- schema ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> Any:
    made = json.loads(json.dumps(board_schema()))
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


@pytest.mark.parametrize("path", sorted(BOARDS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_schema_accepts_every_board_file(schema: Any, path: Path) -> None:
    wrong = [f"{list(each.path)}: {each.message[:200]}" for each in schema.iter_errors(tomllib.loads(path.read_text()))]
    assert not wrong


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_current_a", "max_curent_a"),
        ('"sim_pilot"', '"sim_pilott"'),
        ('"sim_meter"', '"sim_lock"'),
        ("phases = 3\npoll_s", "phases = 2\npoll_s"),
        ("[watchdog]", "[watchdogs]"),
        ("[connector.meter]", "[connector.site_meter]"),
        ("max_current_a = 32", "max_current_a = -1"),
        ("[[55, 32], [65, 16], [70, 6]]", "[[55, 32, 1]]"),
        ('name = "Simulated', 'nam = "Simulated'),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(schema: Any, old: str, new: str) -> None:
    text = AC.read_text()
    assert old in text
    assert not schema.is_valid(tomllib.loads(text.replace(old, new, 1)))


# --- check, probe ---------------------------------------------------------------------------------------------------


def test_check_says_what_a_board_is_and_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(BOARDS / "chargebyte-charge-control-c.toml")]) == 0
    said = capsys.readouterr().out
    assert "connector 1: sType2, 3 x 32 A" in said
    assert "connector 1 has no meter" in said


@pytest.mark.parametrize(
    ("board", "lacks", "said"),
    [
        ("raspberry-pi-evse-pi-hat", "gpiod", "[connector.pilot] needs: pip install 'pilotline[gpio]'"),
        ("raspberry-pi-simpleevse", "serial", "pyserial is missing, which [bus.line] needs: pip install 'pilotline[s"),
        ("raspberry-pi-openevse", "serial", "which [controller.main] needs: pip install 'pilotline[serial]'"),
        ("belaybox-yeti", "serial", "which [controller.yeti] needs: pip install 'pilotline[serial]'"),
        ("chargebyte-charge-som", "can", "python-can is missing, which [can.modules] needs: pip install 'pilot"),
    ],
)  # fmt: skip
def test_check_says_which_packages_this_machine_lacks_and_how_to_get_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, board: str, lacks: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, lacks, None)  # as the interpreter marks what cannot be imported
    assert main(["check", str(BOARDS / f"{board}.toml")]) == 1
    out = capsys.readouterr()
    assert "the file is good" in out.out
    assert said in out.err
    assert out.err.count("pip install") == 1, "each package once"


@pytest.mark.parametrize("path", sorted(BOARDS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_package_that_a_board_needs_is_one_of_our_extras(path: Path) -> None:
    with (BOARDS.parent / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    for need in packages.needs(load(path)):
        name, extra = packages.EXTRAS[need.module]
        assert any(line.startswith(name) for line in extras[extra])
    assert packages.missing(load(path)) == [], "the tests' machine has them all"


def test_a_simulated_board_needs_nothing_more(path: Path = BOARDS / "sim-nacs.toml") -> None:
    assert packages.needs(load(path)) == []


def test_check_says_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "board.toml"
    path.write_text(AC.read_text().replace("max_current_a = 32", "max_curent_a = 32").replace("sim_rcd", "sim_rdc"))
    assert main(["check", str(path)]) == 2
    said = capsys.readouterr().err
    assert "did you mean max_current_a?" in said
    assert "did you mean sim_rcd?" in said


def test_probe_tells_the_names_that_the_board_file_uses(tmp_path: Path) -> None:
    linux = LinuxBoard(tmp_path)
    (tmp_path / "dev/serial/by-id").mkdir(parents=True)
    (tmp_path / "dev/ttyUSB0").touch()
    (tmp_path / "dev/serial/by-id/usb-FTDI-0").symlink_to(tmp_path / "dev/ttyUSB0")
    (tmp_path / "sys/class/net/can0").mkdir(parents=True)
    (tmp_path / "sys/class/net/can0/type").write_text("280\n")
    found = {(each.kind, each.name) for each in probe(linux.sysfs, linux.dev)}
    assert found >= {
        ("GPIO line", "RELAY_1_ENABLE"),
        ("PWM", "20fc000.pwm"),
        ("converter", "2198000.adc"),
        ("thermal zone", "imx_thermal_zone"),
        ("watchdog", "watchdog0"),
        ("CAN interface", "can0"),
        ("serial port", str(tmp_path / "dev/serial/by-id/usb-FTDI-0")),
    }


def test_probe_of_a_machine_without_anything_is_empty(tmp_path: Path) -> None:
    assert probe(tmp_path / "sys", tmp_path / "dev") == []


# --- bring-up -------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path, make_wiring: Callable[[Registers], Wiring]) -> Iterator[Wiring]:
    """The register file and its copper, in real time, with the hardware watchdog of the simulated boards."""
    wiring = make_wiring(Registers.create(tmp_path / "registers"))
    slots = wiring.registers.connector(1)
    slots["plug_rating_a"] = 0.0
    stop = threading.Event()

    def run() -> None:
        fed, fed_at = -1.0, time.monotonic()
        while not stop.wait(0.005):
            if slots["watchdog"] != fed:
                fed, fed_at = slots["watchdog"], time.monotonic()
            elif time.monotonic() - fed_at > 0.1 and fed > 0:
                slots["coil"] = 0.0
            wiring.step(0.005)

    wiring.step(0.005)
    thread = threading.Thread(target=run)
    thread.start()
    yield wiring
    stop.set()
    thread.join()


def bring_up(folder: Path, *more: str) -> int:
    return main(["bringup", str(AC), "--sim", str(folder / "registers"), "--out", str(folder / "out"), *more])


def reports(folder: Path, out: Path | None = None) -> report.Report:
    (path,) = (out or folder / "out").glob("bringup-*.json")
    return report.verify(path.read_bytes())


def test_a_good_board_passes_and_its_guard_may_die(tmp_path: Path, bench: Wiring) -> None:
    answers = tmp_path / "answers"
    answers.write_text("n " * 4 + "y " * 40)  # the four safety inputs stay at rest
    assert bring_up(tmp_path, "--answers", str(answers), "--technician", "Ada") == 0
    made = reports(tmp_path)
    assert made.passed
    assert made.technician == "Ada"
    tried = {(step.part, step.what) for step in made.steps}
    assert tried >= {
        ("pilot", "50 %, lower half"),
        ("rcd", "trips on its test current"),
        ("contactor", "closes"),
        ("contactor", "opens after the guard is killed (hardware_watchdog)"),
        ("phase_switch", "1 phase(s)"),
    }
    assert (tmp_path / "out" / report.KEY_FILE).stat().st_mode & 0o777 == 0o600
    (signed,), (shown,) = ((tmp_path / "out").glob(f"*.{kind}") for kind in ("json", "html"))
    assert shown.stem == signed.stem
    assert "Ada" in shown.read_text() and report.signer(signed.read_bytes()) in shown.read_text()


def test_what_does_not_work_fails_with_its_measured_value(tmp_path: Path, bench: Wiring) -> None:
    bench.stuck = True
    bench.rcd_dead = True
    answers = tmp_path / "answers"
    answers.write_text("n " * 4 + "y " * 40)
    assert bring_up(tmp_path, "--answers", str(answers)) == 1
    failed = {(step.part, step.what): step.measured for step in reports(tmp_path).steps if step.result == "failed"}
    assert failed[("contactor", "closes")] == "not in time"
    assert failed[("rcd", "trips on its test current")] == "not in time"
    assert failed[("contactor", "opens after the guard is killed (hardware_watchdog)")] == "not closed"


def test_a_report_that_was_changed_is_not_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = report.make("Board", "00" * 32, "Ada", [Step(1, "rcd", "trips", "failed", "not in time", "500 ms")])
    path = tmp_path / "report.json"
    signed = report.sign(made, report.own_key(tmp_path))
    path.write_bytes(signed)
    assert report.verify(signed) == made
    assert main(["verify", str(path)]) == 0
    assert "FAILED" in capsys.readouterr().out
    path.write_bytes(signed.replace(b'"failed"', b'"ok"'))
    assert main(["verify", str(path)]) == 1
    assert "changed after it was signed" in capsys.readouterr().err
    path.write_bytes(report.sign(made, report.own_key(tmp_path / "somebody_else")))
    assert main(["verify", str(path)]) == 0
    assert "not known whose" in capsys.readouterr().out
    ours = report.public_key(report.own_key(tmp_path))
    assert main(["verify", str(path), "--key", ours]) == 1
    assert "signed with another key" in capsys.readouterr().err
    path.write_bytes(signed)
    assert main(["verify", str(path), "--key", ours]) == 0
    for raw in (b"", b"{}", b"[]", signed[:-10]):
        with pytest.raises(ValueError, match="no bring-up report"):
            report.verify(raw)


class Reader(HTMLParser):
    """What a browser would show: texts, and every element and attribute there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1] != "style":
            self.shown.append(data.strip())


EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=y>"


def test_the_page_shows_every_step_and_what_failed_first() -> None:
    steps = [
        Step(0, "emergency_stop", "trips", "skipped"),
        Step(1, "rcd", "trips on its test current", "failed", "not in time", "500 ms"),
        Step(1, "contactor", "closes", "ok", "21 ms", "250 ms"),
    ]
    text = page(report.make("Board", "ab" * 32, "Ada", steps), "00" * 32, "bringup-1.json")
    seen = Reader(text)
    assert seen.open == [], "every element is closed"
    for words in ("FAILED", "Ada", "ab" * 32, "not in time", "500 ms", "21 ms", "left out", "1 failed, 1 left out"):
        assert any(words in shown for shown in seen.shown), words
    assert seen.shown.index("What failed") < seen.shown.index("Station") < seen.shown.index("Connector 1")
    assert f"pilotline board verify bringup-1.json --key {'00' * 32}" in seen.shown
    good = Reader(page(report.make("Board", "", "", steps[2:]), "00" * 32, "x.json"))
    assert "PASSED" in good.shown and "What failed" not in good.shown and "no name given" in good.shown


def test_nothing_in_a_report_becomes_part_of_the_page() -> None:
    """A board's name, a technician's, a device's words: all come from elsewhere."""
    steps = [Step(1, EVIL, EVIL, result, EVIL, EVIL) for result in ("ok", "failed", EVIL)]
    made = msgspec.structs.replace(report.make(EVIL, EVIL, EVIL, steps), machine=EVIL, software=EVIL, at=EVIL)
    seen = Reader(page(made, "00" * 32, EVIL))
    assert {tag for tag, _ in seen.elements} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "dl", "dt", "dd", "table", "thead",
        "tbody", "tr", "th", "td", "code",
    }  # fmt: skip
    attributes = {name for _, attrs in seen.elements for name in attrs}
    assert attributes <= {"lang", "charset", "name", "content", "class"}
    classes = {attrs["class"] for _, attrs in seen.elements if "class" in attrs}
    assert classes <= {"verdict failed", "ok", "failed", "skipped", "mono"}
    assert any(EVIL in shown for shown in seen.shown), "it is shown as it is"


def test_the_key_of_a_station_stays_the_same(tmp_path: Path) -> None:
    first, again = report.own_key(tmp_path), report.own_key(tmp_path)
    assert first.private_bytes_raw() == again.private_bytes_raw()


# --- black box ------------------------------------------------------------------------------------------------------


def test_a_black_box_is_printed_with_its_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = black_box.BlackBox()
    for tick in range(300):
        level = "B" if tick < 100 else "C"
        box.note(
            black_box.Sample(tick / 100, 9000, -12000, level, PilotMode.DUTY, 26.67, tick >= 100, tick > 105, 16.0)
        )
    box.event(2.5, "fault weld: contactor does not open")
    path = tmp_path / "box.cbor"
    path.write_bytes(box.content(3.0, "contactor does not open"))
    assert main(["blackbox", str(path)]) == 0
    said = capsys.readouterr().out
    assert "after: contactor does not open" in said
    assert "-0.500 s  fault weld" in said
    assert "command close, contact open" in said
    assert len(said.splitlines()) < 60
    assert main(["blackbox", str(path), "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 302
    path.write_bytes(b"nothing")
    assert main(["blackbox", str(path)]) == 2


@pytest.mark.parametrize(("board", "plant_kind"), [("sim-ac-type2", "ac"), ("sim-nacs", "nacs")])
def test_a_good_simulated_board_passes_with_the_real_plant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], board: str, plant_kind: str
) -> None:
    """As the README has it: the plant is a process, its watchdog lets no coil close that nobody feeds."""
    sim = tmp_path / "sim.registers"
    command = [sys.executable, "-m", "hil.plant", "--registers", str(sim), "--board", plant_kind]
    plant = subprocess.Popen(
        [*command, "--control", str(tmp_path / "control.sock")],
        cwd=BOARDS.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert plant.stdout is not None
        assert "ready" in plant.stdout.readline()
        file = str(BOARDS / f"{board}.toml")
        code = main(["bringup", file, "--sim", str(sim), "--yes", "--out", str(tmp_path)])
        assert code == 0, capsys.readouterr()
        if plant_kind == "nacs":
            assert {("measures", "1000 kOhm"), ("passes its self test", "passed")} <= {
                (step.what, step.measured) for step in reports(tmp_path, tmp_path).steps
            }
    finally:
        plant.terminate()
        plant.communicate(timeout=20)
