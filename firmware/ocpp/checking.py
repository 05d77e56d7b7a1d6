"""Holds what comes in against its message class, and says which error code answers what is wrong with it.

Sources: OCPP-J 1.6 4.2.3; OCPP 2.0.1 part 4, 4.3.
"""

import re
from typing import Final

import msgspec

from firmware.ocpp.ocpp_j import Flavour
from firmware.ocpp.payload import Payload


class Violation(Exception):
    """A payload breaks its schema: the JSON-schema keyword that fails, and where."""

    def __init__(self, keyword: str, text: str) -> None:
        super().__init__(text)
        self.keyword = keyword


# msgspec tells the failing rule only in words; these are its words (a test pins them).
_KEYWORDS: Final = (
    (re.compile(r"missing required field"), "required"),
    (re.compile(r"unknown field"), "additionalProperties"),
    (re.compile(r"Invalid enum value"), "enum"),
    (re.compile(r"`array` of length"), "items"),
    (re.compile(r"`str` of length"), "length"),
    (re.compile(r"matching regex|RFC3339"), "format"),
    (re.compile(r"Expected `(int|float)` [<>]|multiple of|out of range"), "range"),
    (re.compile(r"Expected `"), "type"),
)


def check(raw: msgspec.Raw | bytes, kind: type[Payload]) -> Payload:
    """JSON text as a checked message. Raises Violation."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        text = str(error)
        raise Violation(next((word for shape, word in _KEYWORDS if shape.search(text)), "type"), text) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Violation("syntax", str(error)) from None


def code_of(keyword: str, flavour: Flavour) -> str:
    """The error code for a failing schema keyword (1.6-J 4.2.3, 2.0.1 part 4 4.3)."""
    match keyword:
        case "required" | "items":
            return flavour.occurrence_violation
        case "type":
            return "TypeConstraintViolation"
        case "enum" | "range" | "format":
            return "PropertyConstraintViolation"
        case _:  # syntax, length, additionalProperties
            return flavour.format_violation
