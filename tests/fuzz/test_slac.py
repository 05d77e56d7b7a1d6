"""10^5 mutated SLAC frames at a station in every state: counted drops and nothing else, bounded memory."""

import random
from collections.abc import Iterator

import pytest

from firmware.v2g.slac import cg5317, qca7000, simulated
from firmware.v2g.slac.frames import BY_TYPE
from firmware.v2g.slac.modem import Modem
from firmware.v2g.slac.slac import MAX_RUNS, Options, Slac
from hil.plc import mme

FRAMES = 100_000
HOST = bytes.fromhex("020000000001")
CARS = [bytes([2, 0xC0, 0, 0, 0, number]) for number in range(12)]
MODEM = bytes.fromhex("02aa00000001")
RUNS = [bytes([number]) * 8 for number in range(4)]
VENDOR = {0xA001: b"", 0xA01D: b"", 0xA0B9: b"", 0xAC6D: bytes(19), 0xAC9D: bytes(19)}


def good_frames(chance: random.Random) -> bytes:
    """A frame that makes sense to somebody."""
    car, run = chance.choice(CARS), chance.choice(RUNS)
    match chance.randrange(10):
        case 0:
            return mme.slac_parm_req(car, run)
        case 1:
            return mme.start_atten_char_ind(car, run, chance.choice((1, 10, 255)), 6)
        case 2:
            return mme.mnbc_sound_ind(car, run, chance.randrange(256), bytes(16))
        case 3:
            return mme.atten_profile_ind(mme.EVERYBODY, MODEM, car, bytes(chance.choice((57, 58, 58, 58))))
        case 4:
            return mme.atten_char_rsp(HOST, car, run)
        case 5:
            return mme.validate_req(HOST, car)
        case 6:
            return mme.slac_match_req(HOST, car, run)
        case 7:
            return mme.set_key_cnf(HOST, MODEM)
        case 8:
            kind, filler = chance.choice(list(VENDOR.items()))
            if chance.random() < 0.4:
                return mme.build(
                    HOST, MODEM, 0xA001, bytes.fromhex("02504c") + bytes(chance.choices((1, 2, 3), k=2)), 0
                )
            oui = bytes.fromhex(chance.choice(("00b052", "0016e8")))
            return mme.build(HOST, MODEM, kind, oui + filler + chance.randbytes(12), mmv=0)
        case _:
            return mme.build(HOST, car, chance.choice(list(BY_TYPE)), chance.randbytes(chance.randrange(120)))


def mutated(chance: random.Random, frame: bytes) -> bytes:
    data = bytearray(frame)
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        match chance.randrange(3):
            case 0 if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
            case 1:
                del data[chance.randrange(len(data) + 1) :]
            case _:
                data += chance.randbytes(chance.choice((1, 40, 1500)))
    return bytes(data)


def inputs(seed: int, count: int) -> Iterator[tuple[bytes, random.Random]]:
    chance = random.Random(seed)
    for _ in range(count):
        yield mutated(chance, good_frames(chance)), chance


@pytest.mark.parametrize("make", [simulated, qca7000, cg5317], ids=["simulated", "qca7000", "cg5317"])
@pytest.mark.parametrize("conformance", [False, True])
@pytest.mark.timeout(180)
def test_mutated_frames_are_drops_and_nothing_else(make: object, conformance: bool) -> None:
    from firmware.v2g.slac.matching import Rules  # noqa: PLC0415

    driver: Modem = make.Driver()  # type: ignore[attr-defined]
    now = 1000.0
    slac = Slac(driver, HOST, Options(Rules(conformance)), now)
    slac.listen(True, now)
    states = set()
    for data, chance in inputs(1 + conformance, FRAMES // 6 + 1):
        slac.receive(data, now)
        states.add(slac.state)
        slac.said.clear()
        slac.notes.clear()
        assert len(slac.take()) <= 64
        assert len(slac._runs) <= MAX_RUNS
        if chance.random() < 0.2:
            now += chance.choice((0.001, 0.05, 0.3, 2.0))
            slac.poke(now)
        if chance.random() < 0.002:
            chance.choice((slac.leave, slac.pause, slac.wake))(now)
    assert slac.dropped["malformed"] > 1000
    assert len(slac.dropped) < 30  # a bounded number of reasons
    assert len(states) >= 4  # the flood went through the machine, not past it
