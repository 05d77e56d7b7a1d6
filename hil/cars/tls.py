"""TLS as a car does it: the profile of ISO 15118-2 (TLS 1.2) or ISO 15118-20 (TLS 1.3, with a vehicle certificate).

On the standard library, so that station (pyOpenSSL) and car do not share their TLS.
"""

import ssl
from pathlib import Path
from typing import Final

ISO2_SUITE: Final = "ECDHE-ECDSA-AES128-SHA256"  # [V2G2-602]; the other one is gone from OpenSSL


def iso2_context(ca: Path) -> ssl.SSLContext:
    """A car of ISO 15118-2 that trusts the V2G roots in `ca` (PEM). Raises OSError, ssl.SSLError."""
    context = _context(ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ISO2_SUITE)
    context.set_ecdh_curve("prime256v1")
    return context


def iso20_context(ca: Path, vehicle: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A car of ISO 15118-20; without a vehicle certificate it may charge by ISO 15118-2 only."""
    context = _context(ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    if vehicle is not None:
        context.load_cert_chain(vehicle, key)
    return context


def _context(ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # a station's certificate names a station, not a host
    context.load_verify_locations(cafile=ca)
    return context
