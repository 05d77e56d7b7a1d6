"""The shape of a controller's protocol: an object fed bytes and time, asked for bytes. No port, no thread, no clock.

Ours: rapi.py, cobs_protobuf.py, chargebyte_safety.py beside this file, and hal/mcu/dialect.py.
"""

from typing import Final

from hal.controllers.outlet import Outlet, Wish

FED_S: Final = 0.15  # the tick comes every 10 ms, resting every 50 ms: one that stays away this long has died


class Dialect:
    """What all have: outlets that are published, wishes that are obeyed, the tick's pulse, and counters."""

    #: the relay closes by itself in state C as soon as the pilot shows a duty: the duty is the permission
    closes_itself = False
    #: can show 5 % (digital communication)
    digital = True

    def __init__(self, outlets: int = 1) -> None:
        self.outlets = {number: Outlet() for number in range(1, outlets + 1)}
        self.wishes = {number: Wish() for number in range(1, outlets + 1)}
        self.fed_at = float("-inf")  # when the guard's tick was last seen at work
        self.bad_frames = 0
        self.trouble = ""  # what the controller said last that explains a silence or a fault

    def opened(self, now: float) -> None:
        """The line is there, for the first time or again: nothing that was said or heard before counts."""
        raise NotImplementedError

    def receive(self, data: bytes, now: float) -> None:
        """Bytes came in. Never raises for what they are: damaged ones are counted."""
        raise NotImplementedError

    def due(self, now: float) -> bytes:
        """What is to be sent now."""
        raise NotImplementedError

    def next_at(self, now: float) -> float:
        """When `due` has something again, if nothing is received or wished before."""
        raise NotImplementedError

    def farewell(self) -> bytes:
        """The last bytes before the line is closed: leave the outlets safe."""
        raise NotImplementedError

    def alive(self, now: float) -> bool:
        """Whether the guard's tick works: only then a controller may be told that we are there."""
        return now - self.fed_at < FED_S
