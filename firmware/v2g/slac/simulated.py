"""The rig's modem: one vendor message for everything, so that no maker's quirks hide in a simulation.

MMTYPE 0xA000 under a locally administered OUI; the octet after it says what is asked, the rest is the answer.
"""

from typing import Final

from firmware.v2g.slac.modem import AskLink, Identify, Identity, LinkStatus, News, Reset, ResetBegun, spelled
from firmware.v2g.slac.vendor import VendorModem, VendorQuestion, enough

REQ: Final = 0xA000
CNF: Final = 0xA001
IDENTIFY: Final = b"\x01"
LINK: Final = b"\x02"
RESET: Final = b"\x03"


class Driver(VendorModem):
    oui = bytes.fromhex("02504c")
    address = bytes.fromhex("02504c000001")

    def request(self, question: VendorQuestion) -> tuple[int, bytes]:
        match question:
            case Identify():
                return REQ, IDENTIFY
            case AskLink():
                return REQ, LINK
            case Reset():
                return REQ, RESET

    def answer(self, mmtype: int, data: bytes, source: bytes) -> News | None:
        if mmtype != CNF:
            return None
        data = enough(data, 2, "an answer of the simulated modem")
        match data[:1]:
            case b"\x01":
                return Identity(data[1:].split(b"\0")[0].decode("ascii", "replace"), spelled(source))
            case b"\x02":
                return LinkStatus(data[1] == 1)
            case b"\x03":
                return ResetBegun()
        return None
