"""Files fetched and sent over real sockets: whole, in parts, refused, cancelled; the loop never waits."""

import asyncio
import ssl
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from firmware.transfer.address import OURSELVES, TransferError
from firmware.transfer.job import Job, Trust
from firmware.transfer.transfer import fetch, send, with_tries

HERE = Trust(privacy=OURSELVES)
IMAGE = bytes(range(256)) * 4000  # 1 MB


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def job(trust: Trust = HERE, stall_s: float = 10.0) -> Job:
    return Job(trust, stall_s)


@pytest.mark.parametrize("kind", ["http", "ftp"])
def test_a_file_is_fetched(files: Any, serve: Any, tmp_path: Path, kind: str) -> None:
    files.files["/fw/image.bin"] = IMAGE
    run(fetch(f"{kind}://127.0.0.1:{serve(kind)}/fw/image.bin", tmp_path / "image", job()))
    assert (tmp_path / "image").read_bytes() == IMAGE


@pytest.mark.parametrize("kind", ["http", "ftp"])
def test_a_broken_download_goes_on_where_it_stopped(files: Any, serve: Any, tmp_path: Path, kind: str) -> None:
    files.files["/image"] = IMAGE
    files.cut_after = [300_000, 200_000]
    url = f"{kind}://127.0.0.1:{serve(kind)}/image"

    async def attempt(one: Job) -> None:
        await fetch(url, tmp_path / "image", one)

    run(with_tries(attempt, HERE, 3, 0.01))
    assert (tmp_path / "image").read_bytes() == IMAGE
    assert [int("".join(c for c in each if c.isdigit())) for each in files.ranges] == [300_000, 500_000]


@pytest.mark.parametrize("other", [False, True], ids=["ours", "another file"])
def test_a_broken_upload_by_ftp_goes_on_behind_what_the_server_has(
    files: Any, serve: Any, tmp_path: Path, other: bool
) -> None:
    (tmp_path / "log").write_bytes(IMAGE)
    url = f"ftp://127.0.0.1:{serve('ftp')}/log"

    async def attempt(one: Job) -> None:
        if one.again and other:
            files.files["/log"] = b"x" * 300_000
        await send(url, tmp_path / "log", "log", one)

    files.cut_after = [300_000, 0xFFFFFF]  # the second is the proof that is read back
    run(with_tries(attempt, HERE, 3, 0.01))
    assert files.files["/log"] == IMAGE
    assert sum(each.startswith("STOR") for each in files.asked) == (2 if other else 1)
    assert sum(each.startswith("APPE") for each in files.asked) == (0 if other else 1)


def test_a_server_that_sends_more_than_the_end_of_a_file_is_not_listened_to(
    files: Any, serve: Any, tmp_path: Path
) -> None:
    """One that takes REST and begins at the beginning all the same, or never ends."""
    (tmp_path / "log").write_bytes(IMAGE)
    files.files["/log"] = IMAGE[:300_000]
    files.forgets_rest = True
    with pytest.raises(TransferError, match="more than it was asked for"):
        run(send(f"ftp://127.0.0.1:{serve('ftp')}/log", tmp_path / "log", "log", Job(HERE, again=True)))
    assert files.files["/log"] == IMAGE[:300_000]


def test_tries_are_counted_and_some_failures_are_final(files: Any, serve: Any, tmp_path: Path) -> None:
    port = serve("http")

    async def missing(one: Job) -> None:
        await fetch(f"http://127.0.0.1:{port}/missing", tmp_path / "image", one)

    async def refused(one: Job) -> None:
        await fetch("file:///etc/passwd", tmp_path / "image", one)

    with pytest.raises(TransferError, match="404"):
        run(with_tries(missing, HERE, 3, 0.01))
    assert files.asked == ["GET /missing"] * 3
    with pytest.raises(TransferError, match="supported"):
        run(with_tries(refused, HERE, 3, 60.0))


def test_a_file_too_large_is_given_up(files: Any, serve: Any, tmp_path: Path) -> None:
    files.files["/image"] = IMAGE
    with pytest.raises(TransferError, match="larger than"):
        run(fetch(f"http://127.0.0.1:{serve()}/image", tmp_path / "image", job(), 100_000))


def test_a_redirect_is_followed_but_not_to_places_we_do_not_go(files: Any, serve: Any, tmp_path: Path) -> None:
    port = serve()
    files.files["/image"] = b"new place"
    files.redirect = {"/a": "/image", "/evil": "http://169.254.169.254/secret", "/round": "/round"}
    run(fetch(f"http://127.0.0.1:{port}/a", tmp_path / "image", job()))
    assert (tmp_path / "image").read_bytes() == b"new place"
    for path, kind in (("evil", "denied"), ("round", "failed")):
        with pytest.raises(TransferError) as failed:
            run(fetch(f"http://127.0.0.1:{port}/{path}", tmp_path / "other", job()))
        assert failed.value.kind == kind


@pytest.mark.ocpp("2.x:N01.FR.19")
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_file_is_sent_by_put_or_by_post(files: Any, serve: Any, tmp_path: Path, method: str) -> None:
    (tmp_path / "log").write_bytes(IMAGE)
    if method == "POST":
        files.status["PUT"] = 405
    run(send(f"http://user:secret@127.0.0.1:{serve()}/logs/", tmp_path / "log", "log.tar.gz", job()))
    assert files.files == {"/logs/log.tar.gz" if method == "PUT" else "/logs/": IMAGE}
    assert files.headers["Content-Type"] == "application/octet-stream"
    assert 'filename="log.tar.gz"' in files.headers["Content-Disposition"]
    assert files.headers["Authorization"].startswith("Basic ")


def test_a_file_is_sent_by_ftp(files: Any, serve: Any, tmp_path: Path) -> None:
    files.login = ("user", "secret")
    (tmp_path / "log").write_bytes(IMAGE)
    port = serve("ftp")
    run(send(f"ftp://user:secret@127.0.0.1:{port}/logs/", tmp_path / "log", "log.txt", job()))
    assert files.files == {"/logs/log.txt": IMAGE}
    with pytest.raises(TransferError) as refused:
        run(send(f"ftp://user:wrong@127.0.0.1:{port}/logs/", tmp_path / "log", "log.txt", job()))
    assert refused.value.kind == "denied"


@pytest.mark.parametrize(("status", "kind"), [(401, "denied"), (403, "denied"), (400, "bad_address"), (500, "failed")])
def test_a_refused_upload_says_why(files: Any, serve: Any, tmp_path: Path, status: int, kind: str) -> None:
    (tmp_path / "log").write_bytes(b"x")
    files.status["PUT"] = status
    with pytest.raises(TransferError) as refused:
        run(send(f"http://127.0.0.1:{serve()}/log", tmp_path / "log", "log", job()))
    assert refused.value.kind == kind


@pytest.mark.parametrize("kind", ["http", "ftp"])
def test_tls_is_verified(files: Any, serve: Any, tmp_path: Path, server_pem: Path, kind: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_pem)
    files.files["/image"] = IMAGE
    url = f"{kind}s://127.0.0.1:{serve(kind, context)}/image"
    with pytest.raises(TransferError):
        run(fetch(url, tmp_path / "image", job()))
    run(fetch(url, tmp_path / "image", job(Trust(server_pem.read_text(), OURSELVES))))
    assert (tmp_path / "image").read_bytes() == IMAGE


def test_a_transfer_is_cancelled_at_once_and_the_loop_turns(files: Any, serve: Any, tmp_path: Path) -> None:
    files.stalled.set()
    (tmp_path / "log").write_bytes(b"x" * 10)
    url = f"http://127.0.0.1:{serve()}/log"

    async def work() -> None:
        task = asyncio.create_task(send(url, tmp_path / "log", "log", job()))
        async with asyncio.timeout(20):
            while not files.asked:  # noqa: ASYNC110 - the server has no event for us
                await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 15.0  # the server would hold on for 20

    run(work())
