"""Tell whoever listens that something changed. Carries no data: listeners read the object that owns the signal.

Callbacks run synchronously in the event loop and must be quick; a callback may subscribe or unsubscribe others.
"""

from collections.abc import Callable


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
        """Call every subscriber that is still subscribed when its turn comes."""
        for key in tuple(self._callbacks):
            callback = self._callbacks.get(key)
            if callback is not None:
                callback()
