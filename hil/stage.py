"""The demo's stage: keeps feed and picture up to date while the script waits for something or just lets time pass."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

from hil import screen
from hil.feed import Feed
from hil.rig import CONDITIONS, JsonObject
from hil.stack import Stack
from hil.timeline import Timeline

FRAME_S: Final = 0.1


class NotReached(RuntimeError):
    """What the script waited for did not happen; the text says what, and what the station says of it."""


class Stage:
    """`live` draws a picture on the terminal; else one line per event goes out."""

    def __init__(self, stack: Stack, *, live: bool, ocpp: str, out: TextIO = sys.stdout) -> None:
        self.stack = stack
        self.rig = stack.rig
        self.feed = Feed(stack.rig, stack.folder)
        self.scene = screen.Scene(ocpp=ocpp)
        self._timeline = None if live else Timeline(out)
        self._out = out
        self._began = time.monotonic()

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    def act(self, number: int, of: int, title: str) -> None:
        """A new act begins."""
        self.scene.act, self.scene.acts, self.scene.title = number, of, title
        self.scene.story.clear()
        if self._timeline:
            self._timeline.say(self.now, "", f"--- {title} ---")

    def say(self, text: str) -> None:
        """One sentence of the story."""
        self.scene.story.append(text)
        if self._timeline:
            self._timeline.say(self.now, "", text)

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self.now < until:
            self._look()

    def until(self, what: str, within: float, holds: Callable[[JsonObject], bool] | None = None) -> None:
        """Wait for a named condition of the rig, or for `holds`. Raises NotReached, StackError."""
        condition = holds or CONDITIONS[what].holds
        until = self.now + within
        self._look()
        while not condition(self.feed.seen):
            if self.now > until:
                raise NotReached(f"not {what} within {within:.0f} s; the station says: {self.feed.why or 'nothing'}")
            self._look()

    def _look(self) -> None:
        self.stack.check_alive()
        self.feed.poll(self.now)
        self.scene.elapsed_s = self.now
        if self._timeline:
            self._timeline.update(self.now, self.feed)
        else:
            size = shutil.get_terminal_size()
            self._out.write(screen.frame(self.scene, self.feed, size.columns, size.lines))
            self._out.flush()
        time.sleep(FRAME_S)
