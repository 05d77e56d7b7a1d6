"""One token per presentation: a card that lies on the reader, or is held a little shaky, counts once."""

import time
from collections.abc import Callable
from typing import Final

GONE_S: Final = 1.0  # not seen for so long: the next sight is a new presentation
MIN_HEX, MAX_HEX = 4, 40  # 2 to 20 bytes: identifiers of ISO 14443 and 15693 and the keypads' codes


class Presentation:
    """Feed it every sight of a card."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._token: str | None = None
        self._seen_at = 0.0

    def see(self, token: str | None) -> str | None:
        """What was seen just now (None: no card); the token at its first sight, else None."""
        now = self._clock()
        if token is None:
            if self._token is not None and now - self._seen_at > GONE_S:
                self._token = None
            return None
        fresh = token != self._token or now - self._seen_at > GONE_S
        self._token, self._seen_at = token, now
        return token if fresh else None
