"""The inhibit (or emergency-off) input of DC power modules on one GPIO line; without it their output is blocked."""

from dataclasses import dataclass

from hal.linux.output_driver import OutputDriver


@dataclass
class Driver(OutputDriver):
    """[connector.dc_enable] driver = "gpio_dc_enable". Wire it so that a line without drive blocks."""

    def enable(self, on: bool) -> None:
        self._set(on)

    def detach(self) -> None:
        """A line that is let go keeps its level: blocked first."""
        try:
            if self._output is not None:
                self._set(False)
        finally:
            super().detach()
