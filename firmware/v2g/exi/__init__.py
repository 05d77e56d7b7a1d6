"""EXI, the compact binary form of V2G messages.

`decode`/`encode` are all that a station needs; the forms for people (`to_xml`, `from_xml`, `to_json`,
`log_line`) are loaded when first used.
"""

from __future__ import annotations

from firmware.v2g.exi.codec import decode, encode
from firmware.v2g.exi.errors import ExiError
from firmware.v2g.exi.generated import preload
from firmware.v2g.messages.declare import Message

__all__ = ["ExiError", "Message", "decode", "encode", "from_xml", "log_line", "preload", "to_json", "to_xml"]


def to_xml(message: Message) -> str:
    """The message as XML text. A root decoded from a fragment keeps its element name."""
    from firmware.v2g.exi import xml  # noqa: PLC0415 - for people only: the running station never loads it

    return xml.to_xml(message)


def from_xml(text: str, schema: str) -> Message:
    """The message in XML text of one schema set; ExiError when the text does not fit. Entities are refused."""
    from firmware.v2g.exi import xml  # noqa: PLC0415

    return xml.from_xml(text, schema)


def to_json(message: Message) -> str:
    """The message as one line of JSON: the standard's element names, octets in hexadecimal."""
    from firmware.v2g.exi import plain  # noqa: PLC0415

    return plain.to_json(message)


def log_line(message: Message) -> str:
    """The message as one short line for a log: what is set, numbers with their units."""
    from firmware.v2g.exi import plain  # noqa: PLC0415

    return plain.log_line(message)
