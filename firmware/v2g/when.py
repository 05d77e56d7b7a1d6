"""An answer that must wait on the world: `reply=when(condition, within=4.2, then=..., otherwise=...)`.

A script only states it. `Peer` alone waits, looks again whenever the station changes, and answers before the
message's performance time ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class When(Generic[T]):
    """`then` (a message, or a function making it at that moment) once `condition` holds; `otherwise` (a message, or a
    response code whose failure reply is derived from the message class) when it did not within `within` seconds."""

    condition: Callable[[], bool]
    within: float
    then: T | Callable[[], T]
    otherwise: T | StrEnum


def when(condition: Callable[[], bool], *, within: float, then: T | Callable[[], T], otherwise: T | StrEnum) -> When[T]:
    """See `When`. `condition` is asked at once, and again on every change of the station."""
    return When(condition, within, then, otherwise)
