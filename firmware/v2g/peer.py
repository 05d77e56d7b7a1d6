"""The car as a session script meets it: `await ev.next(Expected, ..., reply=...)` is a script's only await.

Here live, once for every protocol: sending the reply, waiting, the session id, the order of messages, time limits and
the failure replies. Bytes, time and the running of the script are `conversation`'s, sockets are `server`'s.
"""

import secrets
import types
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple, NoReturn, TypeVar, overload

from firmware.v2g import v2gtp
from firmware.v2g.exi import decode, encode
from firmware.v2g.language import APP_PROTOCOL, Language
from firmware.v2g.messages.declare import Message, Request, Response
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.messages.xmldsig import Signature
from firmware.v2g.v2gtp import Frame
from firmware.v2g.when import When

A = TypeVar("A", bound=Request)
B = TypeVar("B", bound=Request)
C = TypeVar("C", bound=Request)

ANSWER_MARGIN_S: Final = 0.1  # a `when` answers this long before the message's performance time ends


class SessionError(Exception):
    """The session cannot go on; the text says why. The connection is closed after what was already answered."""


class SequenceError(SessionError):
    """The car sent a request that is not allowed now; it was answered with FAILED_SequenceError where possible."""


class UnknownSession(SessionError):
    """The car's session id is not ours; it was answered with FAILED_UnknownSession."""


class SequenceTimeout(SessionError):
    """The car sent nothing within the sequence timeout [V2G2-443]: closed without a message."""


class ConnectionLost(SessionError):
    """The connection is gone, or the car sent something that is no V2G message."""


class EvStops(Exception):
    """The car asks to end the session (SessionStopReq) where a script may not be interested in anything else."""

    def __init__(self, request: Request) -> None:
        super().__init__(type(request).__name__)
        self.request = request


class Exchanged(NamedTuple):
    """One message that came or went; `size` in bytes without the V2GTP header. An answer also says when its request
    came and how long after it the standard allows it to leave, in s."""

    mono: float
    direction: Literal["from_car", "to_car"]
    protocol: str
    message: Message
    size: int
    asked_at: float | None = None
    allowed_s: float | None = None

    @property
    def took_s(self) -> float | None:
        """From the request to this answer."""
        return None if self.asked_at is None else self.mono - self.asked_at


@dataclass(frozen=True)
class Signed:
    """An answer with a signature in its header."""

    message: Response
    signature: Signature


@dataclass(frozen=True)
class Relayed:
    """An answer that somebody else made and signed: its EXI payload goes out as it is."""

    message: Response
    payload: bytes


Reply = Response | Signed | Relayed | When[Any]


@types.coroutine
def _until_something_happens() -> Generator[None]:
    """Hand control back to the conversation until a frame arrives, time passes or the station changes."""
    yield


class Peer:
    """One car on one connection. `now` and the arriving frames are given by the conversation."""

    def __init__(self, if_failed: Callable[[], None], language: Language = APP_PROTOCOL) -> None:
        """`if_failed` is called before any answer that says FAILED goes out: no energy in a failed session."""
        self.language = language
        self.session_id = b""  # ours; empty before SessionSetup
        self.claimed_session_id = b""  # what the car's last request said
        self.has_failed = False
        self.now = 0.0
        self.deadline: float | None = None
        self.inbox: deque[Frame] = deque()
        self.outbox: list[bytes] = []
        self.messages: list[Exchanged] = []  # told to the world after the bytes are on their way
        self._if_failed = if_failed
        self.asked = b""  # the last request as it came: the EXI payload
        self.signature: Signature | None = None  # in the last request's header
        self._asked_at = self._allowed_s = 0.0
        self._request: Request | None = None
        self._same_since = 0.0

    # --- for scripts ------------------------------------------------------------------------------------------------

    @overload
    async def next(self, *, reply: Reply) -> None: ...
    @overload
    async def next(
        self, first: type[A], /, *, reply: Reply | None = None, may_stop: bool = True, goes_on: bool = False
    ) -> A: ...
    @overload
    async def next(
        self, first: type[A], second: type[B], /, *, reply: Reply | None = None, may_stop: bool = True
    ) -> A | B: ...
    @overload
    async def next(
        self, first: type[A], second: type[B], third: type[C], /, *, reply: Reply | None = None, may_stop: bool = True
    ) -> A | B | C: ...
    async def next(
        self, *expected: type[Request], reply: Reply | None = None, may_stop: bool = True, goes_on: bool = False
    ) -> Request | None:
        """Send `reply` and wait for one of `expected`; without any, the reply was the last word.

        Raises EvStops for a SessionStopReq that may come now without being expected: it may in every waiting state
        but those that say may_stop=False (before the session, in the charging loop). After a reply that says FAILED
        nothing else may come [V2G2-736], unless it `goes_on`: a certificate that could not be had ends no session. Any
        other request is answered with FAILED_SequenceError and raises
        SequenceError; see the other SessionErrors for what else ends a session.
        """
        if reply is not None:
            await self._answer(reply, goes_on=goes_on)
        if not expected:
            return None
        request = await self._receive()
        self._check(request, expected, may_stop)
        return request

    def new_session(self) -> bytes:
        """A fresh session id: 8 bytes of the operating system's randomness, never zero."""
        self.session_id = secrets.token_bytes(8)
        return self.session_id if any(self.session_id) else self.new_session()

    def refuse_order(self, what: str) -> NoReturn:
        """The last request is of an expected class but makes no sense now: as any other sequence error."""
        if self._request is not None:
            self._refuse(self._request, self.language.sequence_error)
        raise SequenceError(what)

    @property
    def asking_for_s(self) -> float:
        """For how long the car has now been sending the same request (we answer Ongoing), in s."""
        return self.now - self._same_since

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _answer(self, reply: Reply, *, goes_on: bool = False) -> None:
        made = await self._wait_for(reply) if isinstance(reply, When) else reply
        message = made.message if isinstance(made, Signed | Relayed) else made
        self.has_failed = is_failure(message) and not goes_on
        if self.has_failed:
            self._if_failed()
        if isinstance(made, Relayed):
            self._put(message, made.payload)
        else:
            self._send(message, made.signature if isinstance(made, Signed) else None)

    async def _wait_for(self, reply: When[Any]) -> Any:
        """The message that `reply` comes to, in time for the request it answers."""
        limit = min(self.now + reply.within, self._asked_at + self._allowed_s - ANSWER_MARGIN_S)
        while not reply.condition():
            if self.now >= limit:
                return self._made(reply.otherwise)
            self.deadline = limit
            await _until_something_happens()
        return self._made(reply.then)

    def _made(self, what: Any) -> Any:
        if isinstance(what, StrEnum):
            return failure_reply(self._answer_class(), what)
        return what() if callable(what) else what

    def _answer_class(self) -> type[Response]:
        if self._request is None:
            raise SequenceError("nothing was asked yet")
        return self._request.answered_by

    async def _receive(self) -> Request:
        limit = self.now + self.language.sequence_timeout_s
        while not self.inbox:
            if self.now >= limit:
                raise SequenceTimeout(f"the car sent nothing for {self.language.sequence_timeout_s:.0f} s")
            self.deadline = limit
            await _until_something_happens()
        self.deadline = None
        return self._read(self.inbox.popleft())

    def _read(self, frame: Frame) -> Request:
        """Bytes -> request; its session id is checked before anything else. Raises ExiError, SessionError."""
        if frame.payload_type not in self.language.payload_types:
            raise ConnectionLost(f"V2GTP payload type {frame.payload_type:#06x} has no meaning here")
        whole = decode(frame.payload, self.language.schema)
        session_id, request = self.language.unwrap(whole)
        self.asked, self.signature = frame.payload, self.language.signature(whole)
        self._asked_at = self.now
        self._allowed_s = self.language.performance_s(type(request) if isinstance(request, Request) else None)
        if request is None:
            raise SequenceError("the car sent an empty message")
        self._record("from_car", request, len(frame.payload))
        if not isinstance(request, Request):
            raise SequenceError(f"the car sent {type(request).__name__}, which is no request")
        self.claimed_session_id = session_id or b""
        foreign = self.session_id and self.claimed_session_id != self.session_id
        if foreign and not self.language.opens_session(request):
            self._refuse(request, self.language.unknown_session)
            raise UnknownSession(f"{type(request).__name__} for session {self.claimed_session_id.hex() or 'none'}")
        return request

    def _check(self, request: Request, expected: tuple[type[Request], ...], may_stop: bool) -> None:
        """Is it this request's turn?"""
        stops = self.language.stops_session(request)
        if isinstance(request, expected) and not (self.has_failed and not stops):
            self._note(request)
            return
        if stops and (may_stop or self.has_failed):
            self._note(request)
            raise EvStops(request)
        allowed = "SessionStopReq" if self.has_failed else " or ".join(each.__name__ for each in expected)
        self._refuse(request, self.language.sequence_error)
        raise SequenceError(f"{type(request).__name__} where only {allowed} may come")

    def _note(self, request: Request) -> None:
        if type(request) is not type(self._request):
            self._same_since = self.now
        self._request = request

    def _refuse(self, request: Request, code: StrEnum) -> None:
        self.has_failed = True
        self._if_failed()
        self._send(failure_reply(request.answered_by, code))

    def _send(self, message: Response, signature: Signature | None = None) -> None:
        self._put(message, encode(self.language.wrap(self.session_id, message, signature)))

    def _put(self, message: Response, payload: bytes) -> None:
        self.outbox.append(v2gtp.pack(self.language.payload_type(message), payload))
        self._record("to_car", message, len(payload), self._asked_at, self._allowed_s)

    def _record(
        self,
        direction: Literal["from_car", "to_car"],
        message: Message,
        size: int,
        asked_at: float | None = None,
        allowed_s: float | None = None,
    ) -> None:
        self.messages.append(Exchanged(self.now, direction, self.language.name, message, size, asked_at, allowed_s))


def is_failure(message: Response) -> bool:
    """Does this answer say FAILED (or Failed, as the handshake spells it)?"""
    code: object = getattr(message, "response_code", "")
    return str(code).upper().startswith("FAILED")
