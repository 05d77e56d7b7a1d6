"""The one error of the EXI engine."""

from __future__ import annotations


class ExiError(ValueError):
    """Bytes that are no message, or a message that no bytes can say.

    `path` names the element ("V2G_Message/Body/PreChargeReq/EVTargetVoltage"), `bit` the position from the
    first bit of the stream, or None where there is none (encoding, XML).
    """

    def __init__(self, reason: str, path: str = "", bit: int | None = None) -> None:
        self.reason, self.path, self.bit = reason, path, bit
        place = f"{path or 'stream'}: " if path or bit is not None else ""
        at = "" if bit is None else f" (bit {bit})"
        super().__init__(f"{place}{reason}{at}")
