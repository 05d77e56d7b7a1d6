"""A back office that only answers, at once, and counts: a process of its own, so that what is measured is the station.

    python tests/campaigns/light_office.py VERSION ENDS

Prints its port and, when ENDS transactions have ended, what it was told, as JSON. One connection at a time.
"""

import asyncio
import sys
from collections import Counter
from typing import Final

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

BOOT: Final = {"status": "Accepted", "currentTime": "2027-01-22T13:00:00Z", "interval": 300}
NOW: Final = {"currentTime": "2027-01-22T13:00:00Z"}
REPORTS: Final = {"TransactionEvent", "StartTransaction", "MeterValues", "StopTransaction"}
LAST: Final = {"Ended", "StopTransaction"}


class Said(msgspec.Struct):
    """What is read of a CALL's payload."""

    event_type: str = msgspec.field(default="", name="eventType")


_decode = msgspec.json.Decoder(tuple[int, str, str, Said]).decode
_encode = msgspec.json.Encoder().encode


class LightOffice(asyncio.Protocol):
    """One connection; `told` counts over all."""

    def __init__(self, version: str, told: Counter[str], ends: int) -> None:
        self._told = told
        self._ends = ends
        self._socket = ServerProtocol(subprotocols=[Subprotocol(f"ocpp{version}")])
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._socket.receive_data(data)
        for event in self._socket.events_received():
            if isinstance(event, Request):
                self._socket.send_response(self._socket.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._socket.send_text(self._answer(bytes(event.data)))
        assert self._transport is not None
        self._transport.write(b"".join(self._socket.data_to_send()))
        if self._socket.close_expected():
            self._transport.close()

    def _answer(self, frame: bytes) -> bytes:
        _, message_id, action, said = _decode(frame)
        if action in REPORTS:
            self._count(said.event_type or action)
        match action:
            case "BootNotification":
                return _encode((3, message_id, BOOT))
            case "Heartbeat":
                return _encode((3, message_id, NOW))
            case "StartTransaction":
                number = {"transactionId": self._told[action], "idTagInfo": {"status": "Accepted"}}
                return _encode((3, message_id, number))
        return _encode((3, message_id, {}))

    def _count(self, what: str) -> None:
        self._told[what] += 1
        if what in LAST and self._told[what] == self._ends:
            print(_encode(self._told).decode(), flush=True)


async def main(version: str, ends: int) -> None:
    told: Counter[str] = Counter()
    server = await asyncio.get_running_loop().create_server(lambda: LightOffice(version, told, ends), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
