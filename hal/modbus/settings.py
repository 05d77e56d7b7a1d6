"""[bus.<name>] of a board file: one line that several devices share. Checked without touching it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Modbus line: `port` is a serial device; `host` is `address:port` of a gateway, which speaks RTU frames over TCP
    or (`framing = "tcp"`) Modbus TCP. Devices name the bus and their unit `address`.

    A device that does not answer for `timeout_s` twice is left alone, then asked again after 0.25 s, 0.5 s, ... up to
    `retry_s`: the others keep their turns.
    """

    port: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    host: Annotated[str, Meta(max_length=200, pattern=r"^.+:[0-9]{1,5}$", description="address:port")] | None = None
    framing: Literal["rtu", "tcp"] = "rtu"
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    rs485: bool = False  # let the kernel drive the transmit-enable line (TIOCSRS485); adapters do it themselves
    transmit_line: Annotated[str, Meta(min_length=1, max_length=100)] | None = None  # DE, where the kernel cannot: GPIO
    transmit_low: bool = False  # it transmits while this line is low
    timeout_s: Annotated[float, Meta(ge=0.02, le=2.0)] = 0.2  # until the answer begins
    gap_s: Annotated[float, Meta(ge=0, le=0.5)] = 0.0  # silence before a request, where 3.5 characters are too short
    retry_s: Annotated[float, Meta(ge=0.25, le=60)] = 2.0

    def __post_init__(self) -> None:
        if (self.port is None) == (self.host is None):
            raise ValueError('a bus has either port = "/dev/tty..." or host = "address:port"')
        if self.transmit_line is not None and (self.port is None or self.rs485 or self.baud > 19200):
            # a device may answer after 3.5 characters: from 2 ms on, Linux lets go of the line in time
            raise ValueError("transmit_line goes with a port of at most 19200 baud, and without rs485")
        if self.framing == "tcp" and self.host is None:
            raise ValueError('framing = "tcp" needs host = "address:port"')

    @property
    def character_s(self) -> float:
        """How long one character takes on the wire; 0 behind a gateway, whose line we do not see."""
        if self.host is not None:
            return 0.0
        return (9 + self.stop_bits + (self.parity != "none")) / self.baud

    @property
    def silence_s(self) -> float:
        """Silence that separates frames: 3.5 characters, 1.75 ms above 19200 baud (Serial Line V1.02, 2.5.1.1)."""
        if self.host is not None:
            return self.gap_s
        return max(self.gap_s, 3.5 * self.character_s if self.baud <= 19200 else 0.00175)
