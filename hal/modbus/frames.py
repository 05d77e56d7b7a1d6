"""Modbus frames as bytes: requests, replies, CRC (Modbus over Serial Line V1.02; Application Protocol V1.1b3).

Pure. RTU has no length and no number in its replies, so a reply is *looked for* in what came in: the line may begin
with noise, with our own echo, or with the late answer to a question long given up. pymodbus costs 9 MB and 35 ms, knows
no turns between drivers, and takes a late answer for the next one's; in tests it is the peer.
"""

from typing import Final

READ_HOLDING: Final = 0x03
READ_INPUT: Final = 0x04
WRITE_SINGLE: Final = 0x06
WRITE_MULTIPLE: Final = 0x10
MAX_READ: Final = 125  # registers, Application Protocol 6.3
MAX_WRITE: Final = 123  # registers, 6.12
EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal register",
    3: "illegal value",
    4: "device failure",
    5: "acknowledged, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway got no answer from the device",
}


class Refused(Exception):
    """The device answered with an exception code: it is alive, and will not do this."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code} ({EXCEPTIONS.get(code, 'unknown')})")
        self.code = code


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_CRC: Final = _crc_table()


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first as on the wire."""
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


# --- requests -------------------------------------------------------------------------------------------------------


def read(function: int, register: int, count: int) -> bytes:
    """PDU that reads registers. Raises ValueError for what no device may be asked."""
    if function not in (READ_HOLDING, READ_INPUT) or not 1 <= count <= MAX_READ or not 0 <= register <= 0xFFFF:
        raise ValueError(f"cannot read {count} registers at {register:#06x} with function {function}")
    return bytes((function,)) + register.to_bytes(2, "big") + count.to_bytes(2, "big")


def write(register: int, values: tuple[int, ...], *, single: bool = False) -> bytes:
    """PDU that writes registers: function 16, or 6 where a device knows no other. Raises ValueError."""
    if not 1 <= len(values) <= MAX_WRITE or not all(0 <= value <= 0xFFFF for value in values):
        raise ValueError(f"cannot write {len(values)} registers at {register:#06x}")
    at, data = register.to_bytes(2, "big"), b"".join(value.to_bytes(2, "big") for value in values)
    if single and len(values) == 1:
        return bytes((WRITE_SINGLE,)) + at + data
    return bytes((WRITE_MULTIPLE,)) + at + len(values).to_bytes(2, "big") + bytes((len(data),)) + data


def answer_length(request: bytes) -> int:
    """How long the PDU is that answers a request well."""
    if request[0] in (READ_HOLDING, READ_INPUT):
        return 2 + 2 * int.from_bytes(request[3:5], "big")
    return 5


def fits(request: bytes, answer: bytes) -> bool:
    """Whether a PDU of the right length is the answer to this very request."""
    if request[0] in (READ_HOLDING, READ_INPUT):
        return answer[0] == request[0] and answer[1] == len(answer) - 2
    return answer[:5] == request[:5]


def registers(answer: bytes) -> tuple[int, ...]:
    """The registers in a read's answer."""
    return tuple(int.from_bytes(answer[at : at + 2], "big") for at in range(2, len(answer), 2))


# --- on the serial line ---------------------------------------------------------------------------------------------


def rtu(unit: int, pdu: bytes) -> bytes:
    frame = bytes((unit,)) + pdu
    return frame + crc(frame)


def find_rtu(unit: int, request: bytes, received: bytes) -> bytes | None:
    """The PDU that answers `request` somewhere in `received`; None while it is not there. Raises Refused."""
    whole = answer_length(request) + 3
    for start in range(len(received) - 4):
        if received[start] != unit:
            continue
        if received[start + 1] == request[0] | 0x80 and _good(received[start : start + 5], 5):
            raise Refused(received[start + 2])
        frame = received[start : start + whole]
        if _good(frame, whole) and fits(request, frame[1:-2]):
            return frame[1:-2]
    return None


def _good(frame: bytes, length: int) -> bool:
    return len(frame) == length and crc(frame[:-2]) == frame[-2:]


# --- over TCP with its own header (Messaging on TCP/IP V1.0b, 3.1.3) ---------------------------------------------


def mbap(number: int, unit: int, pdu: bytes) -> bytes:
    return number.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu


def find_mbap(number: int, unit: int, request: bytes, received: bytes) -> bytes | None:
    """Like `find_rtu`. Answers to other numbers are passed over. Raises Refused, and ValueError for what is no MBAP."""
    start = 0
    while len(received) - start >= 8:
        head = received[start : start + 7]
        size = int.from_bytes(head[4:6], "big")
        if head[2:4] != b"\0\0" or not 2 <= size <= 254:
            raise ValueError(f"no Modbus TCP header: {head.hex(' ')}")
        frame = received[start + 7 : start + 6 + size]
        if len(frame) < size - 1:
            return None
        start += 6 + size
        if int.from_bytes(head[:2], "big") != number or head[6] != unit:
            continue
        if frame[0] == request[0] | 0x80:
            raise Refused(frame[1])
        if len(frame) == answer_length(request) and fits(request, frame):
            return frame
    return None
