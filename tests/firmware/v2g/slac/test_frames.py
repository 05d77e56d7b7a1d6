"""Byte layouts: against the offsets of the standard written out by hand, and against scapy, which we did not write."""

from typing import Any

import pytest
from scapy.contrib.homeplugav import HomePlugAV
from scapy.contrib.homepluggp import (
    CM_ATTEN_CHAR_IND,
    CM_ATTENUATION_CHARACTERISTICS_MME,
    CM_SET_KEY_REQ,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_PARM_CNF,
)
from scapy.layers.l2 import Ether

from firmware.v2g.slac import cg5317, qca7000, simulated
from firmware.v2g.slac.frames import (
    BY_TYPE,
    AttenCharInd,
    AttenProfileInd,
    Frame,
    FrameError,
    Mme,
    SetKeyReq,
    SlacMatchCnf,
    SlacMatchReq,
    SlacParmCnf,
    SlacParmReq,
    read,
    summary,
    unpack,
)
from firmware.v2g.slac.key import NetworkKey, new_key, nid_of
from firmware.v2g.slac.modem import AskLink, Identify, Identity, LinkStatus, Reset, ResetBegun, SetKey

CAR = bytes.fromhex("02c0ffee0001")
STATION = bytes.fromhex("020000000001")
RUN = b"RUNID-42"
NMK = bytes.fromhex("B59319D7E8157BA001B018669CCEE30D")
AAG = bytes(range(58))

# length of the whole frame, and fields by their offset in it (ISO 15118-3 Annex A.5)
LAYOUTS: list[tuple[Mme, int, int, dict[int, bytes]]] = [
    (SlacParmReq(run_id=RUN), 0x6064, 60, {21: RUN}),
    (
        SlacParmCnf(m_sound_target=b"\xff" * 6, num_sounds=10, time_out=6, forwarding_sta=CAR, run_id=RUN),
        0x6065,
        60,
        {19: b"\xff" * 6, 25: b"\x0a\x06\x01", 28: CAR, 34: b"\0\0", 36: RUN},
    ),
    (
        AttenCharInd(source_address=CAR, run_id=RUN, num_sounds=10, aag=AAG),
        0x606E,
        129,
        {21: CAR, 27: RUN, 35: bytes(34), 69: b"\x0a\x3a", 71: AAG},
    ),
    (
        SlacMatchReq(pev_mac=CAR, evse_mac=STATION, run_id=RUN),
        0x607C,
        85,
        {21: b"\x3e\0", 23: bytes(17), 40: CAR, 46: bytes(17), 63: STATION, 69: RUN, 77: bytes(8)},
    ),
    (
        SlacMatchCnf(pev_mac=CAR, evse_mac=STATION, run_id=RUN, nid=b"\x02" * 7, nmk=NMK),
        0x607D,
        109,
        {21: b"\x56\0", 40: CAR, 63: STATION, 69: RUN, 85: b"\x02" * 7, 92: b"\0", 93: NMK},
    ),
    (AttenProfileInd(pev_mac=CAR, aag=AAG), 0x6086, 85, {19: CAR, 25: b"\x3a\0", 27: AAG}),
    (
        SetKeyReq(nid=b"\x03" * 7, new_key=NMK),
        0x6008,
        60,
        {19: b"\x01", 20: bytes(8), 28: b"\x04\0\0\0\0", 33: b"\x03" * 7, 40: b"\x01", 41: NMK},
    ),
]


@pytest.mark.parametrize(
    ("message", "mmtype", "length", "fields"), LAYOUTS, ids=lambda value: getattr(value, "name", "")
)
def test_every_field_lies_where_the_standard_puts_it(
    message: Mme, mmtype: int, length: int, fields: dict[int, bytes]
) -> None:
    data = message.to(STATION, CAR).pack()
    assert len(data) == length
    assert data[:19] == STATION + CAR + b"\x88\xe1\x01" + mmtype.to_bytes(2, "little") + b"\0\0"
    for offset, value in fields.items():
        assert data[offset : offset + len(value)] == value, offset
    assert read(unpack(data)) == message


def dissected(message: Mme) -> Any:
    frame = Ether(message.to(STATION, CAR).pack())
    assert frame.dst == "02:00:00:00:00:01"
    assert frame[HomePlugAV].HPtype == message.mmtype
    return frame


def test_scapy_reads_what_the_station_sends_to_cars() -> None:
    parm = dissected(LAYOUTS[1][0])[CM_SLAC_PARM_CNF]
    assert (parm.NumberMSounds, parm.TimeOut, parm.ResponseType, parm.RunID) == (10, 6, 1, RUN)
    assert parm.ForwardingSTA == "02:c0:ff:ee:00:01"
    report = dissected(LAYOUTS[2][0])[CM_ATTEN_CHAR_IND]
    assert (report.NumberOfSounds, report.NumberOfGroups, report.RunID) == (10, 58, RUN)
    assert bytes(group.group for group in report.Groups) == AAG
    match = dissected(LAYOUTS[4][0])[CM_SLAC_MATCH_CNF]
    assert match.MatchVariableFieldLen == 0x56
    body = match.VariableField
    assert (body.NetworkID, body.NMK, body.RunID) == (b"\x02" * 7, NMK, RUN)
    assert (body.EVMAC, body.EVSEMAC) == ("02:c0:ff:ee:00:01", "02:00:00:00:00:01")


def test_scapy_reads_what_passes_between_host_and_modem() -> None:
    key = dissected(LAYOUTS[6][0])[CM_SET_KEY_REQ]
    assert (key.KeyType, key.MyNonce, key.PID, key.NewEncKeySelect, key.NewKey) == (1, 0, 4, 1, NMK)
    assert key.NetworkID == b"\x03" * 7
    profile = dissected(LAYOUTS[5][0])[CM_ATTENUATION_CHARACTERISTICS_MME]
    assert bytes(group.group for group in profile.Groups) == AAG


def test_scapys_frames_are_read_by_us() -> None:
    from scapy.contrib.homepluggp import CM_MNBC_SOUND_IND, CM_START_ATTEN_CHAR_IND  # noqa: PLC0415

    start = CM_START_ATTEN_CHAR_IND(NumberOfSounds=10, TimeOut=6, ResponseType=1, ForwardingSTA="02:c0:ff:ee:00:01")
    start.RunID = RUN
    sound = CM_MNBC_SOUND_IND(Countdown=9, RunID=RUN, RandomValue=b"r" * 16)
    head = Ether(src="02:c0:ff:ee:00:01", dst="ff:ff:ff:ff:ff:ff", type=0x88E1)
    for message, name in ((start, "CM_START_ATTEN_CHAR.IND"), (sound, "CM_MNBC_SOUND.IND")):
        kind = {"CM_START_ATTEN_CHAR.IND": 0x606A, "CM_MNBC_SOUND.IND": 0x6076}[name]
        raw = bytes(head) + b"\x01" + kind.to_bytes(2, "little") + b"\0\0" + bytes(message)
        seen: Any = read(unpack(raw))
        assert (seen.name, seen.run_id) == (name, RUN)
    assert seen.cnt == 9


def test_the_nid_follows_from_the_nmk() -> None:
    assert nid_of(NMK).hex().upper() == "026BCBA5354E08"
    one, other = new_key(), new_key()
    assert one.nmk != other.nmk
    assert one.nid == nid_of(one.nmk)
    assert one.nid[6] >> 4 == 0  # security level: simple connect


@pytest.mark.parametrize("kind", BY_TYPE.values(), ids=lambda kind: kind.name)
def test_no_key_is_ever_in_a_log_line(kind: type[Mme]) -> None:
    secret = {"nmk": NMK} if hasattr(kind(), "nmk") else {"new_key": NMK} if hasattr(kind(), "new_key") else {}
    message = kind(**secret)
    for text in (summary(message), repr(message), repr(NetworkKey(NMK, nid_of(NMK)))):
        assert NMK.hex() not in text
        assert "\\xb5\\x93" not in text


@pytest.mark.parametrize("kind", BY_TYPE.values(), ids=lambda kind: kind.name)
def test_a_message_cut_short_anywhere_is_an_error(kind: type[Mme]) -> None:
    groups = {"aag": AAG} if hasattr(kind(), "aag") else {}
    payload = kind(**groups).pack()
    for length in range(len(payload)):
        with pytest.raises(FrameError):
            read(Frame(STATION, CAR, kind.mmtype, payload[:length]))


@pytest.mark.parametrize(
    "data",
    [b"", bytes(18), bytes(1515), bytes(60), CAR + STATION + b"\x88\xe1\x03" + bytes(45), b"\xff" * 60],
    ids=["empty", "short", "long", "no HomePlug", "MMV 3", "all ones"],
)
def test_what_is_no_management_frame_is_an_error(data: bytes) -> None:
    with pytest.raises(FrameError):
        read(unpack(data))


# --- vendor messages --------------------------------------------------------------------------------------------------


def vendor(mmtype: int, payload: str) -> Frame:
    return unpack(Frame(STATION, CAR, mmtype, bytes.fromhex(payload), mmv=0).pack())


def test_qca7000_vendor_messages() -> None:
    modem = qca7000.Driver()
    ask = modem.ask(AskLink(), STATION)
    assert ask is not None
    assert ask.pack()[:20] == bytes.fromhex("00b052000001 020000000001 88e1 00 b8a0 00b052".replace(" ", ""))
    identify, reset = modem.ask(Identify(), STATION), modem.ask(Reset(), STATION)
    assert identify is not None
    assert reset is not None
    assert (identify.mmtype, reset.mmtype) == (0xA000, 0xA01C)
    version = "00b052 00 22 07 312e312e302e37".replace(" ", "")
    assert modem.hear(vendor(0xA001, version)) == Identity("1.1.0.7", "02:C0:FF:EE:00:01")
    assert modem.hear(vendor(0xA0B9, "00b0520001")) == LinkStatus(up=True)
    assert modem.hear(vendor(0xA0B9, "00b0520000")) == LinkStatus(up=False)
    assert modem.hear(vendor(0xA01D, "00b05200")) == ResetBegun()
    assert modem.hear(vendor(0xA0B9, "0016e80001")) is None  # another maker's


def test_cg5317_vendor_messages() -> None:
    modem = cg5317.Driver()
    ask = modem.ask(Identify(), STATION)
    assert ask is not None
    assert ask.pack()[14:20] == bytes.fromhex("00 6cac 0016e8".replace(" ", ""))
    header = "0016e8" + "00" * 19
    assert modem.hear(vendor(0xAC6D, header + "0100040002004d000000")) == Identity("1.4.2.77", "02:C0:FF:EE:00:01")
    assert modem.hear(vendor(0xAC9D, header + "01")) == LinkStatus(up=True)
    assert modem.hear(vendor(0xAC9D, header + "00")) == LinkStatus(up=False)


@pytest.mark.parametrize("modem", [qca7000.Driver(), cg5317.Driver(), simulated.Driver()], ids=["qca", "cg", "sim"])
def test_every_make_takes_the_key_the_same_way(modem: Any) -> None:
    frame = modem.ask(SetKey(NetworkKey(NMK, nid_of(NMK))), STATION)
    assert frame.pack()[33:57] == nid_of(NMK) + b"\x01" + NMK
    for result in (b"\0", b"\x01"):  # both mean success somewhere
        assert modem.hear(Frame(STATION, CAR, 0x6009, result + bytes(13))) is not None
    with pytest.raises(FrameError):
        modem.hear(Frame(STATION, CAR, 0x6009, b""))
