"""One channel of a kernel PWM, found by the name of the device behind the chip (chip numbers move between kernels).

Only period and duty; what a duty means on a wire is the driver's. Linux: Documentation/driver-api/pwm.rst.
"""

import os
from pathlib import Path
from typing import Final

from hal.contracts import DeviceError
from hal.linux.sysfs import Attribute, read_once

_PATIENCE_S: Final = 2.0  # udev after an export


def find_chip(sysfs: Path, device: str) -> Path:
    """The pwmchip whose parent device is `device`, e.g. 20fc000.pwm. Raises DeviceError with those that exist."""
    seen = []
    for chip in sorted((sysfs / "class/pwm").glob("pwmchip*")):
        try:
            parent = os.path.basename(os.readlink(chip / "device"))
        except OSError:
            continue  # a chip that is just going away
        if parent == device:
            return chip
        seen.append(parent)
    raise DeviceError(f"no PWM {device} below {sysfs}/class/pwm (found: {', '.join(seen) or 'none'})")


class Pwm:
    """An exported PWM channel. Duty never exceeds the period, not even between two writes (the kernel refuses that)."""

    def __init__(self, sysfs: Path, device: str, channel: int) -> None:
        chip = find_chip(sysfs, device)
        folder = chip / f"pwm{channel}"
        if not folder.exists():
            export = Attribute(chip / "export", writable=True)
            try:
                export.write(channel)
            finally:
                export.close()
        opened: list[Attribute] = []
        try:
            for name in ("period", "duty_cycle", "enable"):
                opened.append(Attribute(folder / name, writable=True, patience_s=_PATIENCE_S))
        except DeviceError:
            for attribute in opened:
                attribute.close()
            raise
        self._period, self._duty, self._enable = opened
        self._make_normal(folder / "polarity")
        self.period_ns = self._period.read_int()
        self.duty_ns = self._duty.read_int()

    def set(self, period_ns: int, duty_ns: int) -> None:
        """Both in ns. Growing: period first; shrinking: duty first."""
        if not 0 <= duty_ns <= period_ns:
            raise ValueError(f"duty of {duty_ns} ns in a period of {period_ns} ns")
        if duty_ns > self.period_ns:
            self._write_period(period_ns)
            self._write_duty(duty_ns)
        else:
            self._write_duty(duty_ns)
            self._write_period(period_ns)

    def enable(self, on: bool) -> None:
        self._enable.write(int(on))

    @property
    def enabled(self) -> bool:
        return self._enable.read_int() == 1

    def close(self) -> None:
        """Lets go of the files; the output keeps running, as it does when the process dies."""
        for attribute in (self._period, self._duty, self._enable):
            attribute.close()

    def _make_normal(self, path: Path) -> None:
        """Earlier software may have turned the output upside down; the kernel changes that only while it is off."""
        if path.exists() and read_once(path) != "normal":
            self.enable(False)
            polarity = Attribute(path, writable=True, patience_s=_PATIENCE_S)
            try:
                polarity.write("normal")
            finally:
                polarity.close()

    def _write_period(self, period_ns: int) -> None:
        if period_ns != self.period_ns:
            self._period.write(period_ns)
            self.period_ns = period_ns

    def _write_duty(self, duty_ns: int) -> None:
        if duty_ns != self.duty_ns:
            self._duty.write(duty_ns)
            self.duty_ns = duty_ns
