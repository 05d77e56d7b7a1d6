"""`python -m hil.car`: a car with digital communication as a process: DIN SPEC 70121 and ISO 15118-2, AC and DC, paid
on the spot or by contract, well-behaved or not. Its wire goes to the station's network interface, its pilot and its
battery to the plant. Prints one JSON line per message and event."""

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from firmware.v2g.exi import log_line
from firmware.v2g.messages.declare import Message
from firmware.v2g.pki.certificates import PkiError
from hil.cars import misbehaviour
from hil.cars.contract import Wallet
from hil.cars.discovery import NO_TLS, SDP_PORT, TLS, find_station
from hil.cars.line import SessionFailed, TcpLine
from hil.cars.misbehaviour import Misbehaved
from hil.cars.secc import Secc
from hil.cars.session import charge
from hil.cars.vehicle import Vehicle
from hil.cars.wish import PROTOCOLS, Wish
from hil.places import PlaceError, control_socket
from hil.plant.command import RigError
from hil.rig import Rig, SocketLink

AC_A, DC_A = 16.0, 125.0
AC_PACE_S, DC_PACE_S = 1.0, 0.2


def tell(event: str, **fields: object) -> None:
    """One JSON line about what happened."""
    print(json.dumps({"at": round(time.time(), 3), "event": event, **fields}), flush=True)


def tell_message(direction: str, message: Message, octets: int) -> None:
    body = getattr(message, "body", message)
    tell(direction, name=type(body).__name__, text=log_line(message), octets=octets)


async def drive(options: argparse.Namespace, car: Vehicle, wallet: Wallet | None) -> int:
    """Arrive, charge, leave; SIGUSR1 has the car pause, SIGUSR2 end its charging. Exit code: 0 the session ended as it
    should, 1 it did not."""
    wish = wish_of(options)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(car, "told", "pause"))
    loop.add_signal_handler(signal.SIGUSR2, lambda: setattr(car, "told", "end"))
    car.arrive(wish.max_current_a, wish.phases, options.soc)
    tell("plugged", soc_percent=car.soc_percent)
    code = 0
    try:
        car.wait_for_digital(options.digital_within)
        if options.slac:
            await find_plug(options.interface)
        await talk(options, car, wish, wallet)
    except Misbehaved as done:
        tell("misbehaved", reason=str(done))
    except (SessionFailed, RigError, OSError) as error:
        tell("failed", reason=str(error))
        code = 1
    try:
        if not options.stay:
            car.leave()
            tell("unplugged")
    except RigError as error:
        tell("stuck", reason=str(error))
        code = 1
    return code


async def talk(options: argparse.Namespace, car: Vehicle, wish: Wish, wallet: Wallet | None) -> None:
    """Find the station, connect, charge. Raises SessionFailed, RigError, OSError."""
    security = TLS if options.tls else NO_TLS
    endpoint = await find_station(options.interface, options.sdp_port, options.unicast, security=security)
    tell("found", address=endpoint.address, port=endpoint.port, tls=endpoint.security == TLS)
    context = None
    if options.tls:
        if endpoint.security != TLS:
            raise SessionFailed("the station answered the request for TLS with: none")
        from hil.cars.tls import iso2_context  # noqa: PLC0415 - a car without TLS needs no ssl

        context = iso2_context(options.ca)
    line = await TcpLine.connect(endpoint, context)
    if line.tls:
        tell("secured", tls=line.tls)
    secc = Secc(line, tell_message, options.patience, options.misbehave, car.open_s2)
    secc.session_id = bytes.fromhex(options.session)
    try:
        reason = await charge(secc, car, wish, options.protocols, wallet)
    finally:
        await secc.close()
    tell(
        "ended",
        reason=reason,
        protocol=secc.schema,
        charged_wh=car.charged_wh,
        soc_percent=car.soc_percent,
        session=secc.session_id.hex(),
        **({"emaid": wallet.emaid} if wallet is not None else {}),
    )


async def find_plug(interface: str) -> None:
    """SLAC. Raises SessionFailed, OSError."""
    from hil.cars.slac import Unmatched, match  # noqa: PLC0415 - a car without a modem needs no raw socket

    try:
        found = await match(interface)
    except Unmatched as reason:
        raise SessionFailed(f"SLAC: {reason}") from reason
    tell(
        "matched",
        station=found.station.hex(":"),
        attenuation_db=round(found.attenuation_db, 1),
        attempts=found.attempts,
        seconds=round(found.seconds, 3),
    )


def wish_of(options: argparse.Namespace) -> Wish:
    dc = options.energy == "dc"
    return Wish(
        energy=options.energy,
        payment=options.payment,
        install=options.install or "",
        extended=options.extended,
        energy_wh=options.energy_wh,
        soc_percent=options.target_soc,
        seconds=options.seconds,
        max_current_a=options.max_current or (DC_A if dc else AC_A),
        max_voltage_v=options.max_voltage,
        phases=options.phases,
        departure_s=options.departure,
        evccid=bytes.fromhex(options.evccid),
        patience_s=options.card_within,
        pace_s=options.pace or (DC_PACE_S if dc else AC_PACE_S),
        renegotiate_after_s=options.renegotiate_after,
        pause=options.pause,
    )


def protocols(text: str) -> tuple[str, ...]:
    """A list such as `iso2,din`."""
    found = tuple(name for name in text.split(",") if name)
    for name in found:
        if name not in PROTOCOLS and not name.startswith("urn:"):
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PROTOCOLS)}, nor a namespace (urn:...)")
    return found


def misbehave(text: str) -> misbehaviour.Misbehaviour:
    try:
        return misbehaviour.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parser() -> argparse.ArgumentParser:
    ways = "\n".join(f"  {kind:14}{text}" for kind, text in misbehaviour.KINDS.items())
    made = argparse.ArgumentParser(
        prog="python -m hil.car",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"--misbehave KIND[@MESSAGE[#COUNT]][:SECONDS], for example late@CurrentDemandReq#3:1.5\n{ways}",
    )
    wire = made.add_argument_group("the wire")
    wire.add_argument("--interface", default="lo", help="towards the station")
    wire.add_argument("--sdp-port", type=int, default=SDP_PORT)
    wire.add_argument("--unicast", metavar="ADDRESS", help="ask this address instead of ff02::1")
    wire.add_argument("--slac", action="store_true", help="match over the power line first (hil.plc; needs root)")
    wire.add_argument("--tls", action="store_true", help="TLS 1.2 as ISO 15118-2 has it")
    wire.add_argument("--ca", type=Path, metavar="FILE", help="the V2G roots this car trusts (PEM); needed for --tls")
    wire.add_argument("--patience", type=float, default=1.0, help="stretches the message timers")
    wire.add_argument("--misbehave", type=misbehave, metavar="HOW", help="see below")
    talk = made.add_argument_group("what it speaks and how it pays")
    talk.add_argument(
        "--protocols", type=protocols, default=(PROTOCOLS[0],), metavar="LIST", help="iso2,din: best first"
    )
    talk.add_argument("--energy", choices=("ac", "dc"), default="ac")
    talk.add_argument("--payment", choices=("eim", "contract"), default="eim")
    talk.add_argument("--wallet", type=Path, metavar="FOLDER", help="its certificates: others/iso2 of a test PKI")
    talk.add_argument("--install", choices=("install", "update"), help="get a contract certificate first")
    talk.add_argument("--extended", action="store_true", help="DC_extended instead of DC_core")
    talk.add_argument("--evccid", default="02c0ffee0001", help="the car's MAC address in hex")
    talk.add_argument("--session", default="00" * 8, help="resume this session id")
    talk.add_argument("--pause", action="store_true", help="end with SessionStop(Pause)")
    talk.add_argument("--renegotiate-after", type=float, metavar="S", help="want a new schedule, once")
    drive = made.add_argument_group("what it wants")
    drive.add_argument("--control", type=Path, help="rig-control socket (default: the rig's folder)")
    drive.add_argument("--connector", type=int, default=1)
    drive.add_argument("--energy-wh", type=float, default=20_000.0)
    drive.add_argument("--soc", type=float, help="state of charge at arrival, in percent")
    drive.add_argument("--target-soc", type=float, default=100.0)
    drive.add_argument("--seconds", type=float, default=86_400.0, help="charge at most this long")
    drive.add_argument("--departure", type=int, metavar="S", help="leaves in so many seconds")
    drive.add_argument("--max-current", type=float, help=f"in A; {AC_A:.0f} (AC) or {DC_A:.0f} (DC) if not given")
    drive.add_argument("--max-voltage", type=float, default=500.0, help="DC, in V")
    drive.add_argument("--phases", type=int, default=3, choices=(1, 2, 3))
    drive.add_argument(
        "--pace", type=float, help=f"between two loop requests; {AC_PACE_S:g} s (AC), {DC_PACE_S:g} s (DC)"
    )
    drive.add_argument("--card-within", type=float, default=60.0, help="seconds to wait for the authorisation")
    drive.add_argument("--digital-within", type=float, default=20.0, help="seconds to wait for 5 %% on the pilot")
    drive.add_argument("--stay", action="store_true", help="do not unplug at the end")
    return made


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 when the session ended as it should, also a misbehaving car's."""
    known = parser()
    options = known.parse_args(argv)
    if options.tls and options.ca is None:
        known.error("--tls needs --ca FILE")
    if (options.payment == "contract" or options.install) and options.wallet is None:
        known.error("--payment contract and --install need --wallet FOLDER")
    try:
        wallet = None if options.wallet is None else Wallet.load(options.wallet)
        link = SocketLink(options.control or control_socket())
        return asyncio.run(drive(options, Vehicle(Rig(link, options.connector)), wallet))
    except (RigError, PlaceError, PkiError, OSError, ValueError) as error:
        print(f"car: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
