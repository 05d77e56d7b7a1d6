"""The conformance test of our wire: a good microcontroller passes every check, a bad one is found out by its rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hal.mcu import conformance
from hal.mcu.conformance import Probe
from hil.devices import mcu
from hil.devices.copper import Copper
from hil.devices.mcu import Mcu
from hil.devices.serial_board import SerialBoard

Examine = Callable[[Mcu, tuple[conformance.Check, ...]], list[str]]


@pytest.fixture
def examine(tmp_path: Path) -> Iterator[Examine]:
    def run(device: Mcu, checks: tuple[conformance.Check, ...]) -> list[str]:
        with SerialBoard(device, tmp_path / "tty"):
            probe = Probe(tmp_path / "tty")
            said: list[str] = []
            try:
                broken = conformance.examine(probe, checks, 5.0, said.append)  # a busy machine is no fault of the MCU
            finally:
                probe.close()
            assert broken == sum(line.startswith("BROKEN") for line in said)
            return said

    yield run


def test_the_simulated_microcontroller_keeps_the_rules(examine: Examine) -> None:
    """Those that do not measure this machine."""
    logic = (
        conformance.no_lease_no_duty, conformance.damage_is_dropped, conformance.a_new_field_is_passed_over,
        conformance.nothing_closes_again, conformance.told_to_open_opens,
    )  # fmt: skip
    said = examine(Mcu(Copper(car="C")), logic)
    assert not [line for line in said if line.startswith("BROKEN")], said


class _LooseLease(Mcu):
    """Any lease will do."""

    def receive(self, data: bytes, now: float) -> bytes:
        out = super().receive(data, now)
        self._leased_from = now
        return out


class _ClosesAgain(Mcu):
    def due(self, now: float) -> bytes:
        out = super().due(now)
        for outlet in self.outlets:
            outlet.armed = True
        return out


class _Narrow(Mcu):
    """Takes only what it knows."""

    def receive(self, data: bytes, now: float) -> bytes:
        return super().receive(data, now) if mcu.content(data.split(b"\0")[0]) == [0, 1] else b""


@pytest.mark.parametrize(
    ("device", "check"),
    [
        (_LooseLease, conformance.old_beats_prove_nothing), (_ClosesAgain, conformance.nothing_closes_again),
        (_Narrow, conformance.a_new_field_is_passed_over),
    ],
)  # fmt: skip
def test_a_bad_microcontroller_is_found_out(device: type[Mcu], check: conformance.Check, examine: Examine) -> None:
    (said,) = examine(device(Copper(car="C")), (check,))
    assert said.startswith(f"BROKEN {check.__doc__}")
