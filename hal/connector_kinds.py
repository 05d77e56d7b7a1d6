"""What the plugs are, as small descriptions: a board file names one as a connector's `kind`, and what it says is
checked against it. Kinds not listed here have no rules of their own.

Where AC and DC use the same contacts (NACS), a DC connector says [connector.ac] too: hal/shared_pins.py.
Sources: IEC 62196-2 (Type 1, Type 2), IEC 62196-3 (CCS), SAE J3400 (NACS), IEC 61851-1 Annex B (proximity).
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from hal.board_settings import ConnectorSettings


class ConnectorKind(NamedTuple):
    """`ac_phases`: at most so many, 0 = carries no AC. `proximity`: `rating` = the socket reads the cable's resistor,
    `button` = a fixed cable whose contact tells of the release button only, `none`. `lock`: who holds the plug."""

    name: str
    ac_phases: Literal[0, 1, 3]
    dc: bool
    proximity: Literal["rating", "button", "none"]
    lock: Literal["station", "car", "latch"]
    max_a: float
    max_v: float


KINDS: Final[dict[str, ConnectorKind]] = {
    "cType1": ConnectorKind("Type 1 (SAE J1772), fixed cable", 1, False, "button", "latch", 80, 250),
    "cType2": ConnectorKind("Type 2, fixed cable", 3, False, "none", "car", 63, 480),
    "sType2": ConnectorKind("Type 2 socket", 3, False, "rating", "station", 63, 480),
    "cCCS1": ConnectorKind("CCS Combo 1", 0, True, "button", "latch", 500, 1000),
    "cCCS2": ConnectorKind("CCS Combo 2", 0, True, "none", "car", 500, 1000),
    "cTesla": ConnectorKind("NACS (SAE J3400)", 1, True, "button", "car", 900, 1000),
}
SHARED: Final = ("cTesla",)  # AC and DC on the same contacts


def wrong(settings: ConnectorSettings, parts: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """(key, fault, remedy) of everything the board file says that this kind of plug cannot be."""
    kind = KINDS.get(settings.kind)
    if kind is None:
        return []
    found: list[tuple[str, str, str]] = []
    if settings.dc and not kind.dc:
        found.append(("dc", f"{kind.name} carries no DC", "use cCCS1, cCCS2 or cTesla"))
    if not settings.dc and not kind.ac_phases:
        found.append(("dc", f"{kind.name} carries DC only", "say dc = true, or use cType1 or cType2 for its AC part"))
    if not settings.dc and kind.ac_phases and settings.phases > kind.ac_phases:
        found.append(("phases", f"{kind.name} carries {kind.ac_phases} phase(s)", f"say phases = {kind.ac_phases}"))
    most = settings.dc_max_current_a if settings.dc else settings.max_current_a
    if most > kind.max_a:
        key = "dc_max_current_a" if settings.dc else "max_current_a"
        found.append((key, f"{kind.name} carries {kind.max_a:g} A at most", ""))
    if settings.dc and settings.dc_max_voltage_v > kind.max_v:
        found.append(("dc_max_voltage_v", f"{kind.name} is made for {kind.max_v:g} V at most", ""))
    if kind.proximity == "rating" and "proximity" not in parts and settings.cable_rating_a is None:
        found.append(("proximity", "a socket must read the cable's rating", "add [connector.proximity]"))
    if kind.proximity == "none" and "proximity" in parts:
        found.append(("proximity", f"{kind.name} has no proximity contact to read", "take the section out"))
    if kind.lock != "station" and "lock" in parts:
        found.append(("lock", f"{kind.name} is not held by the station", "take the section out"))
    if "phase_switch" in parts and (settings.dc or settings.phases != 3):
        found.append(("phase_switch", "only where three phases can be had", "say phases = 3 or take the section out"))
    return found


def wrong_both(settings: ConnectorSettings, parts: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """The same of a connector that gives AC too, or says half of it."""
    extra = [name for name in ("ac_contactor", "ac_meter") if name in parts]
    if settings.ac is None:
        return [(name, "only beside [connector.ac]", "add it or take the section out") for name in extra]
    found: list[tuple[str, str, str]] = []
    if settings.kind not in SHARED:
        found.append(("ac", "only where AC and DC use the same contacts of the plug", f"use {' or '.join(SHARED)}"))
    if not settings.dc:
        found.append(("ac", "is what a DC connector gives beside DC", "say dc = true, or take the section out"))
    if "ac_contactor" not in parts:
        found.append(("ac_contactor", "missing section", "add [connector.ac_contactor]"))
    if "rcd" not in parts:
        found.append(("rcd", "missing section: the AC of this plug needs it", "add [connector.rcd]"))
    for name in ("contactor", "ac_contactor"):
        table = parts.get(name)
        if isinstance(table, Mapping) and table.get("driver") == "gpio_contactor" and "sense_lines" not in table:
            found.append((f"{name}.sense_lines", "needed: neither contactor closes unless the other shows open", "add"))
    return found
