"""Redaction of tokens in texts of any shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.panel.redaction import HIDDEN, Redactor, redacted


@pytest.mark.parametrize(
    ("token", "shown"), [("04A2B3C4D5E680", "E680"), ("12345678", "5678"), ("FREE", "EE"), ("7", ""), ("", "")]
)
def test_at_most_four_characters_and_never_more_than_half_stay(token: str, shown: str) -> None:
    assert redacted(token) == HIDDEN + shown


def test_what_is_hidden_stays_as_it_is() -> None:
    assert redacted(redacted("04A2B3C4D5E680")) == redacted("04A2B3C4D5E680")


@given(token=st.text(min_size=6, max_size=36), before=st.text(max_size=40), after=st.text(max_size=40))
def test_a_token_once_seen_is_found_in_any_text(token: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.learn(token)
    text = redactor.text(before + token + after)
    assert token not in text or token in redacted(token)


@given(st.text(max_size=300))
def test_any_text_can_be_redacted(text: str) -> None:
    assert isinstance(Redactor().text('{"idToken":"' + text), str)


def test_tokens_are_forgotten_in_time() -> None:
    redactor = Redactor()
    for n in range(500):
        redactor.learn(f"TOKEN{n:06}")
    assert redactor.text("TOKEN000001") == "TOKEN000001"
    assert redactor.text("TOKEN000499") == HIDDEN + "0499"
