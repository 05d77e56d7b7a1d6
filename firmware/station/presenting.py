"""Tokens: what one that is presented does (begin, end, free a cable, nothing), and remote starts, which are tokens too.

A command never raises for what it asks. Whose token is good is `authorization`'s.
"""

from typing import TYPE_CHECKING, Final

import msgspec

from firmware.station import connector_status
from firmware.station.authorization import NEVER_ASKED, Verdict, same_token
from firmware.station.commands import Outcome, StartTransaction
from firmware.station.evse import Evse
from firmware.station.facts import IdToken
from firmware.station.transaction import STOPS, Stop

if TYPE_CHECKING:
    from firmware.station.station import Station

_ENDED_BY_TOKEN: Final = frozenset({"Local", "MasterPass", "DeAuthorized"})


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
