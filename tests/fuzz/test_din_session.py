"""Fuzz: DIN sessions of any order with any numbers in them. The script ends or answers; what it asks of the DC output
never leaves the limits, whatever the car wants and whatever is measured.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.config import EvseSettings
from firmware.station.charging import DC_IDLE, DcWish
from firmware.station.facts import IdToken, Sample
from firmware.station.limits import Limit
from firmware.v2g import exi, v2gtp
from firmware.v2g.conversation import Conversation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.ending import Ending
from firmware.v2g.language import DIN
from firmware.v2g.messages import app_protocol, din
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.din import charge_dc
from hal.contracts import PilotMode, Plug
from hal.wire import ConnectorCapability, DcSample, Observation

MAX_V, MAX_A, MAX_W = 920.0, 200.0, 60_000.0


@dataclass
class Bay:
    """A DC EVSE; what it measures and finds is the fuzzer's."""

    dc: DcSample
    level: str = "C"
    closed: bool = True
    id_token: IdToken | None = field(default_factory=lambda: IdToken("04A1B2C3"))
    limit: Limit = field(default_factory=lambda: Limit(MAX_A, "hardware"))
    power_limit: Limit | None = None
    stop_wanted: str | None = None
    settings: EvseSettings = field(default_factory=lambda: EvseSettings(id=1))
    capability: ConnectorCapability | None = field(
        default_factory=lambda: ConnectorCapability(
            connector=1,
            kind="cCCS2",
            max_current_a=MAX_A,
            dc=True,
            dc_max_voltage_v=MAX_V,
            dc_max_current_a=MAX_A,
            dc_max_power_w=MAX_W,
        )
    )

    def sample(self) -> Sample | None:
        return None

    @property
    def seen(self) -> Observation:
        return Observation(
            connector=1,
            tick=1,
            epoch=1,
            at=0.0,
            level=self.level,
            pilot=PilotMode.DUTY,
            duty_percent=5.0,
            high_mv=6000,
            low_mv=-12000,
            plug=Plug.A32,
            cable_rating_a=MAX_A,
            closed=self.closed,
            energised=self.closed,
            limit_a=MAX_A,
            dc=self.dc,
        )


WILD = st.builds(
    din.PhysicalValue,
    multiplier=st.integers(-3, 3),
    unit=st.none() | st.sampled_from(din.Unit),
    value=st.integers(-32768, 32767),
)
VALUES = st.builds(din.PhysicalValue, multiplier=st.just(0), value=st.integers(0, 1000)) | WILD
STATUS = st.builds(
    din.DcEvStatus,
    ev_ready=st.booleans(),
    ev_error_code=st.sampled_from(din.DcEvErrorCode),
    ev_ress_soc=st.integers(0, 100),
)
PARAMETER = st.builds(
    din.DcEvChargeParameter, dc_ev_status=STATUS, ev_maximum_current_limit=VALUES, ev_maximum_voltage_limit=VALUES
)
DEMANDS = st.builds(
    din.CurrentDemandReq,
    dc_ev_status=STATUS,
    ev_target_current=VALUES,
    charging_complete=st.booleans(),
    ev_target_voltage=VALUES,
)
REQUESTS = st.one_of(
    DEMANDS,
    st.builds(din.SessionSetupReq, evcc_id=st.binary(max_size=8)),
    st.just(din.ServiceDiscoveryReq()),
    st.builds(
        din.ChargeParameterDiscoveryReq,
        ev_requested_energy_transfer_type=st.sampled_from(din.EvRequestedEnergyTransfer),
        ev_charge_parameter=PARAMETER,
    ),
    st.builds(din.CableCheckReq, dc_ev_status=STATUS),
    st.builds(din.PreChargeReq, dc_ev_status=STATUS, ev_target_voltage=VALUES, ev_target_current=VALUES),
    st.builds(din.PowerDeliveryReq, ready_to_charge_state=st.booleans()),
    st.builds(din.WeldingDetectionReq, dc_ev_status=STATUS),
    st.just(din.SessionStopReq()),
)
MEASURED = st.floats(-1e5, 1e5)
SAMPLES = st.builds(
    DcSample,
    at=st.sampled_from((100.0, 99.0)),
    voltage_v=MEASURED,
    current_a=MEASURED,
    max_voltage_v=st.sampled_from((MAX_V, 500.0, 0.0)),
    max_current_a=st.sampled_from((MAX_A, 50.0, 0.0)),
    max_power_w=st.sampled_from((MAX_W, 10_000.0, 0.0)),
    cable_check=st.sampled_from(("passed", "passed", "running", "failed")),
    welded=st.booleans(),
)
STATUS_OK = din.DcEvStatus(ev_ready=True, ev_error_code=din.DcEvErrorCode.NO_ERROR, ev_ress_soc=50)
GOOD: tuple[Any, ...] = (
    din.SessionSetupReq(evcc_id=bytes(6)),
    din.ServiceDiscoveryReq(),
    din.ServicePaymentSelectionReq(
        selected_payment_option=din.PaymentOption.ExternalPayment,
        selected_service_list=(din.SelectedService(service_id=1),),
    ),
    din.ContractAuthenticationReq(),
    din.ChargeParameterDiscoveryReq(
        ev_requested_energy_transfer_type=din.EvRequestedEnergyTransfer.DC_extended,
        ev_charge_parameter=din.DcEvChargeParameter(
            dc_ev_status=STATUS_OK,
            ev_maximum_current_limit=din.PhysicalValue.of(200, "A"),
            ev_maximum_voltage_limit=din.PhysicalValue.of(410, "V"),
        ),
    ),
    din.CableCheckReq(dc_ev_status=STATUS_OK),
    din.CableCheckReq(dc_ev_status=STATUS_OK),
    din.PreChargeReq(
        dc_ev_status=STATUS_OK,
        ev_target_voltage=din.PhysicalValue.of(390, "V"),
        ev_target_current=din.PhysicalValue.of(1, "A"),
    ),
    din.PowerDeliveryReq(ready_to_charge_state=True),
)
USUAL = DcSample(100.0, 390.0, 0.0, MAX_V, MAX_A, MAX_W, cable_check="passed", isolation="valid")


@settings(max_examples=200, deadline=None)
@given(length=st.integers(0, len(GOOD)), talk=st.lists(st.tuples(REQUESTS, SAMPLES), max_size=6))
def test_no_car_moves_the_output_beyond_its_limits(length: int, talk: list[tuple[Any, DcSample]]) -> None:
    converse(GOOD[:length], talk)


@settings(max_examples=200, deadline=None)
@given(talk=st.lists(st.tuples(DEMANDS, SAMPLES | st.just(USUAL)), min_size=1, max_size=6))
def test_no_charging_loop_moves_the_output_beyond_its_limits(talk: list[tuple[Any, DcSample]]) -> None:
    converse(GOOD, talk)


def test_the_good_session_reaches_the_loop() -> None:
    assert converse(GOOD, []).phase == "precharge"
    demand = din.CurrentDemandReq(
        dc_ev_status=STATUS_OK,
        ev_target_current=din.PhysicalValue.of(120, "A"),
        charging_complete=False,
        ev_target_voltage=din.PhysicalValue.of(390, "V"),
    )
    assert converse(GOOD, [(demand, USUAL)]).phase == "deliver"


def converse(good: tuple[Any, ...], talk: list[tuple[Any, DcSample]]) -> DcWish:
    """Say it all, then nothing more; returns what was wished last before that."""
    bay = Bay(USUAL)
    station = DcStation(bay, lambda: None, lambda: 100.0)
    greeting = app_protocol.SupportedAppProtocolRes(
        response_code=app_protocol.ResponseCode.OK_SuccessfulNegotiation, schema_id=1
    )

    async def script(ev: Peer) -> Ending:
        return await charge_dc(ev, station, greeting)

    conversation = Conversation(script, Peer(station.release, DIN), 0.0)
    for request, sample in [(each, USUAL) for each in good] + talk:
        before = station.wish.dc
        begun = station.phase != "idle"  # before, the guard has no result of a cable check
        bay.dc = sample if begun else msgspec.structs.replace(sample, cable_check="none")
        station.look()
        header = din.MessageHeader(session_id=conversation.peer.session_id)
        data = exi.encode(din.V2gMessage(header=header, body=request))
        conversation.receive(v2gtp.pack(v2gtp.PayloadType.EXI, data), 1.0)
        wish = station.wish.dc
        assert wish is not None
        most_v = MAX_V if wish == before else min(MAX_V, sample.max_voltage_v)  # an older wish: older limits
        assert 0 <= wish.voltage_v <= most_v
        assert 0 <= wish.current_a <= MAX_A
        assert math.isfinite(wish.voltage_v * wish.current_a)
        assert wish.voltage_v * wish.current_a <= MAX_W + 1e-6
    last = station.wish.dc or DC_IDLE
    for _ in range(10):
        if conversation.ended is not None or conversation.deadline is None:
            break
        conversation.poke(conversation.deadline)
    assert conversation.ended is not None
    assert "internal error" not in conversation.ended.reason, conversation.ended
    return last
