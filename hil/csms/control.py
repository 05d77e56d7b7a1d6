"""What one may ask of the running back office: one JSON object per line, on its Unix socket.

    {"do": "status"}                                     stations, connectors, transactions
    {"do": "start", "token": "04AA", "evse": 1}          RemoteStartTransaction / RequestStartTransaction
    {"do": "stop"}                                       stop the running transaction (or "transaction": id)
    {"do": "reset", "immediate": true}
    {"do": "unlock", "evse": 1}
    {"do": "call", "action": "GetVariables", "payload": {...}}
    {"do": "tokens", "accepted": ["04AA"]}               null accepts every token
    {"do": "boot", "status": "Pending"}                  what BootNotification is answered with
    {"do": "answer", "action": "Authorize", "payload": {...}}   the next answer to it is this; or "error": CODE,
        "garbage": TEXT ($ID = the call's id), "silence": true, each with "delay_s"; "times": how often (default 1)
    {"do": "silent", "on": true}                         stop answering; {"do": "drop"} closes the connection

A station is named by "station"; without it the only connected one is meant.
"""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from hil.csms.records import JsonObject
from hil.csms.station_link import CallRefused, StationLink

if TYPE_CHECKING:
    from hil.csms.server import Csms


class BadRequest(ValueError):
    """The line cannot be done; the text says why."""


async def answer(csms: "Csms", line: bytes) -> JsonObject:
    """Do one request; `{"ok": true, ...}` or `{"ok": false, "error": ...}`."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict) or request.get("do") not in DOINGS:
            raise BadRequest(f'an object with "do", one of: {", ".join(DOINGS)}')
        return {"ok": True, **await DOINGS[request["do"]](csms, request)}
    except KeyError as error:
        return {"ok": False, "error": f"missing: {error.args[0]}"}
    except (ValueError, TypeError, CallRefused) as error:
        return {"ok": False, "error": str(error)}


def _station(csms: "Csms", request: JsonObject) -> StationLink:
    name = request.get("station")
    found = [link for link in csms.links.values() if name in {None, link.name}]
    if len(found) != 1:
        raise BadRequest(f"{'no' if not found else 'more than one'} station is connected: {sorted(csms.links)}")
    return found[0]


async def _status(csms: "Csms", request: JsonObject) -> JsonObject:
    return {"connected": {link.name: link.version for link in csms.links.values()}, **csms.records.summary()}


async def _start(csms: "Csms", request: JsonObject) -> JsonObject:
    link = _station(csms, request)
    csms.remote_starts += 1
    wanted = link.dialect.remote_start(request["token"], request.get("evse", 1), csms.remote_starts)
    return {"result": await link.call(*wanted)}


async def _stop(csms: "Csms", request: JsonObject) -> JsonObject:
    link = _station(csms, request)
    transaction = request.get("transaction")
    if transaction is None:
        running = csms.records.running(link.name, request.get("evse"))
        if not running:
            raise BadRequest("no transaction is running")
        transaction = running[-1].id
    return {"result": await link.call(*link.dialect.remote_stop(str(transaction)))}


async def _reset(csms: "Csms", request: JsonObject) -> JsonObject:
    link = _station(csms, request)
    return {"result": await link.call(*link.dialect.reset(bool(request.get("immediate", False))))}


async def _unlock(csms: "Csms", request: JsonObject) -> JsonObject:
    link = _station(csms, request)
    return {"result": await link.call(*link.dialect.unlock(request.get("evse", 1)))}


async def _call(csms: "Csms", request: JsonObject) -> JsonObject:
    return {"result": await _station(csms, request).call(request["action"], request.get("payload", {}))}


async def _tokens(csms: "Csms", request: JsonObject) -> JsonObject:
    accepted = request["accepted"]
    csms.records.tokens = None if accepted is None else set(accepted)
    return {}


async def _boot(csms: "Csms", request: JsonObject) -> JsonObject:
    if request["status"] not in {"Accepted", "Pending", "Rejected"}:
        raise BadRequest("status is Accepted, Pending or Rejected")
    csms.records.boot_status = request["status"]
    return {}


async def _answer(csms: "Csms", request: JsonObject) -> JsonObject:
    ways = ("payload", "error", "garbage", "silence", "delay_s")
    how: JsonObject = {key: request[key] for key in ways if key in request}
    if not how:
        raise BadRequest(f"say how: {', '.join(ways)}")
    csms.records.told.setdefault(request["action"], []).extend([how] * int(request.get("times", 1)))
    return {}


async def _silent(csms: "Csms", request: JsonObject) -> JsonObject:
    _station(csms, request).silent = bool(request.get("on", True))
    return {}


async def _drop(csms: "Csms", request: JsonObject) -> JsonObject:
    await _station(csms, request).close()
    return {}


DOINGS: Final[dict[str, Callable[["Csms", JsonObject], Awaitable[JsonObject]]]] = {
    "status": _status,
    "start": _start,
    "stop": _stop,
    "reset": _reset,
    "unlock": _unlock,
    "call": _call,
    "tokens": _tokens,
    "boot": _boot,
    "answer": _answer,
    "silent": _silent,
    "drop": _drop,
}
