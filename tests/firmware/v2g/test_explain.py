"""Captured bytes as text for people."""

import pytest

from firmware.v2g.explain import Unexplained, explain

SESSION_SETUP_RES = "8098007591e0002515a928c8dcc8b880"


def test_a_message_without_header() -> None:
    text = explain(SESSION_SETUP_RES)
    assert text.startswith("schema iso2\n")
    assert "ResponseCode=OK" in text
    assert "EjJ272." in text
    assert "  <m:Body>" in text.splitlines()


def test_a_frame_with_header_as_people_paste_it() -> None:
    text = explain("01 FE 80 01 00 00 00 04  0x80:40:00:40")
    assert text.splitlines()[:3] == [
        "V2GTP EXI (0x8001), 4 bytes",
        "schema app_protocol",
        "supportedAppProtocolRes ResponseCode=OK_SuccessfulNegotiation SchemaID=1",
    ]


def test_bytes_and_a_named_schema() -> None:
    assert "SchemaID=1" in explain(bytes.fromhex("80400040"), "app_protocol")


def test_a_signed_fragment_needs_its_schema() -> None:
    signed_info = "808101baa01baa401baa00e90dc0"
    assert "SignedInfo" in explain(signed_info, "xmldsig", fragment=True)
    with pytest.raises(Unexplained):
        explain(signed_info, fragment=True)


def test_sdp_both_ways() -> None:
    assert explain("01fe9000000000021000").endswith("car asks for no TLS over TCP")
    answer = explain("01fe900100000014" + "fe80" + "00" * 13 + "01" + "c350" + "0000")
    assert answer.endswith("station serves at [fe80::1]:50000, TLS, TCP")


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "hello",
        "8",
        "01fe8001000000ff80400040",
        "8098ff",
        "7f40",
        "01fe900000000002ffff",
        "01fe90010000000100",
        "80fe",
    ],
)
def test_what_makes_no_sense_is_said_so(pasted: str) -> None:
    with pytest.raises(Unexplained):
        explain(pasted)
