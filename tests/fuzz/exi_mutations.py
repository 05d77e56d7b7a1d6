"""Mutated EXI streams against the decoder: nothing but ExiError, no slow input, no growth.

    python tests/fuzz/exi_mutations.py [--count 1000000] [--seed N] [--samples DIR]

Takes the samples in tests/samples/exi, changes bits, bytes, lengths and schema sets, decodes, and writes what still
decodes again. Prints the slowest decode in CPU time; the exit code is 1 when anything else than ExiError came out
or an input took more than 10 ms. A failing input is printed as hex with its seed. An input over the limit is timed
three times more and its best counts, as a busy machine charges a process for what others do; such inputs are counted.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firmware.v2g import exi
from firmware.v2g.exi.generated import preload
from firmware.v2g.exi.schemas import MODULES

SAMPLES = Path(__file__).parents[1] / "samples" / "exi"
LIMIT_MS = 10.0
OTHER_SCHEMA = 0.02  # share of inputs decoded under a schema set they were not made for


@dataclass
class Result:
    tried: int = 0
    decoded: int = 0
    rewritten: int = 0
    slowest_ms: float = 0.0
    slowest_input: str = ""
    timed_again: int = 0


def seeds(directory: Path = SAMPLES) -> list[tuple[str, bool, bytes]]:
    """(schema, fragment?, stream) of every sample; .jsonl and .jsonl.gz."""
    found = []
    for path in sorted(directory.glob("*.jsonl*")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in content.decode().splitlines():
            row = json.loads(line)
            schema = row.get("schema", path.name.split(".")[0])
            found.append((schema, row["kind"] == "fragment", bytes.fromhex(row["exi"])))
    return found


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One to four changes of the kinds that broke other decoders: bits, announced lengths, cuts, repeats."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if len(changed) < 2:
            break
        at = chance.randrange(1, len(changed))
        match chance.randrange(7):
            case 0 | 1:
                changed[at] ^= 1 << chance.randrange(8)
            case 2:
                changed[at] = chance.choice((0, 0xFF, 0x80, 0x7F, chance.randrange(256)))
            case 3:
                del changed[at:]
            case 4:
                changed[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9)))
            case 5:
                changed[at : at + chance.randrange(1, 5)] = b"\xff" * chance.randrange(1, 9)
            case 6:
                end = min(len(changed), at + chance.randrange(1, 60))
                changed[at:at] = changed[at:end] * chance.randrange(1, 4)
    return bytes(changed)


def inputs(count: int, chance: random.Random, directory: Path) -> Iterator[tuple[str, bool, bytes]]:
    known = seeds(directory)
    names = list(MODULES)
    for _ in range(count):
        schema, fragment, data = chance.choice(known)
        if chance.random() < OTHER_SCHEMA:
            schema, fragment = chance.choice(names), chance.random() < OTHER_SCHEMA
        yield schema, fragment, mutate(data, chance)


def run(count: int, seed: int, directory: Path = SAMPLES) -> Result:
    """Decode `count` mutations; any exception but ExiError leaves with a note of the input."""
    result = Result()
    for schema, fragment, data in inputs(count, random.Random(seed), directory):
        started = time.thread_time()
        try:
            message = exi.decode(data, schema, fragment=fragment)
        except exi.ExiError:
            message = None
        except BaseException as error:
            error.add_note(f"seed {seed}: {schema} fragment={fragment} {data.hex()}")
            raise
        took_ms = (time.thread_time() - started) * 1e3
        result.tried += 1
        if took_ms > LIMIT_MS:
            result.timed_again += 1
            took_ms = min(timed(schema, fragment, data) for _ in range(3))
        if took_ms > result.slowest_ms:
            result.slowest_ms, result.slowest_input = took_ms, f"{schema} fragment={fragment} {data.hex()}"
        if message is None:
            continue
        result.decoded += 1
        try:
            written = exi.encode(message, schema, fragment=fragment)
        except exi.ExiError:  # a length outside its facets is read, but not written
            continue
        if exi.decode(written, schema, fragment=fragment) != message:
            raise AssertionError(f"seed {seed}: {schema} fragment={fragment} {data.hex()} is written differently")
        result.rewritten += 1
    return result


def timed(schema: str, fragment: bool, data: bytes) -> float:
    """CPU time of one decode in ms."""
    started = time.thread_time()
    with suppress(exi.ExiError):
        exi.decode(data, schema, fragment=fragment)
    return (time.thread_time() - started) * 1e3


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--samples", type=Path, default=SAMPLES)
    options = parser.parse_args()
    for name in MODULES:  # what a station loads before it is ready
        preload(name)
    gc.freeze()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = run(options.count, options.seed, options.samples)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"seed {options.seed}: {result.tried} mutations, {result.decoded} decoded, {result.rewritten} written again")
    print(f"slowest {result.slowest_ms:.2f} ms CPU ({result.timed_again} timed again), memory grew by {grown} kB")
    if result.slowest_ms > LIMIT_MS:
        print(f"TOO SLOW: {result.slowest_input}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
