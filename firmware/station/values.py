"""The station's lasting values, and what they say of how it works: intervals, start and stop points, switches.

The base of `station.Station`. Names with a dot are "Component.Variable" of OCPP 2.0.1, whichever version is spoken.
"""

from collections.abc import Sequence
from typing import Final

from firmware.config import Settings
from firmware.station.journal import Change, Journal, JournalError

VARIABLE: Final = "variable"


class Values:
    """What was set is kept by the journal; what was not is as the settings have it."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings = settings
        self.journal = journal
        self.defaults: dict[str, str] = {}  # of variables: what the device model says they are until somebody sets them
        self._variables: dict[str, str] = {}

    def variable(self, name: str, default: str = "") -> str:
        """A value that was set and survives restarts. Names with a dot are "Component.Variable" of OCPP 2.0.1."""
        found = self._variables.get(name)
        return found if found is not None else self.defaults.get(name, default)

    def set_variable(self, name: str, value: str) -> None:
        if self._variables.get(name) != value:
            self._variables[name] = value
            self._keep(Change(VARIABLE, name, value))

    async def stored(self) -> bool:
        """Is what was set so far on disk? False: the disk refuses; it is written as soon as it no longer does."""
        try:
            await self.journal.execute_in_writer(lambda connection: None)
        except JournalError:
            return False
        return self.journal.healthy

    def number(self, name: str, default: float) -> float:
        try:
            return float(self.variable(name, str(default)))
        except ValueError:
            return default

    def flag(self, name: str, default: bool) -> bool:
        return self.variable(name, str(default)).lower() == "true"

    def _keep(self, change: Change) -> None:
        self.journal.append(changes=[change])

    def _keep_all(self, changes: Sequence[Change]) -> None:
        """In one commit."""
        self.journal.append(changes=changes)

    @property
    def connection_timeout_s(self) -> float:
        return self.number("TxCtrlr.EVConnectionTimeOut", self.settings.authorization.connection_timeout_s)

    @property
    def sample_interval_s(self) -> float:
        """Between periodic samples; 0 = none."""
        default = self.settings.ocpp.meter_interval_s if self.settings.ocpp is not None else 60.0
        return self._if_sampled(self.number("SampledDataCtrlr.TxUpdatedInterval", default))

    def _if_sampled(self, interval_s: float) -> float:
        return interval_s if self.flag("SampledDataCtrlr.Enabled", True) else 0.0

    @property
    def ended_interval_s(self) -> float:
        """Between samples that are kept for a transaction's last event; 0 = none."""
        return self._if_sampled(self.number("SampledDataCtrlr.TxEndedInterval", 0.0))

    @property
    def start_points(self) -> frozenset[str]:
        """What begins a transaction, whichever comes first."""
        return self._members("TxCtrlr.TxStartPoint", "PowerPathClosed")

    @property
    def stop_points(self) -> frozenset[str]:
        """What ends a transaction when it is no longer so."""
        return self._members("TxCtrlr.TxStopPoint", "EVConnected,Authorized")

    @property
    def waits_for_replug(self) -> bool:
        """Does a transaction outlive its plug (StopTxOnEVSideDisconnect off, no stop point about the plug)?"""
        stops = self.flag("TxCtrlr.StopTxOnEVSideDisconnect", True)
        return not stops and not self.stop_points & {"EVConnected", "PowerPathClosed"}

    @property
    def frees_cables(self) -> bool:
        """Is a cable unlocked when the car's end of it is pulled, or only for its owner (E09.FR.02, FR.03)?"""
        return self.flag("OCPPCommCtrlr.UnlockOnEVSideDisconnect", True)

    @property
    def stops_invalid(self) -> bool:
        """Does a token that turns out to be no good end its transaction (or only the energy)?"""
        return self.flag("TxCtrlr.StopTxOnInvalidId", True)

    def _members(self, name: str, default: str) -> frozenset[str]:
        return frozenset(each.strip() for each in self.variable(name, default).split(",") if each.strip())
