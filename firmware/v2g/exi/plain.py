"""Messages as JSON and as one line of a log, both derived from the declarations."""

from __future__ import annotations

import json
from typing import Any

from firmware.v2g.exi.codec import fragment_qname, origin
from firmware.v2g.exi.errors import ExiError
from firmware.v2g.exi.grammar import Alternative, Complex, SchemaSet, Simple, Slot
from firmware.v2g.exi.schemas import schema_set
from firmware.v2g.messages.declare import Message, Record
from firmware.v2g.messages.simple_element import SimpleElement

_LONGEST_LINE = 1000
_SHOWN_OCTETS = 16


def to_json(message: Message) -> str:
    return json.dumps({root_name(message): as_plain(message)}, separators=(",", ":"), ensure_ascii=False)


def root_name(message: Message) -> str:
    """The element name of a message that stands alone; the class name where no element is known."""
    if isinstance(message, SimpleElement):
        return message.name
    schema, qname = origin(message)
    wire = type(message).wire
    if qname or wire.element:
        return qname[0] if qname else wire.element or ""
    try:
        return fragment_qname(schema_set(schema), message)[0]
    except ExiError:
        return type(message).__name__


def as_plain(message: Message) -> Any:
    """Dicts, lists, numbers and text under the standard's element names; attributes begin with '@'."""
    if isinstance(message, SimpleElement):
        return _plain_simple(message.value)
    grammar = schema_set(origin(message)[0])
    return _plain_record(grammar, Complex(type(message)), message)


def _plain_record(grammar: SchemaSet, value: Complex, content: Any) -> Any:
    plain: dict[str, Any] = {}
    for slot in grammar.shape(value.cls).slots:
        for alternative, item in present(slot, content, value.transparent):
            name = alternative.qname[0]
            held: Any = (
                _plain_record(grammar, alternative.value, item)
                if isinstance(alternative.value, Complex)
                else _plain_simple(item)
            )
            if slot.kind == "content":
                plain["value"] = held
            elif slot.kind == "attribute":
                plain["@" + name] = held
            elif slot.repeated:
                plain.setdefault(name, []).append(held)
            else:
                plain[name] = held
    return plain


def _plain_simple(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex().upper()
    return str(value) if isinstance(value, str) else value


def present(slot: Slot, content: Any, transparent: bool) -> list[tuple[Alternative, Any]]:
    """What is there in one slot of a record (or of the value of a transparent one), in order."""
    found: list[tuple[Alternative, Any]] = []
    for field in dict.fromkeys(alternative.field for alternative in slot.alternatives):
        value = content if transparent else getattr(content, field)
        mine = [alternative for alternative in slot.alternatives if alternative.field == field]
        alone = slot.min_occurs == 1 and len(slot.alternatives) == 1
        wrapper = alone and isinstance(mine[0].value, Complex) and mine[0].value.transparent
        items = value if slot.repeated else [] if value is None and not wrapper else [value]
        for item in items:
            fits = [one for one in mine if isinstance(one.value, Complex) and one.value.cls is type(item)]
            found.append(((fits or mine)[0], item))
    return found


# -- one line -------------------------------------------------------------------------------------------


def log_line(message: Message) -> str:
    shown: Record = message
    body = getattr(message, "body", None)
    if isinstance(body, Record):  # the envelope of DIN and ISO 15118-2 says nothing but the session
        shown = body
    if isinstance(shown, SimpleElement):
        line = f"{shown.name} {_line_simple(shown.value, isinstance(shown.value, str))}"
    else:
        grammar = schema_set(origin(message)[0])
        line = f"{root_name(shown)} {_line_record(grammar, Complex(type(shown)), shown)}".rstrip()
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


def _line_record(grammar: SchemaSet, value: Complex, content: Any) -> str:
    parts: list[str] = []
    for slot in grammar.shape(value.cls).slots:
        held = [
            (alternative.qname[0], _line_value(grammar, alternative, item))
            for alternative, item in present(slot, content, value.transparent)
        ]
        parts += [text if slot.kind == "content" else f"{name}={text}" for name, text in held]
    return " ".join(parts)


def _line_value(grammar: SchemaSet, alternative: Alternative, item: Any) -> str:
    value = alternative.value
    if isinstance(value, Complex):
        number = getattr(item, "__float__", None)
        if number is not None:
            return f"{number():g}{getattr(item, 'unit', None) or ''}"
        return "{" + _line_record(grammar, value, item) + "}"
    return _line_simple(item, isinstance(value, Simple) and value.kind == "text")


def _line_simple(item: Any, free_text: bool) -> str:
    if isinstance(item, bytes):
        return item.hex().upper() if len(item) <= _SHOWN_OCTETS else f"[{len(item)} octets]"
    if isinstance(item, bool):
        return "true" if item else "false"
    text = str(item)
    if free_text and (not text.isprintable() or " " in text or not text):
        return repr(text)
    return text
