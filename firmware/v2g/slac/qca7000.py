"""Qualcomm QCA7000, 7005, 7006AQ on any network device (SPI, USB, Ethernet).

Its parameter block must be the one for stations (CCo role); loading firmware from the host is not done here.
"""

from typing import Final

from firmware.v2g.slac.modem import AskLink, Identify, Identity, LinkStatus, News, Reset, ResetBegun, spelled
from firmware.v2g.slac.vendor import VendorModem, VendorQuestion, enough

VS_SW_VER: Final = 0xA000
VS_RS_DEV: Final = 0xA01C
VS_PL_LINK_STATUS: Final = 0xA0B8
CNF: Final = 1


class Driver(VendorModem):
    oui = bytes.fromhex("00b052")
    address = bytes.fromhex("00b052000001")  # whichever QCA modem is next to the host

    def request(self, question: VendorQuestion) -> tuple[int, bytes]:
        match question:
            case Identify():
                return VS_SW_VER, b""
            case AskLink():
                return VS_PL_LINK_STATUS, b""
            case Reset():
                return VS_RS_DEV, b""

    def answer(self, mmtype: int, data: bytes, source: bytes) -> News | None:
        if mmtype == VS_SW_VER | CNF:
            return Identity(_version(data), spelled(source))
        if mmtype == VS_RS_DEV | CNF:
            return ResetBegun()
        if mmtype == VS_PL_LINK_STATUS | CNF:
            return LinkStatus(enough(data, 2, "VS_PL_LINK_STATUS.CNF")[1] == 1)
        return None


def _version(data: bytes) -> str:
    """status, device id, length, text"""
    name = "VS_SW_VER.CNF"
    length = enough(data, 3, name)[2]
    text = enough(data, 3 + length, name)[3 : 3 + length].split(b"\0")[0]
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in text)
