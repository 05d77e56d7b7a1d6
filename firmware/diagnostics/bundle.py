"""What a diagnostics file holds, and what it must not: a tar.gz of texts, each redacted, bounded in size.

    about.json        versions, settings without secrets, when it was made
    events.jsonl      what happened lately, as the station told it
    ocpp/*            what was said with the back office, frame by frame (tokens and passwords are hidden already)
    sessions/*        recorded charging sessions of the period (tokens are hidden where they were recorded)
    security.jsonl    the security log of the period
No password, key, token or certificate key is in it: settings are listed by name, facts by field. Making it reads files
and compresses: not for the event loop, and in `Slices`, so that the loop beside it has the interpreter when it wants.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from firmware.diagnostics.slices import Slices

MAX_SESSIONS: Final = 20_000_000  # bytes of recorded sessions in one bundle
MAX_FRAMES: Final = 10_000_000  # bytes of frame logs
SECRET: Final = re.compile(r"(?i)password|passwd|secret|authorizationkey|privatekey|sim_?pin|apn|_key\b|^key$|token")
_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]+@")
_PEM_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.S)
HIDDEN: Final = "(hidden)"


@dataclass(frozen=True)
class Contents:
    """What is put in. `events`: facts; `security`: entries of that log; `sessions`, `frames`: folders of recordings;
    period in UTC s."""

    about: dict[str, Any]
    events: Iterable[object]
    security: Iterable[object]
    sessions: Path
    frames: Path
    oldest: float = 0.0
    latest: float = float("inf")


def redacted(value: Any) -> Any:
    """Plain data without what is secret by its name, and without passwords in addresses."""
    if isinstance(value, dict):
        return {key: HIDDEN if SECRET.search(str(key)) and each else redacted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(each) for each in value]
    if isinstance(value, str):
        return _PEM_KEY.sub(HIDDEN, _IN_URL.sub("", value))
    return value


def line(fact: object) -> bytes:
    """One fact as a line of JSON, redacted."""
    return json.dumps(redacted(msgspec.to_builtins(fact)), separators=(",", ":"), default=str).encode()


def write(path: Path, contents: Contents, slices: Slices) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=6) as bundle:
        about = json.dumps(redacted(contents.about), indent=1, default=str).encode()
        _add(bundle, "about.json", about, slices)
        _add(bundle, "events.jsonl", lines((line(each) for each in contents.events), slices), slices)
        _add(bundle, "security.jsonl", lines(map(msgspec.json.encode, contents.security), slices), slices)
        for folder, place, room in (
            ("ocpp", contents.frames, MAX_FRAMES),
            ("sessions", contents.sessions, MAX_SESSIONS),
        ):
            for file in _newest(place, room, contents):
                slices.rest()
                _add_file(bundle, f"{folder}/{file.name}", file, slices)


def lines(texts: Iterable[bytes], slices: Slices) -> bytes:
    """Each on its own line."""
    found = io.BytesIO()
    for each in texts:
        found.write(each + b"\n")
        slices.rest()
    return found.getvalue()


def _newest(folder: Path, room: int, contents: Contents) -> Iterator[Path]:
    """Files of the period, the newest first, as many as there is room for."""
    if not folder.is_dir():
        return
    files = [(path.stat(), path) for path in folder.iterdir() if path.is_file()]
    for about, path in sorted(files, key=lambda each: each[0].st_mtime, reverse=True):
        if contents.oldest <= about.st_mtime <= contents.latest + 86_400 and about.st_size <= room:
            room -= about.st_size
            yield path


def _add_file(bundle: tarfile.TarFile, name: str, path: Path, slices: Slices) -> None:
    """It may be written to, or deleted, while we read: what is there now counts."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    _add(bundle, name, data, slices)


def _add(bundle: tarfile.TarFile, name: str, data: bytes, slices: Slices) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o600
    bundle.addfile(entry, _Resting(data, slices))


class _Resting(io.BytesIO):
    """Read in blocks (tarfile's 16 kB) with a rest between."""

    def __init__(self, data: bytes, slices: Slices) -> None:
        super().__init__(data)
        self._slices = slices

    def read(self, size: int | None = -1) -> bytes:
        self._slices.rest()
        return super().read(size)
