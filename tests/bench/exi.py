"""Bench: microseconds to decode and encode one message, beside the Josev path, in the same run.

    python tests/bench/exi.py [--repeat 5] [--no-josev]

Ours: bytes <-> typed message, pure Python, one core. Josev: bytes <-> its pydantic message, through JSON, py4j and
EXIficient in a Java machine (PyPI iso15118, Java >= 11), warmed up by 300 rounds before it is measured. Also: time to
load each schema set's codec from its cache, in a fresh interpreter, and the memory of all of them.
Targets: CurrentDemand and DC_ChargeLoop at most 12 us each way, a codec from its cache < 15 ms, all sets < 15 MB.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import timeit
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from firmware.v2g import exi
from firmware.v2g.exi.schemas import MODULES

ROUNDS: Final = 3000
JOSEV_WARM_UP: Final = 300
JOSEV_ROUNDS: Final = 100


class Case(NamedTuple):
    name: str
    schema: str
    namespace: str  # Josev's name of the schema set
    stream: str


CASES: Final = (
    Case(
        "supportedAppProtocolReq",
        "app_protocol",
        "urn:iso:15118:2:2010:AppProtocol",
        "8000f3ab9371d34b9b79d39ba321d34b9b79d189a98989c1d1699181d22218010000040040",
    ),
    Case("-2 SessionSetupReq", "iso2", "urn:iso:15118:2:2013:MsgDef", "8098004011d01801f7e81d792800"),
    Case(
        "-2 ChargeParameterDiscoveryRes",
        "iso2",
        "urn:iso:15118:2:2013:MsgDef",
        "80980217193a66b4de3f83d0a000000000002028c14105098750aa000000081061a01e08284c3a81081508c04180501081a01e020c0500"
        "83014018c1209c00",
    ),
    Case(
        "-2 CurrentDemandReq",
        "iso2",
        "urn:iso:15118:2:2013:MsgDef",
        "80980238a1510f6383dc9cd0d1001b810604801081e03e01061104e4020400022103c07c00",
    ),
    Case(
        "-2 CurrentDemandRes",
        "iso2",
        "urn:iso:15118:2:2013:MsgDef",
        "8098023b497d98ff329369d0e0000000204084000020c00000202102a1180218504e0080c50c0ac0101144452a504e582a4531323334352a"
        "3100000f44435f504f5745524d4554455204f009a0",
    ),
    Case(
        "-2 AuthorizationReq, signed",
        "iso2",
        "urn:iso:15118:2:2013:MsgDef",
        "8098020206df87c63eeb73ca895a1d1d1c0e8bcbddddddcb9dcccb9bdc99cbd5148bd8d85b9bdb9a58d85b0b595e1a4bd0d5a1d1d1c0e8bcb"
        "ddddddcb9dcccb9bdc99cbcc8c0c0c4bcc0d0bde1b5b191cda59cb5b5bdc9948d958d91cd84b5cda184c8d4d910311b4b218812b43a3a381d"
        "1797bbbbbb973b999737b93397aa2917b1b0b737b734b1b0b616b2bc3497a429687474703a2f2f7777772e77332e6f72672f323030312f303"
        "42f786d6c656e6323736861323536420140f51409d6a92189cf99d9a73e31e54e052599fd0085b015a74a75022284b80128006f4b070fa831"
        "0fd31a5e59def9dddfec562db7b78ec802962993d1cf46ef16725774752421cc956d0d06075c07aaed1ff7bbe0ab56a6b13e7c8cd756547f2"
        "be800056964310219c2cdbeb1fb0c25589a97ed1646800980",
    ),
    Case(
        "-20 DC_ChargeLoopReq",
        "iso20_dc",
        "urn:iso:std:iso:15118:-20:DC",
        "8034041b199a9a1c999c9a0898a82d406281001200601203810603c08303c041805020c0c810600208007d04007a01820032004106064083"
        "00104003e900",
    ),
    Case(
        "-20 DC_ChargeLoopRes",
        "iso20_dc",
        "urn:iso:std:iso:15118:-20:DC",
        "80380469bb05daed4f1ee7092fdcbd30620063e8740381fc2807c00080810a01100fe1a01e03f0481580fe1508c0",
    ),
    Case(
        "DIN CurrentDemandReq",
        "din",
        "urn:din:70121:2012:MsgDef",
        "809a02004080c1014181c210d14012c080c02803050d6030080c298744003020d08c01118286101800",
    ),
)


class Timing(NamedTuple):
    decode_us: float
    encode_us: float


def best(call: Callable[[], Any], rounds: int, repeat: int) -> float:
    return min(timeit.repeat(call, number=rounds, repeat=repeat)) / rounds * 1e6


def ours(case: Case, repeat: int) -> Timing:
    data = bytes.fromhex(case.stream)
    message = exi.decode(data, case.schema)
    if exi.encode(message) != data:
        raise SystemExit(f"{case.name}: not written as it was read")
    return Timing(
        best(lambda: exi.decode(data, case.schema), ROUNDS, repeat),
        best(lambda: exi.encode(message), ROUNDS, repeat),
    )


class Josev:
    """EXI the way the PyPI package iso15118 does it, both parties of one process pair."""

    def __init__(self) -> None:
        from iso15118.shared.exi_codec import EXI  # noqa: PLC0415 - only where it is installed
        from iso15118.shared.exificient_exi_codec import ExificientEXICodec  # noqa: PLC0415
        from iso15118.shared.settings import load_shared_settings  # noqa: PLC0415

        logging.disable(logging.CRITICAL)
        load_shared_settings()
        self.exi = EXI()
        self.exi.set_exi_codec(ExificientEXICodec())

    def timing(self, case: Case, repeat: int) -> Timing:
        data = bytes.fromhex(case.stream)
        message = self.exi.from_exi(data, case.namespace)
        for _ in range(JOSEV_WARM_UP):
            self.exi.from_exi(data, case.namespace)
            self.exi.to_exi(message, case.namespace)
        return Timing(
            best(lambda: self.exi.from_exi(data, case.namespace), JOSEV_ROUNDS, repeat),
            best(lambda: self.exi.to_exi(message, case.namespace), JOSEV_ROUNDS, repeat),
        )

    def close(self) -> None:
        self.exi.get_exi_codec().gateway.shutdown()


LOADING: Final = """
import sys, time
from importlib import import_module
from firmware.v2g.exi.generated import codec
from firmware.v2g.exi.schemas import MODULES
def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0
start = resident()
for name in sys.argv[1:]:
    t0 = time.perf_counter()
    for module in MODULES[name]:
        import_module("firmware.v2g.messages." + module)
    t1 = time.perf_counter()
    codec(name)
    print(name, (t1 - t0) * 1e3, (time.perf_counter() - t1) * 1e3)
print("memory", (resident() - start) / 1024, 0)
"""


def loading() -> list[list[str]]:
    """Per schema set: ms to import its messages, ms to load its codec; last line: MB of all of them."""
    command = [sys.executable, "-c", LOADING, *MODULES]
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # fills the cache
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [line.split() for line in ran.stdout.splitlines()]


def josev() -> Josev | None:
    try:
        return Josev()
    except (ImportError, OSError) as error:
        print(f"without Josev: {error}")
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--no-josev", action="store_true")
    options = parser.parse_args()
    other = None if options.no_josev else josev()
    head = ("us per message", "octets", "decode", "encode", "Josev decode", "encode", "factor")
    print(f"{head[0]:32} {head[1]:>6} {head[2]:>8} {head[3]:>8} {head[4]:>13} {head[5]:>9} {head[6]:>7}")
    for case in CASES:
        mine = ours(case, options.repeat)
        line = f"{case.name:32} {len(case.stream) // 2:6} {mine.decode_us:8.1f} {mine.encode_us:8.1f}"
        if other is not None:
            its = other.timing(case, options.repeat)
            line += f" {its.decode_us:13.0f} {its.encode_us:9.0f} {sum(its) / sum(mine):6.0f}x"
        print(line)
    if other is not None:
        other.close()
    print(f"\n{'ms, fresh interpreter':32} {'messages':>8} {'codec from cache':>17}")
    for name, first, second in loading():
        if name == "memory":
            print(f"all schema sets loaded: {float(first):.1f} MB")
        else:
            print(f"{name:32} {float(first):8.1f} {float(second):17.1f}")


if __name__ == "__main__":
    main()
