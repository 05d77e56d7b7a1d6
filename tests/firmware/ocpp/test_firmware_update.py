"""Firmware updates between both sides: a back office that orders, a file server, and the simulated A/B updater."""

import base64
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
from ocpp.exceptions import OCPPError

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


def maker(kind: str = "ec", days: int = 300) -> Maker:
    root_key = ec.generate_private_key(ec.SECP256R1())
    key: Any = root_key if kind == "self" else ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "maker")])
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])

    def made(subject: x509.Name, public: Any, ca: bool, until: int) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOON - timedelta(days=30))
            .not_valid_after(NOON + timedelta(days=until))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(root_key, SHA256())
        )

    return Maker(made(name, root_key.public_key(), True, 3000), made(who, key.public_key(), False, days), key)


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

    async def install_root(self) -> None:
        kind = {"certificate_type": "ManufacturerRootCertificate", "certificate": self.by.root_pem}
        assert (await self.site.csms.ask("InstallCertificate", **kind)).status == "Accepted"

    async def give(self, request_id: int = 7, retries: int = 0, signature: str | None = None, **times: str) -> str:
        firmware = {
            "location": self.url,
            "retrieveDateTime": times.pop("retrieve", at(-7200)),
            "signingCertificate": self.by.signer_pem,
            "signature": signature or self.by.sign(self.image),
        }
        if "install" in times:
            firmware["installDateTime"] = times["install"]
        action = "SignedUpdateFirmware" if self.version == "1.6" else "UpdateFirmware"
        order = {"request_id": request_id, "firmware": firmware, "retries": retries, "retry_interval": 0}
        status: str = (await self.site.csms.ask(action, **order)).status
        return status

    async def heard(self, status: str, request_id: int = 7) -> None:
        action = "SignedFirmwareStatusNotification" if self.version == "1.6" else "FirmwareStatusNotification"
        await self.site.csms.heard(action, within=20.0, status=status, requestId=request_id)

    def told(self, request_id: int = 7) -> list[str]:
        facts = (fact for fact in self.site.facts if isinstance(fact, FirmwareStatus))
        return [fact.status for fact in facts if fact.request_id == request_id]


Ordering = Callable[..., None]


@pytest.fixture
def ordering(on_site: OnSite, serve: Any, files: Any, tmp_path: Path) -> Ordering:
    """Run a test with an order at hand; its image is on a file server, the manufacturer's root is installed."""

    def run(
        test: Any, version: str = "2.0.1", *, image: bytes = IMAGE, by: Maker | None = None, unsigned: bool = False
    ) -> None:
        files.files["/image"] = image
        url = f"http://127.0.0.1:{serve()}/image"
        installer = (sys.executable, "-m", "hil.updater", str(tmp_path / "slots"))

        async def ready(site: Any) -> None:
            await site.told("StatusNotification", 2)
            site.station.set_variable("OCPPCommCtrlr.HeartbeatInterval", "86400")  # nobody sets a moved clock back
            order = Order(site, version, url, by or maker(), image)
            await order.install_root()
            await test(order)

        update = UpdateSettings(installer=installer, unsigned=unsigned)
        on_site(ready, version=version, is_managed=True, update=update)

    return run


VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@VERSIONS
@pytest.mark.ocpp("2.x:L01.FR.01", "2.x:L01.FR.04", "2.x:L01.FR.05", "2.x:L01.FR.10", "2.x:L01.FR.12", "2.x:L01.FR.28")
@pytest.mark.ocpp("2.x:L01.FR.31", "2.0.1:TC_L_01", "1.6:SignedUpdateFirmware", "1.6:TC_080", "2.x:L01.FR.25")
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
        trigger = "ExtendedTriggerMessage" if version == "1.6" else "TriggerMessage"
        answer = await order.site.csms.ask(trigger, requested_message="FirmwareStatusNotification")
        assert answer.status == "Accepted"
        signed = "Signed" if version == "1.6" else ""
        await order.site.csms.heard(f"{signed}FirmwareStatusNotification", status="Idle")

    ordering(test, version, by=maker(kind))


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
@pytest.mark.ocpp("2.x:L01.FR.03", "2.0.1:TC_L_06", "1.6:TC_081")
def test_a_changed_image_is_not_installed(ordering: Ordering, tmp_path: Path, version: str) -> None:
    async def test(order: Order) -> None:
        assert await order.give(signature=order.by.sign(b"another image")) == "Accepted"
        await order.heard("InvalidSignature")
        await order.site.csms.heard("SecurityEventNotification", type="InvalidFirmwareSignature")
        assert order.told() == ["Downloading", "Downloaded", "InvalidSignature"]
        assert not (tmp_path / "slots" / "slot-b").exists()

    ordering(test, version)


@pytest.mark.ocpp("2.x:L01.FR.30", "2.0.1:TC_L_07", "1.6:TC_044_2")
def test_a_download_is_tried_so_often_and_no_more(ordering: Ordering, files: Any) -> None:
    async def test(order: Order) -> None:
        order.url = order.url.replace("image", "missing")
        assert await order.give(retries=2) == "Accepted"
        await order.heard("DownloadFailed")
        assert order.told() == ["Downloading", "DownloadFailed"]
        assert files.asked == ["GET /missing"] * 3

    ordering(test)


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
        await order.site.csms.ask("TriggerMessage", requested_message="FirmwareStatusNotification")
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
@pytest.mark.ocpp("2.x:L01.FR.24", "2.0.1:TC_L_10")
def test_a_new_order_takes_the_place_of_one_that_waits(ordering: Ordering, version: str) -> None:
    async def test(order: Order) -> None:
        assert await order.give(request_id=7, retrieve=at(3600)) == "Accepted"
        await order.heard("DownloadScheduled")
        assert await order.give(request_id=8) == "AcceptedCanceled"
        await order.heard("Installed", request_id=8)
        assert order.told(7) == ["DownloadScheduled", "DownloadFailed"]

    ordering(test, version)


@pytest.mark.ocpp("2.0.1:TC_L_18", "2.x:L01.FR.11")
def test_software_without_a_signature_is_refused(ordering: Ordering) -> None:
    async def test(order: Order) -> None:
        plain = {"location": order.url, "retrieveDateTime": at(0)}
        answer = await order.site.csms.ask("UpdateFirmware", request_id=1, firmware=plain)
        assert answer.status == "Rejected"

    ordering(test)


@pytest.mark.ocpp("1.6:L01.FR.20")
def test_16_unsigned_software_is_not_supported(ordering: Ordering) -> None:
    async def test(order: Order) -> None:
        with pytest.raises(OCPPError) as refused:
            await order.site.csms.ask("UpdateFirmware", location=order.url, retrieve_date=at(0))
        assert refused.value.code == "NotSupported"

    ordering(test, "1.6")


@pytest.mark.ocpp("1.6:UpdateFirmware", "1.6:FirmwareStatusNotification", "1.6:TC_044_1", "2.x:L02.FR.01")
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
