"""`python -m hil.car_iso2`: an ISO 15118-2 AC car as a process. Its wire goes to the station's network interface, its
pilot to the plant. Prints one JSON line per message and event."""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from firmware.v2g.exi import log_line
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import Message
from hil.cars.discovery import NO_TLS, SDP_PORT, TLS, Endpoint, find_station
from hil.cars.iso2 import Wish, charge
from hil.cars.secc import Secc, SessionFailed
from hil.cars.vehicle import Vehicle
from hil.places import PlaceError, control_socket
from hil.plant.commands import RigError
from hil.rig import Rig, SocketLink


def tell(event: str, **fields: object) -> None:
    """One JSON line about what happened."""
    print(json.dumps({"at": round(time.time(), 3), "event": event, **fields}), flush=True)


def tell_message(direction: str, message: Message, octets: int) -> None:
    body = message.body if isinstance(message, iso2.V2gMessage) else message
    tell(direction, name=type(body).__name__, text=log_line(message), octets=octets)


async def connect(options: argparse.Namespace, endpoint: Endpoint) -> Secc:
    """Connect as the station's answer says. Raises SessionFailed, OSError."""
    if not options.tls:
        return await Secc.connect(endpoint, tell_message, options.patience)
    if endpoint.security != TLS:
        raise SessionFailed("the station answered the request for TLS with: none")
    from hil.cars.tls import iso2_context  # noqa: PLC0415 - a car without TLS needs no ssl

    secc = await Secc.connect(endpoint, tell_message, options.patience, iso2_context(options.ca))
    tell("secured", tls=secc.tls)
    return secc


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


async def drive(options: argparse.Namespace, car: Vehicle) -> int:
    """Arrive, charge, leave. Exit code: 0 the session ended as it should, 1 it did not."""
    wish = Wish(
        energy_wh=options.energy_wh,
        soc_percent=options.target_soc,
        seconds=options.seconds,
        max_current_a=options.max_current,
        phases=options.phases,
        evccid=bytes.fromhex(options.evccid),
        patience_s=options.card_within,
        pace_s=options.pace,
        pause=options.pause,
    )
    car.arrive(wish.max_current_a, wish.phases, options.soc)
    tell("plugged", soc_percent=car.soc_percent)
    code = 0
    try:
        car.wait_for_digital(options.digital_within)
        if options.slac:
            await find_plug(options.interface)
        security = TLS if options.tls else NO_TLS
        endpoint = await find_station(options.interface, options.sdp_port, options.unicast, security=security)
        tell("found", address=endpoint.address, port=endpoint.port, tls=endpoint.security == TLS)
        secc = await connect(options, endpoint)
        secc.session_id = bytes.fromhex(options.session)
        try:
            reason = await charge(secc, car, wish)
        finally:
            await secc.close()
        tell(
            "ended",
            reason=reason,
            charged_wh=car.charged_wh,
            soc_percent=car.soc_percent,
            session=secc.session_id.hex(),
        )
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


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 when the session ended as it should."""
    parser = argparse.ArgumentParser(prog="python -m hil.car_iso2", description=__doc__)
    parser.add_argument("--interface", default="lo", help="towards the station")
    parser.add_argument("--sdp-port", type=int, default=SDP_PORT)
    parser.add_argument("--unicast", metavar="ADDRESS", help="ask this address instead of ff02::1")
    parser.add_argument("--tls", action="store_true", help="TLS 1.2 as ISO 15118-2 has it")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the V2G roots this car trusts (PEM); needed for --tls")
    parser.add_argument("--control", type=Path, help="rig-control socket (default: the rig's folder)")
    parser.add_argument("--connector", type=int, default=1)
    parser.add_argument("--evccid", default="02c0ffee0001", help="the car's MAC address in hex")
    parser.add_argument("--energy-wh", type=float, default=20_000.0)
    parser.add_argument("--soc", type=float, help="state of charge at arrival, in percent")
    parser.add_argument("--target-soc", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=86_400.0, help="charge at most this long")
    parser.add_argument("--max-current", type=float, default=16.0)
    parser.add_argument("--phases", type=int, default=3, choices=(1, 2, 3))
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two ChargingStatusReq")
    parser.add_argument("--card-within", type=float, default=60.0, help="seconds to wait for the authorisation")
    parser.add_argument("--digital-within", type=float, default=20.0, help="seconds to wait for 5 %% on the pilot")
    parser.add_argument("--patience", type=float, default=1.0, help="stretches the message timers")
    parser.add_argument("--pause", action="store_true", help="end with SessionStop(Pause)")
    parser.add_argument("--session", default="00" * 8, help="resume this session id")
    parser.add_argument("--slac", action="store_true", help="match over the power line first (hil.plc; needs root)")
    parser.add_argument("--stay", action="store_true", help="do not unplug at the end")
    options = parser.parse_args(argv)
    if options.tls and options.ca is None:
        parser.error("--tls needs --ca FILE")
    try:
        link = SocketLink(options.control or control_socket())
        return asyncio.run(drive(options, Vehicle(Rig(link, options.connector))))
    except (RigError, PlaceError) as error:
        print(f"car: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
