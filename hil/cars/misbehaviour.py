"""How a car may misbehave, as data: `KIND[@MESSAGE[#COUNT]][:SECONDS]`, for example `late@CurrentDemandReq#3:1.5`.

`secc.Secc` and the charging loops act on it; here are only the names, what they mean and where each strikes if nothing
is said. After it has struck the session is over with `Misbehaved`, whose text says what the station did.
"""

import re
from dataclasses import dataclass
from typing import Final

from hil.cars.line import SessionFailed

LOOP: Final = "loop"  # CurrentDemandReq or ChargingStatusReq
KINDS: Final = {
    "late": "sends the request only after SECONDS",
    "early_stop": "sends SessionStopReq in place of the request",
    "wrong_session": "sends the request with the id of another session",
    "duplicate": "sends the request twice at once",
    "out_of_order": "sends SessionSetupReq once more, in place of the request",
    "no_handshake": "sends SessionSetupReq before any supportedAppProtocolReq",
    "garbage": "sends octets that are no EXI, in place of the request",
    "oversize": "announces a frame of 2 GB, in place of the request",
    "let_go": "opens S2 under load, then goes on as if nothing had been",
    "vanish": "says nothing any more for SECONDS; connection, S2 and load stay",
    "close": "closes the connection; S2 and load stay for SECONDS",
    "too_much": "draws (AC) or asks for (DC) half as much again as the station allows, until the session ends",
}
_DEFAULT_SECONDS: Final = {"late": 65.0, "vanish": 65.0, "close": 10.0}
_TEXT: Final = re.compile(r"(?P<kind>\w+)(?:@(?P<at>\w+)(?:#(?P<count>\d+))?)?(?::(?P<seconds>\d+(?:\.\d+)?))?")


class Misbehaved(SessionFailed):
    """The car did what it was told to do wrong; the text says how the station took it."""


@dataclass(frozen=True)
class Misbehaviour:
    """Strikes at the `count`th request named `at`."""

    kind: str
    at: str = LOOP
    count: int = 2
    seconds: float = 0.0

    def strikes(self, name: str, sent_before: int) -> bool:
        """Now, at this request?"""
        named = {"CurrentDemandReq", "ChargingStatusReq"} if self.at == LOOP else {self.at, f"{self.at}Req"}
        return name in named and sent_before == self.count - 1

    def __str__(self) -> str:
        return f"{self.kind} at {self.at} {self.count}"


def read(text: str) -> Misbehaviour:
    """From the command line. Raises ValueError with what would be right."""
    found = _TEXT.fullmatch(text)
    if found is None or found["kind"] not in KINDS:
        raise ValueError(f"{text!r} is not KIND[@MESSAGE[#COUNT]][:SECONDS] with KIND one of {', '.join(KINDS)}")
    kind = found["kind"]
    at = found["at"] or ("SessionSetup" if kind == "no_handshake" else LOOP)
    count = int(found["count"] or (2 if at == LOOP else 1))
    seconds = float(found["seconds"]) if found["seconds"] else _DEFAULT_SECONDS.get(kind, 0.0)
    return Misbehaviour(kind, at, count, seconds)
