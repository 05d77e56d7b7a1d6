"""Builds the controller and runs it: the only place that makes objects and hands them to each other.

What each part does is its own folder's affair; how a failing part is restarted is `tasks.py`'s.
"""

import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from firmware.config import Settings
from firmware.ending import begin_again, ended
from firmware.energy.engine import Engine
from firmware.own_guard import GuardPlaceError, OwnGuard
from firmware.panel.control import ControlServer
from firmware.panel.frame_log import FrameLog
from firmware.panel.recorder import Recorder
from firmware.station.certificates import RootUse
from firmware.station.station import Station, build_station
from firmware.tasks import keep_running
from hal import notify

log = logging.getLogger("pilotline")

Part = tuple[str, Callable[[], Awaitable[None]]]

JOURNAL_S = 10.0  # a journal that takes longer to load does not keep us from being ready: charging needs no disk


def run(settings: Settings, board: Path | None, registers: Path | None = None) -> int:
    """Run the controller until SIGTERM, SIGINT or a reset; with a board file, start a guard where none is running yet.

    Returns the exit code; 2 = the storage or the guard's folder cannot be used. A guard started here outlives a crash
    of the controller (that is its purpose) and ends with an orderly stop of it, or of the run that took it over. After
    a reset systemd starts us again; without systemd we do so ourselves.
    """
    try:
        alone = alone_in(settings.storage)
    except OSError as error:
        return unusable("write storage", settings.storage, error, "change [station] storage")
    if alone is None:
        print(f"another controller runs on {settings.storage}; stop it first", file=sys.stderr)
        return 1
    guard = None if board is None else OwnGuard(settings.station.guard_socket, board, registers)
    try:
        if guard is not None and (code := guard.begin()) is not None:
            return code or 1  # it has said why
        again = asyncio.run(serve(settings, guard))
    except GuardPlaceError as error:
        return unusable("start a guard at", Path(settings.station.guard_socket), error, "change [station] guard_socket")
    finally:
        alone.close()
        if guard is not None:
            guard.end()
    if again and "NOTIFY_SOCKET" not in os.environ:
        os.execv(sys.executable, [sys.executable, "-m", "firmware", *sys.argv[1:]])  # noqa: S606 - ourselves
    return 0


def unusable(what: str, place: Path, error: OSError, remedy: str) -> int:
    """Say which place of the settings cannot be used, and what to do. Returns the exit code."""
    why = (error.strerror or str(error)).lower()
    user = " or run as user pilotline" if isinstance(error, PermissionError) else ""
    print(f"cannot {what} {place}: {why}; {remedy}{user}", file=sys.stderr)
    return 2


async def serve(settings: Settings, guard: OwnGuard | None = None) -> bool:
    """Every task of the controller, until a signal asks to stop or a reset is carried out (True)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    station = build_station(settings)
    station.changed.subscribe(lambda: stop.set() if station.resets.wanted else None)
    tasks = [asyncio.create_task(keep_running(name, start), name=name) for name, start in parts(settings, station)]
    if guard is not None and guard.pid:  # another's guard is not ours to start again
        tasks.append(asyncio.create_task(keep_running("guard", guard.watch), name="guard"))
    gc.collect()
    gc.freeze()  # what is loaded now stays: no collection walks it again
    await asyncio.wait([asyncio.create_task(station.ready.wait())], timeout=JOURNAL_S)
    notify.ready()
    tasks.append(asyncio.create_task(feed_watchdog()))
    log.info("controller ready: %d EVSE, guard %s", len(station.evses), settings.station.guard_socket)
    try:
        await stop.wait()
        log.info("reset: %s" if station.resets.wanted else "stopping%s", station.resets.wanted or "")
    finally:
        notify.stopping()
        resetting = station.resets.wanted is not None
        retries = int(station.number("OCPPCommCtrlr.ResetRetries", 1)) if resetting else 0
        if not await ended(tasks, retries) and resetting:
            begin_again()
    return station.resets.wanted is not None


def parts(settings: Settings, station: Station) -> list[Part]:
    """Name and start of every long-running part that these settings ask for."""
    station.smart_charging = engine = Engine(station)
    if settings.budget.grid_current_a is not None:
        from firmware.station.site_budget import SiteBudget  # noqa: PLC0415 - few stations have a site meter

        SiteBudget(station, settings.budget.grid_current_a)
    found: list[Part] = [("station", station.run), ("smart charging", engine.run)]
    if settings.v2g:
        from firmware.v2g.car_link import CarLink  # noqa: PLC0415 - a station without digital communication saves 6 MB

        for car in settings.v2g:
            found.append((f"car link of EVSE {car.evse}", CarLink(station, station.evses[car.evse], car).run))
    if settings.ocpp is not None:
        from firmware.ocpp.client import BackOfficeClient  # noqa: PLC0415 - WebSockets: 4 MB, 50 ms on a desktop

        found += managed(settings, station)
        client = BackOfficeClient(station, settings.ocpp, station.journal)
        found.append(("back office", client.run))
        if settings.ocpp.frame_logs:
            frames = FrameLog(station, settings.storage / "ocpp", settings.ocpp.frame_logs)
            found.append(("frame log", frames.run))
    found.append(("recorder", Recorder(station, settings.storage / "sessions").run))
    found.append(("control socket", ControlServer(station, Path(settings.station.control_socket)).run))
    return found


def managed(settings: Settings, station: Station) -> list[Part]:
    """What a back office looks after from afar: certificates, the security log, software, diagnostics."""
    from firmware.diagnostics.upload import Uploads  # noqa: PLC0415 - only where there is a back office
    from firmware.security.exhaustion import MemoryWatch, look_at  # noqa: PLC0415
    from firmware.security.log import SecurityLog  # noqa: PLC0415
    from firmware.security.office import CertificateOffice, Given  # noqa: PLC0415
    from firmware.transfer.address import privacy_of  # noqa: PLC0415
    from firmware.transfer.job import SshTrust  # noqa: PLC0415

    storage, ocpp = settings.storage, settings.ocpp
    roots: dict[RootUse, str] = {}
    if ocpp is not None and ocpp.ca_file is not None:
        roots["CSMS"] = ocpp.ca_file
    if settings.update.roots is not None:
        roots["Manufacturer"] = settings.update.roots
    given = Given(roots, ocpp.client_certificate, ocpp.client_key) if ocpp is not None else Given(roots)
    pki = Path(settings.v2g[0].pki) if settings.v2g else storage / "pki"
    host = (urlsplit(ocpp.url).hostname if ocpp is not None else None) or ""

    def privacy() -> int:
        return privacy_of(host)

    transfer = settings.transfer
    ssh = SshTrust(transfer.known_hosts, str(storage / "known_hosts"), transfer.ssh_key)
    folder = storage / "certificates"
    station.certificates = certificates = CertificateOffice(station, folder, pki, given)
    security_log = SecurityLog(station, storage / "security.log")
    station.log_upload = Uploads(station, security_log, storage / "uploads", privacy=privacy, ssh=ssh)
    memory = MemoryWatch(station, lambda: look_at(storage))
    found: list[Part] = [
        ("certificates", certificates.run),
        ("security log", security_log.run),
        ("memory watch", memory.run),
    ]
    if settings.update.installer:
        from firmware.update.process import UpdateProcess  # noqa: PLC0415
        from firmware.update.updater import CommandUpdater  # noqa: PLC0415

        updater = CommandUpdater(settings.update.installer)
        unsigned = settings.update.unsigned
        process = UpdateProcess(
            station, updater, storage / "update", folder, accepts_unsigned=unsigned, privacy=privacy, ssh=ssh
        )
        station.firmware_update = process
        found.append(("firmware update", process.run))
    return found


async def feed_watchdog() -> None:
    """Tell systemd that the loop turns, at half the time it allows; without a watchdog end at once."""
    allowed = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while allowed:
        notify.watchdog()
        await asyncio.sleep(allowed / 2)


def alone_in(storage: Path) -> IO[bytes] | None:
    """Lock the storage for this process; None when another controller has it. The kernel lets go when we die.
    Raises OSError when it cannot be made or written."""
    storage.mkdir(parents=True, exist_ok=True)
    lock = (storage / "controller.lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
