"""A power line with modems on it: who hears whom, how loud, and who is in whose network. Fed frames and time.

Each port is one modem with a host behind it. Management frames of SLAC reach every host; everything else only those
whose modem has the same key. The station's modem measures sounds and answers its maker's vendor messages.
"""

import heapq
import struct
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

from hil.plc import mme

Dialect = Literal["simulated", "qca7000", "cg5317"]
LOCAL: Final[dict[str, bytes]] = {
    "simulated": bytes.fromhex("02504c000001"),
    "qca7000": bytes.fromhex("00b052000001"),
    "cg5317": bytes.fromhex("00b052000001"),
}
_OUI: Final[dict[str, bytes]] = {
    "simulated": bytes.fromhex("02504c"),
    "qca7000": bytes.fromhex("00b052"),
    "cg5317": bytes.fromhex("0016e8"),
}
DEAF_DB: Final = 90.0  # nothing arrives at this attenuation
ANSWER_S: Final = 0.002
FLIGHT_S: Final = 0.001
JOIN_S: Final = 2.0  # from the same key in two modems to a link; field modems need 1-8 s
RESET_S: Final = 3.0
FIRMWARE: Final = "MAC-QCA7005-1.1.0.730-04-20140815-FINAL"


@dataclass
class Modem:
    """One port. `measures`: sends CM_ATTEN_PROFILE.IND; `silent`: answers its host nothing."""

    mac: bytes
    dialect: Dialect = "simulated"
    measures: bool = True
    silent: bool = False
    nmk: bytes = b""
    key_since: float = 0.0
    deaf_until: float = 0.0
    keys: list[bytes] = field(default_factory=list)  # every NMK its host ever gave it
    resets: int = 0

    @property
    def local(self) -> bytes:
        return LOCAL[self.dialect]


class Medium:
    """`hosts` sent; `take(now)` is what arrives at which port now. `loss_db` holds unequal pairs, else `default_db`."""

    def __init__(self, default_db: float = 8.0, join_s: float = JOIN_S) -> None:
        self.modems: dict[str, Modem] = {}
        self.default_db = default_db
        self.join_s = join_s
        self.loss_db: dict[frozenset[str], float] = {}
        self._flying: list[tuple[float, int, str, bytes]] = []
        self._order = count()

    def attach(self, port: str, modem: Modem) -> Modem:
        self.modems[port] = modem
        return modem

    def attenuation(self, one: str, other: str) -> float:
        return self.loss_db.get(frozenset((one, other)), self.default_db)

    @property
    def deadline(self) -> float | None:
        return self._flying[0][0] if self._flying else None

    def take(self, now: float) -> list[tuple[str, bytes]]:
        """Port and frame of everything that has arrived."""
        arrived = []
        while self._flying and self._flying[0][0] <= now:
            _, _, port, frame = heapq.heappop(self._flying)
            arrived.append((port, frame))
        return arrived

    def send(self, port: str, frame: bytes, now: float) -> None:
        """The host at this port sent a frame."""
        modem = self.modems[port]
        if now < modem.deaf_until:
            return
        if frame[:6] in {modem.local, modem.mac}:
            if not modem.silent:
                self._ask(port, modem, frame, now)
            return
        kind = mme.kind_of(frame)
        for other, receiver in self.modems.items():
            if other == port or now < receiver.deaf_until or self.attenuation(port, other) >= DEAF_DB:
                continue
            if kind is None and not self.joined(modem, receiver, now):
                continue
            self._fly(now + FLIGHT_S, other, frame)
            if kind == mme.MNBC_SOUND_IND and receiver.measures:
                self._measure(port, other, frame, now)

    def joined(self, one: Modem, other: Modem, now: float) -> bool:
        """Are both in one network, long enough to have found each other?"""
        same = bool(one.nmk) and one.nmk == other.nmk and now >= max(one.deaf_until, other.deaf_until)
        return same and now >= max(one.key_since, other.key_since) + self.join_s

    def linked(self, port: str, now: float) -> bool:
        modem = self.modems[port]
        return any(self.joined(modem, other, now) for name, other in self.modems.items() if name != port)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _fly(self, at: float, port: str, frame: bytes) -> None:
        heapq.heappush(self._flying, (at, next(self._order), port, frame))

    def _measure(self, port: str, other: str, frame: bytes, now: float) -> None:
        """A profile that is not flat: groups differ by up to 3 dB around the pair's attenuation."""
        level = self.attenuation(port, other)
        aag = bytes(max(0, min(255, round(level + (group % 7) - 3))) for group in range(mme.GROUPS))
        profile = mme.atten_profile_ind(mme.EVERYBODY, self.modems[other].mac, frame[6:12], aag)
        self._fly(now + FLIGHT_S + 0.001, other, profile)

    def _ask(self, port: str, modem: Modem, frame: bytes, now: float) -> None:
        """The host asks its own modem."""
        host, kind = frame[6:12], mme.kind_of(frame)
        answer: bytes | None = None
        if kind == mme.SET_KEY_REQ:
            modem.nmk, modem.key_since = frame[41:57], now
            modem.keys.append(modem.nmk)
            answer = mme.set_key_cnf(host, modem.mac)
        elif kind == mme.AMP_MAP_REQ:
            answer = mme.build(host, modem.mac, mme.AMP_MAP_CNF, b"\0")
        elif kind is not None and frame[14] == 0 and frame[17:20] == _OUI[modem.dialect]:
            answer = self._vendor(port, modem, frame, now)
        if answer is not None:
            self._fly(now + ANSWER_S, port, answer)

    def _vendor(self, port: str, modem: Modem, frame: bytes, now: float) -> bytes | None:
        host, kind = frame[6:12], int.from_bytes(frame[15:17], "little")
        up = bytes([self.linked(port, now)])
        oui = _OUI[modem.dialect]
        wanted = (modem.dialect, kind if modem.dialect != "simulated" else frame[20])
        reply: bytes | None = None
        match wanted:
            case ("qca7000", 0xA000):
                reply = bytes([0, 0x22, len(FIRMWARE)]) + FIRMWARE.encode()
            case ("qca7000", 0xA0B8):
                reply = b"\0" + up
            case ("qca7000", 0xA01C):
                reply = b"\0"
            case ("cg5317", 0xAC6C):
                reply = bytes(19) + struct.pack("<5H", 1, 4, 2, 77, 0)
            case ("cg5317", 0xAC9C):
                reply = bytes(19) + up
            case ("simulated", 1):
                reply = b"\x01rig 1.0\0"
            case ("simulated", 2):
                reply = b"\x02" + up
            case ("simulated", 3):
                reply = b"\x03\0"
        if wanted in {("qca7000", 0xA01C), ("cg5317", 0xAC70), ("simulated", 3)}:
            modem.resets += 1
            modem.deaf_until = modem.key_since = now + RESET_S
        return None if reply is None else mme.build(host, modem.mac, kind | 1, oui + reply, mmv=0)
