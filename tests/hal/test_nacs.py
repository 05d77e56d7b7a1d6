"""A plug with AC and DC on the same two contacts (SAE J3400): a connector of each kind in one guard, never both closed.

The DC side is connector 1 with all that belongs to it (supply, insulation monitor, cable check), the AC side is
connector 2. One pilot line serves both: the car shows both the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.contracts import PilotMode

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

AC = """
[[connector]]
id = 2
kind = "cTesla"
max_current_a = 48
cable_rating_a = 48
phases = 1
ventilation = false
shares_pins_with = [1]
[connector.pilot]
driver = "sim_pilot"
[connector.contactor]
driver = "sim_contactor"
[connector.rcd]
driver = "sim_rcd"
"""
INDICATOR = '[connector.indicator]\ndriver = "sim_indicator"\n'
NACS = {'kind = "cCCS2"': 'kind = "cTesla"\nshares_pins_with = [2]', INDICATOR: INDICATOR + AC}


@pytest.fixture
def plug(make_bench: BenchMaker, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = make_bench("sim-dc-ccs2", NACS)
    first, second = bench.wiring.registers.connector(1), bench.wiring.registers.connector(2)
    second["voltage_l1_v"] = 240.0
    dc_side = bench.wiring.step

    def step(dt: float) -> None:
        dc_side(dt)
        level = {"A": 12_000.0, "B": 9_000.0, "C": 6_000.0}[bench.wiring.car]
        second["cp_high_mv"], second["cp_low_mv"] = level, -12_000.0 if second["pilot_mode"] == 1.0 else level
        second["rcd_tripped"] = second["rcd_test"]
        second["contactor_closed"] = second["coil"]
        assert not (second["contactor_closed"] and first["dc_contactor_closed"]), "AC and DC joined"
        assert not (second["coil"] and first["dc_coil"]), "both coils"

    monkeypatch.setattr(bench.wiring, "step", step)
    bench.run(2.0)  # until now its pilot line was not there: a fault that is held
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    return bench


def ask_dc(bench: Bench, phase: str, voltage_v: float = 0.0, current_a: float = 0.0) -> None:
    bench.send(wire.DcIntent(bench.epoch, 1, phase, voltage_v, current_a, 500.0))  # type: ignore[arg-type]


def begin_dc(bench: Bench) -> None:
    bench.show(PilotMode.DUTY, 5.0)
    bench.grant("dc", 200.0)
    ask_dc(bench, "cable_check")


def deliver_dc(bench: Bench) -> None:
    begin_dc(bench)
    bench.until(lambda: seen(bench, 1).dc.cable_check == "passed", within_s=3.0)  # type: ignore[union-attr]
    ask_dc(bench, "precharge", 400.0, 2.0)
    bench.until(lambda: bench.slots["dc_present_voltage_v"] == 400.0, within_s=1.0)
    ask_dc(bench, "deliver", 400.0, 100.0)
    bench.until(lambda: bench.slots["dc_present_current_a"] == 100.0, within_s=1.0)


def begin_ac(bench: Bench) -> None:
    bench.send(wire.GrantIntent(bench.epoch, 2, "ac", 16.0))
    bench.send(wire.SetPilot(bench.epoch, 2, PilotMode.DUTY, 100 * 16 / 60))


def seen(bench: Bench, number: int) -> wire.Observation:
    told = [each for each in bench.seen if isinstance(each, wire.Observation) and each.connector == number]
    return told[-1]


def ac_closed(bench: Bench) -> bool:
    return bool(bench.wiring.registers.connector(2)["contactor_closed"])


def test_ac_waits_while_dc_is_delivered_and_may_close_afterwards(plug: Bench) -> None:
    deliver_dc(plug)
    begin_ac(plug)
    plug.run(5.0)
    assert plug.slots["dc_present_current_a"] == 100.0 and not ac_closed(plug)
    assert seen(plug, 2).why_open == "waiting: connector 1 is closed on the same contacts"
    ask_dc(plug, "ramp_down", 400.0)
    plug.until(lambda: not plug.slots["dc_contactor_closed"], within_s=1.5)
    plug.until(lambda: ac_closed(plug), within_s=15.0)


def test_no_cable_check_puts_voltage_on_contacts_that_carry_ac(plug: Bench) -> None:
    begin_ac(plug)
    plug.until(lambda: ac_closed(plug), within_s=15.0)
    begin_dc(plug)
    plug.run(5.0)
    assert ac_closed(plug) and not plug.closed
    assert plug.slots["dc_on"] == 0.0 and plug.slots["dc_enable"] == 0.0
    plug.send(wire.Revoke(plug.epoch, 2, "test"))
    plug.until(lambda: not ac_closed(plug), within_s=10.0)
    plug.until(lambda: seen(plug, 1).dc.cable_check == "passed", within_s=15.0)  # type: ignore[union-attr]


def test_such_a_plug_is_a_dc_and_an_ac_connector(plug: Bench) -> None:
    assert [(number, each.board.kind, each.board.dc) for number, each in plug.guard.connectors.items()] == [
        (1, "cTesla", True),
        (2, "cTesla", False),
    ]
