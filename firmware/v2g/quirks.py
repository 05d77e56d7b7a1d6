"""Quirks of cars, as data: which there are stands in quirks.toml, with reason and source; what is done, in the scripts.

A script asks by name at the one place where it matters. Which quirks a car really needed is kept for the report.
"""

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import msgspec
from msgspec import Meta

FILE: Final = "quirks.toml"


class QuirkName(StrEnum):
    """Every quirk that the code knows."""

    SHORT_SESSION_ID = "short_session_id"
    PRECHARGE_WITHOUT_CURRENT = "precharge_without_current"
    STOP_BEFORE_PRECHARGE = "stop_before_precharge"
    PATIENT_PRECHARGE = "patient_precharge"


class Quirk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file."""

    name: QuirkName
    ouis: tuple[Annotated[str, Meta(pattern="^[0-9A-F]{6}$")], ...]
    reason: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(min_length=1)]
    value: float | None = None

    def concerns(self, evccid: str) -> bool:
        """Is it for this car? `evccid`: hexadecimal, as the car said it."""
        return not self.ouis or evccid.upper()[:6] in self.ouis


class _File(msgspec.Struct, forbid_unknown_fields=True):
    quirk: tuple[Quirk, ...]


@cache
def known() -> dict[QuirkName, Quirk]:
    """What the file says, read once. Raises ValueError for a file that is not as it must be."""
    return read((files("firmware.v2g") / FILE).read_text(encoding="utf-8"))


def read(text: str) -> dict[QuirkName, Quirk]:
    """The quirks of such a file, each exactly once. Raises ValueError."""
    found = msgspec.convert(tomllib.loads(text), _File).quirk
    names = [each.name for each in found]
    if sorted(names) != sorted(QuirkName):
        odd = {name.value for name in QuirkName if names.count(name) != 1}
        raise ValueError(f"{FILE}: missing or there twice: {', '.join(sorted(odd))}")
    return {each.name: each for each in found}
