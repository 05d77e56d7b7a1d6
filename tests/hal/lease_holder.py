"""A controller reduced to what the guard can see of it: echoes beats, grants one session. A process, to be killed."""

import argparse
import socket
import sys

from hal import wire
from hal.contracts import PilotMode


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--duty", type=float, default=100 * 16 / 60)
    parser.add_argument("--failsafe", type=float, default=8.0)
    parser.add_argument("--ride-through", type=float, default=2.0)
    parser.add_argument("--dc", action="store_true")
    options = parser.parse_args()
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect(options.socket)
    asked_in, charging, said, checked = 0, False, "", False
    while packet := link.recv(wire.MAX_PACKET):
        message = wire.decode_from_guard(packet)
        if isinstance(message, wire.Observation):
            charging = charging or message.closed
            if options.dc and not checked and message.dc is not None and message.dc.cable_check == "passed":
                checked = True
                link.send(wire.encode(wire.DcIntent(asked_in, 1, "deliver", 400.0, 16.0)))
            if message.why_open != said:  # a test that fails shows it
                said = message.why_open
                print(f"{message.at:.2f} {said or 'closed'}", file=sys.stderr, flush=True)
        if not isinstance(message, wire.Beat):
            continue
        link.send(wire.encode(wire.Lease(message.tick, message.epoch)))
        # once; again only where a busy machine cost the lease before there was anything to lose
        if charging or not message.held or asked_in == message.epoch:
            continue
        asked_in = epoch = message.epoch
        link.send(wire.encode(wire.SetPilot(epoch, 1, PilotMode.DUTY, options.duty)))
        link.send(wire.encode(wire.GrantIntent(epoch, 1, "s1", 16.0, options.failsafe, options.ride_through)))
        if options.dc:
            link.send(wire.encode(wire.DcIntent(epoch, 1, "cable_check", 450.0)))
        print("asked", flush=True)


if __name__ == "__main__":
    main()
