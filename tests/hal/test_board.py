"""Board files: all of ours load; every fault stops start-up with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import hal
from hal.board import drivers, load
from hal.contracts import DeviceError
from hal.parts import CONTRACTS, THERMOMETERS
from hal.sim.registers import Registers
from hal.toml_document import ConfigError

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "board-configs").glob("*.toml"))
AC = (ROOT / "board-configs" / "sim-ac-type2.toml").read_text()
DC = (ROOT / "board-configs" / "sim-dc-ccs2.toml").read_text()


def complaints(tmp_path: Path, text: str) -> str:
    path = tmp_path / "board.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value).replace(f"{path}:", "")


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_board_file_loads_without_hardware(path: Path) -> None:
    board = load(path)
    assert board.connectors
    assert board.settings.on_guard_death_source
    for connector in board.connectors:
        assert connector.capability.max_current_a >= connector.capability.min_current_a


def test_the_fault_names_line_section_key_and_the_right_key(tmp_path: Path) -> None:
    lines = AC.splitlines()
    line, section = lines.index("max_current_a = 32") + 1, lines.index("[[connector]]") + 1
    assert complaints(tmp_path, AC.replace("max_current_a", "max_curent_a")).splitlines() == [
        f"{section}: [[connector]] no. 1 max_current_a: missing key; add it",
        f"{line}: [[connector]] no. 1 max_curent_a: unknown key; did you mean max_current_a?",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("sim_pilot", "sim_pilott"), "driver: no driver 'sim_pilott'; did you mean sim_pilot?"),
        (('"sim_meter"', '"sim_lock"'), "'sim_lock' is no meter: lacks read; use controller_meter, household_meter"),
        (("phases = 3\npoll_s", "phase = 3\npoll_s"), "phase: unknown key; did you mean phases?"),
        (("poll_s = 0.5", "pol_s = 0.5"), "pol_s: unknown key; did you mean poll_s?"),
        (("stale_s = 3.0", 'stale_s = "3"'), "stale_s: expected seconds from 0.01 to 3600"),
        (("[watchdog]", "[watchdogs]"), "on_guard_death: hardware_watchdog without a watchdog; add [watchdog]"),
        (("[connector.contactor]", "[connector.contactors]"), "contactor: missing section; add [connector.contactor]"),
        (
            ('driver = "sim_contactor"', "feedback = true"),
            "[[connector]] no. 1 [connector.contactor] driver: missing key; add it",
        ),
        (("kind =", "cable_rating_a = 32\nkind ="), "a fixed cable has no proximity contact; keep one of the two"),
        (("[connector.proximity]", "[proximity]"), "proximity: unknown section"),
        (('meter_sees = "grid"', "temperature_warn_c = 90"), "temperature_warn_c must lie below temperature_stop_c"),
        (
            ('"hardware_watchdog"', '"hope"'),
            "[board] on_guard_death: 'hope' is not one of mcu_lease, hardware_watchdog",
        ),
        (("max_current_a = 32", "max_current_a = 5"), "max_current_a: below min_current_a (6)"),
        (("[[connector]]", "[connector]"), "a board has at least one; add [[connector]]"),
    ],
)
def test_what_is_wrong_with_an_ac_board(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert said in complaints(tmp_path, AC.replace(*change, 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"hardware_watchdog"', '"line_release"'), "line_release is refused for DC"),
        (("emergency_ramp_30ms", "# emergency_ramp_30ms"), "emergency_ramp_30ms: missing key; name the line"),
        (("[connector.isolation_monitor]", "[connector.imd]"), "isolation_monitor: missing section"),
        (("dc_max_power_w = 200000", ""), "dc_max_power_w: a DC connector needs it; add it"),
    ],
)
def test_what_is_wrong_with_a_dc_board(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert said in complaints(tmp_path, DC.replace(*change, 1))


def test_two_connectors_need_two_numbers(tmp_path: Path) -> None:
    second = AC[AC.index("[[connector]]") :]
    assert "connector 1 exists already" in complaints(tmp_path, AC + "\n" + second)


def test_a_board_that_cannot_be_taken_whole_is_left_safe(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(AC.replace("id = 1", "id = 2"))
    registers = Registers.create(tmp_path / "registers", connectors=1)
    with pytest.raises(DeviceError, match="has 1 connectors"):
        load(path).attach(tmp_path / "registers")
    assert registers.connector(1)["coil"] == 0.0


def test_detaching_leaves_the_hardware_safe(tmp_path: Path) -> None:
    registers = Registers.create(tmp_path / "registers")
    board = load(ROOT / "board-configs" / "sim-ac-type2.toml")
    board.attach(tmp_path / "registers")
    board.connectors[0].parts["contactor"].driver.close()
    assert registers.connector(1)["coil"] == 1.0
    board.detach()
    assert registers.connector(1)["coil"] == 0.0


def test_every_contract_has_a_simulated_part() -> None:
    assert {f"sim_{name}" for name in CONTRACTS} - set(drivers()) == {
        "sim_emergency_stop",
        "sim_pe_monitor",
        "sim_mains_fail",
        "sim_tamper",
        "sim_site_meter",
        "sim_ac_meter",
        "sim_ac_contactor",
        *(f"sim_{name}" for name in THERMOMETERS[1:]),
    }  # the first four are one contract, sim_input; all thermometers another, and so on


def test_the_guard_says_the_version_of_the_package() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == hal.__version__
