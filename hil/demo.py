"""`./hil/demo`, `pilotline demo`: a station charges two cars before your eyes. Plant, guard, controller, back office
and the digital car are separate processes; car and station find each other by SDP on ::1, so nothing needs root.

First a basic car (IEC 61851-1, a card at the reader), then one with ISO 15118-2. With --dc: a DC station, a car of
DIN SPEC 70121 and one of ISO 15118-2. A report of each session is left.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

from firmware.station.stopped import worded
from hil import screen
from hil.plant.command import RigError
from hil.rig import CARD, JsonObject
from hil.stack import Stack, StackError, station_toml
from hil.stage import NotReached, Stage

RUNS: Final = Path(__file__).parents[1] / ".run" / "demo"
KEPT_RUNS: Final = 5
IDENTITY: Final = "DEMO-1"
LONGEST_SOCKET_PATH: Final = 90


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 when both cars have charged (and after Ctrl-C), 1 when something went wrong."""
    parser = argparse.ArgumentParser(prog="pilotline demo", description=__doc__)
    parser.add_argument("--ocpp", choices=("1.6", "2.0.1", "2.1"), default="2.0.1", help="what the back office speaks")
    parser.add_argument("--dc", action="store_true", help="a DC station (CCS) instead of an AC one")
    parser.add_argument("--plain", action="store_true", help="one line per event, also on a terminal")
    parser.add_argument("--folder", type=Path, help="where logs and reports go (default: .run/demo/TIME)")
    options = parser.parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    folder = (options.folder or _new_run()).absolute()
    live = sys.stdout.isatty() and not options.plain and "utf" in (sys.stdout.encoding or "").lower()
    try:
        return run(Show(folder, options.ocpp, live, options.dc))
    except KeyboardInterrupt:
        print(f"stopped; the logs lie in {folder}")
        return 0
    except (StackError, NotReached, RigError) as error:
        print(f"demo: {error}\n\nThe logs lie in {folder}", file=sys.stderr)
        return 1


@dataclass(frozen=True)
class Show:
    """What is asked for; everything lies in `folder` afterwards."""

    folder: Path
    ocpp: str
    live: bool
    dc: bool


def run(show: Show) -> int:
    """Start everything, play both acts, make the reports."""
    started, folder = time.monotonic(), show.folder
    if len(str(folder)) < LONGEST_SOCKET_PATH:
        return _play(folder, show, started)
    with tempfile.TemporaryDirectory(prefix="pilotline-") as short:
        try:
            return _play(Path(short), show, started)
        finally:
            shutil.copytree(short, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock*"))


def _play(folder: Path, show: Show, started: float) -> int:
    """`folder` is where the processes work."""
    sdp_port, ocpp, live = _free_udp_port(), show.ocpp, show.live
    stack = Stack(folder, "", board="sim-dc-ccs2" if show.dc else "sim-ac-type2")
    try:
        print("starting plant, guard, back office and station; the cars will find it on ::1 ...", flush=True)
        stack.start_plant()
        stack.start_guard()
        url = stack.start_office(ocpp)
        stack.station_file.write_text(
            station_toml(
                folder,
                authorization='mode = "csms"',
                v2g=f'interface = "lo"\nsdp_port = {sdp_port}\nnominal_after_s = 3',
                ocpp=f'url = "{url}"\nidentity = "{IDENTITY}"\nversions = ["{ocpp}"]\nmeter_interval_s = 5',
            )
        )
        stack.start_controller()
        stack.until_served()
        if live:
            sys.stdout.write(screen.ENTER)
        stage = Stage(stack, live=live, ocpp=ocpp)
        try:
            if show.dc:
                digital_car(stage, 1, DIN_CAR, sdp_port)
                digital_car(stage, 2, DC_CAR, sdp_port)
            else:
                basic_car(stage)
                digital_car(stage, 2, AC_CAR, sdp_port)
        finally:
            if live:
                sys.stdout.write(screen.LEAVE)
                sys.stdout.flush()
        transactions: list[JsonObject] = stack.ask_office(do="status")["transactions"]
        reports = [show.folder / report.name for report in make_reports(folder)]
        code = _summary(stage, transactions, reports)
        print(f"Logs: {show.folder}    ({time.monotonic() - started:.0f} s)")
        return code
    finally:
        stack.close()


# --- the two acts -------------------------------------------------------------------------------------------------


def basic_car(stage: Stage) -> None:
    """IEC 61851-1 alone: the car reads the duty cycle and closes S2."""
    rig = stage.rig
    stage.act(1, 2, "Car 1 of 2: a basic car, it reads nothing but the pilot (IEC 61851-1)")
    rig.do("car", policy="basic", max_current_a=16.0, phases=3, soc_percent=42.0)
    stage.rest(1.0)
    stage.say("The driver plugs in.")
    rig.do("plug", cable=32)
    stage.rest(1.5)
    stage.say("A card at the reader: the station asks the back office.")
    rig.do("swipe", token=CARD)
    stage.until("charging", 40.0)
    stage.say("Authorised, and no digital session came: 32 A by PWM, the car takes 16.")
    stage.rest(8.0)
    stage.say("The card again: no more PWM, the car lets go, the contactor opens.")
    rig.do("swipe", token=CARD)
    stage.until("open", 20.0)
    stage.until("unlocked", 20.0, lambda seen: not seen["locked"])
    stage.say("The driver unplugs.")
    rig.do("unplug")
    stage.until("idle", 20.0)
    stage.rest(1.0)


@dataclass(frozen=True)
class DigitalCar:
    """One with `hil.car`: what it talks, its options there, and the story of how power begins to flow."""

    talks: str
    options: tuple[str, ...]
    power: str


AC_CAR: Final = DigitalCar(
    "ISO 15118-2",
    ("--energy-wh", "30", "--soc", "61"),
    "PowerDelivery(Start): S2 closes, then the contactor, then comes the answer.",
)
DIN_CAR: Final = DigitalCar(
    "DIN SPEC 70121",
    ("--protocols", "din", "--energy", "dc", "--energy-wh", "120", "--soc", "34"),
    "Insulation tested, cable at the battery's voltage: the relays close, current flows.",
)
DC_CAR: Final = DigitalCar(
    "ISO 15118-2 (DIN too)",
    ("--protocols", "iso2,din", "--energy", "dc", "--energy-wh", "150", "--soc", "78", "--max-current", "200"),
    "Cable check and pre-charge are done: power. Near 80 % the car will ask for less.",
)


def digital_car(stage: Stage, number: int, car: DigitalCar, sdp_port: int) -> None:
    """The car finds the station, talks, and charges what it came for."""
    rig = stage.rig
    stage.act(number, 2, f"Car {number} of 2: it talks {car.talks} with the station")
    name = f"car{number}"
    stage.feed.new_car(name)
    command = ["-m", "hil.car", "--unicast", "::1", "--sdp-port", str(sdp_port), *car.options]
    stage.stack.start(name, [*command, "--control", str(stage.stack.folder / "rig.sock")])
    stage.say("5 % on the pilot: the station asks for digital communication.")
    stage.until("plugged", 30.0)
    stage.rest(2.0)
    stage.say("The driver holds a card to the reader.")
    rig.do("swipe", token=CARD)
    stage.until("charging", 40.0, lambda seen: (seen["closed"] and seen["power_w"] > 500.0) or _failed(stage))
    if not _failed(stage):
        stage.say(car.power)
    stage.until("session over", 40.0, lambda seen: stage.feed.ended is not None)
    if _failed(stage) and stage.feed.ended is not None:
        raise NotReached(f"the car's session failed: {stage.feed.ended['reason']}")
    stage.say("The car has what it came for and says so; the driver unplugs.")
    stage.rest(1.0)
    if stage.feed.seen["locked"]:
        rig.do("swipe", token=CARD)
    stage.until("idle", 20.0)
    stage.stack.processes[name].wait(10)
    stage.say("The station closes its recording of the session.")
    stage.until("recorded", 30.0, lambda seen: _recorded(stage.stack.folder, number))


def _failed(stage: Stage) -> bool:
    return stage.feed.ended is not None and stage.feed.ended["event"] == "failed"


def _recorded(folder: Path, sessions: int) -> bool:
    """So many recordings are there, and each has its last line."""
    recordings = list((folder / "storage" / "sessions").glob("*.jsonl"))
    return len(recordings) == sessions and all('"recording_ended"' in path.read_text() for path in recordings)


# --- what remains -------------------------------------------------------------------------------------------------


def make_reports(folder: Path) -> list[Path]:
    """One HTML file for each recorded session, oldest first. Raises StackError."""
    reports = []
    recordings = sorted((folder / "storage" / "sessions").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    for number, recording in enumerate(recordings, start=1):
        report = folder / f"session-{number}.html"
        command = [sys.executable, "-m", "firmware.panel.report", str(recording), str(report)]
        made = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if made.returncode != 0 or not report.exists():
            raise StackError(f"no report of {recording.name}:\n{made.stderr}")
        reports.append(report)
    return reports


def _summary(stage: Stage, transactions: list[JsonObject], reports: list[Path]) -> int:
    print(f"\nWhat the back office has (OCPP {stage.scene.ocpp}):")
    for each in transactions:
        energy = "?" if each["energy_wh"] is None else f"{each['energy_wh']:.1f} Wh"
        print(f"  transaction {each['id']}")
        why = worded(each["stopped_reason"]) if each["stopped_reason"] else "not ended"
        print(f"    {energy}, card {each['id_token']}; {why}")
    print("Session reports, open them in a browser:" if reports else "No session was recorded.")
    for report in reports:
        print(f"  {report}")
    complaints = stage.feed.invalid + [fault for each in transactions for fault in each["faults"]]
    complaints += [] if len(transactions) == len(reports) == 2 else ["two transactions and two reports were expected"]
    complaints += [f"transaction {each['id']} has no energy" for each in transactions if not each["energy_wh"]]
    complaints += [f"transaction {each['id']} did not end" for each in transactions if each["ended_at"] is None]
    for complaint in complaints:
        print(f"demo: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def _new_run() -> Path:
    """A fresh folder for this run; the oldest ones go."""
    RUNS.mkdir(parents=True, exist_ok=True)
    for old in sorted(RUNS.iterdir())[: -(KEPT_RUNS - 1)]:
        shutil.rmtree(old, ignore_errors=True)
    folder = RUNS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
    folder.mkdir()
    return folder


def _free_udp_port() -> int:
    """A port for SDP on ::1, so that two demos do not meet."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        return int(probe.getsockname()[1])


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
