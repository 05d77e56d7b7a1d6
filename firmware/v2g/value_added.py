"""A service besides charging, as a provider describes it and a car may choose it (ISO 15118 value-added services).

What the service does is its provider's; a session only shows it, checks the car's choice and says when it is over.
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

CERTIFICATE_ID: Final = 2  # ISO 15118-2 Table 105: contract certificates over this connection
INTERNET_ID: Final = 3
USE_CASE_ID: Final = 4  # information on the car's use case

Category = Literal["Internet", "ContractCertificate", "OtherCustom"]
Value = bool | int | str


@dataclass(frozen=True)
class ParameterSet:
    """One way to use a service: an id and named values."""

    id: int
    parameters: tuple[tuple[str, Value], ...]


class ValueAddedService(Protocol):
    """One service. `scope`: free text that a car may ask for; `needs_contract`: only for who pays by contract."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def category(self) -> Category: ...
    @property
    def scope(self) -> str: ...
    @property
    def free(self) -> bool: ...
    @property
    def needs_contract(self) -> bool: ...
    @property
    def parameter_sets(self) -> tuple[ParameterSet, ...]: ...

    def begin(self, parameter_set: int | None) -> None:
        """The car chose it, with one of its parameter sets (None where it has none)."""

    def end(self) -> None:
        """The session is over. Also called when it never began."""


@dataclass(frozen=True)
class CertificateService:
    """Contract certificates installed (set 1) and updated (set 2) by the car's own messages: nothing to begin."""

    id: int = CERTIFICATE_ID
    name: str = "Certificate"
    category: Category = "ContractCertificate"
    scope: str = ""
    free: bool = True
    needs_contract: bool = True
    parameter_sets: tuple[ParameterSet, ...] = (
        ParameterSet(1, (("Service", "Installation"),)),
        ParameterSet(2, (("Service", "Update"),)),
    )

    def begin(self, parameter_set: int | None) -> None:
        """The messages are the service."""

    def end(self) -> None:
        """Nothing to take down."""


INTERNET_PORTS: Final = {1: ("ftp", 20), 2: ("ftp", 21), 3: ("http", 80), 4: ("https", 443)}  # ISO 15118-2 Table 106


def internet_sets(ports: frozenset[int]) -> tuple[ParameterSet, ...]:
    """The parameter sets of an internet service that forwards these ports."""
    return tuple(
        ParameterSet(number, (("Protocol", protocol), ("Port", port)))
        for number, (protocol, port) in INTERNET_PORTS.items()
        if port in ports
    )
