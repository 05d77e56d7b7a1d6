"""The guard: all connectors of a board, the lease, and the tick that keeps them safe.

`Guard.tick(now)` is one tick in whatever time the caller keeps; hal/ticker.py is the thread that calls it in real time.
No socket here: hal/link.py hands frames in (`receive`) and carries messages out (`take`).
"""

import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hal import grants, intents
from hal.connector import ConnectorGuard
from hal.connector_state import StationInputs
from hal.contracts import DeviceError, SafetyInput, Watchdog
from hal.mailbox import Event, Mailbox
from hal.observation import Reporter
from hal.overruns import Overruns
from hal.parts import Board
from hal.records import Records
from hal.site_meter import SiteReporter
from hal.token_readers import TokenReaders
from hal.wire import BEAT_S, VERSION, Beat, FromController, FromGuard, Hello, Lease

TICK_S: Final = 0.01
STOOD_STILL_S: Final = 0.1  # a longer pause between two ticks: hardware may have opened in the meantime
STATION_INPUTS: Final = ("emergency_stop", "mains_fail", "tamper")

_QUIET: Final = StationInputs()

log = logging.getLogger("guard")


class Counters:
    """What went wrong on the link and with the clock since start."""

    def __init__(self) -> None:
        self.bad_frames = 0
        self.old_frames = 0  # intents of an older epoch or without lease, echoes of old beats
        self.refused = 0  # for a connector or part this board has not
        self.late_ticks = 0  # the tick stood still


class Guard:
    """State of the whole board. Everything but `receive` and `take` belongs to the thread that ticks."""

    def __init__(
        self,
        board: Board,
        now: float,
        *,
        version: str = "",
        wake: Callable[[], None] | None = None,
        state: Path | None = None,
    ) -> None:
        """`state`: folder for black boxes and counters; without one nothing is kept."""
        self.connectors = {c.settings.id: ConnectorGuard(c, now) for c in board.connectors}
        self.lease = grants.Lease()
        self.ticks = 0
        self.counters = Counters()
        self.overruns = Overruns()
        self.mailbox = Mailbox(wake)
        self._name = board.settings.name
        self._version = version
        self._reporters = [Reporter(connector) for connector in self.connectors.values()]
        self._beats: deque[tuple[int, float]] = deque(maxlen=8)
        self._beat_at = -math.inf
        self._last_tick_at = now
        self._inputs: dict[str, SafetyInput] = {
            name: board.parts[name].driver for name in STATION_INPUTS if name in board.parts
        }
        self._watchdog: Watchdog | None = board.parts["watchdog"].driver if "watchdog" in board.parts else None
        self._station_reader = "token_reader" in board.parts
        self._tokens = TokenReaders(board, self.connectors, now)
        self._site = SiteReporter(board.parts["site_meter"], now) if "site_meter" in board.parts else None
        self._records: Records | None = None
        if state is not None:
            kept = {number: (each.black_box, each.wear) for number, each in self.connectors.items()}
            self._records = Records(state, kept, now)
        self._pollers = [
            *(poller for connector in self.connectors.values() for poller in connector.pollers),
            *self._tokens.pollers,
            *([self._site.poller] if self._site else ()),
            *([self._records.poller] if self._records else ()),
        ]
        self._threaded = False
        self._ending = False

    # --- other threads ----------------------------------------------------------------------------------------------

    def receive(self, item: FromController | Event) -> None:
        """From the link's thread: acts at the next tick."""
        self.mailbox.receive(item)

    def take(self) -> list[FromGuard]:
        """For the link's thread: what is to be sent, oldest first."""
        return self.mailbox.take()

    def start_workers(self) -> None:
        """Slow parts get threads of their own; without this each tick reads what is due (virtual time)."""
        self._threaded = True
        for poller in self._pollers:
            poller.start()

    def stop_workers(self) -> None:
        for poller in self._pollers:
            poller.stop()
        if self._records:
            self._records.store()

    @property
    def idle(self) -> bool:
        """Whether every contactor is open, by command and by its mirror contact."""
        return not any(c.pilot.closed or c.feedback for c in self.connectors.values())

    @property
    def resting(self) -> bool:
        """Whether no connector has anything that a tick could be late for."""
        return all(connector.resting for connector in self.connectors.values())

    def open_all(self) -> None:
        """Open every contactor, whatever the steps say; for the end of the tick thread. One that cannot be opened
        in a way nobody foresaw does not keep the others closed."""
        for connector in self.connectors.values():
            for way in connector.ways_to_open:
                try:
                    way()
                except DeviceError as error:
                    log.error("connector %d: %s", connector.board.id, error)
                except Exception:  # the end of a task: nothing is left to handle it, the next contactor counts
                    log.exception("connector %d: contactor cannot be opened", connector.board.id)

    # --- the tick ---------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """One tick at monotonic time `now`, s."""
        self.ticks += 1
        if not self._threaded:
            for poller in self._pollers:
                poller.run_due(now)
        if now - self._last_tick_at > STOOD_STILL_S:
            self._stood_still(now - self._last_tick_at, now)
        self._last_tick_at = now
        before = self.lease
        if self.mailbox.waiting:
            self._hear(now)
        self.lease = grants.expire(self.lease, now)
        if self.lease is not before:
            self._note_lease(before)
        station = self._read_station(now)
        for connector in self.connectors.values():
            connector.tick(now, station, lease=self.lease.held)
        if self._records:
            self._records.follow(now)
        self._speak(now)
        if self._watchdog:
            with contextlib.suppress(DeviceError):  # what does not feed, opens: that is its purpose
                self._watchdog.feed()

    def _note_lease(self, before: grants.Lease) -> None:
        if self.lease.epoch != before.epoch:
            if before.held:
                log.warning("lease lost: epoch %d", self.lease.epoch)
            self._beat_at = -math.inf
        elif self.lease.held and not before.held:
            log.info("lease held: epoch %d", self.lease.epoch)

    def _stood_still(self, pause_s: float, now: float) -> None:
        self.counters.late_ticks += 1
        log.error("guard stood still for %.0f ms", pause_s * 1000)
        for connector in self.connectors.values():
            connector.black_box.event(now, f"guard stood still for {pause_s * 1000:.0f} ms")
            connector.after_pause(f"guard stood still for {pause_s * 1000:.0f} ms", now)

    def _read_station(self, now: float) -> StationInputs:
        tripped, said, overrun = set[str](), "", self.overruns.fault(now)
        for name, part in self._inputs.items():
            try:
                if part.active():
                    tripped.add(name)
            except DeviceError as error:
                tripped.add(name)
                said = str(error)
        if not tripped and not overrun:
            return _QUIET
        return StationInputs(
            emergency_stop="emergency_stop" in tripped,
            mains_fail="mains_fail" in tripped,
            tamper="tamper" in tripped,
            device=said,
            overrun=overrun,
        )

    # --- hearing ----------------------------------------------------------------------------------------------------

    def _hear(self, now: float) -> None:
        for item in self.mailbox.heard():
            if isinstance(item, Event):
                self._happened(item)
            else:
                self.lease = grants.good_frame(self.lease)
                self._obey(item, now)

    def _happened(self, event: Event) -> None:
        if event is Event.BAD_FRAME:
            self.counters.bad_frames += 1
            self.lease = grants.bad_frame(self.lease)
        elif event is Event.DISCONNECTED:
            self.lease = grants.lose(self.lease)
        elif event is Event.CONNECTED:
            self._greet()
        else:
            self._ending = True
            for connector in self.connectors.values():
                connector.revoke("guard is ending", now=False)
            self.lease = grants.lose(self.lease)

    def _greet(self) -> None:
        self.mailbox.say(
            Hello(
                version=VERSION,
                board=self._name,
                guard=self._version,
                epoch=self.lease.epoch,
                tick=self.ticks,
                connectors=tuple(connector.capability for connector in self.connectors.values()),
                station_token_reader=self._station_reader,
            )
        )
        self._beat_at = -math.inf
        self._tokens.forget()  # swiped while nobody listened
        for reporter in self._reporters:
            reporter.force()
        for connector in self.connectors.values():
            if connector.sessions:
                connector.sessions.repeat()

    def _obey(self, message: FromController, now: float) -> None:
        if isinstance(message, Lease):
            sent_at = None if self._ending else dict(self._beats).get(message.tick)
            renewed = grants.renew(self.lease, message.epoch, sent_at, now)
            self.counters.old_frames += renewed is self.lease
            if renewed.held and not self.lease.held:
                self._beat_at = -math.inf  # say so with the next tick
            self.lease = renewed
        elif message.epoch != self.lease.epoch or not self.lease.held:
            self.counters.old_frames += 1
        elif (connector := self.connectors.get(message.connector)) is None:
            self.counters.refused += 1
        else:
            connector.black_box.event(now, intents.in_words(message))
            intents.obey(connector, message)

    # --- speaking ---------------------------------------------------------------------------------------------------

    def _speak(self, now: float) -> None:
        say = self.mailbox.say
        if self._tokens.waiting:
            for token in self._tokens.take():
                say(token)
        for connector in self.connectors.values():
            if connector.sessions:
                for record in connector.sessions.take():
                    say(record)
        if self._site and (site := self._site.due(now)) is not None:
            say(site)
        for reporter in self._reporters:
            if (seen := reporter.due(self.ticks, self.lease.epoch, now)) is not None:
                say(seen)
        if now - self._beat_at >= BEAT_S - TICK_S / 2:
            self._beat_at = now
            self._beats.append((self.ticks, now))
            say(Beat(self.ticks, self.lease.epoch, self.lease.held, self.overruns.count))
        self.mailbox.post()
