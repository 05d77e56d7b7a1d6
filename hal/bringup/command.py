"""`pilotline board ...`: check, probe, bringup, blackbox and schema, for the people who build and repair stations."""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hal import black_box
from hal import board as boards
from hal.bringup import packages
from hal.bringup.probe import probe
from hal.contracts import DeviceError
from hal.parts import Board
from hal.toml_document import ConfigError

DEFAULT_FOLDER: Final = Path("/var/lib/pilotline-hal")
_LAST_SAMPLES: Final = 40


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 good, 1 a fault was found, 2 file or command line are wrong, 3 the hardware is not there."""
    options = _parser().parse_args(argv)
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pilotline board", description=__doc__, epilog=main.__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="every fault of a board file, and what its parts need of this machine")
    check.add_argument("file", type=Path)
    check.set_defaults(run=_check)
    look = commands.add_parser("probe", help="what is connected, by the names that a board file uses")
    look.add_argument("--sysfs", type=Path, default=Path("/sys"), help=argparse.SUPPRESS)
    look.add_argument("--dev", type=Path, default=Path("/dev"), help=argparse.SUPPRESS)
    look.set_defaults(run=_probe)
    bring = commands.add_parser("bringup", help="try each part, step by step; ends in a signed report")
    bring.add_argument("file", type=Path)
    bring.add_argument("--technician", default="", metavar="NAME")
    bring.add_argument("--yes", action="store_true", help="yes to every question, inputs are not tripped (scripts)")
    bring.add_argument("--answers", type=Path, metavar="FILE", help="answers y or n, one a line, instead of asking")
    bring.add_argument("--sim", type=Path, metavar="PATH", help="register file of a simulated board")
    bring.add_argument("--out", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="report and key (%(default)s)")
    bring.set_defaults(run=_bringup)
    verify = commands.add_parser("verify", help="is a bring-up report as it was signed?")
    verify.add_argument("file", type=Path)
    verify.add_argument("--key", default="", metavar="HEX", help="public key of the station it must come from")
    verify.set_defaults(run=_verify)
    box = commands.add_parser("blackbox", help="what a connector did in the minute before a latched fault")
    box.add_argument("file", type=Path)
    box.add_argument("--all", action="store_true", help="every sample, not only the last and those that changed")
    box.set_defaults(run=_blackbox)
    schema = commands.add_parser("schema", help="JSON Schema of board files, for editors")
    schema.set_defaults(run=_schema)
    return parser


def _check(options: argparse.Namespace) -> int:
    try:
        board = boards.load(options.file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.file}: {board.settings.name}: the file is good")
    print(f"  when the guard dies: {board.settings.on_guard_death} ({board.settings.on_guard_death_source})")
    for connector in board.connectors:
        s = connector.settings
        size = f"{s.dc_max_power_w / 1000:g} kW DC" if s.dc else f"{s.phases} x {s.max_current_a:g} A"
        print(f"  connector {s.id}: {s.kind}, {size}: {', '.join(sorted(connector.parts))}")
    for hint in _hints(board):
        print(f"  note: {hint}")
    lacking = packages.missing(board)
    for need in lacking:
        print(f"  this machine: {need}", file=sys.stderr)
    return 1 if lacking else 0


def _hints(board: Board) -> list[str]:
    """What is allowed and still worth a thought."""
    hints = []
    if board.settings.on_guard_death == "line_release":
        hints.append("line_release must be measured on this very board: pilotline board bringup")
    for connector in board.connectors:
        number, parts = connector.settings.id, connector.parts
        for part, lacks in (
            ("meter", "no meter: no energy is known and no current is policed"),
            ("rcd", "no residual current monitor: it must be upstream, type B or A with 6 mA DC detection"),
            ("thermometer", "no thermometer: heat is not noticed"),
        ):
            if part not in parts:
                hints.append(f"connector {number} has {lacks}")
    return hints


def _probe(options: argparse.Namespace) -> int:
    for found in probe(options.sysfs, options.dev):
        key = f'{found.key} = "{found.name}"' if found.key else found.name
        print(f"{found.kind:18} {key}" + (f"   # {found.detail}" if found.detail else ""))
    return 0


def _bringup(options: argparse.Namespace) -> int:
    from hal.bringup import guard_death, page, report  # noqa: PLC0415
    from hal.bringup.trial import Trial  # noqa: PLC0415

    try:
        board = boards.load(options.file)
        digest = hashlib.sha256(options.file.read_bytes()).hexdigest()
        board.attach(options.sim)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except DeviceError as error:
        print(error, file=sys.stderr)
        if not isinstance(error.__cause__, ImportError):
            print("(is the guard still running? systemctl stop pilotline-hal)", file=sys.stderr)
        return 3
    ask = _asker(options)
    steps = []
    try:
        for step in Trial(board, ask).run():
            steps.append(step)
            print(f"{step.result:8} {step.part}: {step.what}  {step.measured}".rstrip(), flush=True)
    finally:
        board.detach()
    if board.settings.on_guard_death in ("line_release", "hardware_watchdog"):
        for connector in board.connectors:
            number = connector.settings.id
            for name in ("contactor", "ac_contactor"):
                question = (
                    f"Connector {number}: kill a guard that holds the {name.replace('_', ' ')} closed, and measure?"
                )
                if name in connector.parts and ask(question):
                    steps.append(guard_death.measure(options.file, board, number, name, options.sim))
    made = report.make(board.settings.name, digest, options.technician, steps)
    name = f"bringup-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    try:
        key = report.own_key(options.out)
        public = report.public_key(key)
        (options.out / f"{name}.json").write_bytes(report.sign(made, key))
        (options.out / f"{name}.html").write_text(page.page(made, public, f"{name}.json"), encoding="utf-8")
        (options.out / f"{name}.txt").write_text(report.text(made))
    except (OSError, ValueError) as error:
        print(f"the report cannot be kept: {error}", file=sys.stderr)
        return 3
    print(report.text(made), end="")
    print(f"signed report: {options.out / f'{name}.json'}, to read and print: {name}.html")
    print(f"key of this station: {public}")
    return 0 if made.passed else 1


def _asker(options: argparse.Namespace) -> Callable[[str], bool]:
    if options.yes:
        from hal.bringup.trial import TRIP  # noqa: PLC0415

        return lambda question: question != TRIP  # nobody is there who could
    if options.answers is not None:
        answers = iter(options.answers.read_text().split())
        return lambda question: next(answers, "n").lower().startswith("y")
    return lambda question: input(f"{question} [y/n] ").strip().lower().startswith("y")


def _said(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _verify(options: argparse.Namespace) -> int:
    from hal.bringup import report  # noqa: PLC0415

    try:
        signed = options.file.read_bytes()
        print(report.text(report.verify(signed, options.key)), end="")
        whose = "the key that was asked for" if options.key else "not known whose: compare it, or ask with --key"
        print(f"signed with {report.signer(signed)} ({whose})")
    except (OSError, ValueError) as error:
        print(f"{options.file}: {_said(error)}", file=sys.stderr)
        return 1
    return 0


def _blackbox(options: argparse.Namespace) -> int:
    try:
        story = black_box.read(options.file.read_bytes())
    except (OSError, ValueError) as error:
        print(f"{options.file}: {_said(error)}", file=sys.stderr)
        return 2
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(story.wall))
    print(f"written {written} after: {story.reason}")
    rows: list[tuple[float, str]] = list(story.events)
    before = None
    for index, s in enumerate(story.samples):
        picture = (s.level, s.mode, s.duty_percent, s.commanded, s.closed)
        if options.all or picture != before or index >= len(story.samples) - _LAST_SAMPLES:
            contact = {True: "closed", False: "open", None: "-"}[s.closed]
            command = "close" if s.commanded else "open"
            values = f"{s.high_mv:6d} {s.low_mv:6d} mV  {s.mode} {s.duty_percent:5.2f} %  {s.limit_a:g} A"
            rows.append((s.at, f"{s.level}  {values}  command {command}, contact {contact}"))
        before = picture
    for at, text in sorted(rows, key=lambda row: row[0]):
        print(f"{at:9.3f} s  {text}")
    return 0


def _schema(options: argparse.Namespace) -> int:
    from hal.bringup.report import as_json  # noqa: PLC0415
    from hal.bringup.schema import board_schema  # noqa: PLC0415

    print(as_json(board_schema()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
