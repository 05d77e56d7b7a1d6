"""Which session files are open and what goes into each: from plug-in until the last answer after unplugging.

Synchronous and told the time, so every case can be tested; the thread that runs it is `recorder.py`'s. What a line
looks like is `recording.py`'s, what must not be read in it `redaction.py`'s.
"""

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from firmware.panel.recording import LONGEST_LINE, Line, MeterPoint, RecordingBegan, RecordingEnded, RecordingThinned
from firmware.panel.redaction import Redactor
from firmware.panel.session_file import SessionFile
from firmware.station.car_facts import CarMessage, CarSession, PacketCapture
from firmware.station.charging_facts import LimitChanged
from firmware.station.facts import (
    AnyFact,
    Authorized,
    BackOfficeLink,
    BackOfficeMessage,
    ConnectorStatus,
    FaultCleared,
    FaultRaised,
    PilotChanged,
    TokenPresented,
    Transaction,
)

log = logging.getLogger(__name__)

TAIL_S = 3.0  # the back office's answers to the end of the transaction belong to the session
BEFORE_S = 60.0  # a token presented this long before plug-in belongs to it
#: what repeats is kept once in so many seconds, when the file is filled to this share
THINNING: Final = ((1 / 2, 10.0), (3 / 4, 60.0))
ONLY_VITAL = 15 / 16
CONTEXT_ENTRIES = 256
PLUGGED: Final = frozenset("BCD")
VITAL = (Transaction, FaultRaised, FaultCleared, CarSession, PacketCapture, RecordingEnded, RecordingThinned)
ASKS_TO_CHARGE: Final = frozenset({"Authorize", "RequestStartTransaction", "RemoteStartTransaction", "ReserveNow"})


@dataclass(frozen=True)
class Bounds:
    """How much disk the recordings may take, in bytes and files."""

    file_bytes: int = 8_000_000
    files: int = 500
    total_bytes: int = 256_000_000


DEFAULT_BOUNDS: Final = Bounds()


class Sessions:
    """Takes every fact in order; `tick` once a second. `now` is monotonic seconds everywhere."""

    def __init__(
        self,
        folder: Path,
        bounds: Bounds = DEFAULT_BOUNDS,
        *,
        station: str = "",
        software: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._bounds = bounds
        self._station = station
        self._software = software
        self._clock = clock
        self.open: dict[int, SessionFile] = {}  # EVSE -> its running recording
        self._redactor = Redactor()
        self._before: deque[AnyFact] = deque(maxlen=64)  # what asked to charge lately
        self._context: dict[tuple[object, ...], AnyFact] = {}  # the last value of what lasts, per place
        self._plugged: dict[tuple[int, int], bool] = {}
        self._unplugged_at: dict[int, float] = {}  # UTC: who asked before this is the last session's driver

    def take(self, fact: AnyFact | MeterPoint | RecordingBegan, now: float) -> None:
        """One fact of the station, or of the recorder itself."""
        if isinstance(fact, MeterPoint):
            if file := self.open.get(fact.evse):
                self._write(file, fact, now)
            return
        if isinstance(fact, RecordingBegan):
            if (file := self.open.get(fact.evse)) is None:
                self._begin(fact, None, now)
            elif fact.transaction_id is not None:
                self._name_after(file, fact.transaction_id)
            return
        if token := getattr(fact, "id_token", None):
            self._redactor.learn(token.token)
        self._notice_start(fact, now)
        for file in self._concerned(fact):
            self._write(file, fact, now)
        self._remember(fact)
        self._notice_end(fact, now)

    def missed(self, count: int) -> None:
        """So many facts never reached `take`; the last line of the recording will tell."""
        for file in self.open.values():
            file.lost += count

    def tick(self, now: float) -> None:
        """Write what is pending; close what is over."""
        for evse, file in list(self.open.items()):
            file.flush(now)
            if file.idle_since is not None and now - file.idle_since >= TAIL_S:
                self._end(evse, "unplugged", now)

    def close(self, now: float) -> None:
        """The controller stops: what is open is continued by the next one."""
        for file in self.open.values():
            file.flush(now)
        self.open.clear()

    # --- beginning and end ----------------------------------------------------------------------------------------

    def _notice_start(self, fact: AnyFact, now: float) -> None:
        if isinstance(fact, PilotChanged) and fact.level in PLUGGED:
            file = self.open.get(fact.evse)
            if file is not None and file.idle_since is not None:
                self._end(fact.evse, "plugged in again", now)
            self._plugged[fact.evse, fact.connector] = True
            self._begin_for(fact, fact.evse, "plugged_in", None, now)
        elif isinstance(fact, CarSession) and fact.kind == "Started":
            self._begin_for(fact, fact.evse, "car_session", None, now)
        elif isinstance(fact, Transaction):
            file = self.open.get(fact.evse)
            if file is not None and file.transaction_id not in {None, fact.transaction_id}:
                self._end(fact.evse, "another transaction", now)
            self._begin_for(fact, fact.evse, "transaction", fact.transaction_id, now)
            self._name_after(self.open[fact.evse], fact.transaction_id)

    def _begin_for(self, fact: AnyFact, evse: int, cause: str, transaction_id: str | None, now: float) -> None:
        if evse not in self.open:
            began = RecordingBegan(at=fact.at, mono=fact.mono, clock_synced=fact.clock_synced, evse=evse, cause=cause)
            self._begin(began, transaction_id, now)

    def _begin(self, began: RecordingBegan, transaction_id: str | None, now: float) -> None:
        try:
            self._prune()
        except OSError as error:
            log.warning("recordings in %s could not be thinned out: %s", self._folder, error)
        if began.transaction_id is not None or transaction_id is not None:
            path = self._path_of(transaction_id or began.transaction_id or "")
        else:
            at = datetime.fromtimestamp(began.at, UTC)
            path = self._folder / f"plug-{at:%Y%m%dT%H%M%SZ}-{began.evse}.jsonl"
        known = path.exists()
        file = self.open[began.evse] = SessionFile(path, began.evse, transaction_id or began.transaction_id)
        self._write(file, self._signed(began, resumed=known), now)
        for fact in self._context_of(began.evse, began.at, resumed=known):
            self._write(file, fact, now)

    def _signed(self, began: RecordingBegan, *, resumed: bool) -> RecordingBegan:
        cause = "resumed" if resumed else began.cause
        return msgspec.structs.replace(began, cause=cause, station=self._station, software=self._software)

    def _name_after(self, file: SessionFile, transaction_id: str) -> None:
        """The plug-in's file becomes the transaction's, or continues the one from before a restart."""
        if file.transaction_id is None:
            file.transaction_id = transaction_id
            file.become(self._path_of(transaction_id))

    def _path_of(self, transaction_id: str) -> Path:
        """A safe file name from an identifier that others may have chosen."""
        return self._folder / f"{re.sub(r'[^A-Za-z0-9_-]', '_', transaction_id)[:64] or '_'}.jsonl"

    def _notice_end(self, fact: AnyFact, now: float) -> None:
        if (
            isinstance(fact, PilotChanged)
            and fact.level == "A"
            and self._plugged.pop((fact.evse, fact.connector), False)
        ):
            self._unplugged_at[fact.evse] = fact.at
        if not isinstance(fact, PilotChanged | Transaction) or (file := self.open.get(fact.evse)) is None:
            return
        if isinstance(fact, Transaction):
            file.transaction_ended = fact.kind == "Ended"
        plugged = any(evse == fact.evse for evse, _ in self._plugged)
        over = file.transaction_ended or file.transaction_id is None
        file.idle_since = (file.idle_since or now) if over and not plugged else None

    def _end(self, evse: int, reason: str, now: float) -> None:
        file = self.open.pop(evse)
        end = RecordingEnded(
            at=self._clock(), mono=now, evse=evse, reason=reason, left_out=file.left_out, lost=file.lost
        )
        self._write(file, end, now)
        file.flush(now)

    # --- what is written ------------------------------------------------------------------------------------------

    def _concerned(self, fact: AnyFact) -> list[SessionFile]:
        """The recordings of the fact's EVSE; all, where the fact is the whole station's."""
        evse: int = getattr(fact, "evse", 0)
        return list(self.open.values()) if evse == 0 else [self.open[evse]] if evse in self.open else []

    def _write(self, file: SessionFile, line: Line, now: float) -> None:
        if not self._fits(file, line, now):
            file.left_out += 1
            return
        data = msgspec.json.encode(self._redactor.record(msgspec.to_builtins(line))) + b"\n"
        if len(data) >= LONGEST_LINE or file.written + len(data) > self._bounds.file_bytes:
            file.left_out += 1
            return
        file.add(data)

    def _fits(self, file: SessionFile, line: Line, now: float) -> bool:
        """Everything while there is room, then less and less of what repeats, at last only what matters most."""
        filled = file.written / self._bounds.file_bytes
        every_s = max((seconds for share, seconds in THINNING if filled >= share), default=0.0)
        if not every_s or isinstance(line, VITAL):
            return True
        if every_s > file.thinned_to_s:
            file.thinned_to_s = every_s
            text = f"the file is {filled:.0%} full: what repeats is kept once in {every_s:.0f} s"
            self._write(file, RecordingThinned(at=line.at, mono=line.mono, evse=file.evse, reason=text), now)
        if filled >= ONLY_VITAL:
            return False
        if isinstance(line, CarMessage | BackOfficeMessage | MeterPoint):
            name = f"{getattr(line, 'direction', '')} {getattr(line, 'name', '')}"
            if now - file.last_of_name.get(name, now - every_s) < every_s:
                return False
            file.last_of_name[name] = now
        return True

    def _remember(self, fact: AnyFact) -> None:
        match fact:
            case BackOfficeLink():
                self._context["link",] = fact
            case PilotChanged() | ConnectorStatus():
                self._context[type(fact), fact.evse, fact.connector] = fact
            case LimitChanged():
                self._context[type(fact), fact.evse] = fact
            case FaultRaised() if len(self._context) < CONTEXT_ENTRIES:
                self._context["fault", fact.evse, fact.connector, fact.code] = fact
            case FaultCleared():
                self._context.pop(("fault", fact.evse, fact.connector, fact.code), None)
            case TokenPresented() | Authorized():
                self._before.append(fact)
            case BackOfficeMessage() if fact.name in ASKS_TO_CHARGE:
                self._before.append(fact)

    def _context_of(self, evse: int, at: float, *, resumed: bool) -> Iterator[AnyFact]:
        """What already held when the recording began, and who had asked to charge."""
        yield from (fact for fact in self._context.values() if getattr(fact, "evse", evse) == evse)
        if not resumed:
            since = max(at - BEFORE_S, self._unplugged_at.get(evse, 0.0))
            for fact in self._before:
                if since <= fact.at <= at and getattr(fact, "evse", evse) in {0, evse}:
                    yield fact

    def _prune(self) -> None:
        """Make room for one more file: the oldest go first, open ones stay."""
        kept = {file.path for file in self.open.values()}
        found = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob("*.jsonl"))
        closed = [(size, path) for _, size, path in found if path not in kept]
        total = sum(size for _, size, _ in found)
        count = len(found)
        for size, path in closed:
            if count < self._bounds.files and total + self._bounds.file_bytes <= self._bounds.total_bytes:
                return
            path.unlink(missing_ok=True)
            total, count = total - size, count - 1
