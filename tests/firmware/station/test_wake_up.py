"""State E or F shown by us, to wake a car up (ISO 15118-3 T_step_EF): the plug has not left."""

from typing import Any

from hal.contracts import PilotMode


def test_our_own_state_f_does_not_unplug_the_car(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="F", pilot=PilotMode.F)
            assert b.station.evses[1].plugged
            assert "Available" not in b.statuses()[1:]
            await b.move(level="B", pilot=PilotMode.X1)
            assert b.story() == ["Started 0 CablePluggedIn EVConnected"]

    play(scenario())


def test_a_line_in_state_f_without_our_doing_is_none_of_b_c_d(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="F", pilot=PilotMode.X1)
            assert not b.station.evses[1].plugged

    play(scenario())
