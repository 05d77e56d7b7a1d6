"""The EVSE of a session at a plug that has AC and DC on the same contacts: the car's choice decides which it becomes.

Which message carries the choice is the session script's; what may then be asked of the EVSE is `ac_station`'s or
`dc_station`'s.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from firmware.v2g.ac_station import AcStation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.ev_station import EvseView, EvStation, Wish


class EitherStation(EvStation):
    """Until the choice it can do what AC and DC have in common. `chose` is told once which of the two goes on."""

    def __init__(
        self,
        evse: EvseView,
        changed: Callable[[], None],
        chose: Callable[[EvStation], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(evse, changed, Wish())
        self.ac = AcStation(evse, changed)
        self.dc = DcStation(evse, changed, now)
        self.chosen: AcStation | DcStation | None = None
        self._chose = chose

    def choose(self, *, dc: bool) -> AcStation | DcStation:
        """The choice, with all that is known of the car so far. A later one changes nothing: under way the car finds
        its wish refused."""
        if self.chosen is None:
            chosen: AcStation | DcStation = self.dc if dc else self.ac
            chosen.wish = replace(self.wish, dc=chosen.wish.dc)
            self.chosen = chosen
            self._chose(chosen)
            self._changed()
        return self.chosen

    def choose_dc(self) -> DcStation:
        """Of a protocol that knows nothing else."""
        self.choose(dc=True)
        return self.dc

    def release(self) -> None:
        if self.chosen is None:
            super().release()
        else:
            self.chosen.release()
