"""The outbox on one connection: when its head is due, and what an answer, an error or silence means for it.

Sources: OCPP 1.6 errata 3.18; OCPP 2.0.1 part 2 E13 (TransactionMessageAttempts), A04.
"""

import logging
from typing import Final

from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Dialect
from firmware.ocpp.ocpp_j import Sent
from firmware.ocpp.outbox import Outbox
from firmware.ocpp.rpc import Answered, Refused, Silent
from firmware.station.clock import Clock
from firmware.station.journal import JournalError

log = logging.getLogger(__name__)

DISK_PAUSE_S: Final = 5.0  # while the journal cannot be written
#: Delivered until they are answered or their attempts are used up (E13, A04); others of the outbox are refused once.
_REPEATED: Final = frozenset(
    {"TransactionEvent", "StartTransaction", "StopTransaction", "MeterValues", "SecurityEventNotification"}
)


class Delivery:
    """Hands out the head of the outbox when it may be sent."""

    def __init__(self, outbox: Outbox, dialect: Dialect, model: DeviceModel, clock: Clock) -> None:
        self._outbox = outbox
        self._dialect = dialect
        self._model = model
        self._clock = clock
        self.not_before = 0.0  # monotonic: after a failed attempt, or trouble with the disk

    async def next(self) -> Sent | None:
        """The CALL that is due now, if any."""
        if self._clock.mono() < self.not_before:
            return None
        try:
            return await self._outbox.next(self._dialect)
        except JournalError as error:
            self._wait_for_disk(error)
            return None

    async def settle(self, event: Answered | Refused | Silent) -> None:
        """The head was sent, and this came of it."""
        try:
            await self._settle(event)
        except JournalError as error:
            self._wait_for_disk(error)

    def say_again(self) -> None:
        """The head is sent again, byte by byte, and that is no failed attempt."""
        self._outbox.forget()

    async def _settle(self, event: Answered | Refused | Silent) -> None:
        if isinstance(event, Answered):
            await self._outbox.answered(self._dialect, event.response)
            return
        if isinstance(event, Refused) and _is_final(event):
            await self._outbox.skip()
            return
        attempts = await self._outbox.failed(self._model.number("OCPPCommCtrlr.MessageAttempts[TransactionEvent]"))
        if attempts is not None:
            interval = self._model.number("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]")
            self.not_before = self._clock.mono() + interval * attempts

    def _wait_for_disk(self, error: JournalError) -> None:
        log.error("the outbox waits for the disk: %s", error)
        self._outbox.forget()
        self.not_before = self._clock.mono() + DISK_PAUSE_S


def _is_final(refused: Refused) -> bool:
    """Is it of no use to repeat what was refused so?"""
    action = refused.call.action
    if refused.unusable and action != "StartTransaction":
        return True  # it was processed; only its answer is broken
    if action == "SecurityEventNotification" and refused.code in {"NotImplemented", "NotSupported"}:
        return True  # a 1.6 back office without the security extension
    return action not in _REPEATED  # nobody says that it is to be repeated; what waits behind it counts more
