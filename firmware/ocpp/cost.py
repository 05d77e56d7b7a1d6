"""What a back office says of tariff and cost, told to the driver: running cost and total (I02, I03), the tariff and its
updates (I01, I06), and what stands instead while it cannot say (I04, I05). 2.0.1 part 2, block I."""

from collections.abc import Callable

from firmware.ocpp.device_model import DeviceModel
from firmware.station.displayed import KEPT_AS, Displayed, Told
from firmware.station.facts import AnyFact, Authorized, DriverTold, Transaction
from firmware.station.station import Station


class CostDesk:
    """Listens to facts and to the answers to them."""

    def __init__(self, station: Station, model: DeviceModel) -> None:
        self._station = station
        self._model = model
        self.fallback: Callable[[int], str] = lambda evse: ""  # the price at an EVSE for who has none of their own
        self._greetings: dict[int, str] = {}  # by EVSE: the personal message of a token that begins nothing yet
        self.displayed = Displayed(
            lambda text: station.set_variable(KEPT_AS, text), station.clock.utc, self._tell_station
        )

        self.displayed.standing = self._standing
        self.displayed.default_language = lambda: model.text("DisplayMessageCtrlr.Language")

    def _standing(self, evse: int) -> str:
        """The price for whoever comes (I04.FR.01)."""
        if not self._on("Tariff"):
            return ""
        return self.fallback(evse) or self._model.text("TariffCostCtrlr.TariffFallbackMessage")

    def greet(self, evse: int, text: str) -> None:
        """Who was authorised at this EVSE is told this when charging begins."""
        self._greetings[evse] = text

    def load(self) -> None:
        """What the last life kept; the station is ready."""
        self.displayed.load(self._station.variable(KEPT_AS))

    def on_fact(self, fact: AnyFact) -> None:
        match fact:
            case Authorized(accepted=True):
                self._greetings[fact.evse] = fact.reason
                self.displayed.speak(fact.evse, fact.language)
            case Transaction(kind="Started"):
                tariff = self._greetings.pop(fact.evse, "") or self._standing(fact.evse)
                self._tell(fact, "Tariff", tariff=tariff)  # I01.FR.03, I04.FR.01
            case Transaction(kind="Ended"):
                self.displayed.transaction_ended(fact.transaction_id)
                if fact.offline:  # I05.FR.02
                    text = self._model.text("TariffCostCtrlr.TotalCostFallbackMessage")
                    self._tell(fact, "Cost", text=text, final=True)

    def on_answer(self, fact: AnyFact, cost: float | None, tariff: str) -> None:
        """I02.FR.04, I03.FR.03, I06.FR.03; a total that comes after an end off line is told all the same."""
        if not isinstance(fact, Transaction):
            return
        if cost is not None:
            self._tell(fact, "Cost", cost=cost, final=fact.kind == "Ended", text="")
        if tariff:
            self._tell(fact, "Tariff", tariff=tariff)

    def updated(self, transaction_id: str, cost: float) -> bool:
        """CostUpdated (I02.FR.03). False: no such transaction runs."""
        evse = self._station.by_transaction(transaction_id)
        if evse is None:
            return False
        if self._on("Cost"):
            self.displayed.tell(evse.id, transaction_id, cost=cost)
        return True

    def _tell(self, fact: Transaction, what: str, **news: object) -> None:
        known = self.displayed.told(fact.evse)
        older = known is not None and known.transaction_id != fact.transaction_id and fact.kind != "Started"
        if self._on(what) and not older:  # the next driver does not care for the last one's cost
            self.displayed.tell(fact.evse, fact.transaction_id, **news)

    def _on(self, what: str) -> bool:
        return self._model.text(f"TariffCostCtrlr.Enabled[{what}]") == "true"

    def _tell_station(self, told: Told) -> None:
        clock = self._station.clock
        self._station.emit(
            DriverTold(
                at=clock.utc(),
                mono=clock.mono(),
                clock_synced=clock.synced,
                evse=told.evse,
                transaction_id=told.transaction_id,
                tariff=told.tariff,
                cost=told.cost,
                currency=self._model.text("TariffCostCtrlr.Currency") if told.cost is not None else "",
                final=told.final,
                text=told.text,
            )
        )
