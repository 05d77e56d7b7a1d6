"""Drivers on real transports (pty, TCP) with simulated devices at the other end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hal.board import load
from hal.parts import Board

BOARD = """
[board]
name = "bench"
on_guard_death = "hardware_watchdog"
on_guard_death_source = "test"

[sim]
registers = "/nowhere"

[watchdog]
driver = "sim_watchdog"

{buses}

[[connector]]
id = 1
kind = "cType2"
max_current_a = 32
cable_rating_a = 32

[connector.pilot]
driver = "sim_pilot"

[connector.contactor]
driver = "sim_contactor"

[connector.meter]
{meter}
"""
LoadMeter = Callable[[str, str], Board]


@pytest.fixture
def load_meter(tmp_path: Path) -> Iterator[LoadMeter]:
    """A board with these buses and these keys of [connector.meter]."""

    def make(buses: str, meter: str) -> Board:
        path = tmp_path / "board.toml"
        path.write_text(BOARD.format(buses=buses, meter=meter))
        return load(path)

    yield make
