"""DataTransfer (2.0.1 block P, 1.6 4.3): vendor-specific calls of the back office, served by whoever registered.

A registry of functions; what they do is theirs. The vendor id is a reversed domain name.
"""

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

Status = Literal["Accepted", "Rejected", "UnknownVendorId", "UnknownMessageId"]


class Transferred(NamedTuple):
    """The answer; `data` is whatever the two agreed on (1.6: text), None = nothing."""

    status: Status
    data: object = None


Server = Callable[[object], Awaitable[Transferred]]


class DataTransfers:
    """`serve` registers; `""` as message id serves every message of the vendor that no other one serves."""

    def __init__(self) -> None:
        self._servers: dict[str, dict[str, Server]] = {}

    def serve(self, vendor_id: str, message_id: str, server: Server) -> None:
        self._servers.setdefault(vendor_id, {})[message_id] = server

    async def answer(self, vendor_id: str, message_id: str, data: object) -> Transferred:
        """P02.FR.06, P02.FR.07."""
        of_vendor = self._servers.get(vendor_id)
        if of_vendor is None:
            return Transferred("UnknownVendorId")
        server = of_vendor.get(message_id, of_vendor.get(""))
        if server is None:
            return Transferred("UnknownMessageId")
        return await server(data)
