"""What all simulated parts share: they sit on the register file of the plant. The parts are in hal/drivers/sim_*.py."""

import time
from dataclasses import dataclass, field

from hal.contracts import DeviceError, Place
from hal.sim.registers import ConnectorRegisters, Registers


@dataclass
class SimPart:
    """Holds the registers of its connector; a part of the whole station sits on connector 1 and can see all."""

    _file: Registers | None = field(default=None, init=False, repr=False)
    _slots: ConnectorRegisters | None = field(default=None, init=False, repr=False)
    _place: Place = field(default=Place(0, ""), init=False, repr=False)

    def attach(self, place: Place) -> None:
        if place.registers is None:
            raise DeviceError(f"{place}: a simulated part needs [sim] registers or --sim PATH")
        file = Registers.attach(place.registers)
        if place.connector > file.connectors:
            text = f"{place}: the simulated board has {file.connectors} connectors"
            file.close()
            raise DeviceError(text)
        self._file, self._place = file, place
        self._slots = file.connector(max(place.connector, 1))
        self.make_safe()

    def detach(self) -> None:
        if self._file is not None:
            self.make_safe()
            self._slots = None
            self._file.close()
            self._file = None

    def make_safe(self) -> None:
        """Actuators override it; a sensor has nothing to make safe."""

    @property
    def slots(self) -> ConnectorRegisters:
        """The registers of this part's connector. Raises DeviceError before `attach` and after `detach`."""
        if self._slots is None:
            raise DeviceError(f"{self._place}: not attached")
        return self._slots

    @property
    def everywhere(self) -> list[ConnectorRegisters]:
        """The registers of this part's connector; of all connectors for a part of the station."""
        if self._file is None:
            raise DeviceError(f"{self._place}: not attached")
        if self._place.connector:
            return [self.slots]
        return [self._file.connector(number + 1) for number in range(self._file.connectors)]

    def fail(self, text: str) -> DeviceError:
        return DeviceError(f"{self._place}: {text}")

    def wait_until(self, slot: str, value: float, within_s: float) -> bool:
        """A slow part's own waiting, in its worker thread; False when the slot did not reach the value in time."""
        until = time.monotonic() + within_s
        while self.slots[slot] != value:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        return True
