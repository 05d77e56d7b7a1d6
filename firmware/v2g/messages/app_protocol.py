"""supportedAppProtocol: the handshake in which car and station agree on a V2G protocol.

Declared after V2G_CI_AppProtocol.xsd (ISO 15118-2 Annex C.1; the same in DIN SPEC 70121 and ISO 15118-20).
"""

from enum import StrEnum
from typing import Annotated

from firmware.v2g.messages.declare import Integer, Namespace, Record, Request, Response, Text, element

APP_PROTOCOL = Namespace("urn:iso:15118:2:2010:AppProtocol", "app", qualified_elements=False)

UnsignedByte = Annotated[int, Integer(0, 255)]
UnsignedInt = Annotated[int, Integer(0, 2**32 - 1)]
ProtocolNamespace = Annotated[str, Text(max_length=100)]
Priority = Annotated[int, Integer(1, 20)]


class ResponseCode(StrEnum):
    OK_SuccessfulNegotiation = "OK_SuccessfulNegotiation"
    OK_SuccessfulNegotiationWithMinorDeviation = "OK_SuccessfulNegotiationWithMinorDeviation"
    Failed_NoNegotiation = "Failed_NoNegotiation"


class AppProtocol(Record, namespace=APP_PROTOCOL):
    """One protocol the car speaks. Priority 1 is the one it likes best."""

    protocol_namespace: ProtocolNamespace = element("ProtocolNamespace")
    version_number_major: UnsignedInt = element("VersionNumberMajor")
    version_number_minor: UnsignedInt = element("VersionNumberMinor")
    schema_id: UnsignedByte = element("SchemaID")
    priority: Priority = element("Priority")


class SupportedAppProtocolRes(Response, namespace=APP_PROTOCOL, element="supportedAppProtocolRes"):
    response_code: ResponseCode = element("ResponseCode", default=ResponseCode.OK_SuccessfulNegotiation)
    schema_id: UnsignedByte | None = element("SchemaID", default=None)


class SupportedAppProtocolReq(
    Request,
    namespace=APP_PROTOCOL,
    element="supportedAppProtocolReq",
    answered_by=SupportedAppProtocolRes,
):
    app_protocol: tuple[AppProtocol, ...] = element("AppProtocol", max_occurs=20)
