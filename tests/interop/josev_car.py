"""Josev's EVCC (PyPI iso15118) as a car in this rig: its simulated EV gets the plant's pilot and battery.

    python josev_car.py INTERFACE RIG_SOCKET

Reads one session per line from standard input (JSON, see `Job`), answers each with one line "JOSEV {...}". Run by the
tests here inside the car's network namespace; one process serves several sessions, since its Java codec starts slowly.

The EVCC itself is untouched; only what a real car's electronics would do is added: S2, relay and current follow what
the EVCC enables. Its message timers are stretched: codec and JVM are slower than a car's.
"""

import asyncio
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from iso15118.evcc import EVCCHandler, evcc_settings
from iso15118.evcc.controller.simulator import SimEVController
from iso15118.evcc.evcc_config import EVCCConfig
from iso15118.evcc.states import din_spec_states, iso15118_2_states
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
from iso15118.shared.messages.datatypes import DCEVChargeParams, PVEVTargetCurrent, PVEVTargetVoltage
from iso15118.shared.messages.enums import AuthEnum
from iso15118.shared.messages.iso15118_2.datatypes import ChargingSession
from iso15118.shared.settings import SettingKey, load_shared_settings, shared_settings

from hil.plant.command import RigError
from hil.rig import Rig, SocketLink

STRETCHED = 8
NEAR_V = 20.0
ABOVE_BATTERY_V = 30
LEAVES_WITHIN_S = 0.5


@dataclass(frozen=True)
class Job:
    """One session. `pay`: "any" is Josev's own choice (contract when it is offered over TLS); `resume`: a session id
    in hex and the payment goes on as before."""

    protocol: str = "ISO_15118_2"
    energy: str = "AC_three_phase_core"
    tls: bool = False
    tls_1_3: bool = False
    pay: str = "any"
    install: bool = False
    pause: bool = False
    resume: str = ""
    cycles: int = 4
    delay: int = 1
    current_a: int = 120  # DC
    soc_percent: float = 20.0
    within: float = 40.0


class RigEv(SimEVController):  # type: ignore[misc] # the package has no types
    """Josev's simulated EV whose S2, relay and battery are the plant's."""

    def __init__(self, config: EVCCConfig, rig: Rig, job: Job) -> None:
        super().__init__(config)
        self.rig = rig
        self.job = job
        self.dc = job.energy.startswith("DC")
        self.joined = False
        self.gone = False  # Josev opens S2 two seconds after its session: by then the next one may have begun

    async def continue_charging(self) -> bool:
        """A real charger ramps down before its EVCC sends PowerDeliveryReq(Stop)."""
        going_on: bool = await super().continue_charging()
        if not going_on and not self.dc:
            await self.do("car", wants_power=False)
            await asyncio.to_thread(self.rig.wait, lambda seen: max(seen["current_a"]) == 0.0, 5.0)
        return going_on

    async def enable_charging(self, enabled: bool) -> None:
        await super().enable_charging(enabled)
        if self.gone:
            return
        if not enabled and self.joined:
            self.joined = False
            await self.do("car", dc_relay=False)
        await self.do("set_state", state="C" if enabled else "B")

    async def is_precharged(self, present_voltage_evse: Any) -> bool:
        """The relay closes when the cable has the battery's voltage; Josev's own EV counts to five."""
        seen = await asyncio.to_thread(self.rig.status)
        near: bool = abs(float(present_voltage_evse.get_decimal_value()) - seen["battery_v"]) < NEAR_V
        if near:
            self.joined = True
            await self.do("car", dc_relay=True)
        return near

    async def get_dc_charge_params(self) -> DCEVChargeParams:
        """The battery's own voltage in pre-charge, then more than it has: the current limit leads."""
        seen = await asyncio.to_thread(self.rig.status)
        volts = round(seen["battery_v"]) + (ABOVE_BATTERY_V if self.joined else 0)
        amps = self.job.current_a if self.joined else 2
        parameters = self.dc_ev_charge_params
        parameters.dc_target_voltage = PVEVTargetVoltage(multiplier=0, value=volts, unit="V")
        parameters.dc_target_current = PVEVTargetCurrent(multiplier=0, value=amps, unit="A")
        parameters.dc_max_current_limit.multiplier, parameters.dc_max_current_limit.value = 0, self.job.current_a
        return parameters

    async def store_contract_cert_and_priv_key(self, contract_cert: bytes, priv_key: bytes) -> None:
        """Josev has checked the signature and opened the key by now."""
        logging.info("contract stored: %d octets, key of %d", len(contract_cert), len(priv_key))

    async def do(self, command: str, **fields: object) -> None:
        await asyncio.to_thread(self.rig.do, command, **fields)


class Handler(EVCCHandler):  # type: ignore[misc] # the package has no types
    """Remembers its session, which Josev's own forgets when it is over."""

    session: Any = None

    async def start_comm_session(self, host: Any, port: int, is_tls: bool) -> None:
        await super().start_comm_session(host, port, is_tls)
        self.session = self.comm_session[0]


def prepare(job: Job) -> EVCCConfig:
    """What Josev reads from its module globals, and its configuration."""
    shared_settings[SettingKey.ENABLE_TLS_1_3] = job.tls_1_3
    evcc_settings.RESUME_SESSION_ID = job.resume or None
    evcc_settings.RESUME_SELECTED_AUTH_OPTION = AuthEnum.EIM_V2 if job.pay == "eim" else None
    ending = ChargingSession.PAUSE if job.pause else ChargingSession.TERMINATE
    iso15118_2_states.ChargingSession = SimpleNamespace(TERMINATE=ending, PAUSE=ChargingSession.PAUSE)
    config = EVCCConfig(
        supportedProtocols=[job.protocol],
        energyTransferMode=job.energy,
        useTls=job.tls,
        enforceTls=job.tls,
        isCertInstallNeeded=job.install,
        chargeLoopCycle=job.cycles,
        chargeLoopDelay=job.delay,
    )
    config.load_raw_values()
    return config


def stretch_timers() -> None:
    """By replacing the tables of times where the states look them up."""
    for states in (din_spec_states, iso15118_2_states):
        states.Timeouts = SimpleNamespace(
            **{name: each.value * STRETCHED for name, each in states.Timeouts.__members__.items()}
        )


async def drive(interface: str, rig: Rig, job: Job, codec: ExificientEXICodec) -> dict[str, object]:
    """One session, found by SDP, to its end."""
    rig.do("car", wants_power=True, max_current_a=16.0, soc_percent=job.soc_percent, dc_relay=False)
    ev = RigEv(prepare(job), rig, job)
    handler = Handler(evcc_config=ev.config, iface=interface, exi_codec=codec, ev_controller=ev)
    running = asyncio.create_task(handler.start())
    try:
        async with asyncio.timeout(job.within):
            while handler.session is None or handler.session.stop_reason is None:
                if running.done():
                    break
                await asyncio.sleep(0.05)
        if not running.done():  # by itself it would close its connection 5 s later
            await asyncio.wait([running], timeout=LEAVES_WITHIN_S)
    except TimeoutError:
        return {"ok": False, "reason": f"no end within {job.within:.0f} s", "session": ""}
    finally:
        ev.gone = True
        running.cancel()
        await asyncio.wait([running])
        if handler.session is not None:
            handler.session.writer.close()
        rig.do("set_state", state="B")
    stopped = handler.session.stop_reason
    return {
        "ok": bool(stopped.successful),
        "reason": str(stopped.reason),
        "session": handler.session.session_id,
        "paid": str(handler.session.selected_auth_option),
    }


async def main(interface: str, control: Path) -> None:
    load_shared_settings()
    stretch_timers()
    rig, codec = Rig(SocketLink(control)), ExificientEXICodec()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("JOSEV ready", flush=True)
    while line := await reader.readline():
        job = Job(**json.loads(line))
        logging.info("job: %s", asdict(job))
        try:
            result = await drive(interface, rig, job, codec)
        except (RigError, OSError) as error:
            result = {"ok": False, "reason": str(error), "session": ""}
        print(f"JOSEV {json.dumps(result)}", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
