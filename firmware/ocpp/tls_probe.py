"""Why a server ended our TLS handshake without a word: does it only know versions or suites that are not allowed?

Many servers send no alert. So one more handshake is made that accepts anything, sends nothing, and is thrown away
(2.0.1 A00.FR.316, FR.323). Blocks: for a thread.
"""

import socket
import ssl
import warnings
from typing import Final
from urllib.parse import urlsplit

from firmware.ocpp.routes import Trouble

WITHIN_S: Final = 5.0
OLD: Final = {"SSLv3", "TLSv1", "TLSv1.1"}


def probe(url: str) -> Trouble:
    """ "unreachable" where this tells nothing."""
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is said to this server, and nothing believed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection((parts.hostname or "", parts.port or 443), timeout=WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            return "tls_version" if secured.version() in OLD else "tls_suite" if _weak(secured) else "unreachable"
    except (OSError, ValueError):
        return "unreachable"


def _weak(secured: ssl.SSLSocket) -> bool:
    """It took a suite that we do not offer."""
    cipher = secured.cipher()
    return cipher is not None and not any(word in cipher[0] for word in ("GCM", "CHACHA20", "TLS_"))
