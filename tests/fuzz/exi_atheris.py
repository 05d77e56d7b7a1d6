"""Coverage-guided fuzzing of the EXI decoder with atheris (not a dependency: `pip install atheris`).

    python tests/fuzz/exi_atheris.py [-max_total_time=600] [-runs=N] [CORPUS_DIRECTORY]

The first octet chooses schema set and root kind, the rest is the stream. Starts from the samples; libFuzzer options
work. Anything but ExiError, and anything that is written differently than it was read, stops the run.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

from firmware.v2g import exi
from firmware.v2g.exi.schemas import MODULES

sys.path.insert(0, str(Path(__file__).parent))
from exi_mutations import seeds

NAMES = list(MODULES)


def one_input(data: bytes) -> None:
    if not data:
        return
    schema, fragment = NAMES[(data[0] >> 1) % len(NAMES)], bool(data[0] & 1)
    try:
        message = exi.decode(data[1:], schema, fragment=fragment)
        written = exi.encode(message, schema, fragment=fragment)
    except exi.ExiError:
        return
    if exi.decode(written, schema, fragment=fragment) != message:
        raise AssertionError("written differently than read")


def starting_corpus() -> str:
    """The samples as files, each with its choosing octet in front."""
    directory = Path(tempfile.mkdtemp(prefix="exi-corpus-"))
    for number, (schema, fragment, stream) in enumerate(seeds()):
        (directory / str(number)).write_bytes(bytes([NAMES.index(schema) << 1 | fragment]) + stream)
    return str(directory)


def main() -> None:
    for name in NAMES:
        exi.preload(name)
    atheris.instrument_all()  # also the generated code, which no import hook sees
    corpus = [] if any(not argument.startswith("-") for argument in sys.argv[1:]) else [starting_corpus()]
    atheris.Setup([*sys.argv, *corpus], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
