"""What both halves of the generator share: running numbers of alternatives, and names of functions and tables."""

from __future__ import annotations

from firmware.v2g.exi.grammar import Complex, SchemaSet, Shape, Simple
from firmware.v2g.messages.declare import Record


def numbers(shape: Shape) -> list[int]:
    """The running number of the first alternative of each slot."""
    first, total = [], 0
    for slot in shape.slots:
        first.append(total)
        total += len(slot.alternatives)
    return first


def end_number(shape: Shape) -> int:
    """The running number of the end of the element: behind all alternatives, and SE(*) where there is one."""
    total = sum(len(slot.alternatives) for slot in shape.slots)
    return total + (1 if shape.wildcard or any(slot.or_any and slot.repeated for slot in shape.slots) else 0)


class Names:
    """Names of functions and tables in the generated source."""

    def __init__(self, schema: SchemaSet) -> None:
        self.schema = schema
        self.numbers: dict[type[Record], int] = {cls: number for number, cls in enumerate(schema.classes)}
        self.groups: list[str] = []
        self._tables: dict[str, str] = {}
        self._enumerations: dict[type, str] = {}

    def reader(self, value: Complex) -> str:
        return f"d{self.numbers[value.cls]}_{value.cls.__name__}"

    def writer(self, value: Complex) -> str:
        return f"e{self.numbers[value.cls]}_{value.cls.__name__}"

    def cls(self, cls: type[Record]) -> str:
        return f"C{self.numbers[cls]}"

    def number(self, shape: Shape) -> int:
        return self.numbers[shape.cls]

    def table(self, name: str, source: str) -> str:
        self._tables[name] = source
        return name

    def tables(self) -> list[str]:
        return [f"{name} = {source}" for name, source in self._tables.items()]

    def group(self, prefix: str, source: str) -> str:
        """A table that names functions: written behind them."""
        name = f"{prefix}{len(self.groups)}"
        self.groups.append(f"{name} = {source}")
        return name

    def members(self, simple: Simple) -> str:
        """The tuple of an enumeration's members."""
        kind = type(simple.members[0])
        alias = self._enumerations.setdefault(kind, f"N{len(self._enumerations)}")
        return self.table(f"M{alias}", f"tuple({alias})")

    def imports(self) -> list[str]:
        """Import lines for every class met, each under a short name."""
        wanted = {cls: f"C{number}" for cls, number in self.numbers.items()} | self._enumerations
        return [f"from {cls.__module__} import {cls.__name__} as {alias}" for cls, alias in wanted.items()]

    def slow_reader(self, shape: Shape) -> list[str]:
        name = self.reader(Complex(shape.cls))
        return [f"def {name}(n, p):", f"    return slow_read({self.number(shape)}, n, p)"]

    def slow_writer(self, shape: Shape) -> list[str]:
        name = self.writer(Complex(shape.cls))
        return [f"def {name}(m):", f"    return slow_write({self.number(shape)}, m)"]


def leaf(shape: Shape) -> bool:
    """A small type of plain mandatory values (PhysicalValue): written into its users instead of called."""
    return (
        not shape.transparent
        and not shape.mixed
        and 0 < len(shape.slots) <= 3
        and all(
            slot.kind == "element"
            and slot.min_occurs == slot.max_occurs == 1
            and len(slot.alternatives) == 1
            and isinstance(slot.alternatives[0].value, Simple)
            and not slot.bound
            for slot in shape.slots
        )
    )
