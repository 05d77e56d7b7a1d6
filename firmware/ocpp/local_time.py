"""The time of day for people: UTC with the offset that the back office told, and the one it changes to (2.0.1
ClockCtrlr TimeOffset, NextTimeOffsetTransitionDateTime; 1.6: OCA's note on pricing). Only what is shown follows it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from firmware.ocpp.payload import moment
from firmware.station.values import Values

OFFSET: Final = "ClockCtrlr.TimeOffset"
NEXT_OFFSET: Final = "ClockCtrlr.TimeOffset[NextTransition]"
NEXT_AT: Final = "ClockCtrlr.NextTimeOffsetTransitionDateTime"
_SHAPE: Final = re.compile(r"([+-]?)(\d\d):(\d\d)")


def offset_s(text: str) -> int | None:
    """Seconds east of UTC: "-05:00", "02:00", "Z", "" = 0; None for what is no offset."""
    if text in {"", "Z"}:
        return 0
    found = _SHAPE.fullmatch(text)
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        return None
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def refuses_offset(text: str) -> str:
    return "" if offset_s(text) is not None else "no offset like -05:00"


def refuses_moment(text: str) -> str:
    return "" if not text or moment(text) is not None else "no time like 2027-03-28T01:00:00Z"


def time_of_day(station: Values, utc: float) -> str:
    """Hours and minutes where the station stands."""
    begins = moment(station.variable(NEXT_AT)) if station.variable(NEXT_AT) else None
    name = NEXT_OFFSET if begins is not None and utc >= begins else OFFSET
    shift = offset_s(station.variable(name)) or 0
    return datetime.fromtimestamp(utc, UTC).astimezone(timezone(timedelta(seconds=shift))).strftime("%H:%M")
