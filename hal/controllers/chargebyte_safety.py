"""The safety controller of chargebyte's Charge SOM and Charge Control Y, without I/O: 12-byte frames on a UART.

Frame: A5, id, 8 data bytes (one big-endian number), CRC-8/SAE-J1850 over id and data, 03. The host repeats
ChargeControl every 100 ms, or the controller goes to its safe state. Source: chargebyte ra-utils, cb_protocol.h;
chargebyte-docs, safety_controller_uart.
"""

from typing import Final, NamedTuple

from hal.contracts import PilotMode, PilotOutput, Plug
from hal.controllers.cobs import crc8_j1850
from hal.controllers.dialect import Dialect
from hal.controllers.outlet import Outlet, Said, Wish, sample_of

CONTROL: Final = 0x06
STATE: Final = 0x07
PT1000: Final = 0x08
FIRMWARE: Final = 0x0A
ACTION: Final = 0xFE
INQUIRY: Final = 0xFF
RCM_SELF_TEST: Final = bytes((ACTION, 1))
PERIOD_S: Final = 0.1
OBEY_S: Final = 0.3
_FRAME: Final = 12
_PILOT: Final = {1: "A", 2: "B", 3: "C", 4: "D", 5: "E", 6: "F"}
#: PP of the state; a Type 1 plug tells no rating, the connector's own limit holds
_PLUGS: Final = (Plug.NONE, Plug.A13, Plug.A20, Plug.A32, Plug.A63, Plug.A63, Plug.BUTTON, Plug.INVALID)
_UNUSED: Final = 0x1FFF
_REASONS: Final = (
    "no reason given", "internal error", "our messages came too late",
    *(f"temperature sensor {n} failed" for n in range(1, 5)), *(f"temperature {n} too high" for n in range(1, 5)),
    "proximity contact", "control pilot", "control pilot shorted", "control pilot without diode", "contactor welded",
    *(f"emergency stop {n}" for n in range(1, 4)), "unknown", "residual current", "residual current self test",
)  # fmt: skip


def frame(identity: int, data: bytes) -> bytes:
    body = bytes((identity,)) + data.ljust(8, b"\0")
    return b"\xa5" + body + bytes((crc8_j1850(body), 0x03))


def control(output: PilotOutput, contactors: tuple[int, ...]) -> bytes:
    """ChargeControl: the pilot runs (X1 is 100 %, F 0 %; 0 V it cannot show, F says the same), contactors close."""
    duty = {PilotMode.X1: 1000, PilotMode.DUTY: round(output.duty_percent * 10)}.get(output.mode, 0)
    word = 1 << 63 | duty << 48 | sum(1 << (40 + number) for number in contactors)
    return frame(CONTROL, word.to_bytes(8, "big"))


class ChargeState(NamedTuple):
    """Id 07."""

    pwm: bool
    safe: bool
    duty_percent: float
    shorted: bool
    no_diode: bool
    pilot: str | None  # None = invalid
    plug: Plug
    contactors: tuple[bool | None, ...]  # closed; None = undefined or unused
    rcm: int  # 0 not configured, 1 monitoring, 2 self test, 3 error
    emergency_stop: bool
    reason: str


def charge_state(data: bytes) -> ChargeState:
    word = int.from_bytes(data, "big")
    reason = word >> 8 & 0xFF
    return ChargeState(
        pwm=bool(word >> 63),
        safe=word >> 58 & 3 != 0,
        duty_percent=(word >> 48 & 0x3FF) / 10,
        shorted=bool(word >> 43 & 1),
        no_diode=bool(word >> 44 & 1),
        pilot=_PILOT.get(word >> 40 & 7),
        plug=_PLUGS[word >> 32 & 7],
        contactors=tuple({1: False, 2: True}.get(word >> (24 + 2 * number) & 3) for number in range(3)),
        rcm=word >> 22 & 3,
        emergency_stop=any(word >> (16 + 2 * number) & 3 in (1, 2) for number in range(3)),
        reason=_REASONS[reason] if reason < len(_REASONS) else f"reason {reason}",
    )


def temperatures(data: bytes) -> tuple[float | None, ...]:
    """Id 08: °C of the channels that are used; None = its sensor failed."""
    found: list[float | None] = []
    for at in range(0, 8, 2):
        raw = int.from_bytes(data[at : at + 2], "big")
        value = (raw >> 2) - ((raw & 0x8000) >> 1)
        if raw >> 2 != _UNUSED:
            found.append(None if raw & 2 else value / 10)
    return tuple(found)


class SafetyDialect(Dialect):
    """`contactors`: which of the controller's outputs together are the connector's contactor."""

    def __init__(self, contactors: tuple[int, ...]) -> None:
        super().__init__()
        self._contactors = contactors
        self.firmware = ""
        self._forget(0.0)

    def _forget(self, now: float) -> None:
        self._buffer = b""
        self._due_at = now
        self._told: Wish | None = None
        self._changed_at = now
        self._asked = False

    def opened(self, now: float) -> None:
        self._forget(now)

    # --- hearing ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        self._buffer += data
        while len(self._buffer) >= _FRAME:
            whole = self._buffer[:_FRAME]
            if whole[0] != 0xA5:
                at = self._buffer.find(b"\xa5")
                self._buffer = self._buffer[at:] if at > 0 else b""
            elif whole[-1] != 0x03 or crc8_j1850(whole[1:10]) != whole[10]:
                self.bad_frames += 1
                self._buffer = self._buffer[1:]
            else:
                self._buffer = self._buffer[_FRAME:]
                self._hear(whole[1], whole[2:10], now)

    def _hear(self, identity: int, data: bytes, now: float) -> None:
        outlet = self.outlets[1]
        if identity == STATE:
            self._state(outlet, charge_state(data), now)
        elif identity == PT1000:
            found = temperatures(data)
            good = [each for each in found if each is not None]
            outlet.temperature_c = Said(max(good), now) if good and len(good) == len(found) else None
        elif identity == FIRMWARE:
            self.firmware = f"{data[0]}.{data[1]}.{data[2]}, platform {data[3]:02X}"

    def _state(self, outlet: Outlet, state: ChargeState, now: float) -> None:
        running = state.pwm and 0.0 < state.duty_percent < 100.0
        letter = "E" if state.shorted else state.pilot
        sample = None if letter is None else sample_of(letter, pwm=running, diode_fault=state.no_diode)
        ours = [state.contactors[number] for number in self._contactors]
        known = [each for each in ours if each is not None]
        closing = self.wishes[1].close
        whole = all(known) and len(known) == len(ours) if closing else any(known)
        outlet.closed = Said(whole if known else None, now)
        outlet.plug = Said(state.plug, now)
        # its self test is one action that ends by itself: "tripped" while it runs, quiet when it was passed
        outlet.rcd = Said(state.rcm != 1, now) if state.rcm else None
        outlet.emergency_stop = Said(state.emergency_stop, now)
        outlet.fault = (
            f"safety controller in its safe state: {state.reason}" if state.safe else self._disobeyed(state, now)
        )
        outlet.pilot = None if sample is None else Said(sample, now)  # last: who waits for the first words looks here

    def _disobeyed(self, state: ChargeState, now: float) -> str:
        if self._told is None or now - self._changed_at <= OBEY_S:
            return ""
        output = self._told.pilot
        wanted = {PilotMode.X1: 100.0, PilotMode.DUTY: output.duty_percent}.get(output.mode, 0.0)
        if state.pwm and abs(state.duty_percent - wanted) <= 0.15:
            return ""
        return f"safety controller shows {state.duty_percent:g} %, told were {wanted:.1f} %"

    # --- speaking ---------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bytes:
        """Silent while the tick is: then the controller opens by itself."""
        wish, out = self.wishes[1], b""
        if not self._asked:
            self._asked = True
            out += frame(INQUIRY, bytes((FIRMWARE,)))
        if self._told is not None and wish.rcd_test and not self._told.rcd_test:
            out += frame(ACTION, RCM_SELF_TEST)
        if wish != self._told or now >= self._due_at:
            if wish != self._told:
                self._told, self._changed_at = wish, now
            self._due_at = now + PERIOD_S
            if self.alive(now):
                out += control(wish.pilot, self._contactors if wish.close else ())
        return out

    def next_at(self, now: float) -> float:
        return self._due_at

    def farewell(self) -> bytes:
        return control(Wish().pilot, ())
