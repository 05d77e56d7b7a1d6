"""What the payloads of every OCPP version have in common: the base class, sized strings, and time as text.

A message is described once, as a `Payload` subclass in its dialect's `messages.py`; reading, checking and writing come
from that class. An optional field is `UNSET`, never None: OCPP leaves empty fields out and forbids `null`.
"""

from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

T = TypeVar("T")

# RFC 3339, with what back offices really send: a missing zone means UTC, the colon of the offset may be missing.
_RFC3339: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)([.,][0-9]+)?)?"
    r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?$"
)
DateTime = Annotated[str, Meta(pattern=_RFC3339, extra_json_schema={"format": "date-time"})]

String8 = Annotated[str, Meta(max_length=8)]
String16 = Annotated[str, Meta(max_length=16)]
String20 = Annotated[str, Meta(max_length=20)]
String25 = Annotated[str, Meta(max_length=25)]
String32 = Annotated[str, Meta(max_length=32)]
String36 = Annotated[str, Meta(max_length=36)]
String40 = Annotated[str, Meta(max_length=40)]
String50 = Annotated[str, Meta(max_length=50)]
String128 = Annotated[str, Meta(max_length=128)]
String255 = Annotated[str, Meta(max_length=255)]
String500 = Annotated[str, Meta(max_length=500)]
String512 = Annotated[str, Meta(max_length=512)]
String1000 = Annotated[str, Meta(max_length=1000)]
String2500 = Annotated[str, Meta(max_length=2500)]
String5500 = Annotated[str, Meta(max_length=5500)]


class Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of every message and of every object in one. Field names are the standard's, in snake_case."""


def given(said: T | UnsetType) -> T | None:
    """What an optional field says, None where it was left out."""
    return None if isinstance(said, UnsetType) else said


def told(value: T | None) -> T | UnsetType:
    """The other way: None is left out."""
    return UNSET if value is None else value


def stamp(at: float) -> str:
    """UTC seconds as OCPP time, without fractions (2.0.1 part 2, 3.2: recommended; 1.6 ch. 3.6: may be omitted)."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> float | None:
    """OCPP time as UTC seconds; None when the text has the shape of a time but names none (30 February)."""
    try:
        read = datetime.fromisoformat(text.upper().replace(",", "."))
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
