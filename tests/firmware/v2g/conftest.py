"""A session without sockets and without waiting: the real scripts, conversation, codec and framing, in virtual time.

`Bay` stands for the EVSE: what the guard would report is set by hand or follows the session's wish at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from firmware.config import EvseSettings
from firmware.station.charging import DC_IDLE
from firmware.station.facts import IdToken, Sample
from firmware.station.limits import Limit
from firmware.v2g import exi, v2gtp
from firmware.v2g.ac_station import AcStation
from firmware.v2g.conversation import Conversation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.ending import Ending, Resume
from firmware.v2g.ev_station import Wish
from firmware.v2g.evse_link import Session
from firmware.v2g.language import DIN, ISO2
from firmware.v2g.messages import app_protocol, iso2
from firmware.v2g.messages import din as din_messages
from firmware.v2g.messages.declare import Message
from firmware.v2g.peer import Peer
from firmware.v2g.sessions import din
from firmware.v2g.sessions.handshake import Offer, agree_on_protocol
from firmware.v2g.sessions.iso2 import NAMESPACE, charge_ac, charge_dc
from firmware.v2g.sessions.iso2_terms import PLAIN, Terms
from hal.contracts import PilotMode, Plug
from hal.wire import ConnectorCapability, DcSample, Fault, MeterSample, Observation

METERED_AT = 1_800_014_400.0  # UTC s


@dataclass
class Bay:
    """An EVSE with a car at it. `obedient`: the contactor follows the session's wish without delay."""

    level: str = "B"
    closed: bool = False
    id_token: IdToken | None = field(default_factory=lambda: IdToken("04A1B2C3"))
    limit: Limit = field(default_factory=lambda: Limit(16.0, "hardware"))
    power_limit: Limit | None = None
    stop_wanted: str | None = None
    phases: int = 3
    meter_wh: float | None = 1234.5
    signed: str | None = None  # what its meter signs with each reading
    faults: tuple[Fault, ...] = ()
    obedient: bool = True
    nominal: bool = False
    paused: str = ""  # as kept with the transaction
    settings: EvseSettings = field(default_factory=lambda: EvseSettings(id=1, evse_id="DE*PLT*E000001"))

    @property
    def capability(self) -> ConnectorCapability:
        return ConnectorCapability(connector=1, kind="cType2", max_current_a=32.0, phases=self.phases)

    @property
    def hardware(self) -> ConnectorCapability:
        return self.capability

    @property
    def seen(self) -> Observation:
        meter = None
        if self.meter_wh is not None:
            meter = MeterSample(at=0.0, import_wh=self.meter_wh, power_w=0.0, voltage_v=(), current_a=())
        return Observation(
            connector=1,
            tick=1,
            epoch=1,
            at=0.0,
            level=self.level,
            pilot=PilotMode.DUTY,
            duty_percent=5.0,
            high_mv=9000,
            low_mv=-12000,
            plug=Plug.A32,
            cable_rating_a=32.0,
            closed=self.closed,
            energised=self.closed,
            limit_a=16.0,
            meter=meter,
            faults=self.faults,
        )

    def sample(self) -> Sample | None:
        return None if self.meter_wh is None else Sample(METERED_AT, self.meter_wh, signed=self.signed)

    def pause(self, context: str) -> None:
        self.paused = context

    def follow(self, wish: Wish) -> None:
        """Do at once what is asked for."""
        self.closed = wish.energise


class Rig:
    """One car's connection to one bay; `now` is whatever the test says."""

    def __init__(self, bay: Bay, paused: Resume | None = None, terms: Terms = PLAIN) -> None:
        self.bay = bay
        self.terms = terms
        self.now = 100.0
        self.car: AcStation | DcStation = AcStation(bay, self._wish_changed)
        if isinstance(bay, DcBay):
            self.car = DcStation(bay, self._wish_changed, lambda: self.now)
            bay.clock = lambda: self.now
        self.session_id = bytes(8)
        self.paused = paused
        self.talk = Conversation(self._converse, Peer(self.car.release), self.now)

    async def _converse(self, ev: Peer) -> Ending:
        agreement = await agree_on_protocol(ev, self._offers())
        if agreement is None:
            return Ending(Session.REFUSED, "no common protocol")
        return await agreement.offer.script(ev, agreement.answer)

    def _offers(self) -> list[Offer]:
        car = self.car
        if isinstance(car, DcStation):
            return [
                Offer(NAMESPACE, 2, 0, ISO2, lambda ev, hello: charge_dc(ev, car, hello, self.paused, self.terms)),
                Offer(din.NAMESPACE, 2, 0, DIN, lambda ev, hello: din.charge_dc(ev, car, hello)),
            ]
        return [Offer(NAMESPACE, 2, 0, ISO2, lambda ev, hello: charge_ac(ev, car, hello, self.paused, self.terms))]

    def _wish_changed(self) -> None:
        if self.bay.obedient:
            self.bay.follow(self.car.wish)
            self.car.look()

    @property
    def ended(self) -> Ending | None:
        return self.talk.ended

    def see(self, **changes: Any) -> list[Message]:
        """The station reports something new; returns what is said because of it."""
        for name, value in changes.items():
            setattr(self.bay, name, value)
        self.car.look()
        self.talk.poke(self.now)
        return self.heard()

    def wait(self, seconds: float) -> list[Message]:
        """Time passes, with every deadline on the way met exactly."""
        end = self.now + seconds
        while self.talk.deadline is not None and self.talk.deadline <= end:
            self.now = max(self.now, self.talk.deadline)
            self.talk.poke(self.now)
        self.now = end
        return self.heard()

    def ask(self, request: Message, session_id: bytes | None = None) -> list[Message]:
        """The car sends a request; returns the answers (none while one is being waited for)."""
        whole: Message = request
        if isinstance(request, iso2.BodyElement):
            header = iso2.MessageHeader(session_id=self.session_id if session_id is None else session_id)
            whole = iso2.V2gMessage(header=header, body=request)
        if isinstance(request, din_messages.BodyElement):
            din_header = din_messages.MessageHeader(session_id=self.session_id if session_id is None else session_id)
            whole = din_messages.V2gMessage(header=din_header, body=request)
        return self.send(v2gtp.pack(0x8001, exi.encode(whole)))

    def send(self, data: bytes) -> list[Message]:
        self.talk.receive(data, self.now)
        return self.heard()

    def heard(self) -> list[Message]:
        """What the station said since the last look, without envelopes; learns the session id."""
        answers: list[Message] = []
        for frame in v2gtp.FrameReader().feed(self.talk.take()):
            schema = {0x98: "iso2", 0x9A: "din"}.get(frame.payload[1], "app_protocol")
            message = exi.decode(frame.payload, schema)
            if isinstance(message, iso2.V2gMessage | din_messages.V2gMessage):
                if message.body is None:
                    raise ValueError("the station sent an empty message")
                if isinstance(message.body, iso2.SessionSetupRes | din_messages.SessionSetupRes):
                    self.session_id = message.header.session_id
                message = message.body
            answers.append(message)
        return answers


def _request(name: str) -> Message:
    """A good request of each kind, by name; PowerDelivery by its progress."""
    amps, volts = iso2.PhysicalValue.of(16, "A"), iso2.PhysicalValue.of(400, "V")
    dc_status = iso2.DcEvStatus(ev_ready=True, ev_error_code=iso2.DcEvErrorCode.NO_ERROR, ev_ress_soc=50)
    chain = iso2.CertificateChain(certificate=b"certificate")
    match name:
        case "SupportedAppProtocol":
            hello = app_protocol.AppProtocol(
                protocol_namespace=NAMESPACE, version_number_major=2, version_number_minor=0, schema_id=7, priority=1
            )
            return app_protocol.SupportedAppProtocolReq(app_protocol=(hello,))
        case "SessionSetup":
            return iso2.SessionSetupReq(evcc_id=bytes.fromhex("020000000001"))
        case "ServiceDiscovery":
            return iso2.ServiceDiscoveryReq()
        case "ServiceDetail":
            return iso2.ServiceDetailReq(service_id=1)
        case "PaymentServiceSelection":
            return iso2.PaymentServiceSelectionReq(
                selected_payment_option=iso2.PaymentOption.ExternalPayment,
                selected_service_list=(iso2.SelectedService(service_id=1),),
            )
        case "PaymentDetails":
            return iso2.PaymentDetailsReq(emaid="DEABC123456789", contract_signature_cert_chain=chain)
        case "Authorization":
            return iso2.AuthorizationReq()
        case "ChargeParameterDiscovery":
            car = iso2.AcEvChargeParameter(
                e_amount=iso2.PhysicalValue.of(20_000, "Wh"),
                ev_max_voltage=volts,
                ev_max_current=amps,
                ev_min_current=iso2.PhysicalValue.of(6, "A"),
            )
            mode = iso2.EnergyTransferMode.AC_three_phase_core
            return iso2.ChargeParameterDiscoveryReq(requested_energy_transfer_mode=mode, ev_charge_parameter=car)
        case "ChargeParameterDiscovery DC":
            battery = iso2.DcEvChargeParameter(
                dc_ev_status=dc_status,
                ev_maximum_current_limit=iso2.PhysicalValue.of(300, "A"),
                ev_maximum_voltage_limit=iso2.PhysicalValue.of(450, "V"),
            )
            mode = iso2.EnergyTransferMode.DC_extended
            return iso2.ChargeParameterDiscoveryReq(requested_energy_transfer_mode=mode, ev_charge_parameter=battery)
        case "PowerDelivery Start" | "PowerDelivery Stop" | "PowerDelivery Renegotiate":
            progress = iso2.ChargeProgress(name.split()[1])
            return iso2.PowerDeliveryReq(charge_progress=progress, sa_schedule_tuple_id=1)
        case "ChargingStatus":
            return iso2.ChargingStatusReq()
        case "MeteringReceipt":
            return iso2.MeteringReceiptReq(session_id=bytes(8), meter_info=iso2.MeterInfo(meter_id="1"))
        case "CertificateInstallation":
            return iso2.CertificateInstallationReq(
                id="id1", oem_provisioning_cert=b"certificate", list_of_root_certificate_ids=(_issuer(),)
            )
        case "CertificateUpdate":
            return iso2.CertificateUpdateReq(
                id="id1",
                contract_signature_cert_chain=chain,
                emaid="DEABC123456789",
                list_of_root_certificate_ids=(_issuer(),),
            )
        case "CableCheck":
            return iso2.CableCheckReq(dc_ev_status=dc_status)
        case "PreCharge":
            return iso2.PreChargeReq(dc_ev_status=dc_status, ev_target_voltage=volts, ev_target_current=amps)
        case "CurrentDemand":
            return iso2.CurrentDemandReq(
                dc_ev_status=dc_status, ev_target_current=amps, charging_complete=False, ev_target_voltage=volts
            )
        case "WeldingDetection":
            return iso2.WeldingDetectionReq(dc_ev_status=dc_status)
        case "SessionStop Terminate" | "SessionStop Pause":
            return iso2.SessionStopReq(charging_session=iso2.ChargingSession(name.split()[1]))
    raise ValueError(name)


def _issuer() -> Any:
    from firmware.v2g.messages.xmldsig import X509IssuerSerial  # noqa: PLC0415

    return X509IssuerSerial(x509_issuer_name="CN=Root", x509_serial_number=1)


@pytest.fixture
def bay() -> Bay:
    return Bay()


@pytest.fixture
def make_bay() -> Callable[..., Bay]:
    return Bay


@pytest.fixture
def rig(bay: Bay) -> Rig:
    return Rig(bay)


@pytest.fixture
def make_rig() -> Callable[..., Rig]:
    return Rig


@pytest.fixture
def request_named() -> Callable[[str], Message]:
    return _request


@dataclass
class DcBay(Bay):
    """A DC EVSE, 150 kW. `obedient`: contactor, insulation test and output follow the session's wish at once."""

    supply: tuple[float, float, float] | None = (1000.0, 500.0, 150_000.0)  # what it can give now: V, A, W
    limit: Limit = field(default_factory=lambda: Limit(500.0, "hardware"))
    clock: Callable[[], float] = lambda: 100.0
    age_s: float = 0.0  # of the measurement
    voltage_v: float = 0.0
    current_a: float = 0.0
    insulation_test: str = "passed"  # what comes of a cable check once the contactor is closed
    cable_check: str = "none"
    isolation: str = "invalid"
    welded: bool = False
    why: str = ""

    @property
    def capability(self) -> ConnectorCapability:
        return ConnectorCapability(
            connector=1,
            kind="cCCS2",
            max_current_a=500.0,
            dc=True,
            dc_max_voltage_v=1000.0,
            dc_max_current_a=500.0,
            dc_max_power_w=150_000.0,
        )

    @property
    def seen(self) -> Observation:
        if self.supply is None:
            return super().seen
        sample = DcSample(
            self.clock() - self.age_s,
            self.voltage_v,
            self.current_a,
            *self.supply,
            cable_check=self.cable_check,  # type: ignore[arg-type]
            isolation=self.isolation,  # type: ignore[arg-type]
            welded=self.welded,
            why=self.why,
        )
        return msgspec.structs.replace(super().seen, dc=sample)

    def follow(self, wish: Wish) -> None:
        """Do at once what is asked for."""
        asked = wish.dc if wish.energise and wish.dc is not None else DC_IDLE
        self.closed = self.level in {"C", "D"} and asked.phase in {"cable_check", "precharge", "deliver"}
        self.voltage_v = asked.voltage_v if self.closed and asked.phase != "cable_check" else 0.0
        if not self.closed and self.cable_check == "passed":
            self.cable_check = "none"  # it held for that closing only
        self.current_a = asked.current_a if self.closed and asked.phase == "deliver" else 0.0
        if asked.phase == "cable_check":
            self.cable_check = self.insulation_test if self.closed else "running"
            self.isolation = {"passed": "valid", "failed": "fault"}.get(self.cable_check, "invalid")


@pytest.fixture
def make_dc_bay() -> Callable[..., DcBay]:
    return DcBay
