"""HomePlug Green PHY management messages (MME) of SLAC: each declared once, fields in wire order.

Source: ISO 15118-3:2015 Annex A.5 (layouts), HomePlug Green PHY 1.1.1. Says nothing of order or time: `matching`.
"""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, NamedTuple

ETHERTYPE: Final = 0x88E1
BROADCAST: Final = b"\xff" * 6
MIN_FRAME: Final = 60  # octets without FCS; shorter frames are padded with zeros
MAX_FRAME: Final = 1514
GROUPS: Final = 58  # carrier groups of an attenuation profile
AV_1_0: Final = 0x00  # header without fragmentation fields: vendor messages
AV_1_1: Final = 0x01
_PLAIN_HEADER: Final = 17
_HEADER: Final = 19  # with FMI and FMSN


class FrameError(ValueError):
    """Not a frame or message of ours; the text says why."""


@dataclass(frozen=True)
class Frame:
    """One Ethernet frame with a management message. `payload` begins after MMTYPE (MMV 0) or FMSN (MMV >= 1)."""

    destination: bytes
    source: bytes
    mmtype: int
    payload: bytes
    mmv: int = AV_1_1

    def pack(self) -> bytes:
        fragmentation = b"" if self.mmv == AV_1_0 else b"\0\0"
        header = self.destination + self.source + ETHERTYPE.to_bytes(2, "big") + bytes([self.mmv])
        data = header + self.mmtype.to_bytes(2, "little") + fragmentation + self.payload
        return data.ljust(MIN_FRAME, b"\0")


def unpack(data: bytes) -> Frame:
    """Raises FrameError. What pads a short frame stays in the payload."""
    if not _HEADER <= len(data) <= MAX_FRAME:
        raise FrameError(f"{len(data)} octets")
    if int.from_bytes(data[12:14], "big") != ETHERTYPE:
        raise FrameError("no HomePlug management message")
    mmv, mmtype = data[14], int.from_bytes(data[15:17], "little")
    if mmv > 2:
        raise FrameError(f"MMV {mmv}")
    if mmv != AV_1_0 and data[17] & 0x0F:  # FMI: more than one part; nothing here is that long
        raise FrameError("fragmented")
    start = _PLAIN_HEADER if mmv == AV_1_0 else _HEADER
    return Frame(data[:6], data[6:12], mmtype, data[start:], mmv)


# --- how a message is declared ----------------------------------------------------------------------------------------


def number(size: int = 1, value: int = 0) -> Any:
    """An unsigned little-endian integer of `size` octets."""
    return field(default=value, metadata={"size": size})


def octets(size: int) -> Any:
    """Exactly `size` octets; zero unless given."""
    return field(default=bytes(size), metadata={"size": size})


def counted_by(name: str) -> Any:
    """As many octets as the field `name` says."""
    return field(default=b"", metadata={"count": name})


class _Slot(NamedTuple):
    name: str
    size: int
    counted_by: str
    is_number: bool


def _slots(kind: type["Mme"]) -> tuple[_Slot, ...]:
    found = _SLOTS.get(kind)
    if found is None:
        found = _SLOTS[kind] = tuple(
            _Slot(
                each.name, each.metadata.get("size", 0), each.metadata.get("count", ""), isinstance(each.default, int)
            )
            for each in fields(kind)
        )
    return found


@dataclass(frozen=True)
class Mme:
    """Base of every message. Trailing octets of a received message are padding and ignored."""

    mmtype: ClassVar[int]
    name: ClassVar[str]

    def __init_subclass__(cls, mmtype: int, name: str) -> None:
        cls.mmtype, cls.name = mmtype, name
        BY_TYPE[mmtype] = cls

    def pack(self) -> bytes:
        """The payload. Raises ValueError for a value that does not fit its field."""
        parts = []
        for slot in _slots(type(self)):
            value = getattr(self, slot.name)
            size = getattr(self, slot.counted_by) if slot.counted_by else slot.size
            part = value.to_bytes(size, "little") if slot.is_number else value
            if len(part) != size:
                raise ValueError(f"{self.name}: {slot.name} has {len(part)} octets, not {size}")
            parts.append(part)
        return b"".join(parts)

    def to(self, destination: bytes, source: bytes, mmv: int = AV_1_1) -> Frame:
        return Frame(destination, source, self.mmtype, self.pack(), mmv)


BY_TYPE: Final[dict[int, type[Mme]]] = {}
_SLOTS: Final[dict[type[Mme], tuple[_Slot, ...]]] = {}


def read(frame: Frame) -> Mme:
    """The message in a frame. Raises FrameError for an unknown type and for one that is too short."""
    kind = BY_TYPE.get(frame.mmtype)
    if kind is None:
        raise FrameError(f"MMTYPE {frame.mmtype:#06x}")
    return read_as(kind, frame.payload)


def read_as(kind: type[Mme], payload: bytes) -> Mme:
    """The payload read as this kind of message. Raises FrameError when it is too short."""
    values: dict[str, Any] = {}
    at = 0
    for slot in _slots(kind):
        size = values[slot.counted_by] if slot.counted_by else slot.size
        part = payload[at : at + size]
        if len(part) != size:
            raise FrameError(f"{kind.name} ends in {slot.name}")
        values[slot.name] = int.from_bytes(part, "little") if slot.is_number else part
        at += size
    return kind(**values)


def summary(message: Mme) -> str:
    """One line for people: what is not zero, and never a key."""
    parts = []
    for slot in _slots(type(message)):
        value = getattr(message, slot.name)
        if slot.name in {"nmk", "new_key", "rnd"} or not (value if slot.is_number else any(value)):
            continue
        if slot.name == "aag":
            parts.append(f"mean={sum(value) / len(value):.1f} dB")
        else:
            parts.append(f"{slot.name}={value if slot.is_number else value.hex()}")
    return " ".join([message.name, *parts])


# --- between car and station ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlacParmReq(Mme, mmtype=0x6064, name="CM_SLAC_PARM.REQ"):
    """Car to everybody: who is there?"""

    application_type: int = number()
    security_type: int = number()
    run_id: bytes = octets(8)


@dataclass(frozen=True)
class SlacParmCnf(Mme, mmtype=0x6065, name="CM_SLAC_PARM.CNF"):
    """Station: how to sound. `time_out` in 100 ms; `run_id` is the car's, all eight octets of it."""

    m_sound_target: bytes = octets(6)
    num_sounds: int = number()
    time_out: int = number()
    resp_type: int = number(value=1)
    forwarding_sta: bytes = octets(6)
    application_type: int = number()
    security_type: int = number()
    run_id: bytes = octets(8)


@dataclass(frozen=True)
class StartAttenCharInd(Mme, mmtype=0x606A, name="CM_START_ATTEN_CHAR.IND"):
    """Car to everybody, three times: sounds follow."""

    application_type: int = number()
    security_type: int = number()
    num_sounds: int = number()
    time_out: int = number()
    resp_type: int = number(value=1)
    forwarding_sta: bytes = octets(6)
    run_id: bytes = octets(8)


@dataclass(frozen=True)
class MnbcSoundInd(Mme, mmtype=0x6076, name="CM_MNBC_SOUND.IND"):
    """Car to everybody: one sound; `cnt` of them are still to come."""

    application_type: int = number()
    security_type: int = number()
    sender_id: bytes = octets(17)
    cnt: int = number()
    run_id: bytes = octets(8)
    reserved: bytes = octets(8)
    rnd: bytes = octets(16)


@dataclass(frozen=True)
class AttenCharInd(Mme, mmtype=0x606E, name="CM_ATTEN_CHAR.IND"):
    """Station: how loud the car was here. `aag` is the mean attenuation per carrier group, dB."""

    application_type: int = number()
    security_type: int = number()
    source_address: bytes = octets(6)
    run_id: bytes = octets(8)
    source_id: bytes = octets(17)
    resp_id: bytes = octets(17)
    num_sounds: int = number()
    num_groups: int = number(value=GROUPS)
    aag: bytes = counted_by("num_groups")


@dataclass(frozen=True)
class AttenCharRsp(Mme, mmtype=0x606F, name="CM_ATTEN_CHAR.RSP"):
    """Car: got it. `result` 0 = success."""

    application_type: int = number()
    security_type: int = number()
    source_address: bytes = octets(6)
    run_id: bytes = octets(8)
    source_id: bytes = octets(17)
    resp_id: bytes = octets(17)
    result: int = number()


@dataclass(frozen=True)
class ValidateReq(Mme, mmtype=0x6078, name="CM_VALIDATE.REQ"):
    """Car: count my B-C-B toggles, to be sure that it is my plug."""

    signal_type: int = number()
    timer: int = number()
    result: int = number()


@dataclass(frozen=True)
class ValidateCnf(Mme, mmtype=0x6079, name="CM_VALIDATE.CNF"):
    signal_type: int = number()
    toggle_num: int = number()
    result: int = number()


@dataclass(frozen=True)
class SlacMatchReq(Mme, mmtype=0x607C, name="CM_SLAC_MATCH.REQ"):
    """Car: you are mine; let me in."""

    application_type: int = number()
    security_type: int = number()
    mvf_length: int = number(2, value=0x3E)
    pev_id: bytes = octets(17)
    pev_mac: bytes = octets(6)
    evse_id: bytes = octets(17)
    evse_mac: bytes = octets(6)
    run_id: bytes = octets(8)
    reserved: bytes = octets(8)


@dataclass(frozen=True)
class SlacMatchCnf(Mme, mmtype=0x607D, name="CM_SLAC_MATCH.CNF"):
    """Station: the key of this session's network."""

    application_type: int = number()
    security_type: int = number()
    mvf_length: int = number(2, value=0x56)
    pev_id: bytes = octets(17)
    pev_mac: bytes = octets(6)
    evse_id: bytes = octets(17)
    evse_mac: bytes = octets(6)
    run_id: bytes = octets(8)
    reserved: bytes = octets(8)
    nid: bytes = octets(7)
    reserved_2: bytes = octets(1)
    nmk: bytes = field(default=bytes(16), repr=False, metadata={"size": 16})  # never in a log


@dataclass(frozen=True)
class AmpMapReq(Mme, mmtype=0x601C, name="CM_AMP_MAP.REQ"):
    """Carriers the sender wants quieter: four bits each, two to an octet."""

    am_length: int = number(2)


@dataclass(frozen=True)
class AmpMapCnf(Mme, mmtype=0x601D, name="CM_AMP_MAP.CNF"):
    """`result` 0 = success, 1 = failure."""

    result: int = number()


# --- between the station's host and its own modem ---------------------------------------------------------------------


@dataclass(frozen=True)
class AttenProfileInd(Mme, mmtype=0x6086, name="CM_ATTEN_PROFILE.IND"):
    """Our modem: how loud one sound was, dB of attenuation per carrier group. Carries no RunID."""

    pev_mac: bytes = octets(6)
    num_groups: int = number(value=GROUPS)
    reserved: int = number()
    aag: bytes = counted_by("num_groups")


@dataclass(frozen=True)
class SetKeyReq(Mme, mmtype=0x6008, name="CM_SET_KEY.REQ"):
    """Host: this is our network from now on (ISO 15118-3 Table A.8)."""

    key_type: int = number(value=1)  # NMK
    my_nonce: int = number(4)
    your_nonce: int = number(4)
    pid: int = number(value=4)
    prn: int = number(2)
    pmn: int = number()
    cco_capability: int = number()
    nid: bytes = octets(7)
    new_eks: int = number(value=1)
    new_key: bytes = field(default=bytes(16), repr=False, metadata={"size": 16})


@dataclass(frozen=True)
class SetKeyCnf(Mme, mmtype=0x6009, name="CM_SET_KEY.CNF"):
    """`result` means opposite things in the standard and in the field's firmware: never decide by it."""

    result: int = number()
    my_nonce: int = number(4)
    your_nonce: int = number(4)
    pid: int = number()
    prn: int = number(2)
    pmn: int = number()
    cco_capability: int = number()
