"""The frame log: every frame of a connection as a fact, with what holds a password left out."""

from typing import Final, Literal

import msgspec

from firmware.ocpp.ocpp_j import MAX_FRAME
from firmware.station.facts import BackOfficeMessage
from firmware.station.station import Station

LOGGED: Final = 2048  # characters of a frame kept in the log
SECRETS: Final = ("AuthorizationKey", "BasicAuthPassword", '"KeyCode"')  # C04.FR.04

Direction = Literal["sent", "received"]
Kind = Literal["call", "result", "error"]


class FrameLog:
    """Of one connection."""

    def __init__(self, station: Station, version: str) -> None:
        self._station = station
        self._version = version

    def __call__(self, direction: Direction, kind: Kind, name: str, text: str) -> None:
        secret = any(word in text for word in SECRETS)
        clock = self._station.clock
        whole = BackOfficeMessage(
            at=clock.utc(),
            mono=clock.mono(),
            clock_synced=clock.synced,
            direction=direction,
            version=self._version,
            kind=kind,
            name=name,
            text="(not shown: holds a password)" if secret else text[:MAX_FRAME],
        )
        for reader in self._station.on_frame:
            reader(whole)
        self._station.emit(msgspec.structs.replace(whole, text=whole.text[:LOGGED]))
