"""One connected station: calls and results of OCPP-J on a WebSocket, each payload held against the official schema of
the `ocpp` package, in both directions. What to answer is `v16`'s and `v201`'s."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, Final, Protocol

from ocpp.exceptions import NotImplementedError as OcppNotImplemented
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult, unpack, validate_payload
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from hil.csms import v16, v201
from hil.csms.records import JsonObject, Records

ANSWER_S: Final = 30.0
Tell = Callable[..., None]


class CallRefused(Exception):
    """The station answered with CALLERROR, not at all, or with nonsense."""


class Dialect(Protocol):
    """What `v16` and `v201` have in common."""

    @property
    def ANSWERS(self) -> dict[str, v16.Answer]: ...

    @property
    def FOLLOWS(self) -> dict[str, v16.Follow]: ...

    def remote_start(self, token: str, evse: int, number: int) -> tuple[str, JsonObject]: ...

    def remote_stop(self, transaction: str) -> tuple[str, JsonObject]: ...

    def reset(self, immediate: bool) -> tuple[str, JsonObject]: ...

    def unlock(self, evse: int) -> tuple[str, JsonObject]: ...


DIALECTS: Final[dict[str, Dialect]] = {"1.6": v16, "2.0.1": v201, "2.1": v201}


class StationLink:
    """`tell(event, **fields)` prints what happened; `silent` makes this back office stop answering."""

    def __init__(self, name: str, version: str, socket: ServerConnection, records: Records, tell: Tell) -> None:
        self.name = name
        self.version = version
        self.dialect = DIALECTS[version]
        self.silent = False
        self._socket = socket
        self._records = records
        self._tell = tell
        self._waiting: dict[str, tuple[str, asyncio.Future[JsonObject]]] = {}
        self._following: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the station goes."""
        async for frame in self._socket:
            try:
                message = unpack(frame)
            except OCPPError as error:
                self._tell("invalid", station=self.name, why=f"{error.code}: {error.details}", frame=str(frame)[:500])
                continue
            if isinstance(message, Call):
                await self._serve(message)
            else:
                await self._result(message)

    async def close(self) -> None:
        await self._socket.close()

    async def call(self, action: str, payload: JsonObject) -> JsonObject:
        """Call the station and wait for its result. Raises CallRefused."""
        call = Call(str(uuid.uuid4()), action, payload)
        try:
            await validate_payload(call, self.version)
        except OCPPError as error:
            raise CallRefused(f"not sent, the schema of {action} forbids it: {error.details}") from error
        result: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._waiting[call.unique_id] = (action, result)
        self._message("sent", "call", action, payload)
        try:
            await self._socket.send(call.to_json())
            return await asyncio.wait_for(result, ANSWER_S)
        except TimeoutError:
            raise CallRefused(f"no answer to {action} within {ANSWER_S:.0f} s") from None
        finally:
            del self._waiting[call.unique_id]

    async def _serve(self, call: Any) -> None:
        self._message("received", "call", call.action, call.payload)
        if self.silent:
            return
        try:
            await validate_payload(call, self.version)
            told = self._records.told.get(call.action)
            if told and await self._serve_as_told(call, told.pop(0)):
                return
            answer = self.dialect.ANSWERS.get(call.action)
            if answer is None:
                raise OcppNotImplemented(details={"cause": f"{call.action} is not served here"})
            result = call.create_call_result(answer(self._records, self.name, call.payload))
            await validate_payload(result, self.version)
        except OCPPError as error:
            self._tell("invalid", station=self.name, action=call.action, why=f"{error.code}: {error.details}")
            await self._socket.send(CallError(call.unique_id, error.code, error.description, {}).to_json())
            return
        self._message("sent", "result", call.action, result.payload)
        await self._socket.send(result.to_json())
        follow = self.dialect.FOLLOWS.get(call.action)
        if follow is not None:
            task = asyncio.create_task(self._follow(follow(self._records, self.name, call.payload)))
            self._following.add(task)
            task.add_done_callback(self._following.discard)

    async def _follow(self, calls: list[tuple[str, JsonObject]]) -> None:
        for action, payload in calls:
            try:
                await self.call(action, payload)
            except (CallRefused, ConnectionClosed) as refused:
                self._tell("refused", station=self.name, action=action, why=str(refused))

    async def _serve_as_told(self, call: Any, how: JsonObject) -> bool:
        """Answer late, with this payload, an error, nonsense or not at all. False: as usual after all."""
        await asyncio.sleep(how.get("delay_s", 0.0))
        if how.get("silence"):
            return True
        if "garbage" in how:
            await self._socket.send(str(how["garbage"]).replace("$ID", call.unique_id))
            return True
        if "error" in how:
            await self._socket.send(CallError(call.unique_id, how["error"], "as told", {}).to_json())
            return True
        if "payload" in how:
            self._message("sent", "result", call.action, how["payload"])
            await self._socket.send(CallResult(call.unique_id, how["payload"]).to_json())
            return True
        return False

    async def _result(self, message: Any) -> None:
        action, result = self._waiting.get(message.unique_id, ("", None))
        if result is None or result.done():
            self._tell("invalid", station=self.name, why=f"an answer to no call: {message.unique_id}")
            return
        if isinstance(message, CallError):
            text = f"{message.error_code}: {message.error_description}"
            self._message("received", "error", action, {"code": message.error_code, "text": message.error_description})
            result.set_exception(CallRefused(text))
            return
        self._message("received", "result", action, message.payload)
        try:
            await validate_payload(CallResult(message.unique_id, message.payload, action), self.version)
        except OCPPError as error:
            self._tell("invalid", station=self.name, action=action, why=f"{error.code}: {error.details}")
            result.set_exception(CallRefused(f"the schema of {action}'s result forbids it: {error.details}"))
            return
        result.set_result(message.payload)

    def _message(self, direction: str, kind: str, action: str, payload: JsonObject) -> None:
        self._tell(
            "message",
            station=self.name,
            version=self.version,
            direction=direction,
            kind=kind,
            action=action,
            payload=payload,
        )
