"""The table of what OCPP demands and which test shows it is true to the tests, and names nothing that there is not."""

import runpy
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def maker() -> dict[str, Any]:
    return runpy.run_path(str(HERE / "coverage.py"))


def test_every_marker_and_every_reason_is_of_an_id_that_there_is(maker: dict[str, Any]) -> None:
    assert maker["collect"]().mistakes == []


def test_the_table_is_of_these_tests(maker: dict[str, Any]) -> None:
    text = maker["table"](maker["collect"]())
    assert (HERE / "coverage.md").read_text() == text, "run python tests/ocpp/coverage.py"


def test_what_is_marked_in_2x_counts_for_both(maker: dict[str, Any], tmp_path: Path) -> None:
    meant = list(maker["_meant"]("2.x:B01.FR.05"))
    assert meant == ["2.0.1:B01.FR.05", "2.0.1:B01", "2.1:B01.FR.05", "2.1:B01"]
    assert list(maker["_meant"]("1.6:TC_001_CS")) == ["1.6:TC_001"]


def test_a_mark_of_a_version_that_a_test_does_not_run_in_is_found(maker: dict[str, Any], tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    mark = '@pytest.mark.ocpp("1.6:TC_024", "2.0.1:G05.FR.02")'
    test.write_text(f"{mark}\ndef test_a(on_2x): ...\n{mark}\ndef test_b(on_16): ...\n{mark}\ndef test_c(on_site): ...")
    found = list(maker["of_another_version"](test))
    assert found == [("1.6:TC_024", "test_a"), ("2.0.1:G05.FR.02", "test_b")]


def test_reasons_belong_to_whole_ids_or_blocks(maker: dict[str, Any]) -> None:
    under = maker["_under"]
    assert under("2.1:Q07", "2.1:Q")
    assert under("2.0.1:B01.FR.05", "2.0.1:B01")
    assert under("2.0.1:TC_E_12", "2.0.1:TC_E")
    assert not under("2.0.1:B01.FR.05", "2.0.1:B0")
