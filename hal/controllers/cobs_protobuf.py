"""The boards of the Yeti family, without I/O: protocol buffers in COBS frames with a CRC-32. Which board: message_maps.

Nothing is acknowledged. We say everything again with each keep-alive, once a second; the board says its state on change
and again by itself. It answers a reset with a message; before that nothing it said counts. A board that restarts by
itself closes nothing again until it was told to open.
"""

import math
from typing import Final

from hal.contracts import MeterReading, PilotMode, PilotOutput, PilotSample
from hal.controllers import cobs
from hal.controllers.cobs import FrameError, Splitter
from hal.controllers.dialect import FED_S, Dialect
from hal.controllers.message_maps import (
    ERROR_TEXTS,
    METER_AMPS,
    METER_HZ,
    METER_VOLTS,
    METER_WATTS,
    METER_WH,
    PLUGS,
    Message,
)
from hal.controllers.outlet import X1, Outlet, Said, Wish, sample_of
from hal.controllers.protobuf import Fields, ProtobufError, Value, field, fields

KEEP_ALIVE_S: Final = 1.0
RESET_AGAIN_S: Final = 2.0
MAX_FRAME: Final = 2048
_NAME: Final = b"pilotline"


def encode(number: int, value: Value | bool, connector: tuple[int, int] = (0, 0)) -> bytes:
    """One message with one field (and the connector's, where the board has several), with the zero at the end."""
    data = field(number, value)
    if connector[0]:
        data += field(*connector)
    return cobs.stuff(data + cobs.crc32_jam(data)) + cobs.END


def decode(frame: bytes) -> Fields:
    """The fields of a frame without its zero. Raises FrameError, ProtobufError."""
    data = cobs.unstuff(frame)
    if len(data) < 5 or cobs.crc32_jam(data[:-4]) != data[-4:]:
        raise FrameError("checksum")
    return fields(data[:-4])


def duty_of(output: PilotOutput, m: Message) -> int:
    """A board that cannot show 0 V shows F for E; one that knows no more than some duty offers that."""
    if output.mode is PilotMode.X1 or (output.mode is PilotMode.DUTY and output.duty_percent >= 100.0):
        return m.x1
    return min(round(output.duty_percent * 100), m.most_duty) if output.mode is PilotMode.DUTY else 0


class ProtobufDialect(Dialect):
    """`coil`: which coil is the contactor, on boards with several. `config`: (hardware revision, locks) for boards that
    ask how they are wired. `line_reset`: the reset line has been pulsed, so a message is sent only if that fails."""

    def __init__(
        self, m: Message, *, outlets: int = 1, coil: int = 1, config: tuple[int, ...] = (), line_reset: bool = False
    ) -> None:
        super().__init__(outlets)
        self._map = m
        self._coil = coil
        self._config = config
        self._line_reset = line_reset
        self.firmware = ""
        self._errors: dict[int, frozenset[str]] = {}
        self._forget(0.0)

    def _forget(self, now: float) -> None:
        self._splitter = Splitter(MAX_FRAME)
        self._started = False
        self._reset_at = now + (RESET_AGAIN_S if self._line_reset else 0.0)
        self._keep_alive_at = now
        self._told: dict[int, Wish | None] = dict.fromkeys(self.outlets)
        self._refuse_running()
        self._errors = dict.fromkeys(self.outlets, frozenset())
        self._asked_config = False
        self._states: dict[int, tuple[int, float] | None] = dict.fromkeys(self.outlets)

    def opened(self, now: float) -> None:
        """After a broken line the board is reset by message: what it holds closed is nobody's wish any more."""
        self._forget(now)

    # --- hearing ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        for frame in self._splitter.feed(data):
            try:
                self._hear(decode(frame), now)
            except (FrameError, ProtobufError) as error:
                self.bad_frames += 1
                self.trouble = f"last damaged frame: {error}"

    def _hear(self, said: Fields, now: float) -> None:
        m = self._map
        number = said.get(m.heard_connector) if m.heard_connector else None
        concerned = [int(number)] if isinstance(number, int) and number in self.outlets else list(self.outlets)
        if m.heard_reset in said:
            self._restarted(now)
        elif m.asks_config in said and m.asks_config:
            self._asked_config = True
        if isinstance(alive := said.get(m.heard_keep_alive), bytes):
            name = fields(alive).get(6, b"")
            self.firmware = name.decode("ascii", "replace") if isinstance(name, bytes) else ""
        if not self._started:
            return
        for number, state in self._states.items():
            _still_true(self.outlets[number], now)
            self._states[number] = None if state is None else (state[0], now)
        for number in concerned:
            self._said(number, self.outlets[number], said, now)
        self._publish()

    def _restarted(self, now: float) -> None:
        self._started, self.trouble = True, ""
        self._told = dict.fromkeys(self.outlets)
        self._refuse_running()
        self._keep_alive_at = now
        for outlet in self.outlets.values():
            outlet.pilot = outlet.closed = None
        self._states = dict.fromkeys(self.outlets)

    def _refuse_running(self) -> None:
        """It has opened, or shall: an order to close that was given before is over."""
        self._refused = {number: wish.closings if wish.close else -1 for number, wish in self.wishes.items()}

    def _said(self, number: int, outlet: Outlet, said: Fields, now: float) -> None:
        m = self._map
        if isinstance(value := said.get(m.state), int):
            self._states[number] = (value, now) if value <= 5 else None
        if m.relay in said:
            value = said[m.relay]
            coil = fields(value) if isinstance(value, bytes) else {1: self._coil, 2: value}
            if coil.get(1, 0) == self._coil:
                outlet.closed = Said(bool(coil.get(2, 0)), now)
        if m.errors in said and isinstance(flags := said[m.errors], bytes):
            self._flags(number, outlet, fields(flags), now)
        if isinstance(value := said.get(m.plug), int):
            outlet.plug = Said(PLUGS[min(value, len(PLUGS) - 1)], now)
        if isinstance(value := said.get(m.heard_lock), int):
            outlet.lock = Said(m.locks[value if value < len(m.locks) else 0], now)
        if m.meter and isinstance(meter := said.get(m.meter), bytes):
            outlet.meter = _meter(fields(meter), now)
        if m.temperatures and isinstance(telemetry := said.get(m.telemetry), bytes):
            degrees = _numbers(fields(telemetry), *m.temperatures)
            outlet.temperature_c = Said(max(degrees, key=lambda each: (math.isnan(each), each)), now)

    def _sample(self, number: int, state: int) -> PilotSample:
        """Only the state is said: that its own PWM runs is the board's matter, and its diode flag says what it saw."""
        pwm = 0 < duty_of(self.wishes[number].pilot, self._map) < self._map.x1
        return sample_of("ABCDEF"[state], pwm=pwm and state in (1, 2, 3), diode_fault="diode" in self._errors[number])

    def _flags(self, number: int, outlet: Outlet, flags: Fields, now: float) -> None:
        found = {name for at, name in enumerate(self._map.error_names, 1) if flags.get(at)}
        self._errors[number] = frozenset(found)
        texts = [ERROR_TEXTS[name] for name in sorted(found & ERROR_TEXTS.keys())]
        outlet.fault = ", ".join(texts)

    # --- speaking ---------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bytes:
        self._publish()
        out = b""
        if not self._started:
            if now >= self._reset_at:
                self._reset_at = now + RESET_AGAIN_S
                self.trouble = "waiting for its answer to a reset"
                out += encode(self._map.reset, True)
            return out + self._answer_config()
        out += self._answer_config()
        again = now >= self._keep_alive_at
        if again:
            self._keep_alive_at = now + KEEP_ALIVE_S
            if self.alive(now):
                out += encode(self._map.keep_alive, field(1, int(now)) + field(6, _NAME))
        orphaned = not (self._map.falls_back or self.alive(now))  # it does not miss us: told in the guard's place
        if orphaned:
            self._refuse_running()
        for number, wished in self.wishes.items():
            wish = wished._replace(pilot=X1) if orphaned else wished
            if wish != self._told[number] or again:
                out += self._tell(number, wish, self._told[number])
                self._told[number] = wish
        return out

    def _publish(self) -> None:
        """What follows from the board's last words and from what we wish now."""
        for number, outlet in self.outlets.items():
            state = self._states[number]
            if not self._started or state is None:
                outlet.pilot = None
                continue
            flags, testing = self._errors[number], self.wishes[number].rcd_test
            by_itself = not self._map.rcd and testing and "rcd_self_test" not in flags
            outlet.rcd = Said("rcd" in flags or by_itself, state[1])
            outlet.pilot = Said(self._sample(number, state[0]), state[1])

    def _answer_config(self) -> bytes:
        if not self._asked_config or not self._config:
            return b""
        self._asked_config = False
        revision, *locks = self._config
        data = field(1, revision) + b"".join(field(2 + at, field(1, lock)) for at, lock in enumerate(locks))
        return encode(self._map.config, data)

    def _tell(self, number: int, wish: Wish, before: Wish | None) -> bytes:
        m = self._map
        close = wish.close and wish.closings != self._refused[number]
        to = (m.connector, number)
        out = encode(m.duty, duty_of(wish.pilot, m), to)
        out += encode(m.allow, field(1, self._coil) + field(2, close) if m.coil else close, to)
        if m.lock and wish.lock is not None:
            out += encode(m.lock, wish.lock, to)
        if m.rcd and before is not None:
            if wish.rcd_test is not before.rcd_test:
                out += encode(m.rcd, field(1, True) if wish.rcd_test else b"", to)
            if wish.rcd_resets != before.rcd_resets:
                out += encode(m.rcd, field(2, True), to)
        return out

    def next_at(self, now: float) -> float:
        if not self._started:
            return self._reset_at
        # a board that does not miss us must hear soon that the tick has stopped
        return self._keep_alive_at if self._map.falls_back else min(self._keep_alive_at, max(now, self.fed_at) + FED_S)

    def farewell(self) -> bytes:
        return b"".join(self._tell(number, Wish(), None) for number in self.outlets)


def _still_true(outlet: Outlet, now: float) -> None:
    """States are said on change: as long as the board speaks at all, the last ones hold."""
    for name in ("closed", "plug", "lock"):
        said = getattr(outlet, name)
        if said is not None:
            setattr(outlet, name, said._replace(at=now))


def _meter(said: Fields, now: float) -> Said[MeterReading]:
    wh, hertz = _numbers(said, METER_WH, METER_HZ)
    volts, amps, watts = (_numbers(said, *each) for each in (METER_VOLTS, METER_AMPS, METER_WATTS))
    reading = MeterReading(wh, sum(watts), volts, amps, frequency_hz=hertz or None)
    return Said(reading, now)


def _numbers(said: Fields, *numbers: int) -> tuple[float, ...]:
    """What is not sent is 0; a field of another type is no number, which nobody downstream believes."""
    found = (said.get(number, 0.0) for number in numbers)
    return tuple(math.nan if isinstance(each, bytes) else float(each) for each in found)
