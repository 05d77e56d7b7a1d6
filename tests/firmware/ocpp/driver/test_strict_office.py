"""Every use case we drive, before the npm back office `ocpp-rpc` with its strict schemas, over real sockets: each
version with security profiles 0 to 3. One server for all; one connection for each version and profile.
"""

import asyncio
import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware.config import UpdateSettings
from firmware.ocpp.client import load_dialect
from firmware.station.charging_profile import Period
from firmware.station.contracts import OcspRequestData, PresentedContract
from firmware.station.facts import IdToken
from firmware.station.schedule import Needs, Span

AtPlug = Callable[..., None]
Ask = tuple[str, dict[str, Any]]

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

PASSWORD = "the-password-of-this-station"
OCSP = OcspRequestData("aa" * 32, "bb" * 32, "1f", "http://ocsp.example/")
EMAID = IdToken("DEPLTC0000012X", "eMAID")
SCHEMA = "urn:iso:15118:2:2013:MsgDef"
NEEDS = Needs(departure_s=7200.0, energy_wh=20_000.0, max_current_a=16.7, min_current_a=6.0, max_voltage_v=400.0)
IMAGE: Final = b"NOW" + bytes(range(256))  # needs no restart
LATER: Final = "2099-01-01T00:00:00Z"


# --- keys -----------------------------------------------------------------------------------------------------------


class Keys:
    """A root; what it signs for the server, for the station, and what the station asks for."""

    def __init__(self, folder: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
        self.root = self._sign(self.name, self.key.public_key(), ca=True)
        self.root_file = folder / "root.pem"
        self.root_file.write_text(self.root)
        self.server = self._written(folder / "server.pem", "127.0.0.1")
        self.station = self._written(folder / "station.pem", "CS-1")

    def _sign(self, subject: x509.Name, public: Any, *, ca: bool = False) -> str:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .sign(self.key, SHA256())
        )
        return made.public_bytes(Encoding.PEM).decode()

    def _written(self, path: Path, name: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        path.write_text(self._sign(subject, key.public_key()) + pem)
        return path

    def signed(self, image: bytes) -> dict[str, str]:
        """A maker's certificate and its signature, as an order for new software has them."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "maker")])
        signature = base64.b64encode(key.sign(image, ec.ECDSA(SHA256()))).decode()
        return {"signingCertificate": self._sign(name, key.public_key()), "signature": signature}

    def answer(self, csr: str) -> str:
        request = x509.load_pem_x509_csr(csr.encode())
        return self._sign(request.subject, request.public_key())


# --- the server -----------------------------------------------------------------------------------------------------


class Server:
    """The node process: what it told, in order, and lines to it."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.told: list[dict[str, Any]] = []
        command = ["node", "server.js", "1.6,2.0.1,2.1", PASSWORD, str(keys.server), str(keys.root_file)]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdout is not None
        self.ports: list[int] = json.loads(self.process.stdout.readline())["ports"]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def call(self, action: str, payload: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"call": action, "payload": payload}) + "\n")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class StrictOffice:
    """The server as a station's back office, with one security profile."""

    def __init__(self, server: Server, profile: int) -> None:
        self._server = server
        self._from = len(server.told)
        self.shows_certificate = profile == 3
        self.url = f"{'wss' if profile >= 2 else 'ws'}://127.0.0.1:{server.ports[profile]}/ocpp"
        self.asked: set[str] = set()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    @property
    def told(self) -> list[dict[str, Any]]:
        return self._server.told[self._from :]

    @property
    def connections(self) -> int:
        return sum(event["event"] == "connected" for event in self.told)

    def heard_of(self) -> set[str]:
        return {event["action"] for event in self.told if event["event"] == "call"}

    async def heard(self, action: str, **fields: Any) -> dict[str, Any]:
        """Wait until the station has called this, with these fields."""

        def found() -> Iterator[dict[str, Any]]:
            for event in self.told:
                if event["event"] == "call" and event["action"] == action:
                    payload: dict[str, Any] = event["payload"]
                    if all(payload.get(key) == value for key, value in fields.items()):
                        yield payload

        return await self._first(found, f"{action} {fields}")

    async def ask(self, action: str, **payload: Any) -> dict[str, Any]:
        """The station's answer. It must be none of the errors."""
        self.asked.add(action)
        place = len(self._server.told)
        self._server.call(action, payload)

        def found() -> Iterator[dict[str, Any]]:
            for event in self._server.told[place:]:
                if event["event"] in {"answer", "refused"} and event["action"] == action:
                    yield event

        event = await self._first(found, f"the answer to {action}")
        assert event["event"] == "answer", event
        answer: dict[str, Any] = event["payload"]
        return answer

    async def accepted(self, action: str, **payload: Any) -> dict[str, Any]:
        answer = await self.ask(action, **payload)
        assert answer["status"] == "Accepted", (action, answer)
        return answer

    async def _first(self, found: Callable[[], Iterator[dict[str, Any]]], what: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(20):
                while (first := next(found(), None)) is None:  # noqa: ASYNC110 - told by a thread
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"no {what}; so far: {str(self.told[-5:])[-1500:]}") from None
        return first


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def server(ocpp_rpc: Path, keys: Keys) -> Iterator[Server]:
    server = Server(ocpp_rpc, keys)
    yield server
    server.close()


# --- the scenarios --------------------------------------------------------------------------------------------------


def profile(number: int, purpose: str, limit: float = 10.0, *, as_16: bool = False, **more: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    schedule |= {"startSchedule": "2026-01-01T00:00:00Z", **more.pop("schedule", {})}
    return {
        "chargingProfileId" if as_16 else "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule if as_16 else [{"id": 1, **schedule}],
        **more,
    }


async def files_and_certificates(lab: Any, office: StrictOffice, keys: Keys, maker: Keys, url: str) -> None:
    """Certificates, new software and logs; the words of 1.6's security extension are those of 2.x."""
    as_16 = lab.version == "1.6"
    use = "CentralSystemRootCertificate" if as_16 else "CSMSRootCertificate"
    other = "ManufacturerRootCertificate"
    await office.accepted("InstallCertificate", certificateType=use, certificate=keys.root)
    await office.accepted("InstallCertificate", certificateType=other, certificate=maker.root)
    trigger = "ExtendedTriggerMessage" if as_16 else "TriggerMessage"
    signing = "SignChargePointCertificate" if as_16 else "SignChargingStationCertificate"
    await office.accepted(trigger, requestedMessage=signing)
    csr = (await office.heard("SignCertificate"))["csr"]
    before = office.connections
    await office.accepted("CertificateSigned", certificateChain=keys.answer(csr))
    if office.shows_certificate:  # it comes again with the new one
        await lab.until(lambda: office.connections > before)
    log = {"requestId": 1, "log": {"remoteLocation": f"{url}/logs/"}}
    await office.accepted("GetLog", logType="DiagnosticsLog", **log)
    await office.heard("LogStatusNotification", status="Uploaded", requestId=1)
    software = {"location": f"{url}/image", "retrieveDateTime": "2026-01-01T00:00:00Z"}
    signed_update, told = "UpdateFirmware", "FirmwareStatusNotification"
    if as_16:
        signed_update, told = "SignedUpdateFirmware", "SignedFirmwareStatusNotification"
    await office.accepted(signed_update, requestId=2, firmware={**software, **maker.signed(IMAGE)})
    await office.heard(told, requestId=2, status="Installed")
    if as_16:
        await office.ask("UpdateFirmware", location=software["location"], retrieveDate=software["retrieveDateTime"])
        await office.ask("GetDiagnostics", location=f"{url}/logs/")
        await office.heard("DiagnosticsStatusNotification", status="Uploaded")
        await office.heard("FirmwareStatusNotification", status="Installed")
    else:
        await office.accepted("UpdateFirmware", requestId=3, firmware=software)
        await office.heard("FirmwareStatusNotification", status="Installed", requestId=3)
    installed = await office.accepted("GetInstalledCertificateIds", certificateType=other if as_16 else [other])
    hashes = installed["certificateHashData" if as_16 else "certificateHashDataChain"][0]
    hashes = hashes if as_16 else hashes["certificateHashData"]
    await office.accepted("DeleteCertificate", certificateHashData=hashes)


async def contracts(lab: Any, office: StrictOffice) -> None:
    """What a car with a contract has the station ask (in 1.6: inside DataTransfer)."""
    client = lab.site.client
    good = PresentedContract(EMAID, valid=True, ocsp=(OCSP,))
    assert (await client.authorize_contract(good, 1)).accepted
    assert (await client.exchange_certificate("Install", "QUJD", SCHEMA)).exi_response == "QUJD"
    if lab.version != "1.6":
        assert await client.get_certificate_status(OCSP) == b"ABC"


def variable(component: str, name: str) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}}


async def configuration_2x(lab: Any, office: StrictOffice) -> None:
    interval = variable("SampledDataCtrlr", "TxUpdatedInterval")
    await office.ask("SetVariables", setVariableData=[{**interval, "attributeValue": "30"}])
    read = (await office.ask("GetVariables", getVariableData=[interval, variable("No", "Such")]))["getVariableResult"]
    assert [each["attributeStatus"] for each in read] == ["Accepted", "UnknownComponent"]
    for number, base in enumerate(("ConfigurationInventory", "FullInventory", "SummaryInventory"), 1):
        await office.accepted("GetBaseReport", requestId=number, reportBase=base)
        await office.heard("NotifyReport", requestId=number, tbc=None)
    await office.accepted("GetReport", requestId=4, componentVariable=[{"component": {"name": "EVSE"}}])
    await office.heard("NotifyReport", requestId=4)
    await office.accepted("SetMonitoringBase", monitoringBase="All")
    await office.accepted("SetMonitoringLevel", severity=9)
    data = {**interval, "value": 40, "type": "UpperThreshold", "severity": 4}
    (placed,) = (await office.ask("SetVariableMonitoring", setMonitoringData=[data]))["setMonitoringResult"]
    await office.ask("SetVariables", setVariableData=[{**interval, "attributeValue": "50"}])
    await office.heard("NotifyEvent")
    await office.accepted("GetMonitoringReport", requestId=5)
    await office.heard("NotifyMonitoringReport", requestId=5)
    await office.ask("ClearVariableMonitoring", id=[placed["id"]])
    data = {"ocppVersion": "OCPP20", "ocppTransport": "JSON", "ocppCsmsUrl": "wss://127.0.0.1:1/x"}
    data |= {"messageTimeout": 30, "securityProfile": 3, "ocppInterface": "Wired0"}
    await office.ask("SetNetworkProfile", configurationSlot=3, connectionData=data)
    customer = {"requestId": 6, "report": True, "clear": True, "idToken": {"idToken": "DRIVER", "type": "ISO14443"}}
    await office.accepted("CustomerInformation", **customer)
    await office.heard("NotifyCustomerInformation", requestId=6)
    shown = {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "Hello", "language": "en"}}
    await office.accepted("SetDisplayMessage", message=shown)
    await office.accepted("GetDisplayMessages", requestId=7)
    await office.heard("NotifyDisplayMessages", requestId=7)
    await office.accepted("ClearDisplayMessage", id=1)


async def drivers_2x(lab: Any, office: StrictOffice) -> None:
    entry = {"idToken": {"idToken": "LISTED", "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
    full = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    await office.accepted("SendLocalList", **full)
    assert await office.ask("GetLocalListVersion") == {"versionNumber": 1}
    await office.accepted("ClearCache")
    token = {"idToken": "DRIVER", "type": "ISO14443"}
    await office.accepted("ReserveNow", id=1, expiryDateTime=LATER, idToken=token, evseId=1)
    await office.heard("StatusNotification", evseId=1, connectorStatus="Reserved")
    await office.accepted("CancelReservation", reservationId=1)
    await office.accepted("ReserveNow", id=2, expiryDateTime=LATER, idToken=token, evseId=1)
    await office.ask("ChangeAvailability", operationalStatus="Inoperative", evse={"id": 1})
    await office.heard("ReservationStatusUpdate", reservationId=2)
    await office.ask("ChangeAvailability", operationalStatus="Operative", evse={"id": 1})
    await office.heard("StatusNotification", evseId=1, connectorStatus="Available")


async def charging_2x(lab: Any, office: StrictOffice) -> None:
    most = profile(1, "ChargingStationMaxProfile", 24.0)
    await office.accepted("SetChargingProfile", evseId=0, chargingProfile=most)
    await office.accepted("SetChargingProfile", evseId=0, chargingProfile=profile(2, "TxDefaultProfile", 16.0))
    lab.move(1, level="C")
    token = {"idToken": "DRIVER", "type": "ISO14443"}
    wanted = profile(3, "TxProfile", 12.0)
    await office.accepted("RequestStartTransaction", remoteStartId=1, evseId=1, idToken=token, chargingProfile=wanted)
    await lab.until(lambda: lab.station.evses[1].closed)
    running = lab.station.evses[1].transaction_id
    await office.heard("TransactionEvent", eventType="Started")
    await office.accepted("GetCompositeSchedule", evseId=1, duration=600)
    await office.accepted("GetChargingProfiles", requestId=1, chargingProfile={})
    await office.heard("ReportChargingProfiles", requestId=1)
    lab.station.smart_charging.set_external("EMS", [Period(0, 10.0)], "A", grid_critical=True)
    await office.heard("NotifyChargingLimit")
    lab.station.smart_charging.clear_external("EMS")
    await office.heard("ClearedChargingLimit")
    await needs_2x(lab, office, running)
    await triggers_2x(lab, office)
    await office.ask("CostUpdated", totalCost=1.5, transactionId=running)
    await office.ask("GetTransactionStatus", transactionId=running)
    await office.ask("UnlockConnector", evseId=2, connectorId=1)
    await office.ask("DataTransfer", vendorId="nobody")
    if lab.version == "2.1":
        await only_21(office, running)
    await office.accepted("ClearChargingProfile", chargingProfileId=2)
    await lab.wait(120)
    await office.heard("TransactionEvent", triggerReason="MeterValuePeriodic")
    await office.accepted("RequestStopTransaction", transactionId=running)
    await office.heard("TransactionEvent", eventType="Ended")
    lab.move(1, level="A")


async def needs_2x(lab: Any, office: StrictOffice, running: str) -> None:
    planner = lab.station.smart_charging.planner(1)
    planner.needs(NEEDS)
    await office.heard("NotifyEVChargingNeeds")
    plan = profile(3, "TxProfile", 9.0, transactionId=running)
    await office.accepted("SetChargingProfile", evseId=1, chargingProfile=plan)
    await lab.until(lambda: planner.plans(3600.0))
    planner.chosen(planner.plans(3600.0)[0].id, [Span(0.0, 4000.0, "W")])
    await office.heard("NotifyEVChargingSchedule")


async def triggers_2x(lab: Any, office: StrictOffice) -> None:
    evse = {"id": 1, "connectorId": 1}
    for message in ("Heartbeat", "MeterValues", "TransactionEvent", "LogStatusNotification"):
        await office.accepted("TriggerMessage", requestedMessage=message, evse={"id": 1})
    await office.accepted("TriggerMessage", requestedMessage="StatusNotification", evse=evse)
    await office.accepted("TriggerMessage", requestedMessage="FirmwareStatusNotification")
    for action in ("Heartbeat", "MeterValues", "LogStatusNotification", "FirmwareStatusNotification"):
        await office.heard(action)
    await office.heard("TransactionEvent", triggerReason="Trigger")


async def only_21(office: StrictOffice, running: str) -> None:
    fast = profile(4, "PriorityCharging", 30.0)
    await office.accepted("SetChargingProfile", evseId=0, chargingProfile=fast)
    await office.accepted("UsePriorityCharging", transactionId=running, activate=True)
    await office.heard("NotifyPriorityCharging", activated=True)
    moving = profile(5, "TxDefaultProfile", 14.0, chargingProfileKind="Dynamic", stackLevel=1)
    del moving["chargingSchedule"][0]["startSchedule"]
    await office.accepted("SetChargingProfile", evseId=2, chargingProfile=moving)
    await office.accepted("UpdateDynamicSchedule", chargingProfileId=5, scheduleUpdate={"limit": 11.0})


async def core_16(lab: Any, office: StrictOffice) -> None:
    await office.accepted("ChangeConfiguration", key="MeterValueSampleInterval", value="30")
    await office.ask("GetConfiguration")
    await office.accepted("ClearCache")
    entry = {"idTag": "LISTED", "idTagInfo": {"status": "Accepted"}}
    await office.accepted("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=[entry])
    assert await office.ask("GetLocalListVersion") == {"listVersion": 1}
    await office.accepted("ReserveNow", connectorId=1, expiryDate=LATER, idTag="DRIVER", reservationId=1)
    await office.heard("StatusNotification", connectorId=1, status="Reserved")
    await office.accepted("CancelReservation", reservationId=1)
    await office.accepted("ChangeAvailability", connectorId=2, type="Inoperative")
    await office.heard("StatusNotification", connectorId=2, status="Unavailable")
    await office.accepted("ChangeAvailability", connectorId=2, type="Operative")
    await office.ask("UnlockConnector", connectorId=2)
    await office.ask("DataTransfer", vendorId="nobody")


async def charging_16(lab: Any, office: StrictOffice) -> None:
    most = profile(1, "ChargePointMaxProfile", 24.0, as_16=True)
    await office.accepted("SetChargingProfile", connectorId=0, csChargingProfiles=most)
    default = profile(2, "TxDefaultProfile", 16.0, as_16=True)
    await office.accepted("SetChargingProfile", connectorId=0, csChargingProfiles=default)
    lab.move(1, level="C")
    wanted = profile(3, "TxProfile", 12.0, as_16=True)
    await office.accepted("RemoteStartTransaction", connectorId=1, idTag="DRIVER", chargingProfile=wanted)
    await lab.until(lambda: lab.station.evses[1].closed)
    await office.heard("StartTransaction", connectorId=1)
    await office.heard("StatusNotification", connectorId=1, status="Charging")
    await office.accepted("GetCompositeSchedule", connectorId=1, duration=600)
    for message in ("Heartbeat", "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification"):
        await office.accepted("TriggerMessage", requestedMessage=message)
    await office.accepted("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
    await office.accepted("ExtendedTriggerMessage", requestedMessage="LogStatusNotification")
    await office.accepted("TriggerMessage", requestedMessage="StatusNotification")
    await lab.wait(120)
    values = await office.heard("MeterValues", connectorId=1)
    await office.accepted("ClearChargingProfile", id=2)
    await office.accepted("RemoteStopTransaction", transactionId=values["transactionId"])
    await office.heard("StopTransaction", reason="Remote")
    for action in ("Heartbeat", "DiagnosticsStatusNotification", "LogStatusNotification"):
        await office.heard(action)
    lab.move(1, level="A")


#: what a station says in each version, of which nothing may be missing at the end
SAYS_2X: Final = {
    "Authorize", "BootNotification", "ClearedChargingLimit", "FirmwareStatusNotification", "Get15118EVCertificate",
    "GetCertificateStatus", "Heartbeat", "LogStatusNotification", "MeterValues", "NotifyChargingLimit",
    "NotifyCustomerInformation", "NotifyDisplayMessages", "NotifyEVChargingNeeds", "NotifyEVChargingSchedule",
    "NotifyEvent", "NotifyMonitoringReport", "NotifyReport", "ReportChargingProfiles", "ReservationStatusUpdate",
    "SecurityEventNotification", "SignCertificate", "StatusNotification", "TransactionEvent",
}  # fmt: skip
SAYS: Final = {
    "1.6": {
        "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification", "FirmwareStatusNotification",
        "Heartbeat", "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate",
        "SignedFirmwareStatusNotification", "StartTransaction", "StatusNotification", "StopTransaction",
    },
    "2.0.1": SAYS_2X,
    "2.1": SAYS_2X | {"NotifyPriorityCharging"},
}  # fmt: skip


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_strict_back_office_sees_no_violation(  # noqa: PLR0917 - fixtures
    at_plug: AtPlug, server: Server, keys: Keys, files: Any, serve: Any, tmp_path: Path, version: str, level: int
) -> None:
    office = StrictOffice(server, level)
    files.files["/image"] = IMAGE
    url = f"http://127.0.0.1:{serve()}"
    maker = Keys(tmp_path)

    async def test(lab: Any) -> None:
        await lab.charge("OTHER", 2)  # a card
        lab.move(2, level="A")
        if version == "1.6":
            await core_16(lab, office)
            await charging_16(lab, office)
        else:
            await configuration_2x(lab, office)
            await drivers_2x(lab, office)
            await charging_2x(lab, office)
        await contracts(lab, office)
        await files_and_certificates(lab, office, keys, maker, url)
        await office.accepted("Reset", type="Soft" if version == "1.6" else "OnIdle")

    more: dict[str, Any] = {"security_profile": level}
    if level == 3:
        more |= {"client_certificate": str(keys.station), "client_key": str(keys.station)}
    installer = (sys.executable, "-m", "hil.updater", str(tmp_path / "slots"))
    at_plug(
        test,
        version,
        office=office,
        is_managed=True,
        password=PASSWORD if level in {1, 2} else None,
        ca_file=str(keys.root_file) if level >= 2 else None,
        update=UpdateSettings(installer=installer, unsigned=True),
        more=more,
    )
    violations = [event for event in office.told if event["event"] == "violation"]
    assert violations == []
    assert {event["profile"] for event in office.told if event["event"] == "connected"} == {level}
    assert set(load_dialect(f"ocpp{version}").requests) - office.asked == set()
    assert SAYS[version] - office.heard_of() == set()
