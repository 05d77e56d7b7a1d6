"""A SLAC script's other side and what runs the script: fed messages and time, asked for messages. No socket, no clock.

The same trampoline as `conversation`'s, for short scripts over frames: the answer is ready when the call that brought
the message returns.
"""

import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar, overload

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T = TypeVar("T")

MAX_WAITING: Final = 64  # messages nobody asked for yet


class Failed(Exception):
    """The script cannot reach its end; the text says why."""


@types.coroutine
def _until_something_happens() -> Generator[None]:
    yield


class Talk:
    """The other side as a script meets it. `now` and the messages are given by the runner."""

    def __init__(self) -> None:
        self.now = 0.0
        self.deadline: float | None = None
        self.inbox: deque[object] = deque(maxlen=MAX_WAITING)
        self.outbox: list[object] = []

    def say(self, message: object) -> None:
        self.outbox.append(message)

    @overload
    async def next(self, first: type[A], /, *, until: float) -> A | None: ...
    @overload
    async def next(self, first: type[A], second: type[B], /, *, until: float) -> A | B | None: ...
    @overload
    async def next(self, first: type[A], second: type[B], third: type[C], /, *, until: float) -> A | B | C | None: ...
    async def next(self, *expected: type[Any], until: float) -> Any:
        """The next message of one of these kinds, None when `until` has come; every other message is passed over."""
        while True:
            while self.inbox:
                message = self.inbox.popleft()
                if isinstance(message, expected):
                    return message
            if self.now >= until:
                return None
            self.deadline = until
            await _until_something_happens()

    async def pause(self, until: float) -> None:
        """Hear nothing until then."""
        await self.next(until=until)  # type: ignore[call-overload]


class Script(Generic[T]):
    """One running script. `ended`: with a `result`, or with a `failure` unless it was closed."""

    def __init__(self, script: Callable[[], Coroutine[Any, Any, T]], talk: Talk, now: float) -> None:
        self.talk = talk
        self.result: T | None = None
        self.failure: Failed | None = None
        self.ended = False
        self._coroutine = script()
        self.poke(now)

    @property
    def deadline(self) -> float | None:
        return None if self.ended else self.talk.deadline

    def receive(self, message: object, now: float) -> None:
        if not self.ended:
            self.talk.inbox.append(message)
            self.poke(now)

    def poke(self, now: float) -> None:
        """Time has passed."""
        if self.ended:
            return
        self.talk.now = now
        try:
            self._coroutine.send(None)
        except StopIteration as end:
            self.ended, self.result = True, end.value
        except Failed as failure:
            self.ended, self.failure = True, failure

    def take(self) -> list[object]:
        """What is to be sent now."""
        said, self.talk.outbox = self.talk.outbox, []
        return said

    def close(self) -> None:
        """Stop it where it waits."""
        if not self.ended:
            self._coroutine.close()
            self.ended = True
