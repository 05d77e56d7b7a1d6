"""10^5 mutated ClientHellos: a hello or the one named error, in bounded memory. The seeds are real hellos."""

import random
import ssl

from firmware.v2g.tls.client_hello import ClientHelloError, HelloReader

COUNT = 100_000


def seeds() -> list[bytes]:
    """Hellos of OpenSSL for TLS 1.2 and 1.3, and one with the extensions that ISO 15118 adds."""
    found = []
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = version
        out = ssl.MemoryBIO()
        try:
            context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="station").do_handshake()
        except ssl.SSLWantReadError:
            found.append(out.read())
    keys = b"\x00\x03" + (23).to_bytes(2, "big") + (21).to_bytes(2, "big") + b"\x01" + bytes(20)
    names = b"\x00\x2f\x00\x07\x00\x05\x00\x03abc"
    old = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\xc0\x23" + b"\x01\x00"
    hello = old + len(keys + names).to_bytes(2, "big") + keys + names
    message = b"\x01" + len(hello).to_bytes(3, "big") + hello
    found.append(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)
    return found


def mutated(seed: bytes, chance: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del data[at : at + chance.randint(1, 8)]
            case 3:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case _:
                del data[max(1, at) :]
        data = data or bytearray(b"\x16")
    return bytes(data)


def test_mutated_hellos_are_a_hello_or_a_named_error() -> None:
    chance, known = random.Random(15118), seeds()
    outcomes = {"hello": 0, "incomplete": 0, "refused": 0}
    for number in range(COUNT):
        data = mutated(known[number % len(known)], chance)
        reader = HelloReader()
        cut = chance.randrange(len(data) + 1)
        try:
            hello = reader.feed(data[:cut]) or reader.feed(data[cut:])
        except ClientHelloError:
            outcomes["refused"] += 1
        else:
            outcomes["incomplete" if hello is None else "hello"] += 1
        assert len(reader.raw) <= len(data)
    assert all(count > 100 for count in outcomes.values()), outcomes
