"""An element without children or attributes that stands alone as the root of a fragment.

Every other root has a class of its own; these differ only in their name and the type of their value.
"""

from __future__ import annotations

from firmware.v2g.messages.declare import Record


class SimpleElement(Record):
    """`<name>value</name>` of `namespace`. The value is checked against the schema set when it is written."""

    name: str
    namespace: str
    value: bool | int | str | bytes
