"""Lumissil CG5317: after its OUI a management header with a request id.

Not tried on a real one: layouts and the local address are those that field software uses.
"""

import struct
from typing import Final

from firmware.v2g.slac.modem import AskLink, Identify, Identity, LinkStatus, News, Reset, spelled
from firmware.v2g.slac.vendor import VendorModem, VendorQuestion, enough

NSCM_GET_VERSION: Final = 0xAC6C
NSCM_RESET_DEVICE: Final = 0xAC70
NSCM_GET_D_LINK_STATUS: Final = 0xAC9C
CNF: Final = 1
MANAGEMENT: Final = struct.Struct("<HIB12x")  # version, reserved, request id, reserved
_VERSION: Final = struct.Struct("<HHHH")
_NORMAL_RESET: Final = b"\0"


class Driver(VendorModem):
    oui = bytes.fromhex("0016e8")
    address = bytes.fromhex("00b052000001")  # it also listens to what became everybody's local address
    confirms_reset = False

    def request(self, question: VendorQuestion) -> tuple[int, bytes]:
        match question:
            case Identify():
                mmtype, data = NSCM_GET_VERSION, b""
            case AskLink():
                mmtype, data = NSCM_GET_D_LINK_STATUS, b""
            case Reset():
                mmtype, data = NSCM_RESET_DEVICE, _NORMAL_RESET
        return mmtype, MANAGEMENT.pack(0, 0, 0) + data

    def answer(self, mmtype: int, data: bytes, source: bytes) -> News | None:
        data = data[MANAGEMENT.size :]
        if mmtype == NSCM_GET_VERSION | CNF:
            version = _VERSION.unpack_from(enough(data, _VERSION.size, "NSCM_GET_VERSION.CNF"))
            return Identity(".".join(map(str, version)), spelled(source))
        if mmtype == NSCM_GET_D_LINK_STATUS | CNF:
            return LinkStatus(enough(data, 1, "NSCM_GET_D_LINK_STATUS.CNF")[0] == 1)
        return None
