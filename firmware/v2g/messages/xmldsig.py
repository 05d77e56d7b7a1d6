"""XML signature elements that V2G messages carry: SignedInfo, its references, and key information.

Declared after the W3C xmldsig core schema. Unknown content under its wildcards is refused, never read.
"""

from typing import Annotated

from firmware.v2g.messages.declare import (
    UNBOUNDED,
    Integer,
    Namespace,
    Octets,
    Record,
    attribute,
    content,
    element,
    reference,
    wildcard,
)

XMLDSIG = Namespace("http://www.w3.org/2000/09/xmldsig#", "ds")

Base64 = Annotated[bytes, Octets()]
AnyInteger = Annotated[int, Integer()]  # real certificates have 160-bit serial numbers


class CanonicalizationMethod(Record, namespace=XMLDSIG, element="CanonicalizationMethod", mixed=True):
    algorithm: str = attribute("Algorithm")
    any_element = wildcard()


class SignatureMethod(Record, namespace=XMLDSIG, element="SignatureMethod", mixed=True):
    algorithm: str = attribute("Algorithm")
    hmac_output_length: AnyInteger | None = element("HMACOutputLength", default=None)
    any_element = wildcard()


class DigestMethod(Record, namespace=XMLDSIG, element="DigestMethod", mixed=True):
    algorithm: str = attribute("Algorithm")
    any_element = wildcard()


class Transform(Record, namespace=XMLDSIG, element="Transform", mixed=True):
    algorithm: str = attribute("Algorithm")
    xpath: tuple[str, ...] = element("XPath", default=(), min_occurs=0, max_occurs=UNBOUNDED)
    any_element = wildcard()


class Transforms(Record, namespace=XMLDSIG, element="Transforms", transparent=True):
    transform: tuple[Transform, ...] = reference(max_occurs=UNBOUNDED)


class DigestValue(Record, namespace=XMLDSIG, element="DigestValue"):
    value: Base64 = content()


class Reference(Record, namespace=XMLDSIG, element="Reference"):
    """What is signed (`uri`, "#id1") and its digest."""

    id: str | None = attribute("Id", default=None)
    type: str | None = attribute("Type", default=None)
    uri: str | None = attribute("URI", default=None)
    transforms: tuple[Transform, ...] | None = element("Transforms", default=None, through=Transforms)
    digest_method: DigestMethod = reference()
    digest_value: Base64 = element("DigestValue")


class SignedInfo(Record, namespace=XMLDSIG, element="SignedInfo"):
    """The part the signature is made over, as an EXI fragment of this schema alone."""

    id: str | None = attribute("Id", default=None)
    canonicalization_method: CanonicalizationMethod = reference()
    signature_method: SignatureMethod = reference()
    reference: tuple[Reference, ...] = reference(max_occurs=UNBOUNDED)


class SignatureValue(Record, namespace=XMLDSIG, element="SignatureValue"):
    id: str | None = attribute("Id", default=None)
    value: Base64 = content()


class KeyName(Record, namespace=XMLDSIG, element="KeyName"):
    value: str = content()


class MgmtData(Record, namespace=XMLDSIG, element="MgmtData"):
    value: str = content()


class DsaKeyValue(Record, namespace=XMLDSIG, element="DSAKeyValue"):
    p: Base64 | None = element("P", default=None)
    q: Base64 | None = element("Q", default=None, with_previous=True)
    g: Base64 | None = element("G", default=None)
    y: Base64 = element("Y")
    j: Base64 | None = element("J", default=None)
    seed: Base64 | None = element("Seed", default=None)
    pgen_counter: Base64 | None = element("PgenCounter", default=None, with_previous=True)


class RsaKeyValue(Record, namespace=XMLDSIG, element="RSAKeyValue"):
    modulus: Base64 = element("Modulus")
    exponent: Base64 = element("Exponent")


class KeyValue(Record, namespace=XMLDSIG, element="KeyValue", mixed=True):
    key: DsaKeyValue | RsaKeyValue = reference(or_any=True)


class RetrievalMethod(Record, namespace=XMLDSIG, element="RetrievalMethod"):
    type: str | None = attribute("Type", default=None)
    uri: str | None = attribute("URI", default=None)
    transforms: tuple[Transform, ...] | None = element("Transforms", default=None, through=Transforms)


class X509IssuerSerial(Record, namespace=XMLDSIG, element="X509IssuerSerial", local=True):
    """Names one certificate by its issuer and serial number."""

    x509_issuer_name: str = element("X509IssuerName")
    x509_serial_number: AnyInteger = element("X509SerialNumber")


class X509Ski(Record, namespace=XMLDSIG, element="X509SKI", local=True):
    value: Base64 = content()


class X509SubjectName(Record, namespace=XMLDSIG, element="X509SubjectName", local=True):
    value: str = content()


class X509Certificate(Record, namespace=XMLDSIG, element="X509Certificate", local=True):
    value: Base64 = content()


class X509Crl(Record, namespace=XMLDSIG, element="X509CRL", local=True):
    value: Base64 = content()


X509Item = X509IssuerSerial | X509Ski | X509SubjectName | X509Certificate | X509Crl


class X509Data(Record, namespace=XMLDSIG, element="X509Data"):
    items: tuple[X509Item, ...] = reference(max_occurs=UNBOUNDED, or_any=True)


class PgpData(Record, namespace=XMLDSIG, element="PGPData", nonempty=True):
    pgp_key_id: Base64 | None = element("PGPKeyID", default=None)
    pgp_key_packet: Base64 | None = element("PGPKeyPacket", default=None)
    any_element = wildcard()


class SpkiData(Record, namespace=XMLDSIG, element="SPKIData"):
    spki_sexp: tuple[Base64, ...] = element("SPKISexp", max_occurs=UNBOUNDED)
    any_element = wildcard()


KeyInfoItem = KeyName | KeyValue | RetrievalMethod | X509Data | PgpData | SpkiData | MgmtData


class KeyInfo(Record, namespace=XMLDSIG, element="KeyInfo", mixed=True):
    id: str | None = attribute("Id", default=None)
    items: tuple[KeyInfoItem, ...] = reference(max_occurs=UNBOUNDED, or_any=True)


class Object(Record, namespace=XMLDSIG, element="Object", mixed=True):
    """Carries data of any kind; we know none, so only an empty one is read."""

    encoding: str | None = attribute("Encoding", default=None)
    id: str | None = attribute("Id", default=None)
    mime_type: str | None = attribute("MimeType", default=None)
    any_element = wildcard()


class Signature(Record, namespace=XMLDSIG, element="Signature"):
    id: str | None = attribute("Id", default=None)
    signed_info: SignedInfo = reference()
    signature_value: SignatureValue = reference()
    key_info: KeyInfo | None = reference(default=None)
    objects: tuple[Object, ...] = reference(default=(), min_occurs=0, max_occurs=UNBOUNDED)


class Manifest(Record, namespace=XMLDSIG, element="Manifest"):
    id: str | None = attribute("Id", default=None)
    reference: tuple[Reference, ...] = reference(max_occurs=UNBOUNDED)


class SignatureProperty(Record, namespace=XMLDSIG, element="SignatureProperty", mixed=True, nonempty=True):
    """Its content can only be of other namespaces, so no instance can be read or written."""

    id: str | None = attribute("Id", default=None)
    target: str = attribute("Target")
    any_element = wildcard()


class SignatureProperties(Record, namespace=XMLDSIG, element="SignatureProperties"):
    id: str | None = attribute("Id", default=None)
    signature_property: tuple[SignatureProperty, ...] = reference(max_occurs=UNBOUNDED)
