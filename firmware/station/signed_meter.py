"""One EVSE's meter that signs: its session begins before energy may flow and ends when none flows any more.

Signing takes up to 15 s; a meter that does not answer keeps nobody from charging, the transaction then has no signed
record. What is signed is the guard's and the meter's business.
"""

import logging
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from firmware.station.facts import IdToken, Sample
from hal.wire import MeterSession, SignedRecord

log = logging.getLogger(__name__)

_SIGNED_BY_S: Final = 16.0
#: IdTokenEnumType -> identification type of OCMF (table 17); others have no word there
_TYPES: Final = {
    "ISO14443": "ISO14443", "ISO15693": "ISO15693", "eMAID": "EMAID", "MacAddress": "EVCCID", "Central": "CENTRAL",
    "Local": "LOCAL", "KeyCode": "KEY_CODE",
}  # fmt: skip


class Guard(Protocol):
    """The link to the guard."""

    @property
    def records(self) -> Mapping[int, SignedRecord]: ...

    def send(self, intent: MeterSession) -> None: ...


class SignedMeter:
    """`session`: the transaction the meter was told of, None = none."""

    def __init__(self, guard: Guard) -> None:
        self.session: str | None = None
        self._guard = guard
        self._connector = 0
        self._begin_at: float | None = None
        self._end_at: float | None = None
        self._asked: MeterSession | None = None

    def begin(self, connector: int, session: str, evse_id: str, id_token: IdToken | None, now: float) -> None:
        """Before the first energy of this transaction."""
        self._take(connector, session)
        self._begin_at = now
        kind = _TYPES.get(id_token.kind, "UNDEFINED") if id_token is not None else "NONE"
        told = id_token.token if id_token is not None else ""
        self._ask(MeterSession(0, connector, session, True, evse_id, kind, told))

    def adopt(self, connector: int, session: str) -> None:
        """An earlier run of the controller has begun it: nothing is begun under current."""
        self._take(connector, session)

    def _take(self, connector: int, session: str) -> None:
        self.session, self._connector, self._begin_at, self._end_at = session, connector, None, None
        self._asked = None

    def _ask(self, intent: MeterSession) -> None:
        self._asked = intent
        self._guard.send(intent)

    def begun(self, now: float) -> bool:
        """May energy flow? The meter has begun, said that it cannot, or took too long."""
        return self._begin_at is None or self._answer(begin=True) is not None or now - self._begin_at >= _SIGNED_BY_S

    def ended(self, now: float) -> bool:
        """End the session, once; True when its record is there, or will not come."""
        if self.session is None:
            return True
        if self._end_at is None:
            self._end_at = now
            self._ask(MeterSession(0, self._connector, self.session, False))
        return self._answer(begin=False) is not None or now - self._end_at >= _SIGNED_BY_S

    def resend(self) -> None:
        """A new epoch: what is not answered may not have been heard. The guard does nothing twice."""
        if self._asked is not None and self._answer(begin=self._asked.begin) is None:
            self._guard.send(self._asked)

    def sign(self, sample: Sample | None) -> Sample | None:
        """The transaction's last sample with the record and the key to check it with; the session is over."""
        record, session = self._answer(begin=False), self.session
        self.session = self._begin_at = self._end_at = self._asked = None
        if session is None or record is None or sample is None:
            return sample
        if record.error:
            log.warning("transaction %s has no signed record: %s", session, record.error)
            return sample
        return msgspec.structs.replace(sample, signed=record.text, public_key=record.public_key or None)

    def _answer(self, *, begin: bool) -> SignedRecord | None:
        record = self._guard.records.get(self._connector)
        mine = record is not None and record.session == self.session
        if record is None or not mine or (record.begin and not begin):
            return None
        return record
