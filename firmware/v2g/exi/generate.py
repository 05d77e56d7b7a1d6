"""Writes the fast codec of a schema set as Python source: one reader and one writer per type, straight-line.

What is fixed between two decisions is read in one go (`x = n >> p & mask`), and everything that is not the
common path leaves through `slow_read`, the interpreter. The decisions follow the states of `grammar`, so the
source of truth stays the message class. Types with rare shapes are left to the interpreter altogether.
"""

from __future__ import annotations

from firmware.v2g.exi.generate_parts import Names, end_number, numbers
from firmware.v2g.exi.generate_reader import ReaderSource
from firmware.v2g.exi.generate_writer import WriterSource
from firmware.v2g.exi.grammar import Complex, SchemaSet, Shape

_RUNTIME = (
    "BOOLEAN, enumeration_bits, integer_bits, more, octet_bits, octets, positive_bits, short_bits, "
    "short_octet_bits, short_text_bits, signed_bits, text, text_bits, unsigned_bits"
)


def generate(schema: SchemaSet) -> str:
    """The source. It expects `slow_read`, `slow_write` and `abstract` in its namespace (see `generated`)."""
    names = Names(schema)
    functions: list[str] = []
    labels: list[tuple[int, str]] = []  # line within `functions`, element that a call there reads
    for cls in schema.classes:
        if cls.wire.never_met:
            continue
        shape = schema.shape(cls)
        if ordinary(shape):
            reader = ReaderSource(shape, names)
            labels += [(len(functions) + offset, label) for offset, label in reader.labels]
            functions += reader.lines + WriterSource(shape, names).lines
        else:
            functions += names.slow_reader(shape) + names.slow_writer(shape)
    head = [*names.imports(), f"from firmware.v2g.exi.runtime import {_RUNTIME}", *names.tables()]
    calls = ";".join(f"{len(head) + 1 + line}={label}" for line, label in labels)
    return "\n".join([*head, *functions, *names.groups, *_roots(schema, names), f"CALLS = {calls!r}", ""])


def _roots(schema: SchemaSet, names: Names) -> list[str]:
    """Tables of document and fragment roots: (name, namespace, class, reader, writer) by event code."""
    documents = [_root(name, uri, Complex(cls), names) for (name, uri), cls in schema.documents]
    fragments = []
    for name, uri in schema.fragments:
        value = schema.fragment_values[name, uri]
        known = isinstance(value, Complex) and not value.cls.wire.never_met and (name, uri) not in schema.relaxed
        fragments.append(_root(name, uri, value if known and isinstance(value, Complex) else None, names))
    return [
        f"DOCUMENT_WIDTH = {schema.document_width}",
        f"DOCUMENTS = ({''.join(documents)})",
        f"FRAGMENT_WIDTH = {schema.fragment_width}",
        f"FRAGMENTS = ({''.join(fragments)})",
    ]


def _root(name: str, uri: str, value: Complex | None, names: Names) -> str:
    if value is None or value.cls.wire.never_met or value.cls.wire.transparent:
        return f"({name!r}, {uri!r}, None, None, None),"
    return f"({name!r}, {uri!r}, {names.cls(value.cls)}, {names.reader(value)}, {names.writer(value)}),"


def ordinary(shape: Shape) -> bool:
    """Whether fast code is written for this type; the others are rare parts of signatures and of WPT."""
    if shape.nonempty or any(slot.bound or slot.min_occurs > 1 for slot in shape.slots):
        return False
    return all(_consistent(shape, slot) for slot in range(-1, len(shape.slots)))


def _consistent(shape: Shape, slot: int) -> bool:
    """In every state, event codes must be one shift away from the running numbers of the alternatives."""
    first = numbers(shape)
    for count in (1, shape.slots[slot].max_occurs) if slot >= 0 else (0,):
        state = shape.state(slot, count)
        met = [first[i] + a for i, a in state.events]
        if met and met != list(range(met[0], met[0] + len(met))):
            return False
        if met and state.end_code >= 0 and met[0] + state.end_code != end_number(shape):
            return False
    return True
