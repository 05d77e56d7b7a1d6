"""What a back office may ask of the station's logs, whatever protocol it speaks: the seam to `firmware/diagnostics`.

OCPP 2.0.1 part 2, N01; 1.6 GetDiagnostics. Progress is told by facts (LogStatus).
"""

from typing import Literal, NamedTuple, Protocol

import msgspec


class LogOrder(msgspec.Struct, frozen=True):
    """Which log goes where. `oldest` and `latest` UTC s, None = no bound. `request_id` None: 1.6's GetDiagnostics."""

    kind: Literal["DiagnosticsLog", "SecurityLog"]
    location: str
    request_id: int | None
    oldest: float | None = None
    latest: float | None = None
    tries: int = 1
    pause_s: float = 60.0


class LogAnswer(NamedTuple):
    status: Literal["Accepted", "Rejected", "AcceptedCanceled"]
    filename: str = ""
    reason: str = ""


class LogUpload(Protocol):
    """`station.log_upload`; None there: this station uploads nothing."""

    async def begin(self, order: LogOrder) -> LogAnswer:
        """Take an order; a running upload is cancelled for it (N01.FR.12)."""
        ...

    def last_status(self) -> tuple[str, int | None]:
        """What a trigger is answered with: status and request id; ("Idle", None) where nothing is being uploaded."""
        ...
