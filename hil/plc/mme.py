"""HomePlug management frames as a car's host and the simulated modems see them: fixed offsets into octets.

Deliberately not the station's declarations. Offsets count from the first octet of the Ethernet frame.
"""

import struct
from typing import Final

ETHERTYPE: Final = b"\x88\xe1"
EVERYBODY: Final = b"\xff" * 6

SET_KEY_REQ: Final = 0x6008
SET_KEY_CNF: Final = 0x6009
AMP_MAP_REQ: Final = 0x601C
AMP_MAP_CNF: Final = 0x601D
SLAC_PARM_REQ: Final = 0x6064
SLAC_PARM_CNF: Final = 0x6065
START_ATTEN_CHAR_IND: Final = 0x606A
ATTEN_CHAR_IND: Final = 0x606E
ATTEN_CHAR_RSP: Final = 0x606F
MNBC_SOUND_IND: Final = 0x6076
VALIDATE_REQ: Final = 0x6078
VALIDATE_CNF: Final = 0x6079
SLAC_MATCH_REQ: Final = 0x607C
SLAC_MATCH_CNF: Final = 0x607D
ATTEN_PROFILE_IND: Final = 0x6086

GROUPS: Final = 58


def build(destination: bytes, source: bytes, kind: int, payload: bytes, mmv: int = 1) -> bytes:
    """One frame, padded to 60 octets."""
    fragmentation = b"\0\0" if mmv else b""
    head = destination + source + ETHERTYPE + struct.pack("<BH", mmv, kind) + fragmentation
    return (head + payload).ljust(60, b"\0")


def kind_of(frame: bytes) -> int | None:
    """MMTYPE, None for anything but a management frame."""
    if len(frame) < 60 or frame[12:14] != ETHERTYPE:
        return None
    return int.from_bytes(frame[15:17], "little")


def slac_parm_req(source: bytes, run_id: bytes) -> bytes:
    return build(EVERYBODY, source, SLAC_PARM_REQ, b"\0\0" + run_id)


def start_atten_char_ind(source: bytes, run_id: bytes, sounds: int, time_out: int) -> bytes:
    return build(EVERYBODY, source, START_ATTEN_CHAR_IND, bytes([0, 0, sounds, time_out, 1]) + source + run_id)


def mnbc_sound_ind(source: bytes, run_id: bytes, remaining: int, noise: bytes) -> bytes:
    payload = bytes(2) + bytes(17) + bytes([remaining]) + run_id + bytes(8) + noise
    return build(EVERYBODY, source, MNBC_SOUND_IND, payload)


def atten_char_rsp(station: bytes, source: bytes, run_id: bytes, result: int = 0) -> bytes:
    return build(station, source, ATTEN_CHAR_RSP, bytes(2) + source + run_id + bytes(34) + bytes([result]))


def validate_req(station: bytes, source: bytes, timer: int = 0) -> bytes:
    """`timer`: for how long the station shall count toggles, in 100 ms, counted from 0."""
    return build(station, source, VALIDATE_REQ, bytes([0, timer, 1]))


def slac_match_req(station: bytes, source: bytes, run_id: bytes) -> bytes:
    payload = bytes(2) + b"\x3e\0" + bytes(17) + source + bytes(17) + station + run_id + bytes(8)
    return build(station, source, SLAC_MATCH_REQ, payload)


def set_key_req(modem: bytes, source: bytes, nid: bytes, nmk: bytes) -> bytes:
    payload = b"\x01" + b"\xaa" * 4 + bytes(4) + b"\x04" + bytes(4) + nid + b"\x01" + nmk
    return build(modem, source, SET_KEY_REQ, payload)


def set_key_cnf(host: bytes, modem: bytes) -> bytes:
    return build(host, modem, SET_KEY_CNF, b"\x01" + bytes(13))  # 1 is what QCA firmware says on success


def atten_profile_ind(host: bytes, modem: bytes, car: bytes, aag: bytes) -> bytes:
    return build(host, modem, ATTEN_PROFILE_IND, car + bytes([len(aag), 0]) + aag)
