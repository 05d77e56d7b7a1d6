"""The station's `LogUpload`: makes the file that was asked for and sends it, one at a time (N01, 1.6 GetDiagnostics).

What is in the file is `bundle`'s and the security log's, how it gets to its place `transfer`'s.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from firmware.diagnostics import bundle
from firmware.diagnostics.slices import Slices
from firmware.security.log import SecurityLog
from firmware.station import security_events
from firmware.station.car_facts import CarMessage
from firmware.station.certificates import Choice
from firmware.station.facts import AnyFact, BackOfficeMessage, LogStatus
from firmware.station.log_upload import LogAnswer, LogOrder
from firmware.station.station import Station
from firmware.transfer.address import Failure, TransferError, parse
from firmware.transfer.job import Job, SshTrust, Trust
from firmware.transfer.transfer import send, with_tries
from hal import __version__

log = logging.getLogger(__name__)

EVENTS: Final = 5000  # facts that are remembered for the bundle
FAILED_AS: Final[dict[Failure, str]] = {
    "failed": "UploadFailure",
    "denied": "PermissionDenied",
    "bad_address": "BadMessage",
    "unsupported": "NotSupportedOperation",
    "cancelled": "UploadFailure",
}


class Uploads:
    """Remembers what happened from the moment it is made."""

    def __init__(
        self,
        station: Station,
        security_log: SecurityLog,
        folder: Path,
        *,
        privacy: Callable[[], int],
        ssh: SshTrust,
    ) -> None:
        self._station = station
        self._security_log = security_log
        self._folder = folder
        self._privacy = privacy
        self._ssh = ssh
        self._events: deque[AnyFact] = deque(maxlen=EVENTS)
        self._running: tuple[asyncio.Task[None], LogOrder] | None = None
        self._told = ""
        station.subscribe(self._remember)

    def _remember(self, fact: AnyFact) -> None:
        if not isinstance(fact, BackOfficeMessage | CarMessage):  # thousands of them; they are in the recorded sessions
            self._events.append(fact)

    # --- what the back office asks ----------------------------------------------------------------------------------

    async def begin(self, order: LogOrder) -> LogAnswer:
        cancelled = await self._cancel()
        name = self._name(order)
        task = asyncio.create_task(self._carry_out(order, name), name="log upload")
        self._running = task, order
        self._told = ""
        return LogAnswer("AcceptedCanceled" if cancelled else "Accepted", name)

    def last_status(self) -> tuple[str, int | None]:
        if self._running is None or self._running[0].done():
            return "Idle", None
        return self._told or "Uploading", self._running[1].request_id

    async def _cancel(self) -> bool:
        if self._running is None or self._running[0].done():
            return False
        task, order = self._running
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._tell(order, "AcceptedCanceled")  # N01.FR.20
        return True

    # --- one upload -------------------------------------------------------------------------------------------------

    async def _carry_out(self, order: LogOrder, name: str) -> None:
        file = self._folder / name
        try:
            self._tell(order, "Uploading")
            parse(order.location)
            await asyncio.to_thread(self._make, file, order, self._about(), tuple(self._events))
            certificates = self._station.certificates
            roots = (await certificates.link_material(Choice())).roots if certificates is not None else None

            async def attempt(job: Job) -> None:
                await send(order.location, file, name, job)

            trust = Trust(roots, await asyncio.to_thread(self._privacy), self._ssh)
            await with_tries(attempt, trust, order.tries, order.pause_s)
        except TransferError as error:
            log.error("log upload: %s", error)
            if error.event:
                security_events.tell(self._station, error.event, str(error))
            self._tell(order, FAILED_AS[error.kind])
        except OSError as error:
            log.error("log upload: %s", error)
            self._tell(order, "UploadFailure")
        else:
            self._tell(order, "Uploaded")
        finally:
            file.unlink(missing_ok=True)

    def _make(self, file: Path, order: LogOrder, about: dict[str, Any], events: Iterable[AnyFact]) -> None:
        slices = Slices()
        entries = self._security_log.read(order.oldest, order.latest, slices.rest)
        if order.kind == "SecurityLog":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bundle.lines(map(msgspec.json.encode, entries), slices))
            return
        storage = self._station.settings.storage
        contents = bundle.Contents(
            {**about, "software": __version__},
            (each for each in events if _within(each.at, order)),
            entries,
            storage / "sessions",
            storage / "ocpp",
            order.oldest or 0.0,
            order.latest if order.latest is not None else float("inf"),
        )
        bundle.write(file, contents, slices)

    def _about(self) -> dict[str, Any]:
        station = self._station
        return {
            "made": datetime.fromtimestamp(station.clock.utc(), UTC).isoformat(),
            "clock_synced": station.clock.synced,
            "boot": station.boot_reason,
            "settings": msgspec.to_builtins(station.settings),
            "journal": station.journal.problem or "healthy",
            "guard": station.guard.problem,
            "connectors": [msgspec.to_builtins(each) for each in station.statuses()],
        }

    def _name(self, order: LogOrder) -> str:
        made = datetime.fromtimestamp(self._station.clock.utc(), UTC)
        who = "".join(letter for letter in self._station.settings.station.serial if letter.isalnum() or letter in "-_")
        kind, suffix = ("security", "jsonl") if order.kind == "SecurityLog" else ("diagnostics", "tar.gz")
        return "-".join(part for part in (kind, who, f"{made:%Y%m%dT%H%M%SZ}") if part) + f".{suffix}"

    def _tell(self, order: LogOrder, status: str) -> None:
        self._told = status
        clock = self._station.clock
        self._station.emit(
            LogStatus(
                at=clock.utc(),
                mono=clock.mono(),
                clock_synced=clock.synced,
                status=status,
                request_id=order.request_id,
            )
        )


def _within(at: float, order: LogOrder) -> bool:
    return (order.oldest is None or at >= order.oldest) and (order.latest is None or at <= order.latest)
