"""A whole station beside a back office that misbehaves: what its memory grows by, how often it dials, and what a driver
can still do.

    python tests/campaigns/bad_back_office.py [--version 2.0.1] [--case garbage ...] [--seconds 20] [--together]

For each way of `hostile_office`: a station (real processes) charges once beside a good office; then the office turns
bad, and a card of the local list starts and stops a session meanwhile; then it is good again, and must hear of both
sessions. `--together`: one station for all ways, one after the other. Exit code 1 when the uplink's process grew by
more than 5 MB, when the card did not work, when the station dialled more often than its back-off allows, or when
something was not told in the end.
"""

import argparse
import asyncio
import contextlib
import importlib
import itertools
import json
import logging
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
hostile = importlib.import_module("hostile_office")  # beside us

from firmware.panel.status import ask  # noqa: E402
from hil.plant.command import RigError  # noqa: E402
from hil.rig import CARD  # noqa: E402
from hil.stack import Stack, station_toml  # noqa: E402

MAX_MB: Final = 5.0
WAIT_MIN_S: Final = 1
REPEATS: Final = 2
TIMEOUT_S: Final = 2
VALUES: Final = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": str(WAIT_MIN_S),
    "OCPPCommCtrlr.RetryBackOffRandomRange": "1",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": str(REPEATS),
    "OCPPCommCtrlr.MessageTimeout[Default]": str(TIMEOUT_S),
    "OCPPCommCtrlr.WebSocketPingInterval": "2",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "1",
    "SampledDataCtrlr.TxUpdatedInterval": "1",
}
START_WITHIN_S: Final = 20.0
WELL_WITHIN_S: Final = 60.0


@dataclass
class Seen:
    """What one case showed."""

    name: str
    grown_mb: float = 0.0
    dials: int = 0
    shortest_s: float | None = None  # between two dials
    start_s: float | None = None  # from card to current
    stop_s: float | None = None  # from card to open contacts
    well_s: float | None = None  # until all was told, once the office was good again
    broken: tuple[str, ...] = ()

    def row(self) -> str:
        def seconds(value: float | None) -> str:
            return "never" if value is None else f"{value:.1f} s"

        pause = "-" if self.shortest_s is None else f"{self.shortest_s:.1f} s"
        return (
            f"| {self.name:<22} | {self.grown_mb:+5.1f} MB | {self.dials:>5} | {pause:>6} | {seconds(self.start_s):>6} "
            f"| {seconds(self.stop_s):>6} | {seconds(self.well_s):>6} | {'; '.join(self.broken) or 'holds'} |"
        )


HEAD: Final = (
    "| case                   | memory    | dials | pause  | starts | stops  | well in | rules |\n"
    "| ---                    | ---       | ---   | ---    | ---    | ---    | ---     | ---   |"
)


class Bench:
    """One station and one office, for some cases."""

    def __init__(self, folder: Path, version: str, names: list[str], seconds: float) -> None:
        self._folder = folder
        self._version = version
        self._names = names
        self._tls = any(hostile.WAYS[name].tls for name in names)
        self._seconds = seconds
        self._worker = ThreadPoolExecutor(1)  # one thread for life: its end would be the end of its children
        self._sessions = 0

    async def run(self) -> bool:
        """Prints what each case showed; False when a rule is broken."""
        contexts = tuple(_context(self._folder / f"{name}.pem") for name in ("good", "swapped"))
        self._office = hostile.Office(self._version, contexts)
        await self._office.become(hostile.GOOD, tls=self._tls)
        self._stack = Stack(self._folder / "s", self._station_file(), policy="min_close_interval_s = 1")
        try:
            await self._do(self._stack.__enter__)
            await self._until(lambda: self._office.booted and self._state()["back_office"]["connected"], "registered")
            await self._charge()
            await self._until(self._all_told, "told of the first session")
            holds = True
            for name in self._names:
                seen = await self._case(name)
                print(seen.row(), flush=True)
                holds &= not seen.broken
            return holds
        finally:
            await self._do(self._stack.close)
            await self._office.close()
            self._worker.shutdown()

    def _station_file(self) -> str:
        storage = self._folder / "s" / "storage"
        storage.mkdir(parents=True)
        (storage / "start-values.json").write_text(json.dumps(VALUES))
        scheme = "wss" if self._tls else "ws"
        ocpp = f'url = "{scheme}://127.0.0.1:{self._office.port}"\nidentity = "CS-1"\nversions = ["{self._version}"]\n'
        ocpp += f'ca_file = "{self._folder}/good.pem"\npassword = "pilotline-secret"\n' if self._tls else ""
        authorization = f'mode = "csms"\nlocal_list = ["{CARD}"]'
        return station_toml(self._folder / "s", authorization=authorization, ocpp=ocpp)

    async def _case(self, name: str) -> Seen:
        seen, way = Seen(name), hostile.WAYS[name]
        await asyncio.sleep(1.0)
        began = len(self._office.dials)
        watching = asyncio.create_task(self._watch(seen, _private_mb(self._pid)))
        await self._office.become(way)
        turned = time.monotonic()
        await asyncio.sleep(min(2.0, self._seconds / 4))  # until it has bitten
        with contextlib.suppress(RigError):
            seen.start_s, seen.stop_s = await self._charge()
        await asyncio.sleep(max(0.0, self._seconds - (time.monotonic() - turned)))
        dials = self._office.dials[began:]  # the first of them may come soon after the good office's end
        seen.dials = len(dials)
        seen.shortest_s = min((b - a for a, b in itertools.pairwise(dials)), default=None)
        await self._office.become(hostile.GOOD)
        if way.keeps:  # what is under way in that connection would go on
            for socket in tuple(self._office.open):
                socket.transport.abort()
        good_again = time.monotonic()
        with contextlib.suppress(RigError):
            await self._until(self._all_told, "told of all sessions")
            seen.well_s = time.monotonic() - good_again
        watching.cancel()
        seen.broken = tuple(_broken(seen))
        return seen

    def _all_told(self) -> bool:
        return len(set(self._office.ended)) >= self._sessions

    async def _charge(self) -> tuple[float, float]:
        """A car comes, the card starts and stops a session, the car leaves; how long the card took. Raises RigError."""
        rig = self._stack.rig

        def session() -> tuple[float, float]:
            try:
                rig.do("car", policy="basic", wants_power=True)
                rig.do("plug")
                rig.wait(lambda _: self._sees_plug(), START_WITHIN_S, "seen by the station")
                began = time.monotonic()
                rig.do("swipe", token=CARD)
                rig.wait("charging", within=START_WITHIN_S)
                self._sessions += 1
                charging = time.monotonic()
                rig.link.pass_time(2.0)
                stopping = time.monotonic()
                rig.do("swipe", token=CARD)
                rig.wait("open", within=START_WITHIN_S)
                return charging - began, time.monotonic() - stopping
            finally:
                rig.do("unplug", force=True)

        took: tuple[float, float] = await self._do(session)
        return took

    def _state(self) -> dict[str, Any]:
        return ask(self._stack.control)

    def _sees_plug(self) -> bool:
        return bool(self._state()["evses"][0]["plugged"])

    async def _watch(self, seen: Seen, before: float) -> None:
        while True:
            seen.grown_mb = max(seen.grown_mb, _private_mb(self._pid) - before)
            await asyncio.sleep(0.25)

    @property
    def _pid(self) -> int:
        return int(self._stack.processes["station"].pid)

    async def _until(self, holds: Callable[[], object], what: str) -> None:
        until = time.monotonic() + WELL_WITHIN_S
        while not holds():
            if time.monotonic() > until:
                raise RigError(f"not {what} within {WELL_WITHIN_S:g} s:\n{self._stack.tail('station')}")
            self._stack.check_alive()
            await asyncio.sleep(0.05)

    async def _do(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


def _broken(seen: Seen) -> list[str]:
    found = [f"memory grew by more than {MAX_MB:g} MB"] if seen.grown_mb > MAX_MB else []
    found += ["the card did not work"] if seen.stop_s is None else []
    found += ["dialled too soon"] if seen.shortest_s is not None and seen.shortest_s < WAIT_MIN_S * 0.95 else []
    found += ["not all was told"] if seen.well_s is None else []
    return found


def _private_mb(pid: int) -> float:
    """What this process alone keeps in memory (USS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _context(path: Path) -> ssl.SSLContext:
    """TLS with a new certificate for 127.0.0.1 that vouches for itself; written to `path` with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, path.stem)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=("1.6", "2.0.1", "2.1"), default="2.0.1")
    parser.add_argument("--case", choices=tuple(hostile.WAYS), action="append", help="default: all")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the office is bad")
    parser.add_argument("--together", action="store_true", help="one station for all cases, one after the other")
    options = parser.parse_args(argv)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # which warns of every write to a connection that is gone
    print(f"OCPP {options.version}, each for {options.seconds:g} s at least\n{HEAD}", flush=True)
    names = options.case or list(hostile.WAYS)
    holds = True
    for some in [names] if options.together else [[name] for name in names]:
        with tempfile.TemporaryDirectory(prefix="pilotline-bad-") as folder:
            holds &= asyncio.run(Bench(Path(folder), options.version, some, options.seconds).run())
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
