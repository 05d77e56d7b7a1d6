"""What runs when the guard of a Charge Control C has died: the real script on the board made of files.

`gpioset` is replaced by a script with its command line that writes the simulated chips.
"""

import subprocess
import tomllib
from pathlib import Path

import pytest

from hil.linux_board import BOARD, LinuxBoard

SYSTEMD = Path(__file__).parents[2] / "systemd"
LIST = SYSTEMD / "safe-state.d" / "chargebyte-charge-control-c"


@pytest.fixture
def board(tmp_path: Path) -> LinuxBoard:
    """As a guard killed at 32 A, with the test current on and the lock's motor running, leaves it."""
    made = LinuxBoard(tmp_path)
    pilot = made.sysfs / "class/pwm/pwmchip2/pwm0"
    for name, value in (("period", "1000000"), ("duty_cycle", "533300"), ("enable", "1")):
        (pilot / name).write_text(value + "\n")
    for line in ("RELAY_1_ENABLE", "RELAY_2_ENABLE", "DIGITAL_OUT_4", "MOTOR_1_DRIVER_IN2", "CP_INVERT"):
        made.set_line(line, True)
    return made


def make_safe(board: LinuxBoard, outputs: Path = LIST) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(SYSTEMD / "safe-state"), str(outputs)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=board.environment())


def test_contactor_opens_pilot_shows_x1_and_the_watchdog_is_disarmed(board: LinuxBoard) -> None:
    done = make_safe(board)
    assert done.returncode == 0, done.stderr
    for line in ("RELAY_1_ENABLE", "RELAY_2_ENABLE", "DIGITAL_OUT_4", "MOTOR_1_DRIVER_IN2"):
        assert not board.line(line), line
    assert board.duty_percent == 100
    assert (board.dev / "watchdog0").read_bytes() == b"V"


def test_one_failure_stops_nothing_else_but_leaves_the_watchdog_armed(board: LinuxBoard) -> None:
    (board.dev / "gpiochip2" / "RELAY_1_ENABLE").unlink()
    done = make_safe(board)
    assert done.returncode == 1
    assert "GPIO line RELAY_1_ENABLE not set" in done.stderr
    assert not board.line("RELAY_2_ENABLE")
    assert board.duty_percent == 100
    assert (board.dev / "watchdog0").read_bytes() == b""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("pwm 20fc000.pwm 0 half", "only 'full' and 'off'"), ("pwm 1.pwm 0 full", "not set"), ("relay 1 0", "not known")],
)
def test_a_line_it_does_not_understand_is_a_failure(board: LinuxBoard, line: str, complaint: str) -> None:
    outputs = board.sysfs.parent / "list"
    outputs.write_text(f"{line}\ngpio RELAY_1_ENABLE 0\ndisarm watchdog0\n")
    done = make_safe(board, outputs)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not board.line("RELAY_1_ENABLE")
    assert (board.dev / "watchdog0").read_bytes() == b""


def test_a_board_without_a_list_is_left_alone(board: LinuxBoard) -> None:
    assert make_safe(board, board.sysfs / "none").returncode == 0
    assert board.line("RELAY_1_ENABLE")


def test_the_list_covers_every_output_of_the_board_file() -> None:
    """Contactor first, then test current and motor bridge at rest by their polarity, the pilot's PWM; the board's own
    watchdog last."""
    board = tomllib.loads(BOARD.read_text())
    connector = board["connector"][0]
    listed = [line.split() for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    levels = {words[1]: words[2] for words in listed if words[0] == "gpio"}
    contactor, bridge = connector["contactor"]["enable_lines"], connector["lock"]
    expected = dict.fromkeys(contactor, "0")
    expected[connector["rcd"]["test_line"]] = "0"
    expected[bridge["in1_line"]] = "1" if bridge.get("in1_active_low") else "0"
    expected[bridge["in2_line"]] = "1" if bridge.get("in2_active_low") else "0"
    assert expected.items() <= levels.items()
    assert ["pwm", connector["pilot"]["pwm_device"], "0", "full"] in listed
    assert listed[-1] == ["disarm", board["watchdog"]["device"]]
    assert [words[1] for words in listed[: len(contactor)]] == contactor  # first of all
