"""A car's whole digital session: the handshake, then the story of the protocol that the station chose."""

from collections.abc import Sequence

from hil.cars import din, iso2
from hil.cars.contract import Wallet
from hil.cars.secc import Secc
from hil.cars.trip import Trip
from hil.cars.vehicle import Vehicle
from hil.cars.wish import DIN, ISO2, Wish


async def charge(
    secc: Secc, car: Vehicle, wish: Wish, protocols: Sequence[str] = (ISO2,), wallet: Wallet | None = None
) -> str:
    """Returns why it ended. Raises SessionFailed. However it ends, S2 and the DC relay are open afterwards."""
    try:
        if await secc.agree(protocols) == DIN:
            return await din.charge(secc, car, wish)
        return await iso2.charge(Trip(secc, car, wish, wallet))
    finally:
        car.let_go()
