"""What a back office may ask of the station's software update, whatever protocol it speaks: the seam to
`firmware/update`. OCPP 2.0.1 part 2, L01 and L02. Progress is told by facts (FirmwareStatus).
"""

from typing import Literal, NamedTuple, Protocol

import msgspec

UpdateStatus = Literal["Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"]


class UpdateOrder(msgspec.Struct, frozen=True):
    """Where the new software is, and when to fetch and install it (UTC s; install None = as soon as possible).
    `certificate` PEM, `signature` base64; both None = not signed. `tries` of the download, `pause_s` between them."""

    request_id: int | None
    location: str
    retrieve_at: float
    install_at: float | None = None
    certificate: str | None = None
    signature: str | None = None
    tries: int = 1
    pause_s: float = 60.0

    @property
    def signed(self) -> bool:
        return self.certificate is not None or self.signature is not None


class UpdateAnswer(NamedTuple):
    status: UpdateStatus
    reason: str = ""


class FirmwareUpdate(Protocol):
    """`station.firmware_update`; None there: this station cannot update itself."""

    @property
    def accepts_unsigned(self) -> bool: ...

    @property
    def installing(self) -> bool:
        """Is software being written that must not be interrupted (B11.FR.06)?"""
        ...

    async def begin(self, order: UpdateOrder) -> UpdateAnswer:
        """Take an order, in place of a running one if that can still be cancelled."""
        ...

    def last_status(self) -> tuple[str, int | None]:
        """What a trigger is answered with (L01.FR.25, FR.26): status and request id, ("Idle", None) for nothing."""
        ...
