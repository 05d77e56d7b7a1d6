"""A chargebyte Charge Control C made of files, and what hangs on it: car, contactor, residual current monitor, lock.

The drivers of hal see sysfs, IIO and gpio chips as on the board; `step` does what copper does there. The simulated
boards (registers, `hil/plant`) are another thing: this one is for the drivers of Linux pins.
"""

import os
import threading
from pathlib import Path
from typing import Final

from hal.contracts import Place

BOARD: Final = Path(__file__).parents[1] / "board-configs" / "chargebyte-charge-control-c.toml"

#: imx6ull-tarragon-common.dtsi, gpio-line-names, by chip.
LINES: Final = (
    ("CP_INVERT", "MOTOR_1_FAULT_N", "MOTOR_2_FAULT_N"),
    (),
    (
        *("MOTOR_1_DRIVER_IN1_N", "MOTOR_1_DRIVER_IN2", "MOTOR_2_DRIVER_IN1", "RELAY_1_ENABLE", "RELAY_2_ENABLE"),
        *(f"DIGITAL_OUT_{n}" for n in range(1, 7)),
    ),
    tuple(f"DIGITAL_IN_{n}" for n in range(1, 7)),
    ("RELAY_1_SENSE", "RELAY_2_SENSE", "MOTOR_2_DRIVER_IN2", "CP_POSITIVE_PEAK_RST", "CP_NEGATIVE_PEAK_RST"),
)
#: gpioset of libgpiod 2 as far as systemd/safe-state needs it, for chips made of files.
GPIOSET: Final = """#!/bin/sh
[ "$*" = "--consumer pilotline-safe --toggle 0 $5" ] || exit 64
file=$(ls "$PILOTLINE_DEV"/gpiochip*/"${5%=*}") || exit 1
printf %s "${5#*=}" >"$file"
"""
LOAD_MV: Final = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0}
PROXIMITY_MV: Final = {0: 3_000, 13: 2_100, 20: 1_500, 32: 1_000, 63: 800, -1: 300}


class LinuxBoard:
    """The tree below `root`, with `sys` and `dev`. Set the public fields; `step` or `running` lets them act."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.dev = root / "sys", root / "dev"
        self.car = "A"
        self.diode = True
        self.cable = 0
        self.capacitor_mv = 12_000.0
        self.welded = False
        self.contactor_follows = True
        self.rcm_tripped = False
        self.rcm_works = True
        self.bolt_stuck = False
        self.bolt_locked = False
        self._build()
        self.step()

    def place(self, part: str = "part", connector: int = 1) -> Place:
        return Place(connector, part, None, self.sysfs, self.dev)

    def board_text(self) -> str:
        """The shipped board file, looking at this tree."""
        roots = f'[linux]\nsysfs = "{self.sysfs}"\ndev = "{self.dev}"\n'
        return BOARD.read_text().replace("[linux]\n", roots, 1)

    def environment(self) -> dict[str, str]:
        """For a shell script that works on this board: its roots, and a gpioset for its chips."""
        tools = self.sysfs.parent / "bin"
        tools.mkdir(exist_ok=True)
        gpioset = tools / "gpioset"
        gpioset.write_text(GPIOSET)
        gpioset.chmod(0o700)
        path = f"{tools}:{os.environ['PATH']}"
        return {"PATH": path, "PILOTLINE_SYSFS": str(self.sysfs), "PILOTLINE_DEV": str(self.dev)}

    # --- lines, converter, PWM

    def line(self, name: str) -> bool:
        """Physical level of a line."""
        return self._lines[name].read_bytes()[:1] == b"1"

    def set_line(self, name: str, level: bool) -> None:
        with self._lines[name].open("r+b", buffering=0) as file:
            file.write(b"1" if level else b"0")

    def written_at(self, name: str) -> float:
        """When a line was last written, s of the wall clock: however late this process looks."""
        return self._lines[name].stat().st_mtime

    def set_raw(self, channel: str, raw: int) -> None:
        """Fixed width: a reader in another process never sees half a number."""
        with (self._adc / f"in_{channel}_raw").open("r+b", buffering=0) as file:
            file.write(f"{raw:05d}\n".encode())

    def set_millivolts(self, channel: str, mv: float, gain: float = 1.0, offset: float = 0.0) -> None:
        self.set_raw(channel, round((mv - offset) / gain * 4095 / 3300))

    def pwm(self, name: str, chip: str = "20fc000.pwm") -> int:
        """period, duty_cycle or enable of a chip's first channel."""
        text = (self.sysfs / "devices" / chip / "pwm" / self._chips[chip] / "pwm0" / name).read_text()
        return int(text.split("\n", 1)[0])

    @property
    def duty_percent(self) -> float:
        return 100 * self.pwm("duty_cycle") / self.pwm("period")

    @property
    def fed_at(self) -> float:
        """When the machine's watchdog was last fed, s of the wall clock."""
        return (self.dev / "watchdog0").stat().st_mtime

    # --- what copper does

    def step(self) -> None:
        self._pilot()
        self.set_millivolts("voltage5", PROXIMITY_MV[self.cable])
        self.set_millivolts("voltage4", self.capacitor_mv, gain=90 / 22)
        coil = self.line("RELAY_1_ENABLE") and self.contactor_follows
        self.set_line("RELAY_1_SENSE", coil or self.welded)
        self.set_line("DIGITAL_IN_2", self.rcm_tripped or (self.line("DIGITAL_OUT_4") and self.rcm_works))
        self._lock()

    def _pilot(self) -> None:
        period, duty = self.pwm("period"), self.pwm("duty_cycle")
        shown = self.pwm("enable") == 1 and self.line("CP_INVERT") and period > 0
        loaded = LOAD_MV[self.car]
        if not shown or duty == 0:
            high = low = -12_000 if shown else 0
        elif duty == period:
            high = low = loaded
        else:
            high, low = loaded, -12_000 if self.diode and self.car != "E" else -loaded
        self.set_millivolts("voltage2", high, gain=4561 / 476, offset=-16_013)
        self.set_millivolts("voltage3", low, gain=4561 / 476, offset=-16_013)

    def _lock(self) -> None:
        forward, backward = not self.line("MOTOR_1_DRIVER_IN1_N"), self.line("MOTOR_1_DRIVER_IN2")
        if forward != backward and not self.bolt_stuck:
            self.bolt_locked = backward
        self.set_millivolts("voltage0", 300 if self.bolt_locked else 3_100)

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(0.005):
            self.step()

    # --- files

    def _build(self) -> None:
        self._lines: dict[str, Path] = {}
        for number, names in enumerate(LINES):
            chip = self.dev / f"gpiochip{number}"
            chip.mkdir(parents=True)
            for name in names:
                self._lines[name] = chip / name
                self._lines[name].write_bytes(b"0")
        for name in ("MOTOR_1_DRIVER_IN1_N", "MOTOR_1_FAULT_N", "DIGITAL_IN_1", "DIGITAL_IN_3", "DIGITAL_IN_4"):
            self._lines[name].write_bytes(b"1")
        self._chips = {"2084000.pwm": "pwmchip0", "20f8000.pwm": "pwmchip1", "20fc000.pwm": "pwmchip2"}
        for device, chip_name in self._chips.items():
            channel = self.sysfs / "devices" / device / "pwm" / chip_name / "pwm0"
            channel.mkdir(parents=True)
            (channel.parent / "export").write_text("")
            (channel.parent / "device").symlink_to(self.sysfs / "devices" / device)
            for attribute in ("period", "duty_cycle", "enable"):
                (channel / attribute).write_text("0\n")
            (self.sysfs / "class/pwm").mkdir(parents=True, exist_ok=True)
            (self.sysfs / "class/pwm" / chip_name).symlink_to(channel.parent)
        self._device("bus/iio/devices/iio:device0", name="other.adc")
        self._adc = self._device("bus/iio/devices/iio:device1", name="2198000.adc")
        for number in range(6):
            (self._adc / f"in_voltage{number}_raw").write_text("00000\n")
        self._device("class/thermal/thermal_zone0", type="imx_thermal_zone", temp="41250")
        self._device("class/watchdog/watchdog0", timeout="1")
        (self.dev / "watchdog0").write_bytes(b"")

    def _device(self, path: str, **attributes: str) -> Path:
        folder = self.sysfs / path
        folder.mkdir(parents=True)
        for name, text in attributes.items():
            (folder / name).write_text(text + "\n")
        return folder
