"""The rig's modem: one vendor message for everything, so that no maker's quirks hide in a simulation.

MMTYPE 0xA000 under a locally administered OUI; the octet after it says what is asked, the rest is the answer.
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

OUI: Final = bytes.fromhex("02504c")
LOCAL: Final = bytes.fromhex("02504c000001")
REQ: Final = 0xA000
CNF: Final = 0xA001
IDENTIFY: Final = b"\x01"
LINK: Final = b"\x02"
RESET: Final = b"\x03"


class Driver:
    address = LOCAL
    confirms_reset = True

    def ask(self, question: Question, host: bytes) -> Frame | None:
        match question:
            case SetKey():
                return set_key(question.key, LOCAL, host)
            case Identify():
                what = IDENTIFY
            case AskLink():
                what = LINK
            case Reset():
                what = RESET
        return Frame(LOCAL, host, REQ, OUI + what, AV_1_0)

    def hear(self, frame: Frame) -> News | None:
        if (done := key_set(frame)) is not None:
            return done
        if frame.mmv != AV_1_0 or frame.payload[:3] != OUI or frame.mmtype != CNF:
            return None
        what, data = frame.payload[3:4], frame.payload[4:]
        if not data:
            raise FrameError("an answer of the simulated modem ends early")
        match what:
            case b"\x01":
                return Identity(data.split(b"\0")[0].decode("ascii", "replace"), spelled(frame.source))
            case b"\x02":
                return LinkStatus(data[0] == 1)
            case b"\x03":
                return ResetBegun()
        return None
