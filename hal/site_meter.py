"""[site_meter]: the meter at the site's connection to the grid, read by the guard, told to the controller.

It forbids nothing: who may draw what is the controller's (energy); its grants have a failsafe for when it is gone.
"""

from hal.contracts import MeterReading
from hal.parts import Part
from hal.polling import Poller
from hal.wire import MeterSample, SiteMeter


class SiteReporter:
    """Reads it in a thread of its own; tells each new reading once, and once that it has become old."""

    def __init__(self, part: Part, now: float) -> None:
        self.poller: Poller[MeterReading] = Poller("site_meter", part.driver.read, part.poll_s, part.stale_s, now)
        self._told: tuple[float, bool] | None = None

    def due(self, now: float) -> SiteMeter | None:
        latest = self.poller.latest
        if latest.value is None:
            return None
        picture = latest.at, self.poller.fresh(now)
        if picture == self._told:
            return None
        self._told = picture
        read = latest.value
        quality = "good" if picture[1] else "stale"
        return SiteMeter(
            MeterSample(
                latest.at, read.import_wh, read.power_w, read.voltage_v, read.current_a, read.export_wh, quality
            )
        )
