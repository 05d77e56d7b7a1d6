"""python -m hal: builds the guard of a board and runs it until it is told to end. The only place in hal that builds."""

import argparse
import grp
import logging
import os
import pwd
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hal import __version__, notify, realtime
from hal import board as boards
from hal.contracts import DeviceError
from hal.guard import Guard
from hal.link import Allowed, Link
from hal.mailbox import Event
from hal.parts import Board
from hal.ticker import Ticker
from hal.toml_document import ConfigError

DEFAULT_SOCKET: Final = Path("/run/pilotline/guard.sock")
LET_GO_S: Final = 6.5  # at the end: the 6 s a car has to let go, and a little

log = logging.getLogger("hal")

DESCRIPTION = """\
The guard of an EV charging station: owns the board's hardware, runs the control pilot and the interlocks every
10 ms, and closes a contactor only for a controller that is alive and granted it."""
EPILOG = """\
exit status: 0 ended as asked, 1 failed while running, 2 the board file or the command line is wrong,
3 the hardware or the socket cannot be had now.
example: python -m hal --board board-configs/sim-ac-type2.toml --socket /tmp/guard.sock --sim /tmp/sim.registers"""


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hal",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--board", type=Path, required=True, metavar="FILE", help="board file (board-configs/*.toml)")
    parser.add_argument(
        "--socket",
        type=Path,
        default=DEFAULT_SOCKET,
        metavar="PATH",
        help="where the controller connects (default: %(default)s)",
    )
    parser.add_argument("--sim", type=Path, metavar="PATH", help="register file of a simulated board, instead of [sim]")
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME",
        help="user that may be the controller; own user and root may",
    )
    parser.add_argument("--group", action="append", default=[], metavar="NAME", help="group that may be the controller")
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(found) if (found := os.environ.get("STATE_DIRECTORY")) else None,
        metavar="DIR",
        help="where black boxes and counters of wear are kept (default: the unit's StateDirectory=, else nowhere)",
    )
    parser.add_argument("--check", action="store_true", help="check the board file, touch no hardware, and end")
    parser.add_argument("--verbose", action="store_true", help="log every change of lease and link")
    return parser.parse_args(argv)


def _allowed(users: Sequence[str], groups: Sequence[str]) -> Allowed:
    """Raises KeyError for a name that does not exist."""
    return Allowed(
        uids=frozenset({0, os.getuid(), *(pwd.getpwnam(name).pw_uid for name in users)}),
        gids=frozenset(grp.getgrnam(name).gr_gid for name in groups),
    )


def main(argv: Sequence[str] | None = None) -> int:
    options = _arguments(argv)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        board = boards.load(options.board)
        if options.check:
            print(f"{options.board}: {board.settings.name}, {len(board.connectors)} connector(s): good")
            return 0
        allowed = _allowed(options.user, options.group)
        realtime.raise_process()
        board.attach(options.sim)
    except (ConfigError, KeyError) as error:
        print(error, file=sys.stderr)
        return 2
    except DeviceError as error:  # may be there a moment later: udev, a bus that wakes up
        print(error, file=sys.stderr)
        return 3
    try:
        link = Link(options.socket, allowed)
    except OSError as error:
        print(f"{options.socket}: cannot listen: {error.strerror}", file=sys.stderr)
        board.detach()
        return 3
    try:
        return _run(board, link, options.socket, options.state)
    finally:
        link.close()
        board.detach()


def _run(board: Board, link: Link, socket_path: Path, state: Path | None) -> int:
    guard = Guard(board, time.monotonic(), version=__version__, wake=link.wake, state=state)
    link.serve(guard)
    ending: list[float] = []

    def end(_signal: int, _frame: object) -> None:
        if not ending:
            ending.append(time.monotonic())
            guard.receive(Event.STOP)
            notify.stopping()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    guard.start_workers()
    ticker = Ticker(guard, priority=board.settings.tick_priority)
    ticker.start()
    size = f"{len(board.connectors)} connector(s)"
    means = f"tick {ticker.runs_as}, {realtime.lock_memory()}"
    print(f"guard ready: {board.settings.name}, {size}, {socket_path}; {means}", flush=True)
    realtime.step_back()  # what is left for this thread is the link
    notify.ready()
    try:
        return _serve(guard, ticker, link, ending)
    finally:
        ticker.stop()
        guard.stop_workers()


def _serve(guard: Guard, ticker: Ticker, link: Link, ending: list[float]) -> int:
    """The main thread: the link, and systemd's watchdog fed by the tick's progress."""
    period_s = notify.watchdog_period_s()
    fed_at, ticks = time.monotonic(), 0
    while ticker.alive:
        link.run_once(min(period_s or 1.0, 0.1 if ending else 1.0))
        now = time.monotonic()
        if ending and (guard.idle or now - ending[0] > LET_GO_S):
            return 0
        if period_s and now - fed_at >= period_s and guard.ticks > ticks:
            fed_at, ticks = now, guard.ticks
            notify.watchdog()
    log.error("the tick ended: all contactors were opened")
    return 1


if __name__ == "__main__":
    sys.exit(main())
