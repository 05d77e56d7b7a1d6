"""What the station costs while nothing and while something happens: CPU, wake-ups, longest turn of the loop.

    python tests/bench/controller_idle.py [seconds]

One station in this process at a real guard and plant (their own processes), without OCPP and V2G: the floor.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from firmware.config import AuthorizationSettings, Settings, StationSettings
from firmware.station.station import build_station
from hil.stack import Stack

SETTLE_S = 4.0


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(name: str, seconds: float) -> None:
    """CPU over the time, and each turn of the loop (callback) timed."""
    turns: list[float] = []
    run = asyncio.events.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.perf_counter()
        run(handle)
        turns.append(time.perf_counter() - began)

    asyncio.events.Handle._run = timed  # type: ignore[method-assign,assignment]
    used, began = cpu_s(), time.perf_counter()
    await asyncio.sleep(seconds)
    passed = time.perf_counter() - began
    asyncio.events.Handle._run = run  # type: ignore[method-assign]
    turns.sort()
    print(
        f"{name:10} CPU {100 * (cpu_s() - used) / passed:5.2f} % of a core   {len(turns) / passed:5.1f} turns/s   "
        f"median {turns[len(turns) // 2] * 1e3:.2f} ms   longest {turns[-1] * 1e3:.2f} ms"
    )


async def bench(stack: Stack, folder: Path, seconds: float) -> None:
    place = StationSettings(storage=str(folder), guard_socket=str(folder / "guard.sock"))
    station = build_station(Settings(station=place, authorization=AuthorizationSettings(mode="free")))
    running = asyncio.create_task(station.run())
    await asyncio.sleep(SETTLE_S)
    await measure("idle", seconds)
    await asyncio.to_thread(lambda: (stack.rig.do("plug", cable=32), stack.rig.do("car", wants_power=True)))
    await asyncio.sleep(SETTLE_S)
    print(f"{'':10} {station.evses[1].why()}")
    await measure("charging", seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), "")
        try:
            stack.start_plant()
            stack.start_guard()
            asyncio.run(bench(stack, Path(folder), seconds))
        finally:
            stack.close()


if __name__ == "__main__":
    main()
