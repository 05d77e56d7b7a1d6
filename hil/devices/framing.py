"""COBS and checksums as a microcontroller would write them, bit by bit: nothing of this is shared with hal."""


def cobs(data: bytes) -> bytes:
    """With the zero that ends the frame."""
    out, mark, code = bytearray(1), 0, 1
    for at, byte in enumerate(data):
        if byte:
            out.append(byte)
            code += 1
        if byte == 0 or (code == 255 and at + 1 < len(data)):
            out[mark] = code
            mark, code = len(out), 1
            out.append(0)
    out[mark] = code
    return bytes(out) + b"\0"


def uncobs(frame: bytes) -> bytes | None:
    """None for what is no frame. Without the zero at the end."""
    out, left, code = bytearray(), 0, 255
    for byte in frame:
        if byte == 0:
            return None
        if left:
            out.append(byte)
            left -= 1
            continue
        if code != 255:
            out.append(0)
        code, left = byte, byte - 1
    return None if left else bytes(out)


def crc(data: bytes, width: int, poly: int, init: int, *, reflected: bool = False) -> int:
    """Without final inversion. A reflected one takes its polynomial reversed."""
    value, top = init, 1 << (width - 1)
    for byte in data:
        if reflected:
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ poly if value & 1 else value >> 1
        else:
            value ^= byte << (width - 8)
            for _ in range(8):
                value = (value << 1 ^ poly if value & top else value << 1) & ((1 << width) - 1)
    return value


class Frames:
    """Zero-terminated frames out of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *whole, self._rest = (self._rest + data).split(b"\0")
        self._rest = self._rest[-4096:]
        return [frame for frame in whole if frame]
