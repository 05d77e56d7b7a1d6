"""Bench: how long a car waits for each answer of the station, over real TCP and UDP on ::1, in two processes.

Cold: the first session of a freshly started station (one sample per message and start). Warm: sessions and loops after
it. The clock runs at the car, so its own system calls and the wake-up are inside. Run it on an idle machine:
`python tests/bench/secc_turnaround.py [--starts 15] [--sessions 20] [--loops 50]`. Targets: p99 < 2 ms, SDP < 2 ms.
"""

import argparse
import asyncio
import gc
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any, Final

from firmware.config import EvseSettings, Settings, V2gSettings
from firmware.station.charging import Digital
from firmware.station.clock import SystemClock
from firmware.station.facts import AnyFact, Command, IdToken, Outcome
from firmware.station.limits import Limit
from firmware.station.signal import Signal
from firmware.v2g import exi, v2gtp
from firmware.v2g.car_link import CarLink
from firmware.v2g.messages import app_protocol, iso2
from hal.wire import ConnectorCapability

TARGET_MS: Final = 2.0
SDP_REQUEST: Final = v2gtp.pack(v2gtp.PayloadType.SDP_REQUEST, b"\x10\x00")
Samples = dict[str, list[float]]


# --- the station, in its own process ----------------------------------------------------------------------------------


class Desk:
    """The station's side of the seam: the last facts are kept, as the recorder would."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.settings = Settings()
        self.smart_charging = None
        self.facts: list[AnyFact] = []

    def emit(self, fact: AnyFact) -> None:
        self.facts.append(fact)
        if len(self.facts) > 1000:
            self.facts.clear()

    async def do(self, command: Command) -> Outcome:
        return Outcome("Accepted")


class Outlet:
    """A 16 A outlet with an authorised car in C, whose contactor obeys at once; plugged in anew by standard input."""

    id = 1
    settings = EvseSettings(id=1)
    capability = ConnectorCapability(connector=1, kind="cType2", max_current_a=32.0)
    seen = None
    level = "C"
    plugged = True
    operative = True
    id_token = IdToken("BENCH")
    limit = Limit(16.0, "hardware")
    power_limit = None
    stop_wanted = None
    transaction_id = None
    paused = ""
    nominal = False

    def __init__(self) -> None:
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
            self.changed.notify()


async def serve(port: int) -> None:
    desk: Any = Desk()
    evse: Any = Outlet()
    link = CarLink(desk, evse, V2gSettings(evse=1, interface="lo", sdp_port=port))
    task = asyncio.create_task(link.run())
    await asyncio.sleep(0.1)  # its first look at the interface
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, closed.set)
    gc.collect()
    gc.freeze()  # as firmware/main.py does
    print("ready", flush=True)
    await closed.wait()
    task.cancel()


# --- the car ----------------------------------------------------------------------------------------------------------


def requests() -> list[tuple[str, Any]]:
    """One good session up to the charging loop."""
    hello = app_protocol.AppProtocol(
        protocol_namespace="urn:iso:15118:2:2013:MsgDef",
        version_number_major=2,
        version_number_minor=0,
        schema_id=1,
        priority=1,
    )
    car = iso2.AcEvChargeParameter(
        e_amount=iso2.PhysicalValue.of(20_000, "Wh"),
        ev_max_voltage=iso2.PhysicalValue.of(400, "V"),
        ev_max_current=iso2.PhysicalValue.of(16, "A"),
        ev_min_current=iso2.PhysicalValue.of(6, "A"),
    )
    profile = (
        iso2.ProfileEntry(
            charging_profile_entry_start=0, charging_profile_entry_max_power=iso2.PhysicalValue.of(11_000, "W")
        ),
    )
    return [
        ("supportedAppProtocol", app_protocol.SupportedAppProtocolReq(app_protocol=(hello,))),
        ("SessionSetup", iso2.SessionSetupReq(evcc_id=bytes(6))),
        ("ServiceDiscovery", iso2.ServiceDiscoveryReq()),
        (
            "PaymentServiceSelection",
            iso2.PaymentServiceSelectionReq(
                selected_payment_option=iso2.PaymentOption.ExternalPayment,
                selected_service_list=(iso2.SelectedService(service_id=1),),
            ),
        ),
        ("Authorization", iso2.AuthorizationReq()),
        (
            "ChargeParameterDiscovery",
            iso2.ChargeParameterDiscoveryReq(
                requested_energy_transfer_mode=iso2.EnergyTransferMode.AC_three_phase_core, ev_charge_parameter=car
            ),
        ),
        (
            "PowerDelivery Start",
            iso2.PowerDeliveryReq(
                charge_progress=iso2.ChargeProgress.Start, sa_schedule_tuple_id=1, charging_profile=profile
            ),
        ),
    ]


class Car:
    """One session at a time over blocking sockets; every exchange is timed."""

    def __init__(self, sdp_port: int) -> None:
        self.sdp_port = sdp_port

    def session(self, samples: Samples, loops: int) -> None:
        port = self._discover(samples)
        with socket.create_connection(("::1", port), timeout=5) as tcp:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session_id = bytes(8)
            for name, request in requests():
                session_id = self._ask(tcp, name, request, session_id, samples)
            for _ in range(loops):
                self._ask(tcp, "ChargingStatus", iso2.ChargingStatusReq(), session_id, samples)
            stop = iso2.PowerDeliveryReq(charge_progress=iso2.ChargeProgress.Stop, sa_schedule_tuple_id=1)
            self._ask(tcp, "PowerDelivery Stop", stop, session_id, samples)
            end = iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate)
            self._ask(tcp, "SessionStop", end, session_id, samples)

    def _discover(self, samples: Samples) -> int:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.25)
            for _ in range(50):
                begin = time.perf_counter()
                udp.sendto(SDP_REQUEST, ("::1", self.sdp_port))
                try:
                    answer = udp.recv(100)
                except TimeoutError:
                    continue
                samples["SDP"].append(time.perf_counter() - begin)
                return int.from_bytes(answer[24:26], "big")
        raise SystemExit("no answer to SDP")

    def _ask(self, tcp: socket.socket, name: str, request: Any, session_id: bytes, samples: Samples) -> bytes:
        message = request
        if isinstance(request, iso2.BodyElement):
            message = iso2.V2gMessage(header=iso2.MessageHeader(session_id=session_id), body=request)
        data = v2gtp.pack(v2gtp.PayloadType.EXI, exi.encode(message))
        begin = time.perf_counter()
        tcp.sendall(data)
        answer = tcp.recv(65_536)
        samples[name].append(time.perf_counter() - begin)
        if name == "supportedAppProtocol":
            return session_id
        decoded: Any = exi.decode(answer[8:], "iso2")
        if not str(decoded.body.response_code).startswith("OK"):
            raise SystemExit(f"{name}: {decoded.body.response_code}")
        return bytes(decoded.header.session_id)


# --- the comparison ---------------------------------------------------------------------------------------------------


def start_station(port: int) -> "subprocess.Popen[str]":
    station = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    if station.stdout is None or station.stdout.readline() != "ready\n":
        raise SystemExit("the station did not start")
    return station


def stop_station(station: "subprocess.Popen[str]") -> None:
    if station.stdin is not None:
        station.stdin.close()
    station.wait(timeout=10)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(title: str, samples: Samples) -> bool:
    """A table in ms; True when every p99 is within the target."""
    print(f"\n{title:28} {'n':>6} {'median':>8} {'p99':>8} {'max':>8}  ms")
    every = {**samples, "all messages": [value for name in samples if name != "SDP" for value in samples[name]]}
    for name, values in every.items():
        ms = [1000 * each for each in values]
        p99 = percentile(ms, 0.99)
        mark = "" if p99 < TARGET_MS else "  over target"
        print(f"{name:28} {len(ms):6} {percentile(ms, 0.5):8.3f} {p99:8.3f} {max(ms):8.3f}{mark}")
    return all(percentile(values, 0.99) * 1000 < TARGET_MS for values in every.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=15_218, help="UDP port for SDP")
    parser.add_argument("--starts", type=int, default=15, help="fresh station processes for the cold numbers")
    parser.add_argument("--sessions", type=int, default=20, help="warm sessions (SDP answers at most 50 a minute)")
    parser.add_argument("--loops", type=int, default=50, help="ChargingStatus per warm session")
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve))
        return 0
    cold: Samples = defaultdict(list)
    warm: Samples = defaultdict(list)
    for _ in range(options.starts):
        station = start_station(options.port)
        Car(options.port).session(cold, loops=1)
        stop_station(station)
    station = start_station(options.port)
    car = Car(options.port)
    car.session(defaultdict(list), loops=5)
    for _ in range(options.sessions):
        car.session(warm, loops=options.loops)
    stop_station(station)
    within = show("cold (first of a process)", cold) & show("warm", warm)
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores (judge only an idle machine)")
    print(f"within the target of {TARGET_MS:.0f} ms: {'yes' if within else 'no'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
