"""Something happens in a DC session, at each step and in both protocols, at the station's own scripts, guard and plant
in virtual time: the output is dead in time, the car is told, and nothing closes again.

How quickly the guard acts on each cause is in test_dc_faults; here its word goes on to the session and the car.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.v2g.evse_link import Session
from hil.cars.line import SessionFailed
from hil.cars.secc import Secc
from hil.cars.session import charge
from hil.cars.vehicle import Vehicle
from hil.cars.wish import Wish
from hil.virtual_session import VirtualStation

DC = Wish(energy="dc", energy_wh=1e6, max_current_a=125.0, pace_s=0.2, seconds=3.0)
STEPS = {"CableCheckReq": 4, "PreChargeReq": 2, "CurrentDemandReq": 4, "WeldingDetectionReq": 1}
WITH_ENERGY = ("CableCheckReq", "PreChargeReq", "CurrentDemandReq")
DEAD_S = 1.0 + 1.0  # a ramp-down that somebody asked for, then IEC 61851-23's second to 60 V
NEVER_AGAIN_S = 15.0  # longer than the guard's rest between two closings
Blow = Callable[[VirtualStation], object]


def _isolation(station: VirtualStation) -> None:
    station.rig.do("isolation", ohm=50_000.0, pole="minus")
    station.rig.wait(lambda _: "isolation" in codes(station), within=6.0, what="an insulation fault")


def _over_voltage(station: VirtualStation) -> None:
    station.rig.do("supply_over_voltage", excess_v=600.0)
    station.rig.do("car", dc_relay=False)
    station.rig.wait(lambda _: "dc_over_voltage" in codes(station), within=3.0, what="an over-voltage")


BLOWS: dict[str, Blow] = {
    "lost link": lambda station: station.lose(),
    "unplugged": lambda station: station.rig.do("unplug", force=True),
    "S2 opened": lambda station: station.rig.do("set_state", state="B"),
    "emergency stop": lambda station: station.rig.do("emergency_stop"),
    "insulation": _isolation,
    "over-voltage": _over_voltage,
    "silent supply": lambda station: station.rig.do("supply_silent"),
}
UNTIL_THE_END = ("lost link", "unplugged", "S2 opened", "emergency stop")  # the others are measured with energy only
SAYS_SO = ("FAILED", "EVSE_Malfunction", "EVSE_EmergencyShutdown")
CASES = [
    *(("iso2", step, blow) for step in STEPS for blow in BLOWS if step in WITH_ENERGY or blow in UNTIL_THE_END),
    *(("din", step, blow) for step in STEPS for blow in ("lost link", "S2 opened")),
]


def codes(station: VirtualStation) -> set[str]:
    seen = station.outlet.seen
    return {fault.code for fault in seen.faults} if seen is not None else set()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[VirtualStation]:
    made = VirtualStation("sim-dc-ccs2", tmp_path)
    yield made
    made.close()


class Struck(Exception):
    """It has happened; the car says no more."""


def strike(station: VirtualStation, protocol: str, step: str, blow: Blow) -> float:
    """A car charges until this step of its session; then the blow. Seconds until the output was dead."""
    car = Vehicle(station.rig)
    car.arrive(DC.max_current_a, DC.phases, 40.0)
    line = station.line()
    car.wait_for_digital(within=2.0)
    sent: list[str] = []
    took: list[float] = []

    def heard(direction: str, message: object, octets: int) -> None:
        del octets
        if direction != "sent":
            return
        sent.append(type(getattr(message, "body", message)).__name__)
        if sent[-1] == step and sent.count(step) == STEPS[step]:
            began = station.bench.now
            blow(station)
            station.rig.wait(lambda seen: not seen["closed"], within=DEAD_S, what="open")
            station.rig.do("car", dc_relay=False)
            station.rig.wait(
                lambda seen: seen["dc_current_a"] < 5.0 and max(seen["dc_voltage_v"], seen["plug_v"]) < 60.0,
                within=DEAD_S,
                what="dead",
            )
            took.append(station.bench.now - began)
            raise Struck

    with pytest.raises(Struck):
        asyncio.run(charge(Secc(line, heard), car, DC, (protocol,)))
    return took[0]


@pytest.mark.parametrize(("protocol", "step", "blow"), CASES)
def test_the_output_dies_and_stays_dead(station: VirtualStation, protocol: str, step: str, blow: str) -> None:
    strike(station, protocol, step, BLOWS[blow])
    operations = station.rig.status()["operations"]
    station.pass_time(NEVER_AGAIN_S)
    seen = station.rig.status()
    assert (seen["closed"], seen["operations"]) == (False, operations)
    if blow == "lost link":
        assert station.ending is not None
        assert station.ending.outcome is Session.FAILED


def answer_after(station: VirtualStation, protocol: str, step: str, count: int, blow: str) -> str:
    """What the station says to the request that was sent when it happened."""
    car = Vehicle(station.rig)
    car.arrive(DC.max_current_a, DC.phases, 40.0)
    line = station.line()
    car.wait_for_digital(within=2.0)
    sent: list[str] = []
    answers: list[str] = []

    def heard(direction: str, message: object, octets: int) -> None:
        del octets
        if direction == "sent":
            sent.append(type(getattr(message, "body", message)).__name__)
            if sent[-1] == step and sent.count(step) == count:
                BLOWS[blow](station)
                station.rig.wait(lambda seen: not seen["closed"], within=DEAD_S, what="open")
        elif sent.count(step) >= count:
            answers.append(repr(message))

    with pytest.raises(SessionFailed):
        asyncio.run(charge(Secc(line, heard), car, DC, (protocol,)))
    return answers[0]


@pytest.mark.parametrize("blow", ["emergency stop", "insulation", "over-voltage", "silent supply", "S2 opened"])
@pytest.mark.parametrize("step", WITH_ENERGY)
@pytest.mark.parametrize("protocol", ["din", "iso2"])
def test_the_car_hears_of_it_in_the_next_answer(station: VirtualStation, protocol: str, step: str, blow: str) -> None:
    """As FAILED, or as EVSE_Malfunction or EVSE_EmergencyShutdown; never as if nothing had been."""
    answer = answer_after(station, protocol, step, STEPS[step], blow)
    assert any(word in answer for word in SAYS_SO), answer


@pytest.mark.parametrize("protocol", ["din", "iso2"])
def test_what_opened_between_cable_check_and_pre_charge_is_no_ready_output(
    station: VirtualStation, protocol: str
) -> None:
    """The first PreChargeReq is already on its way."""
    answer = answer_after(station, protocol, "PreChargeReq", 1, "S2 opened")
    assert any(word in answer for word in SAYS_SO), answer
