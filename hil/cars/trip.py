"""One visit of a car at a station: whom it talks to, its body, its wish, its certificates. And what an AC or a DC car
does at the points where their ISO 15118-2 sessions differ."""

from dataclasses import dataclass
from typing import Protocol

from firmware.v2g.messages.iso2 import ChargeParameterDiscoveryRes, EvChargeParameter, ProfileEntry
from hil.cars.contract import Wallet
from hil.cars.secc import Secc
from hil.cars.vehicle import Vehicle
from hil.cars.wish import Wish


@dataclass(frozen=True)
class Trip:
    """`wallet`: for a car with a contract."""

    secc: Secc
    car: Vehicle
    wish: Wish
    wallet: Wallet | None = None


@dataclass(frozen=True)
class Accepted:
    """A schedule of the station's that the car follows, and the answer it came with."""

    schedule: int
    profile: tuple[ProfileEntry, ...]
    parameters: ChargeParameterDiscoveryRes


class Story(Protocol):
    """`iso2_ac` or `iso2_dc`."""

    def charge_parameters(self, trip: Trip) -> EvChargeParameter:
        """What the car can take and still wants."""

    async def start(self, trip: Trip, accepted: Accepted) -> None:
        """From the schedule to power at the inlet."""

    async def transfer(self, trip: Trip, started: float, renegotiate_after: float | None) -> str:
        """The charging loop; returns why it is over."""

    async def prepare_renegotiation(self, trip: Trip) -> None:
        """What comes before PowerDelivery(Renegotiate)."""

    async def stop(self, trip: Trip, accepted: Accepted) -> None:
        """From the loop to a car without power, S2 open."""
