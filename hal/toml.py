"""Strict TOML: a file becomes a typed object, or every fault in it is named with file, line, section and key.

What keys exist is said by msgspec Structs and driver dataclasses elsewhere; this file only reads, checks and complains.
"""

import dataclasses
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")
Keys = tuple[str | int, ...]  # the way to a value: table names, indices of [[tables]], key
Table = Mapping[str, Any]

MANY: Final = 8  # words: more are not listed when one of them is near
MAX_BYTES: Final = 1 << 20  # no board or station file comes near; keeps a wrong path from eating the memory


class Fault(NamedTuple):
    """One thing wrong in a file; `line` counts from 1 and is 0 where the file could not be read at all."""

    file: str
    line: int
    section: str
    key: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:" if self.line else f"{self.file}:"
        section = f" {self.section}" if self.section else ""
        key = f" {self.key}:" if self.key else ("" if not self.section else ":")
        return f"{place}{section}{key} {self.text}" + (f"; {self.remedy}" if self.remedy else "")


class ConfigError(Exception):
    """A file cannot be used. `faults` has all that was found, in the order of the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.line)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


# --- where a key stands ---------------------------------------------------------------------------------------------

_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED: Final = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ASSIGNMENT: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' + r"|'''.*?'{3,5}" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'" + r"|\#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)


def _split(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_KEY, dotted)]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """(line number, text) of each header or assignment; brackets and multi-line strings keep a statement open."""
    line, start, start_line, depth = 1, 0, 1, 0
    for token in _TOKEN.finditer(text):
        found = token.group()
        if found in "[{":
            depth += 1
        elif found in "]}":
            depth -= 1
        line += found.count("\n")
        if found == "\n" and depth <= 0:
            yield start_line, text[start : token.end()]
            start, start_line, depth = token.end(), line, 0
    yield start_line, text[start:]


def _lines(text: str) -> dict[Keys, int]:
    """The line of every table and key of a text that `tomllib` has accepted."""
    found: dict[Keys, int] = {}
    counts: dict[Keys, int] = {}
    table: Keys = ()
    for line, statement in _statements(text):
        if header := _HEADER.match(statement):
            table = ()
            for name in _split(header[2]):
                table = (*table, name)
                if table in counts:  # inside the latest [[table]] of that name
                    table = (*table, counts[table] - 1)
            if header[1] == "[[":
                name_only = table[:-1] if isinstance(table[-1], int) else table
                counts[name_only] = counts.get(name_only, 0) + 1
                found.setdefault(name_only, line)
                table = (*name_only, counts[name_only] - 1)
            found.setdefault(table, line)
        elif assignment := _ASSIGNMENT.match(statement):
            keys = table
            for name in _split(assignment[1]):
                keys = (*keys, name)
                found.setdefault(keys, line)
    return found


def place(table: Keys) -> str:
    """A table as its header stands in the file; of a list the number too: `[[evse]] no. 2`, `[[connector]] no. 1
    [connector.pilot]`."""
    said, names = "", list[str]()
    for name in table:
        if isinstance(name, int):
            said += f"[[{'.'.join(names)}]] no. {name + 1} "
        else:
            names.append(name)
    if table and not isinstance(table[-1], int):
        said += f"[{'.'.join(names)}]"
    return said.rstrip()


class Document:
    """A parsed TOML file that remembers where each key stands."""

    def __init__(self, path: Path, text: str, data: dict[str, Any]) -> None:
        self.path = path
        self.data = data
        self._lines = _lines(text)

    def line(self, keys: Keys) -> int:
        """Line of a key; of the nearest table around it where the key has none of its own (inline tables, missing)."""
        while keys and keys not in self._lines:
            keys = keys[:-1]
        return self._lines.get(keys, 1)

    def fault(self, keys: Keys, text: str, remedy: str = "") -> Fault:
        """A fault at the place `keys`, the last of which is the key."""
        table = keys if keys and isinstance(keys[-1], int) else keys[:-1]
        key = str(keys[-1]) if len(keys) > len(table) else ""
        return Fault(str(self.path), self.line(keys), place(table), key, text, remedy)


def read(path: Path) -> Document:
    """Read a file without knowing its keys. Raises ConfigError when it is missing or no TOML."""

    def broken(text: str, line: int = 0) -> ConfigError:
        return ConfigError([Fault(str(path), line, "", "", text)])

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise broken(f"cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise broken(f"larger than {MAX_BYTES} bytes: no configuration file")
    try:
        text = raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise broken(f"not UTF-8 at byte {error.start}", raw.count(b"\n", 0, error.start) + 1) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        raise broken(f"no TOML: {error}", int(at[1]) if at else text.rstrip().count("\n") + 1) from error
    except (RecursionError, ValueError, OverflowError) as error:
        raise broken(f"no TOML we accept: {error}") from error
    return Document(path, text, data)


# --- what a key must be ---------------------------------------------------------------------------------------------


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
