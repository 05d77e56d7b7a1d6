"""Prices and costs for drivers over OCPP 1.6, inside DataTransfer (OCA note "OCPP 1.6 and California Pricing
Requirements": SetUserPrice, RunningCost, FinalCost). Shown as those of 2.x are; prices that change later, and meter
values on a trigger, are not followed.
"""

from typing import Final, TypeVar

import msgspec

from firmware.ocpp.cost import CostDesk
from firmware.station.authorization import same_token
from firmware.station.data_transfer import Transferred
from firmware.station.facts import IdToken, Transaction
from firmware.station.station import Station

VENDOR: Final = "org.openchargealliance.costmsg"
T = TypeVar("T")

_REMEMBERED: Final = 32  # transactions: the final cost comes after the end


class UserPrice(msgspec.Struct, frozen=True, rename="camel"):
    id_token: str
    price_text: str


class RunningCost(msgspec.Struct, frozen=True, rename="camel"):
    transaction_id: int
    cost: float


class FinalCost(msgspec.Struct, frozen=True, rename="camel"):
    transaction_id: int
    cost: float
    price_text: str = ""


class Pricing:
    """Serves the three messages of one station."""

    def __init__(self, station: Station, cost: CostDesk) -> None:
        self._station = station
        self._cost = cost
        self._names: dict[int, tuple[str, int]] = {}  # number given by the central system -> transaction, EVSE
        for message, server in (
            ("SetUserPrice", self._user_price),
            ("RunningCost", self._running_cost),
            ("FinalCost", self._final_cost),
        ):
            station.data_transfers.serve(VENDOR, message, server)

    def named(self, fact: Transaction, number: str) -> None:
        """The central system gave a transaction its number."""
        self._names[int(number)] = fact.transaction_id, fact.evse
        while len(self._names) > _REMEMBERED:
            del self._names[next(iter(self._names))]

    async def _user_price(self, data: object) -> Transferred:
        """For who is at an EVSE now, with or without a plug."""
        said = _read(data, UserPrice)
        if said is None:
            return Transferred("Rejected")
        token = IdToken(said.id_token)
        here = [evse for evse in self._station.evses.values() if same_token(evse.id_token, token)]
        for evse in here:
            self._cost.displayed.tell(evse.id, evse.transaction_id or "", tariff=said.price_text)
        return Transferred("Accepted" if here else "Rejected")

    async def _running_cost(self, data: object) -> Transferred:
        said = _read(data, RunningCost)
        known = self._names.get(said.transaction_id) if said is not None else None
        if said is None or known is None or not self._cost.updated(known[0], said.cost):
            return Transferred("Rejected")
        return Transferred("Accepted")

    async def _final_cost(self, data: object) -> Transferred:
        said = _read(data, FinalCost)
        known = self._names.get(said.transaction_id) if said is not None else None
        if said is None or known is None:
            return Transferred("Rejected")
        self._cost.displayed.tell(known[1], known[0], cost=said.cost, final=True, text=said.price_text)
        return Transferred("Accepted")


def _read(data: object, kind: type[T]) -> T | None:
    """None for what is no such message."""
    try:
        return msgspec.json.decode(data, type=kind) if isinstance(data, str) else None
    except msgspec.MsgspecError:
        return None
