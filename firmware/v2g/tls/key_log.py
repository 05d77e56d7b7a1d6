"""TLS secrets of cars in a file that Wireshark reads (NSS key log format): for service work, bounded, private."""

import logging
import os
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

MAX_BYTES: Final = 1_000_000  # some 3,000 sessions; then it begins anew


class KeyLogFile:
    """Lines go to a file that only its owner can read. A full disk costs the log, never the session."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken = False

    def add(self, line: bytes) -> None:
        """One line, without its end."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            handle = os.open(self._path, flags, 0o600)
            try:
                os.fchmod(handle, 0o600)
                if os.fstat(handle).st_size > MAX_BYTES:
                    os.ftruncate(handle, 0)
                os.write(handle, line + b"\n")
            finally:
                os.close(handle)
        except OSError as error:
            if not self._broken:
                log.warning("TLS key log %s: %s", self._path, error)
            self._broken = True
        else:
            self._broken = False
