"""Strict TOML: a file becomes a typed object, or every fault in it is named with file, line, section and key.

What keys exist is said by msgspec Structs and driver dataclasses elsewhere; this file only checks and complains.
Reading, and on which line a key stands, is hal/toml_document.py's.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from hal.toml_document import ConfigError, Document, Fault, Keys, Table, read

T = TypeVar("T")
MANY: Final = 8  # words: more are not listed when one of them is near


class Field(NamedTuple):
    name: str
    type: Any
    required: bool


def fields_of(kind: type) -> list[Field]:
    """The keys of a Struct or of a dataclass (those its constructor takes)."""
    if issubclass(kind, msgspec.Struct):
        return [Field(field.encode_name, field.type, field.required) for field in msgspec.structs.fields(kind)]
    if not dataclasses.is_dataclass(kind):
        raise TypeError(f"{kind.__name__} is neither Struct nor dataclass")
    hints = typing.get_type_hints(kind, include_extras=True)
    return [
        Field(
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.init
    ]


def _inner(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """(Struct, is a list of it) inside Annotated, `| None` and tuple[..., ...]; (None, False) for plain values."""
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        kinds = [argument for argument in arguments if argument is not types.NoneType]
        return _inner(kinds[0]) if len(kinds) == 1 else (None, False)
    if origin in (tuple, list) and arguments:
        return _inner(arguments[0])[0], True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    return None, False


def nearest(name: str, known: Sequence[str]) -> str:
    """Remedy for a wrong name: the most similar right one, else all of them."""
    import difflib  # noqa: PLC0415 - only a faulty file needs it

    if close := difflib.get_close_matches(name, known, n=1, cutoff=0.5):
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(sorted(known))}" if known else "this section takes no keys"


def unknown(name: str, value: Any, keys: Sequence[str], sections: Sequence[str]) -> tuple[str, str]:
    """(fault, remedy) of a name nobody asked for: a table is looked for among the sections first."""
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        return "unknown section", nearest(name, sections or keys)
    return "unknown key", nearest(name, [*keys, *sections])


def is_section(kind: Any) -> bool:
    return _inner(kind)[0] is not None


_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "null": "nothing",
}


def _plain(error: msgspec.ValidationError) -> tuple[str, Keys]:
    """msgspec's complaint in our words, and the way to the value below the one converted."""
    text, _, path = str(error).partition(" - at `")
    keys: list[str | int] = []
    for name, index in re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", path):
        keys.append(name or int(index))
    text = re.sub("`([^`]*)`", lambda kinds: " or ".join(_WORDS.get(k, k) for k in kinds[1].split(" | ")), text)
    return text[:1].lower() + text[1:], tuple(keys)


def check_value(document: Document, keys: Keys, value: Any, kind: Any, faults: list[Fault]) -> Any:
    """The value as `kind`; appends what is wrong to `faults` and returns None then."""
    struct, many = _inner(kind)
    before = len(faults)
    if struct is not None and many:
        if not isinstance(value, list):
            header = f"[[{keys[-1]}]]"
            faults.append(document.fault(keys, f"is a list of tables: write {header}"))
            return None
        for index, item in enumerate(value):
            _check_table(document, (*keys, index), item, struct, faults)
    elif struct is not None:
        _check_table(document, keys, value, struct, faults)
    if len(faults) > before:
        return None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text, below = _plain(error)
        where = (*keys, *below) if struct is not None else keys
        faults.append(document.fault(where, *(_choice(value, kind) or (_wanted(text, value, kind), ""))))
    return None


def _choice(value: Any, kind: Any) -> tuple[str, str] | None:
    """(fault, remedy) of a word or number that is none of those a key may have; None where it is not about them."""
    allowed = _arguments_of(kind, typing.Literal)
    numbers = [number for number in allowed if isinstance(number, int)]
    if numbers and isinstance(value, int) and not isinstance(value, bool) and value not in numbers:
        return f"{value} is not one of {', '.join(map(str, numbers))}", ""
    words = [word for word in allowed if isinstance(word, str)]
    given = value if isinstance(value, list) else [value]
    wrong = next((each for each in given if isinstance(each, str) and each not in words), None)
    if not words or wrong is None:
        return None
    import difflib  # noqa: PLC0415 - only a faulty file needs it

    by_lower = {word.lower(): word for word in words}
    close = [by_lower[found] for found in difflib.get_close_matches(wrong.lower(), by_lower, n=2, cutoff=0.6)]
    listed = f"{wrong!r} is not known" if close and len(words) > MANY else f"{wrong!r} is not one of {', '.join(words)}"
    return listed, f"did you mean {' or '.join(close)}?" if close else ""


def _arguments_of(kind: Any, origin: Any) -> list[Any]:
    """What stands in `origin[...]` anywhere in a type."""
    if typing.get_origin(kind) is origin:
        return list(typing.get_args(kind))
    return [found for argument in typing.get_args(kind) for found in _arguments_of(argument, origin)]


def _wanted(text: str, value: Any, kind: Any) -> str:
    """A broken pattern as the key's own description of it, a broken length with what it is."""
    said = [each.description for each in typing.get_args(kind) if isinstance(each, msgspec.Meta) and each.description]
    if "matching regex" in text and said:
        return f"expected {said[0]}"
    if isinstance(value, str) and (length := re.fullmatch(r"expected a text of length (<=|>=) (\d+)", text)):
        bound = "at most" if length[1] == "<=" else "at least"
        return f"expected {bound} {length[2]} characters, has {len(value)}"
    return text


def _check_table(
    document: Document, keys: Keys, table: Any, kind: type, faults: list[Fault], *, also: Sequence[str] = ()
) -> dict[str, Any]:
    if not isinstance(table, dict):
        faults.append(document.fault(keys, f"is a section: write [{'.'.join(str(k) for k in keys)}]"))
        return {}
    fields = fields_of(kind)
    known = [field.name for field in fields]
    for name in table:
        if name not in known:
            free = [key for key in (*known, *also) if key not in table] or known
            sections = [field.name for field in fields if field.name in free and is_section(field.type)]
            plain = [key for key in free if key not in sections]
            faults.append(document.fault((*keys, name), *unknown(name, table[name], plain, sections)))
    values: dict[str, Any] = {}
    for field in fields:
        if field.name in table:
            values[field.name] = check_value(document, (*keys, field.name), table[field.name], field.type, faults)
        elif field.required:
            faults.append(document.fault((*keys, field.name), "missing key", "add it"))
    return values


def load_section(
    document: Document, keys: Keys, table: Table, kind: type[T], faults: list[Fault], *, also: Sequence[str] = ()
) -> T | None:
    """A table as a Struct or dataclass (a driver: its fields are the keys). Appends every fault found; None then.

    `also` names keys the caller has taken out of the table, for the remedy. A ValueError from the constructor is a
    fault of the section: a driver checks in `__post_init__` what a type cannot.
    """
    before = len(faults)
    values = _check_table(document, keys, table, kind, faults, also=also)
    if len(faults) > before:
        return None
    try:
        return kind(**values)
    except ValueError as error:
        faults.append(document.fault((*keys, ""), str(error)))
    return None


def usable(document: Document, keys: Keys, table: Any, kind: type, faults: list[Fault]) -> dict[str, Any]:
    """The keys of a table that can be used, defaults included: for checks that go on beside faults, which are added
    to `faults`. A wrong key, and a missing one that has no default, is absent."""
    found = _check_table(document, keys, table, kind, faults)
    wrong = {name for name in found if found[name] is None and isinstance(table, dict) and table.get(name) is not None}
    defaults: dict[str, Any] = {}
    if issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        defaults = {field.encode_name: field.default for field in fields if field.default is not msgspec.NODEFAULT}
    return {name: value for name, value in {**defaults, **found}.items() if name not in wrong}


def load(path: Path, kind: type[T]) -> T:
    """The whole file as one Struct. Raises ConfigError with every fault found."""
    document = read(path)
    faults: list[Fault] = []
    loaded = load_section(document, (), document.data, kind, faults)
    if loaded is None:
        raise ConfigError(faults)
    return loaded
