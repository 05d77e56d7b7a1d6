"""May this token charge? Free mode, back office, local list, cache, and the rules while the back office is away.

Says yes or no with a reason; what follows from it (starting, stopping) is the station's.
"""

from dataclasses import dataclass
from typing import Protocol

from firmware.station.facts import IdToken


class Unreachable(Exception):
    """The back office did not answer: the offline rules apply."""


@dataclass(frozen=True)
class Verdict:
    """Answer to "may this token charge?". `status`: AuthorizationStatusEnumType; `expiry`: UTC seconds."""

    status: str = "Accepted"
    group: IdToken | None = None
    expiry: float | None = None
    reason: str = ""
    source: str = "csms"

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


class BackOffice(Protocol):
    """What the station needs of a back office, whatever protocol it speaks."""

    @property
    def connected(self) -> bool: ...

    async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
        """Ask whether the token may charge at this EVSE. Raises Unreachable."""
        ...
