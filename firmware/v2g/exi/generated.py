"""Loads the generated codec of a schema set and tells, when it refuses a stream, where and why.

The fast code carries no bookkeeping for errors: the path of a refused element is read off the traceback, and
the innermost type is read once more by the interpreter, which knows the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from types import CodeType, TracebackType
from typing import Any, NamedTuple

from firmware.v2g.exi.code_cache import cached_code
from firmware.v2g.exi.errors import ExiError
from firmware.v2g.exi.grammar import Complex
from firmware.v2g.exi.interpreter import Reader, Writer
from firmware.v2g.exi.schemas import MODULES, home, schema_set
from firmware.v2g.messages.declare import Record

FAULTS = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError)
"""What fast code raises on anything that is not the common path."""

ReadFunction = Callable[[int, int], tuple[Any, int]]
WriteFunction = Callable[[Any], str]


class Root(NamedTuple):
    """One element that may stand at the root. Without functions it is the interpreter's."""

    name: str
    namespace: str
    cls: type[Record] | None
    read: ReadFunction | None
    write: WriteFunction | None
    at_home: bool  # the class alone tells element and schema set


class Codec(NamedTuple):
    """The generated code of one schema set."""

    schema: str
    document_width: int
    documents: tuple[Root, ...]
    document_codes: dict[type[Record], tuple[str, WriteFunction]]
    fragment_width: int
    fragments: tuple[Root, ...]
    readers: dict[str, ReadFunction]
    writers: dict[str, WriteFunction]
    calls: str


@cache
def codec(name: str) -> Codec:
    """The fast codec of the schema set `name`, from the cache or generated now; ValueError for no such set."""
    if name not in MODULES:
        raise ValueError(f"no schema {name!r}; there are {', '.join(MODULES)}")
    code = cached_code(name, MODULES[name], lambda: _source(name))
    return _load(name, code)


def preload(name: str) -> None:
    """Load all that decoding and refusing streams of the set `name` may need, so that no message pays for it."""
    codec(name)
    grammar = schema_set(name)
    for cls in grammar.classes:
        grammar.shape(cls)


def _source(name: str) -> str:
    from firmware.v2g.exi.generate import generate  # noqa: PLC0415 - not needed where the cache is filled

    return generate(schema_set(name))


def _load(name: str, code: CodeType) -> Codec:
    space: dict[str, Any] = {
        "slow_read": lambda number, n, p: slow_read(name, number, n, p),
        "slow_write": lambda number, message: slow_write(name, number, message),
        "abstract": abstract,
    }
    exec(code, space)  # noqa: S102 - our own generated code, checked by code_cache
    documents = _roots(name, space["DOCUMENTS"])
    width = space["DOCUMENT_WIDTH"]
    codes = {
        root.cls: (f"{number:0{width}b}", root.write)
        for number, root in enumerate(documents)
        if root.cls is not None and root.write is not None
    }
    fragments = _roots(name, space["FRAGMENTS"])
    readers = {key: value for key, value in space.items() if _numbered(key, "d")}
    writers = {key: value for key, value in space.items() if _numbered(key, "e")}
    width_alone, calls = space["FRAGMENT_WIDTH"], space["CALLS"]
    return Codec(name, width, documents, codes, width_alone, fragments, readers, writers, calls)


def _numbered(key: str, kind: str) -> bool:
    return key[0] == kind and key[1:2].isdigit()


def _roots(name: str, rows: tuple[Any, ...]) -> tuple[Root, ...]:
    return tuple(
        Root(element, uri, cls, read, write, _at_home(name, element, uri, cls))
        for element, uri, cls, read, write in rows
    )


def _at_home(schema: str, name: str, namespace: str, cls: type[Record] | None) -> bool:
    return cls is not None and (cls.wire.element, cls.wire.namespace.uri, home(cls)) == (name, namespace, schema)


def abstract(_n: int, _p: int) -> tuple[Any, int]:
    raise ValueError("an abstract element")


def slow_read(schema: str, number: int, n: int, p: int) -> tuple[Any, int]:
    """The content of type `number` by the interpreter: what the fast code had not foreseen."""
    cls = schema_set(schema).classes[number]
    reader = CarefulReader(schema, n, p)
    return reader.step(Complex(cls, cls.wire.transparent)), reader.p


def slow_write(schema: str, number: int, message: Any) -> str:
    grammar = schema_set(schema)
    cls = grammar.classes[number]
    return Writer(grammar).record(Complex(cls, cls.wire.transparent), message)


class CarefulReader(Reader):
    """The interpreter for one type; what is inside it is still read by the fast code. Counts bits from the end."""

    def __init__(self, schema: str, n: int, p: int) -> None:
        super().__init__(schema_set(schema), n, p, total=0)
        self.codec = codec(schema)

    def step(self, value: Complex) -> Any:
        return super().record(value)

    def record(self, value: Complex) -> Any:
        number = self.schema.classes.index(value.cls)
        read = self.codec.readers.get(f"d{number}_{value.cls.__name__}")
        if read is None or value.cls.wire.transparent != value.transparent:
            return super().record(value)
        try:
            met, self.p = read(self.n, self.p)
        except ExiError as fault:
            error = located(fault, self.codec) or fault
            path = "/".join([*self.path, error.path] if error.path else self.path)
            raise ExiError(error.reason, path, error.bit) from None
        except FAULTS:  # also a rare but legal form in the last bits of the stream
            return super().record(value)
        return met


class _Frame(NamedTuple):
    """One call of a generated reader: type number, line where it was, bits left when it began, stream."""

    number: int
    line: int
    left: int
    stream: int


def located(fault: Exception, fast: Codec) -> ExiError | None:
    """`fault`, raised by fast code, as an error with path and reason; its bit is minus the bits left.

    None when the interpreter finds nothing wrong: fast code reads in large steps, and a legal but rare form at the
    very end of a stream may be shorter than such a step.
    """
    frames = _frames(fault.__traceback__)
    if not frames:
        return None
    calls = dict(pair.split("=", 1) for pair in fast.calls.split(";") if pair)
    grammar = schema_set(fast.schema)
    outer = []
    for caller, called in pairwise(frames):
        element = calls.get(str(caller.line)) or grammar.classes[called.number].wire.element
        outer.append(element or grammar.classes[called.number].__name__)
    inner = frames[-1]
    error = fault if isinstance(fault, ExiError) else _reread(fast.schema, inner)
    if error is None:
        return None
    path = "/".join([*outer, error.path] if error.path else outer)
    return ExiError(error.reason, path, error.bit)


def _reread(schema: str, frame: _Frame) -> ExiError | None:
    try:
        slow_read(schema, frame.number, frame.stream, frame.left)
    except ExiError as error:
        return error
    return None


def reread(schema: str, cls: type[Record], n: int, p: int) -> tuple[Record, int]:
    """A root read by the interpreter from its start; ExiError counts bits from the end."""
    reader = CarefulReader(schema, n, p)
    message: Record = reader.step(Complex(cls))
    return message, reader.p


def _frames(traceback: TracebackType | None) -> list[_Frame]:
    frames = []
    while traceback is not None:
        name, space = traceback.tb_frame.f_code.co_name, traceback.tb_frame.f_locals
        if traceback.tb_frame.f_code.co_filename == GENERATED and name[0] == "d" and "q" in space:
            number = int(name[1 : name.index("_")])
            frames.append(_Frame(number, traceback.tb_lineno, space["q"], space.get("n0", space["n"])))
        traceback = traceback.tb_next
    return frames


GENERATED = "<exi>"  # file name of generated code in tracebacks
