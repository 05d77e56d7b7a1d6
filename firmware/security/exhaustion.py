"""Is memory getting full: the disk that holds the storage, or the RAM? Told as the security event MemoryExhaustion.

What happens when the disk is full is the journal's affair; here somebody hears of it while there is time.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from firmware.station import security_events
from firmware.station.station import Station

LOOK_S: Final = 60.0
MB: Final = 1_000_000
LEAST_SHARE: Final = 0.05  # of the whole; and
LEAST: Final = {"disk": 200 * MB, "RAM": 32 * MB}  # a big disk may be fuller than a small one
RECOVERED: Final = 2  # times as much must be free before it is told again


class Memory(NamedTuple):
    """`free` and `total` in bytes."""

    name: str
    free: int
    total: int

    def scarce(self, factor: int = 1) -> bool:
        return self.free < factor * min(LEAST_SHARE * self.total, LEAST[self.name])


class MemoryWatch:
    """Make it, then keep `run()` running. `look` may block."""

    def __init__(self, station: Station, look: Callable[[], list[Memory]]) -> None:
        self._station = station
        self._look = look
        self._told: set[str] = set()

    async def run(self) -> None:
        while True:
            self.judge(await asyncio.to_thread(self._look))
            await asyncio.sleep(LOOK_S)

    def judge(self, found: list[Memory]) -> None:
        """Tell once of each that is getting full."""
        for each in found:
            if each.name in self._told and not each.scarce(RECOVERED):
                self._told.discard(each.name)
            elif each.name not in self._told and each.scarce():
                self._told.add(each.name)
                free = f"{each.name}: {each.free // MB} MB of {each.total // MB} MB are free"
                security_events.tell(self._station, "MemoryExhaustion", free)


def look_at(storage: Path, meminfo: Path = Path("/proc/meminfo")) -> list[Memory]:
    """Both memories, as far as the machine tells."""
    found = []
    try:
        disk = os.statvfs(storage)
        found.append(Memory("disk", disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize))
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        free, total = (int(lines[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
        found.append(Memory("RAM", free, total))
    except (OSError, ValueError, KeyError):
        pass  # no such file on this machine: nothing is said of it
    return found
