"""Reservations (OCPP 2.1 part 2, H01-H04; 1.6 section 5.13): for one EVSE, for any, or for any with a type of plug.

Kept across restarts until they expire, are used, cancelled, or their EVSE fails. Who presents a token is the
commands' affair; here is said whether it may charge, and which EVSEs have to look reserved.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from firmware.station import connector_status
from firmware.station.authorization import same_token
from firmware.station.commands import CancelReservation, Outcome, Reserve
from firmware.station.facts import IdToken, ReservationEnded, ReservationOutcome, Transaction
from firmware.station.journal import Change, Contents

if TYPE_CHECKING:
    from firmware.station.evse import Evse
    from firmware.station.station import Station

log = logging.getLogger(__name__)

KIND: Final = "reservation"


class Reservation(msgspec.Struct, frozen=True):
    """Until `expiry` (UTC s). `evse` None: any, with a connector of `connector_type` if one is named."""

    id: int
    id_token: IdToken
    expiry: float
    group: IdToken | None = None
    evse: int | None = None
    connector_type: str | None = None

    def is_for(self, id_token: IdToken, group: IdToken | None) -> bool:
        """H03.FR.01, 04."""
        return same_token(self.id_token, id_token) or (self.group is not None and same_token(self.group, group))


class Reservations:
    """Those of one station. follow() once a second and after every change: what is over, what has to look reserved."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._held: dict[int, Reservation] = {}
        self._used: dict[int, int] = {}  # EVSE -> the reservation of who is authorised there

    @property
    def all(self) -> tuple[Reservation, ...]:
        return tuple(self._held.values())

    # --- commands -----------------------------------------------------------------------------------------------

    def reserve(self, command: Reserve) -> Outcome:
        """ReserveNow. Status: Accepted, Faulted, Occupied, Unavailable or Rejected."""
        refusal = self._refusal(command)
        if refusal is not None:
            return refusal
        fresh = Reservation(
            command.reservation_id,
            command.id_token,
            command.expiry,
            command.group,
            command.evse,
            command.connector_type,
        )
        if not self._possible(fresh):
            return _none_left(self._targets(fresh))
        self._held[fresh.id] = fresh
        self._keep(fresh.id, fresh)
        self._mark()
        return Outcome("Accepted")

    def cancel(self, command: CancelReservation) -> Outcome:
        """H02.FR.01: unknown is Rejected."""
        if self._held.pop(command.reservation_id, None) is None:
            return Outcome("Rejected", f"there is no reservation {command.reservation_id}")
        self._keep(command.reservation_id, None)
        self._mark()
        return Outcome("Accepted")

    def _possible(self, fresh: Reservation) -> bool:
        """Is its EVSE free, and is one left for everybody who reserved just any?"""
        others = [each for each in self.all if each.id != fresh.id]  # H01.FR.02: the same id replaces
        named = {each.evse for each in others if each.evse is not None}
        if fresh.evse is not None:
            if fresh.evse in named or _condition(self._station.evses[fresh.evse]) != "Available":
                return False
            named.add(fresh.evse)
        return _fit([each for each in (*others, fresh) if each.evse is None], self._free(named))

    def _refusal(self, command: Reserve) -> Outcome | None:
        if not self._station.flag("ReservationCtrlr.Enabled", True):  # H01.FR.01
            return Outcome("Rejected", "this station takes no reservations")
        if command.expiry <= self._station.clock.utc():
            return Outcome("Rejected", "it would be over before it began")
        if command.evse is not None and command.evse not in self._station.evses:
            return Outcome("Rejected", f"there is no EVSE {command.evse}")
        if command.evse is None and not self._station.flag("ReservationCtrlr.NonEvseSpecific", True):  # H01.FR.19
            return Outcome("Rejected", "a reservation must name its EVSE here")
        types = {each for evse in self._evses(command.evse) for each in self._types(evse)}
        if command.connector_type is not None and command.connector_type not in types:
            return Outcome("Rejected", f"there is no connector {command.connector_type}")
        return None

    # --- tokens -------------------------------------------------------------------------------------------------

    def refusal(self, evse: "Evse", id_token: IdToken, group: IdToken | None) -> str:
        """Why this token cannot charge at this EVSE for the sake of others; "" when it can."""
        if self._matching(evse, id_token, group) is not None:
            return ""
        if any(each.evse == evse.id for each in self.all):
            return f"EVSE {evse.id} is reserved for another driver"
        others = self._free(self._named | {evse.id})
        here = {**others, evse.id: self._types(evse)}
        if not _fit(self._unnamed, others) and _fit(self._unnamed, here):  # H01.FR.07, 09
            return "what is left is reserved for other drivers"
        return ""

    def suited(self, evses: list["Evse"], id_token: IdToken, group: IdToken | None) -> list["Evse"]:
        """The EVSEs in the order in which this token should take them; those it may not take only when all are so."""
        free = [each for each in evses if not self.refusal(each, id_token, group)]
        own = [each for each in free if any(r.evse == each.id and r.is_for(id_token, group) for r in self.all)]
        return [*own, *(each for each in free if each not in own)] or evses

    def use(self, evse: "Evse", id_token: IdToken, group: IdToken | None) -> None:
        """The token is authorised at this EVSE: its reservation is consumed (H03.FR.09)."""
        mine = self._matching(evse, id_token, group)
        if mine is None:
            self._used.pop(evse.id, None)
            return
        log.info("EVSE %d: reservation %d is used", evse.id, mine.id)
        del self._held[mine.id]
        self._keep(mine.id, None)
        self._used[evse.id] = mine.id
        self._mark()

    def moved(self, before: int, to: int) -> None:
        """Who used a reservation at one EVSE has plugged in at another."""
        if before in self._used:
            self._used[to] = self._used.pop(before)

    def stamp(self, event: Transaction) -> Transaction:
        """H01.FR.15, E02.FR.03: the next event after the reservation was used names it, the first of its transaction or
        the one that tells of the token."""
        tells = event.kind == "Started" or event.id_token is not None
        used = self._used.pop(event.evse, None) if tells else None
        return event if used is None else msgspec.structs.replace(event, reservation_id=used)

    def _matching(self, evse: "Evse", id_token: IdToken, group: IdToken | None) -> Reservation | None:
        found = [each for each in self.all if each.is_for(id_token, group) and each.evse in {None, evse.id}]
        found = [each for each in found if each.connector_type is None or each.connector_type in self._types(evse)]
        return min(found, key=lambda each: (each.evse is None, each.connector_type is None, each.id), default=None)

    # --- time and condition -------------------------------------------------------------------------------------

    def load(self, contents: Contents) -> None:
        """Take over what the last run left behind; what expired meanwhile is told at once."""
        for (kind, key), body in contents.items():
            if kind != KIND:
                continue
            try:
                found = msgspec.json.decode(body, type=Reservation)
            except msgspec.MsgspecError as error:
                log.error("reservation %s in the journal cannot be read, it is dropped: %s", key, error)
                self._station.journal.append(changes=[Change(KIND, key, None)])
            else:
                self._held[found.id] = found
        self._mark()

    def follow(self) -> None:
        """What is over by time (H04) or because its EVSE cannot serve it any more (H01.FR.16, 17)."""
        for each in self.all:
            if self._station.clock.utc() >= each.expiry and self._station.clock.synced:
                self._end(each.id, "Expired")
            elif self._lost(each):
                self._end(each.id, "Removed")
        for number in list(self._used):
            evse = self._station.evses[number]
            if evse.id_token is None and evse.transaction_id is None:  # no plug came in time
                self._tell(self._used.pop(number), "NoTransaction")
        self._mark()

    def _lost(self, reservation: Reservation) -> bool:
        """Only what is seen to be so: before the guard has spoken nobody knows, and a reset passes (B11.FR.05)."""
        if self._station.resets.pending:
            return False
        targets = self._targets(reservation)
        return bool(targets) and all(_condition(each) in {"Faulted", "Unavailable"} for each in targets)

    def _end(self, number: int, outcome: ReservationOutcome) -> None:
        del self._held[number]
        self._keep(number, None)
        self._tell(number, outcome)

    def _tell(self, number: int, outcome: ReservationOutcome) -> None:
        now = self._station.moment()
        self._station.emit(
            ReservationEnded(at=now.at, mono=now.mono, clock_synced=now.synced, reservation_id=number, outcome=outcome)
        )

    def _keep(self, number: int, reservation: Reservation | None) -> None:
        body = None if reservation is None else msgspec.json.encode(reservation).decode()
        self._station.journal.append(changes=[Change(KIND, str(number), body)])

    # --- who is free, and who looks reserved --------------------------------------------------------------------

    def _mark(self) -> None:
        """H01.FR.20, 23, 24: a named EVSE, or every free one when the reservations need them all."""
        free = self._free(self._named)
        enough = not self._unnamed or not _fit(self._unnamed, free)  # where some go short no mark helps
        for number, evse in self._station.evses.items():
            others = {each: types for each, types in free.items() if each != number}
            needed = not enough and number in free and not _fit(self._unnamed, others)
            evse.set_reserved(number in self._named or needed)

    @property
    def _named(self) -> set[int]:
        return {each.evse for each in self.all if each.evse is not None}

    @property
    def _unnamed(self) -> list[Reservation]:
        return [each for each in self.all if each.evse is None]

    def _free(self, without: set[int]) -> dict[int, frozenset[str]]:
        """The EVSEs that nobody uses, with their types of plug."""
        evses = {number: each for number, each in self._station.evses.items() if number not in without}
        return {number: self._types(each) for number, each in evses.items() if _condition(each) == "Available"}

    def _evses(self, number: int | None) -> list["Evse"]:
        return [each for each in self._station.evses.values() if number in {None, each.id}]

    def _targets(self, reservation: Reservation) -> list["Evse"]:
        wanted = reservation.connector_type
        return [each for each in self._evses(reservation.evse) if wanted is None or wanted in self._types(each)]

    def _types(self, evse: "Evse") -> frozenset[str]:
        hello = self._station.guard.hello
        known = hello.connectors if hello is not None else ()
        return frozenset(each.kind for each in known if each.connector in evse.settings.connectors)


def _condition(evse: "Evse") -> str:
    """ConnectorStatusEnumType without reservations."""
    if not evse.operative:
        return "Unavailable"
    if connector_status.forbidding(evse.faults):
        return "Faulted"
    busy = evse.plugged or evse.transaction_id is not None or evse.id_token is not None or evse.resuming
    return "Occupied" if busy else "Available"


def _none_left(targets: list["Evse"]) -> Outcome:
    """H01.FR.11, 12, 14."""
    conditions = {_condition(each) for each in targets}
    if conditions == {"Faulted"}:
        return Outcome("Faulted", "the EVSE has a fault")
    if conditions == {"Unavailable"}:
        return Outcome("Unavailable", "the EVSE is out of service")
    return Outcome("Occupied", "the EVSE is in use, or reserved already")


def _fit(reservations: Iterable[Reservation], free: Mapping[int, frozenset[str]]) -> bool:
    """Can everybody who reserved any EVSE have one of their own? (A matching by augmenting paths.)"""
    holder: dict[int, Reservation] = {}

    def place(reservation: Reservation, tried: set[int]) -> bool:
        for number, types in free.items():
            if number in tried or reservation.connector_type not in {None, *types}:
                continue
            tried.add(number)
            if number not in holder or place(holder[number], tried):
                holder[number] = reservation
                return True
        return False

    return all(place(each, set()) for each in reservations)
