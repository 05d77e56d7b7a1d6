"""What a back office may ask of the station's energy management, whatever protocol it speaks: the seam to `energy`.

Only words and their meaning; the rules are in firmware/energy. A station without it answers that it has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from firmware.station.charging_profile import Installed, LimitSource, Period, Profile, Purpose, RateUnit
from firmware.station.schedule import Planner

#: Whose rules a profile is held to: 1.6 replaces where 2.x refuses, and leaves more unsaid.
Edition = Literal["1.6", "2.0.1", "2.1"]


class Refusal(NamedTuple):
    """Why not: `code` is a reason code of OCPP 2.1 appendix 5, `text` tells people."""

    code: str
    text: str


@dataclass(frozen=True)
class Criteria:
    """Which profiles: every field that is given must match, None or () matches all. Ids exclude the rest (K10.FR.03,
    1.6 errata 3.26)."""

    ids: tuple[int, ...] = ()
    evse: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None
    sources: tuple[LimitSource, ...] = ()

    def match(self, installed: Installed) -> bool:
        profile = installed.profile
        if self.ids:
            return profile.id in self.ids
        return (
            self.evse in {None, installed.evse}
            and self.purpose in {None, profile.purpose}
            and self.stack_level in {None, profile.stack_level}
            and (not self.sources or installed.source in self.sources)
        )


class Row(NamedTuple):
    """A period as a back office is told it: whole seconds, a limit in the unit asked for."""

    start_s: int
    limit: float
    phases: int
    phase_to_use: int | None


@dataclass(frozen=True)
class CompositeSchedule:
    """The answer to GetCompositeSchedule. `start` UTC s; rows are never empty, the first begins at 0."""

    evse: int
    start: float
    duration_s: int
    unit: RateUnit
    rows: tuple[Row, ...]


class SmartCharging(Protocol):
    """Charging profiles of one station. EVSE 0 is the station as a whole. Nothing here waits or raises."""

    @property
    def enabled(self) -> bool:
        """SmartChargingCtrlr.Enabled: while false, everything here is refused (K01.FR.29: answer NotSupported)."""
        ...

    def install(self, evse: int, profile: Profile, edition: Edition) -> Refusal | None:
        """SetChargingProfile (K01). None = accepted, and in force."""
        ...

    def check_for_start(self, evse: int | None, profile: Profile, edition: Edition) -> Refusal | None:
        """May a remote start bring this profile (K05)? Ask before the start is accepted."""
        ...

    def begin_with(self, remote_start_id: int, profile: Profile) -> None:
        """Install it when the transaction of that remote start begins; call it before the start is carried out. 1.6 has
        no such id on the wire: the dialect gives one of its own to StartTransaction."""
        ...

    def clear(self, criteria: Criteria) -> int:
        """ClearChargingProfile (K10): how many went; 0 = answer Unknown. External limits stay."""
        ...

    def installed(self, criteria: Criteria) -> Sequence[Installed]:
        """GetChargingProfiles (K09): what matches, by EVSE and stack level."""
        ...

    def composite(
        self, evse: int, duration_s: int, unit: RateUnit | None, decimals: int = 1
    ) -> CompositeSchedule | Refusal:
        """GetCompositeSchedule (K08), from now on. `unit` None: the first of SmartChargingCtrlr.RateUnit."""
        ...

    def update_dynamic(self, profile_id: int, values: Period) -> Refusal | None:
        """UpdateDynamicSchedule, and the answer to PullDynamicScheduleUpdate (K28): what `values` say replaces."""
        ...

    def use_priority(self, transaction_id: str, on: bool) -> Literal["Accepted", "Rejected", "NoProfile"]:
        """UsePriorityCharging (K21)."""
        ...

    def set_external(
        self,
        source: LimitSource,
        periods: Sequence[Period],
        unit: RateUnit,
        *,
        evse: int = 0,
        duration_s: float | None = None,
        grid_critical: bool | None = None,
    ) -> Refusal | None:
        """An energy manager or grid operator limits the station, or one EVSE, from now on (K11, K12); one limit per
        source and EVSE. The facts ChargingLimit follow, and ChargingRateChanged events of transactions."""
        ...

    def clear_external(self, source: LimitSource, *, evse: int = 0) -> bool:
        """The limit is lifted (K13). False: there was none."""
        ...

    def planner(self, evse: int) -> Planner:
        """For the car's protocol at this EVSE."""
        ...

    def needs_answered(self, evse: int, status: str) -> None:
        """What the back office answered to EvChargingNeeds: Accepted, Rejected, Processing (K15.FR.03-05), or 2.1's
        NoChargingProfile; "" = no answer came. The dialect sets `station.smart_charging_by_needs`."""
        ...
