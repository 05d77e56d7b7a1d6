"""A car's SLAC on a real interface: the story of `hil.plc.car` over a raw socket (needs root)."""

import asyncio

from hil.plc.car import Manners, Outcome, SlacCar, Unmatched
from hil.plc.medium import LOCAL
from hil.plc.packets import HOMEPLUG, close_packets, open_packets


async def match(interface: str, manners: Manners | None = None) -> Outcome:
    """From the first CM_SLAC_PARM.REQ to a link that is up. Raises Unmatched, OSError."""
    loop = asyncio.get_running_loop()
    waiting = asyncio.Event()
    arrived: list[bytes] = []

    def received(frame: bytes) -> None:
        arrived.append(frame)
        waiting.set()

    packets = open_packets(interface, HOMEPLUG, received)
    try:
        car = SlacCar(packets.getsockname()[4], LOCAL["simulated"], manners or Manners(), loop.time())
        while car.deadline is not None:
            for frame in car.take():
                packets.send(frame)
            waiting.clear()
            if not arrived:
                try:
                    async with asyncio.timeout_at(car.deadline):
                        await waiting.wait()
                except TimeoutError:
                    car.poke(loop.time())
            while arrived:
                car.receive(arrived.pop(0), loop.time())
        if car.outcome is None:
            raise Unmatched("; ".join(car.log) or car.failure)
        return car.outcome
    finally:
        close_packets(packets)


__all__ = ["Outcome", "Unmatched", "match"]
