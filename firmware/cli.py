"""The command `pilotline`: what it can be asked and where each answer lives. Heavy imports wait for their command.

Other packages add commands through the entry-point group `pilotline.commands` (the rig adds `demo` and `rig`), so
that the firmware never imports them.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hal import __version__

GROUP = "pilotline.commands"
#: commands with a parser of their own: name -> (module:function taking argv, help)
OWN = {
    "status": ("firmware.panel.status:main", "what the station does now, and why it is not charging"),
    "clear": ("firmware.panel.clear:main", "clear a latched fault once its cause is gone"),
    "report": ("firmware.panel.report:main", "make the report of one charging session"),
    "ocmf": ("firmware.ocmf_command:main", "check a meter's signed record"),
    "board": ("hal.bringup.command:main", "board files and boards: check, probe, bringup, blackbox, schema"),
    "ocpp": ("firmware.ocpp_command:main", "replay: check a recorded OCPP log, and what our station would answer"),
    "pki": ("firmware.v2g.pki.command:main", "certificates towards cars: show, request, make a test PKI"),
}
#: what the rig adds, in a line: asking its modules would import them
JOINED_HELP = {
    "demo": "watch two cars charge at a simulated station",
    "rig": "move the simulated world: plug, swipe a card, faults",
}
SCHEMAS = (
    "app_protocol",
    "din",
    "iso2",
    "iso20_common",
    "iso20_ac",
    "iso20_dc",
    "iso20_wpt",
    "iso20_acdp",
    "xmldsig",
    "iso20_ac_der_iec",
)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run one command. Returns the exit code (2 = wrong usage or wrong configuration)."""
    arguments = sys.argv[1:] if argv is None else argv
    joined = {name: EntryPoint(name, value, GROUP) for name, (value, _) in OWN.items()}
    if not arguments or arguments[0] not in {"run", "check", "decode", *OWN}:  # looking for them takes 20 ms here
        joined |= {point.name: point for point in entry_points(group=GROUP)}
    try:
        if arguments and arguments[0] in joined:
            code = joined_command(joined[arguments[0]], arguments[1:])
        else:
            parsed = parser(joined).parse_args(arguments)
            run: Callable[[argparse.Namespace], int] = parsed.run
            code = run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at the end
        return 1
    return code


def joined_command(point: EntryPoint, arguments: list[str]) -> int:
    command: Callable[[list[str]], int] = point.load()
    return command(arguments)


def parser(joined: dict[str, EntryPoint]) -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="pilotline",
        description="Controller software of an EV charging station.",
        epilog="Each command has its own --help.",
    )
    top.add_argument("--version", action="version", version=f"pilotline {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the station", description=run_station.__doc__)
    run.add_argument("--board", type=Path, metavar="FILE", help="board file; needed unless a guard runs already")
    run.add_argument("--station", type=Path, required=True, metavar="FILE", help="station.toml")
    run.add_argument(
        "--guard",
        choices=("auto", "attach"),
        default="auto",
        help="auto (default): start a guard for the board file where none listens; attach: only use a running one",
    )
    run.add_argument(
        "--sim", type=Path, metavar="FILE", help="register file of a simulated board, for the started guard"
    )
    run.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    run.set_defaults(run=run_station)

    check = commands.add_parser("check", help="check board and station files", description=check_files.__doc__)
    check.add_argument("--board", type=Path, metavar="FILE")
    check.add_argument("--station", type=Path, metavar="FILE")
    check.set_defaults(run=check_files)

    decode = commands.add_parser("decode", help="show a V2G message for people", description=decode_hex.__doc__)
    decode.add_argument("--schema", choices=SCHEMAS, help="the message set; found by the V2GTP header when given")
    decode.add_argument("--fragment", action="store_true", help="the bytes are an EXI fragment (signed parts)")
    decode.add_argument(
        "hex", nargs="*", metavar="HEX", help="bytes in hex, spaces allowed, or one capture file; none = standard input"
    )
    decode.add_argument("--keys", type=Path, metavar="FILE", help="TLS key log (SSLKEYLOGFILE) of a capture")
    decode.set_defaults(run=decode_hex)

    for name, point in sorted(joined.items()):
        text = (
            OWN[name][1] if name in OWN else JOINED_HELP.get(name, f"of {point.module.split('.')[0]}; see its --help")
        )
        commands.add_parser(name, help=text, add_help=False)
    return top


def run_station(arguments: argparse.Namespace) -> int:
    """Run the station: the controller, and a guard of its own where none is running (a laptop, a first try).
    Under systemd the guard is a unit of its own and the controller only attaches."""
    from firmware.config import read  # noqa: PLC0415
    from hal.toml_document import ConfigError  # noqa: PLC0415

    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = read(arguments.station)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    from firmware.own_guard import listener  # noqa: PLC0415

    socket = settings.station.guard_socket
    if arguments.guard == "auto" and arguments.board is None and listener(socket) is None:
        print(
            f"no guard listens at {socket}; give --board FILE to start one here, or use --guard attach", file=sys.stderr
        )
        return 2
    from firmware.main import run  # noqa: PLC0415

    return run(settings, arguments.board if arguments.guard == "auto" else None, arguments.sim)


def check_files(arguments: argparse.Namespace) -> int:
    """Check a board file and a station file, alone and against each other: every fault at once, with its place and
    its remedy. Exit code 0 = both can be used."""
    from firmware.check import check  # noqa: PLC0415

    if arguments.board is None and arguments.station is None:
        print("pilotline check: give --board FILE, --station FILE or both", file=sys.stderr)
        return 2
    faults = check(arguments.board, arguments.station)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print("ok: " + " and ".join(str(path) for path in (arguments.board, arguments.station) if path))
    return 2 if faults else 0


def decode_capture(path: Path, keys: Path | None) -> int:
    from firmware.v2g.capture import CaptureError  # noqa: PLC0415
    from firmware.v2g.ladder import ladder_of_file  # noqa: PLC0415

    try:
        print(ladder_of_file(path, keys))
    except (CaptureError, OSError) as error:
        print(f"pilotline decode: {error}", file=sys.stderr)
        return 1
    return 0


def decode_hex(arguments: argparse.Namespace) -> int:
    """Show an EXI message or a V2GTP frame (hex) as a line and as XML. Without --schema the V2GTP header or the
    supportedAppProtocol handshake decides. Of a pcap or pcapng file: its sessions, a line per message."""
    from firmware.v2g.explain import Unexplained, explain  # noqa: PLC0415

    if len(arguments.hex) == 1 and Path(arguments.hex[0]).is_file():
        return decode_capture(Path(arguments.hex[0]), arguments.keys)
    text = " ".join(arguments.hex) or sys.stdin.read()
    if re.search(r"[/.]", text):
        print(f"pilotline decode: {text.strip()}: no such file", file=sys.stderr)
        return 1
    try:
        print(explain(text, arguments.schema, fragment=arguments.fragment))
    except Unexplained as error:
        print(f"pilotline decode: {error}", file=sys.stderr)
        return 1
    return 0
