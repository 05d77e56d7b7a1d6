"""`python -m hil.csms`: the rig's back office as a process. Prints one JSON line per message and event."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from hil.contract_office import ContractOffice
from hil.csms.records import Records
from hil.csms.server import Csms
from hil.csms.station_link import DIALECTS


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    tokens = None if options.tokens is None else set(options.tokens.split(","))
    contracts = None if options.contracts is None else ContractOffice.from_folder(options.contracts)
    records = Records(tokens, contracts, heartbeat_s=options.heartbeat)
    passwords = None if options.password is None else dict(pair.split(":", 1) for pair in options.password)
    csms = Csms(records, passwords)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await csms.listen(options.host, options.port, options.version.split(","))
    if options.control is not None:
        await csms.listen_control(options.control)
    port = next(iter(server.sockets)).getsockname()[1]
    csms.tell("ready", url=f"ws://{options.host}:{port}", versions=options.version)
    try:
        await stop.wait()
    finally:
        server.close()
        if options.control is not None:
            options.control.unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 after SIGTERM or SIGINT, 1 when the port or the control socket cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m hil.csms", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 = any free port; the ready line tells it")
    parser.add_argument("--version", default=",".join(reversed(DIALECTS)), help="offered versions, best first")
    parser.add_argument("--control", type=Path, help="Unix socket for control lines (see hil/csms/control.py)")
    parser.add_argument("--tokens", help="accepted tokens, separated by commas (default: every token)")
    parser.add_argument(
        "--contracts",
        type=Path,
        metavar="FOLDER",
        help="know contracts: others/iso2 of `pilotline pki make-test`",
    )
    parser.add_argument("--password", action="append", metavar="IDENTITY:PASSWORD", help="ask for HTTP basic login")
    parser.add_argument("--heartbeat", type=int, default=300, metavar="S", help="interval told at boot")
    options = parser.parse_args(argv)
    unknown = [version for version in options.version.split(",") if version not in DIALECTS]
    if unknown:
        parser.error(f"version {unknown[0]}: choose among {', '.join(DIALECTS)}")
    try:
        asyncio.run(run(options))
    except OSError as error:
        print(f"csms: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
