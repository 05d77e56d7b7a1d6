"""MATRIX.md says where each driver meets each fault; here it is compared with what there is."""

import re
from pathlib import Path

import pytest

from hal.board import drivers

HERE = Path(__file__).parent
TEXT = (HERE / "MATRIX.md").read_text()
FAULTS = ["silence", "garbage", "slow", "disconnect", "reconnect", "out of range", "stuck", "NaN", "sign"]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").split("|")]


TABLE = [_cells(line) for line in TEXT.splitlines() if re.match(r"\| \w+ \|", line)]
ROWS = {cells[0]: cells[1:] for cells in TABLE if len(cells) == 1 + len(FAULTS) and cells[0] != "driver"}
GROUPS = {
    name: test
    for names, test in re.findall(r"^\| ((?:\w+ )+)\| (\w+) \|$", TEXT, re.MULTILINE)
    for name in names.split()
    if name != "driver"
}
TESTS = {name: (file, test) for name, file, test in re.findall(r"^- (\w+) `([\w./]+)` (test_\w+)$", TEXT, re.MULTILINE)}
REASONS = dict(re.findall(r"^- (\d+) (.+)$", TEXT, re.MULTILINE))


def test_every_driver_has_its_row() -> None:
    assert [each.strip() for each in TEXT.split("| driver |")[1].splitlines()[0].strip("| ").split("|")] == FAULTS
    told = set(ROWS) | {name for name in GROUPS if "_" in name}
    assert told == set(drivers())


@pytest.mark.parametrize("driver", ROWS)
def test_every_cell_is_a_test_or_a_reason(driver: str) -> None:
    for fault, cell in zip(FAULTS, ROWS[driver], strict=True):
        if cell.startswith("-"):
            assert cell[1:] in REASONS, (fault, cell)
        else:
            assert cell in TESTS, (fault, cell)


@pytest.mark.parametrize("name", TESTS)
def test_every_test_exists_and_is_used(name: str) -> None:
    file, test = TESTS[name]
    assert f"def {test}(" in (HERE / file).read_text()
    assert any(name in row for row in ROWS.values()) or name in GROUPS.values()


@pytest.mark.parametrize("driver", ROWS)
def test_each_test_knows_its_driver(driver: str) -> None:
    """By name, in the suite or in what its conftest builds."""
    for cell in ROWS[driver]:
        if cell in TESTS:
            file = HERE / TESTS[cell][0]
            around = "".join(each.read_text() for each in (file, file.parent / "conftest.py") if each.is_file())
            assert driver in around, (driver, file)


def test_no_reason_is_left_over() -> None:
    given = {cell[1:] for row in ROWS.values() for cell in row if cell.startswith("-")}
    assert given == set(REASONS)
