"""At the edges of every simple type of every schema, the generated code does what the interpreter does.

The interpreter checks each value in plain sight; the fast code gets the same checks out of table look-ups and
negative shifts. Here each single-valued field of each type is set to its limits and to one beyond them.
"""

from typing import Any

import pytest

from firmware.v2g import exi
from firmware.v2g.exi import bits
from firmware.v2g.exi.generate import ordinary
from firmware.v2g.exi.generated import FAULTS, codec, slow_write
from firmware.v2g.exi.grammar import Complex, SchemaSet, Shape, Simple
from firmware.v2g.exi.interpreter import Reader, Writer
from firmware.v2g.exi.schemas import MODULES, schema_set
from firmware.v2g.messages.declare import Record, replace
from firmware.v2g.messages.replies import smallest

LONGEST_TRIED = 2000


def shapes(name: str) -> list[Shape]:
    schema = schema_set(name)
    wanted = [schema.shape(cls) for cls in schema.classes if not cls.wire.abstract and not cls.wire.transparent]
    return [shape for shape in wanted if ordinary(shape)]


def edges(simple: Simple) -> list[Any]:
    """Values at the limits of a type and beyond them, and some of another kind."""
    low, high = simple.minimum, simple.maximum
    match simple.kind:
        case "boolean":
            return [True, False, "true", None]
        case "enumeration":
            return [simple.members[0], simple.members[-1], "NoSuchValue", 0]
        case "text":
            lengths = {low - 1, low, high, high + 1, 130} & set(range(1, LONGEST_TRIED))
            return ["x" * length for length in lengths] + ["\u00e9", "\U0001f600" * max(low, 1), b"x", 5]
        case "octets":
            lengths = {low - 1, low, high, high + 1, 130} & set(range(1, LONGEST_TRIED))
            return [bytes([0x80]) * length for length in lengths] + ["x", 5]
        case _:
            middle = [value for value in (0, -1, 127, 128, 16383, 16384, -129) if low <= value <= high]
            return [low - 1, low, *middle, high, high + 1, "1", 0.5]


class Unchecked(Writer):
    """Writes numbers and lengths that the schema does not allow, as a broken peer would."""

    def simple(self, simple: Simple, value: Any) -> str:
        if simple.kind in ("unsigned", "signed") and isinstance(value, int):
            if simple.kind == "signed":
                return bits.write_signed(value)
            if value >= 0:
                return bits.write_unsigned(value)
        return super().simple(simple._replace(minimum=0) if simple.kind in ("text", "octets") else simple, value)


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except FAULTS:
        return "refused"


def each_edge(shape: Shape) -> list[tuple[str, Record]]:
    base = smallest(shape.cls)
    found = []
    for slot in shape.slots:
        for alternative in slot.alternatives:
            if slot.repeated or len(slot.alternatives) > 1 or not isinstance(alternative.value, Simple):
                continue
            for value in edges(alternative.value):
                found.append((alternative.field, replace(base, **{alternative.field: value})))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_writers_agree_at_every_edge(name: str) -> None:
    schema = schema_set(name)
    write = {type_of(schema, key): function for key, function in codec(name).writers.items()}
    for shape in shapes(name):
        for field, record in each_edge(shape):
            slow = outcome(slow_write, name, schema.classes.index(shape.cls), record)
            fast = outcome(write[shape.cls], record)
            assert fast == slow, f"{shape.cls.__name__}.{field} = {getattr(record, field)!r}"


@pytest.mark.parametrize("name", MODULES)
def test_readers_agree_at_every_edge(name: str) -> None:
    schema = schema_set(name)
    read = {type_of(schema, key): function for key, function in codec(name).readers.items()}
    for shape in shapes(name):
        for field, record in each_edge(shape):
            try:
                written = Unchecked(schema).record(Complex(shape.cls), record) + "1" * 24
            except FAULTS:
                continue
            n, p = int(written, 2), len(written)
            slow = outcome(Reader(schema, n, p, p).record, Complex(shape.cls))
            fast = outcome(read[shape.cls], n, p)
            if fast != "refused":
                assert fast[1] == 24
                fast = fast[0]
            assert fast == slow, f"{shape.cls.__name__}.{field} = {getattr(record, field)!r}"


def type_of(schema: SchemaSet, function: str) -> type[Record]:
    return schema.classes[int(function[1 : function.index("_")])]


def test_numbers_start_where_the_schema_says() -> None:
    message = exi.decode(bytes.fromhex("80400040"), "app_protocol")
    with pytest.raises(exi.ExiError, match="SchemaID"):
        exi.encode(replace(message, schema_id=256))
