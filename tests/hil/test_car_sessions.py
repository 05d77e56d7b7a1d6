"""Cars of the rig at the station's own scripts, guard and plant, in virtual time: how a session goes, and how the
station ends it when the car misbehaves. The times asserted are safety limits."""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.v2g.ending import Resume
from firmware.v2g.evse_link import Session
from hil.cars import misbehaviour
from hil.cars.misbehaviour import Misbehaved
from hil.cars.secc import Secc
from hil.cars.session import charge
from hil.cars.vehicle import Vehicle
from hil.cars.wish import Wish
from hil.rig import JsonObject, Rig
from hil.virtual_session import VirtualStation

AC = Wish(energy_wh=10.0, pace_s=0.5)
DC = Wish(energy="dc", energy_wh=60.0, max_current_a=125.0, pace_s=0.2)
At = Callable[[str], VirtualStation]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[At]:
    """A station with this board."""
    made: list[VirtualStation] = []

    def make(board: str) -> VirtualStation:
        made.append(VirtualStation(board, tmp_path))
        return made[-1]

    yield make
    for station in made:
        station.close()


class Watched(Vehicle):
    """Remembers how things stood when the session was over, before the car let go."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig)
        self.at_the_end: JsonObject = {}

    def let_go(self, within: float = 2.0) -> None:
        self.at_the_end = self.seen
        super().let_go(within)


class Drive:
    """One car at a station: plugged in, its session run to the end."""

    def __init__(self, station: VirtualStation, *protocols: str, soc_percent: float = 40.0) -> None:
        self.station = station
        self.protocols = protocols
        self.car = Watched(station.rig)
        self.soc_percent = soc_percent
        self.said: list[str] = []
        self.answers: list[str] = []
        self.most_a = 0.0
        self.faults: set[str] = set()

    def charge(self, wish: Wish, how: str = "", paused: Resume | None = None) -> str:
        """Why it ended. Raises SessionFailed. `paused`: goes on with that session."""
        self.car.arrive(wish.max_current_a, wish.phases, self.soc_percent)
        line = self.station.line(paused)
        self.car.wait_for_digital(within=2.0)
        done = misbehaviour.read(how) if how else None
        secc = Secc(line, self._heard, misbehaviour=done, let_go=self.car.open_s2)
        secc.session_id = paused.session_id if paused is not None else bytes(8)
        return asyncio.run(charge(secc, self.car, wish, self.protocols))

    def _heard(self, direction: str, message: object, octets: int) -> None:
        self.most_a = max(self.most_a, self.car.seen["dc_current_a"])
        seen = self.station.outlet.seen
        self.faults |= {fault.code for fault in seen.faults} if seen is not None else set()
        body = getattr(message, "body", message)
        self.answers.append(str(getattr(body, "response_code", "")))
        if direction == "sent":
            self.said.append(type(getattr(message, "body", message)).__name__.removesuffix("Req"))


DC_ORDER = ["ChargeParameterDiscovery", "CableCheck", "PreCharge", "PowerDelivery", "CurrentDemand"]
DC_END = ["PowerDelivery", "WeldingDetection", "SessionStop"]


def order(said: list[str]) -> list[str]:
    """Without repetitions."""
    return [name for n, name in enumerate(said) if n == 0 or said[n - 1] != name]


@pytest.mark.parametrize("protocol", ["din", "iso2"])
def test_dc_until_the_energy_is_reached(at: At, protocol: str) -> None:
    station = at("sim-dc-ccs2")
    drive = Drive(station, protocol)
    assert drive.charge(DC) == "energy reached"
    assert order(drive.said)[-8:] == [*DC_ORDER, *DC_END]
    assert station.ending is not None
    assert station.ending.outcome is Session.TERMINATED
    seen = station.rig.status()
    assert seen["charged_wh"] == pytest.approx(seen["energy_wh"], rel=0.01)
    assert seen["energy_wh"] == pytest.approx(60.0, rel=0.2)
    assert seen["de_energised"] and seen["plug_v"] < 60.0


@pytest.mark.parametrize("kinds", [("iso2-ac", "iso2-dc", "iso2-ac"), ("din", "iso2-ac", "din")])
def test_at_a_plug_with_ac_and_dc_the_cars_choice_decides(at: At, kinds: tuple[str, ...]) -> None:
    """NACS: one car after the other, over one pilot, one EVSE and the same two contacts."""
    station = at("sim-nacs")
    for kind in kinds:
        _, protocol, wish = KINDS[kind]
        before = station.rig.status()["energy_wh"]
        drive = Drive(station, protocol)
        assert drive.charge(wish) == "energy reached"
        assert ("CableCheck" in drive.said, "ChargingStatus" in drive.said) == (wish is DC, wish is AC)
        assert station.ending is not None and station.ending.outcome is Session.TERMINATED
        seen, outlet = station.rig.status(), station.bench.seen[1].outlet
        assert (outlet, seen["joined"], seen["de_energised"]) == (wish.energy, "", True)
        assert seen["energy_wh"] - before == pytest.approx(wish.energy_wh, rel=0.25)
        station.rig.do("unplug", force=True)
        station.pass_time(1.0)


def test_of_two_protocols_the_cars_favourite_is_spoken(at: At) -> None:
    drive = Drive(at("sim-dc-ccs2"), "urn:example:2030:MsgDef", "din", "iso2")
    drive.charge(replace(DC, energy_wh=5.0))
    assert "ContractAuthentication" in drive.said


def test_a_dc_car_near_the_top_takes_less_and_stops_at_its_state_of_charge(at: At) -> None:
    station = at("sim-dc-ccs2")
    drive = Drive(station, "iso2", soc_percent=97.9)
    station.rig.do("car", capacity_wh=5000.0)
    assert drive.charge(replace(DC, energy_wh=1e6, soc_percent=98.2)) == "state of charge reached"
    assert 98.2 <= station.rig.status()["soc_percent"] < 99.0


def test_a_dc_car_renegotiates_and_is_checked_anew(at: At) -> None:
    drive = Drive(at("sim-dc-ccs2"), "iso2")
    assert drive.charge(replace(DC, renegotiate_after_s=0.5)) == "energy reached"
    assert order(drive.said)[-13:] == [*DC_ORDER, "PowerDelivery", *DC_ORDER[:4], *DC_ORDER[4:], *DC_END][-13:]
    assert drive.said.count("CableCheck") > 2


def test_an_ac_car_renegotiates_without_opening_s2(at: At) -> None:
    station = at("sim-ac-type2")
    drive = Drive(station, "iso2")
    assert drive.charge(replace(AC, renegotiate_after_s=0.5)) == "energy reached"
    assert drive.said.count("ChargeParameterDiscovery") == 2
    assert station.rig.status()["operations"] == 1, "one closing"


@pytest.mark.parametrize(("board", "wish"), [("sim-ac-type2", AC), ("sim-dc-ccs2", DC)])
def test_a_paused_session_is_resumed(at: At, board: str, wish: Wish) -> None:
    """The plug stays in; the car comes back with its session id and less to charge."""
    station = at(board)
    Drive(station, "iso2").charge(replace(wish, pause=True, departure_s=7200))
    assert station.ending is not None
    assert station.ending.outcome is Session.PAUSED
    resume = station.ending.resume
    assert resume is not None
    station.rig.wait(lambda seen: seen["pilot"] == "x1" and not seen["closed"], within=7.0)
    station.pass_time(10.0)  # the guard wants 10 s between two closings
    second = Drive(station, "iso2")
    assert second.charge(replace(wish, energy_wh=2 * wish.energy_wh), paused=resume) == "energy reached"
    assert "OK_OldSessionJoined" in second.answers


# how: what the car sees of it, why the session ended
MISBEHAVIOUR = {
    "late": ("the station closed the connection", "the car sent nothing for 60 s"),
    "vanish": ("silent for 65 s", "the car sent nothing for 60 s"),
    "close": ("closed the connection and stayed", "the car closed the connection"),
    "early_stop": ("answered SessionStopRes FAILED_SequenceError", "SessionStopReq where only [CP].* may come"),
    "wrong_session": ("answered .*Res FAILED_UnknownSession", "Req for session"),
    "out_of_order": ("answered SessionSetupRes FAILED_SequenceError", "SessionSetupReq where only [CP].* may come"),
    "garbage": ("the station closed the connection", "stream: an EXI header 0xff"),
    "oversize": ("the station closed the connection", "payload of 2147483647 octets"),
    "duplicate": ("answered .*Res OK, then answered .*Res OK", ""),  # the second is in order too
    "let_go": ("Res says FAILED|EVSE_Malfunction", ""),
}
STAYS = {"late", "vanish", "close"}  # S2 and load stay
KINDS = {
    "iso2-ac": ("sim-ac-type2", "iso2", AC),
    "iso2-dc": ("sim-dc-ccs2", "iso2", DC),
    "din": ("sim-dc-ccs2", "din", DC),
}


@pytest.mark.parametrize("how", MISBEHAVIOUR)
@pytest.mark.parametrize("kind", KINDS)
def test_the_station_ends_a_session_with_a_car_that_misbehaves(at: At, kind: str, how: str) -> None:
    board, protocol, wish = KINDS[kind]
    reaction, reason = MISBEHAVIOUR[how]
    station = at(board)
    drive = Drive(station, protocol)
    with pytest.raises(Misbehaved, match=reaction):
        drive.charge(replace(wish, energy_wh=1e6), how)
    assert drive.car.at_the_end["de_energised"] or how not in STAYS, "it opens whatever the car does"
    station.rig.wait("de-energised", within=0.5)
    if not reason:
        station.lose()
    station.rig.wait(lambda seen: seen["pilot"] == "x1", within=0.5)
    assert station.ending is not None
    assert re.search(reason, station.ending.reason)


@pytest.mark.parametrize("kind", KINDS)
def test_a_car_that_opens_s2_under_load_is_without_power_at_once(at: At, kind: str) -> None:
    """IEC 61851-1 Table A.6: 100 ms from state B."""
    board, protocol, wish = KINDS[kind]
    station = at(board)
    drive = Drive(station, protocol)
    waited: list[float] = []

    def open_s2() -> None:
        station.rig.do("set_state", state="B")
        waited.append(station.rig.wait("open", within=1.0))

    drive.car.open_s2 = open_s2  # type: ignore[method-assign]
    with pytest.raises(Misbehaved):
        drive.charge(replace(wish, energy_wh=1e6), "let_go")
    assert waited[0] <= 0.1


def test_a_car_that_draws_more_than_allowed_is_cut_off(at: At) -> None:
    station = at("sim-ac-type2")
    drive = Drive(station, "iso2")
    greedy = replace(AC, energy_wh=1e6, seconds=60.0, max_current_a=60.0)
    assert drive.charge(greedy, "too_much") == "the station asked to stop"
    assert "over_current" in drive.faults


@pytest.mark.parametrize("protocol", ["din", "iso2"])
def test_a_car_that_asks_for_more_than_allowed_gets_what_is_allowed(at: At, protocol: str) -> None:
    drive = Drive(at("sim-dc-ccs2"), protocol, soc_percent=3.0)  # fuller, the station's 200 kW would come first
    assert drive.charge(replace(DC, energy_wh=300.0, max_current_a=400.0), "too_much") == "energy reached"
    assert drive.most_a == pytest.approx(500.0, rel=0.01)


def test_how_to_misbehave_is_read_and_refused_with_what_would_be_right() -> None:
    assert misbehaviour.read("late@PowerDelivery#2:1.5") == misbehaviour.Misbehaviour("late", "PowerDelivery", 2, 1.5)
    assert misbehaviour.read("vanish").strikes("CurrentDemandReq", 1)
    with pytest.raises(ValueError, match=r"is not KIND.*early_stop"):
        misbehaviour.read("explode")
