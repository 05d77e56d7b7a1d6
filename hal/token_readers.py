"""All token readers of a board, each read in a thread of its own; what was read waits for the tick.

A connector knows the one that serves it, its own or the station's: that it is absent is a state, not a fault.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from hal.connector import ConnectorGuard
from hal.contracts import TokenReader
from hal.parts import Board
from hal.polling import Poller
from hal.wire import Token

STATION: Final = 0  # number of the reader that serves every connector
WAITING: Final = 16


class TokenReaders:
    """`take` and `forget` are for the tick."""

    def __init__(self, board: Board, connectors: Mapping[int, ConnectorGuard], now: float) -> None:
        self.pollers: list[Poller[None]] = []
        self._found: deque[Token] = deque(maxlen=WAITING)
        for number, parts in ((STATION, board.parts), *((c.settings.id, c.parts) for c in board.connectors)):
            if part := parts.get("token_reader"):
                read = self._reading(part.driver, number)
                poller: Poller[None] = Poller(f"{number}.token_reader", read, part.poll_s, part.stale_s, now)
                self.pollers.append(poller)
                for connector in connectors.values() if number == STATION else [connectors[number]]:
                    connector.reader = poller

    @property
    def waiting(self) -> bool:
        return bool(self._found)

    def take(self) -> list[Token]:
        """What was read since, oldest first."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def forget(self) -> None:
        self._found.clear()

    def _reading(self, reader: TokenReader, connector: int) -> Callable[[], None]:
        def read() -> None:
            if token := reader.poll():
                self._found.append(Token(connector, token, "ISO14443", time.monotonic()))

        return read
