"""Shunt trip of the upstream breaker on a GPIO-driven relay, switched on when a contactor is welded."""

from dataclasses import dataclass

from hal.linux.output_driver import OutputDriver


@dataclass
class Driver(OutputDriver):
    """[connector.shunt_trip] driver = "gpio_shunt_trip". The line stays on: the breaker's auxiliary contact ends the
    current through the trip coil, and a station with a welded contactor is not put back by software."""

    def trip(self) -> None:
        self._set(True)
