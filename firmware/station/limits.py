"""What an EVSE may draw and who said so, and one current budget shared by several EVSEs.

Pure: time is an argument. Who calls with which bounds is the station's business.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """What may be drawn now, in A per phase, and who set it."""

    amps: float
    source: str
