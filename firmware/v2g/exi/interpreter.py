"""EXI straight from the grammars: exact, slow, and able to say where it went wrong.

The generated code hands over to this when a stream leaves the common path (an empty value written as an end of
element, an error). It is also the reference that the generated code is tested against.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from firmware.v2g.exi import bits
from firmware.v2g.exi.errors import ExiError
from firmware.v2g.exi.grammar import (
    LONGEST_LIST,
    Alternative,
    Complex,
    QName,
    SchemaSet,
    Shape,
    Simple,
    Slot,
    State,
    Value,
)
from firmware.v2g.messages.declare import UNBOUNDED

_EMPTY = {"text": "", "octets": b""}
_NOTHING = ("", b"")
_END = "000"  # EE on the second level
_STRIP_EVERY = 4096  # bits
_FIRST_ESCAPE = 3  # bits of the second level where an element starts, and while attributes may still follow


class Reader:
    """Reads elements from the integer `n` of which `p` bits are left; `total` bits make the whole stream."""

    def __init__(self, schema: SchemaSet, n: int, p: int, total: int) -> None:
        self.schema, self.n, self.p, self.total = schema, n, p, total
        self.path: list[str] = []
        self._strip_below = p - _STRIP_EVERY

    def fail(self, reason: str) -> ExiError:
        return ExiError(reason, "/".join(self.path), self.total - max(self.p, 0))

    def take(self, width: int) -> int:
        if width > self.p:
            raise self.fail("the stream ends too early")
        self.p -= width
        if self.p < self._strip_below:  # drop what was read, or each read would cost more than the one before
            self.n &= (1 << (self.p + width)) - 1
            self._strip_below = self.p - _STRIP_EVERY
        return self.n >> self.p & ((1 << width) - 1)

    def element(self, name: str, value: Value) -> Any:
        """The element `name` behind its start tag, end tag included."""
        self.path.append(name)
        if value is None:
            raise self.fail("an abstract element")
        met = self.record(value) if isinstance(value, Complex) else self.simple_element(value)
        self.path.pop()
        return met

    def simple_element(self, simple: Simple) -> Any:
        if self.take(1):
            return self.empty(simple, _FIRST_ESCAPE)
        met = self.simple(simple)
        if self.take(1):
            raise self.fail("content after the value")
        return met

    def empty(self, simple: Simple, width: int) -> Any:
        """An empty value written as EE on the second level, as EXIficient does."""
        if self.take(width) or simple.kind not in _EMPTY:
            raise self.fail("content that the schema does not know")
        return _EMPTY[simple.kind]

    def simple(self, simple: Simple) -> Any:
        kind = simple.kind
        if kind == "boolean":
            return self.take(1) == 1
        if kind == "enumeration":
            index = self.take(simple.width)
            if index >= len(simple.members):
                raise self.fail(f"enumeration value {index} of {len(simple.members)}")
            return simple.members[index]
        if kind == "bits":
            value = simple.minimum + self.take(simple.width)
        else:
            try:
                value = self._unbounded(simple)
            except ValueError as error:
                reason = str(error)
                raise self.fail("the stream ends too early" if "shift" in reason else reason) from None
        if kind in ("bits", "unsigned", "signed") and not simple.minimum <= value <= simple.maximum:
            raise self.fail(f"{value} is out of range")
        return value

    def _unbounded(self, simple: Simple) -> Any:
        value: Any
        if simple.kind == "unsigned":
            value, self.p = bits.read_unsigned(self.n, self.p, simple.longest)
        elif simple.kind == "signed":
            value, self.p = bits.read_signed(self.n, self.p, simple.longest)
        elif simple.kind == "text":
            value, self.p = bits.read_text(self.n, self.p)
        else:
            value, self.p = bits.read_octets(self.n, self.p)
        return value

    def record(self, value: Complex) -> Any:
        shape = self.schema.shape(value.cls)
        values: dict[str, Any] = {}
        slot, count = -1, 0
        while True:
            state = shape.state(slot, count)
            code = self.take(state.width)
            if code == state.end_code:
                break
            if code >= len(state.events):
                if self._ends_empty(shape, state, code, slot, values):
                    break
                raise self.fail("content that the schema does not know")
            here, choice = state.events[code]
            count = count + 1 if here == slot else 1
            slot = here
            if count > LONGEST_LIST:
                self.path.append(shape.slots[slot].alternatives[choice].qname[0])
                raise self.fail(f"more than {LONGEST_LIST} times")
            self._event(shape.slots[slot], shape.slots[slot].alternatives[choice], values)
        return self._build(shape, values, value.transparent)

    def _ends_empty(self, shape: Shape, state: State, code: int, slot: int, values: dict[str, Any]) -> bool:
        """Simple content left out: the end of the element on the second level."""
        if not shape.simple_content or "value" in values or code != len(state.events):
            return False
        content = shape.slots[-1].alternatives[0]
        if not isinstance(content.value, Simple) or not all(
            later.min_occurs == 0 or later.kind == "content" for later in shape.slots[slot + 1 :]
        ):
            return False
        values[content.field] = self.empty(content.value, _FIRST_ESCAPE)
        return True

    def _event(self, slot: Slot, alternative: Alternative, values: dict[str, Any]) -> None:
        if slot.kind == "element":
            met = self.element(alternative.qname[0], alternative.value)
        else:
            self.path.append("@" + alternative.qname[0] if slot.kind == "attribute" else "text()")
            if not isinstance(alternative.value, Simple):
                raise self.fail("not a simple value")
            met = self.simple(alternative.value)
            self.path.pop()
        if slot.repeated:
            values.setdefault(alternative.field, []).append(met)
        else:
            values[alternative.field] = met

    @staticmethod
    def _build(shape: Shape, values: dict[str, Any], transparent: bool) -> Any:
        for slot in shape.slots:
            if slot.repeated:
                name = slot.alternatives[0].field
                values[name] = tuple(values.get(name, ()))
        if transparent:
            return values.get(shape.slots[0].alternatives[0].field)
        return shape.cls(**values)


class Writer:
    """Writes elements as text of '0' and '1'. `ends_empty`: empty values as an end of element, as EXIficient does."""

    def __init__(self, schema: SchemaSet, *, ends_empty: bool = False) -> None:
        self.schema, self.ends_empty = schema, ends_empty
        self.path: list[str] = []

    def fail(self, reason: str) -> ExiError:
        return ExiError(reason, "/".join(self.path))

    def element(self, name: str, value: Value, content: Any) -> str:
        """What follows the start tag of `name`, up to and including its end."""
        self.path.append(name)
        if value is None:
            raise self.fail("an abstract element cannot be written")
        if isinstance(value, Complex):
            written = self.record(value, content)
        elif self.ends_empty and content in _NOTHING:
            written = f"1{_END}"
        else:
            written = f"0{self.simple(value, content)}0"
        self.path.pop()
        return written

    def simple(self, simple: Simple, value: Any) -> str:
        kind = simple.kind
        if kind == "boolean":
            if value not in (True, False):
                raise self.fail(f"{value!r} is no boolean")
            return "1" if value else "0"
        if kind == "enumeration":
            if value not in simple.members:
                raise self.fail(f"{value!r} is none of its values")
            index = simple.members.index(value)
            return f"{index:0{simple.width}b}" if simple.width else ""
        if kind in ("text", "octets"):
            return self._sized(simple, value)
        if not isinstance(value, int):
            raise self.fail(f"{value!r} is no integer")
        if not simple.minimum <= value <= simple.maximum:
            raise self.fail(f"{value} is not within {simple.minimum}..{simple.maximum}")
        if kind == "bits":
            return f"{value - simple.minimum:0{simple.width}b}" if simple.width else ""
        return bits.write_unsigned(value) if kind == "unsigned" else bits.write_signed(value)

    def _sized(self, simple: Simple, value: Any) -> str:
        wanted = str if simple.kind == "text" else bytes
        if not isinstance(value, wanted):
            raise self.fail(f"{value!r} is not {wanted.__name__}")
        # Empty is written even where minLength asks for more: stations leave such fields empty in failure
        # replies, and those must be readable and writable again.
        if value and not simple.minimum <= len(value) <= simple.maximum:
            unit = "characters" if simple.kind == "text" else "octets"
            limit = f"{simple.minimum}..{simple.maximum if simple.maximum < UNBOUNDED else ''}"
            raise self.fail(f"{len(value)} {unit}, allowed are {limit}")
        try:
            return bits.write_text(value) if isinstance(value, str) else bits.write_octets(value)
        except UnicodeEncodeError:
            raise self.fail("text with half a character in it") from None

    def record(self, value: Complex, content: Any) -> str:
        shape = self.schema.shape(value.cls)
        if not value.transparent and not isinstance(content, value.cls):
            raise self.fail(f"{type(content).__name__} is not {value.cls.__name__}")
        written: list[str] = []
        slot, count = -1, 0
        for here, choice, item in self._events(shape, content, value.transparent):
            state = shape.state(slot, count)
            if self.ends_empty and shape.slots[here].kind == "content" and item in _NOTHING:
                return "".join([*written, f"{len(state.events):0{state.width}b}", _END])
            count = count + 1 if here == slot else 1
            if (here, choice) not in state.events:
                raise self.fail(self._misplaced(shape, slot, here, count))
            slot = here
            written.append(f"{state.events.index((here, choice)):0{state.width}b}")
            written.append(self._content(shape.slots[here], shape.slots[here].alternatives[choice], item))
        state = shape.state(slot, count)
        if state.end_code < 0:
            raise self.fail(self._misplaced(shape, slot, None, count))
        written.append(f"{state.end_code:0{state.width}b}")
        return "".join(written)

    @staticmethod
    def _misplaced(shape: Shape, slot: int, here: int | None, count: int) -> str:
        if here is not None and here == slot:
            return f"{shape.slots[here].alternatives[0].qname[0]} more than {shape.slots[here].max_occurs} times"
        state = shape.state(slot, count)
        missing = [shape.slots[i].alternatives[a].qname[0] for i, a in state.events]
        if not missing:
            return "nothing of its kind can be written"
        return f"{' or '.join(missing)} is missing"

    def _content(self, slot: Slot, alternative: Alternative, item: Any) -> str:
        if slot.kind == "element":
            return self.element(alternative.qname[0], alternative.value, item)
        self.path.append("@" + alternative.qname[0] if slot.kind == "attribute" else "text()")
        if not isinstance(alternative.value, Simple):
            raise self.fail("not a simple value")
        written = self.simple(alternative.value, item)
        self.path.pop()
        return written

    def _events(self, shape: Shape, content: Any, transparent: bool) -> list[tuple[int, int, Any]]:
        """(slot, alternative, value) of everything that is there, in order."""
        events: list[tuple[int, int, Any]] = []
        for i, slot in enumerate(shape.slots):
            for field in dict.fromkeys(alternative.field for alternative in slot.alternatives):
                value = content if transparent else getattr(content, field)
                if slot.repeated:
                    if not isinstance(value, (tuple, list)):
                        self.path.append(slot.alternatives[0].qname[0])
                        raise self.fail(f"{type(value).__name__} is not a tuple")
                    events += [(i, self._alternative(slot, field, item), item) for item in value]
                elif value is not None or self._holds_none(slot):
                    events.append((i, self._alternative(slot, field, value), value))
        return events

    @staticmethod
    def _holds_none(slot: Slot) -> bool:
        """A mandatory transparent element whose own content is optional: None is an empty element."""
        value = slot.alternatives[0].value
        alone = slot.min_occurs == 1 and len(slot.alternatives) == 1
        return alone and isinstance(value, Complex) and value.transparent

    def _alternative(self, slot: Slot, field: str, item: Any) -> int:
        mine = [a for a, alternative in enumerate(slot.alternatives) if alternative.field == field]
        if len(mine) == 1:
            return mine[0]
        for a in mine:
            value = slot.alternatives[a].value
            if isinstance(value, Complex) and type(item) is value.cls:
                return a
        self.path.append(slot.alternatives[0].qname[0])
        raise self.fail(f"{type(item).__name__} cannot stand here")


class RelaxedCodes(NamedTuple):
    """The relaxed element fragment grammar (EXI 8.5.3) of an element declared with two types.

    In the first state: attribute Id, end of element, text. The end of element again behind the text.
    """

    width: int
    identifier: int
    end: int
    text: int
    later_width: int
    later_end: int


def relaxed_codes(schema: SchemaSet, name: QName) -> RelaxedCodes:
    attributes, elements = len(schema.attributes), len(schema.fragments)
    first = attributes + 1 + elements + 1 + 1 + 1  # AT..., AT(*), SE..., SE(*), EE, CH
    later = elements + 1 + 1 + 1  # SE..., SE(*), EE, CH
    value = schema.fragment_values[name]
    if not isinstance(value, Complex):
        raise ValueError(f"{name[0]} has no class")
    identifier = schema.attributes.index(schema.shape(value.cls).slots[0].alternatives[0].qname)
    return RelaxedCodes(first.bit_length(), identifier, first - 2, first - 1, later.bit_length(), elements + 1)
