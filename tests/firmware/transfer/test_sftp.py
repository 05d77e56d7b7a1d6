"""SFTP against asyncssh's server: whole, in parts, whom we believe, what goes wrong."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from firmware.transfer.address import OURSELVES, PRIVATE, TransferError
from firmware.transfer.job import Job, SshTrust, Trust
from firmware.transfer.transfer import fetch, send, with_tries

IMAGE = bytes(range(256)) * 8000  # 2 MB


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def trusting(**ssh: Any) -> Trust:
    return Trust(privacy=OURSELVES, ssh=SshTrust(**ssh))


def url(server: Any, path: str, login: str = "user:secret") -> str:
    return f"sftp://{login}@127.0.0.1:{server.port}/{path}"


def refused(work: Coroutine[Any, Any, None]) -> TransferError:
    with pytest.raises(TransferError) as failed:
        run(work)
    return failed.value


def test_a_broken_download_goes_on_where_it_stopped(sftp: Any, tmp_path: Path) -> None:
    (sftp.folder / "fw").mkdir()
    (sftp.folder / "fw" / "image 1*.bin").write_bytes(IMAGE)
    sftp.cut_after = [900_000, 700_000]

    async def attempt(job: Job) -> None:
        await fetch(url(sftp, "fw/image%201*.bin"), tmp_path / "image", job)

    run(with_tries(attempt, trusting(), 3, 0.01))
    assert (tmp_path / "image").read_bytes() == IMAGE
    assert min(place for _, place in sftp.moved) == 0
    assert [place for _, place in sftp.moved].count(0) == 1  # the beginning was fetched once


def test_a_broken_upload_goes_on_behind_what_the_server_has(sftp: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(IMAGE)
    sftp.cut_after = [900_000]

    async def attempt(job: Job) -> None:
        await send(url(sftp, "log.tar.gz"), tmp_path / "log", "log.tar.gz", job)

    run(with_tries(attempt, trusting(), 3, 0.01))
    assert (sftp.folder / "log.tar.gz").read_bytes() == IMAGE
    assert sftp.moved.count(("written", 0)) == 1


def test_what_the_server_has_of_something_else_is_overwritten(sftp: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(IMAGE)
    (sftp.folder / "log").write_bytes(IMAGE[:500_000] + b"x" * 500_000)
    run(send(url(sftp, "log"), tmp_path / "log", "log", Job(trusting(), again=True)))
    assert (sftp.folder / "log").read_bytes() == IMAGE


def test_a_folder_takes_the_file_under_its_name(sftp: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"all of it")
    run(send(url(sftp, "~/"), tmp_path / "log", "log.txt", Job(trusting())))
    assert (sftp.folder / "log.txt").read_bytes() == b"all of it"


def test_the_first_key_of_a_server_is_remembered_and_another_one_is_refused(sftp: Any, tmp_path: Path) -> None:
    (sftp.folder / "image").write_bytes(b"1")
    known = tmp_path / "state" / "known_hosts"
    trust = trusting(remembered=str(known))
    run(fetch(url(sftp, "image"), tmp_path / "one", Job(trust)))
    run(fetch(url(sftp, "image"), tmp_path / "two", Job(trust)))
    (line,) = known.read_text().splitlines()
    assert line.startswith(f"[127.0.0.1]:{sftp.port} ssh-ed25519 ")
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256"):  # also one of a kind that it had not
        sftp.close()
        sftp.host_key = asyncssh.generate_private_key(kind)
        sftp.open()
        failed = refused(fetch(url(sftp, "image"), tmp_path / "three", Job(trust)))
        assert (failed.kind, failed.event, failed.again) == ("denied", "FileServerHostKeyChanged", False)
    assert known.read_text().splitlines() == [line]
    assert not (tmp_path / "three").exists()


def test_the_operators_known_hosts_are_the_only_ones_believed(sftp: Any, tmp_path: Path) -> None:
    (sftp.folder / "image").write_bytes(b"1")
    known = tmp_path / "known_hosts"
    trust = trusting(known_hosts=str(known), remembered=str(tmp_path / "remembered"))
    known.write_text("")
    failed = refused(fetch(url(sftp, "image"), tmp_path / "image", Job(trust)))
    assert (failed.kind, failed.event) == ("denied", "")
    known.write_text(f"[127.0.0.1]:{sftp.port} {sftp.host_key.export_public_key().decode()}")
    run(fetch(url(sftp, "image"), tmp_path / "image", Job(trust)))
    assert (tmp_path / "image").read_bytes() == b"1"
    assert not (tmp_path / "remembered").exists()


def test_our_key_opens_where_no_password_is_given(sftp: Any, tmp_path: Path) -> None:
    (sftp.folder / "image").write_bytes(b"1")
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "key")
    sftp.client_key = key.export_public_key().decode()
    run(fetch(url(sftp, "image", "user"), tmp_path / "image", Job(trusting(key=str(tmp_path / "key")))))
    assert (tmp_path / "image").read_bytes() == b"1"


def test_every_failure_says_whose_fault_it_is(sftp: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(IMAGE)
    (sftp.folder / "image").write_bytes(IMAGE)
    (tmp_path / "full").symlink_to("/dev/full")

    def how(work: Coroutine[Any, Any, None]) -> tuple[str, bool]:
        failed = refused(work)
        assert "secret" not in str(failed)
        return failed.kind, failed.again

    job, log = Job(trusting(), stall_s=10.0), tmp_path / "log"
    assert how(send(url(sftp, "log", "user:wrong"), log, "log", job)) == ("denied", True)
    assert how(fetch(url(sftp, "missing"), tmp_path / "image", job)) == ("failed", True)
    assert how(fetch(url(sftp, "image"), tmp_path / "image", job, 1_000_000)) == ("failed", False)
    assert how(fetch(url(sftp, "image"), tmp_path / "full", job)) == ("failed", True)
    assert how(fetch(url(sftp, "image"), tmp_path / "image", Job(Trust(privacy=PRIVATE)))) == ("denied", False)
    sftp.full = True
    assert how(send(url(sftp, "log"), log, "log", job)) == ("failed", True)
    sftp.close()
    assert how(send(url(sftp, "log"), log, "log", job)) == ("failed", True)
    sftp.open()


def test_a_transfer_is_cancelled_at_once(sftp: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 10)

    async def work() -> None:
        silent = await asyncio.start_server(lambda reader, writer: asked.set(), "127.0.0.1", 0)
        asked = asyncio.Event()
        port = silent.sockets[0].getsockname()[1]
        task = asyncio.create_task(send(f"sftp://127.0.0.1:{port}/log", tmp_path / "log", "log", Job(trusting())))
        await asyncio.wait_for(asked.wait(), 20)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 15.0  # the server would say nothing for 30
        silent.close()

    run(work())
