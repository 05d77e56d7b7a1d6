"""The network interface towards the car: is it there, and which IPv6 address do we serve on?

A missing, late or address-less interface is a normal state with a reason, never an error: modems come and go.
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IF_INET6: Final = Path("/proc/net/if_inet6")  # this network namespace's IPv6 addresses
_LINK_LOCAL: Final = 0x20
_HOST: Final = 0x10  # ::1, on the loopback interface only
_NOT_USABLE: Final = 0x40 | 0x08  # tentative, duplicate (IFA_F_TENTATIVE, IFA_F_DADFAILED)


@dataclass(frozen=True)
class Interface:
    """An interface we can serve on. `address` in presentation form, without scope."""

    name: str
    index: int
    address: str

    @property
    def loopback(self) -> bool:
        return self.address == "::1"

    @property
    def packed(self) -> bytes:
        return socket.inet_pton(socket.AF_INET6, self.address)

    def endpoint(self, port: int) -> tuple[str, int, int, int]:
        """Socket address on this interface only (scope = its index; the loopback address has none)."""
        return (self.address, port, 0, 0 if self.loopback else self.index)


@dataclass(frozen=True)
class NotUsable:
    """Why nothing can be served yet; the text is for people."""

    reason: str


def look(name: str, table: Path = IF_INET6) -> Interface | NotUsable:
    """What the kernel says of `name` now."""
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        return NotUsable(f"interface {name} does not exist")
    try:
        lines = table.read_text(encoding="ascii").splitlines()
    except OSError as error:
        return NotUsable(f"this machine has no IPv6: {error}")
    tentative = False
    for line in lines:
        fields = line.split()
        if len(fields) != 6 or fields[5] != name or int(fields[3], 16) not in {_LINK_LOCAL, _HOST}:
            continue
        if int(fields[4], 16) & _NOT_USABLE:
            tentative = True
            continue
        return Interface(name, index, socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[0])))
    if tentative:
        return NotUsable(f"the IPv6 link-local address of {name} is still being checked for duplicates")
    return NotUsable(f"interface {name} has no IPv6 link-local address (is it up?)")
