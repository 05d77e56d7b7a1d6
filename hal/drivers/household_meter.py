"""A household meter read through its optical port (SML or D0): it talks by itself, every one to four seconds."""

import time
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from msgspec import Meta

from hal.contracts import DeviceError, MeterReading, Place
from hal.meters.belief import Belief, MeterKeys
from hal.meters.energy_counter import Limits
from hal.meters.sml import Telegram, TelegramError, next_d0, next_sml, rest_after
from hal.modbus.line import Line, LineError
from hal.modbus.settings import BusSettings

_PHASES: Final = (("32.7.0", "31.7.0"), ("52.7.0", "51.7.0"), ("72.7.0", "71.7.0"))


@dataclass
class Driver(MeterKeys):
    """[connector.meter] driver = "household_meter". `port`: the reading head. `wait_s`: longest pause between two
    telegrams. Many meters tell their power only after a PIN was entered; without it the reading is refused."""

    port: Annotated[str, Meta(max_length=200)] = ""
    protocol: Literal["sml", "d0"] = "sml"
    baud: Literal[300, 2400, 4800, 9600, 115200] = 9600
    wait_s: Annotated[float, Meta(ge=0.1, le=30)] = 5.0
    _line: Line | None = field(init=False, default=None, repr=False)
    _belief: Belief | None = field(init=False, default=None, repr=False)
    _left: bytes = field(init=False, default=b"", repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.port:
            raise ValueError("port is missing: the reading head's device")

    def attach(self, place: Place) -> None:
        line = Line(BusSettings(port=self.port), baud=self.baud)
        try:
            line.open()
        except LineError as error:
            raise DeviceError(f"{place}: {error}") from error
        most = self.max_power_w or 120.0 * 3 * 277
        self._line = line
        self._belief = Belief(f"{place} (household meter, {self.port})", self, 500.0, 120.0, Limits(most, 0.1))

    def detach(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line, self._belief, self._left = None, None, b""

    def read(self) -> MeterReading:
        """The newest telegram; waits for one. Raises DeviceError when none comes in time or it has no energy."""
        if self._line is None or self._belief is None:
            raise DeviceError(f"household meter at {self.port}: not attached")
        values = self._newest(self._line).values
        try:
            imported, power = values["1.8.0"], values["16.7.0"]
        except KeyError as error:
            hint = "; enter the meter's PIN for the detailed view" if str(error) == "'16.7.0'" else ""
            raise DeviceError(f"household meter at {self.port}: telegram without {error}{hint}") from error
        phases = [(values[volts], values[amps]) for volts, amps in _PHASES if volts in values and amps in values]
        return self._belief.check(
            MeterReading(
                import_wh=imported,
                power_w=power,
                voltage_v=tuple(volts for volts, _ in phases),
                current_a=tuple(amps for _, amps in phases),
                export_wh=values.get("2.8.0", 0.0),
                frequency_hz=values.get("14.7.0"),
            )
        )

    def _newest(self, line: Line) -> Telegram:
        """What came in meanwhile is read to its end: an old telegram is not a reading of now."""
        until = time.monotonic() + self.wait_s
        newest: Telegram | None = None
        try:
            line.open()
            while True:
                waiting = line.receive(until if newest is None else time.monotonic() + 0.001)
                if not waiting:
                    break
                self._left += waiting
                newest = self._telegrams() or newest
        except LineError as error:
            self._left = b""
            raise DeviceError(f"household meter at {self.port}: {error}") from error
        except TelegramError as error:
            self._left = rest_after(self._left) if self.protocol == "sml" else b""
            raise DeviceError(f"household meter at {self.port}: {error}") from error
        if newest is None:
            raise DeviceError(f"household meter at {self.port}: no telegram within {self.wait_s:g} s")
        return newest

    def _telegrams(self) -> Telegram | None:
        """The last whole telegram of what is there."""
        take = next_sml if self.protocol == "sml" else next_d0
        newest: Telegram | None = None
        while True:
            found, self._left = take(self._left)
            if found is None:
                return newest
            newest = found
