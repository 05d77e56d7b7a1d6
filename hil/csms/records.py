"""What the back office remembers, in OCPP 2.x terms for both versions: stations, tokens, transactions.

It is strict where a station could cheat: a transaction's events must come without gaps, and a repeated one must be the
same as before.
"""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from hil.contract_office import ContractOffice

JsonObject = dict[str, Any]
ROUNDING_WH = 0.5


@dataclass
class Transaction:
    """One transaction. Energy in Wh as the station reported it; `faults`: what a careful CSMS would complain of."""

    id: str
    station: str
    evse: int
    id_token: str | None = None
    started_at: str = ""
    ended_at: str | None = None
    meter_start_wh: float | None = None
    meter_last_wh: float | None = None
    stopped_reason: str | None = None
    charging_state: str | None = None
    events: list[JsonObject] = field(default_factory=list)
    repeats: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def energy_wh(self) -> float | None:
        if self.meter_start_wh is None or self.meter_last_wh is None:
            return None
        return self.meter_last_wh - self.meter_start_wh

    def began_with(self, energy_wh: float) -> None:
        """The first reading, however often it is told."""
        if self.meter_start_wh is None:
            self.meter(energy_wh)
        elif energy_wh != self.meter_start_wh:
            self.faults.append(f"began with {self.meter_start_wh} Wh, says {energy_wh} Wh now")

    def meter(self, energy_wh: float) -> None:
        """One reading of the energy register."""
        if self.meter_start_wh is None:
            self.meter_start_wh = energy_wh
        last = self.meter_last_wh
        # meterStart of OCPP 1.6 has whole Wh, the samples after it may have decimals
        rounded = last is not None and last == int(last) and last - energy_wh <= ROUNDING_WH
        if last is not None and energy_wh < last and not rounded:
            self.faults.append(f"energy went back from {last} to {energy_wh} Wh")
        self.meter_last_wh = energy_wh

    def event(self, event: JsonObject) -> None:
        """One TransactionEvent, checked against those before it."""
        before = [known for known in self.events if known["seqNo"] == event["seqNo"]]
        if before:
            self.repeats += 1
            if before[0] != event:
                self.faults.append(f"two different events with seqNo {event['seqNo']}")
            return
        if event["seqNo"] != len(self.events):
            self.faults.append(f"seqNo {event['seqNo']} where {len(self.events)} is next")
        if (event["eventType"] == "Started") != (not self.events):
            self.faults.append(f"{event['eventType']} as event {len(self.events)}")
        self.events.append(event)

    def summary(self) -> JsonObject:
        """For `status`: all but the raw events."""
        told = asdict(self) | {"energy_wh": self.energy_wh}
        told["events"] = [f"{event['seqNo']} {event['eventType']} {event['triggerReason']}" for event in self.events]
        return told


@dataclass
class Records:
    """`tokens` None accepts every token."""

    tokens: set[str] | None = None
    contracts: ContractOffice | None = None  # who knows cars' contracts; None = nobody here
    boot_status: str = "Accepted"
    told: dict[str, list[JsonObject]] = field(default_factory=dict)  # answers to give instead, by action, one by one
    heartbeat_s: int = 300
    plans: dict[str, int] = field(default_factory=dict)  # transaction -> id of the charging profile made for its car
    stations: dict[str, JsonObject] = field(default_factory=dict)
    connectors: dict[str, JsonObject] = field(default_factory=dict)
    transactions: dict[str, Transaction] = field(default_factory=dict)

    def token_status(self, token: str) -> str:
        """AuthorizationStatus of a token, in the words of both versions."""
        if self.tokens is None or token in self.tokens or (self.contracts is not None and self.contracts.knows(token)):
            return "Accepted"
        return "Invalid"

    def transaction(self, identity: str, station: str, evse: int) -> Transaction:
        """The transaction of this id; a new one where it is unknown."""
        return self.transactions.setdefault(identity, Transaction(identity, station, evse))

    def running(self, station: str, evse: int | None = None) -> list[Transaction]:
        """Transactions that have not ended."""
        return [
            each
            for each in self.transactions.values()
            if each.station == station and each.ended_at is None and evse in {None, each.evse}
        ]

    def summary(self) -> JsonObject:
        return {
            "stations": self.stations,
            "connectors": self.connectors,
            "transactions": [each.summary() for each in self.transactions.values()],
        }


def now_text() -> str:
    """The time as OCPP wants it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
