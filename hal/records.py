"""What the guard keeps on disk: black boxes of faults and the counters of wear. Written by a thread of its own; a disk
that hangs or is full delays nothing and closes nothing.
"""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hal import black_box, wear
from hal.black_box import BlackBox
from hal.polling import Poller
from hal.wear import Wear

COUNTERS: Final = "wear.json"

log = logging.getLogger("records")


class Records:
    """Follows the black box and the counters of every connector; `follow` is called once a tick."""

    def __init__(self, folder: Path, connectors: Mapping[int, tuple[BlackBox, Wear]], now: float) -> None:
        self.poller: Poller[None] = Poller("records", _nothing, 3600.0, 3600.0, now)
        self._folder = folder
        self._connectors = connectors
        self._write_at = now + wear.WRITE_EVERY_S
        self._written: dict[int, wear.Counts] = {}
        self._writing = threading.Lock()  # the end of the guard writes too
        self._load()

    def follow(self, now: float) -> None:
        for number, (box, _) in self._connectors.items():
            if (content := box.due(now)) is not None:
                self._ask_for(number, content)
        if now >= self._write_at:
            self._write_at = now + wear.WRITE_EVERY_S
            if self._changed():
                self.poller.request(self.store)

    def store(self) -> None:
        """Write the counters now: when they are due, and at the end."""
        with self._writing:
            counts = {number: msgspec.structs.replace(each.counts) for number, (_, each) in self._connectors.items()}
            try:
                wear.store(self._folder / COUNTERS, counts)
            except OSError as error:
                log.warning("counters not written: %s", error)
            else:
                self._written = counts

    def _ask_for(self, number: int, content: bytes) -> None:
        def write() -> None:
            try:
                path = black_box.write(self._folder, number, content)
            except OSError as error:
                log.warning("black box of connector %d not written: %s", number, error)
            else:
                log.warning("black box of connector %d: %s", number, path)

        self.poller.request(write)

    def _changed(self) -> bool:
        return any(self._written.get(number) != each.counts for number, (_, each) in self._connectors.items())

    def _load(self) -> None:
        """Counting goes on where it ended; a damaged file is said and counted anew, it does not stop a station."""
        try:
            found = wear.load(self._folder / COUNTERS)
        except (ValueError, OSError) as error:
            log.warning("counters begin anew: %s", error)
            return
        for number, (_, each) in self._connectors.items():
            each.counts = found.get(number, each.counts)
            self._written[number] = msgspec.structs.replace(each.counts)


def _nothing() -> None:
    return None
