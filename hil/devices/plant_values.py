"""What a simulated meter measures, and how it can be broken."""

from dataclasses import dataclass, field
from enum import StrEnum


class Trouble(StrEnum):
    """One fault of a device or of its line at a time."""

    NONE = ""
    SILENCE = "silence"
    GARBAGE = "garbage"  # bytes, but no frame
    CORRUPT = "corrupt"  # right frames with one wrong bit
    SLOW = "slow"  # answers after `slow_s`
    DISCONNECT = "disconnect"  # the line is gone
    REFUSE = "refuse"  # an exception or an error page
    OUT_OF_RANGE = "out of range"
    STUCK = "stuck"  # answers, but always the same
    NAN = "nan"
    SIGN = "sign"  # current transformers the other way round


@dataclass
class PlantValues:
    """Three phases or (first value) DC. The rig or a test writes, devices read."""

    voltage_v: list[float] = field(default_factory=lambda: [231.0, 229.5, 230.2])
    current_a: list[float] = field(default_factory=lambda: [16.0, 15.5, 15.8])
    import_wh: float = 1_234_560.0
    export_wh: float = 4_320.0
    frequency_hz: float = 50.0
    power_w: float | None = None  # None: volts times amperes
    trouble: Trouble = Trouble.NONE
    slow_s: float = 5.0

    def watts(self) -> float:
        if self.power_w is not None:
            return self.power_w
        return sum(volts * amps for volts, amps in zip(self.voltage_v, self.current_a, strict=True))

    def flow(self, seconds: float) -> None:
        """Energy of that many seconds at the present power."""
        energy = self.watts() * seconds / 3600
        self.import_wh += max(0.0, energy)
        self.export_wh += max(0.0, -energy)

    def shown(self) -> dict[str, float]:
        """By name, as the meter's registers show it: u1 u2 u3 i1 i2 i3 p f in out. A sign fault turns flow round."""
        sign = -1.0 if self.trouble is Trouble.SIGN else 1.0
        ways = (self.import_wh, self.export_wh)[:: int(sign)]
        values = {f"u{number}": volts for number, volts in enumerate(self.voltage_v, 1)}
        values |= {f"i{number}": amps * sign for number, amps in enumerate(self.current_a, 1)}
        values |= {"p": self.watts() * sign, "f": self.frequency_hz, "in": ways[0], "out": ways[1]}
        if self.trouble is Trouble.OUT_OF_RANGE:
            values |= {"u1": values["u1"] * 9, "p": values["p"] * 40}
        return values
