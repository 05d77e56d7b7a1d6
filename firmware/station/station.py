"""The station: its EVSEs, the guard, the journal; takes commands, emits facts. Knows no protocol."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from firmware.config import Settings
from firmware.station.authorization import BackOffice, Verdict
from firmware.station.clock import Clock, SystemClock
from firmware.station.evse import Evse
from firmware.station.facts import AnyFact, Command, ConnectorStatus, IdToken, Outcome
from firmware.station.guard_client import GuardClient
from firmware.station.journal import Journal
from firmware.station.signal import Signal


class Station:
    """What readers of facts and givers of commands hold on to."""

    def __init__(self, settings: Settings, clock: Clock, guard: GuardClient, journal: Journal) -> None:
        self.settings = settings
        self.clock = clock
        self.guard = guard
        self.journal = journal
        self.evses = {each.id: Evse(each) for each in settings.evse}
        self.changed = Signal()
        self.back_office: BackOffice | None = None
        self.ready = asyncio.Event()
        self.reset_wanted: str | None = None
        self._readers: dict[object, Callable[[AnyFact], None]] = {}

    def subscribe(self, reader: Callable[[AnyFact], None]) -> Callable[[], None]:
        """Hand every fact to `reader`, durable ones after their commit; returns the function that ends it."""
        key = object()
        self._readers[key] = reader
        return lambda: self._readers.pop(key, None) and None

    def emit(self, fact: AnyFact) -> None:
        """Something happened."""
        for reader in tuple(self._readers.values()):
            reader(fact)

    async def do(self, command: Command) -> Outcome:
        """Carry out a command. Never raises for what a command asks: the outcome says why not."""
        raise NotImplementedError

    async def run(self) -> None:
        """Serve until cancelled, shut down or reset."""
        raise NotImplementedError

    def shutdown(self) -> None:
        """End run() cleanly; open transactions stay open and are resumed at the next start."""
        raise NotImplementedError

    def token_verdict(self, id_token: IdToken, verdict: Verdict, transaction_id: str | None = None) -> None:
        """What the back office said later about a token that already charges."""
        raise NotImplementedError

    def clear_cache(self) -> bool:
        """Forget all cached tokens. False where there is no cache."""
        raise NotImplementedError

    def variable(self, name: str, default: str = "") -> str:
        raise NotImplementedError

    def set_variable(self, name: str, value: str) -> None:
        raise NotImplementedError

    def statuses(self) -> list[ConnectorStatus]:
        """The present status of every connector."""
        raise NotImplementedError


def build_station(settings: Settings, clock: Clock | None = None) -> Station:
    """Put the parts together; nothing is opened before run()."""
    return Station(
        settings,
        clock if clock is not None else SystemClock(),
        GuardClient(Path(settings.station.guard_socket)),
        Journal(settings.storage / "journal.sqlite"),
    )
