"""SDP: known datagrams both ways, who is answered and who is not, and how often."""

import socket
from typing import Final

import pytest

from firmware.v2g.sdp import (
    Endpoint,
    RateLimit,
    SdpError,
    SdpServer,
    Security,
    TlsPolicy,
    Transport,
    read_request,
    security_for,
    write_response,
)

ADDRESS: Final = socket.inet_pton(socket.AF_INET6, "fe80::1234")
PLAIN: Final = Endpoint(ADDRESS, 50000)
BOTH: Final = Endpoint(ADDRESS, 50000, plain=True, tls=True)
ASK_NONE: Final = bytes.fromhex("01fe9000000000021000")
ASK_TLS: Final = bytes.fromhex("01fe9000000000020000")


def test_a_known_request() -> None:
    assert read_request(ASK_NONE).security is Security.NONE
    assert read_request(ASK_TLS).security is Security.TLS
    assert read_request(ASK_TLS).transport is Transport.TCP


def test_a_known_response() -> None:
    assert write_response(PLAIN, Security.NONE).hex() == (
        "01fe900100000014"
        "fe800000000000000000000000001234"
        "c350"
        "1000"
    )  # fmt: skip


@pytest.mark.parametrize(
    "datagram",
    [
        "",
        "01",
        "01fe90000000000210",  # shorter than announced
        "01fe900000000002100000",  # longer than announced
        "01fe9000000000031000ff",
        "01fe90000000000110",
        "02fe9000000000021000",
        "01ff9000000000021000",
        "01fe9001000000021000",  # a response
        "01fe8001000000021000",  # EXI
        "01fe9000000000022000",  # unknown security
        "01fe9000000000021001",  # unknown transport
        "01fe9000ffffffff1000",
    ],
)
def test_a_malformed_request_is_counted_and_not_answered(datagram: str) -> None:
    with pytest.raises(SdpError):
        read_request(bytes.fromhex(datagram))
    server = SdpServer(lambda: PLAIN, "prohibit")
    assert server.answer(bytes.fromhex(datagram)) is None
    assert (server.malformed, server.answered) == (1, 0)


# car asks, policy, can we serve TLS -> what we answer
POLICY: Final[list[tuple[bytes, TlsPolicy, bool, Security | None]]] = [
    (ASK_NONE, "prohibit", False, Security.NONE),
    (ASK_NONE, "prohibit", True, Security.NONE),
    (ASK_NONE, "allow", False, Security.NONE),
    (ASK_NONE, "allow", True, Security.NONE),
    (ASK_NONE, "force", False, None),
    (ASK_NONE, "force", True, Security.TLS),
    (ASK_TLS, "prohibit", False, Security.NONE),
    (ASK_TLS, "prohibit", True, Security.NONE),
    (ASK_TLS, "allow", False, Security.NONE),
    (ASK_TLS, "allow", True, Security.TLS),
    (ASK_TLS, "force", False, None),
    (ASK_TLS, "force", True, Security.TLS),
]


@pytest.mark.parametrize(("datagram", "policy", "tls", "expected"), POLICY)
def test_what_is_offered(datagram: bytes, policy: TlsPolicy, tls: bool, expected: Security | None) -> None:
    assert security_for(read_request(datagram), BOTH if tls else PLAIN, policy) == expected


def test_udp_as_transport_is_not_answered() -> None:
    server = SdpServer(lambda: PLAIN, "allow")
    assert server.answer(bytes.fromhex("01fe9000000000021010")) is None
    assert server.unserved == 1


def test_silence_while_there_is_nothing_to_serve() -> None:
    server = SdpServer(lambda: None, "allow")
    assert server.answer(ASK_NONE) is None
    assert (server.unserved, server.answered) == (1, 0)


def test_at_most_fifty_answers_a_minute() -> None:
    now = 1000.0
    server = SdpServer(lambda: PLAIN, "allow", clock=lambda: now)
    assert sum(server.answer(ASK_NONE) is not None for _ in range(60)) == 50
    assert server.limited == 10
    now += 59.9
    assert server.answer(ASK_NONE) is None
    now += 0.2
    assert server.answer(ASK_NONE) is not None


def test_a_new_car_starts_with_a_clean_count() -> None:
    limit = RateLimit(2, 60.0)
    assert [limit.allows(0.0) for _ in range(3)] == [True, True, False]
    limit.forget()
    assert limit.allows(0.0)
