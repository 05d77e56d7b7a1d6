"""[can.<name>] of a board file: one CAN bus that several supplies may share. Checked without touching it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class CanSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A CAN bus. `socketcan`: `channel` is a network interface, whose bitrate the system sets (systemd-networkd, `ip
    link`); `slcan`: a serial adapter at `channel`, which is told `bitrate`; `udp_multicast`: `channel` is a group of
    addresses, `port` its port; `virtual`: nothing leaves the process. Supplies name it as `can`."""

    interface: Literal["socketcan", "slcan", "udp_multicast", "virtual"]
    channel: Annotated[str, Meta(min_length=1, max_length=200)]
    bitrate: Literal[10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 1_000_000] = 125_000
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None

    def __post_init__(self) -> None:
        if (self.port is not None) != (self.interface == "udp_multicast"):
            raise ValueError('port belongs to interface = "udp_multicast", which needs it')

    @property
    def options(self) -> dict[str, object]:
        """What python-can's Bus is opened with; a serial adapter is ours (hal/can/slcan.py)."""
        found: dict[str, object] = {"interface": self.interface, "channel": self.channel}
        if self.port is not None:
            found["port"] = self.port
        return found
