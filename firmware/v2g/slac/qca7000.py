"""Qualcomm QCA7000, 7005, 7006AQ on any network device (SPI, USB, Ethernet). Vendor messages: MMV 0, OUI 00:B0:52.

Its parameter block must be the one for stations (CCo role); loading firmware from the host is not done here.
"""

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
    ResetBegun,
    SetKey,
    key_set,
    set_key,
    spelled,
)

OUI: Final = bytes.fromhex("00b052")
LOCAL: Final = bytes.fromhex("00b052000001")  # whichever QCA modem is next to the host
VS_SW_VER: Final = 0xA000
VS_RS_DEV: Final = 0xA01C
VS_PL_LINK_STATUS: Final = 0xA0B8
CNF: Final = 1


class Driver:
    address = LOCAL
    confirms_reset = True

    def ask(self, question: Question, host: bytes) -> Frame | None:
        match question:
            case SetKey():
                return set_key(question.key, LOCAL, host)
            case Identify():
                mmtype = VS_SW_VER
            case AskLink():
                mmtype = VS_PL_LINK_STATUS
            case Reset():
                mmtype = VS_RS_DEV
        return Frame(LOCAL, host, mmtype, OUI, AV_1_0)

    def hear(self, frame: Frame) -> News | None:
        if (done := key_set(frame)) is not None:
            return done
        if frame.mmv != AV_1_0 or frame.payload[:3] != OUI:
            return None
        data = frame.payload[3:]
        if frame.mmtype == VS_SW_VER | CNF:
            return Identity(_version(data), spelled(frame.source))
        if frame.mmtype == VS_RS_DEV | CNF:
            return ResetBegun()
        if frame.mmtype == VS_PL_LINK_STATUS | CNF:
            if len(data) < 2:
                raise FrameError("VS_PL_LINK_STATUS.CNF ends early")
            return LinkStatus(data[1] == 1)
        return None


def _version(data: bytes) -> str:
    """status, device id, length, text"""
    if len(data) < 3 or len(data) < 3 + data[2]:
        raise FrameError("VS_SW_VER.CNF ends early")
    text = data[3 : 3 + data[2]].split(b"\0")[0]
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in text)
