"""Firmware updates between both sides: a back office that orders, a file server, and the simulated A/B updater."""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID
from ocpp.exceptions import OCPPError
from ocpp.v16 import call_result as result16
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.config import UpdateSettings
from firmware.station.facts import FirmwareStatus

OnSite = Callable[..., None]
NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)  # the station's clock
IMAGE = b"NOW" + bytes(range(256)) * 100  # needs no restart
WHOLE = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]


@dataclass
class Maker:
    """A manufacturer: its root, and who signs its software."""

    root: x509.Certificate
    signer: x509.Certificate
    key: Any
    root_key: Any = None

    def ocsp(self, status: ocsp.OCSPCertStatus) -> str:
        """The responder's word on the signer's certificate, as GetCertificateStatus carries it."""
        revoked = NOON if status is ocsp.OCSPCertStatus.REVOKED else None
        builder = ocsp.OCSPResponseBuilder().add_response(
            self.signer, self.root, SHA256(), status, NOON, NOON + timedelta(days=7), revoked, None
        )
        response = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.root).sign(self.root_key, SHA256())
        return base64.b64encode(response.public_bytes(Encoding.DER)).decode()

    @property
    def root_pem(self) -> str:
        return self.root.public_bytes(Encoding.PEM).decode()

    @property
    def signer_pem(self) -> str:
        return self.signer.public_bytes(Encoding.PEM).decode()

    def sign(self, image: bytes) -> str:
        if isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
            return base64.b64encode(self.key.sign(image, pss, SHA256())).decode()
        return base64.b64encode(self.key.sign(image, ec.ECDSA(SHA256()))).decode()


def maker(kind: str = "ec", days: int = 300, responder: str = "") -> Maker:
    """`responder`: who says whether the signer's certificate was revoked."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    key: Any = root_key if kind == "self" else ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "maker")])
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])

    def made(subject: x509.Name, public: Any, ca: bool, until: int) -> x509.Certificate:
        access = (
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder))]
            if responder
            else []
        )
        extra = [x509.AuthorityInformationAccess(access)] if access and not ca else []
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOON - timedelta(days=30))
            .not_valid_after(NOON + timedelta(days=until))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for each in extra:
            builder = builder.add_extension(each, critical=False)
        return builder.sign(root_key, SHA256())

    return Maker(made(name, root_key.public_key(), True, 3000), made(who, key.public_key(), False, days), key, root_key)


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Order:
    """One order in the words of the version."""

    site: Any
    version: str
    url: str
    by: Maker
    image: bytes = IMAGE
    lab: Any = None  # with a guard, for what happens beside charging

    async def install_root(self) -> None:
        kind = {"certificate_type": "ManufacturerRootCertificate", "certificate": self.by.root_pem}
        assert (await self.site.csms.ask("InstallCertificate", **kind)).status == "Accepted"

    async def give(
        self, request_id: int = 7, retries: int = 0, signature: str | None = None, signed: bool = True, **times: str
    ) -> str:
        firmware = {"location": self.url, "retrieveDateTime": times.pop("retrieve", at(-7200))}
        if signed:
            firmware["signingCertificate"] = self.by.signer_pem
            firmware["signature"] = signature or self.by.sign(self.image)
        if "install" in times:
            firmware["installDateTime"] = times["install"]
        action = "SignedUpdateFirmware" if self.version == "1.6" else "UpdateFirmware"
        order = {"request_id": request_id, "firmware": firmware, "retries": retries, "retry_interval": 0}
        status: str = (await self.site.csms.ask(action, **order)).status
        return status

    async def trigger(self) -> str:
        action = "ExtendedTriggerMessage" if self.version == "1.6" else "TriggerMessage"
        answer = await self.site.csms.ask(action, requested_message="FirmwareStatusNotification")
        return str(answer.status)

    async def heard(self, status: str, request_id: int = 7) -> None:
        action = "SignedFirmwareStatusNotification" if self.version == "1.6" else "FirmwareStatusNotification"
        await self.site.csms.heard(action, within=20.0, status=status, requestId=request_id)

    def told(self, request_id: int = 7) -> list[str]:
        facts = (fact for fact in self.site.facts if isinstance(fact, FirmwareStatus))
        return [fact.status for fact in facts if fact.request_id == request_id]


Ordering = Callable[..., None]


@pytest.fixture
def ordering(on_site: OnSite, at_plug: OnSite, serve: Any, files: Any, tmp_path: Path) -> Ordering:
    """Run a test with an order at hand; its image is on a file server, the manufacturer's root is installed."""

    def run(
        test: Any,
        version: str = "2.0.1",
        *,
        image: bytes = IMAGE,
        by: Maker | None = None,
        unsigned: bool = False,
        charging: bool = False,
    ) -> None:
        files.files["/image"] = image
        url = f"http://127.0.0.1:{serve()}/image"
        installer = (sys.executable, "-m", "hil.updater", str(tmp_path / "slots"))

        async def ready(here: Any) -> None:
            site, lab = (here.site, here) if charging else (here, None)
            await site.told("StatusNotification", 2)
            site.station.set_variable("OCPPCommCtrlr.HeartbeatInterval", "86400")  # nobody sets a moved clock back
            order = Order(site, version, url, by or maker(), image, lab)
            await order.install_root()
            await test(order)

        update = UpdateSettings(installer=installer, unsigned=unsigned)
        more = {"is_managed": True, "update": update}
        if charging:
            at_plug(ready, version, **more)
        else:
            on_site(ready, version=version, **more)

    return run


VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@VERSIONS
@pytest.mark.ocpp("2.x:L01.FR.01", "2.x:L01.FR.04", "2.x:L01.FR.05", "2.x:L01.FR.10", "2.x:L01.FR.12", "2.x:L01.FR.28")
@pytest.mark.ocpp("2.x:L01.FR.31", "2.0.1:TC_L_01", "1.6:SignedUpdateFirmware", "1.6:TC_080", "2.x:L01.FR.25")
@pytest.mark.ocpp("1.6:SignedFirmwareStatusNotification")
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_signed_software_is_fetched_checked_and_installed(
    ordering: Ordering, tmp_path: Path, version: str, kind: str
) -> None:
    async def test(order: Order) -> None:
        assert await order.give() == "Accepted"
        await order.heard("Installed")
        assert order.told() == WHOLE
        await order.site.csms.heard("SecurityEventNotification", type="FirmwareUpdated")
        assert (tmp_path / "slots" / "slot-b").read_bytes() == IMAGE
        assert not (tmp_path / "update" / "image").exists()
        assert await order.trigger() == "Accepted"
        signed = "Signed" if version == "1.6" else ""
        await order.site.csms.heard(f"{signed}FirmwareStatusNotification", status="Idle")

    ordering(test, version, by=maker(kind))


def answered(site: Any, version: str, ocsp_result: str | None) -> None:
    """What the back office says to GetCertificateStatus; None: it does not know."""
    inner = {"status": "Accepted", "ocspResult": ocsp_result} if ocsp_result is not None else {"status": "Failed"}
    if version == "1.6":
        site.csms.replies["DataTransfer"].append(result16.DataTransfer(status="Accepted", data=json.dumps(inner)))
    else:
        kind = {"2.0.1": result201, "2.1": result21}[version].GetCertificateStatus
        site.csms.replies["GetCertificateStatus"].append(
            kind(status=inner["status"], **({"ocsp_result": ocsp_result} if ocsp_result is not None else {}))
        )


@VERSIONS
@pytest.mark.parametrize("word", ["REVOKED", "GOOD", "nothing", "nonsense"])
@pytest.mark.ocpp("2.x:L01.FR.02", "1.6:SignedUpdateFirmware", "1.6:DataTransfer", "1.6:L01.FR.25")
def test_software_of_a_revoked_signer_is_refused(ordering: Ordering, files: Any, version: str, word: str) -> None:
    async def test(order: Order) -> None:
        words = {"nothing": None, "nonsense": "AAAA"}
        said = words[word] if word in words else order.by.ocsp(getattr(ocsp.OCSPCertStatus, word))
        answered(order.site, version, said)
        revoked = word == "REVOKED"
        assert await order.give(retrieve=at(3600)) == ("RevokedCertificate" if revoked else "Accepted")
        if revoked:
            await order.site.csms.heard("SecurityEventNotification", type="InvalidFirmwareSigningCertificate")
        asked = [name for name in order.site.csms.actions() if name in {"GetCertificateStatus", "DataTransfer"}]
        assert len(asked) == 1
        assert files.asked == []

    ordering(test, version, by=maker(responder="http://ocsp.example/"))


@VERSIONS
@pytest.mark.ocpp("2.x:L01.FR.02", "2.x:L01.FR.21", "2.x:L01.FR.22", "2.0.1:TC_L_05")
@pytest.mark.parametrize("wrong", ["stranger", "expired"])
def test_an_invalid_signer_is_refused_before_anything_is_fetched(
    ordering: Ordering, files: Any, version: str, wrong: str
) -> None:
    async def test(order: Order) -> None:
        if wrong == "stranger":
            order.by = maker()
        assert await order.give() == "InvalidCertificate"
        await order.site.csms.heard("SecurityEventNotification", type="InvalidFirmwareSigningCertificate")
        assert files.asked == []

    ordering(test, version, by=maker(days=-1) if wrong == "expired" else None)


@VERSIONS
@pytest.mark.ocpp("2.x:L01.FR.03", "2.x:L01.FR.09", "2.0.1:TC_L_06", "1.6:TC_081")
def test_a_changed_image_is_not_installed(ordering: Ordering, tmp_path: Path, version: str) -> None:
    async def test(order: Order) -> None:
        assert await order.give(signature=order.by.sign(b"another image")) == "Accepted"
        await order.heard("InvalidSignature")
        await order.site.csms.heard("SecurityEventNotification", type="InvalidFirmwareSignature")
        assert order.told() == ["Downloading", "Downloaded", "InvalidSignature"]
        assert not (tmp_path / "slots" / "slot-b").exists()

    ordering(test, version)


@pytest.mark.ocpp("2.x:L01.FR.30", "2.x:L02.FR.19", "2.0.1:TC_L_07")
@pytest.mark.parametrize("signed", [True, False])
def test_a_download_is_tried_so_often_and_no_more(ordering: Ordering, files: Any, signed: bool) -> None:
    async def test(order: Order) -> None:
        order.url = order.url.replace("image", "missing")
        assert await order.give(retries=2, signed=signed) == "Accepted"
        await order.heard("DownloadFailed")
        assert order.told() == ["Downloading", "DownloadFailed"]
        assert files.asked == ["GET /missing"] * 3

    ordering(test, unsigned=not signed)


def test_software_comes_by_sftp_with_breaks_and_not_with_a_wrong_password(
    ordering: Ordering, sftp: Any, tmp_path: Path
) -> None:
    image = IMAGE * 40  # a megabyte
    (sftp.folder / "image").write_bytes(image)
    sftp.cut_after = [600_000]

    async def test(order: Order) -> None:
        order.url = f"sftp://user:secret@127.0.0.1:{sftp.port}/image"
        assert await order.give(retries=1) == "Accepted"
        await order.heard("Installed")
        assert (tmp_path / "slots" / "slot-b").read_bytes() == image
        assert sftp.moved.count(("read", 0)) == 1
        order.url = order.url.replace("secret", "wrong")
        assert await order.give(8, retries=1) == "Accepted"
        await order.heard("DownloadFailed", 8)

    ordering(test, image=image)


@pytest.mark.ocpp("2.x:L01.FR.29", "2.0.1:TC_L_08")
def test_an_image_that_does_not_fit_is_not_installed(ordering: Ordering) -> None:
    async def test(order: Order) -> None:
        assert await order.give() == "Accepted"
        await order.heard("InstallVerificationFailed")
        assert order.told()[-1] == "InstallVerificationFailed"

    ordering(test, image=b"BROKEN" + IMAGE)


@pytest.mark.ocpp("2.x:L01.FR.13", "2.x:L01.FR.16", "2.x:L01.FR.26", "2.0.1:TC_L_02", "2.0.1:TC_L_03")
def test_it_waits_for_the_times_of_the_order(ordering: Ordering) -> None:
    async def test(order: Order) -> None:
        assert await order.give(retrieve=at(3600), install=at(7200)) == "Accepted"
        await order.heard("DownloadScheduled")
        assert await order.trigger() == "Accepted"
        await order.site.csms.heard("FirmwareStatusNotification", 2, status="DownloadScheduled", requestId=7)
        assert order.told() == ["DownloadScheduled"]
        order.site.clock.now += 3700
        await order.heard("InstallScheduled")
        assert order.told()[-1] == "InstallScheduled"
        order.site.clock.now += 3700
        await order.heard("Installed")
        assert order.told() == ["DownloadScheduled", *WHOLE[:3], "InstallScheduled", *WHOLE[3:]]

    ordering(test)


@VERSIONS
@pytest.mark.ocpp("2.x:L01.FR.24")
def test_a_new_order_takes_the_place_of_one_that_waits(ordering: Ordering, version: str) -> None:
    async def test(order: Order) -> None:
        assert await order.give(request_id=7, retrieve=at(3600)) == "Accepted"
        await order.heard("DownloadScheduled")
        assert await order.give(request_id=8) == "AcceptedCanceled"
        await order.heard("Installed", request_id=8)
        assert order.told(7) == ["DownloadScheduled", "DownloadFailed"]

    ordering(test, version)


@pytest.mark.ocpp("2.0.1:TC_L_18", "2.x:L01.FR.09", "2.x:L01.FR.11")
def test_software_without_a_signature_is_refused(ordering: Ordering, files: Any) -> None:
    async def test(order: Order) -> None:
        assert await order.give(signed=False) == "Rejected"
        assert files.asked == []

    ordering(test)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.ocpp("2.x:L02.FR.01", "2.x:L02.FR.02", "2.x:L02.FR.06", "2.x:L02.FR.07", "2.x:L02.FR.10", "2.x:L02.FR.14")
@pytest.mark.ocpp("2.x:L02.FR.16", "2.x:L02.FR.17", "2.x:L02.FR.20")
def test_unsigned_software_where_the_operator_takes_it(ordering: Ordering, tmp_path: Path, version: str) -> None:
    async def test(order: Order) -> None:
        csms = order.site.csms
        assert await order.give(signed=False, retrieve=at(3600), install=at(7200)) == "Accepted"
        await order.heard("DownloadScheduled")
        assert await order.trigger() == "Accepted"
        await csms.heard("FirmwareStatusNotification", 2, status="DownloadScheduled", requestId=7)
        order.site.clock.now += 3700
        await order.heard("InstallScheduled")
        assert not (tmp_path / "slots" / "slot-b").exists()
        order.site.clock.now += 3700
        await order.heard("Installed")
        assert (tmp_path / "slots" / "slot-b").read_bytes() == IMAGE
        assert await order.trigger() == "Accepted"
        assert "requestId" not in await csms.heard("FirmwareStatusNotification", status="Idle")
        said = [payload for name, payload in csms.calls if name == "FirmwareStatusNotification"]
        assert [each["status"] for each in said if each.get("requestId") == 7] == [
            "DownloadScheduled",
            "DownloadScheduled",  # asked for
            "Downloading",
            "Downloaded",
            "InstallScheduled",
            "Installing",
            "Installed",
        ]

    ordering(test, version, unsigned=True)


EITHER = pytest.mark.parametrize(("version", "signed"), [("2.0.1", True), ("2.1", False)])


# --- beside charging ------------------------------------------------------------------------------------------------


@EITHER
@pytest.mark.ocpp("2.x:L01.FR.06", "2.x:L01.FR.10", "2.x:L01.FR.20", "2.0.1:TC_L_14", "2.x:L02.FR.03")
def test_new_sessions_may_begin_while_it_waits_where_that_is_wanted(
    ordering: Ordering, version: str, signed: bool
) -> None:
    async def test(order: Order) -> None:
        lab = order.lab
        order.site.station.set_variable("ChargingStation.AllowNewSessionsPendingFirmwareUpdate", "true")
        await lab.charge("FIRST", 1)
        assert await order.give(signed=signed, install=at(-7200)) == "Accepted"
        await order.heard("InstallScheduled")
        await lab.charge("SECOND", 2)
        await leave(lab, "FIRST", 1)
        assert order.told()[-1] == "InstallScheduled", "the second one still charges"
        await leave(lab, "SECOND", 2)
        await order.heard("Installed")
        verified = ["SignatureVerified"] if signed else []
        before = ["Downloading", "Downloaded", *verified, "InstallScheduled"]
        assert order.told() == [*before, "Installing", "Installed"]
        await order.site.csms.heard("SecurityEventNotification", type="FirmwareUpdated")

    ordering(test, version, unsigned=not signed, charging=True)


@EITHER
@pytest.mark.ocpp("2.x:L01.FR.07", "2.x:L01.FR.33", "2.0.1:TC_L_15")
@pytest.mark.ocpp("2.x:L02.FR.03", "2.x:L02.FR.04", "2.x:L02.FR.21", "2.x:L02.FR.22")
def test_nothing_new_begins_until_the_new_software_runs(ordering: Ordering, version: str, signed: bool) -> None:
    async def test(order: Order) -> None:
        lab, csms = order.lab, order.site.csms
        await lab.charge("FIRST", 1)
        assert await order.give(signed=signed) == "Accepted"
        await order.heard("InstallScheduled")
        await csms.heard("StatusNotification", evseId=2, connectorStatus="Unavailable")
        assert not (await lab.swipe("SECOND", 2)).accepted
        assert lab.station.evses[1].closed, "who charges is not disturbed"
        await leave(lab, "FIRST", 1)
        await csms.heard("StatusNotification", evseId=1, connectorStatus="Unavailable")
        await order.heard("InstallRebooting")
        lab.guard.held = False
        before = len(csms.calls)
        await order.site.reboot()
        await order.heard("Installed")
        boot = next(payload for name, payload in csms.calls[before:] if name == "BootNotification")
        assert boot["reason"] == "FirmwareUpdate"
        for evse in (1, 2):
            await lab.until(lambda: told_last(csms, evse) == "Available")  # noqa: B023 - awaited here
        verified = ["SignatureVerified"] if signed else []
        first = ["Downloading", "Downloaded", *verified, "InstallScheduled"]
        assert order.told() == [*first, "Installing", "InstallRebooting", "Installed"]

    ordering(test, version, image=b"needs a restart", unsigned=not signed, charging=True)


async def leave(lab: Any, card: str, evse: int) -> None:
    await lab.swipe(card, evse)
    lab.move(evse, level="A")
    await lab.until(lambda: lab.station.evses[evse].transaction_id is None)


def told_last(csms: Any, evse: int) -> str:
    said = [payload for name, payload in csms.calls if name == "StatusNotification" and payload["evseId"] == evse]
    return str(said[-1]["connectorStatus"])


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.ocpp("2.0.1:TC_F_19", "2.x:L01.FR.26", "2.x:F06.FR.10")
def test_who_asks_during_a_download_hears_of_it(ordering: Ordering, files: Any, version: str) -> None:
    async def test(order: Order) -> None:
        files.stalled.set()
        assert await order.give() == "Accepted"
        await order.heard("Downloading")
        assert await order.trigger() == "Accepted"
        await order.site.csms.heard("FirmwareStatusNotification", 2, status="Downloading", requestId=7)
        files.released.set()
        await order.heard("Installed")

    ordering(test, version)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.ocpp("2.0.1:TC_L_10", "2.x:L01.FR.24")
def test_a_new_order_takes_the_place_of_one_that_is_being_fetched(
    ordering: Ordering, files: Any, tmp_path: Path, version: str
) -> None:
    async def test(order: Order) -> None:
        files.stalled.set()
        assert await order.give(7) == "Accepted"
        await order.heard("Downloading")
        assert await order.give(8) == "AcceptedCanceled"
        files.released.set()
        await order.heard("Installed", 8)
        assert order.told(7) == ["Downloading", "DownloadFailed"]
        assert order.told(8) == WHOLE
        assert (tmp_path / "slots" / "slot-b").read_bytes() == IMAGE

    ordering(test, version)


# --- 1.6 ------------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:L01.FR.20")
def test_16_unsigned_software_is_not_supported(ordering: Ordering) -> None:
    async def test(order: Order) -> None:
        with pytest.raises(OCPPError) as refused:
            await order.site.csms.ask("UpdateFirmware", location=order.url, retrieve_date=at(0))
        assert refused.value.code == "NotSupported"

    ordering(test, "1.6")


@pytest.mark.ocpp("1.6:UpdateFirmware", "1.6:FirmwareStatusNotification", "1.6:TC_044_1")
def test_16_unsigned_software_where_the_operator_takes_it(ordering: Ordering) -> None:
    async def test(order: Order) -> None:
        await order.site.csms.ask("UpdateFirmware", location=order.url, retrieve_date=at(0))
        await order.site.csms.heard("FirmwareStatusNotification", within=20.0, status="Installed")
        told = [payload["status"] for name, payload in order.site.csms.calls if name == "FirmwareStatusNotification"]
        assert told == ["Downloading", "Downloaded", "Installing", "Installed"]

    ordering(test, "1.6", unsigned=True)


@pytest.mark.ocpp("1.6:UpdateFirmware", "1.6:FirmwareStatusNotification", "1.6:TC_044_2", "1.6:TC_044_3")
@pytest.mark.parametrize("wrong", ["there is no image", "it does not fit", "it cannot be written"])
def test_16_unsigned_software_that_cannot_be_had_or_not_be_installed(
    ordering: Ordering, tmp_path: Path, wrong: str
) -> None:
    expected = {
        "there is no image": ["Downloading", "DownloadFailed"],
        "it does not fit": ["Downloading", "Downloaded", "InstallationFailed"],
        "it cannot be written": ["Downloading", "Downloaded", "Installing", "InstallationFailed"],
    }[wrong]
    if wrong == "it cannot be written":
        (tmp_path / "slots" / "slot-b").mkdir(parents=True)

    async def test(order: Order) -> None:
        url = order.url.replace("image", "missing") if wrong == "there is no image" else order.url
        await order.site.csms.ask("UpdateFirmware", location=url, retrieve_date=at(0), retries=1, retry_interval=0)
        await order.site.csms.heard("FirmwareStatusNotification", within=20.0, status=expected[-1])
        told = [payload["status"] for name, payload in order.site.csms.calls if name == "FirmwareStatusNotification"]
        assert told == expected

    ordering(test, "1.6", unsigned=True, image=b"BROKEN" if wrong == "it does not fit" else IMAGE)
