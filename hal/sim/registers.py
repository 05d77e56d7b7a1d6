"""The simulated board's hardware: a memory-mapped register file, the only thing the guard and the plant share.

Like the registers of a real chip it has no messages, never waits, and keeps its last value when either process dies.
The guard's `sim_*` drivers write the actuator half and read the sensor half; the plant of the rig does the opposite.
One slot is one float64; an aligned 8-byte store is atomic on every machine this runs on.

    registers = Registers.create(path, connectors=2)   # the plant
    registers = Registers.attach(path)                 # the drivers
    registers.connector(1)["cp_high_mv"] = 9000
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Final

from hal.contracts import DeviceError

_MAGIC: Final = 0x50494C4F54_0004  # "PILOT", layout 4
_HEADER: Final = 8  # slots before the first connector
_TEXT: Final = 64  # bytes of the token text

#: Slots of one connector, in order. Actuators are written by the guard's drivers, sensors by the plant.
ACTUATORS: Final = (
    "pilot_mode",  # index into PILOT_MODES
    "pilot_duty_percent",
    "coil",  # 1 = contactor coil energised
    "lock_command",  # 0 none, 1 lock, 2 unlock
    "rcd_test",
    "rcd_reset",
    "shunt_trip",  # 1 = upstream breaker tripped (latched by the plant)
    "dc_voltage_v",
    "dc_current_a",
    "dc_on",
    "imd_on",
    "imd_self_test",  # counts up on each request
    "indicator",  # index into hal.contracts.Light
    "watchdog",  # counts up with every feed
    "dc_coil",  # 1 = DC output contactor energised
    "dc_enable",  # 1 = the modules' output stage may work
    "phases_wanted",  # 1 or 3: command to the phase contactor; 0 = the board has none
)
SENSORS: Final = (
    "cp_high_mv",
    "cp_low_mv",
    "plug_rating_a",  # 0 none, 13/20/32/63, -1 invalid, -2 button
    "contactor_closed",
    "lock_state",  # 0 unlocked, 1 locked, 2 moving, 3 unknown
    "rcd_tripped",
    "emergency_stop",
    "pe_fault",
    "mains_fail",
    "tamper",
    "voltage_l1_v",
    "voltage_l2_v",
    "voltage_l3_v",
    "current_l1_a",
    "current_l2_a",
    "current_l3_a",
    "power_w",
    "energy_wh",
    "export_wh",
    "frequency_hz",
    "meter_fault",  # 1 = the meter does not answer
    "temperature_c",
    "temperature_2_c",  # a second sensor: housing, or a DC contact
    "temperature_fault",
    "phases_seen",  # 1 or 3: what the phase contactor's own contact says
    "dc_present_voltage_v",
    "dc_present_current_a",
    "dc_max_voltage_v",
    "dc_max_current_a",
    "dc_max_power_w",
    "isolation_ohm",  # -1 = no valid value
    "dc_plug_voltage_v",  # at the car's side of the contactor
    "dc_supply_silent",  # 1 = it does not answer on its bus
    "dc_supply_failed",  # 1 = no module works
    "imd_self_test_ok",  # echoes imd_self_test when passed, its negative when failed
    "imd_fault",  # 1 = the monitor does not answer
    "dc_contactor_closed",
    "dc_power_w",  # by the meter of the DC output
    "dc_energy_wh",
    "token_count",  # counts up with every swipe; the text is in the token area
    "adc_fault",  # 1 = the pilot's converter does not answer
)
PILOT_MODES: Final = ("x1", "duty", "e", "f")

_NAMES: Final = {name: index for index, name in enumerate(ACTUATORS + SENSORS)}
_SLOTS: Final = 64  # per connector, room to grow
_CONNECTOR_BYTES: Final = _SLOTS * 8 + _TEXT


class ConnectorRegisters:
    """The slots of one connector by name, plus the token text."""

    __slots__ = ("_slots", "_text")

    def __init__(self, view: memoryview) -> None:
        self._slots = view[: _SLOTS * 8].cast("d")
        self._text = view[_SLOTS * 8 :]

    def __getitem__(self, name: str) -> float:
        return self._slots[_NAMES[name]]

    def __setitem__(self, name: str, value: float) -> None:
        self._slots[_NAMES[name]] = value

    def swipe(self, token: str) -> None:
        """Present a token (at most 63 bytes of ASCII), plant side: text first, then the counter."""
        raw = token.encode("ascii")
        if len(raw) >= _TEXT:
            raise ValueError(f"token of {len(raw)} characters; at most {_TEXT - 1}")
        self._text[:] = raw.ljust(_TEXT, b"\0")
        self["token_count"] += 1

    @property
    def token(self) -> str:
        return bytes(self._text).split(b"\0", 1)[0].decode("ascii")

    def release(self) -> None:
        self._slots.release()
        self._text.release()


class Registers:
    """The whole register file: a header (magic, connectors, plant heartbeat) and one block per connector."""

    def __init__(self, memory: mmap.mmap, connectors: int) -> None:
        self._memory = memory
        self._view = memoryview(memory)
        self._header = self._view[: _HEADER * 8].cast("d")
        self.connectors = connectors
        self._blocks = [
            ConnectorRegisters(self._view[start : start + _CONNECTOR_BYTES])
            for start in (_HEADER * 8 + n * _CONNECTOR_BYTES for n in range(connectors))
        ]

    @classmethod
    def create(cls, path: Path | None, connectors: int = 1) -> "Registers":
        """Make a fresh register file, all zero; without a path it lives in this process only (virtual-time tests)."""
        size = _HEADER * 8 + connectors * _CONNECTOR_BYTES
        if path is None:
            memory = mmap.mmap(-1, size)
        else:
            # a new file under the same name: truncating one that a guard has mapped would kill it with SIGBUS
            fresh = path.with_suffix(f".{os.getpid()}")
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.ftruncate(descriptor, size)
                memory = mmap.mmap(descriptor, size)
            finally:
                os.close(descriptor)
        struct.pack_into("<dd", memory, 8, float(connectors), 0.0)
        struct.pack_into("<d", memory, 0, float(_MAGIC))
        if path is not None:
            fresh.replace(path)
        return cls(memory, connectors)

    @classmethod
    def attach(cls, path: Path) -> "Registers":
        """Open the register file that a plant created.

        Raises DeviceError naming the path when it is missing or has another layout.
        """
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError as error:
            raise DeviceError(f"simulated board {path}: {error.strerror}; is the rig's plant running?") from error
        try:
            memory = mmap.mmap(descriptor, 0)
        except (OSError, ValueError) as error:
            raise DeviceError(f"simulated board {path}: cannot be mapped ({error})") from error
        finally:
            os.close(descriptor)
        if len(memory) < _HEADER * 8:
            raise DeviceError(f"simulated board {path}: only {len(memory)} bytes")
        magic, connectors = struct.unpack_from("<dd", memory, 0)
        if magic != float(_MAGIC) or len(memory) < _HEADER * 8 + int(connectors) * _CONNECTOR_BYTES:
            raise DeviceError(f"simulated board {path}: another layout than this version's; restart the plant")
        return cls(memory, int(connectors))

    def connector(self, number: int) -> ConnectorRegisters:
        """The block of connector `number`, counted from 1."""
        return self._blocks[number - 1]

    @property
    def plant_beat(self) -> float:
        """Counts up with every step of the plant; stands still when the plant is gone."""
        return self._header[2]

    @plant_beat.setter
    def plant_beat(self, value: float) -> None:
        self._header[2] = value

    def close(self) -> None:
        for block in self._blocks:
            block.release()
        self._header.release()
        self._view.release()
        self._memory.close()
