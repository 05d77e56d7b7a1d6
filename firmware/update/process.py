"""The station's `FirmwareUpdate`: one order carried out from top to bottom, told step by step (L01, L02).

    DownloadScheduled? Downloading Downloaded SignatureVerified? InstallScheduled? Installing InstallRebooting?
    Installed

An order survives restarts: what is done of it is kept with the station's lasting values, and the script goes on there.
How files are fetched is `transfer`'s, how an image is installed the updater's.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

from firmware.station import security_events
from firmware.station.commands import Reset
from firmware.station.facts import FirmwareStatus
from firmware.station.firmware_update import UpdateAnswer, UpdateOrder
from firmware.station.station import Station
from firmware.transfer.address import TransferError
from firmware.transfer.job import Job, SshTrust, Trust
from firmware.transfer.transfer import fetch, with_tries
from firmware.update.signer import refuses_signer
from firmware.update.updater import Updater, UpdaterError

log = logging.getLogger(__name__)

KEPT: Final = "update/order"  # the station's lasting value
LOOK_S: Final = 1.0  # between looks at clock and transactions
MAX_IMAGE: Final = 2_000_000_000
Stage = Literal["fetch", "verify", "install", "restart", "done"]
CANCELLABLE: Final = {"fetch", "verify", "install"}


class Kept(msgspec.Struct, frozen=True):
    """An order with what is done of it, and the last step that was told."""

    order: UpdateOrder
    stage: Stage = "fetch"
    told: str = ""


class Stopped(Exception):
    """The order came to an end before it was installed; `status` is told, then the event."""

    def __init__(self, status: str, reason: str, event: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.event = event


class UpdateProcess:
    """Make it, then keep `run()` running."""

    def __init__(
        self,
        station: Station,
        updater: Updater,
        folder: Path,
        certificates: Path,
        *,
        accepts_unsigned: bool,
        privacy: Callable[[], int],
        ssh: SshTrust,
    ) -> None:
        """`folder` holds the image; `certificates` is the store's folder; `privacy` (may block): how private a file
        server's address may be; `ssh`: whom to believe over SFTP."""
        self._station = station
        self._updater = updater
        self._image = folder / "image"
        self._certificates = certificates
        self._accepts_unsigned = accepts_unsigned
        self._privacy = privacy
        self._ssh = ssh
        self._kept: Kept | None = None
        self._installing = False
        self._loaded = False
        self._task: asyncio.Task[None] | None = None

    @property
    def accepts_unsigned(self) -> bool:
        return self._accepts_unsigned

    @property
    def installing(self) -> bool:
        return self._installing

    async def run(self) -> None:
        """Go on with an order that a restart interrupted, then look after orders until cancelled."""
        await self._station.ready.wait()
        self._load()
        if self._kept is not None and self._kept.stage != "done" and self._task is None:
            self._start()
        try:
            await asyncio.Event().wait()
        finally:
            await self._stop()

    # --- what the back office asks ----------------------------------------------------------------------------------

    async def begin(self, order: UpdateOrder) -> UpdateAnswer:
        self._load()
        if not order.signed and not self._accepts_unsigned:
            return UpdateAnswer("Rejected", "software without a signature is not accepted")
        if order.signed and (refused := await refuses_signer(self._station, self._certificates, order)) is not None:
            security_events.tell(self._station, "InvalidFirmwareSigningCertificate", refused.reason)
            return refused
        running = self._kept is not None and self._kept.stage != "done"
        if running and (self._installing or (self._kept is not None and self._kept.stage not in CANCELLABLE)):
            return UpdateAnswer("Rejected", "an installation is under way")  # L01.FR.27
        if running:
            await self._cancel()
        self._image.unlink(missing_ok=True)
        self._keep(Kept(order))
        self._start()
        return UpdateAnswer("AcceptedCanceled" if running else "Accepted")

    def last_status(self) -> tuple[str, int | None]:
        self._load()
        if self._kept is None or self._kept.told in {"", "Installed"}:
            return "Idle", None  # L01.FR.25
        return self._kept.told, self._kept.order.request_id

    async def _cancel(self) -> None:
        await self._stop()
        kept = self._kept
        if kept is not None and kept.told not in {"", "DownloadFailed", "InstallationFailed"}:
            self._tell("DownloadFailed" if kept.stage == "fetch" else "InstallationFailed")  # L01.FR.24, note

    # --- one order --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._task = asyncio.create_task(self._carry_out(), name="firmware update")
        self._task.add_done_callback(_log_failure)

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._station.availability.hold("")

    async def _carry_out(self) -> None:
        try:
            await self._script()
        except Stopped as stopped:
            log.error("firmware update: %s: %s", stopped.status, stopped)
            self._tell(stopped.status)
            if stopped.event:
                security_events.tell(self._station, stopped.event, str(stopped))
            self._over()
        finally:
            self._installing = False
            self._station.availability.hold("")

    async def _script(self) -> None:
        kept = self._kept
        if kept is None:
            return
        order = kept.order
        if kept.stage == "restart":
            await self._after_restart()
            return
        if kept.stage == "fetch":
            await self._fetch(order)
            self._tell("Downloaded", "verify")
        if self._stage == "verify":
            await self._verify(order)
            self._keep(msgspec.structs.replace(self._present, stage="install"))
        await self._wait_to_install(order)
        await self._install()

    async def _fetch(self, order: UpdateOrder) -> None:
        if order.retrieve_at > self._utc():
            self._tell("DownloadScheduled")  # L01.FR.13
            await self._until(order.retrieve_at)
        self._tell("Downloading")
        await asyncio.to_thread(self._image.parent.mkdir, parents=True, exist_ok=True)
        try:
            trust = Trust(await self._roots(), await asyncio.to_thread(self._privacy), self._ssh)
            await with_tries(lambda job: self._try(order, job), trust, order.tries, order.pause_s)
        except TransferError as error:
            raise Stopped("DownloadFailed", str(error), error.event) from None  # L01.FR.30
        except OSError as error:
            raise Stopped("DownloadFailed", str(error)) from None

    async def _try(self, order: UpdateOrder, job: Job) -> None:
        await fetch(order.location, self._image, job, MAX_IMAGE)

    async def _roots(self) -> str | None:
        from firmware.station.certificates import Choice  # noqa: PLC0415

        certificates = self._station.certificates
        return (await certificates.link_material(Choice())).roots if certificates is not None else None

    async def _verify(self, order: UpdateOrder) -> None:
        if order.signed:
            try:
                genuine = await asyncio.to_thread(self._genuine, order)
            except OSError as error:
                raise Stopped("DownloadFailed", f"the image is gone: {error}") from None
            if not genuine:
                raise Stopped(
                    "InvalidSignature", "the signature does not belong to the image", "InvalidFirmwareSignature"
                )
            self._tell("SignatureVerified")
        try:
            await self._updater.verify(self._image)
        except UpdaterError as error:
            raise Stopped("InstallVerificationFailed", str(error)) from None  # L01.FR.29

    def _genuine(self, order: UpdateOrder) -> bool:
        from firmware.security.certificates import CertificateError  # noqa: PLC0415
        from firmware.update.signature import holds  # noqa: PLC0415

        try:
            return holds(self._image, order.signature or "", order.certificate or "")
        except CertificateError:
            return False

    async def _wait_to_install(self, order: UpdateOrder) -> None:
        """Until the time has come and the last transaction has ended; from then on nothing new begins (L01.FR.06)."""
        waits_for_time = order.install_at is not None and order.install_at > self._utc()
        if waits_for_time or self._busy():
            self._tell("InstallScheduled")  # L01.FR.16, FR.34
        if order.install_at is not None:
            await self._until(order.install_at)
        if not self._station.flag("ChargingStation.AllowNewSessionsPendingFirmwareUpdate", False) or not self._busy():
            self._station.availability.hold("new software is being installed")  # L01.FR.07
        while self._busy():  # noqa: ASYNC110 - looked at once a second, as everything that waits for transactions
            await asyncio.sleep(LOOK_S)
        self._station.availability.hold("new software is being installed")

    async def _install(self) -> None:
        self._installing = True
        self._tell("Installing")
        try:
            restart = await self._updater.install(self._image)
        except UpdaterError as error:
            raise Stopped("InstallationFailed", str(error)) from None
        await asyncio.to_thread(self._image.unlink, missing_ok=True)
        if not restart:
            self._installed()
            return
        self._tell("InstallRebooting", "restart")  # L01.FR.32
        await self._station.do(Reset(immediate=False, by="update"))
        await asyncio.Event().wait()  # the restart ends this task; the next start goes on after it

    async def _after_restart(self) -> None:
        try:
            await self._updater.confirm()
        except UpdaterError as error:
            raise Stopped("InstallationFailed", str(error)) from None
        self._installed()

    def _installed(self) -> None:
        self._tell("Installed")
        security_events.tell(self._station, "FirmwareUpdated", self._present.order.location.partition("?")[0][-100:])
        self._over()

    def _over(self) -> None:
        self._keep(msgspec.structs.replace(self._present, stage="done"))
        self._image.unlink(missing_ok=True)

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _present(self) -> Kept:
        if self._kept is None:
            raise RuntimeError("no order is being carried out")
        return self._kept

    @property
    def _stage(self) -> Stage:
        return self._present.stage

    def _busy(self) -> bool:
        return any(evse.transaction_id is not None for evse in self._station.evses.values())

    def _utc(self) -> float:
        return self._station.clock.utc()

    async def _until(self, utc: float) -> None:
        while self._utc() < utc:  # noqa: ASYNC110 - the clock may be set meanwhile
            await asyncio.sleep(min(LOOK_S, max(0.01, utc - self._utc())))

    def _tell(self, status: str, stage: Stage | None = None) -> None:
        """Keep what is told now, so that a trigger after a restart hears it (L01.FR.26), and tell it."""
        kept = self._present
        self._keep(msgspec.structs.replace(kept, told=status, stage=stage or kept.stage))
        clock = self._station.clock
        self._station.emit(
            FirmwareStatus(
                at=clock.utc(),
                mono=clock.mono(),
                clock_synced=clock.synced,
                status=status,
                request_id=kept.order.request_id,
                signed=kept.order.signed,
            )
        )

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        self._station.set_variable(KEPT, msgspec.json.encode(kept).decode())

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        text = self._station.variable(KEPT)
        try:
            self._kept = msgspec.json.decode(text, type=Kept) if text else None
        except msgspec.MsgspecError as error:
            log.error("an order to update the software cannot be read, it is dropped: %s", error)


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("the firmware update failed", exc_info=task.exception())
