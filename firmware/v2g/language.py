"""What `Peer` must know of one protocol besides its messages: the envelope, the time limits, the two error codes.

One class per protocol; the messages themselves are declared in `messages/`, their order is the session script's.
"""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Final

from firmware.v2g.exi import decode, encode, log_line
from firmware.v2g.messages import app_protocol, din, iso2
from firmware.v2g.messages.declare import Message, Request, Response
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.messages.xmldsig import Signature
from firmware.v2g.v2gtp import PayloadType


class Language(ABC):
    """One protocol. Times in seconds."""

    name: str
    schema: str
    unknown_session: StrEnum
    sequence_error: StrEnum
    sequence_timeout_s: float = 60.0  # SECC sequence timeout [V2G2-443]
    payload_types: frozenset[int] = frozenset({PayloadType.EXI})

    def payload_type(self, message: Response) -> int:
        return PayloadType.EXI

    def load(self) -> None:
        """Build what the codec builds on first use, so that the first car does not wait for it."""
        answer = self.first_answer()
        decode(encode(self.wrap(bytes(8), answer)), self.schema)
        log_line(answer)

    @abstractmethod
    def first_answer(self) -> Response:
        """Any answer of this language."""

    @abstractmethod
    def performance_s(self, request: type[Request] | None) -> float:
        """Time from request to response that the standard allows the station."""

    @abstractmethod
    def unwrap(self, message: Message) -> tuple[bytes | None, Message | None]:
        """Session id (None: this language has none) and what is inside the envelope."""

    @abstractmethod
    def wrap(self, session_id: bytes, message: Response, signature: Signature | None = None) -> Message:
        """The message in its envelope, with the header's signature where the protocol has room for one."""

    def signature(self, message: Message) -> Signature | None:
        """The signature in the envelope's header."""
        return None

    def opens_session(self, request: Request) -> bool:
        """Is this the one request whose session id may be any?"""
        return False

    def stops_session(self, request: Request) -> bool:
        return False


class AppProtocolLanguage(Language):
    """The handshake: no envelope, no session yet. A car that connects must say something within the 18 s of
    communication setup (ISO 15118-2 Table 111)."""

    name = "app_protocol"
    schema = "app_protocol"
    unknown_session = app_protocol.ResponseCode.Failed_NoNegotiation
    sequence_error = app_protocol.ResponseCode.Failed_NoNegotiation
    sequence_timeout_s = 18.0

    def first_answer(self) -> Response:
        return app_protocol.SupportedAppProtocolRes()

    def performance_s(self, request: type[Request] | None) -> float:
        return 1.5

    def unwrap(self, message: Message) -> tuple[bytes | None, Message | None]:
        return None, message

    def wrap(self, session_id: bytes, message: Response, signature: Signature | None = None) -> Message:
        return message


class Iso2Language(Language):
    """ISO 15118-2:2014, Tables 109 and 111."""

    name = "iso2"
    schema = "iso2"
    unknown_session = iso2.ResponseCode.FAILED_UnknownSession
    sequence_error = iso2.ResponseCode.FAILED_SequenceError
    _slow = frozenset(
        {
            iso2.ServiceDetailReq,
            iso2.PaymentDetailsReq,
            iso2.CertificateInstallationReq,
            iso2.CertificateUpdateReq,
            iso2.PowerDeliveryReq,
        }
    )

    def first_answer(self) -> Response:
        return failure_reply(iso2.SessionSetupRes, self.sequence_error)

    def performance_s(self, request: type[Request] | None) -> float:
        if request in self._slow:
            return 4.5
        return 0.025 if request is iso2.CurrentDemandReq else 1.5

    def unwrap(self, message: Message) -> tuple[bytes | None, Message | None]:
        if not isinstance(message, iso2.V2gMessage):
            return None, message
        return message.header.session_id, message.body

    def wrap(self, session_id: bytes, message: Response, signature: Signature | None = None) -> Message:
        if not isinstance(message, iso2.Response):  # the handshake's answer, sent when -2 is spoken already
            return message
        header = iso2.MessageHeader(session_id=session_id or bytes(8), signature=signature)
        return iso2.V2gMessage(header=header, body=message)

    def signature(self, message: Message) -> Signature | None:
        return message.header.signature if isinstance(message, iso2.V2gMessage) else None

    def opens_session(self, request: Request) -> bool:
        return isinstance(request, iso2.SessionSetupReq)

    def stops_session(self, request: Request) -> bool:
        return isinstance(request, iso2.SessionStopReq)


class DinLanguage(Language):
    """DIN SPEC 70121:2014, Tables 75 and 77."""

    name = "din"
    schema = "din"
    unknown_session = din.ResponseCode.FAILED_UnknownSession
    sequence_error = din.ResponseCode.FAILED_SequenceError

    def first_answer(self) -> Response:
        return failure_reply(din.SessionSetupRes, self.sequence_error)

    def performance_s(self, request: type[Request] | None) -> float:
        return 0.025 if request is din.CurrentDemandReq else 1.5

    def unwrap(self, message: Message) -> tuple[bytes | None, Message | None]:
        if not isinstance(message, din.V2gMessage):
            return None, message
        return message.header.session_id, message.body

    def wrap(self, session_id: bytes, message: Response, signature: Signature | None = None) -> Message:
        if not isinstance(message, din.Response):  # the handshake's answer, sent when DIN is spoken already
            return message
        header = din.MessageHeader(session_id=session_id or bytes(8), signature=signature)
        return din.V2gMessage(header=header, body=message)

    def opens_session(self, request: Request) -> bool:
        return isinstance(request, din.SessionSetupReq)

    def stops_session(self, request: Request) -> bool:
        return isinstance(request, din.SessionStopReq)


APP_PROTOCOL: Final = AppProtocolLanguage()
DIN: Final = DinLanguage()
ISO2: Final = Iso2Language()
