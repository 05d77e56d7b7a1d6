"""Random and mutated bytes at the car's side of the station: SDP and a session at any message.

Nothing but a named ending may come of it, the energise wish always ends with the session, and nothing hangs.
"""

import functools
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.config import EvseSettings
from firmware.station.facts import IdToken, Sample
from firmware.station.limits import Limit
from firmware.v2g import exi, v2gtp
from firmware.v2g.ac_station import AcStation
from firmware.v2g.conversation import Conversation
from firmware.v2g.ending import Ending
from firmware.v2g.evse_link import Session
from firmware.v2g.explain import Unexplained, explain
from firmware.v2g.language import ISO2
from firmware.v2g.messages import app_protocol, iso2
from firmware.v2g.peer import Peer
from firmware.v2g.sdp import Endpoint, SdpServer
from firmware.v2g.sessions.handshake import Offer, agree_on_protocol
from firmware.v2g.sessions.iso2 import NAMESPACE, charge_ac
from hal.wire import ConnectorCapability

SDP_REQUEST: Final = v2gtp.pack(v2gtp.PayloadType.SDP_REQUEST, b"\x10\x00")


class Outlet:
    """An EVSE that gives everything at once: the session gets as far as the bytes allow."""

    settings = EvseSettings(id=1)
    capability = ConnectorCapability(connector=1, kind="cType2", max_current_a=32.0)
    seen = None
    level = "C"
    id_token = IdToken("FUZZ")
    limit = Limit(16.0, "hardware")
    power_limit = None
    stop_wanted = None
    closed = False

    def sample(self) -> Sample:
        return Sample(at=1.8e9, energy_wh=1000.0)


def new_session() -> tuple[Conversation, AcStation]:
    outlet = Outlet()

    def obey() -> None:
        outlet.closed = car.wish.energise

    car = AcStation(outlet, obey)

    async def converse(ev: Peer) -> Ending:
        offer = Offer(NAMESPACE, 2, 0, ISO2, lambda ev, hello: charge_ac(ev, car, hello))
        agreement = await agree_on_protocol(ev, [offer])
        if agreement is None:
            return Ending(Session.REFUSED, "")
        return await agreement.offer.script(ev, agreement.answer)

    return Conversation(converse, Peer(car.release), 0.0), car


@functools.cache
def good_requests() -> tuple[Any, ...]:
    """A good session, without envelopes."""
    hello = app_protocol.AppProtocol(
        protocol_namespace=NAMESPACE, version_number_major=2, version_number_minor=0, schema_id=1, priority=1
    )
    amps = iso2.PhysicalValue.of(16, "A")
    car = iso2.AcEvChargeParameter(
        e_amount=iso2.PhysicalValue.of(9000, "Wh"),
        ev_max_voltage=iso2.PhysicalValue.of(400, "V"),
        ev_max_current=amps,
        ev_min_current=amps,
    )
    return (
        app_protocol.SupportedAppProtocolReq(app_protocol=(hello,)),
        iso2.SessionSetupReq(evcc_id=bytes(6)),
        iso2.ServiceDiscoveryReq(),
        iso2.PaymentServiceSelectionReq(
            selected_payment_option=iso2.PaymentOption.ExternalPayment,
            selected_service_list=(iso2.SelectedService(service_id=1),),
        ),
        iso2.AuthorizationReq(),
        iso2.ChargeParameterDiscoveryReq(
            requested_energy_transfer_mode=iso2.EnergyTransferMode.AC_three_phase_core, ev_charge_parameter=car
        ),
        iso2.PowerDeliveryReq(charge_progress=iso2.ChargeProgress.Start, sa_schedule_tuple_id=1),
        iso2.ChargingStatusReq(),
        iso2.PowerDeliveryReq(charge_progress=iso2.ChargeProgress.Stop, sa_schedule_tuple_id=1),
    )


def frame(request: Any, session_id: bytes) -> bytes:
    if isinstance(request, iso2.BodyElement):
        request = iso2.V2gMessage(header=iso2.MessageHeader(session_id=session_id), body=request)
    return v2gtp.pack(v2gtp.PayloadType.EXI, exi.encode(request))


def finish(talk: Conversation, car: AcStation) -> None:
    """Let every deadline pass; the session must be over then, and safe."""
    for _ in range(10):
        if talk.ended is not None or talk.deadline is None:
            break
        talk.poke(talk.deadline)
    assert talk.ended is not None
    assert "internal error" not in talk.ended.reason, talk.ended
    assert not car.wish.energise


@settings(max_examples=300, deadline=None)
@given(length=st.integers(0, 9), noise=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4))
def test_random_bytes_at_any_message_only_end_the_session(length: int, noise: list[bytes]) -> None:
    talk, car = new_session()
    for request in good_requests()[:length]:
        talk.receive(frame(request, talk.peer.session_id), 1.0)
    for piece in noise:
        talk.receive(piece, 1.0)
    finish(talk, car)


@settings(max_examples=300, deadline=None)
@given(length=st.integers(0, 9), payload=st.binary(min_size=1, max_size=300))
def test_random_payloads_in_good_frames_only_end_the_session(length: int, payload: bytes) -> None:
    talk, car = new_session()
    for request in good_requests()[:length]:
        talk.receive(frame(request, talk.peer.session_id), 1.0)
    talk.receive(v2gtp.pack(v2gtp.PayloadType.EXI, b"\x80" + payload), 1.0)
    finish(talk, car)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_session_is_answered_or_ended(data: st.DataObject) -> None:
    talk, car = new_session()
    for request in good_requests():
        sent = bytearray(frame(request, talk.peer.session_id))
        if data.draw(st.booleans()):
            for position in data.draw(st.lists(st.integers(8, len(sent) - 1), max_size=3)):
                sent[position] ^= data.draw(st.integers(1, 255))
        talk.receive(bytes(sent), 1.0)
        if talk.ended is None:
            assert v2gtp.FrameReader().feed(talk.take())  # every request that did not end it was answered
    finish(talk, car)


@settings(max_examples=1000, deadline=None)
@given(datagram=st.binary(max_size=80))
def test_random_datagrams_are_counted_and_ignored(datagram: bytes) -> None:
    server = SdpServer(lambda: Endpoint(bytes(16), 50000), "allow")
    assert server.answer(datagram) is None or datagram[:8] == SDP_REQUEST[:8]
    assert server.answered + server.malformed + server.unserved == 1


@settings(max_examples=500, deadline=None)
@given(position=st.integers(0, 9), value=st.integers(0, 255), cut=st.integers(0, 10))
def test_mutated_sdp_requests_never_raise(position: int, value: int, cut: int) -> None:
    datagram = bytearray(SDP_REQUEST)
    datagram[position] = value
    server = SdpServer(lambda: Endpoint(bytes(16), 50000), "allow")
    server.answer(bytes(datagram[:cut]))
    server.answer(bytes(datagram))


@settings(max_examples=500, deadline=None)
@given(raw=st.binary(max_size=60))
def test_whatever_is_pasted_is_explained_or_refused(raw: bytes) -> None:
    for data in (raw, raw.hex(), v2gtp.pack(v2gtp.PayloadType.EXI, b"\x80" + raw)):
        try:
            assert explain(data)
        except Unexplained:
            continue
