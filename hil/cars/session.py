"""A car's whole digital session: the handshake, then the story of the protocol that the station chose."""

from collections.abc import Sequence

from hil.cars import din, iso2
from hil.cars.contract import Wallet
from hil.cars.line import SessionFailed
from hil.cars.misbehaviour import Misbehaved
from hil.cars.secc import Secc
from hil.cars.trip import Trip
from hil.cars.vehicle import Vehicle
from hil.cars.wish import DIN, ISO2, Wish


async def charge(
    secc: Secc, car: Vehicle, wish: Wish, protocols: Sequence[str] = (ISO2,), wallet: Wallet | None = None
) -> str:
    """Returns why it ended. Raises SessionFailed; Misbehaved when that is what the car was to do.

    However it ends, S2 and the DC relay are open afterwards.
    """
    try:
        if await secc.agree(protocols) == DIN:
            return await din.charge(secc, car, wish)
        return await iso2.charge(Trip(secc, car, wish, wallet))
    except SessionFailed as error:
        if secc.struck and not isinstance(error, Misbehaved):
            raise Misbehaved(f"{secc.struck}: {error}") from error
        raise
    finally:
        car.let_go()
