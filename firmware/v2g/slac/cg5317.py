"""Lumissil CG5317. Vendor messages: MMV 0, OUI 00:16:E8, then a management header with a request id.

Not tried on a real one: layouts and the local address are those that field software uses.
"""

import struct
from typing import Final

from firmware.v2g.slac.frames import AV_1_0, Frame, FrameError
from firmware.v2g.slac.modem import (
    AskLink,
    Identify,
    Identity,
    LinkStatus,
    News,
    Question,
    Reset,
    SetKey,
    key_set,
    set_key,
    spelled,
)

OUI: Final = bytes.fromhex("0016e8")
LOCAL: Final = bytes.fromhex("00b052000001")  # the modem also listens to what became everybody's local address
NSCM_GET_VERSION: Final = 0xAC6C
NSCM_RESET_DEVICE: Final = 0xAC70
NSCM_GET_D_LINK_STATUS: Final = 0xAC9C
CNF: Final = 1
MANAGEMENT: Final = struct.Struct("<HIB12x")  # version, reserved, request id, reserved
_VERSION: Final = struct.Struct("<HHHH")
_NORMAL_RESET: Final = b"\0"


class Driver:
    address = LOCAL
    confirms_reset = False

    def ask(self, question: Question, host: bytes) -> Frame | None:
        match question:
            case SetKey():
                return set_key(question.key, LOCAL, host)
            case Identify():
                mmtype, data = NSCM_GET_VERSION, b""
            case AskLink():
                mmtype, data = NSCM_GET_D_LINK_STATUS, b""
            case Reset():
                mmtype, data = NSCM_RESET_DEVICE, _NORMAL_RESET
        return Frame(LOCAL, host, mmtype, OUI + MANAGEMENT.pack(0, 0, 0) + data, AV_1_0)

    def hear(self, frame: Frame) -> News | None:
        if (done := key_set(frame)) is not None:
            return done
        if frame.mmv != AV_1_0 or frame.payload[:3] != OUI:
            return None
        data = frame.payload[3 + MANAGEMENT.size :]
        if frame.mmtype == NSCM_GET_VERSION | CNF:
            if len(data) < _VERSION.size:
                raise FrameError("NSCM_GET_VERSION.CNF ends early")
            return Identity(".".join(map(str, _VERSION.unpack_from(data))), spelled(frame.source))
        if frame.mmtype == NSCM_GET_D_LINK_STATUS | CNF:
            if not data:
                raise FrameError("NSCM_GET_D_LINK_STATUS.CNF ends early")
            return LinkStatus(data[0] == 1)
        return None
