"""Resets of the whole station or of one EVSE: at once, or when the last transaction has ended (OCPP 2.0.1 B11, B12).

What a reset does to the process is `firmware.ending`'s and main's; what a guard does when it is told everything again
is the guard's.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.station.commands import Outcome, Reset
from firmware.station.transaction import STOPS

if TYPE_CHECKING:
    from firmware.station.station import Station

log = logging.getLogger(__name__)

BEFORE_RESET_S: Final = 1.0  # the answer to a reset command goes out first
DELIVERED_S: Final = 30.0  # MessageTimeout: so long the last events may take to be delivered


class Resets:
    """What was asked for and is still to be done. `wanted`: the station shall end now, for this kind of reset."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._asked: tuple[str, float] | None = None  # kind, when
        self._idle_since: float | None = None  # no transaction runs since then
        self._written: asyncio.Future[None] | None = None  # what had happened by then is on disk, and told
        self._evses: set[int] = set()  # those that begin anew when nothing runs there
        self.wanted: str | None = None
        self.unfinished: list[Callable[[], bool]] = []  # what would like to be done first: is there something?

    @property
    def pending(self) -> bool:
        """Was a reset of the station asked for? Then nothing new may begin."""
        return self._asked is not None

    def forget(self) -> None:
        """The station starts."""
        self.wanted = self._asked = self._idle_since = None

    def ask(self, command: Reset) -> Outcome:
        """Take the command, or say why it cannot be done now."""
        if command.evse is not None:
            return self._ask_evse(command)
        update = self._station.firmware_update
        if command.by != "update" and update is not None and update.installing:
            return Outcome("Rejected", "software is being installed", code="FwUpdateInProgress")  # B11.FR.06
        busy = [evse for evse in self._station.evses.values() if evse.transaction_id is not None]
        later = bool(busy) and not command.immediate
        self._asked = ("Immediate" if command.immediate else "OnIdle", self._station.clock.mono())
        self._station.set_variable("boot/reason", _boot_reason(command, later=later))
        if command.immediate:
            for evse in busy:
                evse.stop(STOPS["ImmediateReset"])
        self._station.availability.follow()
        if later:
            return Outcome("Scheduled", "it follows when the last transaction has ended", code="TxInProgress")
        return Outcome("Accepted")

    def _ask_evse(self, command: Reset) -> Outcome:
        evse = self._station.evses.get(command.evse) if command.evse is not None else None
        if evse is None:
            return Outcome("Rejected", f"there is no EVSE {command.evse}", code="UnknownEvse")
        self._evses.add(evse.id)
        if evse.transaction_id is not None and not command.immediate:
            return Outcome("Scheduled", "it follows when its transaction has ended", code="TxInProgress")  # B12.FR.07
        evse.stop(STOPS["ImmediateReset"])
        return Outcome("Accepted")

    def follow(self) -> None:
        """Once a second: do what is due."""
        self._follow_evses()
        if self._asked is None or self.wanted is not None:
            return
        now = self._station.clock.mono()
        if any(evse.transaction_id is not None for evse in self._station.evses.values()):
            self._idle_since = None
            return
        if self._idle_since is None:
            self._idle_since = now
            self._written = self._station.journal.execute_in_writer(lambda connection: None)
            self._written.add_done_callback(_heard)
        if now - self._asked[1] >= BEFORE_RESET_S and not self._waits(now - self._idle_since):
            kind = self._asked[0]
            log.info("reset (%s): the controller ends now", kind)
            self.wanted = kind
            self._station.changed.notify()
            self._station.shutdown()

    def _waits(self, idle_s: float) -> bool:
        """Are the last events still on their way to a back office that answers (B12.FR.04, FR.05)?"""
        longest = self._station.number("OCPPCommCtrlr.MessageTimeout[Default]", DELIVERED_S)
        unwritten = self._written is not None and not self._written.done()
        return idle_s < longest and (unwritten or any(asked() for asked in self.unfinished))

    def _follow_evses(self) -> None:
        """An EVSE without a transaction begins anew: its guard is told everything again (B11.FR.08)."""
        for evse in [self._station.evses[each] for each in self._evses]:
            if evse.transaction_id is None:
                log.info("reset: EVSE %d begins anew", evse.id)
                self._evses.discard(evse.id)
                evse.resend()


def _heard(written: "asyncio.Future[None]") -> None:
    """A disk that refuses keeps nobody waiting: what it refused is told after the reset."""
    if not written.cancelled() and written.exception() is not None:
        log.error("reset: the journal cannot be written: %s", written.exception())


def _boot_reason(command: Reset, *, later: bool) -> str:
    """BootReasonEnumType: what BootNotification will say. Scheduled is what was not carried out at once."""
    match command.by:
        case "update":
            return "FirmwareUpdate"
        case "csms":
            return "ScheduledReset" if later else "RemoteReset"
    return "LocalReset"
