"""A DC EVSE of the station: its limits in A and W of the output, SoC in the samples, and the wishes for its guard."""

from typing import Any

import pytest

from firmware.config import BudgetSettings, EvseSettings
from firmware.station import bounds
from firmware.station.charging import DcWish, Digital
from firmware.station.commands import StopTransaction
from firmware.station.limits import Limit
from hal import wire
from hal.contracts import PilotMode, PilotOutput
from hal.wire import ConnectorCapability, MeterSample

DC = ConnectorCapability(
    connector=1, kind="cCCS2", max_current_a=500.0, dc=True, dc_max_voltage_v=1000.0, dc_max_current_a=400.0,
    dc_max_power_w=200_000.0,
)  # fmt: skip
AC = ConnectorCapability(connector=1, kind="sType2", max_current_a=32.0)
FIVE = PilotOutput(PilotMode.DUTY, 5.0)


def session(phase: Any, volts: float = 0.0, amps: float = 0.0, *, soc: float | None = None) -> Digital:
    dc = DcWish(phase, volts, amps, 420.0)
    return Digital(FIVE, energise=phase != "idle", protocol="din", soc_percent=soc, dc=dc)


def test_a_dc_limit_is_that_of_the_output() -> None:
    assert bounds.current_limit(DC, 500.0, None, {}) == Limit(400.0, "hardware")
    assert bounds.current_limit(DC, 0.0, 300.0, {"csms": 200.0}) == Limit(200.0, "csms")
    assert bounds.current_limit(AC, 20.0, None, {}) == Limit(20.0, "cable")


def test_a_share_of_the_grids_current_is_power_at_a_dc_output() -> None:
    watts = 32.0 * 3 * 230.0 * 0.95
    assert bounds.power_limit(DC, {}, 32.0) == Limit(watts, "budget")
    assert bounds.power_limit(DC, {"csms": 10_000.0}, 32.0) == Limit(10_000.0, "csms")
    assert bounds.power_limit(DC, {}, None) is None
    assert bounds.power_limit(AC, {}, 32.0) is None


def test_what_a_dc_output_draws_from_the_grid() -> None:
    meter = MeterSample(0.0, 0.0, 65_550.0, (400.0,), (163.9,))
    assert bounds.drawn_amps(DC, meter) == pytest.approx(100.0)
    assert bounds.grid_amps(DC, Limit(400.0, "hardware"), Limit(65_550.0, "csms")) == pytest.approx(100.0)


def test_the_wish_of_a_dc_session_reaches_the_guard_behind_its_grant(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            evse.hello((DC,))
            evse.set_digital(session("idle"))
            await b.move(level="B")
            b.peer.received.clear()
            evse.set_digital(session("cable_check", 420.0, 2.0))
            await b.settle()
            told: list[Any] = [each for each in b.peer.received if isinstance(each, wire.GrantIntent | wire.DcIntent)]
            assert [type(each) for each in told] == [wire.GrantIntent, wire.DcIntent]
            assert (told[0].limit_a, told[0].limit_w) == (32.0, None)  # the cable of the bench
            assert (told[1].phase, told[1].voltage_v, told[1].max_voltage_v) == ("cable_check", 420.0, 420.0)
            evse.set_power_bound("csms", 11_000.0)
            await b.settle()
            assert b.peer.intents(wire.GrantIntent)[-1].limit_w == 11_000.0
            await b.station.do(StopTransaction(transaction_id=evse.transaction_id))
            evse.set_digital(session("idle"))
            await b.settle()
            assert b.peer.intents(wire.DcIntent)[-1].phase == "idle"

    play(scenario())


def test_two_amps_of_dc_are_no_pause(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            evse.hello((DC,))
            evse.set_bound("csms", 2.0)
            evse.set_digital(session("deliver", 400.0, 2.0))
            await b.move(level="B")
            assert b.peer.connectors[1].grant.limit_a == 2.0
            assert "paused" not in evse.why()

    play(scenario())


def test_a_dc_evse_shares_the_grids_current_as_power(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        settings = {"evse": (EvseSettings(id=1),), "budget": BudgetSettings(max_current_a=20.0)}
        async with bench(**settings) as b:
            evse = b.station.evses[1]
            evse.hello((DC,))
            evse.set_digital(session("deliver", 400.0, 100.0))
            await b.move(level="C")
            await b.pass_time(2)
            assert evse.power_limit == Limit(20.0 * 3 * 230.0 * 0.95, "budget")
            assert evse.limit.amps == 32.0  # the bench's cable: the budget does not bound the output's current
            assert b.peer.connectors[1].grant is not None
            assert b.peer.intents(wire.GrantIntent)[-1].limit_w == evse.power_limit.amps

    play(scenario())


def test_the_last_sample_still_knows_the_state_of_charge(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            evse.hello((DC,))
            evse.set_digital(session("idle"))
            await b.move(level="B")
            evse.set_digital(session("deliver", 400.0, 100.0, soc=61.0))
            await b.move(level="C", current_a=30.0)
            evse.set_digital(session("idle"))
            await b.move(level="B")
            await b.move(level="A")
            ended = b.transactions()[-1]
            assert (ended.kind, ended.samples[-1].soc_percent) == ("Ended", 61.0)
            await b.move(level="B")
            assert b.transactions()[-1].samples[-1].soc_percent is None  # another car's

    play(scenario())
