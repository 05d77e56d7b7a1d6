"""Is this the SFTP server it says? By the operator's known_hosts file, or, without one, by the key it showed first.

Keys are remembered in OpenSSH's known_hosts format; a server whose key was changed on purpose is forgotten by deleting
its line there.
"""

import os
from pathlib import Path

import asyncssh
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

from firmware.transfer.address import PORTS
from firmware.transfer.sftp import Order


class HostKeys(asyncssh.SSHClient):
    """For one connection. `known`: what the SSH library takes as known; `kinds`: of keys, the best first; `changed`: a
    key that is refused is another than before; `why`: in words."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._name = order.host if order.port == PORTS["sftp"] else f"[{order.host}]:{order.port}"
        self._strict = order.known_hosts is not None
        self._file = Path(order.known_hosts or order.remembered or os.devnull)
        self.known = self._read()
        keys, authorities, *_ = self.known.match(order.host, "", order.port)
        self.changed = bool(keys or authorities)
        # kinds that are known first; the others too, so that a server with another key shows it to us
        kinds = [each for key in keys for each in key.sig_algorithms]
        kinds += get_default_certificate_algs() if authorities else []
        self.kinds = [each.decode() for each in dict.fromkeys([*kinds, *get_default_public_key_algs()])]
        self.why = ""

    def _read(self) -> asyncssh.SSHKnownHosts:
        """Raises OSError where the operator's file cannot be read."""
        if not self._strict and not self._file.exists():
            return asyncssh.import_known_hosts("")
        return asyncssh.import_known_hosts(self._file.read_text(encoding="utf-8"))

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Asked where the key is not among the known ones."""
        shown = f"{self._name} shows the key {key.get_fingerprint()}"
        if self.changed:
            self.why = f"{shown}, which is not the one that is known"
            return False
        if self._strict:
            self.why = f"{shown}, and {self._file} knows no key of it"
            return False
        if self._order.remembered is not None:
            self._remember(key)
        return True

    def _remember(self, key: asyncssh.SSHKey) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        line = f"{self._name} {key.export_public_key('openssh').decode().strip()}\n"
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
