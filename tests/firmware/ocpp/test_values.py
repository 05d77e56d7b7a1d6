"""Times and values as text: what is understood, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.ocpp.components import TABLE
from firmware.ocpp.payload import moment, stamp
from firmware.ocpp.variables import Variable

NOON = 1_800_014_400.0


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-15T12:00:00Z",
        "2027-01-15t12:00:00z",
        "2027-01-15T12:00:00.000Z",
        "2027-01-15T13:00:00+01:00",
        "2027-01-15T13:00:00.0000000+01:00",
        "2027-01-15T12:00:00",
    ],
)
def test_times_as_back_offices_write_them(text: str) -> None:
    assert moment(text) == NOON


def test_a_time_that_names_no_day_is_none() -> None:
    assert moment("2027-02-30T12:00:00Z") is None


def test_times_are_sent_without_fractions() -> None:
    assert stamp(NOON + 0.999) == "2027-01-15T12:00:00Z"


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert moment(text) is None or isinstance(moment(text), float)


NUMBER = Variable("C", "V", "integer", "ReadWrite", minimum=0, maximum=100)
LIST = Variable("C", "V", "MemberList", "ReadWrite", values=("A", "B", "C"))


@pytest.mark.parametrize("text", ["0", "7", "100", "-0"])
def test_plain_integers_in_range_are_taken(text: str) -> None:
    assert NUMBER.refuses(text) == ""


@pytest.mark.parametrize("text", ["", "+7", " 7", "7 ", "7.0", "1_0", "\u0667", "-1", "101", "1e1", "nan", "9" * 400])
def test_other_integers_are_refused_with_a_reason(text: str) -> None:
    assert NUMBER.refuses(text)


@pytest.mark.parametrize(("text", "taken"), [("A", True), ("C, A", True), ("", True), ("A,A", False), ("A,D", False)])
def test_members_of_a_list(text: str, taken: bool) -> None:
    assert (LIST.refuses(text) == "") is taken


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.stored_as)
def test_every_default_is_a_value_of_its_variable(row: Variable) -> None:
    assert row.refuses(row.default) == ""


@given(st.sampled_from(TABLE), st.text(max_size=600))
def test_any_text_is_taken_or_refused(row: Variable, text: str) -> None:
    assert isinstance(row.refuses(text), str)


def test_every_16_key_belongs_to_one_variable() -> None:
    keys = [row.key.lower() for row in TABLE if row.key]
    assert len(keys) == len(set(keys))
