"""What every make of modem has in common: the standard's CM_SET_KEY, and vendor messages (MMV 0) under the maker's OUI.

A make is a subclass with its questions and its answers; it holds no state.
"""

from abc import ABC, abstractmethod

from firmware.v2g.slac.frames import AV_1_0, Frame, FrameError
from firmware.v2g.slac.modem import AskLink, Identify, News, Reset, SetKey, key_set, set_key

VendorQuestion = Identify | AskLink | Reset


class VendorModem(ABC):
    """`firmware.v2g.slac.modem.Modem`, for a maker's OUI."""

    oui: bytes
    address: bytes  # where its host reaches it
    confirms_reset = True

    def ask(self, question: VendorQuestion | SetKey, host: bytes) -> Frame | None:
        if isinstance(question, SetKey):
            return set_key(question.key, self.address, host)
        mmtype, data = self.request(question)
        return Frame(self.address, host, mmtype, self.oui + data, AV_1_0)

    def hear(self, frame: Frame) -> News | None:
        if (done := key_set(frame)) is not None:
            return done
        if frame.mmv != AV_1_0 or not frame.payload.startswith(self.oui):
            return None
        return self.answer(frame.mmtype, frame.payload[len(self.oui) :], frame.source)

    @abstractmethod
    def request(self, question: VendorQuestion) -> tuple[int, bytes]:
        """MMTYPE, and what follows the OUI."""

    @abstractmethod
    def answer(self, mmtype: int, data: bytes, source: bytes) -> News | None:
        """`data` follows the OUI. Raises FrameError."""


def enough(data: bytes, count: int, name: str) -> bytes:
    """At least `count` octets. Raises FrameError."""
    if len(data) < count:
        raise FrameError(f"{name} ends early")
    return data
