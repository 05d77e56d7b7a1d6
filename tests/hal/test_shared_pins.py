"""AC and DC on the same contacts of a plug, as a pure step: every way the contacts can look, in any order."""

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from hal.contracts import MeterReading
from hal.plug_meters import PlugMeters
from hal.polling import Poller
from hal.shared_pins import Inputs, Pins, step

TICK_S = 0.01
MIRROR = (None, False, True)
looks = st.builds(
    Inputs,
    wanted=st.sampled_from((None, "ac", "dc")),
    closed=st.booleans(),
    quiet=st.booleans(),
    ac_closed=st.sampled_from(MIRROR),
    dc_closed=st.sampled_from(MIRROR),
    dc_v=st.sampled_from((None, 0.0, 59.9, 60.0, 400.0, -400.0)),
)
OFF = Inputs("dc", closed=False, quiet=True, ac_closed=False, dc_closed=False, dc_v=0.0)


def may_close(p: Pins, i: Inputs) -> bool:
    """As the guard does: by the grant for the outlet in use, with nothing held."""
    return i.wanted == p.outlet and not p.held and not p.welded


def run(p: Pins, i: Inputs, seconds: float, now: float = 0.0) -> Pins:
    for tick in range(round(seconds / TICK_S)):
        p = step(p, i, 1.0, 0.25, now + tick * TICK_S)
    return p


@given(st.lists(st.tuples(looks, st.sampled_from((0.01, 0.5, 1.0))), max_size=40))
def test_nothing_may_close_before_the_other_has_been_off_for_the_changeover(seen: list[tuple[Inputs, float]]) -> None:
    p, now, off = Pins(), 0.0, {"ac": 0.0, "dc": 0.0}
    since: dict[str, float | None] = {"ac": None, "dc": None}
    for i, passed in seen:
        now += passed
        is_off = {
            "ac": i.ac_closed is False,
            "dc": i.dc_closed is False and i.dc_v is not None and abs(i.dc_v) < 60.0,
        }
        for outlet, holds in is_off.items():
            begun = since[outlet]
            since[outlet] = None if not holds else now if begun is None else begun
            off[outlet] = 0.0 if begun is None or not holds else now - begun
        before, p = p, step(p, i, 1.0, 0.25, now)
        other = "dc" if p.outlet == "ac" else "ac"
        if may_close(p, i):
            assert off[other] >= 1.0
        if i.closed and p.outlet == "ac" and not is_off["dc"]:
            assert p.clash
        if p.outlet != before.outlet:
            assert not i.closed and i.ac_closed is False and i.dc_closed is False


def test_every_look_of_the_contacts_that_is_not_surely_open_holds_both() -> None:
    for outlet, ac, dc in product(("ac", "dc"), MIRROR, MIRROR):
        p = run(Pins(outlet=outlet), changed(OFF, wanted=outlet, ac_closed=ac, dc_closed=dc), 5.0)  # type: ignore[arg-type]
        other = dc if outlet == "ac" else ac
        assert bool(p.held) == (other is not False), (outlet, ac, dc)


def changed(i: Inputs, **new: object) -> Inputs:
    return i._replace(**new)  # type: ignore[arg-type]


def test_the_change_takes_the_time_of_the_board_and_no_tick_less() -> None:
    p = Pins()
    outlets = []
    for tick in range(130):
        p = step(p, OFF, 1.0, 0.25, 10.0 + tick * TICK_S)
        outlets.append(p.outlet)
    changed = [tick for tick, (one, two) in enumerate(pairwise(outlets), start=1) if one != two]
    assert changed == [100]


def test_no_change_while_a_residual_current_test_runs() -> None:
    assert run(Pins(), OFF._replace(quiet=False), 5.0).outlet == "ac"
    assert run(Pins(), OFF, 5.0).outlet == "dc"


def test_a_contact_that_stays_closed_without_command_is_welded() -> None:
    closed = OFF._replace(wanted="ac", dc_closed=True)
    assert not run(Pins(), closed, 0.2).welded
    assert run(Pins(), closed, 0.4).welded == "DC contactor is closed without command"
    assert not run(run(Pins(), closed, 0.4), OFF._replace(wanted="ac"), 0.1, now=1.0).welded


def test_what_is_held_is_told() -> None:
    assert run(Pins(), OFF, 0.1).held == "waiting: the plug changes from AC to DC"
    assert run(Pins(), OFF._replace(wanted="ac", dc_v=312.0), 5.0).held == "waiting: DC output has 312 V"
    assert run(Pins(), OFF._replace(wanted="ac", dc_v=None), 5.0).held == (
        "waiting: voltage of the DC output is not known"
    )


# --- two meters as one ------------------------------------------------------------------------------------------------


def meter(name: str, wh: float, volts: float) -> Poller[MeterReading]:
    return Poller(name, lambda: MeterReading(wh, volts * 10.0, (volts,), (10.0,), signed="OCMF|"), 0.5, 3.0, 0.0)


def test_counters_of_both_meters_are_one_and_the_rest_is_that_of_the_outlet_in_use() -> None:
    ac, dc = meter("ac", 1000.0, 240.0), meter("dc", 70_000.0, 400.0)
    both = PlugMeters(ac, dc)
    ac.run_due(0.0)
    assert both.latest.value is None, "half of the counters is no reading"
    dc.run_due(0.0)
    told = both.latest.value
    assert told is not None
    assert (told.import_wh, told.voltage_v, told.signed) == (71_000.0, (240.0,), None)
    both.outlet = "dc"
    ac_left_alone = 10.0  # s: the idle meter's age does not matter
    dc.run_due(ac_left_alone)
    told = both.latest.value
    assert told is not None and both.fresh(ac_left_alone)
    assert (told.import_wh, told.voltage_v, told.power_w) == (71_000.0, (400.0,), 4000.0)
