"""What the codec refuses, and that it says where; what it accepts although it would not write it."""

from typing import Any, Final

import pytest

from firmware.v2g import exi
from firmware.v2g.exi.schemas import schema_set
from firmware.v2g.messages import iso2, iso20_common, xmldsig
from firmware.v2g.messages.app_protocol import AppProtocol, SupportedAppProtocolReq
from firmware.v2g.messages.declare import replace
from firmware.v2g.messages.iso2 import PhysicalValue
from firmware.v2g.messages.simple_element import SimpleElement

Loose: Final[Any] = PhysicalValue  # takes what a type checker would refuse
DEMAND = bytes.fromhex("80980046d0d1000000003fffe02450001ffff01000")  # CurrentDemandReq of session 1B
SETUP = bytes.fromhex("8098007591e0002515a928c8dcc8b880")  # SessionSetupRes, EVSEID "EjJ272."


def demand(**changes: Any) -> Any:
    message: Any = exi.decode(DEMAND, "iso2")
    return replace(message, body=replace(message.body, **changes))


def refusal(call: Any, *arguments: Any, **options: Any) -> exi.ExiError:
    with pytest.raises(exi.ExiError) as caught:
        call(*arguments, **options)
    return caught.value


# -- decoding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(len(DEMAND) - 1))
def test_every_truncation_is_refused_with_a_place(length: int) -> None:
    error = refusal(exi.decode, DEMAND[:length], "iso2")
    assert error.bit is not None
    assert error.bit <= 8 * length


def test_a_refusal_names_element_and_bit() -> None:
    error = refusal(exi.decode, DEMAND[:15], "iso2")
    assert error.path == "V2G_Message/Body/CurrentDemandReq/EVTargetVoltage/Multiplier"
    assert error.reason == "the stream ends too early"
    assert str(error) == f"{error.path}: the stream ends too early (bit 119)"


def test_trailing_bytes_and_set_padding_are_accepted() -> None:
    assert exi.decode(DEMAND + b"\xb8\x00", "iso2") == exi.decode(DEMAND, "iso2")
    answer = exi.decode(bytes.fromhex("80400040"), "app_protocol")
    assert exi.decode(bytes.fromhex("8040004f"), "app_protocol") == answer


@pytest.mark.parametrize("header", [0x00, 0x81, 0xA0, 0x90, 0xC0, 0x24])
def test_another_exi_header_is_refused(header: int) -> None:
    assert refusal(exi.decode, bytes([header]) + DEMAND[1:], "iso2").bit == 0


def test_an_enumeration_value_beyond_the_last_is_refused() -> None:
    # SessionSetupRes with ResponseCode 31 of 26
    wrong = int.from_bytes(SETUP, "big") | 0b11111 << (8 * len(SETUP) - 55)
    error = refusal(exi.decode, wrong.to_bytes(len(SETUP), "big"), "iso2")
    assert error.path == "V2G_Message/Body/SessionSetupRes/ResponseCode"


def stream(bits: str) -> bytes:
    """The bits behind the EXI header, spaces left out, as a stream."""
    bits = f"{0x80:08b}{bits.replace(' ', '')}"
    return int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")


def test_an_announced_length_is_checked_before_anything_is_made() -> None:
    # V2G_Message, Header, SessionID, CH, a length of 2^34 octets
    announced = stream("1001100 0 0 0 10000000 10000000 10000000 10000000 01000000 11111111")
    error = refusal(exi.decode, announced, "iso2")
    assert (error.path, error.reason) == (
        "V2G_Message/Header/SessionID",
        "17179869184 octets announced, 1 left",
    )


def test_a_number_that_does_not_end_is_refused() -> None:
    endless = bytes.fromhex("8000") + b"\xff" * 200
    assert refusal(exi.decode, endless, "app_protocol").reason


def test_a_string_table_hit_is_refused() -> None:
    # DocumentRoot supportedAppProtocolReq, first ProtocolNamespace announced with length 0 (a hit)
    assert "string table" in refusal(exi.decode, bytes.fromhex("80000000"), "app_protocol").reason


def test_an_abstract_element_is_refused() -> None:
    roots = [qname[0] for qname, _ in schema_set("iso2").documents]
    head = stream(f"{roots.index('BodyElement'):07b}") + bytes(8)
    assert refusal(exi.decode, head, "iso2").reason == "an abstract element"


def test_both_forms_of_an_empty_value_are_read_and_one_is_written() -> None:
    # DIN SessionSetupReq (29 of the Body) with an empty EVCCID: octets of length zero, or an end of element
    opening = f"1001101 0 0 0 00001000 {'0' * 64} 0 10 0 011101 0"
    as_octets = stream(f"{opening} 0 00000000 0 0 0 0")
    as_end = stream(f"{opening} 1 000 0 0 0")
    assert exi.decode(as_octets, "din") == exi.decode(as_end, "din")
    assert exi.encode(exi.decode(as_end, "din")) == as_octets


def test_an_unknown_schema_is_refused() -> None:
    assert "no schema" in str(refusal(exi.decode, DEMAND, "iso3"))
    assert "no schema" in str(refusal(exi.from_xml, "<a/>", "iso3"))


# -- encoding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"ev_target_current": Loose(multiplier=4, unit="A", value=1)}, "EVTargetCurrent/Multiplier"),
        ({"ev_target_current": Loose(multiplier=0, unit="Ah", value=1)}, "EVTargetCurrent/Unit"),
        ({"ev_target_voltage": Loose(multiplier=0, unit="V", value=32768)}, "EVTargetVoltage/Value"),
        ({"ev_target_voltage": Loose(multiplier=0, unit="V", value=-32769)}, "EVTargetVoltage/Value"),
        ({"ev_target_voltage": Loose(multiplier=0, unit="V", value=1.5)}, "EVTargetVoltage/Value"),
        ({"ev_target_voltage": 400}, "EVTargetVoltage"),
        ({"ev_target_voltage": None}, ""),
        ({"charging_complete": "yes"}, "ChargingComplete"),
        (
            {
                "dc_ev_status": iso2.DcEvStatus(
                    ev_ready=True, ev_error_code=iso2.DcEvErrorCode.NO_ERROR, ev_ress_soc=101
                )
            },
            "DC_EVStatus/EVRESSSOC",
        ),
    ],
)
def test_a_value_outside_its_facets_is_refused_by_name(changes: dict[str, Any], path: str) -> None:
    error = refusal(exi.encode, demand(**changes))
    assert error.path == f"V2G_Message/Body/CurrentDemandReq/{path}".rstrip("/")


@pytest.mark.parametrize("evse_id", ["DE*ABC", "x" * 38, "half a \ud800 character"])
def test_text_outside_its_facets_is_refused(evse_id: str) -> None:
    message: Any = exi.decode(SETUP, "iso2")
    error = refusal(exi.encode, replace(message, body=replace(message.body, evse_id=evse_id)))
    assert error.path == "V2G_Message/Body/SessionSetupRes/EVSEID"


def test_a_list_longer_than_the_schema_allows_is_refused() -> None:
    one = AppProtocol(
        protocol_namespace="urn:x", version_number_major=1, version_number_minor=0, schema_id=1, priority=1
    )
    assert len(exi.encode(SupportedAppProtocolReq(app_protocol=(one,) * 20))) > 100
    assert "more than 20" in str(refusal(exi.encode, SupportedAppProtocolReq(app_protocol=(one,) * 21)))
    assert "missing" in str(refusal(exi.encode, SupportedAppProtocolReq(app_protocol=())))


def test_a_choice_takes_exactly_one() -> None:
    both = iso2.Parameter(name="x", bool_value=True, int_value=3)
    neither = iso2.Parameter(name="x")
    for parameter in (both, neither):
        parameters = (iso2.ParameterSet(parameter_set_id=1, parameter=(parameter,)),)
        body = iso2.ServiceDetailRes(service_id=1, service_parameter_list=parameters)
        message = iso2.V2gMessage(header=iso2.MessageHeader(session_id=b"\x01"), body=body)
        assert "Parameter" in refusal(exi.encode, message).path


def test_what_is_no_message_is_refused() -> None:
    for thing in (3, "x", PhysicalValue.of(1, "A"), iso2.SessionStopRes):
        refusal(exi.encode, thing)


def test_unknown_content_of_a_signature_is_refused() -> None:
    empty = xmldsig.SignatureProperty(target="t")
    refusal(exi.encode, empty)


# -- which schema set, which root -----------------------------------------------------------------------

SIGNED_INFO = bytes.fromhex("808101baa01baa401baa00e90dc0")


def test_a_root_is_written_back_in_the_set_it_was_read_in() -> None:
    alone = exi.decode(SIGNED_INFO, "xmldsig", fragment=True)
    inside = exi.decode(exi.encode(alone, "iso2", fragment=True), "iso2", fragment=True)
    assert inside == alone
    assert exi.encode(alone, fragment=True) == SIGNED_INFO
    assert exi.encode(inside, fragment=True) == exi.encode(alone, "iso2", fragment=True) != SIGNED_INFO
    assert exi.encode(inside, "xmldsig", fragment=True) == SIGNED_INFO


def test_a_chain_alone_is_the_contracts_unless_said_otherwise() -> None:
    chain = iso2.CertificateChain(certificate=b"\x01")
    usual = exi.encode(chain, fragment=True)
    other = exi.encode(chain, fragment=True, element="SAProvisioningCertificateChain")
    assert usual != other
    assert "SAProvisioningCertificateChain" in exi.to_xml(exi.decode(other, "iso2", fragment=True))
    assert exi.encode(exi.decode(other, "iso2", fragment=True), fragment=True) == other
    assert "ContractSignatureCertChain" in exi.to_xml(exi.decode(usual, "iso2", fragment=True))


def test_an_emaid_is_signed_by_the_relaxed_grammar_and_verified_by_either() -> None:
    emaid = iso2.Emaid(id="id1", value="pvgz*ceRcR:TlTf")
    text = "".join(f"{ord(character):08b}" for character in emaid.value)
    identifier = "00000101" + "".join(f"{ord(character):08b}" for character in "id1")
    relaxed = f"11101100000000100{identifier}10000000000010001{text}1111010011110100"
    strict = f"111011000{identifier}000010001{text}011110100"
    for bits, flag in ((relaxed, True), (strict, False)):
        assert exi.encode(emaid, fragment=True, relaxed=flag) == stream(bits)
        assert exi.decode(stream(bits), "iso2", fragment=True, relaxed=flag) == emaid


def test_a_simple_element_alone_keeps_its_name_and_its_type() -> None:
    soc = SimpleElement(name="EVRESSSOC", namespace="urn:iso:15118:2:2013:MsgDataTypes", value=42)
    data = exi.encode(soc, "iso2", fragment=True)
    read = exi.decode(data, "iso2", fragment=True)
    assert read == soc
    assert exi.encode(read, fragment=True) == data
    assert exi.from_xml(exi.to_xml(read), "iso2") == soc
    assert (exi.log_line(read), exi.to_json(read)) == ("EVRESSSOC 42", '{"EVRESSSOC":42}')


def test_a_simple_element_is_checked_and_is_no_document() -> None:
    soc = SimpleElement(name="EVRESSSOC", namespace="urn:iso:15118:2:2013:MsgDataTypes", value=101)
    assert "101 is not within 0..100" in str(refusal(exi.encode, soc, "iso2", fragment=True))
    refusal(exi.encode, soc, "iso2")
    refusal(exi.encode, soc, fragment=True)  # no schema set said
    refusal(exi.encode, replace(soc, name="Body"), "iso2", fragment=True)
    refusal(exi.from_xml, f'<t:EVRESSSOC xmlns:t="{soc.namespace}" a="1">4</t:EVRESSSOC>', "iso2")


def test_an_empty_value_that_is_signed_ends_its_element_unless_strict() -> None:
    value = xmldsig.SignatureValue(id="a", value=b"")
    begin = "011111" + "00" + "00000011" + f"{ord('a'):08b}"  # root, Id="a"
    for bits, flag in ((begin + "1" + "000" + "101110", True), (begin + "0" + "00000000" + "0" + "101110", False)):
        assert exi.encode(value, "xmldsig", fragment=True, relaxed=flag) == stream(bits)
        assert exi.decode(stream(bits), "xmldsig", fragment=True) == value
    bare = SimpleElement(name="XPath", namespace=xmldsig.XMLDSIG.uri, value="")
    assert exi.decode(exi.encode(bare, "xmldsig", fragment=True), "xmldsig", fragment=True) == bare


def test_one_name_in_two_namespaces_keeps_its_own() -> None:
    status = iso2.DcEvStatus(ev_ready=True, ev_error_code=iso2.DcEvErrorCode.NO_ERROR, ev_ress_soc=1)
    usual = exi.encode(status, fragment=True)
    assert ":DC_EVStatus" in exi.to_xml(exi.decode(usual, "iso2", fragment=True))
    inside = '<b:DC_EVStatus xmlns:b="urn:iso:15118:2:2013:MsgBody" xmlns:t="urn:iso:15118:2:2013:MsgDataTypes">'
    inside += exi.to_xml(status).partition(">")[2].replace("</t:DC_EVStatus>", "</b:DC_EVStatus>")
    assert exi.encode(exi.from_xml(inside, "iso2"), fragment=True) != usual


# -- XML ------------------------------------------------------------------------------------------------

NAMESPACE = 'xmlns="urn:iso:std:iso:15118:-20:CommonMessages"'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a",
        "<a/>",
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        "<a>" * 200,
        f"<SessionStopRes {NAMESPACE}>text</SessionStopRes>",
        f"<SessionStopRes {NAMESPACE}><Unknown/></SessionStopRes>",
        f'<SessionStopRes {NAMESPACE} Unknown="1"/>',
        f"<SessionStopRes {NAMESPACE}/>",
    ],
)
def test_xml_that_is_no_message_is_refused(text: str) -> None:
    refusal(exi.from_xml, text, "iso20_common")


def test_an_entity_bomb_is_refused_before_it_grows() -> None:
    levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(12))
    error = refusal(exi.from_xml, f"<!DOCTYPE a [{levels}]><a>&l11;</a>", "iso2")
    assert error.reason == "a DOCTYPE is not accepted"


def test_text_that_xml_cannot_hold_is_refused() -> None:
    header = iso20_common.SessionSetupReq.wire.fields[0].annotation(session_id=bytes(8), time_stamp=0)
    message = iso20_common.SessionSetupReq(header=header, evcc_id="a\x00b")
    assert exi.decode(exi.encode(message), "iso20_common") == message
    refusal(exi.to_xml, message)
