"""One or three phases: the wish reaches the guard once, again after a new epoch, and a board that cannot says so."""

from typing import Any

import msgspec

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
