"""The station as a car's script meets it: `await secc.ask(request, Expected)` is a script's only await on the wire.

Here live, once: framing, the session id, the car's message timers (ISO 15118-2 Table 109) and the response code.
The framing is written anew, not shared with the station, so that both cannot be wrong together.
"""

import asyncio
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from firmware.v2g.exi import ExiError, decode, encode
from firmware.v2g.messages import iso2
from firmware.v2g.messages.app_protocol import AppProtocol, SupportedAppProtocolReq, SupportedAppProtocolRes
from firmware.v2g.messages.declare import Message
from hil.cars.discovery import Endpoint

if TYPE_CHECKING:
    import ssl

R = TypeVar("R", bound=iso2.Response)
Tell = Callable[[str, Message, int], None]  # direction, message, octets of EXI

_HEADER: Final = struct.Struct(">BBHI")
EXI_PAYLOAD: Final = 0x8001
LONGEST: Final = 65_536
MESSAGE_S: Final = 2.0
LONG_MESSAGE_S: Final = 5.0  # ServiceDetail, PaymentDetails, PowerDelivery
_LONG: Final = (iso2.ServiceDetailReq, iso2.PaymentDetailsReq, iso2.PowerDeliveryReq)
ISO2_NAMESPACE: Final = "urn:iso:15118:2:2013:MsgDef"


class SessionFailed(Exception):
    """The session cannot go on: a FAILED response, silence, a closed connection, nonsense. The text says which."""


class Secc:
    """One TCP connection to a station. `patience` stretches the timers on a slow machine."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Tell, patience: float = 1.0
    ) -> None:
        self.session_id = bytes(8)
        self._reader = reader
        self._writer = writer
        self._tell = tell
        self._patience = patience

    @classmethod
    async def connect(
        cls, endpoint: Endpoint, tell: Tell, patience: float = 1.0, tls: "ssl.SSLContext | None" = None
    ) -> "Secc":
        """Raises OSError; ssl.SSLError (one of them) when there is no TLS with this station."""
        host, port, _, scope = endpoint.connect()
        reader, writer = await asyncio.open_connection(f"{host}%{scope}" if scope else host, port, ssl=tls)
        return cls(reader, writer, tell, patience)

    async def agree(self) -> None:
        """supportedAppProtocol: offer ISO 15118-2 and nothing else."""
        offer = AppProtocol(
            protocol_namespace=ISO2_NAMESPACE,
            version_number_major=2,
            version_number_minor=0,
            schema_id=1,
            priority=1,
        )
        await self._send(SupportedAppProtocolReq(app_protocol=(offer,)))
        answer = await self._receive("app_protocol", MESSAGE_S)
        if not isinstance(answer, SupportedAppProtocolRes) or answer.schema_id != 1:
            raise SessionFailed(f"the station does not speak ISO 15118-2: {answer}")

    async def ask(self, request: iso2.Request, expected: type[R], *, then: Callable[[], None] | None = None) -> R:
        """Send a request, do `then` while the station thinks, and give its response.

        Raises SessionFailed when it is late, of another kind, of another session, or says FAILED.
        """
        header = iso2.MessageHeader(session_id=self.session_id)
        await self._send(iso2.V2gMessage(header=header, body=request))
        if then is not None:
            then()
        answer = await self._receive("iso2", LONG_MESSAGE_S if isinstance(request, _LONG) else MESSAGE_S)
        if not isinstance(answer, iso2.V2gMessage) or not isinstance(answer.body, expected):
            raise SessionFailed(f"{expected.__name__} was expected, not {answer}")
        if answer.body.response_code.startswith("FAILED"):
            raise SessionFailed(f"{expected.__name__} says {answer.body.response_code}")
        if isinstance(request, iso2.SessionSetupReq):
            self.session_id = answer.header.session_id
        elif answer.header.session_id != self.session_id:
            raise SessionFailed(f"{expected.__name__} belongs to session {answer.header.session_id.hex()}")
        return answer.body

    async def pause(self, seconds: float) -> None:
        """The car does something else for a while."""
        await asyncio.sleep(seconds)

    @property
    def tls(self) -> str:
        """Version and cipher suite in use, "" without TLS."""
        agreed = self._writer.get_extra_info("ssl_object")
        return "" if agreed is None else f"{agreed.version()} {agreed.cipher()[0]}"

    @property
    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    async def close(self) -> None:
        """Close after the station's last word."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return

    async def _send(self, message: Message) -> None:
        octets = encode(message)
        self._tell("sent", message, len(octets))
        try:
            self._writer.write(_HEADER.pack(1, 0xFE, EXI_PAYLOAD, len(octets)) + octets)
            await self._writer.drain()
        except ConnectionError as error:
            raise SessionFailed(f"the station closed the connection: {error}") from error

    async def _receive(self, schema: str, within: float) -> Message:
        try:
            async with asyncio.timeout(within * self._patience):
                version, inverse, kind, length = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
                if (version, inverse, kind) != (1, 0xFE, EXI_PAYLOAD) or length > LONGEST:
                    raise SessionFailed(f"a frame of type {kind:#06x} with {length} octets")
                octets = await self._reader.readexactly(length)
            message = decode(octets, schema)
        except TimeoutError:
            raise SessionFailed(f"no answer within {within * self._patience:.1f} s") from None
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise SessionFailed(f"the station closed the connection: {error}") from error
        except ExiError as error:
            raise SessionFailed(f"an answer that is no {schema} message: {error}") from error
        self._tell("received", message, length)
        return message
