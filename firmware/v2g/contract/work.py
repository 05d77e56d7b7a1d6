"""An answer on its way: a coroutine that runs beside a session script, which may only look whether it is done.

A script never awaits the world. It starts work, answers Ongoing or `when(work.done, ...)`, and drops what comes late.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Running(Protocol):
    """What starting a coroutine gives: `asyncio.Task` is one."""

    def cancel(self) -> object: ...


Spawn = Callable[[Coroutine[Any, Any, None]], Running]


def as_task(work: Coroutine[Any, Any, None]) -> Running:
    """On the loop that runs."""
    return asyncio.ensure_future(work)


class Work(Generic[T]):
    """`result` is None until it is there. `changed` is called once, when it is; never after `drop`."""

    def __init__(
        self, question: Callable[[], Coroutine[Any, Any, T]], changed: Callable[[], None], spawn: Spawn = as_task
    ) -> None:
        self.result: T | None = None
        self._dropped = False
        self._changed = changed
        self._running = spawn(self._run(question))

    async def _run(self, question: Callable[[], Coroutine[Any, Any, T]]) -> None:
        result = await question()
        if not self._dropped:
            self.result = result
            self._changed()

    def done(self) -> bool:
        return self.result is not None

    def drop(self) -> None:
        """Nobody waits any more: what comes later is not looked at."""
        if not self._dropped:
            self._dropped = True
            self._running.cancel()
