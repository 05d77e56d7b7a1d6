"""chargebyte-charge-control-c.toml against the device tree's names: nothing misspelt, nothing used twice, and what the
board has not is not pretended."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hal import board as boards
from hal.contracts import DeviceError
from hal.linux.settings import Level, LinuxSettings
from hal.toml_document import ConfigError
from hil.linux_board import BOARD, LINES, LinuxBoard

KNOWN = {name for chip in LINES for name in chip}


def lines_of(value: Any, key: str = "") -> Iterator[str]:
    """Every GPIO line named anywhere in the file."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from lines_of(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from lines_of(inner, key)
    elif key == "line" or key.endswith(("_line", "_lines")):
        yield value


def test_every_line_exists_and_has_one_user() -> None:
    used = Counter(lines_of(tomllib.loads(BOARD.read_text())))
    assert set(used) <= KNOWN
    assert max(used.values()) == 1
    assert len(used) == 16  # 4 inputs, 4 outputs, 3 of the pilot, 3 of the lock, 2 of the relay


def test_it_says_that_it_has_no_meter_and_how_it_dies() -> None:
    board = boards.load(BOARD)
    capability = board.connectors[0].capability
    assert (capability.kind, capability.max_current_a, capability.phases) == ("sType2", 32.0, 3)
    assert (capability.socket, capability.lock, capability.digital) == (True, True, True)
    assert (capability.meter, capability.dc, capability.ventilation) == (False, False, False)
    assert board.settings.on_guard_death == "hardware_watchdog"
    assert "a meter (RS-485 Modbus" in BOARD.read_text()


def test_digital_inputs_get_their_threshold_before_any_part_reads_them(world: LinuxBoard, tmp_path: Path) -> None:
    """6 V of 12 V: half of a 25 kHz period."""
    file = tmp_path / "board.toml"
    file.write_text(world.board_text())
    board = boards.load(file)
    board.attach()
    chip = "2084000.pwm"
    assert (world.pwm("period", chip), world.pwm("duty_cycle", chip), world.pwm("enable", chip)) == (40_000, 20_000, 1)
    board.detach()
    assert world.pwm("enable", chip) == 1  # inputs keep meaning the same


def test_a_missing_reference_is_named(world: LinuxBoard) -> None:
    linux = LinuxSettings(str(world.sysfs), str(world.dev), (Level("1.pwm", 50.0),))
    with pytest.raises(DeviceError, match=r"no PWM 1\.pwm .* 2084000\.pwm"):
        linux.apply()


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('line = "DIGITAL_IN_1"', 'lin = "DIGITAL_IN_1"', "[emergency_stop] lin: unknown key; did you mean line?"),
        ('feedback = "no"', 'feedback = "open"', "[[connector]] no. 1 [connector.contactor] feedback:"),
        ("reset_s = 0.0015", "reset_s = 1.5", "[[connector]] no. 1 [connector.pilot] reset_s:"),
        (
            "none_from_mv = 2459.0",
            "none_from_mv = 459.0",
            "[[connector]] no. 1 [connector.proximity]: thresholds must fall",
        ),
        ("[linux]", "[linus]", "linus: unknown section; did you mean linux?"),
        ("percent = 50.0", "percent = 150.0", "percent:"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    file = tmp_path / "board.toml"
    text = BOARD.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    with pytest.raises(ConfigError) as caught:
        boards.load(file)
    assert complaint in str(caught.value)
