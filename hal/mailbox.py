"""Between the link's thread and the tick's: what was heard, what is to be said. Neither waits for the other.

What a message means is the guard's (hal/guard.py); packets and the socket are hal/link.py.
"""

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from hal.wire import FromController, FromGuard, Lease

OUTBOX: Final = 64
INBOX: Final = 512  # more waiting than this is a flood: dropped and counted
HEARD_PER_TICK: Final = 64


class Event(Enum):
    """What happens on the link besides messages."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    BAD_FRAME = "bad frame"
    STOP = "stop"  # the guard is asked to end: let the cars go


class Mailbox:
    """`receive` and `take` are for the link's thread, the rest for the tick's."""

    def __init__(self, wake_link: Callable[[], None] | None = None) -> None:
        self.flooded = 0
        self.wake_tick: Callable[[], None] | None = None  # ends the rest of a tick that rests
        self._wake_link = wake_link
        self._inbox: deque[FromController | Event] = deque()
        self._outbox: deque[FromGuard] = deque(maxlen=OUTBOX)
        self._unsaid = False

    def receive(self, item: FromController | Event) -> None:
        rare = isinstance(item, Event) and item is not Event.BAD_FRAME  # one per connection, or per life
        if len(self._inbox) >= INBOX and not rare:
            self.flooded += 1
            return
        self._inbox.append(item)
        if self.wake_tick and type(item) is not Lease:  # an echo asks for nothing
            self.wake_tick()

    def take(self) -> list[FromGuard]:
        """What is to be sent, oldest first."""
        taken: list[FromGuard] = []
        while self._outbox:
            taken.append(self._outbox.popleft())
        return taken

    @property
    def waiting(self) -> bool:
        """Whether anything was heard since: most ticks hear nothing."""
        return bool(self._inbox)

    def heard(self) -> Iterator[FromController | Event]:
        """What came since, as much as one tick may hear."""
        for _ in range(min(len(self._inbox), HEARD_PER_TICK)):
            yield self._inbox.popleft()

    def say(self, message: FromGuard) -> None:
        self._outbox.append(message)
        self._unsaid = True

    def post(self) -> None:
        """At the end of a tick: the link's thread is woken once for all that was said."""
        if self._unsaid:
            self._unsaid = False
            if self._wake_link:
                self._wake_link()
