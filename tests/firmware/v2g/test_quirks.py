"""Quirks of cars as data: what the file must say, for whom a quirk is, and that the report names what was needed."""

from typing import Any

import pytest

from firmware.v2g.dc_station import DcStation
from firmware.v2g.quirks import QuirkName, known, read

ENTRY = '[[quirk]]\nname = "{name}"\nouis = {ouis}\nreason = "why"\nsource = "where"\n'


def entries(*names: str, ouis: str = "[]") -> str:
    return "".join(ENTRY.format(name=name, ouis=ouis) for name in names)


def test_every_quirk_has_its_reason_and_source() -> None:
    assert set(known()) == set(QuirkName)
    assert all(each.reason and each.source for each in known().values())


@pytest.mark.parametrize(
    "text",
    [
        entries(*list(QuirkName)[:-1]),
        entries(*QuirkName, QuirkName.SHORT_SESSION_ID),
        entries(*QuirkName, "flies"),
        entries(*QuirkName, ouis='["98:ED:5C"]'),
        entries(*QuirkName) + "weight = 3\n",
        "quirk = 1",
        "[[quirk",
    ],
    ids=["missing", "twice", "unknown", "oui", "key", "shape", "no TOML"],
)
def test_a_file_that_is_not_as_it_must_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


@pytest.mark.parametrize(
    ("ouis", "evccid", "is_for"),
    [
        ("[]", "", True),
        ("[]", "0465650064C3", True),
        ('["98ED5C"]', "98ed5cb72a40", True),
        ('["98ED5C"]', "0465650064C3", False),
        ('["98ED5C"]', "", False),
    ],
)
def test_a_quirk_is_for_every_car_or_for_those_of_a_maker(ouis: str, evccid: str, is_for: bool) -> None:
    quirks = read(entries(*QuirkName, ouis=ouis))
    assert quirks[QuirkName.SHORT_SESSION_ID].concerns(evccid) is is_for


def test_what_a_car_needed_is_kept_once_and_in_order(make_dc_bay: Any) -> None:
    station = DcStation(make_dc_bay(), lambda: None, lambda: 100.0)
    station.tell(evccid="0465650064C3")
    assert station.quirk(QuirkName.PATIENT_PRECHARGE) is None
    assert list(station.wish.quirks) == []
    assert station.quirk(QuirkName.SHORT_SESSION_ID) is not None
    station.start_precharge(390, 0)
    station.start_precharge(390, 0)
    assert list(station.wish.quirks) == ["short_session_id", "precharge_without_current"]
    station.tell(evccid="98ED5CDAD998")
    patient = station.quirk(QuirkName.PATIENT_PRECHARGE)
    assert patient is not None
    assert patient.value == 20
