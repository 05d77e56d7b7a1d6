"""Quirks of back offices, as data: which there are stands in quirks.toml, with reason and source; station.toml names
those of its back office, and the code asks by name at the one place where it matters.
"""

from functools import cache
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from firmware.config import OcppSettings, QuirkName

FILE: Final = "quirks.toml"


class Quirk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file."""

    name: QuirkName
    reason: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(min_length=1)]
    unencrypted: Literal["anywhere", "private"] = "anywhere"
    values: dict[str, str] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    quirk: tuple[Quirk, ...]


@cache
def known() -> dict[QuirkName, Quirk]:
    """What the file says, read once. Raises ValueError for a file that is not as it must be."""
    from importlib.resources import files  # noqa: PLC0415 - most stations are told of no quirk

    return read((files("firmware.ocpp") / FILE).read_text(encoding="utf-8"))


def read(text: str) -> dict[QuirkName, Quirk]:
    """The quirks of such a file, each exactly once. Raises ValueError."""
    import tomllib  # noqa: PLC0415

    found = msgspec.convert(tomllib.loads(text), _File).quirk
    names = [each.name for each in found]
    if sorted(names) != sorted(get_args(QuirkName)):
        odd = sorted(name for name in get_args(QuirkName) if names.count(name) != 1)
        raise ValueError(f"{FILE}: missing or there twice: {', '.join(odd)}")
    return {each.name: each for each in found}


def shows(settings: OcppSettings | None, name: QuirkName) -> bool:
    """Is our back office one of these?"""
    return settings is not None and name in settings.quirks


def values(settings: OcppSettings) -> dict[str, str]:
    """What variables are with our back office, until it says otherwise."""
    return {name: value for quirk in settings.quirks for name, value in known()[quirk].values.items()}


def only_private(settings: OcppSettings) -> bool:
    """Must what is not encrypted stay in a private network?"""
    return any(known()[quirk].unencrypted == "private" for quirk in settings.quirks)
