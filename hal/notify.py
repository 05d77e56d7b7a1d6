"""sd_notify(3) without a library: tell the service manager that we are ready, alive, or stopping.

Nothing happens where there is no service manager (NOTIFY_SOCKET unset). Both processes use this.
"""

import os
import socket


def ready() -> None:
    """Start-up is over: units ordered after us may start, and the watchdog counts from now."""
    send("READY=1")


def watchdog() -> None:
    """We are healthy. Call it only from what WatchdogSec= is meant to watch."""
    send("WATCHDOG=1")


def stopping() -> None:
    """An orderly stop has begun."""
    send("STOPPING=1")


def send(state: str) -> bool:
    """One datagram to NOTIFY_SOCKET; an address that starts with @ lies in the abstract namespace.

    Never raises and never waits: a service manager that is gone or busy must not stop the tick. True = handed over.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as channel:
        try:
            channel.sendto(state.encode("ascii"), address)
        except OSError:
            return False
    return True


def watchdog_period_s() -> float | None:
    """How often to call `watchdog`: half of the unit's WatchdogSec, s; None when this process is not watched."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not microseconds.isdigit():
        return None
    return int(microseconds) / 2e6 or None
