"""What must not be read in a recording: tokens keep at most their last four characters, passwords nothing.

Tokens are recognised by their place in a fact, by their key in a protocol text, and, once seen, wherever they appear.
"""

import re
from collections import OrderedDict
from typing import Final

from firmware.station.facts import IdToken

KEPT = 4
REMEMBERED = 64
SHORTEST_REMEMBERED = 6  # a shorter word is too likely to be part of another one

# 1.6: idTag, parentIdTag; 2.x: idToken, groupIdToken, additionalIdToken; ISO 15118: eMAID. Quoted or key=value.
_BY_KEY = re.compile(
    r"""(\b(?:(?:parent_?)?id_?tag|(?:group_?|additional_?)?id_?token|e_?maid)["']?\s*[:=]\s*)"""
    r"""(?:"((?:[^"\\]|\\.)*)|'((?:[^'\\]|\\.)*)|([^\s"'{}\[\](),;]+))""",
    re.IGNORECASE,
)
_SECRET_NAMED = re.compile(r"AuthorizationKey|BasicAuthPassword|password", re.IGNORECASE)
_VALUE = re.compile(
    r"""(\b(?:value|attribute_?value|[a-z_]*password|authorizationkey)["']?\s*[:=]\s*)"""
    r"""(?:"((?:[^"\\]|\\.)*)|'((?:[^'\\]|\\.)*)|([^\s"'{}\[\](),;]+))""",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/@\s\"']+@", re.IGNORECASE)
HIDDEN: Final = "••••"


def redacted(token: str) -> str:
    """The last four characters at most, and never more than half of the token. Done twice is done once."""
    if token.startswith(HIDDEN):
        return token
    kept = min(KEPT, len(token) // 2)
    return HIDDEN + token[len(token) - kept :]


def shown(token: IdToken) -> str:
    """A token for people: its end and its kind; nobody presents one where charging is free."""
    return "free charging" if token.kind == "NoAuthorization" else f"{redacted(token.token)} ({token.kind})"


def _hide_token(match: re.Match[str]) -> str:
    opening, value = _value_of(match)
    return opening + redacted(value)


def _hide_all(match: re.Match[str]) -> str:
    return _value_of(match)[0] + HIDDEN


def _value_of(match: re.Match[str]) -> tuple[str, str]:
    """Everything up to and with the opening quote, and the value."""
    for quote, value in (('"', match[2]), ("'", match[3]), ("", match[4])):
        if value is not None:
            return match[1] + quote, value
    return match[1], ""


class Redactor:
    """Remembers the tokens seen lately and hides them in texts."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def learn(self, token: str) -> None:
        if len(token) >= SHORTEST_REMEMBERED:
            self._known[token] = redacted(token)
            self._known.move_to_end(token)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def text(self, text: str) -> str:
        """`text` without tokens and passwords."""
        for token, shown in self._known.items():
            if token in text:
                text = text.replace(token, shown)
        text = _BY_KEY.sub(_hide_token, text)
        text = _CREDENTIALS.sub(r"\1" + HIDDEN + "@", text)
        if _SECRET_NAMED.search(text):
            text = _VALUE.sub(_hide_all, text)
        return text

    def record(self, value: object) -> object:
        """A fact as plain data with every text in it redacted, at any depth; the tag `fact` stays."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            if isinstance(token := value.get("token"), str):  # an IdToken
                value = {**value, "token": redacted(token)}
            return {key: inner if key in {"fact", "token"} else self.record(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.record(inner) for inner in value]
        return value
