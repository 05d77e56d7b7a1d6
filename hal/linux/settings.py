"""[linux] of a board file: where Linux shows its pins, and reference levels that are set once before any part."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from hal.linux.pwm import Pwm


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[linux.level]]: a filtered PWM that serves as a reference voltage, e.g. the threshold of digital inputs."""

    pwm_device: str
    percent: Annotated[float, Meta(ge=0, le=100)]
    pwm_channel: Annotated[int, Meta(ge=0, le=31)] = 0
    frequency_hz: Annotated[float, Meta(ge=1, le=1e6)] = 25_000.0


class LinuxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[linux]"""

    sysfs: str = "/sys"
    dev: str = "/dev"
    level: tuple[Level, ...] = ()

    def apply(self) -> None:
        """Set all levels. They stay when the guard dies, which is right: inputs keep meaning the same."""
        for level in self.level:
            period_ns = round(1e9 / level.frequency_hz)
            pwm = Pwm(Path(self.sysfs), level.pwm_device, level.pwm_channel)
            try:
                pwm.set(period_ns, round(period_ns * level.percent / 100))
                pwm.enable(True)
            finally:
                pwm.close()
