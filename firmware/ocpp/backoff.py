"""How long to wait before dialling again (2.0.1 part 4 ch. 5.3 and 8; used for 1.6 too, which leaves it open). Pure."""

import random
from collections.abc import Callable


class Backoff:
    """Waits: minimum, doubled after each failure at most `repeats` times, each with a fresh random part. For ever."""

    def __init__(self, spread: Callable[[], float] = random.random) -> None:
        self._spread = spread
        self._failures = 0

    def connected(self) -> None:
        """Only a successful connection starts the waits anew."""
        self._failures = 0

    def next(self, minimum: float, random_range: float, repeats: int) -> float:
        """Seconds to wait before the next attempt."""
        wait = minimum * (1 << min(self._failures, repeats))
        self._failures += 1
        return wait + self._spread() * random_range
