"""What each command does, and the answer to it: OCPP's words, with the reason for people when it is no plain yes.

A command never raises for what it asks. Rules of tokens are `authorization`'s, those of one EVSE `evse`'s.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from firmware.station import connector_status
from firmware.station.authorization import NEVER_ASKED, Verdict, same_token
from firmware.station.commands import (
    CancelReservation,
    ClearFault,
    Command,
    IdentifyCar,
    Outcome,
    Reserve,
    Reset,
    SetAvailability,
    SetLimit,
    StartTransaction,
    StopTransaction,
    SwipeToken,
    Unlock,
)
from firmware.station.evse import Evse
from firmware.station.facts import IdToken
from firmware.station.signal import Signal, until
from firmware.station.transaction import STOPS, Stop
from hal import wire
from hal.contracts import LockState

if TYPE_CHECKING:
    from firmware.station.station import Station

_ENDED_BY_TOKEN: Final = frozenset({"Local", "MasterPass", "DeAuthorized"})
_UNLOCK_S: Final = 5.0  # a bolt has tried five times by then (hal reference 5)
_CLEAR_S: Final = 2.0
_OPEN_S: Final = 16.0  # a stop is carried out by then


async def carry_out(station: "Station", command: Command) -> Outcome:
    """Do what the command asks."""
    match command:
        case SwipeToken():
            return await swipe(station, command.id_token, command.evse)
        case IdentifyCar():
            return await identify(station, command.id_token, command.evse)
        case StartTransaction():
            return await start(station, command)
        case StopTransaction():
            return stop(station, command)
        case Unlock():
            return await unlock(station, command)
        case SetAvailability():
            return availability(station, command)
        case SetLimit():
            return limit(station, command)
        case Reserve():
            return station.reservations.reserve(command)
        case CancelReservation():
            return station.reservations.cancel(command)
        case Reset():
            return station.resets.ask(command)
        case ClearFault():
            return await clear_fault(station, command)
    return Outcome("Rejected", f"{type(command).__name__} is not known here")


# --- tokens and transactions --------------------------------------------------------------------------------------


async def swipe(station: "Station", id_token: IdToken, number: int) -> Outcome:
    """A token at a reader: the second swipe stops, another token is refused, else it is asked for."""
    station.token_presented(id_token, number)
    if number != 0 and number not in station.evses:
        return Outcome("Rejected", f"there is no EVSE {number}")
    within = list(station.evses.values()) if number == 0 else [station.evses[number]]
    group = _known_group(station, id_token)
    if station.authorizer.is_master(group):  # C16.FR.04, 05
        return _master(station, id_token)
    for evse in within:
        if evse.transaction_id is not None and evse.owns(id_token, group):
            return _stop_by_token(evse, id_token)
    for evse in within:
        if not evse.plugged and evse.may_take_cable(id_token, group):
            evse.free_cable()
            return Outcome("Accepted", "the cable is free")
    evse = choose(station.reservations.suited(within, id_token, group), for_token=id_token)
    if evse.transaction_id is not None and len(within) == 1 and _is_free(station, evse):
        return _stop_by_token(evse, id_token)
    if evse.claimed:
        return await _foreign_token(station, evse, id_token)
    if same_token(evse.id_token, id_token):
        evse.withdraw()
        return Outcome("Accepted", "authorization withdrawn")
    refusal = cannot_start(evse, anew=_may_begin_anew(evse, shared_reader=number == 0 and len(within) > 1))
    if evse.keeps_cable and not evse.may_take_cable(id_token, group):
        refusal = "somebody's cable is locked in here; whose it is must take it first"
    if refusal:
        station.refuse(evse, id_token, Verdict("Invalid", source="station", reason=refusal))
        return Outcome("Rejected", refusal)
    anywhere = number == 0 and len(within) > 1 and not evse.plugged
    return await _authorise(station, evse, id_token, anywhere=anywhere)


async def identify(station: "Station", id_token: IdToken, number: int) -> Outcome:
    """A car that is its own token: it is asked about where nobody else pays. It never stops anything, and after a
    transaction ended it begins no other before it was unplugged: whoever stopped it meant it."""
    evse = station.evses.get(number)
    if evse is None:
        return Outcome("Rejected", f"there is no EVSE {number}")
    if evse.id_token is not None:
        return Outcome("Rejected", f"somebody is authorised at EVSE {number} already")
    refusal = cannot_start(evse, anew=False)
    if refusal:
        return Outcome("Rejected", refusal)
    station.token_presented(id_token, number)
    return await _authorise(station, evse, id_token)


def _may_begin_anew(evse: Evse, *, shared_reader: bool) -> bool:
    """OCPP 1.6 F2: a driver may present a token again with the plug still in. Not right after a token ended it (that
    swipe is a double one), and not at a shared reader: it might be another driver's car (errata 3.20)."""
    return not shared_reader and evse.ended is not None and evse.ended.reason not in _ENDED_BY_TOKEN


def _is_free(station: "Station", evse: Evse) -> bool:
    """A free session belongs to whoever stands before it: any card ends it, or a locked plug could not be taken."""
    return evse.transaction is not None and same_token(evse.transaction.id_token, station.free_token)


def _known_group(station: "Station", id_token: IdToken) -> IdToken | None:
    known = station.authorizer.known(id_token)
    return known.group if known is not None and known.accepted else None


def _stop_by_token(evse: Evse, id_token: IdToken) -> Outcome:
    transaction_id = evse.transaction_id
    if evse.stop_wanted is not None:
        return Outcome("Accepted", "it is stopping already", transaction_id)
    evse.stop(Stop("Local", "StopAuthorized", id_token))
    return Outcome("Accepted", "charging stops", transaction_id)


def _master(station: "Station", id_token: IdToken) -> Outcome:
    """C16: a master pass ends every transaction, and begins none (C12.FR.09)."""
    stop = msgspec.structs.replace(STOPS["MasterPass"], id_token=id_token)
    running = [evse for evse in station.evses.values() if evse.transaction_id is not None]
    for evse in running:
        evse.stop(stop)
    for evse in station.evses.values():
        evse.free_cable()
    return Outcome("Accepted", "charging stops everywhere" if running else "a master pass begins no transaction")


async def _foreign_token(station: "Station", evse: Evse, id_token: IdToken) -> Outcome:
    """Another token during a transaction: only one of the same group may end it (C09.FR.05: ask)."""
    running = evse.transaction_id
    grouped = evse.transaction is not None and evse.transaction.group is not None
    if grouped or station.authorizer.has_master:
        verdict = await station.authorizer.check(id_token, evse.id, station.back_office)
        if verdict.accepted and station.authorizer.is_master(verdict.group):
            return _master(station, id_token)
        if verdict.accepted and evse.transaction_id == running and evse.owns(id_token, verdict.group):
            return _stop_by_token(evse, id_token)
    reason = f"EVSE {evse.id} is in use with another token"
    station.refuse(evse, id_token, Verdict("Invalid", source="station", reason=reason), running=True)
    return Outcome("Rejected", reason)


async def _authorise(
    station: "Station",
    evse: Evse,
    id_token: IdToken,
    remote_start_id: int | None = None,
    limit_a: float | None = None,
    *,
    anywhere: bool = False,
) -> Outcome:
    """Ask, then look again: the world went on meanwhile. `anywhere`: it counts where the next plug comes."""
    if evse.id in station.asking:
        return Outcome("Rejected", "a token is being checked already")
    station.asking.add(evse.id)
    try:
        verdict = await station.authorizer.check(id_token, evse.id, station.back_office)
    finally:
        station.asking.discard(evse.id)
    if verdict.accepted and station.authorizer.is_master(verdict.group):
        return _master(station, id_token)
    if verdict.accepted:
        late = cannot_start(evse, anew=True) or station.reservations.refusal(evse, id_token, verdict.group)
        if late:
            verdict = Verdict("Invalid", source="station", reason=late)
    if not verdict.accepted:
        station.refuse(evse, id_token, verdict)
        return Outcome("Rejected", verdict.reason)
    evse.set_bound("transaction", limit_a)
    station.accept(evse, id_token, verdict, remote_start_id, anywhere=anywhere)
    return Outcome("Accepted", transaction_id=evse.transaction_id)


def cannot_start(evse: Evse, *, anew: bool) -> str:
    """Why nothing can start at this EVSE now; empty when it can. `anew`: also where a transaction has just ended."""
    if not evse.operative:
        return f"EVSE {evse.id} is out of service"
    if not evse.admitted:
        return "the back office has not accepted this station yet"
    faults = connector_status.forbidding(evse.faults)
    if faults:
        return f"EVSE {evse.id} has a fault: {faults[0].text}"
    if evse.claimed or evse.resuming:
        return f"EVSE {evse.id} has a transaction"
    if evse.id_token is not None:
        return f"EVSE {evse.id} is waiting for the plug of another token"
    if evse.ended is not None and not anew:
        return f"EVSE {evse.id} has finished; unplug to start again"
    return ""


def choose(evses: list[Evse], *, for_token: IdToken | None = None, anew: bool = False) -> Evse:
    """Which EVSE a token without one is meant for: its own, else one with a waiting car, else a free one."""
    for evse in evses:
        if for_token is not None and same_token(evse.id_token, for_token):
            return evse
    fitting = [evse for evse in evses if not cannot_start(evse, anew=anew)]
    waiting = [evse for evse in fitting if evse.plugged]
    return next(iter(waiting or fitting or evses))


async def start(station: "Station", command: StartTransaction) -> Outcome:
    """Remote start (F01, F02), or one by panel or rig. "Accepted" means it will be tried."""
    if command.evse is not None and command.evse not in station.evses:
        return Outcome("Rejected", f"there is no EVSE {command.evse}")
    within = list(station.evses.values()) if command.evse is None else [station.evses[command.evse]]
    group = command.group or _known_group(station, command.id_token)
    evse = choose(station.reservations.suited(within, command.id_token, group), anew=True)
    refusal = cannot_start(evse, anew=True) or station.reservations.refusal(evse, command.id_token, group)
    if refusal:
        return Outcome("Rejected", refusal)
    by_csms = command.by == "csms"
    trusted = not station.flag("AuthCtrlr.AuthorizeRemoteStart", False) or command.id_token.kind in NEVER_ASKED
    if by_csms and trusted:
        evse.set_bound("transaction", command.limit_a)
        begun = evse.transaction_id  # F01.FR.13: one that waits for somebody to be authorised
        station.accept(evse, command.id_token, Verdict(source="remote", group=group), command.remote_start_id)
        return Outcome("Accepted", transaction_id=begun)
    asking = _authorise(station, evse, command.id_token, command.remote_start_id, command.limit_a)
    if by_csms:  # F01.FR.01: first answer, then ask
        station.in_background(asking)
        return Outcome("Accepted", transaction_id=evse.transaction_id)
    return await asking


def stop(station: "Station", command: StopTransaction) -> Outcome:
    """F03.FR.07/08 and every other reason to end a transaction by its id."""
    evse = station.by_transaction(command.transaction_id)
    if evse is None:
        return Outcome("Rejected", f"no transaction {command.transaction_id} is running")
    evse.stop(STOPS.get(command.reason, STOPS["Other"]))
    return Outcome("Accepted", transaction_id=command.transaction_id)


# --- connector ----------------------------------------------------------------------------------------------------


async def unlock(station: "Station", command: Unlock) -> Outcome:
    """F05: release the plug, with the bolt's own word for it."""
    evse = station.evses.get(command.evse)
    if evse is None:
        return Outcome("UnknownConnector", f"there is no EVSE {command.evse}")
    connector = command.connector if command.connector is not None else evse.connector
    if not _has_connector(station, command.evse, connector):
        return Outcome("UnknownConnector", f"there is no connector {connector} at EVSE {command.evse}")
    if connector != evse.connector:
        return await _unlock_beside(station, evse, evse.settings.connectors[connector - 1])
    if evse.claimed and evse.stop_wanted is None:
        return Outcome("OngoingAuthorizedTransaction", "a transaction is running; stop it first", evse.transaction_id)
    if evse.capability is None:
        return Outcome("UnlockFailed", evse.guard_problem or "the guard has not reported yet")
    if not evse.capability.lock:
        return Outcome("NotSupported", "this connector has no lock")
    if not await until(evse.changed, lambda: evse.at_rest, _OPEN_S):
        return Outcome("UnlockFailed", "the contactor did not open")
    evse.free_cable()
    evse.release_lock()
    return await _released(evse.changed, lambda: evse.seen.lock if evse.seen is not None else LockState.UNKNOWN)


async def _unlock_beside(station: "Station", evse: Evse, connector: int) -> Outcome:
    """A connector that is not in use; `connector` is the board's number."""
    guard = station.guard
    known = guard.hello.connectors if guard.hello is not None and guard.connected else ()
    can = next((each for each in known if each.connector == connector), None)
    if can is None:
        return Outcome("UnlockFailed", evse.guard_problem or "the guard has not reported yet")
    if not can.lock:
        return Outcome("NotSupported", "this connector has no lock")
    changed = Signal()

    def observed(_: wire.Observation) -> None:
        changed.notify()

    def bolt() -> LockState:
        seen = guard.observations.get(connector)
        return seen.lock if seen is not None else LockState.UNKNOWN

    guard.on_observation.append(observed)
    try:
        guard.send(wire.LockIntent(0, connector, False))
        return await _released(changed, bolt)
    finally:
        guard.on_observation.remove(observed)


async def _released(changed: Signal, bolt: Callable[[], LockState]) -> Outcome:
    """Wait for the bolt: free, or it was tried and that is over (nobody need wait longer for that answer)."""
    tried = False

    def settled() -> bool:
        nonlocal tried
        state = bolt()
        tried = tried or state is LockState.MOVING
        return state is LockState.UNLOCKED or (tried and state is not LockState.MOVING)

    await until(changed, settled, _UNLOCK_S)
    state = bolt()
    if state is LockState.UNLOCKED:
        return Outcome("Unlocked")
    return Outcome("UnlockFailed", f"the bolt is {state.value}" + ("" if tried else f" after {_UNLOCK_S:g} s"))


def _has_connector(station: "Station", evse: int | None, connector: int) -> bool:
    found = station.evses.get(evse) if evse is not None else None
    return found is not None and 1 <= connector <= len(found.settings.connectors)


def availability(station: "Station", command: SetAvailability) -> Outcome:
    """G03, G04: kept over restarts, as it was set; a running transaction is not disturbed."""
    if command.evse is not None and command.evse not in station.evses:
        return Outcome("Rejected", f"there is no EVSE {command.evse}")
    if command.connector is not None and not _has_connector(station, command.evse, command.connector):
        return Outcome("Rejected", f"there is no connector {command.connector}")
    station.availability.set(command.evse, command.connector, operative=command.operative)
    concerned = station.evses.values() if command.evse is None else [station.evses[command.evse]]
    running = [each for each in concerned if each.transaction_id is not None]
    busy = [each.id for each in running if command.connector in {None, each.connector}]
    if busy and not command.operative:
        return Outcome("Scheduled", f"EVSE {', '.join(map(str, busy))} charges; it follows when the transaction ends")
    return Outcome("Accepted")


def limit(station: "Station", command: SetLimit) -> Outcome:
    """A bound for one EVSE, or for the budget of all."""
    if command.limit_a is not None and not (math.isfinite(command.limit_a) and command.limit_a >= 0):
        return Outcome("Rejected", f"a limit of {command.limit_a} A makes no sense")
    if command.evse is None:
        station.set_budget(command.source, command.limit_a)
    elif command.evse in station.evses:
        station.evses[command.evse].set_bound(command.source, command.limit_a)
        station.share_out()
    else:
        return Outcome("Rejected", f"there is no EVSE {command.evse}")
    return Outcome("Accepted")


async def clear_fault(station: "Station", command: ClearFault) -> Outcome:
    """Ask the guard to forget a latched fault; it does so only when the cause is gone."""
    evse = station.evses.get(command.evse)
    if evse is None:
        return Outcome("Rejected", f"there is no EVSE {command.evse}")

    def present() -> bool:
        return any(fault.code == command.code for fault in evse.faults)

    if not present():
        return Outcome("Accepted", "there is no such fault")
    if not station.guard.connected:
        return Outcome("Rejected", station.guard.problem)
    station.guard.send(wire.ClearFault(0, evse.board_connector, command.code))
    if await until(evse.changed, lambda: not present(), _CLEAR_S):
        return Outcome("Accepted")
    return Outcome("Rejected", "the guard still sees it: remove the cause first, then clear again")
