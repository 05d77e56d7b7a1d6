"""What a driver and a car want of a session, as data; and when they have it."""

from dataclasses import dataclass
from typing import Final, Literal

from hil.cars.vehicle import Vehicle
from hil.plant.battery import TAPER_FROM_PERCENT

DIN: Final = "din"
ISO2: Final = "iso2"
PROTOCOLS: Final = (ISO2, DIN)  # what the cars here speak, best first
ONGOING_S: Final = 60.0  # V2G_EVCC_Ongoing_Timeout, ISO 15118-2 Table 111
ONGOING_PACE_S: Final = 0.2  # between two requests while the station answers Ongoing
CABLE_CHECK_S: Final = 40.0  # V2G_EVCC_CableCheck_Timeout
PRECHARGE_S: Final = 7.0  # V2G_EVCC_PreCharge_Timeout
WELDING_S: Final = 10.0  # as long as we look at the voltage after the stop
NEAR_V: Final = 20.0  # a car closes its relay within this of its battery (IEC 61851-23 CC.5.1)
SAFE_V: Final = 60.0
RAMP_S: Final = 5.0  # as long as the car waits for its current to go away
RAMP_PACE_S: Final = 0.05
LITTLE_A: Final = 1.0
PRECHARGE_A: Final = 2.0
ABOVE_BATTERY_V: Final = 60.0  # what a DC car asks for: more than it has, so that the current limit leads


@dataclass(frozen=True)
class Wish:
    """The first of energy (Wh), state of charge (%) and time (s) to be reached ends it. Currents in A."""

    energy: Literal["ac", "dc"] = "ac"
    payment: Literal["eim", "contract"] = "eim"
    install: Literal["", "install", "update"] = ""  # a contract certificate, before the contract is used
    extended: bool = False  # -2 DC: asks for DC_extended instead of DC_core
    energy_wh: float = 20_000.0
    soc_percent: float = 100.0
    seconds: float = 86_400.0
    max_current_a: float = 16.0
    min_current_a: float = 6.0
    max_voltage_v: float = 500.0  # DC
    phases: int = 3
    departure_s: int | None = None
    evccid: bytes = bytes.fromhex("02c0ffee0001")
    patience_s: float = ONGOING_S  # for the card
    pace_s: float = 1.0  # between two requests of the charging loop
    renegotiate_after_s: float | None = None  # the car's own wish for a new schedule, once
    pause: bool = False  # end with SessionStop(Pause)

    def reached(self, car: Vehicle, elapsed_s: float) -> str:
        """Why the car has enough, "" while it has not."""
        if car.told:
            return f"told to {car.told}"
        if car.charged_wh >= self.energy_wh:
            return "energy reached"
        if car.soc_percent >= self.soc_percent:
            return "state of charge reached"
        return "time is up" if elapsed_s >= self.seconds else ""

    def demand_a(self, soc_percent: float) -> float:
        """What a DC car asks for: everything up to 80 %, then less and less."""
        room = (100.0 - soc_percent) / (100.0 - TAPER_FROM_PERCENT)
        return self.max_current_a * min(1.0, max(0.05, room))
