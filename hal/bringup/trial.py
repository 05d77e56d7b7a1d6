"""Trying a board part by part, with a technician beside it: what is measured, what must be seen, what was answered.

A trial drives one part at a time while everything else is at rest; the guard must not run. Questions go to whoever is
asked (`Ask`), so that a script can answer. What comes out is a list of `Step`s; signing is hal/bringup/report.py.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from hal.contracts import DeviceError, Light, LockState, PilotMode, PilotOutput, Plug
from hal.parts import THERMOMETERS, Board, Part

Ask = Callable[[str], bool]  # a question for people -> yes
FOLLOW_S: Final = 0.25  # a mirror contact follows within this (hal reference 3)
TRIP_S: Final = 0.5
SETTLE_S: Final = 15.0  # an insulation monitor, until its first valid value
SELF_TEST_S: Final = 30.0  # hal reference 7
RESTING_OHM: Final = 100_000.0  # 100 Ohm/V of 1000 V: what an output that nothing is plugged into has at least
_LOOK_S: Final = 0.01
TRIP: Final = "Trip this input now (press, open or disconnect it) and say yes while it is tripped; no = leave it out."


class Step(msgspec.Struct, frozen=True):
    """One thing tried. `measured` and `limit` are for people; `result`: ok, failed, or skipped with its reason."""

    connector: int
    part: str
    what: str
    result: str
    measured: str = ""
    limit: str = ""


class Trial:
    """All parts of an attached board, in an order in which each only needs those before it."""

    def __init__(self, board: Board, ask: Ask) -> None:
        self._board = board
        self._ask = ask

    def run(self) -> Iterator[Step]:
        for part in self._board.parts.values():
            yield from self._try(0, part)
        for connector in self._board.connectors:
            order = sorted(connector.parts.values(), key=lambda part: _ORDER.index(part.name))
            for part in order:
                yield from self._try(connector.settings.id, part)

    def _try(self, number: int, part: Part) -> Iterator[Step]:
        attempt = _TRIALS.get(part.name)
        if attempt is None:
            yield Step(number, part.name, "is there", "ok", part.driver_name)
            return
        try:
            with self._fed():
                for what, good, measured, limit in attempt(part.driver, self._ask):
                    yield Step(number, part.name, what, "ok" if good else "failed", measured, limit)
        except DeviceError as error:
            yield Step(number, part.name, "answers", "failed", str(error))

    @contextlib.contextmanager
    def _fed(self) -> Iterator[None]:
        """Where a watchdog holds the outputs it is fed meanwhile, else no contactor would close."""
        board = self._board
        every = (board.parts, *(connector.parts for connector in board.connectors))
        feeders = [parts["watchdog"].driver for parts in every if "watchdog" in parts]
        if board.settings.on_guard_death != "hardware_watchdog" or not feeders:
            yield
            return
        done = threading.Event()

        def feed() -> None:
            with contextlib.suppress(DeviceError):  # a watchdog that fails lets the outputs go: the trial sees it
                while not done.wait(_LOOK_S):
                    for feeder in feeders:
                        feeder.feed()

        feeding = threading.Thread(target=feed, name="watchdog", daemon=True)
        feeding.start()
        try:
            yield
        finally:
            done.set()
            feeding.join()


Results = Iterator[tuple[str, bool, str, str]]


def _soon(read: Callable[[], bool], within_s: float) -> float | None:
    """Seconds until `read` is true, None when it is not in time."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) <= within_s:
        if read():
            return passed
        time.sleep(_LOOK_S)
    return None


def _pilot(driver: Any, ask: Ask) -> Results:
    ask("Unplug every car from this connector.")
    driver.drive(PilotOutput(PilotMode.X1))
    time.sleep(0.05)
    high = driver.read().high_mv
    yield "X1 without a car", 11_000 <= high <= 13_000, f"{high} mV", "11000..13000 mV"
    driver.drive(PilotOutput(PilotMode.DUTY, 50.0))
    time.sleep(0.05)
    sample = driver.read()
    yield "50 %, upper half", 11_000 <= sample.high_mv <= 13_000, f"{sample.high_mv} mV", "11000..13000 mV"
    yield "50 %, lower half", -13_000 <= sample.low_mv <= -11_000, f"{sample.low_mv} mV", "-13000..-11000 mV"
    driver.drive(PilotOutput(PilotMode.F))
    time.sleep(0.05)
    low = driver.read().low_mv
    yield "F", -13_000 <= low <= -11_000, f"{low} mV", "-13000..-11000 mV"
    driver.drive(PilotOutput(PilotMode.X1))
    seen = ask("Measure the pilot: is it 1 kHz (995..1005 Hz) at 50 %, and +12 V now?")
    yield "seen by a second instrument", seen, "yes" if seen else "no", "995..1005 Hz"


def _proximity(driver: Any, ask: Ask) -> Results:
    ask("Unplug every cable.")
    plug = driver.read()
    yield "no cable", plug is Plug.NONE, str(plug), "none"


def _contactor(driver: Any, ask: Ask) -> Results:
    if driver.closed() is None:
        driver.close()
        heard = ask("Did the contactor close?")
        driver.open()
        yield "closes (no mirror contact)", heard, "yes" if heard else "no", "seen or heard"
        return
    driver.open()
    yield "mirror contact shows open", driver.closed() is False, "open" if not driver.closed() else "closed", "open"
    if not ask("Is the output free of cars and people? The contactor closes for a moment."):
        yield "closes", False, "not allowed by the technician", ""
        return
    driver.close()
    took = _soon(lambda: bool(driver.closed()), FOLLOW_S)
    driver.open()
    yield "closes", took is not None, _ms(took), f"{FOLLOW_S * 1000:.0f} ms"
    took = _soon(lambda: not driver.closed(), FOLLOW_S)
    yield "opens", took is not None, _ms(took), f"{FOLLOW_S * 1000:.0f} ms"


def _phase_switch(driver: Any, ask: Ask) -> Results:
    for phases in (1, 3):
        driver.set(phases)
        took = _soon(lambda wanted=phases: driver.phases() in (None, wanted), FOLLOW_S)  # type: ignore[misc]
        yield f"{phases} phase(s)", took is not None, _ms(took), f"{FOLLOW_S * 1000:.0f} ms"


def _rcd(driver: Any, ask: Ask) -> Results:
    quiet = not driver.tripped()
    yield "is quiet", quiet, "quiet" if quiet else "tripped", "quiet"
    driver.test(True)
    took = _soon(driver.tripped, TRIP_S)
    driver.test(False)
    yield "trips on its test current", took is not None, _ms(took), f"{TRIP_S * 1000:.0f} ms"
    driver.reset()
    took = _soon(lambda: not driver.tripped(), TRIP_S)
    yield "is quiet again", took is not None, _ms(took), f"{TRIP_S * 1000:.0f} ms"


def _lock(driver: Any, ask: Ask) -> Results:
    for name, move, wanted in (
        ("locks", driver.lock, LockState.LOCKED),
        ("unlocks", driver.unlock, LockState.UNLOCKED),
    ):
        began = time.monotonic()
        move()
        state = driver.state()
        yield name, state is wanted, f"{state} after {time.monotonic() - began:.1f} s", str(wanted)


def _input(driver: Any, ask: Ask) -> Results:
    at_rest = not driver.active()
    yield "at rest", at_rest, "rest" if at_rest else "tripped", "rest"
    if ask(TRIP):
        tripped = driver.active()
        yield "trips", tripped, "tripped" if tripped else "rest", "tripped"
        ask("Put it back to rest.")


def _meter(driver: Any, ask: Ask) -> Results:
    reading = driver.read()
    volts = ", ".join(f"{each:.1f}" for each in reading.voltage_v)
    amps = max(reading.current_a, default=0.0)
    yield "answers", True, f"{volts} V, {reading.import_wh:.0f} Wh", ""
    yield "no current at rest", abs(amps) < 0.5, f"{amps:.2f} A", "0.5 A"


def _thermometer(driver: Any, ask: Ask) -> Results:
    value = driver.read()
    yield "plausible", -30 <= value <= 60, f"{value:.1f} °C", "-30..60 °C"


def _reader(driver: Any, ask: Ask) -> Results:
    driver.poll()
    yield "answers", True, "", ""


def _indicator(driver: Any, ask: Ask) -> Results:
    for light in (Light.AVAILABLE, Light.CHARGING, Light.FAULTED):
        driver.show(light)
        seen = ask(f"Does it show {light}?")
        yield f"shows {light}", seen, "yes" if seen else "no", ""
    driver.show(Light.OFF)


def _dc_supply(driver: Any, ask: Ask) -> Results:
    driver.set(0.0, 0.0, on=False)
    reading = driver.read()
    yield "off and without voltage", abs(reading.voltage_v) < 60, f"{reading.voltage_v:.0f} V", "60 V"


def _isolation_monitor(driver: Any, ask: Ask) -> Results:
    driver.start()
    try:
        found: list[float] = []
        _soon(lambda: _resistance(driver, found), SETTLE_S)
        measured = f"{found[0] / 1000:.0f} kOhm" if found else "not in time"
        yield "measures", bool(found) and found[0] >= RESTING_OHM, measured, f"{RESTING_OHM / 1000:.0f} kOhm"
        driver.self_test()
        _soon(lambda: driver.read().self_test in ("passed", "failed"), SELF_TEST_S)
        said = driver.read().self_test
        yield "passes its self test", said == "passed", said, "passed"
    finally:
        driver.stop()


def _resistance(driver: Any, found: list[float]) -> bool:
    ohm = driver.read().ohm
    if ohm is not None:
        found.append(ohm)
    return bool(found)


def _ms(took: float | None) -> str:
    return "not in time" if took is None else f"{took * 1000:.0f} ms"


_INPUTS: Final = ("emergency_stop", "pe_monitor", "mains_fail", "tamper")
_TRIALS: Final[dict[str, Callable[[Any, Ask], Results]]] = {
    "pilot": _pilot,
    "proximity": _proximity,
    "contactor": _contactor,
    "ac_contactor": _contactor,
    "phase_switch": _phase_switch,
    "rcd": _rcd,
    "lock": _lock,
    "meter": _meter,
    "ac_meter": _meter,
    **dict.fromkeys(THERMOMETERS, _thermometer),
    **dict.fromkeys(_INPUTS, _input),
    "token_reader": _reader,
    "indicator": _indicator,
    "dc_supply": _dc_supply,
    "isolation_monitor": _isolation_monitor,
}
_ORDER: Final = (
    *_INPUTS, "pilot", "proximity", *THERMOMETERS, "meter", "ac_meter", "rcd", "lock", "phase_switch",
    "contactor", "ac_contactor", "dc_enable", "dc_supply", "isolation_monitor", "indicator", "token_reader",
    "shunt_trip", "watchdog",
)  # fmt: skip
