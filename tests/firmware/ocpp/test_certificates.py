"""TLS to the back office and the certificates behind it, between a real station and a real TLS server."""

import asyncio
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ocpp.v16 import call_result as result16

from firmware.station.facts import SecurityEvent

OnSite = Callable[..., None]
NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)  # the station's clock
PASSWORD = "the-password-of-this-station"
LEVEL = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


def events(site: Any) -> list[str]:
    return [fact.kind for fact in site.facts if isinstance(fact, SecurityEvent)]


class Ca:
    """A root and what it signs, valid both by the station's clock (2027) and by that of the TLS library."""

    def __init__(self, folder: Path, name: str, above: "Ca | None" = None) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = above or self
        self.certificate = self._sign(issuer, self.name, self.key.public_key(), ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_text(self.pem)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def _sign(
        self, issuer: "Ca", subject: x509.Name, public: Any, *, ca: bool = False, ip: str = "", days: int = 3650
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=4000))
            .not_valid_after(datetime.now(UTC) + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        )
        if ip:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(ip))]), critical=False
            )
        return builder.sign(issuer.key, hashes.SHA256())

    def server(self, ip: str = "127.0.0.1", days: int = 3650) -> Path:
        """A server's certificate with its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(
            self, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ip)]), key.public_key(), ip=ip, days=days
        )
        path = self.folder / f"server-{made.serial_number:x}.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + made.public_bytes(Encoding.PEM))
        return path

    def answer(self, csr: str, days: int = 3650) -> str:
        """The certificate that a request asks for (PEM)."""
        request = x509.load_pem_x509_csr(csr.encode())
        assert request.is_signature_valid
        return self._sign(self, request.subject, request.public_key(), days=days).public_bytes(Encoding.PEM).decode()


def serving(server: Path, ca: Ca | None = None, **limits: Any) -> Callable[[Any], None]:
    """A TLS back office; with `ca` it wants our certificate."""

    def opening(csms: Any) -> None:
        csms.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        csms.tls.load_cert_chain(server)
        if ca is not None:
            csms.tls.verify_mode = ssl.CERT_REQUIRED
            csms.tls.load_verify_locations(ca.file)
        for name, value in limits.items():
            if name == "ciphers":
                csms.tls.set_ciphers(value)
            else:
                setattr(csms.tls, name, value)

    return opening


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path, "root")


# --- whom we talk to ------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.x:A00.FR.308", "2.x:A00.FR.309", "2.x:A00.FR.310", "2.x:A00.FR.311", "2.0.1:TC_A_05")
@pytest.mark.parametrize("wrong", ["root", "name", "expired"])
def test_a_server_that_cannot_prove_itself_gets_nothing_but_an_event(
    on_site: OnSite, ca: Ca, tmp_path: Path, wrong: str
) -> None:
    server = {
        "root": lambda: Ca(tmp_path, "stranger").server(),
        "name": lambda: ca.server("127.0.0.2"),
        "expired": lambda: ca.server(days=-1),
    }[wrong]()

    async def test(site: Any) -> None:
        await until(lambda: "InvalidCsmsCertificate" in events(site))
        await asyncio.sleep(1.5)  # another attempt, which is not told again (A00.FR.316, note)
        assert events(site).count("InvalidCsmsCertificate") == 1
        assert site.csms.calls == []

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(server), is_managed=True)


@pytest.mark.ocpp("1.6:TC_078", "1.6:SecurityEventNotification", "1.6:A00.FR.309", "1.6:A00.FR.310")
def test_16_a_server_that_could_not_prove_itself_hears_of_it_when_it_can(
    on_site: OnSite, ca: Ca, tmp_path: Path
) -> None:
    event = "InvalidCentralSystemCertificate"

    async def test(site: Any) -> None:
        await until(lambda: "InvalidCsmsCertificate" in events(site))
        assert site.csms.calls == []
        site.csms.tls.load_cert_chain(ca.server())
        await site.csms.heard("SecurityEventNotification", within=20.0, type=event)
        kind = {"certificate_type": "CentralSystemRootCertificate", "certificate": "-----BEGIN CERTIFICATE-----"}
        assert (await site.csms.ask("InstallCertificate", **kind)).status == "Rejected"
        told = await site.csms.heard("SecurityEventNotification", 2, type=event)
        assert told["techInfo"].startswith("not installed: ")

    opening = serving(Ca(tmp_path, "stranger").server())
    on_site(test, version="1.6", password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.ocpp("2.x:A00.FR.313", "2.x:A00.FR.316", "2.x:A00.FR.419", "2.0.1:TC_A_06")
def test_old_tls_is_refused_and_told(on_site: OnSite, ca: Ca) -> None:
    old: dict[str, Any] = {
        "minimum_version": ssl.TLSVersion.TLSv1,
        "maximum_version": ssl.TLSVersion.TLSv1_1,
        "ciphers": "ALL:@SECLEVEL=0",
    }

    async def test(site: Any) -> None:
        await until(lambda: "InvalidTLSVersion" in events(site))
        assert site.csms.calls == []

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(ca.server(), **old), is_managed=True)


@pytest.mark.ocpp("2.x:A00.FR.320", "2.x:A00.FR.323", "2.x:A00.FR.426")
def test_weak_suites_are_refused_and_told(on_site: OnSite, ca: Ca) -> None:
    weak: dict[str, Any] = {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-ECDSA-AES128-SHA"}

    async def test(site: Any) -> None:
        await until(lambda: "InvalidTLSCipherSuite" in events(site))
        assert site.csms.calls == []

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(ca.server(), **weak), is_managed=True)


@pytest.mark.ocpp("2.x:A00.FR.319", "2.0.1:TC_A_04")
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"])
def test_the_suites_of_the_specification_are_spoken(on_site: OnSite, ca: Ca, suite: str) -> None:
    async def test(site: Any) -> None:
        await site.csms.heard("BootNotification")

    only = serving(ca.server(), maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=suite)
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=only, is_managed=True)


# --- who we are -----------------------------------------------------------------------------------------------------


@pytest.mark.ocpp(
    "2.x:A02.FR.02", "2.x:A02.FR.03", "2.x:A02.FR.06", "2.x:A02.FR.13", "2.x:A05.FR.03", "2.x:A05.FR.04",
    "2.x:A05.FR.06", "2.x:A00.FR.401", "2.x:A00.FR.402", "2.0.1:TC_A_11", "2.0.1:TC_A_19",
    "2.0.1:TC_A_07", "2.0.1:TC_A_21",
)  # fmt: skip
def test_from_password_to_certificate(on_site: OnSite, ca: Ca, back_office: Any, tmp_path: Path) -> None:
    """Profile 2 to 3: a certificate is signed, a slot with profile 3 is set and used, the old slot is gone."""
    strict = back_office()
    serving(ca.server(), ca)(strict)

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        await strict.open()
        data = {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": strict.url,
            "messageTimeout": 30,
            "securityProfile": 3,
            "ocppInterface": "Wired0",
        }
        answer = await site.csms.ask("SetNetworkProfile", configuration_slot=2, connection_data=data)
        assert answer.status == "Accepted"
        set_priority = {"set_variable_data": [{**PRIORITY, "attributeValue": "2,1"}]}
        answer = await site.csms.ask("SetVariables", **set_priority)
        assert answer.set_variable_result[0]["attribute_status"] == "Rejected"  # no certificate yet
        answer = await site.csms.ask("TriggerMessage", requested_message="SignChargingStationCertificate")
        assert answer.status == "Accepted"
        asked = await site.csms.heard("SignCertificate")
        assert asked["certificateType"] == "ChargingStationCertificate"
        signed = await site.csms.ask(
            "CertificateSigned",
            certificate_chain=ca.answer(asked["csr"]),
            certificate_type="ChargingStationCertificate",
        )
        assert signed.status == "Accepted"
        answer = await site.csms.ask("SetVariables", **set_priority)
        assert answer.set_variable_result[0]["attribute_status"] == "RebootRequired"
        site.client._uplink.routes.begin()  # as after a restart
        await site.csms.drop()
        await until(lambda: strict.connections == 1 and site.client.connected)
        assert strict.logins == [""]  # no password goes along with a certificate
        for what, value in ((LEVEL, "3"), (PRIORITY, "2")):
            answer = await strict.ask("GetVariables", get_variable_data=[what])
            assert answer.get_variable_result[0]["attribute_value"] == value
        assert not list((tmp_path / "certificates").rglob("*.new"))  # proven
        await strict.close()

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(ca.server()), is_managed=True)


@pytest.mark.ocpp("1.6:TC_074", "1.6:TC_087", "1.6:TC_083", "1.6:SecurityProfile", "1.6:A05.FR.02", "1.6:A05.FR.03")
@pytest.mark.ocpp("1.6:ExtendedTriggerMessage", "1.6:SignCertificate", "1.6:CertificateSigned")
def test_16_from_password_to_certificate(on_site: OnSite, ca: Ca, tmp_path: Path) -> None:
    """Profile 2 to 3 on the same server: a certificate is signed, the key SecurityProfile is raised, and the connection
    is made with the certificate instead of the password."""

    async def test(site: Any) -> None:
        async def raise_it() -> str:
            return str((await site.csms.ask("ChangeConfiguration", key="SecurityProfile", value="3")).status)

        await site.told("StatusNotification", 3)
        assert await raise_it() == "Rejected"  # no certificate yet
        answer = await site.csms.ask("ExtendedTriggerMessage", requested_message="SignChargePointCertificate")
        assert answer.status == "Accepted"
        asked = await site.csms.heard("SignCertificate")
        subject = x509.load_pem_x509_csr(asked["csr"].encode()).subject.rfc4514_string()
        assert "CN=S-1" in subject  # the serial number (A00.FR.411)
        signed = await site.csms.ask("CertificateSigned", certificate_chain=ca.answer(asked["csr"]))
        assert signed.status == "Accepted"
        site.csms.tls.verify_mode = ssl.CERT_REQUIRED
        site.csms.tls.load_verify_locations(ca.file)
        before = site.csms.connections
        assert await raise_it() == "Accepted"
        await until(lambda: site.csms.connections > before and site.client.connected)
        assert site.csms.logins[-1] == ""  # no password goes along with a certificate
        shown = await site.csms.ask("GetConfiguration", key=["SecurityProfile"])
        assert shown.configuration_key[0]["value"] == "3"
        assert not list((tmp_path / "certificates").rglob("*.new"))  # proven

    opening = serving(ca.server())
    on_site(test, version="1.6", password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True)


@pytest.mark.ocpp("2.x:A02.FR.07", "2.x:A02.FR.16", "2.x:A02.FR.20", "2.0.1:TC_A_14", "1.6:TC_077")
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("wrong", ["stranger", "expired", "other key", "garbage"])
def test_a_wrong_certificate_is_rejected_and_told(
    on_site: OnSite, ca: Ca, tmp_path: Path, version: str, wrong: str
) -> None:
    renamed = {"1.6": "InvalidChargePointCertificate"}.get(version, "InvalidChargingStationCertificate")

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        ask = "ExtendedTriggerMessage" if version == "1.6" else "TriggerMessage"
        message = "SignChargePointCertificate" if version == "1.6" else "SignChargingStationCertificate"
        assert (await site.csms.ask(ask, requested_message=message)).status == "Accepted"
        csr = (await site.csms.heard("SignCertificate"))["csr"]
        makers: dict[str, Callable[[], str]] = {
            "stranger": lambda: Ca(tmp_path, "stranger").answer(csr),
            "expired": lambda: ca.answer(csr, days=-1),
            "other key": lambda: ca.server().read_text(),
            "garbage": lambda: "hello",
        }
        answer = await site.csms.ask("CertificateSigned", certificate_chain=makers[wrong]())
        assert answer.status == "Rejected"
        await site.csms.heard("SecurityEventNotification", type=renamed)

    served = {"password": PASSWORD, "ca_file": str(ca.file), "opening": serving(ca.server()), "is_managed": True}
    on_site(test, version=version, **served)


@pytest.mark.ocpp("2.x:A02.FR.17", "2.x:A02.FR.18", "2.x:A02.FR.19", "2.0.1:TC_A_23")
def test_a_request_is_repeated_with_growing_pauses(on_site: OnSite, ca: Ca) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        began = asyncio.get_running_loop().time()
        await site.csms.ask("TriggerMessage", requested_message="SignChargingStationCertificate")
        first = await site.csms.heard("SignCertificate")
        again = await site.csms.heard("SignCertificate", 3, within=20.0)
        assert asyncio.get_running_loop().time() - began >= 3.0  # 1 s, then 2 s
        assert again["csr"] == first["csr"]
        chain = ca.answer(first["csr"])
        assert (await site.csms.ask("CertificateSigned", certificate_chain=chain)).status == "Accepted"

    quick = {"SecurityCtrlr.CertSigningWaitMinimum": "1", "SecurityCtrlr.CertSigningRepeatTimes": "1"}
    opening = serving(ca.server())
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=quick)


@pytest.mark.ocpp("2.x:A02.FR.11", "2.0.1:TC_A_15")
def test_a_refused_request_is_not_repeated(on_site: OnSite, ca: Ca) -> None:
    from ocpp.v201 import call_result  # noqa: PLC0415 - only here

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.replies["SignCertificate"].append(call_result.SignCertificate(status="Rejected"))
        await site.csms.ask("TriggerMessage", requested_message="SignChargingStationCertificate")
        await site.told("SignCertificate")
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("certificate ")])
        assert site.csms.actions().count("SignCertificate") == 1

    quick = {"SecurityCtrlr.CertSigningWaitMinimum": "1"}
    opening = serving(ca.server())
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=quick)


@pytest.mark.ocpp("2.1:A02.FR.22", "2.1:A02.FR.23", "2.1:A02.FR.24", "2.1:A02.FR.26")
def test_21_requests_have_numbers(on_site: OnSite, ca: Ca) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        await site.csms.ask("TriggerMessage", requested_message="SignV2G20Certificate")
        asked = await site.csms.heard("SignCertificate")
        assert asked["certificateType"] == "V2G20Certificate"
        chain = ca.answer(asked["csr"])
        unknown = await site.csms.ask("CertificateSigned", certificate_chain=chain, request_id=99)
        assert unknown.status == "Rejected"
        await site.csms.ask("InstallCertificate", certificate_type="V2GRootCertificate", certificate=ca.pem)
        good = await site.csms.ask("CertificateSigned", certificate_chain=chain, request_id=asked["requestId"])
        assert good.status == "Accepted"
        found = await site.csms.ask("GetInstalledCertificateIds", certificate_type=["V2GCertificateChain"])
        assert found.status == "Accepted"

    on_site(test, version="2.1", is_managed=True)


# --- roots ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.x:M05.FR.01", "2.x:M05.FR.02", "2.x:M03.FR.01", "2.x:M03.FR.02", "2.x:M03.FR.03", "2.x:M04.FR.01")
@pytest.mark.ocpp(
    "2.0.1:TC_M_01",
    "2.0.1:TC_M_02",
    "2.0.1:TC_M_12",
    "2.0.1:TC_M_13",
    "2.0.1:TC_M_17",
    "2.0.1:TC_M_18",
    "2.0.1:TC_M_19",
)
def test_roots_are_installed_listed_and_deleted(on_2x: OnSite, ca: Ca) -> None:
    async def test(site: Any) -> None:
        nothing = await site.csms.ask("GetInstalledCertificateIds")
        assert nothing.status == "NotFound"
        for kind in ("CSMS", "Manufacturer", "V2G", "MO"):
            answer = await site.csms.ask(
                "InstallCertificate", certificate_type=f"{kind}RootCertificate", certificate=ca.pem
            )
            assert answer.status == "Accepted"
        listed = await site.csms.ask("GetInstalledCertificateIds")
        kinds = [each["certificate_type"] for each in listed.certificate_hash_data_chain]
        assert kinds == [f"{kind}RootCertificate" for kind in ("CSMS", "Manufacturer", "V2G", "MO")]
        only = await site.csms.ask("GetInstalledCertificateIds", certificate_type=["MORootCertificate"])
        assert len(only.certificate_hash_data_chain) == 1
        bad = await site.csms.ask(
            "InstallCertificate", certificate_type="MORootCertificate", certificate="-----BEGIN CERTIFICATE-----"
        )
        assert bad.status == "Rejected"
        named = only.certificate_hash_data_chain[0]["certificate_hash_data"]
        data = {
            "hashAlgorithm": named["hash_algorithm"],
            "issuerNameHash": named["issuer_name_hash"],
            "issuerKeyHash": named["issuer_key_hash"],
            "serialNumber": "1234",
        }
        unknown = await site.csms.ask("DeleteCertificate", certificate_hash_data=data)
        assert unknown.status == "NotFound"
        last = {**data, "serialNumber": named["serial_number"]}
        assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=last)).status == "Failed"  # the CSMS's

    on_2x(test, is_managed=True)


@pytest.mark.ocpp("2.x:M05.FR.12", "2.x:M05.FR.13", "2.x:M05.FR.14", "2.0.1:TC_M_30", "2.0.1:TC_M_31", "2.0.1:TC_M_09")
def test_a_new_root_takes_over_when_it_is_proven(on_site: OnSite, ca: Ca, tmp_path: Path) -> None:
    new = Ca(tmp_path, "new", ca)

    async def roots(site: Any) -> int:
        found = await site.csms.ask("GetInstalledCertificateIds", certificate_type=["CSMSRootCertificate"])
        return len(found.certificate_hash_data_chain)

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        stranger = Ca(tmp_path, "stranger").pem
        answer = await site.csms.ask("InstallCertificate", certificate_type="CSMSRootCertificate", certificate=stranger)
        assert answer.status == "Rejected"
        answer = await site.csms.ask("InstallCertificate", certificate_type="CSMSRootCertificate", certificate=new.pem)
        assert answer.status == "Accepted"
        await site.csms.drop()  # the server still shows a certificate of the old root
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert await roots(site) == 2
        site.csms.tls.load_cert_chain(new.server())
        await site.csms.drop()
        await until(lambda: site.csms.connections == 3 and site.client.connected)
        await until(lambda: not list((tmp_path / "certificates" / "csms" / "fallback").glob("*.pem")))
        assert await roots(site) == 1

    checked = {"SecurityCtrlr.AdditionalRootCertificateCheck": "true"}
    opening = serving(ca.server())
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=checked)


@pytest.mark.ocpp(
    "1.6:InstallCertificate", "1.6:GetInstalledCertificateIds", "1.6:DeleteCertificate", "1.6:TC_075_1", "1.6:TC_075_2"
)
@pytest.mark.ocpp("1.6:TC_076")
@pytest.mark.parametrize("kind", ["ManufacturerRootCertificate", "CentralSystemRootCertificate"])
def test_16_roots_are_installed_listed_and_deleted(on_site: OnSite, ca: Ca, tmp_path: Path, kind: str) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        assert (await site.csms.ask("GetInstalledCertificateIds", certificate_type=kind)).status == "NotFound"
        answer = await site.csms.ask("InstallCertificate", certificate_type=kind, certificate=ca.pem)
        assert answer.status == "Accepted"
        (named,) = (await site.csms.ask("GetInstalledCertificateIds", certificate_type=kind)).certificate_hash_data
        data = {
            "hashAlgorithm": named["hash_algorithm"],
            "issuerNameHash": named["issuer_name_hash"],
            "issuerKeyHash": named["issuer_key_hash"],
            "serialNumber": named["serial_number"],
        }
        if kind == "CentralSystemRootCertificate":  # the last one stays; with another beside it, it may go
            assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=data)).status == "Failed"
            other = Ca(tmp_path, "other").pem
            answer = await site.csms.ask("InstallCertificate", certificate_type=kind, certificate=other)
            assert answer.status == "Accepted"
        assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=data)).status == "Accepted"
        assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=data)).status == "NotFound"

    on_site(test, version="1.6", is_managed=True)


# --- 1.6: certificates for cars, inside DataTransfer ----------------------------------------------------------------

PNC = "org.openchargealliance.iso15118pnc"


async def inside(site: Any, message: str, **data: Any) -> dict[str, Any]:
    """What stands in the answer to a message of the application note."""
    answer = await site.csms.ask("DataTransfer", vendor_id=PNC, message_id=message, data=json.dumps(data))
    assert answer.status == "Accepted"
    found: dict[str, Any] = json.loads(answer.data)
    return found


@pytest.mark.ocpp("1.6:DataTransfer", "1.6:TC_062")
def test_16_a_certificate_for_cars_is_signed_listed_and_deleted(on_site: OnSite, ca: Ca) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.replies["DataTransfer"].append(result16.DataTransfer("Accepted", json.dumps({"status": "Accepted"})))
        root = {"certificateType": "V2GRootCertificate", "certificate": ca.pem}
        assert await inside(site, "InstallCertificate", **root) == {"status": "Accepted"}
        trigger = {"requestedMessage": "SignV2GCertificate"}
        assert await inside(site, "TriggerMessage", **trigger) == {"status": "Accepted"}
        asked = await site.csms.heard("DataTransfer", vendorId=PNC, messageId="SignCertificate")
        request = json.loads(asked["data"])
        assert request["certificateType"] == "V2GCertificate"
        chain = ca.answer(request["csr"])
        assert await inside(site, "CertificateSigned", certificateChain=chain) == {"status": "Accepted"}
        listed = await inside(site, "GetInstalledCertificateIds")
        kinds = [each["certificateType"] for each in listed["certificateHashDataChain"]]
        assert kinds == ["V2GRootCertificate", "V2GCertificateChain"]
        ours = await inside(site, "GetInstalledCertificateIds", certificateType=["V2GRootCertificate"])
        (named,) = (each["certificateHashData"] for each in ours["certificateHashDataChain"])
        assert await inside(site, "DeleteCertificate", certificateHashData=named) == {"status": "Accepted"}
        assert (await inside(site, "DeleteCertificate", certificateHashData=named))["status"] == "NotFound"

    on_site(test, version="1.6", is_managed=True)


@pytest.mark.ocpp("1.6:DataTransfer", "1.6:TC_062")
def test_16_the_outer_status_only_says_whether_it_was_understood(on_site: OnSite, ca: Ca) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")

        async def status(message: str, data: str) -> str:
            answer = await site.csms.ask("DataTransfer", vendor_id=PNC, message_id=message, data=data)
            return str(answer.status)

        assert await status("GetPresent", "{}") == "UnknownMessageId"
        assert await status("InstallCertificate", "{}") == "Rejected"  # no such payload
        assert await status("TriggerMessage", "no JSON") == "Rejected"
        unasked = await inside(site, "CertificateSigned", certificateChain=ca.pem)
        assert unasked["status"] == "Rejected"
        assert await inside(site, "TriggerMessage", requestedMessage="Heartbeat") == {"status": "NotImplemented"}

    on_site(test, version="1.6", is_managed=True)


@pytest.mark.ocpp("1.6:DataTransfer")
@pytest.mark.parametrize("inner", ['{"status":"Rejected"}', "", "no JSON"])
def test_16_a_refused_request_for_cars_is_not_repeated(on_site: OnSite, inner: str) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.replies["DataTransfer"].append(result16.DataTransfer("Accepted", inner))
        assert await inside(site, "TriggerMessage", requestedMessage="SignV2GCertificate") == {"status": "Accepted"}
        await site.told("DataTransfer")
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("certificate ")])
        assert site.csms.actions().count("DataTransfer") == 1

    on_site(test, version="1.6", is_managed=True, variables={"SecurityCtrlr.CertSigningWaitMinimum": "1"})
