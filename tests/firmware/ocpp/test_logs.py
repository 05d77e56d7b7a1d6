"""Logs fetched by the back office: what is in them, what is not, and how their upload is told."""

import asyncio
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import asyncssh
import pytest

from firmware.panel.frame_log import FrameLog
from firmware.station import security_events
from firmware.station.facts import IdToken, LogStatus, TokenPresented

OnSite = Callable[..., None]
PASSWORD = "seeded-password-4711"
VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def told(site: Any, request_id: int | None = 5) -> list[str]:
    facts = [fact for fact in site.facts if isinstance(fact, LogStatus)]
    return [fact.status for fact in facts if fact.request_id == request_id]


async def get_log(site: Any, url: str, kind: str = "DiagnosticsLog", request_id: int = 5, **more: Any) -> Any:
    log = {"remoteLocation": url, **more.pop("bounds", {})}
    return await site.csms.ask("GetLog", log=log, log_type=kind, request_id=request_id, **more)


def opening(csms: Any) -> None:
    csms.password = PASSWORD


@VERSIONS
@pytest.mark.ocpp("2.x:N01.FR.01", "2.x:N01.FR.02", "2.x:N01.FR.04", "2.x:N01.FR.07", "2.x:N01.FR.08", "2.x:N01.FR.09")
@pytest.mark.ocpp("2.0.1:TC_N_25", "1.6:GetLog", "1.6:LogStatusNotification", "2.0.1:TC_F_15")
def test_a_diagnostics_bundle_holds_what_happened_and_no_secret(
    on_site: OnSite, serve: Any, files: Any, version: str
) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        clock = site.clock
        frames = asyncio.create_task(FrameLog(site.station, site.station.settings.storage / "ocpp", 5).run())
        await asyncio.sleep(0)  # it listens
        await site.emit(TokenPresented(at=clock.utc(), evse=1, id_token=IdToken("04SEEDED")))
        await site.client.authorize(IdToken("04SEEDED"), 1)
        frames.cancel()  # it writes what it has
        await asyncio.wait([frames])
        answer = await get_log(site, f"http://127.0.0.1:{serve()}/logs/")
        assert answer.status == "Accepted"
        await site.csms.heard("LogStatusNotification", status="Uploaded", requestId=5)
        assert told(site) == ["Uploading", "Uploaded"]
        data = files.files[f"/logs/{answer.filename}"]
        plain = gzip.decompress(data).decode(errors="replace")
        assert PASSWORD not in plain
        assert "04SEEDED" not in plain
        with tarfile.open(fileobj=io.BytesIO(data)) as bundle:
            names = bundle.getnames()
            about = json.load(bundle.extractfile("about.json"))  # type: ignore[arg-type]  # it is a file
            (said,) = [name for name in names if name.startswith("ocpp/")]
            frame_log = bundle.extractfile(said).read().decode()  # type: ignore[union-attr]  # it is a file
        assert {"about.json", "events.jsonl", "security.jsonl"} <= set(names)
        assert '"Authorize' in frame_log
        assert about["settings"]["ocpp"]["password"] == "(hidden)"
        trigger = "ExtendedTriggerMessage" if version == "1.6" else "TriggerMessage"
        await site.csms.ask(trigger, requested_message="LogStatusNotification")
        await site.csms.heard("LogStatusNotification", status="Idle")

    on_site(test, version=version, is_managed=True, password=PASSWORD, opening=opening)


@VERSIONS
@pytest.mark.ocpp("2.x:N01.FR.03", "2.x:A04.FR.04", "2.0.1:TC_N_35", "1.6:TC_079", "1.6:N01.FR.05")
def test_the_security_log_holds_every_event_of_the_period(
    on_site: OnSite, serve: Any, files: Any, version: str
) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        security_events.tell(site.station, "AttemptedReplayAttacks", "early")
        await site.told("SecurityEventNotification")
        site.station.set_variable("OCPPCommCtrlr.HeartbeatInterval", "86400")  # nobody sets a moved clock back
        site.clock.now += 3600
        for number in range(3):
            security_events.tell(site.station, "InvalidMessages", f"late {number}")
        await site.station.journal.execute_in_writer(lambda connection: None)
        url = f"http://127.0.0.1:{serve()}/logs/"
        bounds = {"oldestTimestamp": "2027-01-15T12:30:00Z"}
        answer = await get_log(site, url, "SecurityLog", bounds=bounds)
        await site.csms.heard("LogStatusNotification", status="Uploaded", requestId=5)
        lines = [json.loads(line) for line in files.files[f"/logs/{answer.filename}"].splitlines()]
        assert [line["info"] for line in lines] == ["late 0", "late 1", "late 2"]

    on_site(test, version=version, is_managed=True)


@pytest.mark.ocpp("2.x:N01.FR.10", "2.0.1:TC_N_26")
@pytest.mark.parametrize(
    "case",
    [
        (500, "http", "UploadFailure"),
        (403, "http", "PermissionDenied"),
        (400, "http", "BadMessage"),
        (201, "scp", "NotSupportedOperation"),
    ],
    ids=lambda case: str(case[2]),
)
def test_a_failed_upload_is_told_as_precisely_as_possible(
    on_2x: OnSite, serve: Any, files: Any, case: tuple[int, str, str]
) -> None:
    status, url, expected = case

    async def test(site: Any) -> None:
        files.status["PUT"] = status
        answer = await get_log(site, f"{url}://127.0.0.1:{serve()}/log", retries=2, retry_interval=1)
        assert answer.status == "Accepted"
        began = asyncio.get_running_loop().time()
        await site.csms.heard("LogStatusNotification", status=expected, requestId=5)
        assert told(site) == ["Uploading", expected], "only when every try has failed"
        if url == "http":
            assert len(files.asked) == 3
            assert asyncio.get_running_loop().time() - began >= 1.8  # two pauses
        else:
            assert not files.asked

    on_2x(test, is_managed=True)


@pytest.mark.ocpp("2.0.1:N01.FR.10")
def test_a_log_goes_by_sftp_and_a_changed_host_key_is_a_security_event(on_site: OnSite, sftp: Any) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)

        async def uploaded(request_id: int, status: str, login: str = "user:secret") -> str:
            url = f"sftp://{login}@127.0.0.1:{sftp.port}/~/"
            answer = await get_log(site, url, "SecurityLog", request_id)
            await site.csms.heard("LogStatusNotification", within=20.0, status=status, requestId=request_id)
            return str(answer.filename)

        name = await uploaded(1, "Uploaded")
        assert json.loads((sftp.folder / name).read_text().splitlines()[0]).keys() >= {"info"}
        await uploaded(2, "PermissionDenied", "user:wrong")
        sftp.full = True
        await uploaded(3, "UploadFailure")
        sftp.close()
        await uploaded(4, "UploadFailure")
        sftp.host_key = asyncssh.generate_private_key("ssh-ed25519")
        sftp.open()
        await uploaded(5, "PermissionDenied")
        await site.csms.heard("SecurityEventNotification", type="FileServerHostKeyChanged")

    on_site(test, is_managed=True)


@VERSIONS
@pytest.mark.ocpp("2.x:N01.FR.12", "2.x:N01.FR.20", "2.0.1:TC_N_36", "1.6:N01.FR.11", "2.0.1:TC_F_16")
@pytest.mark.ocpp("2.x:F06.FR.14")
def test_a_second_request_cancels_the_first_upload(on_site: OnSite, serve: Any, files: Any, version: str) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        files.stalled.set()
        url = f"http://127.0.0.1:{serve()}/logs/"
        assert (await get_log(site, url)).status == "Accepted"
        await site.csms.heard("LogStatusNotification", status="Uploading", requestId=5)
        async with asyncio.timeout(20):
            while not files.asked:  # noqa: ASYNC110 - the server has no event for us
                await asyncio.sleep(0.02)
        trigger = "ExtendedTriggerMessage" if version == "1.6" else "TriggerMessage"
        assert (await site.csms.ask(trigger, requested_message="LogStatusNotification")).status == "Accepted"
        await site.csms.heard("LogStatusNotification", 2, status="Uploading", requestId=5)
        files.stalled.clear()
        second = await get_log(site, url, request_id=6)
        assert second.status == "AcceptedCanceled"
        await site.csms.heard("LogStatusNotification", status="Uploaded", requestId=6)
        assert told(site, 5) == ["Uploading", "AcceptedCanceled"]
        on_the_wire = "UploadFailure" if version == "1.6" else "AcceptedCanceled"
        await site.csms.heard("LogStatusNotification", status=on_the_wire, requestId=5)

    on_site(test, version=version, is_managed=True)


@pytest.mark.ocpp("2.x:N01.FR.05")
@pytest.mark.parametrize("kind", ["DiagnosticsLog", "SecurityLog"])
def test_a_log_that_is_not_kept_here_cannot_be_had(on_2x: OnSite, kind: str) -> None:
    async def test(site: Any) -> None:
        answer = await get_log(site, "http://127.0.0.1:1/logs/", kind)
        assert (answer.status, answer.filename) == ("Rejected", None)
        assert answer.status_info["additional_info"] == f"there is no {kind} here"

    on_2x(test)


@pytest.mark.ocpp("1.6:GetDiagnostics", "1.6:DiagnosticsStatusNotification", "1.6:TC_045_1", "1.6:TC_045_2")
@pytest.mark.parametrize("status", [201, 500])
def test_16_diagnostics(on_site: OnSite, serve: Any, files: Any, status: int) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        files.status["PUT"] = status
        answer = await site.csms.ask("GetDiagnostics", location=f"http://127.0.0.1:{serve()}/logs/")
        assert answer.file_name.startswith("diagnostics-S-1-")
        expected = "Uploaded" if status == 201 else "UploadFailed"
        await site.csms.heard("DiagnosticsStatusNotification", status=expected)
        statuses = [payload["status"] for name, payload in site.csms.calls if name == "DiagnosticsStatusNotification"]
        assert statuses == ["Uploading", expected]

    on_site(test, version="1.6", is_managed=True)
