"""From declared message classes to EXI grammars: the states of each type and the event codes in each state.

Pure description (EXI 1.0 section 8.5.4, schema-informed, bit-packed, strict=false, nothing preserved); reading
and writing by it is left to `interpreter` (exact and slow) and `generate` (fast code).

A type is a row of slots. After a slot was met k times, a state offers that slot again if k < maxOccurs, then
every slot behind it up to and including the first mandatory one, or the end of the element if there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from firmware.v2g.exi.bits import LONGEST_64_BIT, LONGEST_INTEGER
from firmware.v2g.messages.declare import UNBOUNDED, Field, Integer, Octets, Record, Text

QName = tuple[str, str]  # local name, namespace URI: sorts as EXI wants it
LONGEST_LIST = 2048
"""Cap of maxOccurs="unbounded" when reading: no bounded list of any V2G schema is longer, and a stream of zeros would
otherwise be a list with as many items as it has octets."""
_SMALL_RANGE = 4096  # integers with at most so many values are written as that many bits need


class Simple(NamedTuple):
    """A simple type. `kind`: boolean, enumeration, bits, unsigned, signed, text or octets."""

    kind: str
    minimum: int = 0
    maximum: int = 0
    members: tuple[StrEnum, ...] = ()
    hexadecimal: bool = False

    @property
    def width(self) -> int:
        """Bits of a boolean, enumeration or small integer."""
        if self.kind == "boolean":
            return 1
        count = len(self.members) if self.kind == "enumeration" else self.maximum - self.minimum + 1
        return (count - 1).bit_length()

    @property
    def longest(self) -> int:
        """The most octets that an unbounded integer may take."""
        return LONGEST_64_BIT if self.maximum < UNBOUNDED**3 else LONGEST_INTEGER


class Complex(NamedTuple):
    """A type with a class of its own; a transparent one gives its only field instead of an object."""

    cls: type[Record]
    transparent: bool = False


Value = Simple | Complex | None  # None: an abstract element, counted but never met


class Alternative(NamedTuple):
    """One production of a slot: an attribute, an element or the text content."""

    qname: QName
    field: str
    value: Value


class Slot(NamedTuple):
    """What may stand at one place: alternatives, how often, and whether they are collected in a tuple."""

    kind: str  # "attribute", "element", "content"
    alternatives: tuple[Alternative, ...]
    min_occurs: int
    max_occurs: int
    repeated: bool
    bound: bool  # there exactly when the slot before it is
    or_any: bool


class State(NamedTuple):
    """Codes 0..len(events)-1 are (slot, alternative); then come SE(*), EE and untyped CH as far as offered."""

    events: tuple[tuple[int, int], ...]
    any_code: int  # -1 where not offered
    end_code: int
    width: int


class Shape:
    """The grammar of one class."""

    def __init__(self, cls: type[Record], schema: SchemaSet) -> None:
        self.cls, wire = cls, cls.wire
        self.mixed, self.nonempty, self.transparent = wire.mixed, wire.nonempty, wire.transparent
        self.wildcard = any(field.kind == "wildcard" for field in wire.fields)
        self.slots = tuple(_slots(wire.fields, schema))
        self.simple_content = any(slot.kind == "content" for slot in self.slots)
        self._states: dict[tuple[int, int], State] = {}

    def state(self, slot: int, count: int) -> State:
        """The state after `slot` was met `count` times; slot -1 is the start."""
        key = (slot, min(count, self.slots[slot].max_occurs) if slot >= 0 else 0)
        if key not in self._states:
            self._states[key] = self._build_state(*key)
        return self._states[key]

    def _build_state(self, slot: int, count: int) -> State:
        offered, open_end = self._offered(slot, count)
        events = tuple((i, a) for i in offered for a in range(len(self.slots[i].alternatives)))
        in_content = open_end or not offered or self.slots[offered[-1]].kind != "attribute"
        met_element = slot >= 0 and self.slots[slot].kind == "element"
        held_back = self.nonempty and not met_element
        any_offered = any(self.slots[i].or_any for i in offered) or (self.wildcard and open_end)
        if held_back and any(self.slots[i].kind == "element" for i in offered):
            any_offered = False
        count_of_codes = len(events)
        any_code = end_code = -1
        if any_offered:
            any_code, count_of_codes = count_of_codes, count_of_codes + 1
        if open_end and not held_back:
            end_code, count_of_codes = count_of_codes, count_of_codes + 1
        if self.mixed and in_content:
            count_of_codes += 1  # untyped CH
        return State(events, any_code, end_code, count_of_codes.bit_length())  # one code more is the escape

    def _offered(self, slot: int, count: int) -> tuple[list[int], bool]:
        """Slots that may come next, and whether the element may end."""
        offered: list[int] = []
        if slot >= 0:
            if count < self.slots[slot].max_occurs:
                offered.append(slot)
                if count < self.slots[slot].min_occurs:
                    return offered, False
            if slot + 1 < len(self.slots) and self.slots[slot + 1].bound:
                return [slot + 1], False
        for i in range(slot + 1, len(self.slots)):
            if self.slots[i].bound:
                continue
            offered.append(i)
            if self.slots[i].min_occurs:
                return offered, False
        return offered, True


class SchemaSet:
    """All that one schema set declares: its types, its document roots and its fragment roots."""

    def __init__(self, name: str, modules: Iterable[ModuleType]) -> None:
        self.name = name
        self.classes = tuple(cls for module in modules for cls in _records(module))
        self._shapes: dict[type[Record], Shape] = {}
        roots = {(cls.wire.element, cls.wire.namespace.uri): cls for cls in self.classes if _is_global(cls)}
        self.documents: tuple[tuple[QName, type[Record]], ...] = tuple(sorted(_known(roots)))
        self.document_width = len(roots).bit_length()  # SE(*) is one code more
        self._collect_fragments()

    def _collect_fragments(self) -> None:
        values: dict[QName, set[Value]] = {qname: {Complex(cls)} for qname, cls in self.documents}
        attributes: set[QName] = set()
        for cls in self.classes:
            for slot in self.shape(cls).slots:
                for alternative in slot.alternatives:
                    if slot.kind == "attribute":
                        attributes.add(alternative.qname)
                    elif slot.kind == "element" and alternative.value is not None:
                        values.setdefault(alternative.qname, set()).add(_alone(alternative.value))
                    elif slot.kind == "element":
                        values.setdefault(alternative.qname, set())
        self.attributes = tuple(sorted(attributes))
        self.fragments: tuple[QName, ...] = tuple(sorted(values))
        self.fragment_values = {qname: _simplest(values[qname]) for qname in self.fragments}
        # Declared both with and without attributes: the simple type, beside the class in `fragment_values`.
        self.relaxed: dict[QName, Simple] = {
            qname: next(value for value in met if isinstance(value, Simple))
            for qname, met in values.items()
            if {type(value) for value in met} == {Simple, Complex} and not _same_content(self, met)
        }
        self.fragment_width = (len(values) + 1).bit_length()  # SE(*) and ED are two codes more

    def shape(self, cls: type[Record]) -> Shape:
        if cls not in self._shapes:
            self._shapes[cls] = Shape(cls, self)
        return self._shapes[cls]

    def members(self, head: type[Record]) -> list[type[Record]]:
        """The substitution group of `head`, itself included, in event code order."""
        if not head.wire.substitutable:
            return [head]
        group = [cls for cls in self.classes if cls.wire.element and issubclass(cls, head)]
        return sorted(group, key=_qname)


def element_qname(cls: type[Record]) -> QName:
    """Name of the element that `cls` has of its own; ValueError if it has none."""
    if cls.wire.element is None:
        raise ValueError(f"{cls.__name__} has no element of its own")
    return _qname(cls)


def _qname(cls: type[Record]) -> QName:
    return cls.wire.element or "", cls.wire.namespace.uri


def _is_global(cls: type[Record]) -> bool:
    return cls.wire.element is not None and not cls.wire.local


def _known(roots: dict[Any, type[Record]]) -> Iterator[tuple[QName, type[Record]]]:
    return ((qname, cls) for qname, cls in roots.items())


def _records(module: ModuleType) -> Iterator[type[Record]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Record) and value.__module__ == module.__name__:
            yield value


def _alone(value: Simple | Complex) -> Value:
    """As the root of a fragment even a wrapper is an object."""
    return Complex(value.cls) if isinstance(value, Complex) else value


def _simplest(met: set[Value]) -> Value:
    """What is read when an element is declared more than once: the type with a class, else the widest."""
    simple = max((value for value in met if isinstance(value, Simple)), key=lambda one: one.maximum, default=None)
    return next((value for value in met if isinstance(value, Complex)), simple)


def _same_content(schema: SchemaSet, met: set[Value]) -> bool:
    """Whether a class only gives a name to the simple type beside it (DigestValue)."""
    bare = [value for value in met if isinstance(value, Complex)]
    return len(met) == 2 and all(
        len(slots := schema.shape(value.cls).slots) == 1 and slots[0].alternatives[0].value in met for value in bare
    )


# -- fields to slots ------------------------------------------------------------------------------------


def _slots(fields: tuple[Field, ...], schema: SchemaSet) -> Iterator[Slot]:
    """Attributes first, sorted by name; then the elements or the text, in declared order."""
    attributes = [_alternative(field) for field in fields if field.kind == "attribute"]
    needed = {field.name: int(not _optional(field)) for field in fields}
    for alternative in sorted(attributes, key=lambda one: one.qname):
        yield Slot("attribute", (alternative,), needed[alternative.field], 1, False, False, False)
    choice: list[Field] = []
    for field in fields:
        if choice and field.choice != choice[0].choice:
            yield _choice_slot(choice)
            choice = []
        if field.kind == "content":
            yield Slot("content", (_alternative(field),), 1, 1, False, False, False)
        elif field.kind in ("element", "reference"):
            if field.choice:
                choice.append(field)
            else:
                yield _element_slot(field, schema)
    if choice:
        yield _choice_slot(choice)


def _choice_slot(fields: list[Field]) -> Slot:
    """xs:choice of single elements, each with a field of its own; `?` at the end of its name makes it optional."""
    needed = 0 if fields[0].choice.endswith("?") else 1
    return Slot("element", tuple(_alternative(field) for field in fields), needed, 1, False, False, False)


def _element_slot(field: Field, schema: SchemaSet) -> Slot:
    kind, repeated = _unwrap(field.annotation)
    repeated = repeated and field.through is None
    if field.kind == "element":
        alternatives = [_alternative(field)]
    else:
        union = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
        classes = [member for cls in union for member in schema.members(cls)]
        alternatives = [
            Alternative(_qname(cls), field.name, None if cls.wire.never_met else Complex(cls, cls.wire.transparent))
            for cls in classes
        ]
    needed = 0 if _optional(field) and not field.with_previous else field.min_occurs
    return Slot("element", tuple(alternatives), needed, field.max_occurs, repeated, field.with_previous, field.or_any)


def _alternative(field: Field) -> Alternative:
    kind, _ = _unwrap(field.annotation)
    namespace = field.namespace
    if namespace is None:
        raise ValueError(f"{field.name} has no namespace")
    qualified = namespace.qualified_attributes if field.kind == "attribute" else namespace.qualified_elements
    value = Complex(field.through, transparent=True) if field.through is not None else value_of(kind)
    return Alternative((field.wire_name, namespace.uri if qualified else ""), field.name, value)


def _optional(field: Field) -> bool:
    """Whether the field may be left out. (`body: BodyElement | None` without a default may not: None is a value.)"""
    return field.default is None and NoneType in get_args(field.annotation)


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """(kind, repeats) of an annotation such as `tuple[Cost, ...]` or `Percent | None`."""
    if get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
        rest = [arg for arg in get_args(annotation) if arg is not NoneType]
        annotation = rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0], True
    return annotation, False


def value_of(kind: Any) -> Value:
    """The EXI type of a Python annotation."""
    facet: Any = None
    if get_origin(kind) is Annotated:
        kind, facet = get_args(kind)[:2]
    if kind is bool:
        return Simple("boolean")
    if kind is int:
        return _integer(facet)
    if kind is str:
        text = facet or Text()
        return Simple("text", text.min_length, text.max_length)
    if kind is bytes:
        octets = facet or Octets()
        return Simple("octets", octets.min_length, octets.max_length, hexadecimal=octets.hexadecimal)
    if issubclass(kind, StrEnum):
        return Simple("enumeration", members=tuple(kind))
    return Complex(kind, kind.wire.transparent)


def _integer(facet: Integer) -> Simple:
    low, high = facet.minimum, facet.maximum
    lowest = -(UNBOUNDED**18) if low is None else low
    highest = UNBOUNDED**18 - 1 if high is None else high
    if low is not None and high is not None and high - low < _SMALL_RANGE:
        return Simple("bits", low, high)
    return Simple("unsigned" if lowest >= 0 else "signed", lowest, highest)
