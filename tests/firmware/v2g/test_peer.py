"""Peer and conversation alone, with scripts of a few lines: what every session script may rely on."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.v2g import exi, v2gtp
from firmware.v2g.conversation import Conversation, Script
from firmware.v2g.ending import Ending
from firmware.v2g.evse_link import Session
from firmware.v2g.language import ISO2
from firmware.v2g.messages import iso2
from firmware.v2g.peer import EvStops, Peer
from firmware.v2g.when import when

DONE = Ending(Session.TERMINATED, "done")


class Talk:
    """A conversation in -2 from its first message on."""

    def __init__(self, script: Script) -> None:
        self.now = 0.0
        self.failures = 0
        self.peer = Peer(self._failed, ISO2)
        self.conversation = Conversation(script, self.peer, self.now)

    def _failed(self) -> None:
        self.failures += 1

    @property
    def ended(self) -> Ending | None:
        return self.conversation.ended

    def send(self, request: Any, session_id: bytes = bytes(8)) -> list[Any]:
        whole = iso2.V2gMessage(header=iso2.MessageHeader(session_id=session_id), body=request)
        self.conversation.receive(v2gtp.pack(v2gtp.PayloadType.EXI, exi.encode(whole)), self.now)
        return self.heard()

    def at(self, now: float) -> list[Any]:
        self.now = now
        self.conversation.poke(now)
        return self.heard()

    def heard(self) -> list[Any]:
        frames = v2gtp.FrameReader().feed(self.conversation.take())
        messages: list[Any] = [exi.decode(frame.payload, "iso2") for frame in frames]
        return [message.body for message in messages]


def power_delivery_ok() -> iso2.PowerDeliveryRes:
    status = iso2.AcEvseStatus(notification_max_delay=0, evse_notification=iso2.EvseNotification.None_, rcd=False)
    return iso2.PowerDeliveryRes(evse_status=status)


START = iso2.PowerDeliveryReq(charge_progress=iso2.ChargeProgress.Start, sa_schedule_tuple_id=1)
LOOP = iso2.ChargingStatusReq()
STOP = iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate)
SERVICES = iso2.ServiceDiscoveryReq()


def waiting_script(condition: Callable[[], bool], within: float, otherwise: Any) -> Script:
    async def script(ev: Peer) -> Ending:
        await ev.next(iso2.PowerDeliveryReq)
        reply = when(condition, within=within, then=power_delivery_ok, otherwise=otherwise)
        await ev.next(iso2.ChargingStatusReq, reply=reply)
        return DONE

    return script


def test_a_condition_that_holds_is_answered_at_once() -> None:
    talk = Talk(waiting_script(lambda: True, 1.0, iso2.ResponseCode.FAILED))
    assert talk.send(START) == [power_delivery_ok()]


@pytest.mark.parametrize("within", [1.0, 4.0])
def test_a_condition_that_never_holds_is_answered_in_its_time(within: float) -> None:
    talk = Talk(waiting_script(lambda: False, within, iso2.ResponseCode.FAILED_ContactorError))
    assert talk.send(START) == []
    assert talk.conversation.deadline == within
    assert talk.at(within - 0.001) == []
    [answer] = talk.at(within)
    assert answer.response_code == "FAILED_ContactorError"
    assert talk.failures == 1


def test_no_wait_outlasts_the_message_s_performance_time() -> None:
    talk = Talk(waiting_script(lambda: False, 100.0, iso2.ResponseCode.FAILED))
    talk.send(START)
    assert talk.conversation.deadline == pytest.approx(4.4)  # PowerDelivery 4.5 s less the margin


def test_otherwise_may_be_a_message_or_made_at_that_moment() -> None:
    for otherwise in (power_delivery_ok(), power_delivery_ok):
        talk = Talk(waiting_script(lambda: False, 1.0, otherwise))
        talk.send(START)
        assert talk.at(1.0) == [power_delivery_ok()]
        assert talk.failures == 0


def test_a_change_of_the_station_is_looked_at() -> None:
    seen: list[bool] = []
    talk = Talk(waiting_script(lambda: bool(seen), 4.0, iso2.ResponseCode.FAILED))
    talk.send(START)
    assert talk.at(0.5) == []
    seen.append(True)
    assert talk.at(0.6) == [power_delivery_ok()]


def test_a_stop_is_raised_where_it_may_come() -> None:
    stopped: list[Any] = []

    async def script(ev: Peer) -> Ending:
        try:
            await ev.next(iso2.ServiceDiscoveryReq)
        except EvStops as stop:
            stopped.append(stop.request)
            await ev.next(reply=iso2.SessionStopRes())
        return DONE

    talk = Talk(script)
    assert talk.send(STOP) == [iso2.SessionStopRes()]
    assert stopped == [STOP]
    assert talk.ended == DONE


def test_a_stop_is_a_sequence_error_where_it_may_not_come() -> None:
    async def script(ev: Peer) -> Ending:
        await ev.next(iso2.ServiceDiscoveryReq, may_stop=False)
        return DONE

    talk = Talk(script)
    [answer] = talk.send(STOP)
    assert answer.response_code == "FAILED_SequenceError"
    assert talk.ended is not None
    assert talk.ended.outcome is Session.FAILED


def test_how_long_the_car_has_been_asking_the_same() -> None:
    asked: list[float] = []

    async def script(ev: Peer) -> Ending:
        waiting = iso2.AuthorizationRes(evse_processing=iso2.EvseProcessing.Ongoing)
        await ev.next(iso2.ServiceDiscoveryReq)
        reply: Any = power_delivery_ok()
        for _ in range(3):
            await ev.next(iso2.AuthorizationReq, reply=reply)
            asked.append(ev.asking_for_s)
            reply = waiting
        return DONE

    talk = Talk(script)
    talk.send(SERVICES)
    for now in (5.0, 6.0, 8.5):
        talk.at(now)
        talk.send(iso2.AuthorizationReq())
    assert asked == [0.0, 1.0, 3.5]


async def endless(ev: Peer) -> Ending:
    request: Any = await ev.next(iso2.ChargingStatusReq)
    while isinstance(request, iso2.ChargingStatusReq):
        request = await ev.next(iso2.ChargingStatusReq, reply=iso2.SessionStopRes())
    return DONE


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x01\xfe\x80\x01\x00\x00\x00\x02\x80\xff", "root"),  # undecodable: no answer possible
        (b"\x01\xfe\x80\x02\x00\x00\x00\x02\x80\x98", "payload type"),  # -20
        (b"\x02\xfd\x80\x01\x00\x00\x00\x02\x80\x98", "V2GTP"),
        (b"GET / HTTP/1.1\r\n\r\n", "V2GTP"),
        (b"\x01\xfe\x80\x01\xff\xff\xff\xff", "V2GTP"),
    ],
)
def test_what_is_no_message_closes_without_an_answer(data: bytes, why: str) -> None:
    talk = Talk(endless)
    talk.conversation.receive(data, 0.0)
    assert talk.heard() == []
    assert talk.ended is not None
    assert talk.ended.outcome is Session.FAILED
    assert why in talk.ended.reason


@pytest.mark.parametrize("body", [None, iso2.SessionStopRes()])
def test_what_is_no_request_closes_without_an_answer(body: Any) -> None:
    talk = Talk(endless)
    assert talk.send(body) == []
    assert talk.ended is not None
    assert talk.ended.outcome is Session.FAILED


def test_a_flood_of_requests_closes() -> None:
    talk = Talk(endless)
    one = v2gtp.pack(
        v2gtp.PayloadType.EXI,
        exi.encode(iso2.V2gMessage(header=iso2.MessageHeader(session_id=bytes(8)), body=LOOP)),
    )
    talk.conversation.receive(one * 5, 0.0)
    assert talk.ended is not None
    assert "at once" in talk.ended.reason


def test_an_error_of_ours_ends_the_session_safely() -> None:
    cleaned: list[bool] = []

    async def script(ev: Peer) -> Ending:
        try:
            await ev.next(iso2.ServiceDiscoveryReq)
            raise ZeroDivisionError("a bug")
        finally:
            cleaned.append(True)

    talk = Talk(script)
    talk.send(SERVICES)
    assert talk.ended is not None
    assert talk.ended.outcome is Session.FAILED
    assert "a bug" in talk.ended.reason
    assert cleaned == [True]


def test_a_script_cancelled_by_its_own_doing_ends_when_it_next_waits() -> None:
    """Energising may, through the station, end the very session that asked for it."""
    cleaned: list[bool] = []
    talk: Talk

    async def script(ev: Peer) -> Ending:
        try:
            await ev.next(iso2.ServiceDiscoveryReq)
            talk.conversation.cancel("unplugged")
            await ev.next(iso2.ServiceDiscoveryReq)
        finally:
            cleaned.append(True)
        return DONE

    talk = Talk(script)
    talk.send(SERVICES)
    assert talk.ended == Ending(Session.FAILED, "unplugged")
    assert cleaned == [True]


def test_what_was_said_is_told_with_time_and_size() -> None:
    talk = Talk(endless)
    talk.at(3.0)
    talk.send(LOOP)
    came, went = talk.conversation.take_messages()
    assert (came.mono, came.direction, came.protocol, came.message) == (3.0, "from_car", "iso2", LOOP)
    assert (went.direction, went.message) == ("to_car", iso2.SessionStopRes())
    assert went.size == 14
    assert talk.conversation.take_messages() == []


def test_session_ids_are_eight_random_bytes() -> None:
    peer = Peer(lambda: None, ISO2)
    ids = {peer.new_session() for _ in range(50)}
    assert len(ids) == 50
    assert all(len(each) == 8 and any(each) for each in ids)
