"""The residual current monitor, watched by the board's own controller, which opens by itself when it trips.

Where the controller has no command for the self test it makes one before each closing; `test` then asks for its
result (the dialect says how: `Outlet.rcd` reads tripped while a test is wanted and the last one was passed).
"""

from dataclasses import dataclass

from hal.controllers.part import ControllerPart


@dataclass
class Driver(ControllerPart):
    """[connector.rcd] driver = "controller_rcd"."""

    def make_safe(self) -> None:
        self.want(rcd_test=False)

    def tripped(self) -> bool:
        return self.fresh(self.seen.rcd)

    def test(self, on: bool) -> None:
        self.want(rcd_test=on)

    def reset(self) -> None:
        self.want(rcd_resets=self.wish.rcd_resets + 1)
