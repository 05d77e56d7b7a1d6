"""What a charging loop tells the car besides numbers (ISO 15118-2 EVSENotification): stop, plan anew, sign the meter.

One `Notices` and one `Receipts` per charging loop, shared by AC and DC. What the car does then is the loop's.
"""

from collections.abc import Callable
from typing import Final

from firmware.v2g.ev_station import EvStation
from firmware.v2g.evse_link import STOP_GRACE_S
from firmware.v2g.messages.iso2 import EvseNotification, MeterInfo, MeteringReceiptReq, ResponseCode
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.iso2_terms import Deal

RENEGOTIATION_INTERVAL_S: Final = 900.0  # ours: at most once in 15 min of charging
RENEGOTIATION_DELAY_S: Final = 60  # what the car has for it


class Notices:
    """`why_anew`: why the car should plan anew, "" when it need not; None = it is never asked to."""

    def __init__(self, ev: Peer, station: EvStation, why_anew: Callable[[], str] | None) -> None:
        self._ev = ev
        self._station = station
        self._why_anew = why_anew
        self._began = ev.now
        self._stop_since: float | None = None

    def now(self) -> tuple[EvseNotification, int]:
        """The notification of this moment, and the s in which the car shall follow it (NotificationMaxDelay). To stop
        goes before any other; planning anew is asked for once: a car that cannot is left in peace."""
        if self._station.stop_wanted:
            return EvseNotification.StopCharging, self._stop_delay()
        if self._why_anew is not None and self._ev.now - self._began >= RENEGOTIATION_INTERVAL_S:
            reason = self._why_anew()
            if reason:
                self._why_anew = None
                self._station.tell(f"asking the car to plan anew: {reason}")
                return EvseNotification.ReNegotiation, RENEGOTIATION_DELAY_S
        return EvseNotification.None_, 0

    def _stop_delay(self) -> int:
        """What is left of the time that a car gets to stop; none where no energy can flow any more."""
        if self._stop_since is None:
            self._stop_since = self._ev.now
            self._station.tell("asking the car to stop")
        if self._station.faulted or self._station.power_lost:
            return 0
        return max(0, int(STOP_GRACE_S - (self._ev.now - self._stop_since)))


class Receipts:
    """Meter readings that the car shall sign: only in a session paid by contract [V2G2-691], as often as configured."""

    def __init__(self, ev: Peer, station: EvStation, deal: Deal) -> None:
        self._ev = ev
        self._station = station
        self._deal = deal
        self._last = ev.now
        self._shown: MeterInfo | None = None

    def meter_info(self) -> MeterInfo | None:
        """The reading of this moment; None without a meter. Its id is the meter's serial number, or else its EVSE's."""
        reading = self._station.meter
        self._shown = None
        if reading is not None:
            self._shown = MeterInfo(
                meter_id=(reading.serial or self._station.evse_id)[:32],
                meter_reading=reading.wh,
                sig_meter_reading=reading.signature,
                t_meter=reading.at,
            )
        return self._shown

    def due(self) -> bool:
        """Shall the car sign what `meter_info` just said?"""
        every = self._deal.terms.receipt_every_s
        if every is None or not self._deal.by_contract or self._shown is None:
            return False
        if self._ev.now - self._last < every:
            return False
        self._last = self._ev.now
        return True

    def refusal(self, request: MeteringReceiptReq) -> ResponseCode | None:
        """What is wrong with a receipt, if anything: it must repeat what we showed, in this session, rightly signed."""
        shown, signed = self._shown, request.meter_info
        repeats = shown is not None and (shown.meter_id, shown.meter_reading, shown.sig_meter_reading) == (
            signed.meter_id,
            signed.meter_reading,
            signed.sig_meter_reading,
        )
        if request.session_id != self._ev.session_id or not repeats:
            return ResponseCode.FAILED_MeteringSignatureNotValid
        check = self._deal.terms.receipt_refusal
        return None if check is None else check(request, self._ev.signature)
