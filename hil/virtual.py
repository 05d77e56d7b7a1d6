"""Plant and the real guard on one virtual clock, in this process: hours of charging in seconds, nothing to start.

It is the link of a `Rig`. What the controller would do is a function that gets each message of the guard.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hal import board
from hal.guard import Guard
from hal.mailbox import Event
from hal.parts import Board
from hal.sim.registers import Registers
from hal.wire import Beat, FromGuard, Hello, Lease, Observation
from hil.plant.commands import answer
from hil.plant.connector import Kind
from hil.plant.plant import Plant
from hil.rig import JsonObject

TICK_S: Final = 0.01


def kind_of(board: Board) -> Kind:
    """What the plant of this board is."""
    settings = [connector.settings for connector in board.connectors]
    if any(each.ac is not None for each in settings):
        return "nacs"
    return "dc" if any(each.dc for each in settings) else "ac"


class VirtualBench:
    """`controller` is called with every message of the guard; the lease is kept while `controller_alive`."""

    def __init__(
        self, board_file: Path, folder: Path, controller: Callable[["VirtualBench", FromGuard], None] | None = None
    ) -> None:
        """Raises ConfigError for a bad board file. `folder` keeps the register file."""
        self._board_file, self._registers = board_file, folder / "registers"
        self.board = board.load(board_file)
        self.plant = Plant(
            Registers.create(self._registers, len(self.board.connectors)),
            kind=kind_of(self.board),
        )
        self.now = 1000.0
        self.start_guard()
        self.controller_alive = True
        self.epoch = 1
        self.seen: dict[int, Observation] = {}  # the latest of each connector
        self._controller = controller

    def request(self, request: JsonObject) -> JsonObject:
        """Rig control."""
        reply: JsonObject = json.loads(answer(self.plant, json.dumps(request).encode()))
        return reply

    def pass_time(self, seconds: float) -> None:
        """Two steps of the plant for each tick of the guard."""
        until = self.now + seconds - 1e-9
        while self.now < until:
            self.plant.step(TICK_S / 2)
            self.plant.step(TICK_S / 2)
            self.now += TICK_S
            self.guard.tick(self.now)
            for message in self.guard.take():
                self._hear(message)

    def start_guard(self) -> None:
        """A new process takes the board: nothing of an earlier guard's memory is left, what its outputs were is."""
        self.board = board.load(self._board_file)
        self.board.attach(self._registers)
        self.guard = Guard(self.board, self.now)
        self.guard.receive(Event.CONNECTED)

    def without_guard(self, seconds: float) -> None:
        """The guard has died: only the plant goes on."""
        for _ in range(round(seconds / (TICK_S / 2))):
            self.plant.step(TICK_S / 2)

    def close(self) -> None:
        self.board.detach()

    def _hear(self, message: FromGuard) -> None:
        if isinstance(message, Observation):
            self.seen[message.connector] = message
        if not self.controller_alive:
            return
        if isinstance(message, Hello | Beat):
            self.epoch = message.epoch
        if isinstance(message, Beat):
            self.guard.receive(Lease(message.tick, message.epoch))
        if self._controller is not None:
            self._controller(self, message)
