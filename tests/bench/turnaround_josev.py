"""Josev's SECC (PyPI iso15118) for `secc_turnaround.py`, in its own process on ::1: `turnaround_josev.py ac|dc`.

Its simulated EVSE, its own codec (EXIficient on Java) and its quietest log level; only the address it listens on is
ours, since the loopback interface has no link-local one. Ends when standard input closes.
"""

import asyncio
import logging
import os
import sys
from typing import Any

from iso15118.secc import SECCHandler
from iso15118.secc.controller.interface import ServiceStatus
from iso15118.secc.controller.simulator import SimEVSEController
from iso15118.secc.secc_settings import Config
from iso15118.secc.transport import tcp_server
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
from iso15118.shared.messages.enums import EnergyTransferModeEnum

MODES = {"ac": [EnergyTransferModeEnum.AC_THREE_PHASE_CORE], "dc": [EnergyTransferModeEnum.DC_EXTENDED]}


class Evse(SimEVSEController):  # type: ignore[misc] # the package has no types
    """Offers what this run is about."""

    def __init__(self, energy: str) -> None:
        super().__init__()
        self.energy = energy

    async def get_supported_energy_transfer_modes(self, protocol: Any) -> Any:
        return MODES[self.energy]


async def loopback(port: int, _: str) -> tuple[str, int, int, int]:
    return "::1", port, 0, 0


async def serve(energy: str) -> None:
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ["NETWORK_INTERFACE"] = "lo"
    logging.disable(logging.WARNING)
    tcp_server.get_link_local_full_addr = loopback
    config = Config()
    config.load_envs()
    evse = Evse(energy)
    await evse.set_status(ServiceStatus.STARTING)
    handler = SECCHandler(exi_codec=ExificientEXICodec(), evse_controller=evse, config=config)
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, closed.set)
    running = asyncio.ensure_future(handler.start(config.iface))
    await asyncio.sleep(3)  # it does not tell when it listens
    print("ready", flush=True)
    await asyncio.wait([running, asyncio.ensure_future(closed.wait())], return_when=asyncio.FIRST_COMPLETED)
    os._exit(0)  # its Java and tasks do not end by themselves


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
