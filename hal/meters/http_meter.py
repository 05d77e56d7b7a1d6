"""What the drivers of DC meters with HTTP share: keys, range, energy counting."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from hal.contracts import DeviceError, MeterReading, Place
from hal.meters.belief import Belief, MeterKeys
from hal.meters.energy_counter import Limits
from hal.meters.http_json import JsonDevice


@dataclass
class HttpMeter(MeterKeys):
    """`host`: the meter's address, `address:port` where it is not the usual one. `tls_sha256`: the SHA-256 of its
    certificate; without, plain HTTP."""

    host: Annotated[str, Meta(min_length=1, max_length=200)] = ""
    timeout_s: Annotated[float, Meta(ge=0.05, le=5)] = 0.5
    tls_sha256: Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2}:?){32}$|^$", description="64 hex digits")] = ""
    _belief: Belief | None = field(init=False, default=None, repr=False)
    _device: JsonDevice | None = field(init=False, default=None, repr=False)

    title: ClassVar[str] = "meter"
    max_voltage_v: ClassVar[float] = 1100.0
    max_current_a: ClassVar[float] = 700.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.host:
            raise ValueError("host is missing: the meter's address")
        port = self.host.rpartition(":")[2] if ":" in self.host else "80"
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"host {self.host!r}: expected address or address:port")

    def attach(self, place: Place) -> None:
        """A meter that does not answer is a fault later, not now: it may boot longer than we do."""
        most = self.max_power_w or self.max_voltage_v * self.max_current_a
        limits = Limits(most, resolution_wh=10.0)
        self._belief = Belief(f"{place} ({self.title})", self, self.max_voltage_v, self.max_current_a, limits)
        self._device = JsonDevice(f"{place} ({self.title})", self.host, self.timeout_s, self.tls_sha256)

    def detach(self) -> None:
        self._belief = self._device = None

    @property
    def device(self) -> JsonDevice:
        if self._device is None:
            raise DeviceError(f"{self.title} at {self.host}: not attached")
        return self._device

    def believed(self, reading: MeterReading) -> MeterReading:
        if self._belief is None:
            raise DeviceError(f"{self.title} at {self.host}: not attached")
        return self._belief.check(reading)

    def number(self, answer: Any, name: str) -> float:
        """A number of an answer, also where the meter quotes it. Raises DeviceError."""
        value = answer.get(name) if isinstance(answer, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise DeviceError(f"{self.title} at {self.host}: {name} is {value!r}")
        try:
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise DeviceError(f"{self.title} at {self.host}: {name} is {value!r}") from error
        if not math.isfinite(number):
            raise DeviceError(f"{self.title} at {self.host}: {name} is {value!r}")
        return number
