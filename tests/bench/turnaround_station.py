"""The station of `secc_turnaround.py`, in its own process: `python turnaround_station.py PORT ac|dc COUNT`.

COUNT EVSEs with a car link each, at UDP ports PORT, PORT + 1, ...; behind them outlets whose hardware obeys at once. A
DC outlet reports 20 times a second, as the guard does while power flows. Ends when standard input closes.
"""

import asyncio
import gc
import sys
import time
from typing import Any, Final

from firmware.config import EvseSettings, Settings, V2gSettings
from firmware.station.charging import DC_IDLE, Digital
from firmware.station.clock import SystemClock
from firmware.station.commands import Command, Outcome
from firmware.station.facts import AnyFact, IdToken
from firmware.station.limits import Limit
from firmware.station.signal import Signal
from firmware.v2g.car_link import CarLink
from hal.contracts import PilotMode, Plug
from hal.wire import ConnectorCapability, DcSample, Observation

REPORT_S: Final = 0.05
SUPPLY: Final = (1000.0, 500.0, 150_000.0)  # V, A, W


class Desk:
    """The station's side of the seam: the last facts are kept, as the recorder would."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.settings = Settings()
        self.smart_charging = None
        self.contract_office = None
        self.facts: list[AnyFact] = []

    def emit(self, fact: AnyFact) -> None:
        self.facts.append(fact)
        if len(self.facts) > 1000:
            self.facts.clear()

    async def do(self, command: Command) -> Outcome:
        return Outcome("Accepted")


class Outlet:
    """A 16 A outlet with an authorised car in C, whose contactor obeys at once."""

    capability = hardware = ConnectorCapability(connector=1, kind="cType2", max_current_a=32.0)
    limit = Limit(16.0, "hardware")
    seen: Observation | None = None
    level = "C"
    plugged = True
    operative = True
    id_token = IdToken("BENCH")
    stop_wanted = None
    transaction_id = None
    power_limit: float | None = None
    paused = ""
    nominal = False

    def __init__(self, number: int) -> None:
        self.id = number
        self.settings = EvseSettings(id=number)
        self.changed = Signal()
        self.digital: Digital | None = None

    @property
    def closed(self) -> bool:
        return self.digital is not None and self.digital.energise

    def pause(self, context: str) -> None:
        self.paused = context

    def set_digital(self, wish: Digital | None) -> None:
        if wish != self.digital:
            self.digital = wish
            self.report()

    def report(self) -> None:
        """What the guard would say now."""
        self.changed.notify()


class DcOutlet(Outlet):
    """150 kW, whose output follows at once."""

    capability = ConnectorCapability(
        connector=1,
        kind="cCCS2",
        max_current_a=500.0,
        dc=True,
        dc_max_voltage_v=SUPPLY[0],
        dc_max_current_a=SUPPLY[1],
        dc_max_power_w=SUPPLY[2],
    )
    limit = Limit(500.0, "hardware")

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._tick = 0
        self.report()

    @property
    def closed(self) -> bool:
        return self.seen is not None and self.seen.closed

    def report(self) -> None:
        wish = self.digital
        asked = wish.dc if wish is not None and wish.energise and wish.dc is not None else DC_IDLE
        closed, powered = (
            asked.phase in {"cable_check", "precharge", "deliver"},
            asked.phase in {"precharge", "deliver"},
        )
        now = time.monotonic()
        self._tick += 1
        sample = DcSample(
            now,
            asked.voltage_v if powered else 0.0,
            asked.current_a if asked.phase == "deliver" else 0.0,
            *SUPPLY,
            cable_check="passed" if closed else "none",
            isolation="valid" if closed else "invalid",
        )
        self.seen = Observation(
            connector=1,
            tick=self._tick,
            epoch=1,
            at=now,
            level="C",
            pilot=PilotMode.DUTY,
            duty_percent=5.0,
            high_mv=6000,
            low_mv=-12000,
            plug=Plug.NONE,
            cable_rating_a=0.0,
            closed=closed,
            energised=closed,
            limit_a=500.0,
            dc=sample,
        )
        self.changed.notify()


async def keep_reporting(outlets: list[Any]) -> None:
    while True:
        await asyncio.sleep(REPORT_S)
        for each in outlets:
            each.report()


async def serve(port: int, energy: str, count: int) -> None:
    desk: Any = Desk()
    outlets: list[Any] = [DcOutlet(n) if energy == "dc" else Outlet(n) for n in range(1, count + 1)]
    settings = [V2gSettings(evse=each.id, interface="lo", sdp_port=port + each.id - 1) for each in outlets]
    links = [CarLink(desk, each, one) for each, one in zip(outlets, settings, strict=True)]
    tasks = [asyncio.ensure_future(link.run()) for link in links]
    if energy == "dc":
        tasks.append(asyncio.ensure_future(keep_reporting(outlets)))
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, closed.set)
    while any(link.waiting_for for link in links):  # noqa: ASYNC110 - their first look at the interface; no event tells
        await asyncio.sleep(0.05)
    gc.collect()
    gc.freeze()  # as firmware/main.py does
    print("ready", flush=True)
    await closed.wait()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
