"""decode() and encode(): whole EXI streams, documents and fragments, of one schema set.

The header, the root and the end of the stream are handled here; what is between them by the generated code.
"""

from __future__ import annotations

import weakref
from typing import Any, cast

from firmware.v2g.exi import bits
from firmware.v2g.exi.errors import ExiError
from firmware.v2g.exi.generated import FAULTS, Codec, Root, codec, located, reread
from firmware.v2g.exi.grammar import Complex, QName, SchemaSet, Simple, Value
from firmware.v2g.exi.interpreter import Reader, RelaxedCodes, Writer, relaxed_codes
from firmware.v2g.exi.schemas import home, schema_set
from firmware.v2g.messages.declare import Message
from firmware.v2g.messages.simple_element import SimpleElement

HEADER = 0x80  # distinguishing bits 10, no options, final version 1
_SIGNED = "xmldsig"
_TEXT = Simple("text")  # how values are written where two types share one element

# Roots met under another schema set than their own, or as an element that is not theirs alone:
# id of the object -> (it, schema, element). An entry goes when its object goes.
_origins: dict[int, tuple[weakref.ref[Any], str, QName]] = {}


def decode(data: bytes, schema: str, *, fragment: bool = False, relaxed: bool = True) -> Message:
    """The message in `data`, a stream of the schema set `schema`; ExiError when there is none.

    `relaxed` False reads an eMAID fragment by its own type's grammar, as some stacks sign it. Trailing bytes
    and non-zero padding are accepted, as peers send both.
    """
    fast = _codec(schema)
    if len(data) < 2:
        raise ExiError("the stream ends too early", bit=8 * len(data))
    if data[0] != HEADER:
        raise ExiError(f"an EXI header {data[0]:#04x}, V2G streams begin with 0x80", bit=0)
    n = int.from_bytes(data, "big")
    width, roots = (fast.fragment_width, fast.fragments) if fragment else (fast.document_width, fast.documents)
    p = 8 * len(data) - 8 - width
    code = n >> p & ((1 << width) - 1) if p >= 0 else len(roots)
    if code >= len(roots):
        raise ExiError(f"root {code} is none of the {len(roots)} elements of {schema}", bit=8)
    root = roots[code]
    if root.read is None:
        return _decode_rare(data, fast, code, fragment, relaxed)
    try:
        message, p = root.read(n, p)
    except FAULTS as fault:
        message, p = _read_again(root, fast, n, p, fault)
    try:
        end = n >> (p - width) & ((1 << width) - 1) if fragment else 0
    except ValueError:
        raise ExiError("the stream ends too early", root.name, 8 * len(data)) from None
    if fragment and end != len(roots) + 1:
        raise ExiError("a second element in a fragment", root.name, 8 * len(data) - p)
    if not root.at_home:
        met_as(message, schema, (root.name, root.namespace))
    return cast(Message, message)


def _read_again(root: Root, fast: Codec, n: int, p: int, fault: Exception) -> tuple[Any, int]:
    """Where the fast code gives up, the interpreter has the last word; it says what is wrong."""
    total = n.bit_length()  # the header begins with a set bit
    error = located(fault, fast)
    try:
        if error is not None or root.cls is None:
            raise error or ExiError(str(fault), bit=-p)
        return reread(fast.schema, root.cls, n, p)
    except ExiError as refused:
        path = f"{root.name}/{refused.path}" if refused.path else root.name
        raise ExiError(refused.reason, path, total + (refused.bit or 0)) from None


def _decode_rare(data: bytes, fast: Codec, code: int, fragment: bool, relaxed: bool) -> Message:
    """Roots that no fast code was written for: wrappers, abstract elements, and the eMAID of a signature."""
    grammar = schema_set(fast.schema)
    total = 8 * len(data)
    width = fast.fragment_width if fragment else fast.document_width
    reader = Reader(grammar, int.from_bytes(data, "big"), total - 8 - width, total)
    if fragment:
        return _decode_fragment(reader, grammar, code, relaxed)
    qname, cls = grammar.documents[code]
    message: Message = reader.element(qname[0], None if cls.wire.never_met else Complex(cls))
    return met_as(message, grammar.name, qname)


def _decode_fragment(reader: Reader, grammar: SchemaSet, code: int, relaxed: bool) -> Message:
    qname = grammar.fragments[code]
    value = grammar.fragment_values[qname]
    message: Message
    if relaxed and qname in grammar.relaxed:
        message = _decode_relaxed(reader, grammar, qname)
    elif isinstance(value, Simple):
        message = _simple_element(qname, reader.element(qname[0], value))
    else:
        message = reader.element(qname[0], None if value is None or value.cls.wire.never_met else value)
    if reader.take(grammar.fragment_width) != len(grammar.fragments) + 1:
        raise reader.fail("a second element in a fragment")
    return met_as(message, grammar.name, qname)


def _decode_relaxed(reader: Reader, grammar: SchemaSet, qname: QName) -> Message:
    """The class of the element when it has its Id, a SimpleElement when it has none."""
    codes, value = relaxed_codes(grammar, qname), grammar.fragment_values[qname]
    reader.path.append(qname[0])
    code, identifier = reader.take(codes.width), None
    if code == codes.identifier:
        identifier = reader.simple(_TEXT)
        code = reader.take(codes.width)
    if code == codes.end:
        text = ""
    elif code == codes.text:
        text = reader.simple(_TEXT)
        if reader.take(codes.later_width) != codes.later_end:
            raise reader.fail("content after the text")
    else:
        raise reader.fail("content that the schema does not know")
    reader.path.pop()
    if identifier is None or not isinstance(value, Complex):
        return _simple_element(qname, text)
    named, held = (slot.alternatives[0].field for slot in grammar.shape(value.cls).slots)
    return value.cls(**{named: identifier, held: text})


def _simple_element(qname: QName, value: Any) -> SimpleElement:
    return SimpleElement(name=qname[0], namespace=qname[1], value=value)


def encode(
    message: Message,
    schema: str | None = None,
    *,
    fragment: bool = False,
    relaxed: bool = True,
    element: str | None = None,
) -> bytes:
    """`message` as an EXI stream; ExiError naming the field when it holds what the schema does not allow.

    `schema` defaults to the set it was decoded from or declared in. A fragment's root element is `element`, or
    the one it was decoded as, or the only one of its type (of one name in two namespaces the global one).

    What is signed, so any fragment and all of xmldsig, is written as EXIficient writes it: an eMAID by the relaxed
    grammar and an empty value as the end of its element. `relaxed` False is how generated C codecs do it.
    """
    name = schema
    if name is None:
        met = _origins.get(id(message))
        name = met[1] if met else home(type(message))
        if not name:
            raise ExiError(f"{type(message).__name__} is no message")
    if not fragment and name != _SIGNED:
        known = _codec(name).document_codes.get(type(message))
        if known is not None:
            code, write = known
            try:
                return bits.to_bytes(f"10000000{code}{write(message)}")
            except FAULTS:
                pass  # the interpreter says what is wrong
    return _encode_carefully(message, name, fragment, relaxed, element)


def _encode_carefully(message: Message, name: str, fragment: bool, relaxed: bool, element: str | None) -> bytes:
    grammar = schema_set(_codec(name).schema)
    writer = Writer(grammar, ends_empty=relaxed and (fragment or name == _SIGNED))
    if not fragment:
        roots = [cls for _, cls in grammar.documents]
        if type(message) not in roots or type(message).wire.never_met:
            raise ExiError(f"{type(message).__name__} is no document of {name}")
        code = roots.index(type(message))
        root = writer.element(grammar.documents[code][0][0], Complex(type(message)), message)
        return bits.to_bytes(f"{HEADER:08b}{code:0{grammar.document_width}b}{root}")
    qname = fragment_qname(grammar, message, element)
    if relaxed and qname in grammar.relaxed:
        root = _encode_relaxed(writer, relaxed_codes(grammar, qname), qname, message)
    else:
        root = writer.element(qname[0], *fragment_content(grammar, message, qname))
    width, code = grammar.fragment_width, grammar.fragments.index(qname)
    return bits.to_bytes(f"{HEADER:08b}{code:0{width}b}{root}{len(grammar.fragments) + 1:0{width}b}")


def _encode_relaxed(writer: Writer, codes: RelaxedCodes, qname: QName, message: Message) -> str:
    writer.path.append(qname[0])
    if isinstance(message, SimpleElement):
        attribute, text = "", writer.simple(writer.schema.relaxed[qname], message.value)
    else:
        identifier, text = (
            writer.simple(alternative.value, getattr(message, alternative.field))
            for alternative in (slot.alternatives[0] for slot in writer.schema.shape(type(message)).slots)
            if isinstance(alternative.value, Simple)
        )
        attribute = f"{codes.identifier:0{codes.width}b}{identifier}"
    return f"{attribute}{codes.text:0{codes.width}b}{text}{codes.later_end:0{codes.later_width}b}"


def fragment_content(grammar: SchemaSet, message: Message, qname: QName) -> tuple[Value, Any]:
    """The type and the content of `message` as the element `qname`."""
    if not isinstance(message, SimpleElement):
        return Complex(type(message)), message
    return grammar.relaxed.get(qname) or grammar.fragment_values[qname], message.value


def fragment_qname(grammar: SchemaSet, message: Message, element: str | None = None) -> QName:
    """The element that `message` is when it stands alone in a fragment."""
    cls, met = type(message), _origins.get(id(message))
    if isinstance(message, SimpleElement):
        mine = [qname for qname in grammar.fragments if qname == (message.name, message.namespace)]
        mine = [qname for qname in mine if qname in grammar.relaxed or _is_simple(grammar, qname)]
    else:
        mine = [qname for qname in grammar.fragments if grammar.fragment_values[qname] == Complex(cls)]
    if met and met[2] in mine and element in (None, met[2][0]):
        return met[2]
    wanted = element or cls.wire.alone_as or cls.wire.element
    if wanted:
        mine = [qname for qname in mine if qname[0] == wanted]
    if len(mine) > 1:  # one name in two namespaces: the global element of the class
        mine = [qname for qname in mine if qname == (cls.wire.element, cls.wire.namespace.uri)] or mine
    if len(mine) != 1:
        names = ", ".join(qname[0] for qname in mine) or "none"
        raise ExiError(f"which element is this {cls.__name__}? {grammar.name} has {names}; give `element`")
    return mine[0]


def _is_simple(grammar: SchemaSet, qname: QName) -> bool:
    return isinstance(grammar.fragment_values[qname], Simple)


def origin(message: Message) -> tuple[str, QName | None]:
    """(schema set, root element if it was decoded) of a message."""
    met = _origins.get(id(message))
    return (met[1], met[2]) if met else (home(type(message)), None)


def met_as(message: Any, schema: str, qname: QName) -> Message:
    """Remember under which schema and element a root was decoded, where its class alone does not tell."""
    wire = type(message).wire
    if (wire.element, wire.namespace.uri) != qname or home(type(message)) != schema:
        key = id(message)
        _origins[key] = (weakref.ref(message, lambda _: _origins.pop(key, None)), schema, qname)
    met: Message = message
    return met


def _codec(name: str) -> Codec:
    try:
        return codec(name)
    except ValueError as error:
        raise ExiError(str(error)) from None
