"""What a diagnostics file holds, and what it must not: a tar.gz of texts, each redacted, bounded in size.

    about.json        versions, settings without secrets, when it was made
    events.jsonl      what happened lately, as the station told it
    sessions/*        recorded charging sessions of the period (tokens are hidden where they were recorded)
    security.jsonl    the security log of the period
No password, key, token or certificate key is in it: settings are listed by name, facts by field. Making it reads files
and compresses: not for the event loop.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

MAX_SESSIONS: Final = 20_000_000  # bytes of recorded sessions in one bundle
SECRET: Final = re.compile(r"(?i)password|passwd|secret|authorizationkey|privatekey|sim_?pin|apn|_key\b|^key$|token")
_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]+@")
_PEM_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.S)
HIDDEN: Final = "(hidden)"


@dataclass(frozen=True)
class Contents:
    """What is put in. `sessions`: the folder of recordings; period in UTC s."""

    about: dict[str, Any]
    events: Sequence[bytes]
    security: Sequence[bytes]
    sessions: Path
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


def write(path: Path, contents: Contents) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=6) as bundle:
        about = json.dumps(redacted(contents.about), indent=1, default=str).encode()
        _add(bundle, "about.json", about)
        _add(bundle, "events.jsonl", _lines(contents.events))
        _add(bundle, "security.jsonl", _lines(contents.security))
        for name, data in _sessions(contents):
            _add(bundle, f"sessions/{name}", data)


def _lines(lines: Iterable[bytes]) -> bytes:
    return b"".join(each + b"\n" for each in lines)


def _sessions(contents: Contents) -> Iterable[tuple[str, bytes]]:
    """The newest first, as many as there is room for."""
    room = MAX_SESSIONS
    if not contents.sessions.is_dir():
        return
    files = [(path.stat().st_mtime, path) for path in contents.sessions.iterdir() if path.is_file()]
    for written, path in sorted(files, reverse=True):
        if not contents.oldest <= written <= contents.latest + 86_400 or path.stat().st_size > room:
            continue
        data = path.read_bytes()
        room -= len(data)
        yield path.name, data


def _add(bundle: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o600
    bundle.addfile(entry, io.BytesIO(data))
