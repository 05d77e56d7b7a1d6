"""python -m hal.mcu.conformance PORT: does a microcontroller on a serial port keep SPEC.md?

Every check is one rule, told in its words. Those that need a car ask for one in state C (a simulator's, a test box's)
with --car; nothing is closed without it. Exit status: 0 all kept, 1 some broken, 2 the port cannot be had.
"""

import argparse
import itertools
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from hal.controllers.cobs import FrameError, Splitter
from hal.mcu import messages
from hal.mcu.messages import Ask, Beat, Command, FromMcu, Hello, Lease, Report, ToMcu

PATIENCE_S: Final = 2.0
RELEASE_S: Final = 0.1  # what a contactor may take, unless --release-ms says otherwise
SLACK_S: Final = 0.05  # of this machine and of the line


class Broken(Exception):
    """A rule that is not kept: how it showed."""


class Heard(NamedTuple):
    message: FromMcu
    at: float


class Probe:
    """The host's end of the wire, by hand: leases are given only while `leasing`."""

    def __init__(self, port: Path, baud: int = 115_200) -> None:
        import serial  # noqa: PLC0415 - only when run

        self._port: Any = serial.Serial(str(port), baud, timeout=0, exclusive=True)
        self._splitter = Splitter(messages.MAX_FRAME)
        self.leasing = False
        self.heard: list[Heard] = []
        self.damaged = 0
        self.number = 0
        self.last_echoed_at = 0.0

    def close(self) -> None:
        self._port.close()

    def say(self, message: ToMcu) -> None:
        self._port.write(messages.encode(message))

    def raw(self, data: bytes) -> None:
        self._port.write(data)

    def command(
        self, *, mode: int = 0, duty: int = 0, close: bool = False, test: bool = False, new: bool = True
    ) -> None:
        self.number = self.number % 65_535 + 1 if new else self.number
        self.say(Command(1, self.number, mode, duty, close, test, 0, None))

    def run(self, seconds: float, until: Callable[[Heard], bool] = lambda heard: False) -> Heard | None:
        """Listen; the message `until` was waiting for, None after the time. Echoes beats while leasing."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._port.fileno()], [], [], left)[0]:
                continue
            data = os.read(self._port.fileno(), 4096)
            now = time.monotonic()
            for frame in self._splitter.feed(data):
                try:
                    heard = Heard(messages.decode_from_mcu(frame), now)
                except FrameError:
                    self.damaged += 1
                    continue
                self.heard.append(heard)
                if isinstance(heard.message, Beat) and self.leasing:
                    self.say(Lease(heard.message.beat))
                    self.last_echoed_at = now
                if until(heard):
                    return heard
        return None

    def wait(
        self, kind: type, what: str, test: Callable[[Any], bool] = lambda m: True, within_s: float = PATIENCE_S
    ) -> Heard:
        """Raises Broken."""
        found = self.run(within_s, lambda heard: isinstance(heard.message, kind) and test(heard.message))
        if found is None:
            raise Broken(f"{what}: not within {within_s:g} s")
        return found

    def rest(self) -> None:
        """No lease, told to open."""
        self.leasing = False
        self.command()
        self.run(0.5)
        self.heard.clear()


def answers(p: Probe, release_s: float) -> str:
    """Ask is answered by Hello within 100 ms, in version 1"""
    began = time.monotonic()
    p.say(Ask())
    heard = p.wait(Hello, "no Hello", within_s=0.1 + SLACK_S)
    if heard.message.version != messages.VERSION:  # type: ignore[union-attr]
        raise Broken(f"version {heard.message.version}")  # type: ignore[union-attr]
    return f"{heard.message}, {(heard.at - began) * 1000:.0f} ms"


def beats(p: Probe, release_s: float) -> str:
    """Beats come every 100 ms and count up by one"""
    p.run(2.0)
    found = [(h.message.beat, h.at) for h in p.heard if isinstance(h.message, Beat)]
    if not 17 <= len(found) <= 23:
        raise Broken(f"{len(found)} beats in 2 s")
    if any((b[0] - a[0]) & 0xFFFF != 1 for a, b in itertools.pairwise(found)):
        raise Broken(f"beats do not count up: {[beat for beat, _ in found]}")
    return f"{len(found)} in 2 s"


def reports(p: Probe, release_s: float) -> str:
    """Each outlet reports at least every 250 ms"""
    p.run(2.0)
    times = [h.at for h in p.heard if isinstance(h.message, Report) and h.message.outlet == 1]
    gap = max((b - a for a, b in itertools.pairwise(times)), default=2.0)
    if gap > messages.REPORT_S + 2 * SLACK_S:
        raise Broken(f"{gap * 1000:.0f} ms without a report")
    return f"longest gap {gap * 1000:.0f} ms"


def no_lease_no_duty(p: Probe, release_s: float) -> str:
    """Without a lease the pilot stays X1 and the contactor open, whatever is commanded"""
    p.command(mode=1, duty=2667, close=True)
    p.run(1.0)
    seen = [h.message for h in p.heard if isinstance(h.message, Report)]
    if any(r.mode != 0 or r.closed for r in seen[1:]):
        raise Broken(f"{seen[-1]}")
    return f"{len(seen)} reports"


def lease_is_held(p: Probe, release_s: float) -> str:
    """Echoed beats make a lease, which lasts as long as they are echoed; a command is obeyed and its number reported"""
    p.leasing = True
    p.wait(Beat, "no lease", lambda m: m.held)
    p.command(mode=1, duty=1000)
    p.wait(Report, "command not obeyed", lambda m: m.number == p.number and m.mode == 1 and m.duty == 1000)
    p.heard.clear()
    p.run(1.5)
    if any(isinstance(h.message, Beat) and not h.message.held for h in p.heard):
        raise Broken("lease lost while every beat was echoed")
    return ""


def old_beats_prove_nothing(p: Probe, release_s: float) -> str:
    """A beat echoed late, twice or never sent renews nothing: the lease ends 300 ms after its beat"""
    p.leasing = True
    old = p.wait(Beat, "no lease", lambda m: m.held).message
    p.leasing = False
    since, ended = p.last_echoed_at, None
    while ended is None and time.monotonic() - since < PATIENCE_S:
        for beat in (old.beat, old.beat + 30_000 & 0xFFFF):  # type: ignore[union-attr]
            p.say(Lease(beat))
        ended = p.run(0.02, lambda h: isinstance(h.message, Beat) and not h.message.held)
    if ended is None or ended.at - since > messages.LEASE_S + messages.BEAT_S + SLACK_S:
        raise Broken("lease kept alive by old beats")
    return f"ended {(ended.at - since) * 1000:.0f} ms after the last good echo"


def damage_is_dropped(p: Probe, release_s: float) -> str:
    """Damaged, overlong and unknown frames are dropped, and the next good one is heard"""
    good = messages.encode(Ask())
    for data in (b"\x00\x00", b"\xff" * 400 + b"\x00", bytes((good[0], good[1] ^ 1)) + good[2:], good[:3], b"\x00"):
        p.raw(data)
    p.raw(messages.encode(Ask()))
    p.wait(Hello, "deaf after damage")
    return ""


def a_new_field_is_passed_over(p: Probe, release_s: float) -> str:
    """Elements behind the known ones are passed over"""
    import cbor2  # noqa: PLC0415

    from hal.controllers import cobs  # noqa: PLC0415

    data = cbor2.dumps([0, messages.VERSION, 7, None])
    p.raw(cobs.stuff(data + cobs.crc16(data)) + cobs.END)
    p.wait(Hello, "a longer Ask is not answered")
    return ""


# --- with a car in state C ------------------------------------------------------------------------------------------


def _close(p: Probe) -> None:
    p.leasing = True
    p.wait(Beat, "no lease", lambda m: m.held)
    p.command(mode=1, duty=2667)
    p.wait(Report, "no PWM in state C", lambda m: m.mode == 1 and 5000 <= m.high_mv <= 7000)
    p.command(mode=1, duty=2667, close=True)
    p.wait(Report, "does not close", lambda m: m.closed is True)


def lease_end_opens(p: Probe, release_s: float) -> str:
    """The contactor is open 300 ms plus its release time after the last beat that was echoed"""
    _close(p)
    p.leasing = False
    opened = p.wait(Report, "stays closed without a lease", lambda m: m.closed is False)
    took = opened.at - p.last_echoed_at
    if took > messages.LEASE_S + release_s + SLACK_S:
        raise Broken(f"open after {took * 1000:.0f} ms")
    return f"{took * 1000:.0f} ms"


def nothing_closes_again(p: Probe, release_s: float) -> str:
    """A returned lease closes nothing until the outlet was told to open"""
    _close(p)
    p.leasing = False
    p.wait(Report, "stays closed without a lease", lambda m: m.closed is False)
    p.leasing = True
    p.wait(Beat, "no lease", lambda m: m.held)
    p.command(mode=1, duty=2667, close=True, new=False)
    if p.run(1.0, lambda h: isinstance(h.message, Report) and h.message.closed is True):
        raise Broken("closed again by itself")
    p.command(mode=1, duty=2667)
    p.run(0.1)
    p.command(mode=1, duty=2667, close=True)
    p.wait(Report, "does not close after it was told to open", lambda m: m.closed is True)
    return ""


def told_to_open_opens(p: Probe, release_s: float) -> str:
    """close = false opens at once"""
    _close(p)
    began = time.monotonic()
    p.command(mode=1, duty=2667)
    opened = p.wait(Report, "stays closed", lambda m: m.closed is False)
    if opened.at - began > release_s + SLACK_S:
        raise Broken(f"open after {(opened.at - began) * 1000:.0f} ms")
    return f"{(opened.at - began) * 1000:.0f} ms"


Check = Callable[[Probe, float], str]
CHECKS: Final[tuple[Check, ...]] = (
    answers, beats, reports, no_lease_no_duty, lease_is_held, old_beats_prove_nothing, damage_is_dropped,
    a_new_field_is_passed_over,
)  # fmt: skip
WITH_CAR: Final[tuple[Check, ...]] = (lease_end_opens, nothing_closes_again, told_to_open_opens)


def examine(probe: Probe, checks: tuple[Check, ...], release_s: float, say: Callable[[str], None] = print) -> int:
    """Number of rules that are broken."""
    broken = 0
    for check in checks:
        probe.rest()
        try:
            detail = check(probe, release_s)
        except Broken as error:
            broken += 1
            say(f"BROKEN {check.__doc__}: {error}")
        else:
            say(f"kept   {check.__doc__}" + (f" ({detail})" if detail else ""))
    probe.rest()
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=Path)
    parser.add_argument("--car", action="store_true", help="a car in state C is connected: the contactor is closed too")
    parser.add_argument("--release-ms", type=float, default=RELEASE_S * 1000, help="the contactor's (default 100)")
    options = parser.parse_args()
    try:
        probe = Probe(options.port)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        checks = CHECKS + (WITH_CAR if options.car else ())
        return 1 if examine(probe, checks, options.release_ms / 1000) else 0
    finally:
        probe.close()


if __name__ == "__main__":
    sys.exit(main())
