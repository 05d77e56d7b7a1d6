"""What each command does, and the answer to it: OCPP's words, with the reason for people when it is no plain yes.

A command never raises for what it asks. Tokens and remote starts are `presenting`'s, rules of one EVSE `evse`'s.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.station import presenting
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
from firmware.station.signal import Signal, until
from firmware.station.transaction import STOPS
from hal import wire
from hal.contracts import LockState

if TYPE_CHECKING:
    from firmware.station.station import Station

_UNLOCK_S: Final = 5.0  # a bolt has tried five times by then (hal reference 5)
_CLEAR_S: Final = 2.0
_OPEN_S: Final = 16.0  # a stop is carried out by then


async def carry_out(station: "Station", command: Command) -> Outcome:
    """Do what the command asks."""
    match command:
        case SwipeToken():
            return await presenting.swipe(station, command.id_token, command.evse)
        case IdentifyCar():
            return await presenting.identify(station, command.id_token, command.evse)
        case StartTransaction():
            return await presenting.start(station, command)
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


# --- transactions -------------------------------------------------------------------------------------------------


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
