"""OCPP-J's remote procedure calls without any socket or clock: fed frames and time, asked for frames and events.

One object lives as long as one connection. It checks what comes in against the dialect's message classes, answers what
is wrong with the right error code, keeps at most one own CALL in flight and pairs answers with it. What a message
means, what is sent next and when to give up a connection is left to `session`.

Sources: OCPP-J 1.6 ch. 4 and errata; OCPP 2.0.1 and 2.1 part 4 ch. 4. `now` is any monotonic clock, in seconds.
"""

import re
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from firmware.ocpp.checking import Violation, check, code_of
from firmware.ocpp.ocpp_j import MAX_FRAME, MAX_ID, UNREADABLE_ID, Flavour, MessageType, Sent, frame_of
from firmware.ocpp.payload import Payload

MAX_OPEN: Final = 16  # unanswered CALLs of the peer; it may only have one, so more is a flood


class RpcError(Exception):
    """We used the connection against the rules of OCPP-J: a second CALL in flight, an answer to nothing."""


class Frame(msgspec.Struct, frozen=True):
    """Text for the socket, and what it is, for the log."""

    text: str
    kind: Literal["call", "result", "error"]
    name: str


# --- events -------------------------------------------------------------------------------------------------------


class Called(msgspec.Struct, frozen=True):
    """The peer asks something; answer with `Rpc.answer` or `Rpc.refuse`."""

    id: str
    action: str
    request: Payload


class Answered(msgspec.Struct, frozen=True):
    call: Sent
    response: Payload


class Refused(msgspec.Struct, frozen=True):
    """The peer answered our CALL with an error, or with a result that breaks its schema (`unusable`)."""

    call: Sent
    code: str
    description: str
    unusable: bool = False


class Silent(msgspec.Struct, frozen=True):
    """No answer in time. A later answer is dropped."""

    call: Sent


class Dropped(msgspec.Struct, frozen=True):
    """A frame that changed nothing, and why."""

    why: str


Event = Called | Answered | Refused | Silent | Dropped


# A frame too big to parse still names its id near the front.
_CALL_HEAD: Final = re.compile(r'\s*\[\s*2\s*,\s*"([^"\\]{1,36})"')


class Rpc:
    """One connection's calls. `requests` are the actions we serve, `known` those of the version that we do not."""

    def __init__(
        self, flavour: Flavour, requests: Mapping[str, type[Payload]], known: frozenset[str] = frozenset()
    ) -> None:
        self.flavour = flavour
        self._requests = requests
        self._known = known
        self._out: deque[Frame] = deque()
        self._flight: Sent | None = None
        self._deadline = 0.0
        self._open: dict[str, str] = {}

    # --- our side ---------------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> Sent | None:
        return self._flight

    @property
    def deadline(self) -> float | None:
        """When `tick` should be called next, or None."""
        return self._deadline if self._flight else None

    def call(self, call: Sent, now: float, timeout_s: float) -> None:
        """Send an own CALL. Raises RpcError while another one is in flight (2.0.1 part 4, 4.1.1)."""
        if self._flight is not None:
            raise RpcError(f"{call.action} while {self._flight.action} is in flight")
        self._flight = call
        self._deadline = now + timeout_s
        self._out.append(Frame(call.frame, "call", call.action))

    def hurry(self, now: float, within_s: float) -> None:
        """Wait no longer than this for the answer to the CALL in flight: something more urgent must be said."""
        self._deadline = min(self._deadline, now + within_s)

    def send(self, action: str, payload: Payload) -> None:
        """Send without wanting an answer (2.1 SEND); allowed while a CALL is in flight."""
        if not self.flavour.sends:
            raise RpcError(f"{action}: OCPP {self.flavour.version} has no SEND")
        self._out.append(Frame(frame_of(MessageType.SEND, str(uuid.uuid4()), action, payload), "call", action))

    def answer(self, message_id: str, response: Payload) -> None:
        """Answer a `Called`. Raises RpcError when nothing with this id is open."""
        action = self._close(message_id)
        self._out.append(Frame(frame_of(MessageType.CALLRESULT, message_id, response), "result", action))

    def refuse(self, message_id: str, code: str, description: str = "") -> None:
        """Answer a `Called` with an error. Raises RpcError when nothing with this id is open."""
        action = self._close(message_id)
        self._error(message_id, code, description, action)

    def ignore(self, message_id: str) -> None:
        """Leave a `Called` without an answer (1.6 4.2: while Rejected). Raises RpcError when nothing is open."""
        self._close(message_id)

    def is_open(self, message_id: str) -> bool:
        return message_id in self._open

    @property
    def unsent(self) -> int:
        """Frames that wait for `frames`."""
        return len(self._out)

    def frames(self) -> list[Frame]:
        """What is to be written to the socket now, in order."""
        out = list(self._out)
        self._out.clear()
        return out

    def tick(self, now: float) -> Silent | None:
        """Let time pass: gives up the CALL in flight when its time is over."""
        if self._flight is None or now < self._deadline:
            return None
        lost, self._flight = self._flight, None
        return Silent(lost)

    def _close(self, message_id: str) -> str:
        action = self._open.pop(message_id, None)
        if action is None:
            raise RpcError(f"no open call {message_id}")
        return action

    def _error(self, message_id: str, code: str, description: str, action: str = "") -> None:
        text = frame_of(MessageType.CALLERROR, message_id, code, description[:255], {})
        self._out.append(Frame(text, "error", action or code))

    # --- their side -------------------------------------------------------------------------------------------------

    def feed(self, frame: str | bytes) -> Event:
        """Take one text frame. Never raises on what the peer sends."""
        if isinstance(frame, bytes):
            return Dropped("binary frame")  # OCPP-J is text
        if len(frame) > MAX_FRAME:
            return self._too_big(frame)
        try:
            parts = msgspec.json.decode(frame, type=list[msgspec.Raw])
            kind = msgspec.json.decode(parts[0], type=int)
            message_id = msgspec.json.decode(parts[1], type=str)
        except (msgspec.MsgspecError, RecursionError, UnicodeError, IndexError) as error:
            return self._unreadable(str(error))
        if not 0 < len(message_id) <= MAX_ID:
            return self._unreadable("message id is empty or too long")
        match kind:
            case MessageType.CALL:
                return self._on_call(message_id, parts)
            case MessageType.CALLRESULT:
                return self._on_result(message_id, parts)
            case MessageType.CALLERROR:
                return self._on_error(message_id, parts)
            case MessageType.CALLRESULTERROR if self.flavour.refuses_results:
                return Dropped(f"the peer could not use our answer to {message_id}")
            case MessageType.SEND if self.flavour.sends:
                return Dropped("SEND from the back office: 2.1 defines none")
        if self.flavour.unknown_type is not None:
            self._error(message_id, self.flavour.unknown_type, f"message type {kind}")
        return Dropped(f"message type {kind}")

    def _too_big(self, frame: str) -> Event:
        head = _CALL_HEAD.match(frame[:256])
        if head is None:
            return Dropped(f"frame of {len(frame)} characters")
        self._error(head[1], self.flavour.format_violation, f"frame of {len(frame)} characters")
        return Dropped(f"CALL of {len(frame)} characters")

    def _unreadable(self, why: str) -> Event:
        if self.flavour.framework_error is not None:
            self._error(UNREADABLE_ID, self.flavour.framework_error, why)
        return Dropped(f"unreadable frame: {why}")

    def _on_call(self, message_id: str, parts: list[msgspec.Raw]) -> Event:
        if message_id in self._open:
            return Dropped(f"call {message_id} is still being answered")
        try:
            action = msgspec.json.decode(parts[2], type=str)
            if len(parts) != 4:
                raise Violation("syntax", "a CALL has four elements")
            kind = self._requests.get(action)
            if kind is None:
                code = "NotSupported" if action in self._known else "NotImplemented"
                self._error(message_id, code, action)
                return Dropped(f"{action[:50]}: {code}")
            request = check(_object(parts[3]), kind)
        except (msgspec.MsgspecError, UnicodeError, IndexError):
            return self._bad_call(message_id, Violation("syntax", "the action cannot be read"))
        except Violation as violation:
            return self._bad_call(message_id, violation)
        if len(self._open) >= MAX_OPEN:
            self._error(message_id, "GenericError", "too many unanswered calls")
            return Dropped(f"{action}: too many unanswered calls")
        self._open[message_id] = action
        return Called(message_id, action, request)

    def _bad_call(self, message_id: str, violation: Violation) -> Event:
        self._error(message_id, code_of(violation.keyword, self.flavour), str(violation))
        return Dropped(f"bad call: {violation}")

    def _on_result(self, message_id: str, parts: list[msgspec.Raw]) -> Event:
        call = self._take(message_id)
        if call is None:
            return Dropped(f"answer to {message_id}, which is not in flight")
        try:
            if len(parts) != 3:
                raise Violation("syntax", "a CALLRESULT has three elements")
            return Answered(call, check(_object(parts[2]), call.response))
        except Violation as violation:
            code = code_of(violation.keyword, self.flavour)
            if self.flavour.refuses_results:
                text = frame_of(MessageType.CALLRESULTERROR, message_id, code, str(violation)[:255], {})
                self._out.append(Frame(text, "error", call.action))
            return Refused(call, code, str(violation), unusable=True)

    def _on_error(self, message_id: str, parts: list[msgspec.Raw]) -> Event:
        call = self._take(message_id)
        if call is None:
            return Dropped(f"error for {message_id}, which is not in flight")
        texts: list[Any] = []
        for part in parts[2:4]:
            try:
                texts.append(msgspec.json.decode(part, type=str))
            except (msgspec.MsgspecError, UnicodeError):  # an error stays an error, however badly it is spelt
                texts.append("")
        code, description = [*texts, "", ""][:2]
        return Refused(call, code or "GenericError", description)

    def _take(self, message_id: str) -> Sent | None:
        if self._flight is None or self._flight.id != message_id:
            return None
        call, self._flight = self._flight, None
        return call


def _object(raw: msgspec.Raw) -> msgspec.Raw | bytes:
    """An empty payload may be written `null` (2.0.1 part 4, 4.1.5)."""
    return b"{}" if bytes(raw).strip() == b"null" else raw
