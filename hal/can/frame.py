"""What goes over a CAN bus, without one: protocols, supplies and `pilotline check` need no python-can."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Frame(NamedTuple):
    """29-bit id and at most 8 bytes."""

    can_id: int
    data: bytes


Listener = Callable[[Frame], None]


class Wire(Protocol):
    """What a supply asks of its bus (`CanBus` of hal/can/bus.py)."""

    def join(self, listener: Listener) -> None: ...
    def leave(self, listener: Listener) -> None: ...
    def send(self, frame: Frame) -> None: ...
