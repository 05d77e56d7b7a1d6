"""The contract of a PLC modem beside the station's host, and the scripts that look after one. Times in s.

A driver only turns a question into a frame and a frame into news; it holds no state, no socket and no timer.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from firmware.v2g.slac.frames import Frame, SetKeyCnf, SetKeyReq, read_as
from firmware.v2g.slac.key import NetworkKey
from firmware.v2g.slac.talk import Failed, Talk

ANSWER_S: Final = 1.0  # what a modem on SPI needs at worst; field value
KEY_TRIES: Final = 3
RESET_S: Final = 8.0  # a reset modem is back within T_conn_max_comm
PRESENCE_S: Final = 10.0  # between two looks at an idle modem
SILENT_TRIES: Final = 3
JOIN_POLL_S: Final = 0.1
LINKED_POLL_S: Final = 1.0


# --- what a host asks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetKey:
    key: NetworkKey


@dataclass(frozen=True)
class Identify:
    pass


@dataclass(frozen=True)
class AskLink:
    pass


@dataclass(frozen=True)
class Reset:
    pass


Question = SetKey | Identify | AskLink | Reset


# --- what a modem says ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeySet:
    pass


@dataclass(frozen=True)
class Identity:
    """`firmware` as the modem spells it, `mac` in capitals with colons."""

    firmware: str
    mac: str = ""


@dataclass(frozen=True)
class LinkStatus:
    up: bool


@dataclass(frozen=True)
class ResetBegun:
    pass


News = KeySet | Identity | LinkStatus | ResetBegun


class Modem(Protocol):
    """One make of modem. `address`: where its host reaches it; `confirms_reset`: it says that a reset begins."""

    @property
    def address(self) -> bytes: ...
    @property
    def confirms_reset(self) -> bool: ...

    def ask(self, question: Question, host: bytes) -> Frame | None:
        """The frame that asks this, None where this make has no such message."""
        ...

    def hear(self, frame: Frame) -> News | None:
        """What a received frame says, None when it is no answer of this make. Raises FrameError."""
        ...


def set_key(key: NetworkKey, modem: bytes, host: bytes) -> Frame:
    """CM_SET_KEY.REQ, which every make understands."""
    return SetKeyReq(nid=key.nid, new_key=key.nmk).to(modem, host)


def key_set(frame: Frame) -> KeySet | None:
    """Any CM_SET_KEY.CNF is done: firmware and standard disagree on what its Result means."""
    if frame.mmtype != SetKeyCnf.mmtype:
        return None
    read_as(SetKeyCnf, frame.payload)
    return KeySet()


def spelled(mac: bytes) -> str:
    return mac.hex(":").upper()


# --- looking after a modem --------------------------------------------------------------------------------------------


@dataclass
class ModemTalk(Talk):
    """The modem as these scripts meet it: questions go out, news comes in."""

    knows_link: bool = True
    confirms_reset: bool = True

    def __post_init__(self) -> None:
        super().__init__()


async def find(modem: ModemTalk) -> Identity:
    """Who is there? Raises Failed after three seconds of silence."""
    for _ in range(SILENT_TRIES):
        modem.say(Identify())
        identity = await modem.next(Identity, until=modem.now + ANSWER_S)
        if identity is not None:
            return identity
    raise Failed("the modem does not answer")


async def prepare(modem: ModemTalk, key: NetworkKey, reset: bool) -> Identity:
    """Give the modem its key, before any car is there. One CM_SET_KEY at a time, each with a second to be answered."""
    identity = await find(modem)
    for _ in range(KEY_TRIES):
        modem.say(SetKey(key))
        if await modem.next(KeySet, until=modem.now + ANSWER_S) is not None:
            return await restart(modem) if reset else identity
    raise Failed("the modem does not answer CM_SET_KEY")


async def restart(modem: ModemTalk) -> Identity:
    """Reset the modem and wait until it is back."""
    modem.say(Reset())
    if modem.confirms_reset:
        await modem.next(ResetBegun, until=modem.now + ANSWER_S)
    until = modem.now + RESET_S
    while modem.now < until:
        await modem.pause(modem.now + ANSWER_S)
        modem.say(Identify())
        identity = await modem.next(Identity, until=modem.now + ANSWER_S)
        if identity is not None:
            return identity
    raise Failed("the modem did not come back after its reset")


async def stay(modem: ModemTalk) -> None:
    """Look at an idle modem now and then. Raises Failed when it has gone."""
    while True:
        await modem.pause(modem.now + PRESENCE_S)
        await find(modem)


async def join(modem: ModemTalk, within: float) -> None:
    """Wait for the link. A make that cannot tell is believed at once. Raises Failed when there is none in time."""
    until = modem.now + within
    while modem.knows_link:
        modem.say(AskLink())
        status = await modem.next(LinkStatus, until=min(until, modem.now + JOIN_POLL_S))
        if status is not None and status.up:
            return
        if modem.now >= until:
            raise Failed(f"no link within {within:.0f} s")
        if status is not None:
            await modem.pause(min(until, modem.now + JOIN_POLL_S))


async def supervise(modem: ModemTalk) -> None:
    """Watch the link while it is used. Raises Failed, once, when it is lost."""
    silent = 0
    while True:
        await modem.pause(modem.now + LINKED_POLL_S)
        if not modem.knows_link:
            continue
        modem.say(AskLink())
        status = await modem.next(LinkStatus, until=modem.now + LINKED_POLL_S)
        silent = silent + 1 if status is None else 0
        if status is not None and not status.up:
            raise Failed("the power-line link is lost")
        if silent >= SILENT_TRIES:
            raise Failed("the modem does not answer")
