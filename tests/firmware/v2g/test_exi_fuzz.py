"""Hostile bytes against the EXI decoder: a bounded part of what tests/fuzz/exi_mutations.py does for longer."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.v2g import exi
from firmware.v2g.exi.schemas import MODULES

FUZZ = Path(__file__).parents[2] / "fuzz" / "exi_mutations.py"
schemas = st.sampled_from(list(MODULES))


@given(schemas, st.booleans(), st.binary(max_size=300))
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_a_message_or_a_named_error(schema: str, fragment: bool, data: bytes) -> None:
    for stream in (data, b"\x80" + data):
        try:
            message = exi.decode(stream, schema, fragment=fragment)
        except exi.ExiError as error:
            assert error.bit is None or 0 <= error.bit <= 8 * len(stream)
            continue
        assert isinstance(message, exi.Message)


@given(schemas, st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_a_message_or_a_named_error(schema: str, text: str) -> None:
    for document in (text, f"<a>{text}</a>"):
        try:
            exi.from_xml(document, schema)
        except exi.ExiError:
            continue


def test_long_streams_of_one_byte_end() -> None:
    """A frame filled up to the cap: refused or read, without copying its rest again and again."""
    for schema in MODULES:
        for byte in (0x00, 0xFF, 0x55, 0xAA, 0x10, 0x01):
            for start in (0x00, 0x98, 0x9A, 0x40, 0xA0):
                try:
                    exi.decode(bytes([0x80, start]) + bytes([byte]) * 65534, schema)
                except exi.ExiError:
                    continue


def test_mutated_samples() -> None:
    command = [sys.executable, str(FUZZ), "--count", "40000", "--seed", "20"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert "40000 mutations" in ran.stdout, ran.stdout + ran.stderr
