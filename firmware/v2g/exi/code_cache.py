"""Keeps generated code byte-compiled on disk, so that a station does not pay for compiling at every start.

A cache entry is only trusted when it belongs to us (or root) and nobody else can write to it; it is written
under another name and moved into place, so readers never see half of one. Where no directory is writable the
code is made anew at each start.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from types import CodeType

_ENGINE = ("grammar", "generate", "generate_parts", "generate_reader", "generate_writer", "runtime", "bits")


def cached_code(name: str, modules: Iterable[str], source: Callable[[], str]) -> CodeType:
    """The compiled code of schema set `name`, made of `modules`; `source` writes it when the cache has none."""
    key = _key(modules)
    directory = cache_directory()
    path = directory / f"exi-{name}-{key[:16]}.bin" if directory else None
    if path is not None:
        kept = _load(path, key)
        if kept is not None:
            return kept
    code = compile(source(), "<exi>", "exec", dont_inherit=True)
    if path is not None:
        _store(path, key, code)
    return code


def cache_directory() -> Path | None:
    """PILOTLINE_CACHE, systemd's CacheDirectory=, or the user's cache; None when there is none."""
    for variable in ("PILOTLINE_CACHE", "CACHE_DIRECTORY"):
        if value := os.environ.get(variable):
            return Path(value.split(":")[0])
    if value := os.environ.get("XDG_CACHE_HOME"):
        return Path(value) / "pilotline"
    try:
        return Path.home() / ".cache" / "pilotline"
    except RuntimeError:  # no home directory: a system service without CacheDirectory=
        return None


def _key(modules: Iterable[str]) -> str:
    """Changes with every source that shapes the code, and with the interpreter."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(str(marshal.version).encode())
    for name in (*_ENGINE, "../messages/declare", *(f"../messages/{module}" for module in modules)):
        digest.update(_content(name))
    return digest.hexdigest()


def _content(name: str) -> bytes:
    here = Path(__file__).parent
    path = here / f"{name}.py"
    try:
        return path.read_bytes()
    except FileNotFoundError:  # installed without sources: the compiled file stands for it
        package = "firmware.v2g.messages." if name.startswith("..") else "firmware.v2g.exi."
        spec = find_spec(package + path.stem)
        return Path(spec.origin).read_bytes() if spec and spec.origin else b""


def _load(path: Path, key: str) -> CodeType | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        ours = about.st_uid in (os.geteuid(), 0) and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not ours or not stat.S_ISREG(about.st_mode):
            return None
        stored = file.read()
    head, body = stored[:64], stored[64:]
    if head != _seal(key, body):
        return None
    code = marshal.loads(body)  # noqa: S302 - only what _store wrote, and only as this user or root
    return code if isinstance(code, CodeType) else None


def _store(path: Path, key: str, code: CodeType) -> None:
    body = marshal.dumps(code)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            with open(descriptor, "wb") as file:
                file.write(_seal(key, body) + body)
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
    except OSError:
        return  # read-only or full: the next start generates again


def _seal(key: str, body: bytes) -> bytes:
    """Detects a torn or mixed-up file; trust comes from its owner."""
    return hashlib.sha256(key.encode() + body).hexdigest().encode()
