"""Why is it not charging? One answer per EVSE, the same on the status page, in logs and in refusals.

The first reason that applies, from the hardware up to the car; no rule is decided here.
"""

from typing import TYPE_CHECKING

from firmware.station import connector_status
from firmware.station.bounds import LEAST_DC_A
from firmware.station.limits import MIN_A
from firmware.station.stopped import worded

if TYPE_CHECKING:
    from firmware.station.evse_state import EvseState
    from hal.wire import Fault


def why(evse: "EvseState", now: float, connection_timeout_s: float) -> str:
    """One line for people."""
    if evse.guard_problem and evse.seen is None:
        return evse.guard_problem
    if evse.resuming or evse.seen is None:
        return "waiting for the guard's first report"
    forbidding = connector_status.forbidding(evse.faults)
    if forbidding:
        return "fault: " + "; ".join(fault.text for fault in forbidding) + _afterwards(evse, forbidding)
    if evse.transaction_id is not None:
        return _in_transaction(evse)
    if not evse.operative:
        return "out of service, set by the operator"
    if evse.reserved and evse.id_token is None:
        return f"reserved: waiting for the driver who reserved it{_last_refusal(evse)}"
    if evse.keeps_cable and not evse.plugged:
        return "a cable is locked in: its driver's token frees it"
    if evse.id_token is not None and not evse.plugged:
        left = connection_timeout_s - (now - evse.authorised_at if evse.authorised_at is not None else 0.0)
        return f"authorised, waiting for the plug ({max(0.0, left):.0f} s left)"
    if evse.level == "E":
        return "the control pilot is at 0 V: plug or cable defective, or the car switched it off"
    if not evse.plugged:
        return f"no vehicle connected{_last_refusal(evse)}"
    if evse.ended is not None:
        if evse.ended.reason == "Timeout":
            return "nobody was authorised in time; unplug to start again"
        return f"finished: {worded(evse.ended.reason)}; unplug to start again"
    return f"waiting for authorisation{_last_refusal(evse)}"


def whose(source: str) -> str:
    """Who sets a limit, for people."""
    return {"hardware": "the board", "csms": "the back office", "car": "the car", "cable": "the cable"}.get(
        source, source
    )


def _afterwards(evse: "EvseState", faults: "list[Fault]") -> str:
    """What happens when the faults go."""
    if evse.transaction_id is not None and evse.stop_wanted is None and connector_status.stop_reason(faults) is None:
        return "; charging resumes by itself when this is over"
    if evse.ended is not None and evse.plugged:
        return "; charging does not resume by itself: unplug to start again"
    return ""


def _last_refusal(evse: "EvseState") -> str:
    return f"; the last token was refused: {evse.refusal}" if evse.refusal else ""


def _in_transaction(evse: "EvseState") -> str:
    if evse.stop_wanted is not None:
        return f"stopping: {worded(evse.stop_wanted)}"
    limit = f"{evse.limit.amps:g} A, set by {whose(evse.limit.source)}"
    if evse.power_limit is not None:
        limit += f", and {evse.power_limit.amps / 1000:.1f} kW, set by {whose(evse.power_limit.source)}"
    if evse.charging_state == "Charging":
        return f"charging, at most {limit}"
    if evse.level == "A":
        left = evse.transaction is not None and evse.transaction.connected
        return "the vehicle was unplugged; it may come back" if left else "authorised, waiting for the plug"
    if evse.limit.amps < (LEAST_DC_A if evse.dc else MIN_A):
        if evse.limit.source == "budget":
            return "waiting in turn: the current of the station, or of the site, is in use by others"
        return f"paused: {limit}, is less than the {MIN_A:g} A a car can follow"
    if evse.digital is not None and evse.digital.status:
        return evse.digital.status
    if evse.digital is not None and not evse.digital.energise:
        return f"{evse.digital.protocol or 'digital'} session with the vehicle is not at charging yet"
    if evse.level in {"C", "D"} and evse.seen is not None and evse.seen.why_open:
        return evse.seen.why_open
    return f"offering {limit}; the vehicle does not ask for current"
