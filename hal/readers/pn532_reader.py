"""A PN532 on any wire: brings it up, asks for a card, and when it does not answer begins anew with the next poll.

An absent reader is a state: it takes no station down, and one that is plugged in (again) later works.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

from hal.contracts import DeviceError
from hal.readers import pn532
from hal.readers.presentation import Presentation

ACK_S: Final = 0.05
ANSWER_S: Final = 0.3


class Wire(Protocol):
    """Bytes to and from the chip. All raise DeviceError."""

    def send(self, data: bytes) -> None: ...

    def receive(self, within_s: float) -> bytes:
        """What has come, at least one byte; b'' when nothing came in time."""
        ...

    def close(self) -> None: ...


class Pn532Driver:
    """What the drivers of both wires share: `wire` of the chip, found and lost by the reader."""

    _reader: "Pn532Reader | None"

    def take(self, name: str, connect: Callable[[], Wire]) -> None:
        """Does not look for the reader yet: a station without it still charges."""
        self._reader = Pn532Reader(name, connect)

    def detach(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def poll(self) -> str | None:
        if self._reader is None:
            raise DeviceError("card reader: not attached")
        return self._reader.poll()


class Pn532Reader:
    """`poll` as the contract TokenReader wants it."""

    def __init__(self, name: str, connect: Callable[[], Wire]) -> None:
        self._name = name
        self._connect = connect
        self._wire: Wire | None = None
        self._presentation = Presentation()

    def poll(self) -> str | None:
        try:
            wire = self._wire or self._begin()
            seen = pn532.card(self._ask(wire, pn532.LIST_TYPE_A))
        except DeviceError as error:
            self.close()
            raise DeviceError(f"{self._name}: {error}") from error
        return self._presentation.see(seen)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _begin(self) -> Wire:
        wire = self._connect()
        try:
            self._ask(wire, pn532.SAM_NORMAL)
            self._ask(wire, pn532.ONE_TRY)
        except DeviceError:
            wire.close()
            raise
        self._wire = wire
        return wire

    def _ask(self, wire: Wire, command: bytes) -> bytes:
        wire.send(pn532.frame(command))
        buffer, acknowledged = b"", False
        until = time.monotonic() + ACK_S
        while True:
            payload, used = pn532.take(buffer)
            if payload is not None:
                buffer = buffer[used:]
                if payload == b"":
                    acknowledged, until = True, time.monotonic() + ANSWER_S
                elif acknowledged and payload[0] == command[0] + 1:
                    return payload
                continue  # late, of an earlier command
            left = until - time.monotonic()
            more = wire.receive(left) if left > 0 else b""
            if not more:
                raise DeviceError("no answer" if acknowledged else "it does not acknowledge")
            buffer = (buffer + more)[-pn532.MAX_FRAME :]
