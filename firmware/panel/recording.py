"""The file of one charging session: JSON lines, each a fact of the station or one of the recorder's own below.

Written by `sessions.py`, read by `story.py`. A torn or foreign line is counted, never fatal: a recording that ends
with a power cut is still worth reading.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from firmware.station.fact import Fact
from firmware.station.facts import AnyFact

LONGEST_LINE = 65_536  # bytes; our own lines are shorter
LATEST = 1e11  # seconds: what claims to be later (year 5138) is nonsense


class RecordingBegan(Fact, frozen=True, kw_only=True, tag="recording_began"):
    """First line, and again when the controller came back during the session. `cause`: plugged_in, transaction,
    car_session, resumed."""

    evse: int
    cause: str
    transaction_id: str | None = None  # of a resumed session
    station: str = ""
    software: str = ""


class MeterPoint(Fact, frozen=True, kw_only=True, tag="meter_point"):
    """What the meter showed, between the samples that the transaction reports. Wh, W, V, A."""

    evse: int
    energy_wh: float
    power_w: float
    voltage_v: tuple[float, ...] = ()
    current_a: tuple[float, ...] = ()
    soc_percent: float | None = None


class RecordingThinned(Fact, frozen=True, kw_only=True, tag="recording_thinned"):
    """From here on less is written, because the file may not grow without bound."""

    evse: int
    reason: str


class RecordingEnded(Fact, frozen=True, kw_only=True, tag="recording_ended"):
    """Last line. `left_out`: lines dropped by thinning; `lost`: lines that could not be written."""

    evse: int
    reason: str
    left_out: int = 0
    lost: int = 0


Line = AnyFact | RecordingBegan | MeterPoint | RecordingThinned | RecordingEnded

_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Recording(NamedTuple):
    """Every readable line, in the order of the file, and how many lines were not."""

    lines: list[Line]
    unreadable: int


def read(path: Path) -> Recording:
    """All lines of one session file. Raises OSError when there is no such file."""
    lines: list[Line] = []
    unreadable = 0
    with path.open("rb") as file:
        while raw := file.readline(LONGEST_LINE):
            if raw.isspace():
                continue
            try:
                line = _decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                unreadable += 1
                continue
            if 0 <= line.at < LATEST and 0 <= line.mono < LATEST:
                lines.append(line)
            else:
                unreadable += 1
    return Recording(lines, unreadable)
