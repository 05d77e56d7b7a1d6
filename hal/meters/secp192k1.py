"""ECDSA verification on secp192k1 (SEC 2, 2.2.1), which some meters sign with and the crypto library does not offer.

Only public numbers go in, so nothing here needs to take constant time. Never signs.
"""

from typing import Final

P: Final = 2**192 - 2**32 - 0x11C9
N: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D
G: Final = (0xDB4FF10EC057E9AE26B07D0280B7F4341DA5D1B1EAE06C7D, 0x9B2F2F6D9C5628A7844163D015BE86344082AA88D95E2F9D)
_B: Final = 3
#: a SubjectPublicKeyInfo of this curve, up to the point
_DER: Final = bytes.fromhex("3046301006072a8648ce3d020106052b8104001f033200")
Point = tuple[int, int] | None  # None: infinity


def point(key: bytes) -> Point:
    """The point of a DER SubjectPublicKeyInfo or of a bare uncompressed point. Raises ValueError."""
    raw = key.removeprefix(_DER)
    if len(raw) != 49 or raw[0] != 4:
        raise ValueError("no uncompressed point of secp192k1")
    x, y = int.from_bytes(raw[1:25], "big"), int.from_bytes(raw[25:], "big")
    if x >= P or y >= P or (y * y - x * x * x - _B) % P:
        raise ValueError("the point is not on the curve")
    return x, y


def verify(key: Point, digest: bytes, r: int, s: int) -> bool:
    """FIPS 186-5, 6.4.2. `digest` may be longer than the order: its left bits count."""
    if not 1 <= r < N or not 1 <= s < N or key is None:
        return False
    e = int.from_bytes(digest, "big") >> max(0, 8 * len(digest) - 192)
    w = pow(s, -1, N)
    found = _add(_times(e * w % N, G), _times(r * w % N, key))
    return found is not None and found[0] % N == r


def _add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def _times(factor: int, base: Point) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, base)
        base = _add(base, base)
        factor >>= 1
    return total
