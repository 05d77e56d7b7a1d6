"""The cache of generated code: equal to a fresh generation, trusted only when it is ours, never half written."""

import os
import stat
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import CodeType

import pytest

from firmware.v2g.exi import code_cache
from firmware.v2g.exi.code_cache import cached_code
from firmware.v2g.exi.generate import generate
from firmware.v2g.exi.schemas import MODULES, schema_set

POISON = "raise SystemExit('poisoned')"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PILOTLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def code_of(source: str) -> CodeType:
    return cached_code("app_protocol", MODULES["app_protocol"], lambda: source)


def only_file(directory: Path) -> Path:
    (path,) = directory.iterdir()
    return path


@pytest.mark.parametrize("name", MODULES)
def test_what_is_kept_is_what_would_be_generated_now(name: str, directory: Path) -> None:
    fresh = compile(generate(schema_set(name)), "<exi>", "exec")
    first = cached_code(name, MODULES[name], lambda: generate(schema_set(name)))
    kept = cached_code(name, MODULES[name], lambda: POISON)
    assert first == kept == fresh


def test_generation_is_repeatable() -> None:
    assert generate(schema_set("iso2")) == generate(schema_set("iso2"))


def test_a_file_that_others_may_write_is_not_run(directory: Path) -> None:
    code_of("x = 1")
    path = only_file(directory)
    for mode in (0o666, 0o664, 0o602):
        path.chmod(mode)
        assert code_of("x = 2") == compile("x = 2", "<exi>", "exec")
        path = only_file(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_run(directory: Path) -> None:
    code_of("x = 1")
    os.chown(only_file(directory), 12345, 12345)
    assert code_of("x = 2") == compile("x = 2", "<exi>", "exec")


def test_a_link_to_somewhere_else_is_not_followed(directory: Path, tmp_path: Path) -> None:
    code_of("x = 1")
    path = only_file(directory)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert code_of("x = 2") == compile("x = 2", "<exi>", "exec")


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b"", lambda b: b[:70] + b"!" + b[71:], lambda b: b[64:]]
)
def test_a_damaged_file_is_generated_again(directory: Path, damage: Callable[[bytes], bytes]) -> None:
    code_of("x = 1")
    path = only_file(directory)
    path.write_bytes(damage(path.read_bytes()))
    assert code_of("x = 2") == compile("x = 2", "<exi>", "exec")


def test_the_entry_of_another_version_is_not_taken(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code_of("x = 1")
    monkeypatch.setattr(sys, "version", sys.version + "+")
    assert code_of("x = 2") == compile("x = 2", "<exi>", "exec")


def test_without_a_writable_directory_everything_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("PILOTLINE_CACHE", str(tmp_path / "file" / "cache"))
    assert code_of("x = 1") == compile("x = 1", "<exi>", "exec")


def test_what_is_written_belongs_to_us_alone(directory: Path) -> None:
    code_of("x = 1")
    about = only_file(directory).stat()
    assert about.st_uid == os.geteuid()
    assert not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write_and_read(_: int) -> bool:
    return code_of("x = 1") == compile("x = 1", "<exi>", "exec")


def test_many_writers_at_once_leave_one_whole_file(directory: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        assert all(pool.map(_write_and_read, range(40)))
    assert len(list(directory.iterdir())) == 1


def test_systemd_and_user_directories_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PILOTLINE_CACHE", raising=False)
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/pilotline:/other")
    assert code_cache.cache_directory() == Path("/var/cache/pilotline")
    monkeypatch.delenv("CACHE_DIRECTORY")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert code_cache.cache_directory() == tmp_path / "pilotline"
