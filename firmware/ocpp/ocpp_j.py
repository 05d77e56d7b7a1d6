"""What OCPP-J has in common over its versions, and how they differ on the wire: message types, sizes, error codes, and
a CALL as text. Who may speak when is `rpc`'s.

Sources: OCPP-J 1.6 ch. 4 and errata; OCPP 2.0.1 and 2.1 part 4 ch. 4.
"""

import uuid
from enum import IntEnum
from typing import Final

import msgspec

from firmware.ocpp.payload import Payload

MAX_FRAME: Final = 65_536  # characters; 99 % of OCPP messages stay below 2 kB
MAX_ID: Final = 36
UNREADABLE_ID: Final = "-1"  # 2.0.1 part 4, 4.2.3


class MessageType(IntEnum):
    CALL = 2
    CALLRESULT = 3
    CALLERROR = 4
    CALLRESULTERROR = 5  # 2.1
    SEND = 6  # 2.1


class Flavour(msgspec.Struct, frozen=True):
    """How one version of OCPP-J differs from the others on the wire."""

    version: str
    subprotocol: str
    format_violation: str = "FormatViolation"
    occurrence_violation: str = "OccurrenceConstraintViolation"
    framework_error: str | None = "RpcFrameworkError"  # None: a frame without readable id gets no answer
    unknown_type: str | None = None  # error code that answers an unknown message type; None: ignore
    refuses_results: bool = False  # CALLRESULTERROR exists
    sends: bool = False  # SEND exists
    new_id_for_retries: bool = False  # a retry must not have the message id of what it repeats


# 1.6 keeps two misspelt words on the wire. 2.0.1: part 4, 4.4 (types) and 4.1.4 (ids; 2.1 and the errata of 1.6 let a
# retry keep its id).
V16: Final = Flavour("1.6", "ocpp1.6", "FormationViolation", "OccurenceConstraintViolation", framework_error=None)
V201: Final = Flavour("2.0.1", "ocpp2.0.1", unknown_type="MessageTypeNotSupported", new_id_for_retries=True)
V21: Final = Flavour("2.1", "ocpp2.1", refuses_results=True, sends=True)


class Sent(msgspec.Struct, frozen=True):
    """One own CALL, as it goes over the wire and as it is retried."""

    id: str
    action: str
    frame: str
    response: type[Payload]


def under_new_id(sent: Sent) -> Sent:
    """The same CALL, character by character, under another id."""
    message_id = str(uuid.uuid4())
    return msgspec.structs.replace(sent, id=message_id, frame=sent.frame.replace(sent.id, message_id, 1))


def encode_call(action: str, payload: Payload, message_id: str | None = None) -> tuple[str, str]:
    """(message id, frame) of a CALL. Ids are UUIDs: unique over all connections and restarts of this identity."""
    message_id = message_id or str(uuid.uuid4())
    return message_id, frame_of(MessageType.CALL, message_id, action, payload)


def frame_of(*parts: object) -> str:
    """An array of OCPP-J as text."""
    return msgspec.json.encode(parts).decode()
