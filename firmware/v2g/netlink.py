"""`python -m firmware.v2g.netlink INTERFACE`: bring an interface up with an IPv6 link-local address and no other.

A process of its own that ends at once: pyroute2 costs 10 MB, the station does not keep it. Needs CAP_NET_ADMIN.
Exit code 0 = done, 1 = it cannot be done now (one line on stderr says why), 2 = called wrongly.
"""

import argparse
import asyncio
import socket
import sys
from pathlib import Path
from typing import Final

HELPER_S: Final = 10.0
_EUI64: Final = 0  # IN6_ADDR_GEN_MODE_EUI64: the link-local address follows from the MAC, as cars expect
_ROUTER_ADVERTISEMENTS: Final = "/proc/sys/net/ipv6/conf/{}/accept_ra"


def bring_up(name: str) -> None:
    """Raises OSError; pyroute2's NetlinkError is one by its errno."""
    from pyroute2 import IPRoute  # noqa: PLC0415 - only where it is really used
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415

    index = socket.if_nametoindex(name)
    try:
        accept = Path(_ROUTER_ADVERTISEMENTS.format(name))
        if accept.exists() and accept.read_text(encoding="ascii").strip() != "0":
            accept.write_text("0", encoding="ascii")
    except OSError as error:  # a read-only /proc/sys: then an advertising car could give us a global address
        print(f"router advertisements stay on: {error}", file=sys.stderr)
    try:
        with IPRoute() as route:
            mode = {"attrs": [["AF_INET6", {"attrs": [["IFLA_INET6_ADDR_GEN_MODE", _EUI64]]}]]}
            try:
                route.link("set", index=index, IFLA_AF_SPEC=mode)
            except NetlinkError as error:  # an old kernel keeps its own way of choosing; nothing depends on it
                print(f"address mode of {name} stays: {error}", file=sys.stderr)
            route.flush_addr(index=index, family=socket.AF_INET)
            route.flush_addr(index=index, family=socket.AF_INET6, scope=0)
            route.link("set", index=index, state="up")
    except NetlinkError as error:
        raise OSError(error.code, f"{error}") from error


async def ask_for(name: str) -> str:
    """Run the helper; "" = done, else why not. Never longer than ten seconds."""
    command = [sys.executable, "-m", __name__, name]
    try:
        helper = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        return str(error)
    try:
        async with asyncio.timeout(HELPER_S):
            _, said = await helper.communicate()
    except TimeoutError:
        return f"no answer within {HELPER_S:.0f} s"
    finally:
        if helper.returncode is None:
            helper.kill()
            await helper.wait()
    lines = said.decode(errors="replace").strip().splitlines()
    return "" if helper.returncode == 0 else (lines[-1] if lines else f"exit code {helper.returncode}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m firmware.v2g.netlink", description=__doc__)
    parser.add_argument("interface")
    name: str = parser.parse_args(argv).interface
    try:
        bring_up(name)
    except ImportError:
        print("pyroute2 is not installed: pip install 'pilotline[plc]'", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
