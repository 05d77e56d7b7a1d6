"""Reads a recorded OCPP log and holds every frame against the message classes: what is wrong with which field.

Two kinds of lines: those of our own frame log, and bare frames (`[2,"id","Heartbeat",{}]`), one per line. What our
station would answer, and how it all is shown, is `firmware.ocpp_command`'s.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import msgspec

from firmware.ocpp.checking import Violation, check
from firmware.ocpp.client import SUBPROTOCOLS, load_dialect
from firmware.ocpp.dialect import Dialect
from firmware.ocpp.ocpp_j import MAX_FRAME, MAX_ID, MessageType
from firmware.ocpp.payload import Payload, moment

Direction = Literal["sent", "received"]
VERSIONS: Final = ("2.0.1", "2.1", "1.6")  # the first of equals is guessed
MAX_LINE: Final = 4 * MAX_FRAME
_TYPE_AS_TEXT: Final = re.compile(r'^\[\s*"([2-6])"')  # as some loggers write it
_OTHER: Final[dict[Direction, Direction]] = {"sent": "received", "received": "sent"}
_CODES: Final = frozenset(
    {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "FormatViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "OccurrenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)
_CODES_2X: Final = frozenset({"RpcFrameworkError", "MessageTypeNotSupported"})


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of a log; what a bare frame does not tell is None or "". No `frame`: it held a password."""

    frame: str | None = None
    direction: Direction | None = None
    version: str = ""
    name: str = ""
    at: str = ""
    mono: float | None = None

    @property
    def utc(self) -> float | None:
        return moment(self.at)


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Raises ValueError, with the number of the line, for what is neither kind of line."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if len(text) > MAX_LINE:
            raise ValueError(f"line {number}: {len(text)} characters")
        if text.startswith("["):
            yield Entry(frame=_TYPE_AS_TEXT.sub(r"[\1", text))
            continue
        try:
            yield msgspec.json.decode(text, type=Entry)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"line {number}: neither a frame nor a line of a frame log ({error})") from None


@dataclass(frozen=True)
class Judged:
    """A frame and what is to be said of it. `problem`: why it is invalid; `checked`: its content could be; `remarks`:
    odd, but allowed or unknowable; `answered_s`: how long the CALL waited for this answer, where the log has times."""

    entry: Entry
    kind: str
    id: str
    action: str
    direction: Direction | None
    problem: str = ""
    checked: bool = True
    remarks: tuple[str, ...] = ()
    answered_s: float | None = None


@dataclass
class Judge:
    """Fed the frames of a log in order; remembers which CALLs wait for an answer."""

    dialect: Dialect
    open: dict[str, Judged] = field(default_factory=dict)  # CALLs without an answer, by id
    _ids: set[str] = field(default_factory=set)

    def judge(self, entry: Entry) -> Judged:
        if entry.frame is None:
            return Judged(entry, "frame", "", entry.name, entry.direction, checked=False, remarks=("not shown",))
        try:
            parts = msgspec.json.decode(entry.frame, type=list[msgspec.Raw])
            kind = msgspec.json.decode(parts[0], type=int)
            message_id = msgspec.json.decode(parts[1], type=str)
        except (msgspec.MsgspecError, RecursionError, UnicodeError, IndexError) as error:
            why = "too short" if isinstance(error, IndexError) else error
            return Judged(entry, "frame", "", entry.name, entry.direction, f"cannot be read: {why}")
        judged = self._by_kind(entry, kind, message_id, parts)
        if not judged.problem and not 0 < len(message_id) <= MAX_ID:
            return replace(judged, problem=f"the id has {len(message_id)} characters, {MAX_ID} are allowed")
        return judged

    def _by_kind(self, entry: Entry, kind: int, message_id: str, parts: list[msgspec.Raw]) -> Judged:
        flavour = self.dialect.flavour
        match kind:
            case MessageType.CALL:
                return self._call(entry, message_id, parts)
            case MessageType.CALLRESULT:
                return self._result(entry, message_id, parts)
            case MessageType.CALLERROR:
                return self._error(entry, message_id, parts, "error")
            case MessageType.CALLRESULTERROR if flavour.refuses_results:
                return self._error(entry, message_id, parts, "result error")
            case MessageType.SEND if flavour.sends:
                return self._call(entry, message_id, parts, "send")
        problem = f"message type {kind} is none of OCPP {flavour.version}"
        return Judged(entry, "frame", message_id, entry.name, entry.direction, problem)

    def _call(self, entry: Entry, message_id: str, parts: list[msgspec.Raw], kind: str = "call") -> Judged:
        action, problem = "", ""
        try:
            action = msgspec.json.decode(parts[2], type=str)
            if len(parts) != 4:
                problem = f"a CALL has four elements, this one {len(parts)}"
        except (msgspec.MsgspecError, IndexError):
            problem = "the action cannot be read"
        direction = entry.direction or self._sender(action)
        remarks: list[str] = []
        shape: type[Payload] | None = None
        if not problem:
            shape = self._class(action, "Request")
            if shape is None and self.dialect.flavour.version == "2.1":
                remarks.append("we do not know it")  # what only 2.1 has
            elif shape is None:
                problem = f"no {action} in OCPP {self.dialect.flavour.version}"
            else:
                problem = _checked(parts[3], shape)
        if message_id in self._ids:
            remarks.append("the id was used before")
        self._ids.add(message_id)
        waiting = [each.action for each in self.open.values() if each.direction == direction]
        if waiting and kind == "call":
            remarks.append(f"while {waiting[-1]} had no answer")
        judged = Judged(entry, kind, message_id, action, direction, problem, shape is not None, tuple(remarks))
        if kind == "call":
            self.open[message_id] = judged
        return judged

    def _result(self, entry: Entry, message_id: str, parts: list[msgspec.Raw]) -> Judged:
        judged = self._answer(entry, message_id, "result")
        if len(parts) != 3:
            return replace(judged, problem=f"a CALLRESULT has three elements, this one {len(parts)}")
        shape = self._class(judged.action, "Response")
        if shape is None:
            return replace(judged, checked=False)
        return replace(judged, problem=_checked(parts[2], shape))

    def _error(self, entry: Entry, message_id: str, parts: list[msgspec.Raw], kind: str) -> Judged:
        judged = self._answer(entry, message_id, kind)
        try:
            code, description = (msgspec.json.decode(part, type=str) for part in parts[2:4])
        except (msgspec.MsgspecError, ValueError):
            return replace(judged, problem="code or description cannot be read")
        codes = _CODES if self.dialect.flavour.version == "1.6" else _CODES | _CODES_2X
        problem = "" if code in codes else f"{code} is no error code"
        if len(description) > 255:
            problem = f"a description of {len(description)} characters, 255 are allowed"
        return replace(judged, problem=problem, remarks=(*judged.remarks, f"{code} {description}".rstrip()))

    def _answer(self, entry: Entry, message_id: str, kind: str) -> Judged:
        call = self.open.pop(message_id, None)
        if call is None:
            remark = "answers no call of this log" if message_id not in self._ids else "answered before"
            return Judged(entry, kind, message_id, entry.name, entry.direction, remarks=(remark,))
        direction = entry.direction or (_OTHER[call.direction] if call.direction else None)
        times = call.entry.mono, entry.mono
        waited = times[1] - times[0] if times[0] is not None and times[1] is not None else None
        return Judged(entry, kind, message_id, call.action, direction, answered_s=waited)

    def _sender(self, action: str) -> Direction:
        """Who makes such a CALL; of DataTransfer, which both make, the back office's are the interesting ones."""
        served = action in self.dialect.requests or action in self.dialect.known
        return "received" if served else "sent"

    def _class(self, action: str, end: str) -> type[Payload] | None:
        return _message(self.dialect.flavour.version, action, end)


def _message(version: str, action: str, end: str) -> type[Payload] | None:
    """The class of a message; 2.1's are 2.0.1's where they do not differ."""
    if not action.isalnum():
        return None
    if version == "1.6":
        from firmware.ocpp.v16 import messages as v16  # noqa: PLC0415 - a version costs 20 ms

        found = getattr(v16, action + end.removeprefix("Request"), None)
    else:
        from firmware.ocpp.v201 import messages as v201  # noqa: PLC0415

        found = getattr(v201, action + end, None)
        if version == "2.1":
            from firmware.ocpp.v21 import messages as v21  # noqa: PLC0415

            found = getattr(v21, action + end, found)
    return found if isinstance(found, type) and issubclass(found, Payload) else None


def _checked(raw: msgspec.Raw, shape: type[Payload]) -> str:
    """What is wrong with a payload, or ""."""
    try:
        check(raw, shape)
    except Violation as violation:
        return str(violation)
    return ""


def dialect_of(version: str) -> Dialect:
    return load_dialect(SUBPROTOCOLS[version])


def guessed(log: list[Entry]) -> str:
    """The version a log says it is in, else the one in which fewest frames are invalid."""
    said = next((entry.version for entry in log if entry.version in VERSIONS), "")
    if said:
        return said

    def invalid(version: str) -> int:
        judge = Judge(dialect_of(version))
        return sum(bool(judge.judge(entry).problem) for entry in log)

    return min(VERSIONS, key=invalid)
