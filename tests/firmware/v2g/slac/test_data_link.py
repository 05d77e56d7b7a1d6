"""The raw socket and the asyncio side of SLAC, on real interfaces. Needs root."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from firmware.config import SlacSettings, V2gSettings
from firmware.station.car_facts import CarMessage, DataLinkStatus, ModemStatus
from firmware.station.clock import SystemClock
from firmware.station.facts import AnyFact
from firmware.v2g.data_link import FACTS_PER_MINUTE, DataLink
from firmware.v2g.evse_link import Link, Matching, Phase
from firmware.v2g.slac.port import PacketPort, is_up
from hil.cars.slac import match
from hil.plc import mme
from hil.plc.__main__ import Bridge
from hil.plc.medium import Medium, Modem

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root"),
]

Veths = Callable[[str], tuple[str, str]]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=10, capture_output=True)


@pytest.fixture
def veths() -> Iterator[Veths]:
    """Makes veth pairs that are up and have no addresses, and removes them."""
    made: list[str] = []

    def make(name: str) -> tuple[str, str]:
        one, other = (f"s{os.getpid() % 100_000}{name}{end}" for end in "ab")
        ip("link", "add", one, "type", "veth", "peer", "name", other)
        made.append(one)
        for end in (one, other):
            ip("link", "set", end, "addrgenmode", "none", "up")
        return one, other

    yield make
    for name in made:
        subprocess.run(["ip", "link", "delete", name], check=False, timeout=10, capture_output=True)


class Desk:
    """What a data link needs of the station."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.facts: list[AnyFact] = []

    def emit(self, fact: AnyFact) -> None:
        self.facts.append(fact)


def data_link(interface: str, desk: Desk) -> DataLink:
    settings = V2gSettings(evse=1, interface=interface, modem="simulated", slac=SlacSettings())
    return DataLink(desk, 1, settings, lambda: None)


async def until(holds: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.01)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await story()

    asyncio.run(main())


def test_frames_sent_from_this_machine_are_dropped(veths: Veths) -> None:
    """Another socket on our interface is no peer; the other end of the wire is."""
    here, there = veths("o")

    async def story() -> None:
        heard: list[bytes] = []
        port = PacketPort(here, heard.append)
        frame = mme.slac_parm_req(bytes([2, 0, 0, 0, 0, 9]), b"01234567")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as emulation:
            emulation.bind((here, 0x88E1))
            emulation.send(frame)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as peer:
            peer.bind((there, 0x88E1))
            peer.send(frame[:-1] + b"!")
        await until(lambda: bool(heard))
        await asyncio.sleep(0.05)
        port.close()
        assert [each[-1:] for each in heard] == [b"!"]

    run(story)


def test_a_car_is_matched_over_sockets_and_the_station_is_told(veths: Veths) -> None:
    (evse, line0), (line1, car) = veths("e"), veths("c")

    async def story() -> None:
        desk = Desk()
        bridge = Bridge(Medium(join_s=0.2))
        bridge.attach(line0, Modem(bytes([2, 0x50, 0x4C, 0, 0, 1])))
        bridge.attach(line1, Modem(bytes([2, 0x50, 0x4C, 0, 0, 2]), measures=False))
        link = data_link(evse, desk)
        link.look()
        await until(lambda: link.matching is Matching.WAITING)
        link.follow(Link(Phase.OFFER), "B")
        outcome = await match(car)
        await until(lambda: link.linked)
        link.follow(Link(Phase.UNPLUGGED), "A")
        assert not link.linked
        link.close("done")
        bridge.close()
        assert outcome.attempts == 1
        modem = next(fact for fact in desk.facts if isinstance(fact, ModemStatus))
        assert (modem.present, modem.firmware, modem.mac) == (True, "rig 1.0", "02:50:4C:00:00:01")
        linked = next(fact for fact in desk.facts if isinstance(fact, DataLinkStatus) and fact.state == "linked")
        assert linked.sounds == 10
        assert linked.attenuation_db == pytest.approx(8.0, abs=0.5)
        names = [fact.name for fact in desk.facts if isinstance(fact, CarMessage)]
        assert names[:2] == ["CM_SLAC_PARM.REQ", "CM_SLAC_PARM.CNF"]
        assert names[-2:] == ["CM_SLAC_MATCH.REQ", "CM_SLAC_MATCH.CNF"]
        assert not any(outcome.nmk.hex() in repr(fact) for fact in desk.facts)

    run(story)


def test_two_evses_on_two_interfaces_never_hear_each_other(veths: Veths) -> None:
    (evse1, line1), (evse2, line2) = veths("1"), veths("2")

    async def story() -> None:
        desks = Desk(), Desk()
        links = data_link(evse1, desks[0]), data_link(evse2, desks[1])
        bridge = Bridge(Medium(default_db=99.0))
        bridge.attach(line1, Modem(bytes([2, 0x50, 0x4C, 0, 0, 1])))
        bridge.attach(line2, Modem(bytes([2, 0x50, 0x4C, 0, 0, 2])))
        for link in links:
            link.look()
            link.follow(Link(Phase.OFFER), "B")
        await until(lambda: all(link.matching is Matching.WAITING for link in links))
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as car:
            car.bind((line1, 0x88E1))
            car.send(mme.slac_parm_req(bytes([2, 0, 0, 0, 0, 9]), b"01234567"))
            await until(lambda: links[0].matching is Matching.RUNNING)
        assert links[1].matching is Matching.WAITING
        assert not any(isinstance(fact, CarMessage) for fact in desks[1].facts)
        for link in links:
            link.close("done")
        bridge.close()

    run(story)


def test_an_interface_that_is_missing_down_or_gone_is_a_state_with_a_reason(veths: Veths) -> None:
    here, there = veths("g")

    async def story() -> None:
        desk = Desk()
        link = data_link(here, desk)
        ip("link", "set", here, "down")
        link.look()
        assert link.problem == f"interface {here} is down"
        assert link.matching is Matching.ABSENT
        assert not is_up(here)
        ip("link", "set", here, "up")
        link.look()
        assert link.slac is not None
        ip("link", "delete", here)
        link.look()
        assert link.problem == f"interface {here} does not exist"
        assert link.slac is None
        ip("link", "add", here, "type", "veth", "peer", "name", there)
        ip("link", "set", here, "up")
        link.look()
        assert link.slac is not None
        ip("link", "set", here, "down")
        await until(lambda: link.look() or link.slac is None)
        link.close("done")

    run(story)


def test_a_modem_that_does_not_come_within_its_time_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight seconds are T_conn_max_comm; nothing else but time passes here."""
    now = [1000.0]
    monkeypatch.setattr(DataLink, "_now", staticmethod(lambda: now[0]))

    async def story() -> None:
        link = data_link("nosuch0", Desk())
        for after, fault in ((0.0, False), (7.9, False), (8.0, True), (60.0, True)):
            now[0] = 1000.0 + after
            link.look()
            assert bool(link.fault) is fault, after
        assert link.fault == "no power-line modem on nosuch0: interface nosuch0 does not exist"

    run(story)


def test_a_modem_that_never_answers_is_a_fault_until_it_does(monkeypatch: pytest.MonkeyPatch, world: Any) -> None:
    monkeypatch.setattr(DataLink, "_now", staticmethod(lambda: world.now))
    link = data_link("nosuch0", Desk())
    link.slac = world.station()
    world.medium.modems["station"].silent = True
    faults = []
    for _ in range(20):
        world.run(1.0)
        faults.append(link.fault)
    assert faults[:8] == [""] * 8
    assert faults[9:] == ["no power-line modem on nosuch0: no PLC modem answers: the modem does not answer"] * 11
    world.medium.modems["station"].silent = False
    assert world.run(10.0, lambda: not link.fault)


def test_a_flood_makes_a_bounded_number_of_facts(veths: Veths) -> None:
    (evse, line0) = veths("f")

    async def story() -> None:
        desk = Desk()
        bridge = Bridge(Medium())
        bridge.attach(line0, Modem(bytes([2, 0x50, 0x4C, 0, 0, 1])))
        link = data_link(evse, desk)
        link.look()
        await until(lambda: link.matching is Matching.WAITING)
        link.follow(Link(Phase.OFFER), "B")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as car:
            car.bind((line0, 0x88E1))
            for number in range(2000):
                car.send(mme.slac_parm_req(bytes([2, 0, 0, 0, 0, 9]), number.to_bytes(8, "big")))
                if number % 50 == 0:
                    await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        link.close("done")
        bridge.close()
        assert len([fact for fact in desk.facts if isinstance(fact, CarMessage)]) <= FACTS_PER_MINUTE

    run(story)
