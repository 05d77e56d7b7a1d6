"""One or three phases: the wish reaches the guard once, again after a new epoch, and a board that cannot says so."""

from typing import Any

import msgspec

from firmware.energy.engine import Engine
from firmware.station.charging_profile import Period, Profile, Schedule
from hal import wire


def told(b: Any) -> list[int]:
    return [each.phases for each in b.peer.received if isinstance(each, wire.SetPhases)]


def capable(b: Any) -> Any:
    """The EVSE of a board with a phase contactor."""
    evse = b.station.evses[1]
    evse.hello((msgspec.structs.replace(evse.capability, phase_switch=True),))
    return evse


def test_a_board_that_cannot_says_why(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            assert evse.set_phases(1, "test") == "this connector cannot change its phases"
            assert evse.set_phases(3, "test") == ""
            assert not b.station.switches_phases
            evse.hello((msgspec.structs.replace(evse.capability, phases=1),))
            assert evse.set_phases(3, "test") == "no AC connector with so many phases"
            evse.hello(())
            assert evse.set_phases(1, "test") == "no AC connector with so many phases"
            await b.settle()
            assert told(b) == []

    play(scenario())


def test_the_wish_is_told_once_and_again_after_a_new_epoch(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = capable(b)
            assert b.station.switches_phases
            for _ in range(2):
                assert evse.set_phases(1, "solar") == ""
            await b.until(lambda: told(b) == [1])
            b.peer.lose_lease()
            await b.until(lambda: told(b) == [1, 1])
            evse.set_phases(3, "back office")
            await b.until(lambda: told(b) == [1, 1, 3])
            assert evse.phase_wish == (3, "back office")

    play(scenario())


def test_a_profile_says_how_many_phases(bench: Any, play: Any) -> None:
    """OCPP 2.0.1 K01.FR.43: a period's numberPhases is kept to where the board can, and ends with it."""

    async def scenario() -> None:
        engines: list[Engine] = []
        async with bench(prepare=lambda station: engines.append(Engine(station))) as b:
            evse = capable(b)
            engines[0].follow()
            await b.until(lambda: told(b)[-1:] == [3])
            periods = (Period(0, 10.0, phases=1), Period(60, 16.0, phases=3))
            profile = Profile(5, "TxDefaultProfile", "Absolute", 0, (Schedule("A", periods, start=b.clock.utc()),))
            assert engines[0].install(1, profile, "2.0.1") is None
            await b.until(lambda: told(b)[-1:] == [1])
            assert evse.phase_wish == (1, "csms: profile 5 TxDefaultProfile stack 0")
            b.clock.now += 61
            engines[0].follow()
            await b.until(lambda: told(b)[-1:] == [3])

    play(scenario())
