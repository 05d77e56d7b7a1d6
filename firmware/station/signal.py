"""Tell whoever listens that something changed. Carries no data: listeners read the object that owns the signal.

Callbacks run synchronously in the event loop and must be quick; a callback may subscribe or unsubscribe others.
"""

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class Signal:
    """A list of callbacks."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callable[[], None]] = {}

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on every notify() until the returned function is called (calling it twice is harmless)."""
        key = object()
        self._callbacks[key] = callback

        def unsubscribe() -> None:
            self._callbacks.pop(key, None)

        return unsubscribe

    def notify(self) -> None:
        """Call every subscriber that is still subscribed when its turn comes; one that fails does not stop the rest."""
        for key in tuple(self._callbacks):
            callback = self._callbacks.get(key)
            if callback is None:
                continue
            try:
                callback()
            except Exception:  # a task runner: whoever notifies has a connector to look after
                log.exception("a listener failed")


async def until(signal: Signal, condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until `condition` holds, looking at it after every notify(); False when it did not within the time."""
    if condition():
        return True
    changed = asyncio.Event()
    unsubscribe = signal.subscribe(changed.set)
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                changed.clear()
                await changed.wait()
    except TimeoutError:
        return condition()
    finally:
        unsubscribe()
    return True
