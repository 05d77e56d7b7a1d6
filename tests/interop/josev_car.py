"""Josev's EVCC (PyPI iso15118) as a car in this rig: its simulated EV gets a control pilot through rig control.

    python josev_car.py INTERFACE RIG_SOCKET EVCC_CONFIG_JSON

Run by tests/interop/test_josev.py inside the car's network namespace. The EVCC itself is untouched; only what a real
car's electronics would do is added: S2 and current follow what the EVCC enables. Josev's EVCC opens S2 only after
PowerDeliveryRes(Stop); its current is zero by then.
"""

import asyncio
import logging
import sys
from pathlib import Path

from iso15118.evcc import EVCCHandler
from iso15118.evcc.controller.simulator import SimEVController
from iso15118.evcc.evcc_config import load_from_file
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
from iso15118.shared.settings import load_shared_settings

from hil.rig import Rig, SocketLink


class RigEv(SimEVController):  # type: ignore[misc] # the package has no types
    """Josev's simulated EV whose S2 is the plant's."""

    rig: Rig

    async def continue_charging(self) -> bool:
        """A real charger ramps down before its EVCC sends PowerDeliveryReq(Stop)."""
        going_on: bool = await super().continue_charging()
        if not going_on:
            await asyncio.to_thread(self.rig.do, "car", wants_power=False)
            await asyncio.sleep(1.0)
        return going_on

    async def enable_charging(self, enabled: bool) -> None:
        await super().enable_charging(enabled)
        await asyncio.to_thread(self.rig.do, "set_state", state="C" if enabled else "B")


async def main(interface: str, control: Path, config_file: str) -> None:
    load_shared_settings()
    config = await load_from_file(config_file)
    ev = RigEv(config)
    ev.rig = Rig(SocketLink(control))
    await EVCCHandler(evcc_config=config, iface=interface, exi_codec=ExificientEXICodec(), ev_controller=ev).start()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
