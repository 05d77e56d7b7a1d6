"""Each kind of plug by its rules: what a board file says that it cannot be is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hal.board import load
from hal.toml_document import ConfigError

if TYPE_CHECKING:
    from tests.hal.conftest import BenchMaker

BOARDS = Path(__file__).parents[2] / "board-configs"
AC = (BOARDS / "sim-ac-type2.toml").read_text()
TETHERED = (BOARDS / "sim-ac-phases.toml").read_text()
LOCK = '[connector.lock]\ndriver = "sim_lock"\n'
DC = (BOARDS / "sim-dc-ccs2.toml").read_text()
NACS = (BOARDS / "sim-nacs.toml").read_text()


def complaints(tmp_path: Path, text: str) -> str:
    path = tmp_path / "board.toml"
    path.write_text(text)
    try:
        load(path)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        (TETHERED, ('"cType2"', '"cType1"'), "phases: Type 1 (SAE J1772), fixed cable carries 1 phase(s); say"),
        (TETHERED, ('"cType2"', '"cCCS2"'), "dc: CCS Combo 2 carries DC only"),
        (TETHERED, ("max_current_a = 32\n", "max_current_a = 100\n"), "Type 2, fixed cable carries 63 A at most"),
        (TETHERED, ("[connector.rcd]", f"{LOCK}[connector.rcd]"), "not held by the station"),
        (TETHERED, ("phases = 3\nv", "phases = 1\nv"), "phase_switch: only where three phases can be had"),
        (TETHERED, ('sensor = "thermometer_housing"', 'sensor = "thermometer_cable"'), "no thermometer_cable on this"),
        (AC, ('"sType2"', '"cType2"'), "Type 2, fixed cable has no proximity contact to read"),
        (DC, ('"cCCS2"', '"cType2"'), "dc: Type 2, fixed cable carries no DC"),
        (DC, ("id = 1", "id = 1\nac = {max_current_a = 48}"), "ac: only where AC and DC use the same contacts"),
        (AC, ("id = 1", "id = 1\nac = {max_current_a = 48}"), "ac: is what a DC connector gives beside DC"),
        (AC, ("[connector.thermometer]", "[connector.ac_contactor]"), "ac_contactor: only beside [connector.ac]"),
        (NACS, ("[connector.ac_contactor]", "[connector.emergency_stop]"), "add [connector.ac_contactor]"),
        (NACS, ("[connector.rcd]", "[connector.tamper]"), "rcd: missing section: the AC of this plug needs it"),
        (NACS, ("max_current_a = 48", "max_current_a = 148"), "expected"),
        (
            NACS,
            ('driver = "sim_contactor"\noutput = "ac"', 'driver = "gpio_contactor"\nenable_lines = ["K1"]'),
            "[connector.ac_contactor] sense_lines: needed: neither contactor closes",
        ),
    ],
)  # fmt: skip
def test_what_a_plug_cannot_be_is_said(tmp_path: Path, text: str, change: tuple[str, str], said: str) -> None:
    assert change[0] in text
    assert said in complaints(tmp_path, text.replace(*change, 1))


TYPE1 = {
    'kind = "cType2"': 'kind = "cType1"',
    "phases = 3\nventilation": "phases = 1\nventilation",
    '[connector.phase_switch]\ndriver = "sim_phase_switch"': '[connector.proximity]\ndriver = "sim_proximity"',
}


def test_the_button_of_a_type_1_plug_opens_and_its_cable_keeps_its_rating(make_bench: BenchMaker) -> None:
    bench = make_bench("sim-ac-phases", TYPE1)
    bench.charge()
    assert bench.observation.cable_rating_a == 32.0
    bench.slots["plug_rating_a"] = -2.0
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.1
    assert "cable_button" in bench.faults
