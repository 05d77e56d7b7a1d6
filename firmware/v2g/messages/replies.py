"""Failure replies, derived from the response class alone.

The car ignores everything but the response code, so mandatory fields get the smallest valid values and
optional ones are left out [V2G2-736]. Deciding which code applies is left to the session.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import msgspec

from firmware.v2g.messages.declare import Integer, Octets, Record, Response, Text

A = TypeVar("A", bound=Response)
R = TypeVar("R", bound=Record)


def failure_reply(answer: type[A], code: str, **known: Any) -> A:
    """An `answer` carrying `code`; `known` overrides single fields (a header, an EVSE id)."""
    return answer(**{**_smallest_fields(answer, answer.__module__), "response_code": code, **known})


def smallest(cls: type[R]) -> R:
    """A `cls` of mandatory fields with the smallest valid values: zero, empty, the first of an enumeration."""
    return cls(**_smallest_fields(cls, cls.__module__))


def _smallest_fields(cls: type[Record], protocol: str) -> dict[str, Any]:
    """Values of the mandatory fields; members of substitution groups are taken from the module `protocol`."""
    chosen: set[str] = set()  # choices already satisfied
    values: dict[str, Any] = {}
    for field in cls.wire.fields:
        if field.kind == "wildcard":
            continue
        if field.choice:
            if field.choice in chosen or field.choice.endswith("?"):
                continue
            chosen.add(field.choice)
        elif field.default is not msgspec.NODEFAULT:
            continue
        values[field.name] = _smallest(field.annotation, field.min_occurs, protocol)
    return values


def _smallest(kind: Any, count: int, protocol: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _smallest(next(arg for arg in args if arg is not NoneType), count, protocol)
    if origin is tuple:
        return (_smallest(args[0], 1, protocol),) * count
    if origin is Annotated:
        return _smallest_simple(args[0], args[1])
    if issubclass(kind, StrEnum):
        return next(iter(kind))
    if issubclass(kind, Record):
        candidates = list(_concrete(kind))
        concrete = next((cls for cls in candidates if cls.__module__ == protocol), candidates[0])
        return concrete(**_smallest_fields(concrete, protocol))
    return cast(Any, kind)()  # str, bytes, bool


def _smallest_simple(kind: type, facet: Any) -> Any:
    match facet:
        case Integer(minimum=minimum, maximum=maximum):
            low = 0 if minimum is None else minimum
            return 0 if low <= 0 and (maximum is None or maximum >= 0) else low
        case Text(min_length=length):
            return "0" * length
        case Octets(min_length=length):
            return bytes(length)
    return kind()


def _concrete(cls: type[Record]) -> Iterator[type[Record]]:
    if not cls.wire.abstract:
        yield cls
    for member in cls.__subclasses__():
        yield from _concrete(member)
