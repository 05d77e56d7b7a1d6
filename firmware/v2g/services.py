"""Services besides charging that an operator configures: internet access and information on the car's use case.

`value_added` says what a service is to a session. The way to the internet itself (addresses, routing, its firewall) is
the operator's; we tell it which ports the car chose, and when the car is gone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from firmware.config import UseCaseSettings, V2gSettings
from firmware.v2g.value_added import (
    INTERNET_ID,
    INTERNET_PORTS,
    USE_CASE_ID,
    Category,
    ParameterSet,
    ValueAddedService,
    internet_sets,
)

log = logging.getLogger(__name__)

GATE_S: Final = 10.0  # the gate's command may take so long; then it is killed


class Gate:
    """The operator's command that lets a car out: `COMMAND INTERFACE open PORT`, `COMMAND INTERFACE close` (all ports).
    Calls never overlap and keep their order; what fails is logged, charging goes on."""

    def __init__(self, command: Sequence[str], interface: str) -> None:
        self._command = (*command, interface)
        self._last: asyncio.Task[None] | None = None

    def __call__(self, *words: str) -> None:
        """Returns at once. Needs a running event loop."""
        self._last = asyncio.ensure_future(self._run(words, self._last))

    async def _run(self, words: tuple[str, ...], before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait((before,))
        said = " ".join((*self._command, *words))
        quiet = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, *words, stdin=quiet, stdout=quiet, stderr=quiet
            )
        except OSError as error:
            log.warning("internet for the car: %s: %s", said, error)
            return
        try:
            code = await asyncio.wait_for(process.wait(), GATE_S)
        except TimeoutError:
            log.warning("internet for the car: %s took longer than %g s", said, GATE_S)
        else:
            if code != 0:
                log.warning("internet for the car: %s ended with %d", said, code)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


@dataclass
class InternetService:
    """ISO 15118-2 Table 106. `gate`: hears ("open", port) for what the car chose and ("close",) in the end; None: the
    interface's router lets cars out always."""

    ports: frozenset[int]
    gate: Callable[..., None] | None = None
    id: int = INTERNET_ID
    name: str = "Internet"
    category: Category = "Internet"
    scope: str = ""
    free: bool = True
    needs_contract: bool = False
    _open: set[int] = field(default_factory=set)

    @property
    def parameter_sets(self) -> tuple[ParameterSet, ...]:
        return internet_sets(self.ports)

    def begin(self, parameter_set: int | None) -> None:
        """One port, or all that are offered to a car that named none."""
        chosen = self.ports if parameter_set is None else {INTERNET_PORTS[parameter_set][1]}
        for port in sorted(chosen - self._open):
            log.info("the car uses the internet, port %d", port)
            if self.gate is not None:
                self.gate("open", str(port))
        self._open |= chosen

    def end(self) -> None:
        if self._open and self.gate is not None:
            self.gate("close")
        self._open.clear()


@dataclass(frozen=True)
class UseCaseService:
    """What the operator tells cars of the use case (a depot's line, VDV 261): the values are the service."""

    settings: UseCaseSettings
    id: int = USE_CASE_ID
    category: Category = "OtherCustom"
    free: bool = True
    needs_contract: bool = False

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def scope(self) -> str:
        return self.settings.scope

    @property
    def parameter_sets(self) -> tuple[ParameterSet, ...]:
        return (ParameterSet(1, tuple(self.settings.parameters.items())),)

    def begin(self, parameter_set: int | None) -> None:
        log.info("the car uses %s", self.name)

    def end(self) -> None:
        """Nothing to take down."""


def configured(settings: V2gSettings) -> tuple[ValueAddedService, ...]:
    """What [[v2g]] offers besides charging, none by default."""
    found: list[ValueAddedService] = []
    ports = frozenset(port for protocol, port in INTERNET_PORTS.values() if protocol in settings.internet)
    if ports:
        gate = Gate(settings.internet_gate, settings.interface) if settings.internet_gate else None
        found.append(InternetService(ports, gate))
    if settings.use_case is not None:
        found.append(UseCaseService(settings.use_case))
    return tuple(found)
