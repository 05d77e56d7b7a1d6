"""[site_meter]: the guard tells what the whole site draws, with each reading and once when it grows old."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.board import load
from hal.toml_document import ConfigError

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

BOARDS = Path(__file__).parents[2] / "board-configs"
SITE = '[site_meter]\ndriver = "sim_meter"\nphases = 3\npoll_s = 0.5\nstale_s = 2.0\n\n[[connector]]'


def told(bench: "Bench") -> list[wire.MeterSample]:
    return [message.meter for message in bench.seen if isinstance(message, wire.SiteMeter)]


def test_each_reading_is_told_once_and_that_it_became_old(make_bench: "BenchMaker") -> None:
    bench = make_bench(replace={"[[connector]]": SITE})
    bench.connect()
    bench.draw(7.0)
    bench.seen.clear()
    bench.run(5.0)
    samples = told(bench)
    assert 9 <= len(samples) <= 11 and all(sample.quality == "good" for sample in samples)
    assert samples[-1].current_a == (7.0, 7.0, 7.0)
    bench.slots["meter_fault"] = 1.0
    bench.seen.clear()
    bench.run(6.0)
    assert [sample.quality for sample in told(bench)] == ["stale"]


def test_a_board_without_one_tells_nothing(make_bench: "BenchMaker") -> None:
    bench = make_bench()
    bench.connect()
    bench.run(2.0)
    assert not told(bench)


def test_it_is_no_part_of_a_connector(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text((BOARDS / "sim-ac-type2.toml").read_text() + '\n[connector.site_meter]\ndriver = "sim_meter"\n')
    with pytest.raises(ConfigError, match="site_meter: unknown section"):
        load(path)
