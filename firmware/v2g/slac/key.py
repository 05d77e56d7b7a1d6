"""The key of one session's power-line network: NMK and the NID derived from it (HomePlug AV 1.1 §4.4.3.1)."""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

NMK_OCTETS: Final = 16
_HASHES: Final = 5


@dataclass(frozen=True)
class NetworkKey:
    """`nmk` is secret: it opens the network to whoever has it, and stays out of every log."""

    nmk: bytes = field(repr=False)
    nid: bytes


def new_key() -> NetworkKey:
    """A fresh random key; each session gets its own."""
    nmk = secrets.token_bytes(NMK_OCTETS)
    return NetworkKey(nmk, nid_of(nmk))


def nid_of(nmk: bytes) -> bytes:
    """Seven octets; the top four bits hold the security level, 0 = simple connect."""
    digest = nmk
    for _ in range(_HASHES):
        digest = hashlib.sha256(digest).digest()
    return digest[:6] + bytes([digest[6] >> 4])
