"""Whatever follows a ClientHello, mutated: the channel answers, waits or raises its one named error."""

import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from OpenSSL import SSL

from firmware.v2g.pki.make_test import make_test
from firmware.v2g.pki.staples import Staples
from firmware.v2g.pki.store import load
from firmware.v2g.tls.channel import TlsChannel, TlsFailed
from firmware.v2g.tls.contexts import Contexts

ROUNDS = 1500


def hello(version: int) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(version)
    context.set_cipher_list(b"ECDHE-ECDSA-AES128-SHA256")
    car = SSL.Connection(context, None)
    car.set_connect_state()
    return car


def flight(car: SSL.Connection) -> bytes:
    with suppress(SSL.Error):  # our answer to its changed words may make no sense to it: then it has nothing to say
        car.do_handshake()
    with suppress(SSL.Error):
        return bytes(car.bio_read(65536))
    return b""


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((0, 0, 1, 3))):
        at = chance.randrange(len(changed))
        if chance.random() < 0.6:
            changed[at] ^= 1 << chance.randrange(8)
        elif chance.random() < 0.5:
            del changed[at : at + chance.randint(1, 20)]
        else:
            changed[at:at] = chance.randbytes(chance.randint(1, 20))
        changed = changed or bytearray(b"\x16")
    return bytes(changed)


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_mutated_flights_raise_nothing_else(tmp_path: Path, version: int) -> None:
    make_test(tmp_path / "pki")
    contexts = Contexts(load(tmp_path / "pki", datetime.now(UTC)), Staples(tmp_path / "pki"), time.time)
    chance, through, failed = random.Random(version), 0, 0
    for _ in range(ROUNDS):
        station, car = TlsChannel(contexts, time.time, conformance=False), hello(version)
        try:
            for _ in range(4):
                station.receive(mutated(flight(car) or b"\x17\x03\x03\x00\x01\x00", chance))
                if answer := station.take():
                    car.bio_write(answer)
            through += station.secured is not None
        except TlsFailed:
            failed += 1
            station.take()
            station.close()
            with suppress(TlsFailed):
                station.receive(b"more")
    assert failed > 100
    assert through > 10
