"""The host's side of our wire to a safety microcontroller (SPEC.md), without I/O: answers beats, repeats wishes,
publishes reports. A microcontroller that does not do what it was told is a fault.
"""

from typing import Final

from hal.contracts import LockState, MeterReading, PilotMode, PilotSample, Plug
from hal.controllers.cobs import FrameError, Splitter
from hal.controllers.dialect import Dialect
from hal.controllers.outlet import Outlet, Said, Wish
from hal.mcu import messages
from hal.mcu.messages import (
    BEAT_S,
    FAULTS,
    LOCKS,
    MAX_FRAME,
    METER_S,
    MODES,
    PLUGS,
    REPORT_S,
    VERSION,
    Ask,
    Beat,
    Command,
    FromMcu,
    Hello,
    Lease,
    Meter,
    Report,
)

REPORTED: Final = ("pilot", "closed", "plug", "rcd", "lock", "emergency_stop", "pe_lost", "temperature_c")
OBEY_S: Final = 0.3  # from a command to the first report that has its number


class McuDialect(Dialect):
    """One per link. Values stay true while beats come, as long as reports come at all."""

    def __init__(self, outlets: int) -> None:
        super().__init__(outlets)
        self.hello: Hello | None = None
        self._forget(0.0)

    def _forget(self, now: float) -> None:
        self._splitter = Splitter(MAX_FRAME)
        self._ask_at = now
        self._lease: int | None = None
        self._numbers = dict.fromkeys(self.outlets, 0)
        self._told: dict[int, Wish | None] = dict.fromkeys(self.outlets)
        self._told_at = dict.fromkeys(self.outlets, now)
        self._changed_at = dict.fromkeys(self.outlets, now)
        self._obeyed: dict[int, int | None] = dict.fromkeys(self.outlets)
        self._reported_at = dict.fromkeys(self.outlets, float("-inf"))
        self._metered_at = dict.fromkeys(self.outlets, float("-inf"))

    def opened(self, now: float) -> None:
        self.hello = None
        self._forget(now)

    # --- hearing ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        for frame in self._splitter.feed(data):
            try:
                self._hear(messages.decode_from_mcu(frame), now)
            except FrameError as error:
                self.bad_frames += 1
                self.trouble = f"last damaged frame: {error}"

    def _hear(self, message: FromMcu, now: float) -> None:
        if isinstance(message, Hello):
            self.hello = message
            fits = message.version == VERSION and message.outlets >= len(self.outlets)
            said = f"speaks version {message.version}, drives {message.outlets} outlet(s)"
            self.trouble = "" if fits else f"{message.name}: {said}; wanted are {VERSION} and {len(self.outlets)}"
        elif isinstance(message, Beat):
            self._lease = message.beat
            for number, outlet in self.outlets.items():
                if now - self._reported_at[number] <= 2 * REPORT_S + BEAT_S:
                    _still_true(outlet, REPORTED, now)
                if now - self._metered_at[number] <= 2 * METER_S + BEAT_S:
                    _still_true(outlet, ("meter",), now)
        elif message.outlet not in self.outlets:
            self.bad_frames += 1
        elif isinstance(message, Report):
            self._report(self.outlets[message.outlet], message, now)
        else:
            self._meter(self.outlets[message.outlet], message, now)

    def _report(self, outlet: Outlet, r: Report, now: float) -> None:
        if self.trouble and self.hello is not None and self.hello.version != VERSION:
            return  # its numbers may mean something else
        self._reported_at[r.outlet], self._obeyed[r.outlet] = now, r.number
        outlet.closed = Said(r.closed, now)
        outlet.plug = None if r.plug is None else Said(Plug(PLUGS.get(r.plug, "invalid")), now)
        outlet.rcd = None if r.rcd is None else Said(r.rcd, now)
        outlet.lock = None if r.lock is None else Said(LockState(LOCKS[r.lock]), now)
        outlet.emergency_stop, outlet.pe_lost = Said(bool(r.inputs & 1), now), Said(bool(r.inputs & 2), now)
        outlet.temperature_c = None if r.temperature is None else Said(r.temperature / 10, now)
        outlet.fault = FAULTS.get(r.fault, f"fault {r.fault}") if r.fault else ""
        self._check_obeyed(outlet, r.outlet, now)
        # last: who waits for the first words looks here
        outlet.pilot = Said(PilotSample(r.high_mv, r.low_mv), now)

    def _check_obeyed(self, outlet: Outlet, number: int, now: float) -> None:
        late = now - self._changed_at[number] > OBEY_S
        if not outlet.fault and late and self._obeyed[number] != self._numbers[number]:
            outlet.fault = "the microcontroller does not do what it is told"

    def _meter(self, outlet: Outlet, m: Meter, now: float) -> None:
        self._metered_at[m.outlet] = now
        volts = tuple(each / 1000 for each in m.voltage_mv)
        amps = tuple(each / 1000 for each in m.current_ma)
        outlet.meter = Said(MeterReading(float(m.import_wh), float(m.power_w), volts, amps), now)

    # --- speaking ---------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bytes:
        out = b""
        if self.hello is None and now >= self._ask_at:
            self._ask_at = now + REPORT_S
            out += messages.encode(Ask())
        if self._lease is not None:
            if self.alive(now):
                out += messages.encode(Lease(self._lease))
            self._lease = None
        for number, wish in self.wishes.items():
            told = self._told[number]
            if told is not None and told.close and wish.close and told.closings != wish.closings:
                wish = wish._replace(close=False)  # noqa: PLW2901 - opened and closed again since: it must hear both
            if wish != told:
                self._numbers[number] = (self._numbers[number] + 1) & 0xFFFF
                self._changed_at[number] = now
            elif now < self._told_at[number] + REPORT_S:
                continue
            self._told[number], self._told_at[number] = wish, now
            out += messages.encode(self._command(number, wish))
        return out

    def _command(self, number: int, wish: Wish) -> Command:
        duty = round(wish.pilot.duty_percent * 100) if wish.pilot.mode is PilotMode.DUTY else 0
        return Command(
            outlet=number,
            number=self._numbers[number],
            mode=MODES.index(wish.pilot.mode.value),
            duty=duty,
            close=wish.close,
            rcd_test=wish.rcd_test,
            rcd_resets=wish.rcd_resets & 0xFF,
            lock=wish.lock,
        )

    def next_at(self, now: float) -> float:
        due = [told + REPORT_S for told in self._told_at.values()]
        return min([*due, self._ask_at] if self.hello is None else due)

    def farewell(self) -> bytes:
        """Safe, without waiting for the lease to end."""
        out = b""
        for number in self.outlets:
            self._numbers[number] = (self._numbers[number] + 1) & 0xFFFF
            out += messages.encode(self._command(number, Wish()))
        return out


def _still_true(outlet: Outlet, names: tuple[str, ...], now: float) -> None:
    """What is reported on change has not changed."""
    for name in names:
        said = getattr(outlet, name)
        if said is not None:
            setattr(outlet, name, said._replace(at=now))
