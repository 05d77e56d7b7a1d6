"""A recording as the lanes of one time axis: what the report draws, and nothing about how.

The axis is built from the monotonic clock, so a wall clock that is set during the session moves nothing. Times in the
result are whole ms since the axis began.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from firmware.panel import recording
from firmware.panel.ladder import Exchange, Said, folded, paired
from firmware.panel.recording import Line, MeterPoint, RecordingBegan, RecordingEnded, RecordingThinned
from firmware.panel.redaction import shown
from firmware.panel.words import PROTOCOLS
from firmware.station.car_facts import (
    CarMessage,
    CarSession,
    CarTls,
    CertificateHealth,
    DataLinkStatus,
    ModemStatus,
    PacketCapture,
)
from firmware.station.charging_facts import LimitChanged
from firmware.station.fact import Fact
from firmware.station.facts import (
    Authorized,
    BackOfficeLink,
    BackOfficeMessage,
    Booted,
    ConnectorStatus,
    DriverTold,
    FaultCleared,
    FaultRaised,
    PilotChanged,
    Sample,
    SecurityEvent,
    TokenPresented,
    Transaction,
)
from firmware.station.reasons import whose

#: what can lead to a session before its plug comes; all else from before is context, and stands at the axis' begin
ASKED = (TokenPresented, Authorized, BackOfficeMessage)
BEFORE_S = 61.0
_FRAME_HEAD = re.compile(r'\[[23],\s*"[^"]{0,64}",\s*(?:"\w{1,64}",\s*)?')  # OCPP-J: what stands before the payload
MOST_POINTS = 8000
DC_FROM_V = 300.0
SHORTEST_GAP_MS = 200
T = TypeVar("T", bound=Fact)


class Timed(NamedTuple):
    """A line at its place on the axis: `ms` exact, `at` whole ms and not before the axis began."""

    ms: float
    line: Line

    @property
    def at(self) -> int:
        return max(0, round(self.ms))


class Story:
    """One session. Times in ms since `began` (UTC seconds)."""

    def __init__(self, path: Path) -> None:
        read = recording.read(path)
        self.name = path.name.removesuffix(".jsonl")
        self.unreadable = read.unreadable
        lives = [_on_one_clock(life) for life in _lives(read.lines)]
        placed = [each for life in lives for each in life]
        self._pauses = [(_times(before)[-1], _times(after)[0]) for before, after in pairwise(lives)]
        plugged = min((at for at, line in placed if isinstance(line, RecordingBegan)), default=None)
        if plugged is None:
            plugged = min((at for at, _ in placed), default=0.0)
        asked = [at for at, line in placed if isinstance(line, ASKED) and plugged - BEFORE_S <= at <= plugged]
        self.began = min(asked, default=plugged)
        self.timed = sorted((Timed((at - self.began) * 1000, line) for at, line in placed), key=lambda each: each.ms)
        self.length = max(1000, self.timed[-1].at if self.timed else 0)
        self.plugged = round((plugged - self.began) * 1000)
        self.car_exchanges = paired(self._car_messages())
        self.office_exchanges = paired(self._office_messages())

    def all(self, kind: type[T]) -> list[tuple[int, T]]:
        """Every line of one kind with its time, also what already held before the axis began (at 0)."""
        return [(each.at, each.line) for each in self.timed if isinstance(each.line, kind)]

    def told(self, kind: type[T]) -> list[tuple[int, T]]:
        """Every line of one kind that happened on the axis."""
        return [(each.at, each.line) for each in self.timed if isinstance(each.line, kind) and each.ms >= 0]

    # --- lanes ----------------------------------------------------------------------------------------------------

    def pilot(self) -> list[list[Any]]:
        """[at, level, mode, duty in percent, closed, limit in A, why open]"""
        return _steps(
            [at, p.level, p.mode, p.duty_percent, p.closed, p.limit_a, p.why_open] for at, p in self.all(PilotChanged)
        )

    def limits(self) -> list[list[Any]]:
        """[at, A, who says so in words, W, who as the station calls it]"""
        return _steps([at, f.limit_a, whose(f.source), f.limit_w, f.source] for at, f in self.all(LimitChanged))

    def gaps(self) -> list[list[int]]:
        """[from, until] when the controller was down. The guard was not: it may have gone on charging."""
        ms = [(round((last - self.began) * 1000), round((first - self.began) * 1000)) for last, first in self._pauses]
        return [[last, first] for last, first in ms if last >= 0 and first - last >= SHORTEST_GAP_MS]

    def links(self) -> list[list[Any]]:
        """[at, connected, OCPP version, reason]"""
        return _steps([at, f.connected, f.version, f.reason] for at, f in self.all(BackOfficeLink))

    def faults(self) -> list[list[Any]]:
        """[from, until or None, code, text]"""
        found: list[list[Any]] = []
        for each in self.timed:
            fact = each.line
            if isinstance(fact, FaultRaised):
                found.append([each.at, None, fact.code, fact.text])
            elif isinstance(fact, FaultCleared):
                for fault in found:
                    if fault[2] == fact.code and fault[1] is None:
                        fault[1] = each.at
        return [fault for fault in found if fault[1] is None or fault[1] > 0]

    def transactions(self) -> list[dict[str, Any]]:
        """id, from, until, states [[at, charging state]], events [[at, kind, trigger, number, why stopped]]"""
        found: dict[str, dict[str, Any]] = {}
        for at, fact in self.all(Transaction):
            one = found.setdefault(fact.transaction_id, {"id": fact.transaction_id, "from": at, "until": None})
            if fact.charging_state and (not one.get("states") or one["states"][-1][1] != fact.charging_state):
                one.setdefault("states", []).append([at, fact.charging_state])
            one.setdefault("events", []).append([at, fact.kind, fact.trigger, fact.seq_no, fact.stopped_reason])
            if fact.kind == "Ended":
                one["until"] = at
        for one in found.values():
            self._end_with_the_plug(one)
        return list(found.values())

    def _end_with_the_plug(self, one: dict[str, Any]) -> None:
        """After the car has gone no charging state holds, however long the transaction's end takes to be told."""
        states = one.setdefault("states", [])
        gone = [at for at, pilot in self.all(PilotChanged) if pilot.level == "A" and at > one["from"]]
        if states and gone and (one["until"] is None or gone[0] <= one["until"]):
            one["states"] = [state for state in states if state[0] < gone[0]] + [[gone[0], "Idle"]]

    def car_sessions(self) -> list[list[Any]]:
        """[from, until or None, protocol, EVCCID, why it ended]"""
        found: dict[str, list[Any]] = {}
        for at, fact in self.all(CarSession):
            one = found.setdefault(fact.session, [at, None, "", "", ""])
            one[2:] = [_worded(fact.protocol) or one[2], fact.evccid or one[3], fact.reason or one[4]]
            if fact.kind == "Ended":
                one[1] = at
        return list(found.values())

    def readings(self) -> list[tuple[int, Sample | MeterPoint]]:
        """Every meter reading, the transaction's samples and the recorder's own points, in order of time."""
        found: list[tuple[int, Sample | MeterPoint]] = []
        for each in self.timed:
            if isinstance(each.line, MeterPoint):
                found.append((each.at, each.line))
            elif isinstance(each.line, Transaction):
                for sample in each.line.samples:
                    ms = each.ms + (sample.at - each.line.at) * 1000
                    if -1 <= ms <= self.length:
                        found.append((max(0, round(ms)), sample))
        return sorted(found, key=lambda reading: reading[0])

    def curve(self) -> list[list[Any]]:
        """[at, W, Wh since plug-in, A per phase, state of charge in percent or None, V of a DC output or None]"""
        readings = self.readings()
        start = self.energy_at_start()
        # one phase of the mains has no more than 300 V; below that it may be the start of a DC session
        dc = any(len(r.voltage_v) == 1 and r.voltage_v[0] > DC_FROM_V for _, r in readings)
        points = [
            [
                at,
                round(r.power_w, 1),
                round(r.energy_wh - start, 1),
                list(r.current_a),
                r.soc_percent,
                round(r.voltage_v[0], 1) if len(r.voltage_v) == 1 and dc else None,
            ]
            for at, r in readings
        ]
        return _fewer(points, MOST_POINTS)

    def energy_at_start(self) -> float:
        """Meter reading in Wh from which this session counts."""
        told = (fact.meter_start_wh for _, fact in self.all(Transaction) if fact.meter_start_wh is not None)
        first = (reading.energy_wh for _, reading in self.readings())
        return next(told, next(first, 0.0))

    def car(self) -> list[dict[str, Any]]:
        return folded(self.car_exchanges)

    def office(self) -> list[dict[str, Any]]:
        return folded(self.office_exchanges)

    def marks(self) -> list[list[Any]]:
        """[at, kind, title, detail, tone]: what people did and what the station noticed."""
        found = [[each.at, *told] for each in self.timed if each.ms >= 0 and (told := _mark(each.line)) is not None]
        for begin, end in self.gaps():
            found.append([begin, "station", "Controller stopped", f"for {(end - begin) / 1000:.1f} s", "bad"])
            found.append([end, "station", "Controller is back", "", ""])
        return sorted(found, key=lambda mark: mark[0])

    # --- messages -------------------------------------------------------------------------------------------------

    def _car_messages(self) -> list[tuple[float, Said]]:
        """The car is drawn on top and asks; the station answers."""
        found = []
        for each in self.timed:
            if isinstance(message := each.line, CarMessage) and each.ms >= 0:
                stem = message.name.removesuffix("Req").removesuffix("Res").partition(".")[0]
                asks = not message.name.endswith(("Res", ".CNF", ".RSP"))  # the latter are SLAC's
                from_car = message.direction == "from_car"
                failed = "FAILED" in message.text
                text = message.text or message.name
                times = [None if each is None else each * 1000 for each in (message.took_s, message.allowed_s)]
                found.append((each.ms, Said(each.at, stem, asks, from_car, text, message.size, failed, *times)))
        return found

    def _office_messages(self) -> list[tuple[float, Said]]:
        """The station is drawn on top; both may ask."""
        found = []
        for each in self.timed:
            if isinstance(message := each.line, BackOfficeMessage) and each.ms >= 0:
                asks, sent = message.kind == "call", message.direction == "sent"
                failed, text = message.kind == "error", _payload(message.text or message.name)
                said = Said(each.at, message.name, asks, sent, text, len(message.text), failed)
                found.append((each.ms, said))
        return found


def _payload(frame: str) -> str:
    head = _FRAME_HEAD.match(frame)
    return frame[head.end() :].removesuffix("]") if head else frame


def _worded(protocol: str) -> str:
    return PROTOCOLS.get(protocol, protocol)


def turnaround(exchanges: list[Exchange]) -> list[float]:
    """Sorted answer times in ms."""
    return sorted(each.took for each in exchanges if each.took is not None)


def _on_one_clock(life: list[Line]) -> list[tuple[float, Line]]:
    """UTC seconds of every line in one life of the controller: the monotonic clock orders; the last synchronised wall
    clock says where that lies in UTC."""
    known = [line.at - line.mono for line in life if line.mono > 0 and line.clock_synced]
    known = known or [line.at - line.mono for line in life if line.mono > 0]
    offset = known[-1] if known else 0.0
    return [(line.mono + offset if line.mono > 0 else line.at, line) for line in life]


def _times(life: list[tuple[float, Line]]) -> list[float]:
    return sorted(at for at, _ in life)


def _lives(lines: list[Line]) -> list[list[Line]]:
    found: list[list[Line]] = [[]]
    for line in lines:
        if isinstance(line, RecordingBegan) and found[-1]:
            found.append([])
        found[-1].append(line)
    return found


def _steps(rows: Any) -> list[list[Any]]:
    """Rows whose values differ from the row before; of several at the axis' begin only the last."""
    found: list[list[Any]] = []
    for row in rows:
        if found and found[-1][0] == row[0] == 0:
            found.pop()
        if not found or found[-1][1:] != row[1:]:
            found.append(row)
    return found


def _fewer(points: list[list[Any]], most: int) -> list[list[Any]]:
    """At most about `most` points; peaks and dips of the power (column 1) stay."""
    if len(points) <= most:
        return points
    size = -(-len(points) * 4 // most)
    chosen: list[list[Any]] = []
    power: Callable[[int], float] = lambda index: points[index][1]  # noqa: E731
    for start in range(0, len(points), size):
        bucket = range(start, min(start + size, len(points)))
        chosen += [points[i] for i in sorted({bucket[0], min(bucket, key=power), max(bucket, key=power), bucket[-1]})]
    return chosen


def _mark(line: Line) -> tuple[str, str, str, str] | None:
    match line:
        case TokenPresented():
            return "token", "Token presented", shown(line.id_token), ""
        case Authorized():
            verdict = "Authorised" if line.accepted else "Refused"
            said = ", ".join(text for text in (line.status, line.reason) if text)
            by = f"{shown(line.id_token)} by {line.source}: {said}"
            return "token", verdict, by, "good" if line.accepted else "bad"
        case ConnectorStatus():
            info = ", ".join(text for text in (line.error_code.replace("NoError", ""), line.info) if text)
            return "status", line.detail or line.state, info, "bad" if line.state == "Faulted" else ""
        case SecurityEvent():
            return "security", line.kind, line.tech_info, "bad" if line.critical else ""
        case Booted():
            return "station", "Controller started", line.reason, ""
        case RecordingThinned():
            return "station", "Recording thinned", line.reason, ""
        case RecordingEnded() if line.lost or line.left_out:
            return "station", "Recording ended", f"{line.left_out} lines left out, {line.lost} lost", ""
        case CarSession():
            quirks = "put up with " + ", ".join(each.replace("_", " ") for each in line.quirks) if line.quirks else ""
            detail = ", ".join(text for text in (_worded(line.protocol), line.evccid, line.reason, quirks) if text)
            return "car", f"Digital session {line.kind.lower()}", detail, ""
        case CarTls():
            what = (
                f"{line.version} {line.suite}" if line.agreed else f"{line.reason}; offered {line.offered or 'nothing'}"
            )
            certificate = f"vehicle certificate {line.vehicle}" if line.vehicle else ""
            detail = ", ".join(text for text in (what, line.chain and f"chain {line.chain}", certificate) if text)
            return "car", "TLS agreed" if line.agreed else "TLS failed", detail, "" if line.agreed else "bad"
        case ModemStatus():
            firmware = f"{line.make} {line.firmware}, {line.mac}, {line.resets} resets"
            detail = firmware if line.present else line.reason
            return "car", "Modem found" if line.present else "No modem", detail, "" if line.present else "bad"
        case DataLinkStatus():
            level = "" if line.attenuation_db is None else f"{line.attenuation_db:.1f} dB over {line.sounds} sounds"
            detail = ", ".join(text for text in (line.reason, line.car_mac, level) if text)
            return "car", f"Power line: {line.state}", detail, "bad" if line.reason else ""
        case PacketCapture() if line.kind == "Ended" and line.reason:
            return "car", "Packets not recorded", f"{line.file} {line.reason}".strip(), "bad"
        case CertificateHealth():
            said = "; ".join(text for text in (line.text, line.remedy) if text)
            return "security", f"Certificates: {line.where}", said, "bad" if line.severity == "fault" else ""
        case DriverTold():
            cost = f"{line.cost:.2f} {line.currency}".strip() if line.cost is not None else ""
            said = ", ".join(text for text in (line.tariff, cost, line.text) if text)
            return "office", "Driver told the cost" if line.final else "Driver told", said, ""
        case BackOfficeLink():
            word = "Back office connected" if line.connected else "Back office lost"
            return "office", word, " ".join((line.version, line.reason)).strip(), "" if line.connected else "bad"
    return None
