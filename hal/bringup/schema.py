"""JSON Schema of a board file, made from the drivers themselves, for editors that complete and check TOML.

The board loader stays the judge: what depends on several keys at once is not in the schema.
"""

import importlib
import inspect
import types
import typing
from typing import Any

import msgspec

from hal.board import drivers
from hal.board_settings import BoardSettings, ConnectorSettings, SimSettings
from hal.can.settings import CanSettings
from hal.linux.settings import LinuxSettings
from hal.modbus.settings import BusSettings
from hal.parts import CONNECTOR_PARTS, CONTRACTS, SLOW, STATION_PARTS
from hal.toml import fields_of

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SECONDS = {"type": "number", "minimum": 0.01, "maximum": 3600}


def board_schema() -> dict[str, Any]:
    """The whole file."""
    kinds: dict[str, type] = {name: importlib.import_module(f"hal.drivers.{name}").Driver for name in drivers()}
    parts = {name: _part(name, contract, kinds) for name, contract in CONTRACTS.items()}
    connector = _table(ConnectorSettings)
    connector["properties"] |= {name: {"$ref": f"#/$defs/{name}"} for name in CONNECTOR_PARTS}
    controllers = [_driver(name, kind) for name, kind in kinds.items() if _is_controller(kind)]
    return {
        "$schema": DRAFT,
        "title": "Pilotline board file",
        "type": "object",
        "additionalProperties": False,
        "required": ["board", "connector"],
        "properties": {
            "board": _table(BoardSettings),
            "sim": _table(SimSettings),
            "linux": _table(LinuxSettings),
            "bus": {"type": "object", "additionalProperties": _table(BusSettings)},
            "can": {"type": "object", "additionalProperties": _table(CanSettings)},
            "controller": {"type": "object", "additionalProperties": {"oneOf": controllers}},
            "connector": {"type": "array", "minItems": 1, "items": connector},
            **{name: {"$ref": f"#/$defs/{name}"} for name in STATION_PARTS},
        },
        "$defs": parts,
    }


def _part(name: str, contract: type, kinds: dict[str, type]) -> dict[str, Any]:
    """A section: one of the drivers that have the methods of its contract."""
    methods = [method for method, _ in inspect.getmembers(contract, inspect.isfunction) if not method.startswith("_")]
    fitting = {
        driver: kind
        for driver, kind in kinds.items()
        if all(hasattr(kind, method) for method in methods) and not _is_controller(kind)
    }
    return {
        "type": "object",
        "description": _first_line(contract),
        "required": ["driver"],
        "properties": {"driver": {"enum": sorted(fitting)}},
        "oneOf": [_driver(driver, kind, slow=name in SLOW) for driver, kind in sorted(fitting.items())],
    }


def _driver(name: str, kind: type, *, slow: bool = False) -> dict[str, Any]:
    table = _table(kind)
    own = {"driver": {"const": name}} | ({"poll_s": SECONDS, "stale_s": SECONDS} if slow else {})
    table["properties"] = own | table["properties"]
    table["required"] = ["driver", *table.get("required", [])]
    return table


def _is_controller(kind: type) -> bool:
    from hal import contracts  # noqa: PLC0415

    wanted = [name for name, _ in inspect.getmembers(contracts.Controller, inspect.isfunction) if name[0] != "_"]
    return all(hasattr(kind, name) for name in wanted)


def _table(kind: type) -> dict[str, Any]:
    """A Struct or driver dataclass by its keys."""
    fields = fields_of(kind)
    table: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _value(field.type) for field in fields},
    }
    if required := [field.name for field in fields if field.required]:
        table["required"] = required
    if text := _first_line(kind):
        table["description"] = text
    return table


def _value(kind: Any) -> dict[str, Any]:
    """A key's type; a struct in it becomes a table of its own."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        inner = arguments[0]
        if _has_struct(inner):
            return _value(inner)
    elif origin in (typing.Union, types.UnionType) and _has_struct(kind):
        return _value(next(each for each in arguments if each is not types.NoneType))
    elif origin is tuple and _has_struct(kind):
        return {"type": "array", "items": _value(arguments[0])}
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _table(kind)
    return msgspec.json.schema(kind)


def _has_struct(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return True
    return any(_has_struct(each) for each in typing.get_args(kind))


def _first_line(kind: type) -> str:
    said = inspect.getdoc(kind) or ""
    return "" if said.startswith(f"{kind.__name__}(") else said.split("\n\n")[0].replace("\n", " ")
