"""`pilotline clear EVSE CODE`: asks the running station to forget a latched fault. The guard does so only where the
cause is gone; what the faults are, `pilotline status` says."""

import argparse
import sys
from pathlib import Path

from firmware.config import StationSettings
from firmware.panel.status import NotRunning, printable, request


def main(argv: list[str]) -> int:
    """Exit code 1: not cleared, or no station answers."""
    parser = argparse.ArgumentParser(
        prog="pilotline clear", description="Clear a latched fault once its cause is gone."
    )
    parser.add_argument("evse", type=int, metavar="EVSE", help="its number, as in pilotline status")
    parser.add_argument("code", metavar="CODE", help="the fault's code, as in pilotline status, such as weld")
    default = StationSettings().control_socket
    parser.add_argument("--socket", type=Path, default=Path(default), metavar="PATH", help=f"default: {default}")
    arguments = parser.parse_args(argv)
    try:
        answer = request(arguments.socket, {"do": "clear_fault", "evse": arguments.evse, "code": arguments.code})
    except NotRunning as error:
        print(f"pilotline clear: {error}", file=sys.stderr)
        return 1
    if not answer.get("ok"):
        print(f"pilotline clear: {printable(answer.get('error', answer))}", file=sys.stderr)
        return 1
    print(f"EVSE {arguments.evse}: {printable(arguments.code)} is cleared")
    return 0
