"""XML form of messages, for people, tests and tools; a station on the road never loads this.

Parsing uses expat with a DOCTYPE refused outright, so no entity is ever expanded.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from firmware.v2g.exi.codec import fragment_content, fragment_qname, met_as, origin
from firmware.v2g.exi.errors import ExiError
from firmware.v2g.exi.grammar import Complex, QName, SchemaSet, Shape, Simple, Value
from firmware.v2g.exi.plain import present
from firmware.v2g.exi.schemas import schema_set
from firmware.v2g.messages.declare import Message, Record
from firmware.v2g.messages.simple_element import SimpleElement

_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_DEEPEST = 64  # nesting; the deepest message has 14
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# -- writing --------------------------------------------------------------------------------------------


def to_xml(message: Message) -> str:
    schema, qname = origin(message)
    grammar = schema_set(schema)
    wire = type(message).wire
    if qname is None and wire.element and not wire.local:
        qname = (wire.element, wire.namespace.uri)
    writer = _Writer(grammar)
    qname = qname or fragment_qname(grammar, message)
    written = writer.element(qname, *fragment_content(grammar, message, qname))
    end_of_name = min(i for i in (written.find(" "), written.find("/"), written.find(">")) if i > 0)
    declared = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for uri, prefix in sorted(writer.used.items()))
    return written[:end_of_name] + declared + written[end_of_name:]


class _Writer:
    def __init__(self, grammar: SchemaSet) -> None:
        self.grammar = grammar
        self.prefixes = {cls.wire.namespace.uri: cls.wire.namespace.prefix for cls in grammar.classes}
        self.used: dict[str, str] = {}

    def name(self, qname: QName) -> str:
        local, uri = qname
        if not uri:
            return local
        self.used[uri] = self.prefixes[uri]
        return f"{self.prefixes[uri]}:{local}"

    def element(self, qname: QName, value: Value, content: Any) -> str:
        name = self.name(qname)
        if isinstance(value, Simple):
            return _tag(name, "", escape(_lexical(value, content, qname[0])))
        if value is None:
            raise ExiError("an abstract element", qname[0])
        attributes, children = "", ""
        for slot in self.grammar.shape(value.cls).slots:
            for alternative, item in present(slot, content, value.transparent):
                if slot.kind == "element":
                    children += self.element(alternative.qname, alternative.value, item)
                elif isinstance(alternative.value, Simple):
                    text = _lexical(alternative.value, item, qname[0])
                    if slot.kind == "attribute":
                        attributes += f" {self.name(alternative.qname)}={quoteattr(text)}"
                    else:
                        children += escape(text)
        return _tag(name, attributes, children)


def _tag(name: str, attributes: str, children: str) -> str:
    return f"<{name}{attributes}>{children}</{name}>" if children else f"<{name}{attributes}/>"


def _lexical(simple: Simple, value: Any, where: str) -> str:
    if simple.kind == "boolean":
        return "true" if value else "false"
    if simple.kind == "octets":
        return value.hex().upper() if simple.hexadecimal else base64.b64encode(value).decode("ascii")
    text = str(value)
    if _NOT_XML.search(text):
        raise ExiError("a character that XML cannot hold", where)
    return text


# -- reading --------------------------------------------------------------------------------------------


class _Node(NamedTuple):
    qname: QName
    attributes: dict[QName, str]
    children: list[_Node]
    text: list[str]


def from_xml(text: str, schema: str) -> Message:
    try:
        grammar = schema_set(schema)
    except ValueError as error:
        raise ExiError(str(error)) from None
    root = _parse(text)
    documents = dict(grammar.documents)
    value: Value = Complex(documents[root.qname]) if root.qname in documents else None
    value = value or grammar.fragment_values.get(root.qname)
    if root.qname in grammar.relaxed and not root.attributes:
        value = grammar.relaxed[root.qname]
    if isinstance(value, Simple):
        return met_as(_read_simple_element(root, value), schema, root.qname)
    if value is None:
        raise ExiError(f"no message of {schema}", root.qname[0])
    return met_as(_read(grammar, root, value, root.qname[0]), schema, root.qname)


def _read_simple_element(root: _Node, value: Simple) -> SimpleElement:
    (name, namespace), path = root.qname, root.qname[0]
    if root.children or any(uri != _INSTANCE for _, uri in root.attributes):
        raise ExiError("only text may be here", path)
    return SimpleElement(name=name, namespace=namespace, value=_value(value, "".join(root.text), path))


def _parse(text: str) -> _Node:
    stack: list[_Node] = [_Node(("", ""), {}, [], [])]
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > _DEEPEST:
            raise ExiError("elements nested too deep", name)
        node = _Node(_split(name), {_split(key): value for key, value in attributes.items()}, [], [])
        stack[-1].children.append(node)
        stack.append(node)

    def text_met(data: str) -> None:
        stack[-1].text.append(data)

    def doctype(*_: object) -> None:
        raise ExiError("a DOCTYPE is not accepted")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = text_met
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ExiError(f"not XML: {error}") from None
    except UnicodeEncodeError:
        raise ExiError("not XML: half a character") from None
    return stack[0].children[0]


def _split(name: str) -> QName:
    uri, _, local = name.rpartition("}")
    return local, uri


def _read(grammar: SchemaSet, node: _Node, value: Complex, path: str) -> Any:
    shape = grammar.shape(value.cls)
    values: dict[str, Any] = {}
    fields = {
        (slot.kind == "attribute", alternative.qname): (slot, alternative)
        for slot in shape.slots
        for alternative in slot.alternatives
    }
    for qname, text in node.attributes.items():
        if qname[1] == _INSTANCE:
            continue
        if (True, qname) not in fields:
            raise ExiError(f"no attribute {qname[0]} here", path)
        _, alternative = fields[True, qname]
        values[alternative.field] = _value(alternative.value, text, f"{path}/@{qname[0]}")
    for child in node.children:
        if (False, child.qname) not in fields:
            raise ExiError(f"no {child.qname[0]} here", path)
        slot, alternative = fields[False, child.qname]
        below = f"{path}/{child.qname[0]}"
        if isinstance(alternative.value, Complex):
            item = _read(grammar, child, alternative.value, below)
        else:
            item = _value(alternative.value, "".join(child.text), below)
        if slot.repeated:
            values.setdefault(alternative.field, []).append(item)
        elif alternative.field in values:
            raise ExiError("there twice", below)
        else:
            values[alternative.field] = item
    return _finish(shape, node, values, value, path)


def _finish(shape: Shape, node: _Node, values: dict[str, Any], value: Complex, path: str) -> Any:
    for slot in shape.slots:
        first = slot.alternatives[0]
        if slot.kind == "content":
            values[first.field] = _value(first.value, "".join(node.text), path)
        elif slot.repeated:
            values[first.field] = tuple(values.get(first.field, ()))
        elif slot.min_occurs and not slot.bound and not any(one.field in values for one in slot.alternatives):
            raise ExiError(f"{' or '.join(one.qname[0] for one in slot.alternatives)} is missing", path)
    if not shape.simple_content and "".join(node.text).strip():
        raise ExiError("text where none may be", path)
    if value.transparent:
        return values.get(shape.slots[0].alternatives[0].field)
    cls: type[Record] = shape.cls
    return cls(**values)


def _value(simple: Value, text: str, path: str) -> Any:
    if not isinstance(simple, Simple):
        raise ExiError("an abstract element", path)
    try:
        return _parsed(simple, text)
    except (ValueError, KeyError, binascii.Error):
        raise ExiError(f"{text[:40]!r} is not valid here", path) from None


def _parsed(simple: Simple, text: str) -> Any:
    match simple.kind:
        case "text":
            return text
        case "boolean":
            return {"true": True, "1": True, "false": False, "0": False}[text.strip()]
        case "octets" if simple.hexadecimal:
            return bytes.fromhex(text.strip())
        case "octets":
            return base64.b64decode("".join(text.split()), validate=True)
        case "enumeration":
            return {str(member): member for member in simple.members}[text.strip()]
        case _:
            return int(text.strip())
