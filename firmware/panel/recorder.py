"""Records every charging session for the session report. A recording that fails never touches charging.

The station's loop only puts facts into a bounded queue; one thread writes. Which file a fact goes to is
`sessions.py`'s, how a report is made of it `report.py`'s.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from pathlib import Path

from firmware.panel.recording import MeterPoint, RecordingBegan
from firmware.panel.sessions import DEFAULT_BOUNDS, Bounds, Sessions
from firmware.station.evse import Evse
from firmware.station.facts import AnyFact
from firmware.station.station import Station
from hal import __version__
from hal.wire import DcSample

log = logging.getLogger(__name__)

FLUSH_S = 1.0
QUEUE_FACTS = 8192  # seconds of the busiest session while the disk stalls
POWER_STEP = 0.01  # a meter point is written when the power moved by this share, or by 20 W,
POWER_STEP_W = 20.0
POINT_EVERY_S = 30.0  # and at least this often
VOLTAGE_STEP_V = 10.0  # of a DC output: cable check and pre-charge move the voltage while hardly any power flows
VOLTAGE_POINTS = 400  # per plug-in: a supply that swings must not fill the file
CLOSER_S = 0.2  # how often a DC output is looked at while a car prepares it
PREPARING = frozenset({"cable_check", "precharge"})

Entry = AnyFact | MeterPoint | RecordingBegan


class Recorder:
    """`run()` records until cancelled."""

    def __init__(self, station: Station, folder: Path, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self._station = station
        self._folder = folder
        self._bounds = bounds
        self._points: dict[int, MeterPoint] = {}
        self._steps: dict[int, int] = {}  # points made for a step of the voltage alone, since the plug came

    async def run(self) -> None:
        """Listen to the station's facts and sample its meters once a second, more often while a car prepares a DC
        output. Raises RuntimeError when the writing
        thread has ended by a fault of its own (the task runner starts us again)."""
        settings = self._station.settings.station
        name = " ".join(part for part in (settings.vendor, settings.model, settings.serial) if part)
        writer = _Writer(Sessions(self._folder, self._bounds, station=name, software=__version__))
        unsubscribe = self._station.subscribe(writer.put)
        writer.start()
        try:
            resumed: set[int] = set()
            while writer.is_alive():
                for evse in self._station.evses.values():
                    self._look_at(evse, writer, resumed)
                await asyncio.sleep(self._pause_s())
            raise RuntimeError("the thread that writes recordings ended")
        finally:
            unsubscribe()
            await asyncio.to_thread(writer.stop)

    def _look_at(self, evse: Evse, writer: "_Writer", resumed: set[int]) -> None:
        if evse.seen is None:
            return
        if evse.id not in resumed:  # first sight of it: a car that was there before us gets its file as well
            resumed.add(evse.id)
            if evse.plugged:
                writer.put(self._began(evse))
        if not evse.plugged:
            self._steps.pop(evse.id, None)
        last = self._points.get(evse.id)
        falling = last is not None and last.power_w >= POWER_STEP_W  # unplugged, and the way to zero not yet seen
        if (evse.plugged or falling) and (point := self._meter_point(evse)) is not None:
            writer.put(point)

    def _pause_s(self) -> float:
        outputs = (evse.seen.dc for evse in self._station.evses.values() if evse.seen is not None)
        return CLOSER_S if any(dc is not None and dc.phase in PREPARING for dc in outputs) else FLUSH_S

    def _began(self, evse: Evse) -> RecordingBegan:
        clock = self._station.clock
        return RecordingBegan(
            at=clock.utc(),
            mono=clock.mono(),
            clock_synced=clock.synced,
            evse=evse.id,
            cause="plugged_in",
            transaction_id=evse.transaction_id,
        )

    def _meter_point(self, evse: Evse) -> MeterPoint | None:
        """The meter's latest value, where it tells something that the last point did not. Volts and amperes of a DC
        output are its supply's, which are younger."""
        if evse.seen is None or (meter := evse.seen.meter) is None or meter.quality != "good":
            return None
        dc, last = evse.seen.dc, self._points.get(evse.id)
        volts, amps = (meter.voltage_v, meter.current_a) if dc is None else ((dc.voltage_v,), (dc.current_a,))
        mono = meter.at if dc is None else max(meter.at, dc.at)
        if last is not None:
            if mono <= last.mono:
                return None
            moved = abs(meter.power_w - last.power_w)
            same_power = moved < POWER_STEP_W or moved < POWER_STEP * abs(last.power_w)
            if same_power and mono - last.mono < POINT_EVERY_S and not self._stepped(evse.id, last, dc):
                return None
        clock = self._station.clock
        point = MeterPoint(
            at=clock.utc() - (clock.mono() - mono),
            mono=mono,
            clock_synced=clock.synced,
            evse=evse.id,
            energy_wh=meter.import_wh,
            power_w=meter.power_w,
            voltage_v=volts,
            current_a=amps,
            soc_percent=evse.digital.soc_percent if evse.digital is not None else None,
        )
        self._points[evse.id] = point
        return point

    def _stepped(self, evse: int, last: MeterPoint, dc: DcSample | None) -> bool:
        """Has the voltage of a DC output moved since the last point, and is there room for one more because of it?"""
        if dc is None or not last.voltage_v or abs(dc.voltage_v - last.voltage_v[0]) < VOLTAGE_STEP_V:
            return False
        self._steps[evse] = self._steps.get(evse, 0) + 1
        return self._steps[evse] <= VOLTAGE_POINTS


class _Writer(threading.Thread):
    """Takes entries from the queue and gives them to Sessions, which flushes once a second."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(name="recorder", daemon=True)
        self._sessions = sessions
        self._queue: queue.Queue[Entry | None] = queue.Queue(QUEUE_FACTS)
        self._missed = 0
        self._trouble = ""
        self._stopping = False

    def put(self, entry: Entry) -> None:
        """Called in the station's loop: never waits, counts what finds no room."""
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            self._missed += 1

    def stop(self) -> None:
        """Write what is queued and end. Blocks up to 2 s: call it in a thread."""
        self._stopping = True
        with contextlib.suppress(queue.Full):  # a full queue keeps it awake anyway
            self._queue.put_nowait(None)
        self.join(2.0)

    def run(self) -> None:
        next_tick = time.monotonic() + FLUSH_S
        while not (self._stopping and self._queue.empty()):
            idle = not self._sessions.open
            try:
                entry = self._queue.get(timeout=None if idle else max(0.0, next_tick - time.monotonic()))
            except queue.Empty:
                entry = None
            now = time.monotonic()
            try:
                if entry is not None:
                    self._sessions.take(entry, now)
                if now >= next_tick:
                    next_tick = now + FLUSH_S
                    self._tell_missed()
                    self._sessions.tick(now)
            except OSError as error:
                if str(error) != self._trouble:  # once, not for every fact
                    log.warning("recording: %s; charging goes on", error)
                self._trouble = str(error)
        self._sessions.close(time.monotonic())

    def _tell_missed(self) -> None:
        missed, self._missed = self._missed, 0
        if missed:
            log.warning("recording: %d facts found no room in the queue", missed)
            self._sessions.missed(missed)
