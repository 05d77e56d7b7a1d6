"""Boards whose microcontroller speaks protocol buffers in COBS frames: Pionix Yeti (BelayBox), TI TIDA-010939, Phytec
phyVERSO, Analog Devices AD-ACEVSE22. Which field is what: hal/controllers/message_maps.py.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from hal.controllers.controller import SerialController
from hal.controllers.dialect import Dialect
from hal.controllers.message_maps import COILS, MAPS


@dataclass
class Driver(SerialController):
    """[controller.<name>] driver = "cobs_protobuf". `coil`, `hardware_revision`, `locks` are phyVERSO's: which coil is
    the contactor, 1 or 2 for its revision A or B, and the motor lock of each port (0 none, 1 Hella, 2 Valeo)."""

    board: Literal["yeti", "tida_010939", "phyverso", "ad_acevse22"] = "yeti"
    coil: Literal["ac", "dc1", "dc2", "dc3"] = "ac"
    hardware_revision: Annotated[int, Meta(ge=0, le=9)] = 0
    locks: tuple[Annotated[int, Meta(ge=0, le=9)], ...] = ()
    silence_s: Annotated[float, Meta(ge=0.5, le=10)] = 2.2  # its keep-alive comes once a second

    digital: ClassVar[bool] = True

    def __post_init__(self) -> None:
        map_ = MAPS[self.board]
        if self.coil != "ac" and not map_.coil:
            raise ValueError(f'{self.board} has one contactor: coil = "ac"')
        if map_.config and not self.hardware_revision:
            raise ValueError(f"{self.board} asks at its start how it is wired: add hardware_revision and locks")
        if not map_.config and (self.hardware_revision or self.locks):
            raise ValueError(f"{self.board} takes neither hardware_revision nor locks")
        if len(self.locks) > map_.outlets:
            raise ValueError(f"{self.board} has {map_.outlets} outlet(s), locks names {len(self.locks)}")

    @property
    def outlet_count(self) -> int:
        return MAPS[self.board].outlets

    @property
    def on_guard_death(self) -> str:
        return "mcu_lease" if MAPS[self.board].falls_back else "own_protection"

    @property
    def silence(self) -> float:
        return max(self.silence_s, 1.2 * MAPS[self.board].alive_s)

    def make_dialect(self) -> Dialect:
        from hal.controllers.cobs_protobuf import ProtobufDialect  # noqa: PLC0415

        return ProtobufDialect(
            MAPS[self.board],
            outlets=self.outlet_count,
            coil=COILS[self.coil],
            config=(self.hardware_revision, *self.locks) if self.hardware_revision else (),
            line_reset=bool(self.reset_line),
        )
