"""ClientHellos made by hand, byte by byte, and those of two TLS libraries."""

import ssl

import pytest
from OpenSSL import SSL

from firmware.v2g.tls.client_hello import ClientHello, ClientHelloError, HelloReader, TrustedCa, parse

RANDOM = bytes(range(32))


def vector(octets: int, data: bytes) -> bytes:
    return len(data).to_bytes(octets, "big") + data


def extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + vector(2, data)


def body(*extensions: bytes, suites: str = "C0230035", version: str = "0303", session: bytes = b"") -> bytes:
    """A ClientHello without headers."""
    start = bytes.fromhex(version) + RANDOM + vector(1, session) + vector(2, bytes.fromhex(suites)) + b"\x01\x00"
    return start + (vector(2, b"".join(extensions)) if extensions else b"")


def records(hello: bytes, size: int = 16384) -> bytes:
    """With handshake header, cut into records."""
    message = b"\x01" + vector(3, hello)
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + vector(2, part) for part in parts)


def test_a_car_of_iso_15118_2_in_its_own_bytes() -> None:
    hash1, hash2, name = bytes(20), b"\x01" * 20, bytes.fromhex("3000")
    keys = b"\x01" + hash1 + b"\x03" + hash2 + b"\x02" + vector(2, name) + b"\x00"
    hello = parse(
        body(
            extension(3, vector(2, keys)),
            extension(5, bytes.fromhex("0100000000")),
            extension(10, vector(2, bytes.fromhex("0017"))),
            extension(13, vector(2, bytes.fromhex("0403"))),
            extension(17, bytes.fromhex("0007020004" + "00000000")),
            extension(1, b"\x02"),
        )
    )
    assert hello == ClientHello(
        legacy_version=0x0303,
        suites=(0xC023, 0x0035),
        versions=(0x0303,),
        groups=(23,),
        signatures=(0x0403,),
        trusted_ca_keys=(
            (TrustedCa.KEY_SHA1_HASH, hash1),
            (TrustedCa.CERT_SHA1_HASH, hash2),
            (TrustedCa.X509_NAME, name),
            (TrustedCa.PRE_AGREED, b""),
        ),
        status_request=True,
        status_request_v2=True,
        max_fragment_length=1024,
        extensions=(3, 5, 10, 13, 17, 1),
    )


def test_a_car_of_iso_15118_20_in_its_own_bytes() -> None:
    hello = parse(
        body(
            extension(43, vector(1, bytes.fromhex("03040303"))),
            extension(47, vector(2, vector(2, b"one") + vector(2, b"two"))),
            suites="13021303C023",
        )
    )
    assert hello.versions == (0x0304, 0x0303)
    assert hello.certificate_authorities == (b"one", b"two")


def test_a_hello_without_extensions_is_one() -> None:
    assert parse(body()).versions == (0x0303,)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_hello_in_pieces_and_in_many_records(size: int) -> None:
    whole = records(body(extension(10, vector(2, b"\0\x17"))), size=20)
    reader = HelloReader()
    found = [reader.feed(whole[at : at + size]) for at in range(0, len(whole), size)]
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] is not None
    assert found[-1].groups == (23,)
    assert bytes(reader.raw) == whole


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x01\xfe\x80\x01", "record of type 1 "),
        (b"\x16\x02\x00\x00\x05", "record version 2.0"),
        (b"\x16\x03\x01\x00\x00", "a record of 0 bytes"),
        (b"\x16\x03\x01\x40\x01", "a record of 16385 bytes"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "handshake message 2"),
        (b"\x16\x03\x01\x00\x04\x01\x00\x50\x00", "a ClientHello of 20480 bytes"),
        (records(body(extension(10, bytes(100))), size=1), "more than 64 records"),
        (records(body(suites="")), "no cipher suites"),
        (records(body(suites="C0")), "half a number"),
        (records(body(session=bytes(33))), "session id is longer"),
        (records(body()[:20]), "random ends early"),
        (records(body() + b"\x00"), "extensions ends early"),
        (records(body(extension(10, b"\0\0")) + b"!"), "1 bytes too many"),
        (records(body(extension(10, b"\0\x04\0\x17"))), "supported_groups ends early"),
        (records(body(extension(10, b"\0\x02\0\x17!"))), "supported_groups has 1 bytes too many"),
        (records(body(extension(5, b""), extension(5, b""))), "extension 5 comes twice"),
        (records(body(extension(3, b"\0\x02\x01\0"))), "trusted_ca_keys hash ends early"),
        (records(body(extension(3, b"\0\x01\x09"))), "names a CA in way 9"),
        (records(body(extension(1, b"\x05"))), "max_fragment_length"),
    ],
)
def test_what_is_no_hello_is_said(data: bytes, reason: str) -> None:
    with pytest.raises(ClientHelloError, match=reason):
        HelloReader().feed(data)


def test_endless_records_are_not_collected() -> None:
    reader = HelloReader()
    with pytest.raises(ClientHelloError):
        for _ in range(100):
            reader.feed(b"\x16\x03\x01\x40\x00" + b"\x01\x00\x3f\xff" + bytes(16380 - 5))
    assert len(reader.raw) < 60_000


def test_the_hello_of_the_standard_library_is_read() -> None:
    out = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="station")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = HelloReader().feed(out.read())
    assert hello is not None
    assert 0x0304 in hello.versions
    assert {0x1302, 0x1303} <= set(hello.suites)
    assert 0x0403 in hello.signatures


def test_the_hello_of_pyopenssl_is_read() -> None:
    car = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    car.set_connect_state()
    car.request_ocsp()
    with pytest.raises(SSL.WantReadError):
        car.do_handshake()
    hello = HelloReader().feed(car.bio_read(65536))
    assert hello is not None
    assert hello.status_request
