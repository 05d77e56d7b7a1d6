"""One EVSE: what is seen of it, what it may draw, whose it is now; turns the wishes of `charging` into intents."""

from firmware.config import EvseSettings
from firmware.station.charging import Digital
from firmware.station.facts import ChargingState, ConnectorStatus, IdToken, Sample
from firmware.station.limits import Limit
from firmware.station.signal import Signal
from hal.wire import ConnectorCapability, Fault, Observation


class Evse:
    """State of one EVSE. Others read the attributes and subscribe to `changed`; only v2g calls set_digital()."""

    def __init__(self, settings: EvseSettings) -> None:
        self.id = settings.id
        self.settings = settings
        self.connector = settings.connectors[0]
        self.capability: ConnectorCapability | None = None
        self.seen: Observation | None = None
        self.id_token: IdToken | None = None
        self.limit = Limit(0.0, "hardware")
        self.stop_wanted: str | None = None
        self.transaction_id: str | None = None
        self.charging_state: ChargingState = "Idle"
        self.operative = True
        self.status: ConnectorStatus | None = None
        self.digital: Digital | None = None
        self.changed = Signal()

    @property
    def plugged(self) -> bool:
        return self.level in {"B", "C", "D"}

    @property
    def level(self) -> str:
        return self.seen.level if self.seen is not None else "?"

    @property
    def closed(self) -> bool:
        return self.seen is not None and self.seen.closed

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self.seen.faults if self.seen is not None else ()

    def set_digital(self, wish: Digital | None) -> None:
        """What the car's protocol wants now; None gives the pilot back to basic charging."""
        if wish != self.digital:
            self.digital = wish
            self.changed.notify()

    def why(self) -> str:
        """Why it charges or does not: one line for people."""
        return "no vehicle connected" if not self.plugged else self.charging_state

    def sample(self, context: str = "Sample.Periodic") -> Sample | None:
        """The latest meter values, or None without any."""
        raise NotImplementedError
