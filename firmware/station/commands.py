"""What the station may be asked to do, in OCPP 2.x terms: by a back office, the panel, the rig, a driver at a reader.

How each is carried out is `carrying_out`'s.
"""

import msgspec

from firmware.station.facts import IdToken


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Base of every command; `by` says who asks: csms, local, rig, panel."""

    by: str = "csms"


class StartTransaction(Command, frozen=True, kw_only=True, tag="start"):
    """evse None = any that fits."""

    id_token: IdToken
    evse: int | None = None
    remote_start_id: int | None = None
    limit_a: float | None = None
    group: IdToken | None = None


class StopTransaction(Command, frozen=True, kw_only=True, tag="stop"):
    transaction_id: str
    reason: str = "Remote"


class Reserve(Command, frozen=True, kw_only=True, tag="reserve"):
    """Keep an EVSE for a token until `expiry` (UTC s). evse None = any, with a plug of `connector_type` if one is
    named (ConnectorEnumType). Outcome: Accepted, Faulted, Occupied, Unavailable, Rejected."""

    reservation_id: int
    id_token: IdToken
    expiry: float
    group: IdToken | None = None
    evse: int | None = None
    connector_type: str | None = None


class CancelReservation(Command, frozen=True, kw_only=True, tag="cancel_reservation"):
    reservation_id: int


class Unlock(Command, frozen=True, kw_only=True, tag="unlock"):
    """connector None = the one in use."""

    evse: int
    connector: int | None = None


class SetAvailability(Command, frozen=True, kw_only=True, tag="availability"):
    """evse None = the whole station."""

    operative: bool
    evse: int | None = None
    connector: int | None = None


class SetLimit(Command, frozen=True, kw_only=True, tag="limit"):
    """An upper bound from `source`; limit None lifts it. evse None = the station's shared budget."""

    source: str
    limit_a: float | None
    evse: int | None = None


class Reset(Command, frozen=True, kw_only=True, tag="reset"):
    immediate: bool
    evse: int | None = None


class SwipeToken(Command, frozen=True, kw_only=True, tag="swipe"):
    """A token was presented at a reader (evse 0 = the station's)."""

    id_token: IdToken
    evse: int = 0


class IdentifyCar(Command, frozen=True, kw_only=True, tag="identify_car"):
    """A car at this EVSE is its own token (autocharge)."""

    id_token: IdToken
    evse: int


class ClearFault(Command, frozen=True, kw_only=True, tag="clear_fault"):
    evse: int
    code: str


class Outcome(msgspec.Struct, frozen=True):
    """Answer to a command. `status` in OCPP words (Accepted, Rejected, Scheduled, Unlocked, UnlockFailed, ...),
    `reason` always tells people why when it is no plain yes."""

    status: str
    reason: str = ""
    transaction_id: str | None = None
    code: str = ""  # the reason in OCPP's word (2.0.1 part 2 appendix 5), "" = Other

    @property
    def accepted(self) -> bool:
        return self.status in {"Accepted", "Scheduled", "Unlocked"}
