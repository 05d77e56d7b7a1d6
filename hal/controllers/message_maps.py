"""Field numbers of the boards that speak COBS and protocol buffers, as data: one map per board.

Source: EVerest, the protobuf files of YetiDriver, TIDA010939, PhyVersoBSP and AdAcEvse22KwzKitBSP.
"""

from typing import Final, NamedTuple

from hal.contracts import LockState, Plug

PLUGS: Final = (Plug.NONE, Plug.A13, Plug.A20, Plug.A32, Plug.A63, Plug.INVALID)
_LOCKS: Final = (LockState.UNKNOWN, LockState.UNLOCKED, LockState.LOCKED, LockState.MOVING, LockState.MOVING)
_ERRORS: Final = ("diode", "rcd_self_test", "rcd", "ventilation", "lock", "pilot", "over_current")


class Message(NamedTuple):
    """Where a board's messages carry what; 0 = this board has no such field."""

    # host to board
    keep_alive: int
    lock: int
    duty: int  # 0.01 %; 0 = state F, 10000 = X1
    allow: int  # a boolean, or (`coil`) a message {1: which coil, 2: on}
    reset: int
    rcd: int = 0  # {1: test pin, 2: reset}; without it the board tests by itself
    config: int = 0  # answers the board's question how it is wired: {1: hardware revision, 2 and 3: {1: lock}}
    coil: bool = False
    connector: int = 0  # tells which of several outlets
    # board to host
    heard_keep_alive: int = 0
    heard_reset: int = 0
    state: int = 0  # 0 A .. 5 F
    relay: int = 0
    errors: int = 0
    plug: int = 0
    heard_lock: int = 0
    meter: int = 0
    asks_config: int = 0
    heard_connector: int = 0
    telemetry: int = 0
    temperatures: tuple[int, ...] = ()  # floats in `telemetry`, °C
    error_names: tuple[str, ...] = _ERRORS  # field 1, 2, ... of `errors`
    locks: tuple[LockState, ...] = _LOCKS
    outlets: int = 1
    x1: int = 10_000  # the duty that means it
    most_duty: int = 10_000  # a higher one is not obeyed
    falls_back: bool = True  # it opens when our keep-alives stay away
    alive_s: float = 1.0  # its own come this often


_YETI: Final = Message(
    keep_alive=100, lock=102, duty=103, allow=104, reset=105,
    heard_keep_alive=3, heard_reset=101, state=102, relay=103, errors=104, telemetry=105, plug=106, heard_lock=107,
    meter=108,
)  # fmt: skip

MAPS: Final[dict[str, Message]] = {
    "yeti": _YETI,
    # The kit's own paper (EVerest, AdAcEvse22KwzKitBSP): our keep-alives mean nothing to it, a duty above 53.33 % is
    # ignored, X1 is one above 10000; no lock. Until a host speaks to it, it charges by itself.
    "ad_acevse22": _YETI._replace(
        lock=0, heard_lock=0, telemetry=0, x1=10_001, most_duty=5333, falls_back=False, alive_s=3.0
    ),
    "tida_010939": Message(
        keep_alive=2, lock=3, duty=4, allow=5, reset=6, rcd=8,
        heard_keep_alive=1, heard_reset=2, state=3, relay=4, errors=5, telemetry=6, plug=7, heard_lock=8,
        temperatures=(3, 4),
    ),
    "phyverso": Message(
        keep_alive=1, lock=3, duty=4, allow=5, reset=6, rcd=10, config=8, coil=True, connector=7,
        heard_keep_alive=1, heard_reset=2, state=3, relay=4, errors=5, telemetry=7, plug=8, heard_lock=10,
        asks_config=11, heard_connector=6, outlets=2,
        error_names=(*_ERRORS[:6], "heartbeat", "coil_feedback", "plug"),
    ),
}  # fmt: skip

#: coils of a board that has several
COILS: Final = {"ac": 1, "dc1": 2, "dc2": 3, "dc3": 4}
#: field of the meter's message -> what it is
METER_VOLTS: Final = (2, 3, 4)
METER_AMPS: Final = (5, 6, 7)
METER_WATTS: Final = (17, 18, 19)
METER_WH: Final = 12
METER_HZ: Final = 20
#: what the flags that are no pilot, lock or RCD matter mean, for people
ERROR_TEXTS: Final = {
    "over_current": "over-current",
    "heartbeat": "says our keep-alives are missing",
    "coil_feedback": "contactor feedback is wrong",
    "plug": "proximity circuit is wrong",
    "pilot": "control pilot is wrong",
}
