"""`python -m firmware.transfer.sftp_process`: one file by SFTP. The order is a line on stdin, the outcome one on
stdout; when stdin ends, so does this. Who starts it, and why it is a process: `sftp`.
"""
# ruff: noqa: ASYNC230, ASYNC240 - files are read and written in the loop, which has nothing else to do

import asyncio
import os
import sys
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeVar

import asyncssh
import msgspec

from firmware.transfer.address import Failure
from firmware.transfer.host_keys import HostKeys
from firmware.transfer.sftp import Order, Outcome

T = TypeVar("T")

BLOCK: Final = 262_144  # asked for in parallel pieces
PROOF: Final = 32_768  # bytes at both ends of what the server has, compared before we go on behind them
#: what the server says -> whose fault it is
KINDS: Final[dict[int, Failure]] = {
    asyncssh.FX_PERMISSION_DENIED: "denied",
    asyncssh.FX_WRITE_PROTECT: "denied",
    asyncssh.FX_OP_UNSUPPORTED: "unsupported",
    asyncssh.FX_INVALID_FILENAME: "bad_address",
}


async def carry_out(order: Order) -> Outcome:
    """Never raises for what a server does or says."""
    keys = HostKeys(order)
    try:
        async with AsyncExitStack() as stack:
            connection, _ = await asyncssh.create_connection(
                lambda: keys,
                order.ip,
                order.port,
                host_key_alias=order.host,
                known_hosts=keys.known,
                server_host_key_algs=keys.kinds,
                username=order.user or "anonymous",
                password=order.password or None,
                client_keys=[order.key] if order.key else None,
                agent_path=None,
                config=None,
                connect_timeout=order.stall_s,
                login_timeout=order.stall_s,
                keepalive_interval=order.stall_s / 2,
            )
            stack.push_async_callback(connection.wait_closed)
            stack.callback(connection.abort)
            transfer = _Transfer(await connection.start_sftp_client(), order)
            await (transfer.fetch() if order.fetch else transfer.send())
    except asyncssh.PermissionDenied as error:
        return Outcome(kind="denied", text=str(error), again=True)
    except asyncssh.HostKeyNotVerifiable as error:
        return Outcome(kind="denied", text=f"{keys.why or error}", changed_key=keys.changed)
    except asyncssh.SFTPError as error:
        return Outcome(kind=KINDS.get(error.code, "failed"), text=str(error), again=True)
    except TooLarge as error:
        return Outcome(kind="failed", text=str(error))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        return Outcome(kind="denied", text=f"{order.key}: {error}")
    except (asyncssh.Error, OSError, TimeoutError, ValueError) as error:
        return Outcome(kind="failed", text=f"{type(error).__name__}: {error}", again=True)
    return Outcome()


class TooLarge(Exception):
    """More than was ordered."""


class _Transfer:
    def __init__(self, sftp: asyncssh.SFTPClient, order: Order) -> None:
        self._sftp = sftp
        self._order = order
        path = order.path
        self._path = path + order.name if path.endswith("/") or not path else path

    async def fetch(self) -> None:
        into = Path(self._order.file)
        have = into.stat().st_size if into.exists() else 0
        size = (await self._soon(self._sftp.stat(self._path))).size or 0
        if size > self._order.limit:
            raise TooLarge(f"the file is larger than {self._order.limit} bytes")
        if have > size:  # it changed: begin anew
            into.unlink()
            have = 0
        async with self._sftp.open(self._path, "rb") as far:
            with into.open("ab") as near:
                while block := await self._read(far, BLOCK, have):
                    have += len(block)
                    if have > self._order.limit:
                        raise TooLarge(f"the file is larger than {self._order.limit} bytes")
                    near.write(block)
                near.flush()
                os.fsync(near.fileno())
        if have < size:
            raise ConnectionError(f"the file ended after {have} of {size} bytes")

    async def send(self) -> None:
        data = Path(self._order.file)
        with data.open("rb") as near:
            have = await self._has_already(near.fileno()) if self._order.go_on else 0
            async with self._sftp.open(self._path, "r+b" if have else "wb") as far:
                near.seek(have)
                while block := near.read(BLOCK):
                    await self._soon(far.write(block, have))
                    have += len(block)
        size = (await self._soon(self._sftp.stat(self._path))).size
        if size is not None and size != have:
            raise ConnectionError(f"the server has {size} of {have} bytes")

    async def _has_already(self, near: int) -> int:
        """How much of our file the server has from an earlier try; 0 where it cannot tell, or has something else. The
        last block does not count: its pieces were under way together, so it may have holes."""
        try:
            size = (await self._soon(self._sftp.stat(self._path))).size or 0
            if size > os.fstat(near).st_size:
                return 0
            size = max(0, size - BLOCK)
            async with self._sftp.open(self._path, "rb") as far:
                for place in (0, max(0, size - PROOF)):
                    wanted = os.pread(near, min(PROOF, size - place), place)
                    if await self._read(far, len(wanted), place) != wanted:
                        return 0
        except asyncssh.SFTPError:
            return 0
        return size

    async def _read(self, far: asyncssh.SFTPClientFile, size: int, place: int) -> bytes:
        block = await self._soon(far.read(size, place))
        return block if isinstance(block, bytes) else block.encode()

    async def _soon(self, answer: Awaitable[T]) -> T:
        """Raises TimeoutError where the server stalls."""
        async with asyncio.timeout(self._order.stall_s):
            return await answer


async def _while_wanted(order: Order) -> Outcome | None:
    """None: whoever wanted it has gone."""
    loop = asyncio.get_running_loop()
    gone = loop.create_future()

    def look() -> None:
        if not os.read(0, 4096) and not gone.done():
            gone.set_result(None)

    os.set_blocking(0, False)
    loop.add_reader(0, look)
    work = asyncio.create_task(carry_out(order))
    await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
    loop.remove_reader(0)
    if work.done():
        return work.result()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    return None


def main() -> int:
    """Exit code 0 when the outcome was told, whatever it is."""
    try:
        order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    except msgspec.MsgspecError:
        return 1
    outcome = asyncio.run(_while_wanted(order))
    if outcome is not None:
        os.set_blocking(1, True)
        sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
