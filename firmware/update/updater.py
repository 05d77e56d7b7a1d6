"""How an image gets into the machine: an A/B updater, as this station calls it.

The updater of a product is an executable (RAUC, SWUpdate or a script around them), named in [update] installer. It is
called with one word and, to check and install, the image's path:

    verify IMAGE    exit 0: it fits this machine
    install IMAGE   exit 0: it runs already; exit 10: it runs after a restart, which the station then brings about
    confirm         after that restart: exit 0: the new image runs; anything else: the machine went back to the old one

Its last line of output is the reason people are told when it fails.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

NEEDS_RESTART: Final = 10
TOOK_TOO_LONG_S: Final = 1800.0


class UpdaterError(Exception):
    """The updater refuses or fails; why, for people."""


class Updater(Protocol):
    async def verify(self, image: Path) -> None:
        """Does it fit? Raises UpdaterError."""
        ...

    async def install(self, image: Path) -> bool:
        """True: it runs after a restart. Raises UpdaterError."""
        ...

    async def confirm(self) -> None:
        """After the restart: the new image runs. Raises UpdaterError where it does not."""
        ...


class CommandUpdater:
    """An executable as the updater."""

    def __init__(self, command: Sequence[str], within_s: float = TOOK_TOO_LONG_S) -> None:
        self._command = tuple(command)
        self._within_s = within_s

    async def verify(self, image: Path) -> None:
        await self._run("verify", str(image))

    async def install(self, image: Path) -> bool:
        return await self._run("install", str(image), fine=(0, NEEDS_RESTART)) == NEEDS_RESTART

    async def confirm(self) -> None:
        await self._run("confirm")

    async def _run(self, *words: str, fine: tuple[int, ...] = (0,)) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise UpdaterError(f"{self._command[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(self._within_s):
                output, _ = await process.communicate()
        except TimeoutError:
            raise UpdaterError(f"{words[0]} took longer than {self._within_s:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        code = process.returncode
        if code not in fine:
            lines = output.decode("utf-8", "replace").strip().splitlines()
            raise UpdaterError(f"{words[0]}: {lines[-1][:200] if lines else f'exit code {code}'}")
        return code or 0
