"""Event codes that follow from counting what is never sent: globals, abstract heads, fragment names."""

import pytest

from firmware.v2g.exi.schemas import schema_set
from firmware.v2g.messages import iso2, xmldsig

# schema, global elements, document bits, fragment names, fragment bits
SIZES = [
    ("app_protocol", 2, 2, 9, 4),
    ("iso2", 80, 7, 243, 8),
    ("xmldsig", 24, 5, 45, 6),
    ("din", 81, 7, 245, 8),
    ("iso20_common", 54, 6, 281, 9),
    ("iso20_ac", 42, 6, 154, 8),
    ("iso20_dc", 48, 6, 149, 8),
    ("iso20_wpt", 38, 6, 193, 8),
    ("iso20_acdp", 34, 6, 129, 8),
]


@pytest.mark.parametrize(("name", "documents", "document_bits", "fragments", "fragment_bits"), SIZES)
def test_roots_are_counted_like_other_codecs_count_them(
    name: str, documents: int, document_bits: int, fragments: int, fragment_bits: int
) -> None:
    schema = schema_set(name)
    assert (len(schema.documents), schema.document_width) == (documents, document_bits)
    assert (len(schema.fragments), schema.fragment_width) == (fragments, fragment_bits)


@pytest.mark.parametrize(
    ("name", "element", "code"),
    [
        ("iso2", "AuthorizationReq", 4),
        ("iso2", "CertificateInstallationReq", 15),
        ("iso2", "CertificateUpdateReq", 17),
        ("iso2", "ContractSignatureCertChain", 33),
        ("iso2", "DHpublickey", 45),
        ("iso2", "MeteringReceiptReq", 121),
        ("iso2", "SalesTariff", 174),
        ("iso2", "SignedInfo", 208),
        ("iso2", "eMAID", 236),
        ("xmldsig", "SignedInfo", 32),
    ],
)
def test_fragment_codes(name: str, element: str, code: int) -> None:
    assert schema_set(name).fragments[code][0] == element


def test_an_abstract_head_takes_a_code() -> None:
    power_delivery = schema_set("iso2").shape(iso2.PowerDeliveryReq)
    state = power_delivery.state(1, 1)  # after SAScheduleTupleID
    names = [power_delivery.slots[i].alternatives[a].qname[0] for i, a in state.events]
    assert names == ["ChargingProfile", "DC_EVPowerDeliveryParameter", "EVPowerDeliveryParameter"]
    assert (state.end_code, state.width) == (3, 3)


def test_body_has_thirty_five_elements_and_an_end() -> None:
    body = schema_set("iso2").shape(iso2.Body)
    state = body.state(-1, 0)
    assert (len(state.events), state.end_code, state.width) == (35, 35, 6)


def test_a_full_list_offers_its_element_no_more() -> None:
    services = schema_set("iso2").shape(iso2.SelectedServiceList)
    assert (services.state(0, 15).end_code, services.state(0, 15).width) == (1, 2)
    assert (services.state(0, 16).end_code, services.state(0, 16).width) == (0, 1)


def test_mixed_content_and_wildcards_widen_codes() -> None:
    schema = schema_set("xmldsig")
    method = schema.shape(xmldsig.SignatureMethod).state(0, 1)  # HMACOutputLength, SE(*), EE, CH
    assert (len(method.events), method.any_code, method.end_code, method.width) == (1, 1, 2, 3)
    digest = schema.shape(xmldsig.DigestMethod).state(0, 1)  # SE(*), EE, CH
    assert (len(digest.events), digest.any_code, digest.end_code, digest.width) == (0, 0, 1, 2)


def test_only_emaid_is_declared_with_two_types() -> None:
    assert [qname[0] for qname in schema_set("iso2").relaxed] == ["eMAID"]
