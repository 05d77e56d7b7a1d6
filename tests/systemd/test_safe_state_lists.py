"""Every board whose pins Linux drives has a list for the time after its guard, and the list covers its board file."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BOARDS = ROOT / "board-configs"
LISTS = ROOT / "systemd" / "safe-state.d"
#: keys of outputs that must not stay on: coil, test current, phase contactor, motor bridge
OUTPUTS = ("enable_lines", "test_line", "reset_line")
DIRECT = [path for path in sorted(BOARDS.glob("*.toml")) if "gpio_contactor" in path.read_text()]


def sections(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    data = tomllib.loads(path.read_text())
    for table in (data, *data["connector"]):
        for name, value in table.items():
            if isinstance(value, dict) and "driver" in value:
                yield name, value


def orders(path: Path) -> list[list[str]]:
    lines = (LISTS / path.stem).read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("path", DIRECT, ids=lambda path: path.stem)
def test_every_output_that_matters_is_released(path: Path) -> None:
    released = {order[1] for order in orders(path) if order[0] == "gpio"}
    for name, section in sections(path):
        found = [section.get(key, []) for key in OUTPUTS]
        if name == "phase_switch":
            found.append(section["enable_line"])
        for lines in found:
            wanted = {lines} if isinstance(lines, str) else set(lines)
            assert wanted - {""} <= released, name


@pytest.mark.parametrize("path", DIRECT, ids=lambda path: path.stem)
def test_the_pilot_goes_to_x1_and_pulses_end(path: Path) -> None:
    for name, section in sections(path):
        what = {"pilot": "full", "watchdog": "off"}.get(name)
        if what and "pwm_device" in section:
            assert ["pwm", section["pwm_device"], str(section.get("pwm_channel", 0)), what] in orders(path)


@pytest.mark.parametrize("path", DIRECT, ids=lambda path: path.stem)
def test_a_watchdog_is_disarmed_last(path: Path) -> None:
    for _, section in sections(path):
        if section["driver"] == "linux_watchdog":
            assert orders(path)[-1] == ["disarm", section["device"]]


def test_there_is_no_list_without_a_board() -> None:
    assert {path.name for path in LISTS.iterdir()} <= {path.stem for path in BOARDS.glob("*.toml")}
