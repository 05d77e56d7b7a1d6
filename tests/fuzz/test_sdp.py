"""10^5 mutated SDP datagrams: an answer to what is a request, a count for everything else."""

import random

from firmware.v2g.sdp import Endpoint, SdpServer

COUNT = 100_000
REQUESTS = (bytes.fromhex("01fe9000000000021000"), bytes.fromhex("01fe9000000000020000"))
RESPONSE = bytes.fromhex("01fe900100000014") + bytes(20)
MINUTE = 60.0


def mutated(chance: random.Random) -> bytes:
    data = bytearray(chance.choice((*REQUESTS, *REQUESTS, RESPONSE)))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at:at] = chance.randbytes(chance.randint(1, 1500))
            case 2:
                del data[at:]
            case _:
                data += chance.choice(REQUESTS)
    return bytes(data)


def test_mutated_datagrams_are_counted_and_nothing_else() -> None:
    chance, now = random.Random(15118), [0.0]
    server = SdpServer(lambda: Endpoint(bytes(16), 50000, plain=True, tls=True), "allow", clock=lambda: now[0])
    sent = 0
    for _ in range(COUNT):
        now[0] += 0.05
        answer = server.answer(mutated(chance))
        if answer is not None:
            sent += 1
            assert len(answer) == 28
    assert server.answered == sent
    assert server.answered + server.malformed + server.unserved + server.limited == COUNT
    assert server.answered <= 50 * (now[0] / MINUTE + 1)
    assert min(server.answered, server.malformed, server.limited) > 1000
    assert server.unserved > 10  # requests for UDP
