"""A TOML file with the lines of its keys: what a fault needs to be told with file, line and section.

What the keys must be is hal/toml.py's.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

Keys = tuple[str | int, ...]  # the way to a value: table names, indices of [[tables]], key
Table = Mapping[str, Any]

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
