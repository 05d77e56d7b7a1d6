"""The schema sets by name: which modules of messages make up each; loaded when first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Final

from firmware.v2g.exi.grammar import SchemaSet
from firmware.v2g.messages.declare import Record

_MESSAGES: Final = "firmware.v2g.messages."
MODULES: Final = {
    "app_protocol": ("app_protocol",),
    "din": ("din", "xmldsig"),
    "iso2": ("iso2", "xmldsig"),
    "iso20_common": ("iso20_common", "iso20_types", "xmldsig"),
    "iso20_ac": ("iso20_ac", "iso20_types", "xmldsig"),
    "iso20_ac_der_iec": ("iso20_ac_der_iec", "iso20_ac", "iso20_types", "xmldsig"),
    "iso20_dc": ("iso20_dc", "iso20_types", "xmldsig"),
    "iso20_wpt": ("iso20_wpt", "iso20_types", "xmldsig"),
    "iso20_acdp": ("iso20_acdp", "iso20_types", "xmldsig"),
    "xmldsig": ("xmldsig",),
}


@cache
def schema_set(name: str) -> SchemaSet:
    """The set `name`; ValueError for a name that is none of MODULES."""
    if name not in MODULES:
        raise ValueError(f"no schema {name!r}; there are {', '.join(MODULES)}")
    return SchemaSet(name, [import_module(_MESSAGES + module) for module in MODULES[name]])


_homes: dict[type[Record], str] = {}


def home(cls: type[Record]) -> str:
    """The schema set that `cls` was declared in; "" for what is no message."""
    name = _homes.get(cls)
    if name is None:
        name = _homes[cls] = _find_home(cls)
    return name


def _find_home(cls: type[Record]) -> str:
    module = cls.__module__.removeprefix(_MESSAGES)
    if module == "iso20_types":  # shared by all of ISO 15118-20
        return "iso20_common"
    return next((name for name, modules in MODULES.items() if modules[0] == module), "")
