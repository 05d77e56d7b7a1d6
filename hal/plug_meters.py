"""Two meters behind one plug, read as one: the counters added up, so that a change from AC to DC neither loses nor
invents energy; volts and amperes are those of the outlet in use. Each is read in its own thread (hal/polling.py)."""

from hal.contracts import MeterReading
from hal.polling import Poller, Reading
from hal.shared_pins import Outlet


class PlugMeters:
    """Looks like the Poller of one meter."""

    def __init__(self, ac: Poller[MeterReading], dc: Poller[MeterReading]) -> None:
        self.outlet: Outlet = "ac"
        self._ac = ac
        self._dc = dc

    def fresh(self, now: float) -> bool:
        """Of the outlet in use; the other's counter stands still, however old its reading is."""
        return self._used.fresh(now)

    @property
    def latest(self) -> Reading[MeterReading]:
        """No value before both have been read once: a counter that appears later would be energy out of nothing."""
        used, idle = self._used.latest, self._idle.latest.value  # each looked at once: its thread goes on meanwhile
        if used.value is None or idle is None:
            return Reading(None, used.at, used.error)
        value = used.value._replace(
            import_wh=used.value.import_wh + idle.import_wh,
            export_wh=used.value.export_wh + idle.export_wh,
            signed=None,  # says less than the sum
        )
        return Reading(value, used.at, used.error)

    @property
    def _used(self) -> Poller[MeterReading]:
        return self._ac if self.outlet == "ac" else self._dc

    @property
    def _idle(self) -> Poller[MeterReading]:
        return self._dc if self.outlet == "ac" else self._ac
