"""What one EVSE wants from its connector, as a pure step: pilot, grant, lock, light.

The rules of basic charging (IEC 61851-1) and of digital communication meet here. Safety is not decided here: the
guard refuses what it thinks unsafe. Sending the wishes is `evse`'s.
"""

from dataclasses import dataclass

from hal.contracts import PilotOutput


@dataclass(frozen=True)
class Digital:
    """What the car's protocol (v2g) wants while it owns the pilot; None in its place = the rules of basic charging."""

    pilot: PilotOutput
    energise: bool
    protocol: str = ""
    evccid: str = ""
    soc_percent: float | None = None
    status: str = ""  # for "why is it not charging?"
