"""The station as a car's script meets it: `await secc.ask(request, Expected)` is a script's only await on the wire.

Here live, once: framing, the session id, the car's message timers (ISO 15118-2 Table 109, DIN Table 75), the response
code, and the ways to misbehave on the wire. The framing is written anew, not shared with the station, so that both
cannot be wrong together.
"""

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

from firmware.v2g.exi import ExiError, decode, encode
from firmware.v2g.messages import declare, din, iso2
from firmware.v2g.messages.app_protocol import AppProtocol, SupportedAppProtocolReq, SupportedAppProtocolRes
from firmware.v2g.messages.declare import Message
from firmware.v2g.messages.xmldsig import Signature
from hil.cars.line import Line, SessionFailed
from hil.cars.misbehaviour import Misbehaved, Misbehaviour
from hil.cars.wish import DIN, ISO2, ONGOING_PACE_S

R = TypeVar("R", bound=declare.Response)
Tell = Callable[[str, Message, int], None]  # direction, message, octets of EXI

_HEADER: Final = struct.Struct(">BBHI")
EXI_PAYLOAD: Final = 0x8001
LONGEST: Final = 65_536
MESSAGE_S: Final = 2.0
LONG_MESSAGE_S: Final = 5.0
DEMAND_S: Final = 0.25
_LONG: Final = (
    iso2.ServiceDetailReq,
    iso2.PaymentDetailsReq,
    iso2.CertificateInstallationReq,
    iso2.CertificateUpdateReq,
    iso2.PowerDeliveryReq,
)
_NAMESPACES: Final = {ISO2: "urn:iso:15118:2:2013:MsgDef", DIN: "urn:din:70121:2012:MsgDef"}
_EVCCID: Final = b"\x02\x00\x00\x00\x00\x01"


class Secc:
    """One connection to a station. `patience` stretches the timers on a slow machine; `let_go` opens S2 at once."""

    def __init__(
        self,
        line: Line,
        tell: Tell,
        patience: float = 1.0,
        misbehaviour: Misbehaviour | None = None,
        let_go: Callable[[], None] | None = None,
    ) -> None:
        self.session_id = bytes(8)
        self.schema = ISO2  # the protocol agreed on
        self.signature: Signature | None = None  # of the latest answer
        self.line = line
        self._tell = tell
        self._patience = patience
        self._misbehaviour = misbehaviour
        self._let_go = let_go
        self._sent: Counter[str] = Counter()
        self.struck = ""  # how it has misbehaved

    async def agree(self, protocols: Sequence[str]) -> str:
        """supportedAppProtocol: offer these, the best first ("iso2", "din" or any namespace); the station's choice."""
        if self._misbehaviour is not None and self._misbehaviour.kind == "no_handshake":
            await self._frame(encode(self._enveloped(iso2.SessionSetupReq(evcc_id=_EVCCID))))
            raise Misbehaved(f"no handshake: the station {await self._reaction('app_protocol')}")
        offers = tuple(
            AppProtocol(
                protocol_namespace=_NAMESPACES.get(protocol, protocol),
                version_number_major=2,
                version_number_minor=0,
                schema_id=number,
                priority=number,
            )
            for number, protocol in enumerate(protocols, start=1)
        )
        await self._send(SupportedAppProtocolReq(app_protocol=offers))
        answer = await self._receive("app_protocol", MESSAGE_S)
        if not isinstance(answer, SupportedAppProtocolRes):
            raise SessionFailed(f"SupportedAppProtocolRes was expected, not {answer}")
        if answer.schema_id is None or answer.schema_id not in range(1, len(protocols) + 1):
            raise SessionFailed(f"the station speaks none of {', '.join(protocols)}: {answer.response_code}")
        self.schema = protocols[answer.schema_id - 1]
        if self.schema not in _NAMESPACES:
            raise SessionFailed(f"the station chose {self.schema}, which this car only pretends to speak")
        return self.schema

    async def ask(
        self,
        request: declare.Request,
        expected: type[R],
        *,
        then: Callable[[], None] | None = None,
        signature: Signature | None = None,
    ) -> R:
        """Send a request, do `then` while the station thinks, and give its response.

        Raises SessionFailed when it is late, of another kind, of another session, or says FAILED.
        """
        name = type(request).__name__
        misbehaviour = self._misbehaviour
        if misbehaviour is not None and misbehaviour.strikes(name, self._sent[name]):
            self.struck = str(misbehaviour)
            await self._strike(misbehaviour, request)
        self._sent[name] += 1
        await self._send(self._enveloped(request, signature))
        if then is not None:
            then()
        answer = await self._receive(self.schema, _time_for(request))
        if not isinstance(answer, iso2.V2gMessage | din.V2gMessage) or not isinstance(answer.body, expected):
            raise SessionFailed(f"{expected.__name__} was expected, not {answer}")
        self.signature = answer.header.signature
        code = str(cast("iso2.Response", answer.body).response_code)  # every Response has one
        if code.startswith("FAILED"):
            raise SessionFailed(f"{expected.__name__} says {code}")
        if isinstance(request, iso2.SessionSetupReq | din.SessionSetupReq):
            self.session_id = answer.header.session_id
        elif answer.header.session_id != self.session_id:
            raise SessionFailed(f"{expected.__name__} belongs to session {answer.header.session_id.hex()}")
        return answer.body

    @property
    def excess(self) -> float:
        """By how much the car exceeds what the station allows; 1.0 for a car that behaves."""
        return 1.5 if self._misbehaviour is not None and self._misbehaviour.kind == "too_much" else 1.0

    @property
    def now(self) -> float:
        """Seconds of the car's clock."""
        return self.line.now

    async def pause(self, seconds: float) -> None:
        """The car does something else for a while."""
        await self.line.pause(seconds)

    async def again(self, until: float, missing: str) -> None:
        """Before the same is asked again: wait a little. Raises SessionFailed when the car has waited long enough."""
        if self.now > until:
            raise SessionFailed(missing)
        await self.pause(ONGOING_PACE_S)

    async def close(self) -> None:
        """Close after the station's last word."""
        await self.line.close()

    # --- misbehaving --------------------------------------------------------------------------------------------------

    async def _strike(self, how: Misbehaviour, request: declare.Request) -> None:
        """Do it. Returns when the session goes on as if nothing had been; raises Misbehaved when it is over."""
        match how.kind:
            case "late":
                await self.pause(how.seconds)
                return
            case "let_go":
                if self._let_go is not None:
                    self._let_go()
                return
            case "too_much":
                return
            case "vanish":
                await self.pause(how.seconds)
                raise Misbehaved(f"{how}: silent for {how.seconds:g} s")
            case "close":
                await self.close()
                await self.pause(how.seconds)
                raise Misbehaved(f"{how}: closed the connection and stayed for {how.seconds:g} s")
            case "garbage":
                await self._frame(b"\xff" * 40)
            case "oversize":
                await self.line.send(_HEADER.pack(1, 0xFE, EXI_PAYLOAD, 2**31 - 1) + bytes(64))
            case "early_stop":
                await self._send(self._enveloped(self._stop()))
            case "out_of_order":
                await self._send(self._enveloped(self._setup()))
            case "wrong_session":
                foreign = bytes(octet ^ 0xFF for octet in self.session_id)
                await self._send(self._enveloped(request, session_id=foreign))
            case "duplicate":
                twice = encode(self._enveloped(request))
                await self._frame(twice)
                await self._frame(twice)
                first = await self._reaction(self.schema)
                raise Misbehaved(f"{how}: the station {first}, then {await self._reaction(self.schema)}")
        raise Misbehaved(f"{how}: the station {await self._reaction(self.schema)}")

    def _stop(self) -> declare.Request:
        if self.schema == DIN:
            return din.SessionStopReq()
        return iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate)

    def _setup(self) -> declare.Request:
        return din.SessionSetupReq(evcc_id=_EVCCID) if self.schema == DIN else iso2.SessionSetupReq(evcc_id=_EVCCID)

    async def _reaction(self, schema: str) -> str:
        """In words, for people and tests."""
        try:
            answer = await self._receive(schema, LONG_MESSAGE_S)
        except SessionFailed as silence:
            return str(silence).removeprefix("the station ")
        body = answer.body if isinstance(answer, iso2.V2gMessage | din.V2gMessage) else answer
        return f"answered {type(body).__name__} {getattr(body, 'response_code', '')}".rstrip()

    # --- framing ------------------------------------------------------------------------------------------------------

    def _enveloped(
        self, request: declare.Request, signature: Signature | None = None, session_id: bytes | None = None
    ) -> Message:
        session = self.session_id if session_id is None else session_id
        if isinstance(request, din.Request):
            return din.V2gMessage(header=din.MessageHeader(session_id=session), body=request)
        if not isinstance(request, iso2.Request):
            raise TypeError(f"{type(request).__name__} is of neither protocol")
        return iso2.V2gMessage(header=iso2.MessageHeader(session_id=session, signature=signature), body=request)

    async def _send(self, message: Message) -> None:
        octets = encode(message)
        self._tell("sent", message, len(octets))
        await self._frame(octets)

    async def _frame(self, octets: bytes) -> None:
        await self.line.send(_HEADER.pack(1, 0xFE, EXI_PAYLOAD, len(octets)) + octets)

    async def _receive(self, schema: str, within: float) -> Message:
        until = self.line.now + within * self._patience
        version, inverse, kind, length = _HEADER.unpack(await self.line.receive(_HEADER.size, until))
        if (version, inverse, kind) != (1, 0xFE, EXI_PAYLOAD) or length > LONGEST:
            raise SessionFailed(f"a frame of type {kind:#06x} with {length} octets")
        octets = await self.line.receive(length, until)
        try:
            message = decode(octets, schema)
        except ExiError as error:
            raise SessionFailed(f"an answer that is no {schema} message: {error}") from error
        self._tell("received", message, length)
        return message


def _time_for(request: declare.Request) -> float:
    """How long this car waits for the response, in s."""
    if isinstance(request, iso2.CurrentDemandReq | din.CurrentDemandReq):
        return DEMAND_S
    return LONG_MESSAGE_S if isinstance(request, _LONG) else MESSAGE_S
