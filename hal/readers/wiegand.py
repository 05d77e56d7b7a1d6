"""Wiegand: each bit is a pulse on one of two lines; a pause ends the number. Formats by their length, with parity.

Source: SIA AC-01 (26 bit). 34 bit is the same with 16-bit halves; 32 and 56 bits carry plain identifiers.
"""

from collections.abc import Sequence
from typing import Final

PAUSE_S: Final = 0.05  # pulses come every 1 or 2 ms
LENGTHS: Final = (26, 32, 34, 56)
MAX_BITS: Final = 64


def token(bits: Sequence[int]) -> str | None:
    """The identifier as upper-case hex, None where length or parity are wrong (a pulse was missed or invented)."""
    if len(bits) not in LENGTHS:
        return None
    if len(bits) in (26, 34):
        half = len(bits) // 2
        if sum(bits[:half]) % 2 != 0 or sum(bits[half:]) % 2 != 1:
            return None
        bits = bits[1:-1]
    number = int("".join(map(str, bits)), 2)
    return f"{number:0{len(bits) // 4}X}"
