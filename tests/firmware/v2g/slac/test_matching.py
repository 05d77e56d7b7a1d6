"""SLAC end to end in virtual time: our station against the rig's car and modems, undisturbed and with every fault."""

from typing import Any

import pytest

from firmware.v2g.slac.slac import MATCH_JOIN_S, State
from hil.plc import mme

PARM, START, SOUND = mme.SLAC_PARM_REQ, mme.START_ATTEN_CHAR_IND, mme.MNBC_SOUND_IND
IND, RSP, MATCH_REQ, MATCH_CNF = mme.ATTEN_CHAR_IND, mme.ATTEN_CHAR_RSP, mme.SLAC_MATCH_REQ, mme.SLAC_MATCH_CNF


def linked(world: Any, seconds: float = 60.0) -> bool:
    world.stations["station"]
    return bool(world.run(seconds, lambda: world.state() is State.LINKED))


def lose(kind: int, times: int, at: str = "") -> Any:
    """Loses the first `times` frames of a kind on their way (to one host)."""
    left = [times]

    def spoil(port: str, frame: bytes) -> Any:
        if mme.kind_of(frame) == kind and (not at or port == at) and left[0]:
            left[0] -= 1
            return []
        return None

    return spoil


# --- undisturbed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["simulated", "qca7000", "cg5317"])
def test_a_car_is_matched_and_linked_with_every_make_of_modem(world: Any, make: str) -> None:
    station = world.station(make=make)
    world.ready()
    car = world.car()
    assert linked(world)
    world.run(1.0)
    assert car.outcome is not None
    assert car.outcome.attempts == 1
    assert world.went_through() == [
        State.ABSENT,
        State.WAITING,
        State.MATCHING,
        State.JOINING,
        State.LINKED,
    ]
    assert station.matched is not None
    assert station.matched.sounds == 10
    assert station.matched.attenuation_db == pytest.approx(8.0, abs=0.1)
    assert world.medium.modems["station"].nmk == world.medium.modems["car"].nmk
    assert station.identity is not None
    assert station.identity.firmware in {"rig 1.0", "MAC-QCA7005-1.1.0.730-04-20140815-FINAL", "1.4.2.77"}


def test_the_attenuation_offset_of_the_station_is_added(world: Any) -> None:
    world.station(attenuation_offset_db=2.5)
    world.ready()
    car = world.car()
    assert linked(world)
    assert world.run(1.0, lambda: car.outcome is not None)
    assert car.outcome is not None
    assert car.outcome.attenuation_db == pytest.approx(8.0 + 3.0, abs=0.6)  # whole dB on the wire


def test_the_report_leaves_with_the_last_profile_and_the_key_with_the_request(world: Any) -> None:
    """No waiting in the protocol; what the processor needs is a bench (tests/bench/slac_turnaround.py)."""
    world.station()
    world.ready()
    world.car()
    arrived: dict[int, float] = {}

    def watch(port: str, frame: bytes) -> None:
        if port == "station":
            arrived[mme.kind_of(frame) or 0] = world.now

    world.spoil = watch
    assert linked(world)
    left = {mme.kind_of(frame): at for at, port, frame in world.sent if port == "station"}
    assert left[IND] == arrived[mme.ATTEN_PROFILE_IND]
    assert left[MATCH_CNF] == arrived[MATCH_REQ]


def test_each_session_has_its_own_key_which_the_modem_has_before_the_car(world: Any) -> None:
    station = world.station()
    modem = world.medium.modems["station"]
    world.ready()
    first = modem.nmk
    for _ in range(2):
        world.car()
        assert linked(world)
        assert world.medium.modems["car"].nmk == modem.nmk
        station.leave(world.now)
        station.listen(False, world.now)
        world.run(1.0)
        station.listen(True, world.now)
    assert len(set(modem.keys)) == len(modem.keys) == 3
    assert modem.keys[0] == first


def test_a_plug_out_before_any_key_was_given_away_keeps_the_key(world: Any) -> None:
    station = world.station()
    world.ready()
    for _ in range(20):
        station.leave(world.now)
        world.run(0.05)
    assert len(world.medium.modems["station"].keys) == 1


def test_a_bouncing_pilot_sends_one_key_at_a_time(world: Any) -> None:
    station = world.station()
    world.ready()
    world.car()
    assert linked(world)
    world.medium.modems["station"].silent = True
    asked = world.kinds("station").count(mme.SET_KEY_REQ)
    for _ in range(10):
        station.leave(world.now)
        world.run(0.05)
    assert world.kinds("station").count(mme.SET_KEY_REQ) <= asked + 1


def test_an_ascii_run_id_is_echoed_in_full(world: Any) -> None:
    world.station()
    world.ready()
    car = world.car(run_id=b"RUN00001")
    assert linked(world)
    assert world.run(1.0, lambda: car.outcome is not None)


def validation_results(world: Any, port: str = "station") -> list[tuple[int, int]]:
    """(toggles, result) of each CM_VALIDATE.CNF."""
    answers = [frame for _, name, frame in world.sent if name == port and mme.kind_of(frame) == mme.VALIDATE_CNF]
    return [(frame[20], frame[21]) for frame in answers]


@pytest.mark.parametrize("toggles", [1, 2, 3])
def test_validation_counts_what_the_car_shows_on_our_pilot(world: Any, toggles: int) -> None:
    world.station()
    world.ready()
    world.plugs["car"] = "station"
    car = world.car(validate=True, toggles=toggles)
    assert linked(world)
    assert validation_results(world) == [(0, 1), (toggles, 2)]  # ready, success
    assert world.run(1.0, lambda: car.outcome is not None)
    assert car.outcome is not None
    assert car.outcome.attempts == 1


def test_a_car_that_toggles_at_another_plug_learns_it_by_validation(world: Any) -> None:
    """It hears us best and hangs on our neighbour: we saw nothing, it does not ask us in."""
    for port in ("station", "neighbour"):
        world.station(port)
        world.ready(port)
    world.medium.loss_db[frozenset(("car", "neighbour"))] = 12.0
    world.plugs["car"] = "neighbour"
    world.stations["station"].pilot("B", world.now)  # somebody else hangs here
    car = world.car(validate=True, toggles=2, attempts=1)
    world.run(5.0)
    assert validation_results(world) == [(0, 1), (0, 2)]
    assert car.failure == "the station saw other toggles than ours"
    assert MATCH_CNF not in world.kinds("station")


def test_a_validation_lasts_3_5_s_at_most_and_as_long_as_the_car_says(world: Any) -> None:
    station = world.station()
    world.ready()
    station.pilot("B", world.now)
    world.car(attempts=1, stops_before=MATCH_REQ)
    assert world.run(5.0, lambda: RSP in world.kinds("car"))
    world.run(0.01)  # until it has arrived
    mac, host = world.cars["car"].mac, bytes([2, 0, 0, 0, 0, 1])
    for timer, lasts in ((4, 0.5), (200, 3.5)):
        before, begin = len(validation_results(world)), world.now
        station.receive(mme.validate_req(host, mac, timer), world.now)
        for level in "CBCDB":
            station.pilot(level, world.now)
        assert world.run(10.0, lambda before=before: len(validation_results(world)) > before)
        assert world.now - begin == pytest.approx(lasts, abs=0.01)
        assert validation_results(world)[-1] == (2, 2)


def test_a_lost_first_answer_to_a_validation_is_asked_for_again(world: Any) -> None:
    world.station()
    world.ready()
    world.plugs["car"] = "station"
    world.spoil = lose(mme.VALIDATE_CNF, 1)
    car = world.car(validate=True, toggles=2)
    assert linked(world)
    assert validation_results(world) == [(0, 1), (0, 1), (2, 2)]
    assert world.run(1.0, lambda: car.outcome is not None)


@pytest.mark.parametrize(("conformance", "result"), [(False, 4), (True, 3)])
def test_without_a_pilot_to_look_at_validation_is_not_required_or_refused(
    world: Any, conformance: bool, result: int
) -> None:
    world.station(conformance=conformance)
    world.ready()
    car = world.car(validate=True)
    assert linked(world)
    assert validation_results(world) == [(0, result)]  # [V2G3-A09-51]
    assert world.run(1.0, lambda: car.outcome is not None)


@pytest.mark.parametrize("silent", [False, True])
def test_an_amplitude_map_is_our_modems_affair(world: Any, silent: bool) -> None:
    station = world.station()
    world.ready()
    car = world.car()
    assert linked(world)
    world.medium.modems["station"].silent = silent
    request = mme.build(bytes([2, 0, 0, 0, 0, 1]), car.mac, mme.AMP_MAP_REQ, b"\x02\0\x12")
    station.receive(request, world.now)
    begin = world.now
    world.run(0.2)
    answers = [(at, frame) for at, port, frame in world.sent if mme.kind_of(frame) == mme.AMP_MAP_CNF]
    [(at, answer)] = answers
    assert answer[19] == int(silent)
    assert at - begin <= 0.1 + 1e-6  # TP_amp_map_exchange


# --- two cars ---------------------------------------------------------------------------------------------------------


def test_two_cars_on_one_line_each_find_their_own_plug(world: Any) -> None:
    """Cross-talk of 22 dB: both stations hear both cars, each car takes the nearer one."""
    world.medium.default_db = 30.0
    for number in (1, 2):
        world.station(f"station{number}")
    for number in (1, 2):
        world.ready(f"station{number}")
    for number in (1, 2):
        world.medium.loss_db[frozenset((f"station{number}", f"car{number}"))] = 8.0
        world.car(f"car{number}")
    assert world.run(60.0, lambda: all(car.outcome for car in world.cars.values()))
    for number in (1, 2):
        matched = world.stations[f"station{number}"].matched
        assert matched is not None
        assert matched.mac == world.cars[f"car{number}"].mac
    keys = [world.medium.modems[port].nmk for port in ("car1", "car2")]
    assert len(set(keys)) == 2


def test_a_neighbours_car_is_no_error(world: Any) -> None:
    """It hears us, takes its own station, and our car that comes later is served."""
    station = world.station()
    world.ready()
    world.medium.loss_db[frozenset(("station", "foreign"))] = 25.0
    world.car("foreign", attempts=1)
    world.run(15.0)
    assert world.state() is State.WAITING
    car = world.car()
    assert linked(world)
    assert station.matched is not None
    assert station.matched.mac == car.mac


def test_a_station_whose_plug_is_out_says_nothing(world: Any) -> None:
    world.station()
    world.run(1.0)
    before = len(world.sent)
    car = world.car(attempts=1)
    world.run(2.0)
    assert car.failure == "no CM_SLAC_PARM.CNF"
    assert world.kinds("station")[before:] == []
    assert mme.SLAC_PARM_CNF not in world.kinds("station")


# --- every fault ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        (mme.SLAC_PARM_REQ, 2),
        (mme.SLAC_PARM_CNF, 2),
        (START, 2),
        (SOUND, 5),
        (mme.ATTEN_PROFILE_IND, 5),
        (RSP, 1),
        (IND, 2),
        (MATCH_REQ, 2),
        (MATCH_CNF, 2),
        (mme.SET_KEY_CNF, 2),
    ],
)
def test_lost_frames_are_made_good_in_the_same_attempt(world: Any, kind: int, times: int) -> None:
    world.station()
    world.spoil = lose(kind, times)
    world.run(3.0)
    world.ready()
    car = world.car()
    assert linked(world)
    assert world.run(1.0, lambda: car.outcome is not None)
    assert car.outcome is not None
    assert car.outcome.attempts == 1


def test_every_frame_twice_changes_nothing(world: Any) -> None:
    station = world.station()
    world.spoil = lambda port, frame: [(0.0, frame), (0.0, frame)]
    world.ready()
    car = world.car()
    assert linked(world)
    assert world.run(1.0, lambda: car.outcome is not None)
    assert station.matched is not None


def test_late_profiles_are_waited_for_when_all_sounds_were_heard(world: Any) -> None:
    station = world.station()
    world.spoil = lambda port, frame: [(0.03, frame)] if mme.kind_of(frame) == mme.ATTEN_PROFILE_IND else None
    world.ready()
    world.car()
    assert linked(world)
    assert station.matched is not None
    assert station.matched.sounds == 10


@pytest.mark.parametrize("late_s", [0.15, 0.5])
@pytest.mark.parametrize("conformance", [False, True])
@pytest.mark.parametrize(
    "kind",
    [PARM, mme.SLAC_PARM_CNF, START, SOUND, mme.ATTEN_PROFILE_IND, IND, RSP, MATCH_REQ, MATCH_CNF, mme.SET_KEY_CNF],
)
def test_one_late_frame_of_any_kind_costs_an_attempt_at_most(
    world: Any, kind: int, conformance: bool, late_s: float
) -> None:
    """Later than TT_match_response or TT_match_sequence allow, or in between: repeated, or the car begins anew."""
    station = world.station(conformance=conformance)
    left = [1]

    def delay(port: str, frame: bytes) -> Any:
        if mme.kind_of(frame) == kind and left[0]:
            left[0] -= 1
            return [(late_s, frame)]
        return None

    world.spoil = delay
    world.run(2.0)
    world.ready()
    car = world.car()
    world.run(30.0, lambda: car.outcome is not None or world.state() is State.FAILED)
    if conformance and (kind, late_s) == (PARM, 0.5):  # it restarts the run of its own repeat [V2G3-A09-16]: strictly,
        assert station.reason == "no CM_START_ATTEN_CHAR.IND"  # E/F and a new beginning follow
        return
    assert car.outcome is not None
    assert car.outcome.attempts <= 2
    assert left == [0]


def test_few_sounds_are_averaged_after_600_ms(world: Any) -> None:
    station = world.station()
    world.ready()
    world.car(sounds=3)
    assert linked(world)
    assert station.matched is not None
    assert station.matched.sounds == 3
    start = next(at for at, _, frame in world.sent if mme.kind_of(frame) == START)
    report = next(at for at, _, frame in world.sent if mme.kind_of(frame) == IND)
    assert report - start == pytest.approx(0.6, abs=0.01)  # TT_EVSE_match_MNBC


def test_zero_sounds_fail_the_run_and_no_report_is_sent(world: Any) -> None:
    station = world.station()
    world.ready()
    world.car(sounds=0, attempts=1)
    world.run(5.0)
    assert IND not in world.kinds("station")
    assert world.state() is State.WAITING  # lenient: once more
    world.car(sounds=0, attempts=1)
    world.run(5.0)
    assert world.state() is State.FAILED
    assert station.reason == "no CM_MNBC_SOUND.IND"


def test_a_modem_that_measures_nothing_lets_a_lone_car_in_and_says_so(world: Any) -> None:
    station = world.station(modem={"measures": False})
    world.ready()
    world.car()
    assert linked(world)
    assert any("attenuation assumed" in note for note in station.notes)


def test_a_modem_that_measures_nothing_lets_nobody_in_when_two_cars_sound(world: Any) -> None:
    station = world.station(modem={"measures": False})
    world.ready()
    world.car("car1", attempts=1)
    world.car("car2", attempts=1)
    world.run(5.0)
    assert IND not in world.kinds("station")
    assert station.matched is None


def test_conformance_reports_no_attenuation_nobody_measured(world: Any) -> None:
    world.station(modem={"measures": False}, conformance=True)
    world.ready()
    world.car(attempts=1)
    world.run(5.0)
    assert IND not in world.kinds("station")
    assert world.state() is State.FAILED


@pytest.mark.parametrize(
    ("silent_before", "after_s", "reason"),
    [
        (START, 0.4, "no CM_START_ATTEN_CHAR.IND"),
        (RSP, 0.6 + 0.6, "CM_ATTEN_CHAR.IND was not answered"),
        (MATCH_REQ, 10.0, "no CM_SLAC_MATCH.REQ: the car chose another station or gave up"),
    ],
)
def test_conformance_a_car_that_falls_silent_fails_the_process_when_its_time_is_up(
    world: Any, silent_before: int, after_s: float, reason: str
) -> None:
    station = world.station(conformance=True)
    world.ready()
    lost = {RSP: RSP}.get(silent_before)
    if lost is not None:
        world.spoil = lambda port, frame: [] if mme.kind_of(frame) == lost and port == "station" else None
        world.car(attempts=1, stops_before=MATCH_REQ)
    else:
        world.car(attempts=1, stops_before=silent_before)
    begin = world.now
    assert world.run(30.0, lambda: world.state() is State.FAILED)
    assert station.reason == reason
    assert world.now - begin == pytest.approx(after_s, abs=0.5)


def test_a_report_is_sent_three_times_200_ms_apart(world: Any) -> None:
    world.station()
    world.ready()
    world.spoil = lambda port, frame: [] if mme.kind_of(frame) == RSP else None
    world.car(attempts=1, stops_before=MATCH_REQ)
    world.run(5.0)
    times = [at for at, port, frame in world.sent if port == "station" and mme.kind_of(frame) == IND]
    assert len(times) == 3  # [V2G3-A09-46]
    assert times[1] - times[0] == pytest.approx(0.2, abs=0.001)
    assert times[2] - times[1] == pytest.approx(0.2, abs=0.001)


@pytest.mark.parametrize("at", [36, 30])
def test_a_foreign_run_id_is_passed_over(world: Any, at: int) -> None:
    """Sounds and requests of a run nobody opened are counted, and disturb nothing."""
    station = world.station()
    world.ready()

    def add_foreign(port: str, frame: bytes) -> Any:
        if port == "station" and mme.kind_of(frame) in {START, SOUND}:
            place = 30 if mme.kind_of(frame) == START else 39
            return [(0.0, frame[:place] + b"FOREIGN!" + frame[place + 8 :]), (0.0, frame)]
        return None

    world.spoil = add_foreign
    car = world.car()
    assert linked(world)
    assert station.dropped["no such run"] >= 13
    assert world.run(1.0, lambda: car.outcome is not None)


def test_a_link_that_never_comes_up_is_an_error_after_12_s(world: Any) -> None:
    station = world.station()
    world.medium.join_s = 1000.0
    world.ready()
    world.car(attempts=1)
    assert world.run(60.0, lambda: world.state() is State.JOINING)
    begin = world.now
    assert world.run(60.0, lambda: world.state() is State.FAILED)
    assert world.now - begin == pytest.approx(MATCH_JOIN_S, abs=0.01)
    assert station.reason == "no link within 12 s"


def test_a_car_that_restarts_midway_is_matched_in_its_second_run(world: Any) -> None:
    world.station()
    world.ready()
    car = world.car(restarts_after_report=True)
    assert linked(world)
    assert world.run(1.0, lambda: car.outcome is not None)
    assert car.outcome is not None
    assert car.outcome.attempts == 2


def test_a_car_that_restarts_with_the_same_run_id_restarts_that_run(world: Any) -> None:
    world.station(conformance=True)
    world.ready()
    car = world.car(restarts_after_report=True, run_id=b"SAMESAME")
    assert linked(world)
    assert world.run(1.0, lambda: car.outcome is not None)


def test_a_linked_car_may_begin_anew_where_it_is(world: Any) -> None:
    """Stellantis restarts SLAC in the same CP state; under conformance it has to go through the pilot."""
    world.station()
    world.ready()
    world.car()
    assert linked(world)
    world.car()
    assert world.run(1.0, lambda: world.state() is State.MATCHING)
    assert linked(world)


def test_conformance_a_linked_car_may_not_begin_anew(world: Any) -> None:
    world.station(conformance=True)
    world.ready()
    world.car()
    assert linked(world)
    world.car(attempts=1)
    world.run(3.0)
    assert world.state() is State.LINKED


def test_a_slow_car_may_come_after_half_a_minute(world: Any) -> None:
    world.station()
    world.ready()
    world.run(35.0)
    car = world.car()
    assert linked(world)
    assert world.run(1.0, lambda: car.outcome is not None)


def test_a_lost_link_is_told_once(world: Any) -> None:
    station = world.station()
    world.ready()
    world.car()
    assert linked(world)
    world.medium.modems["car"].nmk = b""
    assert world.run(5.0, lambda: world.state() is State.FAILED)
    assert station.reason == "the power-line link is lost"
    sent = len(world.sent)
    world.run(30.0)
    assert [each for each in world.sent[sent:] if each[1] == "station"] == []  # polls no more


def test_a_paused_network_is_kept_and_needs_no_slac(world: Any) -> None:
    station = world.station()
    world.ready()
    world.car()
    assert linked(world)
    keys = len(world.medium.modems["station"].keys)
    station.listen(False, world.now)
    station.pause(world.now)
    assert station.linked
    world.run(600.0)
    station.listen(True, world.now)
    assert station.linked
    assert linked(world, 2.0)
    assert len(world.medium.modems["station"].keys) == keys


def test_a_paused_network_that_is_gone_makes_room_for_slac(world: Any) -> None:
    station = world.station()
    world.ready()
    world.car()
    assert linked(world)
    station.listen(False, world.now)
    station.pause(world.now)
    world.medium.modems["car"].nmk = b""
    world.run(60.0)
    station.listen(True, world.now)
    assert world.run(7.0, lambda: world.state() is State.WAITING)  # T_conn_resume 6 s
    world.car()
    assert linked(world)


# --- modem ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["simulated", "qca7000", "cg5317"])
def test_a_modem_may_be_silent_come_late_and_vanish(world: Any, make: str) -> None:
    station = world.station(make=make, modem={"silent": True})
    world.run(20.0)
    assert world.state() is State.ABSENT
    assert station.reason == "the modem does not answer"
    world.medium.modems["station"].silent = False
    assert world.run(6.0, lambda: world.state() is State.WAITING)
    assert station.reason == ""
    world.medium.modems["station"].silent = True
    assert world.run(20.0, lambda: world.state() is State.ABSENT)
    assert station.identity is None


def test_a_modem_that_takes_no_key_is_no_modem(world: Any) -> None:
    station = world.station()
    world.spoil = lambda port, frame: [] if mme.kind_of(frame) == mme.SET_KEY_CNF else None
    assert world.run(10.0, lambda: station.reason == "the modem does not answer CM_SET_KEY")
    assert world.state() is State.ABSENT
    assert world.kinds("station").count(mme.SET_KEY_REQ) == 3
    assert all(frame[:6] != b"\xff" * 6 for _, _, frame in world.sent)


@pytest.mark.parametrize("make", ["simulated", "qca7000", "cg5317"])
def test_a_modem_is_reset_with_a_new_key_if_wanted(world: Any, make: str) -> None:
    station = world.station(make=make, reset_after_session=True)
    world.ready()
    world.car()
    assert linked(world)
    station.leave(world.now)
    assert world.run(10.0, lambda: world.state() is State.WAITING)
    assert world.medium.modems["station"].resets == station.resets == 1
    station.leave(world.now)  # the plug is pulled only now: no second reset
    world.run(5.0)
    assert station.resets == 1


def test_another_modem_on_the_line_cannot_answer_for_ours(world: Any) -> None:
    station = world.station()
    world.ready()
    world.medium.join_s = 1000.0
    world.car()
    assert world.run(10.0, lambda: world.state() is State.JOINING)
    host = bytes([2, 0, 0, 0, 0, 1])
    forged = mme.build(host, bytes([2, 0xEE, 0, 0, 0, 1]), 0xA001, bytes.fromhex("02504c0201"), mmv=0)
    station.receive(forged, world.now)
    assert world.state() is State.JOINING
    assert station.dropped["another modem"] == 1


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_flood_of_run_ids_is_bounded(world: Any) -> None:
    station = world.station()
    world.ready()
    for number in range(10_000):
        mac = bytes([2, 0xDD]) + number.to_bytes(4, "big")
        station.receive(mme.slac_parm_req(mac, number.to_bytes(8, "big")), world.now)
    assert station.dropped["too many runs"] == 10_000 - 8
    assert len(station.take()) == 8
