"""How a session ended, as its script tells the link: the outcome, the reason, and what a paused one needs later."""

from dataclasses import dataclass

import msgspec

from firmware.v2g.evse_link import Session


@dataclass(frozen=True)
class Resume:
    """What a paused session must offer again [V2G2-740, -741], and to which car. `payment`: PaymentOption in the
    protocol's words; `evccid` in hex, "" = of whatever car."""

    session_id: bytes
    sa_schedule_tuple_id: int
    payment: str = "ExternalPayment"
    evccid: str = ""

    def belongs_to(self, session_id: bytes, evccid: str) -> bool:
        """The standard asks for no more than the session's id; one that another car overheard must not let it charge
        on the first one's account."""
        return session_id == self.session_id and self.evccid in {"", evccid}

    def written(self) -> str:
        """For the disk."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, text: str) -> "Resume | None":
        """What `written` made; None where it is something else."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError:
            return None


@dataclass(frozen=True)
class Ending:
    """`reason` is for people."""

    outcome: Session
    reason: str
    resume: Resume | None = None
