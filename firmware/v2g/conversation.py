"""Runs one session script over one byte stream: fed bytes and time, asked for bytes. No socket, no clock, no task.

The script is stepped in the same call that brings the bytes, so its answer is ready when that call returns. A script
that ends in any way, also by an error of ours, leaves the car side in its safe state: that is the script's `finally`.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from firmware.v2g.ending import Ending
from firmware.v2g.evse_link import Session
from firmware.v2g.exi import ExiError
from firmware.v2g.peer import ConnectionLost, EvStops, Exchanged, Peer, SessionError
from firmware.v2g.v2gtp import FrameReader, V2gtpError

log = logging.getLogger(__name__)

MAX_WAITING: Final = 4  # a car waits for its answer; one that sends more requests ahead is not talking to us


Script = Callable[[Peer], Coroutine[Any, Any, Ending]]


class Conversation:
    """One script with its peer. After every call: send `take()`, look at `ended` and `deadline`."""

    def __init__(self, script: Script, peer: Peer, now: float) -> None:
        self.peer = peer
        self.ended: Ending | None = None
        self._reader = FrameReader()
        self._coroutine = script(self.peer)
        self._running = False
        self._again = False
        self._cancelled: str | None = None
        self.poke(now)

    @property
    def deadline(self) -> float | None:
        """When `poke` must be called at the latest, on the clock that `now` is given in."""
        return None if self.ended is not None else self.peer.deadline

    def take(self) -> bytes:
        """The bytes that are to be sent now."""
        data = b"".join(self.peer.outbox)
        self.peer.outbox.clear()
        return data

    def take_messages(self) -> list[Exchanged]:
        """The messages since the last call, both ways."""
        messages, self.peer.messages = self.peer.messages, []
        return messages

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the car arrived, in pieces of any size."""
        if self.ended is not None:
            return
        try:
            self.peer.inbox.extend(self._reader.feed(data))
        except V2gtpError as error:
            self._throw(ConnectionLost(f"no V2GTP: {error}"), now)
            return
        if len(self.peer.inbox) > MAX_WAITING:
            self._throw(ConnectionLost(f"{len(self.peer.inbox)} requests at once"), now)
            return
        self.poke(now)

    def lost(self, reason: str, now: float) -> None:
        """The connection is gone."""
        self._throw(ConnectionLost(reason), now)

    def cancel(self, reason: str) -> None:
        """We end it: nothing more is said to the car. The script's `finally` runs now, or when it next waits."""
        if self._running:
            self._cancelled = reason
        elif self.ended is None:
            self._coroutine.close()
            self.ended = Ending(Session.FAILED, reason)

    def poke(self, now: float) -> None:
        """Time has passed or the station has changed."""
        if self._running:  # the script itself changed the station: it looks again when it next waits
            self._again = True
            return
        while self.ended is None:
            self._again = False
            self._step(now, None)
            if not self._again:
                return

    def _throw(self, error: SessionError, now: float) -> None:
        if self.ended is None and not self._running:
            self._step(now, error)

    def _step(self, now: float, error: SessionError | None) -> None:
        """Run the script until it waits again. The task runner of a session: whatever it raises ends it."""
        self.peer.now = now
        self._running = True
        try:
            if error is None:
                self._coroutine.send(None)
            else:
                self._coroutine.throw(error)
        except StopIteration as end:
            self.ended = end.value
        except EvStops as stop:
            self.ended = Ending(Session.TERMINATED, f"car stopped with {stop}")
        except (SessionError, ExiError) as failure:
            self.ended = Ending(Session.FAILED, f"{failure}")
        except Exception as bug:  # the session's task runner: the station lives on
            log.exception("session script failed")
            self.ended = Ending(Session.FAILED, f"internal error: {bug!r}")
        finally:
            self._running = False
        if self._cancelled is not None:
            self.cancel(self._cancelled)
