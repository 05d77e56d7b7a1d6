"""The guard: all connectors of a board, the lease, and the tick every 10 ms that keeps them safe.

`Guard.tick(now)` is one tick in whatever time the caller keeps; `Ticker` is the thread that calls it in real time.
No socket here: hal/link.py hands frames in (`receive`) and carries messages out (`take`).
"""

import contextlib
import gc
import logging
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final

from hal import dc_path, grants, realtime
from hal.connector import ConnectorGuard, StationInputs
from hal.contracts import DeviceError, Light, PilotOutput, SafetyInput, TokenReader, Watchdog
from hal.observation import Reporter
from hal.parts import Board
from hal.polling import Poller
from hal.records import Records
from hal.site_meter import SiteReporter
from hal.wire import (
    BEAT_S,
    VERSION,
    Beat,
    ClearFault,
    DcIntent,
    FromController,
    FromGuard,
    GrantIntent,
    Hello,
    IndicatorIntent,
    Lease,
    LockIntent,
    MeterSession,
    Revoke,
    SetPhases,
    SetPilot,
    Token,
)

TICK_S: Final = 0.01
RESTING_TICK_S: Final = 0.05  # while no connector has a car: a fifth of the wake-ups, a plug-in is seen 0.1 s later
STOOD_STILL_S: Final = 0.1  # a longer pause between two ticks: hardware may have opened in the meantime
LATE_S: Final = 0.05  # a tick that begins later is an overrun: half of the 100 ms a contactor may take to open
OVERRUNS: Final = 10  # so many ...
OVERRUN_WINDOW_S: Final = 10.0  # ... within this time are a fault: the machine cannot keep what we promise
OUTBOX: Final = 64
INBOX: Final = 512  # more waiting than this is a flood: dropped and counted
HEARD_PER_TICK: Final = 64

_NO_NEWS: Final = ("epoch", "connector")

log = logging.getLogger("guard")


class Event(Enum):
    """What happens on the link besides messages."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    BAD_FRAME = "bad frame"
    STOP = "stop"  # the guard is asked to end: let the cars go


class Counters:
    """What went wrong on the link and with the clock since start."""

    def __init__(self) -> None:
        self.bad_frames = 0
        self.old_frames = 0  # intents of an older epoch or without lease, echoes of old beats
        self.refused = 0  # for a connector or part this board has not
        self.flooded = 0
        self.late_ticks = 0  # the tick stood still
        self.overruns = 0  # it began later than LATE_S


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
        self._name = board.settings.name
        self._version = version
        self._wake = wake
        self._reporters = [Reporter(connector) for connector in self.connectors.values()]
        self._inbox: deque[FromController | Event] = deque()
        self._outbox: deque[FromGuard] = deque(maxlen=OUTBOX)
        self._beats: deque[tuple[int, float]] = deque(maxlen=8)
        self._beat_at = float("-inf")
        self._last_tick_at = now
        self._inputs: dict[str, SafetyInput] = {
            name: board.parts[name].driver for name in ("emergency_stop", "mains_fail", "tamper") if name in board.parts
        }
        self._watchdog: Watchdog | None = board.parts["watchdog"].driver if "watchdog" in board.parts else None
        self._station_reader = "token_reader" in board.parts
        self._tokens: deque[Token] = deque(maxlen=16)
        self._pollers = [poller for connector in self.connectors.values() for poller in connector.pollers]
        self._take_readers(board, now)
        self._site = SiteReporter(board.parts["site_meter"], now) if "site_meter" in board.parts else None
        if self._site:
            self._pollers.append(self._site.poller)
        self._records: Records | None = None
        if state is not None:
            kept = {number: (each.black_box, each.wear) for number, each in self.connectors.items()}
            self._records = Records(state, kept, now)
            self._pollers.append(self._records.poller)
        self._threaded = False
        self._ending = False
        self._overruns: deque[float] = deque(maxlen=OVERRUNS)

    def _take_readers(self, board: Board, now: float) -> None:
        readers = [(0, board.parts)] + [(c.settings.id, c.parts) for c in board.connectors]
        for number, parts in readers:
            if part := parts.get("token_reader"):
                read = _reading(part.driver, number, self._tokens)
                poller: Poller[None] = Poller(f"{number}.token_reader", read, part.poll_s, part.stale_s, now)
                self._pollers.append(poller)
                for connector in self.connectors.values() if number == 0 else [self.connectors[number]]:
                    connector.reader = poller

    # --- other threads ----------------------------------------------------------------------------------------------

    def receive(self, item: FromController | Event) -> None:
        """From the link's thread: acts at the next tick."""
        rare = isinstance(item, Event) and item is not Event.BAD_FRAME  # one per connection, or per life
        if len(self._inbox) < INBOX or rare:
            self._inbox.append(item)
        else:
            self.counters.flooded += 1

    def take(self) -> list[FromGuard]:
        """For the link's thread: what is to be sent, oldest first."""
        taken: list[FromGuard] = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._outbox.popleft())
        return taken

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
        """Whether no connector has a car or anything else to watch."""
        return all(connector.resting for connector in self.connectors.values())

    def open_all(self) -> None:
        """Open every contactor, whatever the steps say; for the end of the tick thread. One that cannot be opened
        in a way nobody foresaw does not keep the others closed."""
        for connector in self.connectors.values():
            try:
                connector.open()
            except Exception:  # the end of a task: nothing is left to handle it, the next contactor counts
                log.exception("connector %d: contactor cannot be opened", connector.board.id)

    def note_late(self, late_s: float, now: float) -> None:
        """From the tick's thread: how late this tick begins."""
        if late_s <= LATE_S:
            return
        self.counters.overruns += 1
        self._overruns.append(now)
        log.warning("tick %.0f ms late (%d overruns so far)", late_s * 1000, self.counters.overruns)

    def _overrun(self, now: float) -> str:
        """What the fault says while overruns come too often, else ''."""
        if len(self._overruns) < OVERRUNS or now - self._overruns[0] > OVERRUN_WINDOW_S:
            return ""
        return f"{OVERRUNS} ticks more than {LATE_S * 1000:.0f} ms late within {OVERRUN_WINDOW_S:.0f} s"

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
        self._hear(now)
        self.lease = grants.expire(self.lease, now)
        if self.lease.epoch != before.epoch:
            if before.held:
                log.warning("lease lost: epoch %d", self.lease.epoch)
            self._beat_at = float("-inf")
        elif self.lease.held and not before.held:
            log.info("lease held: epoch %d", self.lease.epoch)
        station = self._read_station(now)
        for connector in self.connectors.values():
            seen = station
            if connector.board.shares_pins_with and (closed := self._closed_neighbour(connector)):
                seen = station._replace(shared_pins=closed)
            connector.tick(now, seen, lease=self.lease.held)
        if self._records:
            self._records.follow(now)
        self._speak(now)
        if self._watchdog:
            with contextlib.suppress(DeviceError):  # what does not feed, opens: that is its purpose
                self._watchdog.feed()

    def _closed_neighbour(self, connector: ConnectorGuard) -> str:
        """A connector on the same contacts of the plug that is closed, or not seen open; '' = none."""
        for number in connector.board.shares_pins_with:
            other = self.connectors[number]
            if other.pilot.closed or other.feedback:
                return f"connector {number} is closed on the same contacts"
        return ""

    def _stood_still(self, pause_s: float, now: float) -> None:
        self.counters.late_ticks += 1
        log.error("guard stood still for %.0f ms", pause_s * 1000)
        for connector in self.connectors.values():
            connector.black_box.event(now, f"guard stood still for {pause_s * 1000:.0f} ms")
            connector.after_pause(f"guard stood still for {pause_s * 1000:.0f} ms")

    def _read_station(self, now: float) -> StationInputs:
        said = ""
        active = dict.fromkeys(("emergency_stop", "mains_fail", "tamper"), False)
        for name, part in self._inputs.items():
            try:
                active[name] = part.active()
            except DeviceError as error:
                active[name], said = True, str(error)
        return StationInputs(active["emergency_stop"], active["mains_fail"], active["tamper"], said, self._overrun(now))

    # --- hearing ----------------------------------------------------------------------------------------------------

    def _hear(self, now: float) -> None:
        with contextlib.suppress(IndexError):
            for _ in range(HEARD_PER_TICK):
                item = self._inbox.popleft()
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
        self._outbox.append(
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
        self._beat_at = float("-inf")
        self._tokens.clear()  # swiped while nobody listened
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
            connector.black_box.event(now, _said(message))
            _apply(connector, message)

    # --- speaking ---------------------------------------------------------------------------------------------------

    def _speak(self, now: float) -> None:
        before = len(self._outbox)
        while self._tokens:
            self._outbox.append(self._tokens.popleft())
        for connector in self.connectors.values():
            if connector.sessions:
                self._outbox.extend(connector.sessions.take())
        if self._site and (site := self._site.due(now)) is not None:
            self._outbox.append(site)
        for reporter in self._reporters:
            if (seen := reporter.due(self.ticks, self.lease.epoch, now)) is not None:
                self._outbox.append(seen)
        if now - self._beat_at >= BEAT_S - TICK_S / 2:
            self._beat_at = now
            self._beats.append((self.ticks, now))
            self._outbox.append(Beat(self.ticks, self.lease.epoch, self.lease.held, self.counters.overruns))
        if self._wake and len(self._outbox) != before:
            self._wake()


def _said(message: FromController) -> str:
    """An intent as the black box keeps it."""
    words = [f"{name}={getattr(message, name)}" for name in message.__struct_fields__ if name not in _NO_NEWS]
    return f"{type(message).__name__} {' '.join(words)}"


def _apply(connector: ConnectorGuard, message: FromController) -> None:
    match message:
        case SetPilot():
            connector.wish = PilotOutput(message.mode, message.duty_percent)
        case GrantIntent():
            connector.give(
                grants.Grant(
                    message.session,
                    message.limit_a,
                    message.failsafe_limit_a,
                    message.ride_through_s,
                    message.limit_w,
                )
            )
        case Revoke():
            connector.revoke(message.reason, now=message.now)
        case DcIntent():
            wish = dc_path.Wish(message.phase, message.voltage_v, message.current_a, message.max_voltage_v)
            connector.ask_dc(wish)
        case LockIntent():
            connector.lock_wish = message.locked
        case MeterSession():
            if connector.sessions:
                connector.sessions.ask(message)
        case SetPhases():
            connector.ask_phases(message.phases)
        case IndicatorIntent():
            connector.show(Light(message.light))
        case ClearFault():
            connector.clear(message.code)


def _reading(reader: TokenReader, connector: int, found: deque[Token]) -> Callable[[], None]:
    """Read a token reader; what it reads goes to the guard's tick."""

    def read() -> None:
        if token := reader.poll():
            found.append(Token(connector, token, "ISO14443", time.monotonic()))

    return read


class Ticker:
    """The tick's own thread, on an absolute schedule: a late tick does not move the next. Not asyncio: two threads that
    compute delay a tick there by 200 ms."""

    def __init__(self, guard: Guard, *, priority: int = 0, late: Callable[[float], None] | None = None) -> None:
        self._guard = guard
        self._priority = priority
        self._late = late  # told how late each tick began, s
        self._stop = threading.Event()
        self.runs_as = ""  # priority of the tick's thread, for people
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)

    def start(self) -> None:
        # a driver thread that computes hands over after 0.1 ms instead of 5: measured, p99.9 of the tick 3 ms
        sys.setswitchinterval(1e-4)
        gc.collect()
        gc.freeze()
        self._thread.start()
        self._ready.wait()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        self.runs_as = realtime.raise_tick(self._priority)
        self._ready.set()
        try:
            self._keep_time()
        finally:  # stopped, or failed in a way nobody foresaw: in both cases nothing stays closed
            self._guard.open_all()

    def _keep_time(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            now = time.monotonic()
            if self._late:
                self._late(now - due)
            self._guard.note_late(now - due, now)
            self._guard.tick(now)
            due += RESTING_TICK_S if self._guard.resting else TICK_S
            now = time.monotonic()
            if due < now - STOOD_STILL_S:
                due = now  # after a stand-still no burst of ticks
            if due > now:
                time.sleep(due - now)
