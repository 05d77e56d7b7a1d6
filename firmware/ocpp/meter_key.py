"""A meter's public key as OCPP carries it (signed meter values 1.0, 3.2.2)."""

import base64


def printed(key: str) -> str:
    """`key`: hex of DER; none stays none."""
    return base64.b64encode(f"oca:base16:asn1:{key}".encode()).decode() if key else ""
