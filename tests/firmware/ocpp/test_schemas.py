"""Every message class against the official JSON schema of the `ocpp` package, keyword by keyword.

Both sides are brought to one form (a tree of the keywords that validate something) and must be equal, but for the
differences listed here by name with their reason.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import ocpp
import pytest

from firmware.ocpp.payload import Payload
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v21 import messages as v21
from firmware.ocpp.v201 import messages as v201

SCHEMAS = Path(ocpp.__file__).parent

# (message, path, keyword) -> why ours differs
ON_PURPOSE = (
    {
        (
            "StopTransaction",
            "transactionData/*/sampledValue",
            "minItems",
        ): "we never send an empty list; MeterValues forbids it",
        (
            "MeterValues",
            "meterValue/*/sampledValue/*/unit",
            "enum",
        ): "the schema's Hertz is not in the specification's list",
    }
    | {
        ("NotifyEVChargingNeedsRequest", f"chargingNeeds/{field}", "properties"): "said by cars of -20 only"
        for field in ("evEnergyOffer", "derChargingParameters", "v2xChargingParameters")
    }
    | {
        (message, f"{schedule}/{field}", "multipleOf"): "0.1 is no binary fraction: 8.3 would be refused"
        for message, schedule in (
            ("RemoteStartTransaction", "chargingProfile/chargingSchedule"),
            ("SetChargingProfile", "csChargingProfiles/chargingSchedule"),
            ("GetCompositeScheduleResponse", "chargingSchedule"),
        )
        for field in ("minChargingRate", "chargingSchedulePeriod/*/limit")
    }
)

KEYWORDS = ("type", "maxLength", "minLength", "minimum", "maximum", "minItems", "maxItems", "multipleOf", "format")


def tree(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The keywords of one schema node that validate something, with `$ref` resolved."""
    while "$ref" in schema:
        node: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        schema = node
    out = {key: schema[key] for key in KEYWORDS if key in schema}
    out = {key: int(value) if isinstance(value, float) and value.is_integer() else value for key, value in out.items()}
    if "enum" in schema:
        out["enum"] = sorted(schema["enum"])
        out["type"] = "string"
    if out.get("format") not in (None, "date-time"):
        del out["format"]  # `uri` and the like are annotations
    if schema.get("type") == "object":
        out["properties"] = {key: tree(value, root) for key, value in schema.get("properties", {}).items()}
        out["required"] = sorted(schema.get("required", ()))
        out["additionalProperties"] = schema.get("additionalProperties", True)
    if "items" in schema:
        out["items"] = tree(schema["items"], root)
    return out


def differences(ours: Any, official: Any, path: str = "") -> list[tuple[str, str, Any, Any]]:
    """(path, keyword, ours, official) of everything that is not equal."""
    found: list[tuple[str, str, Any, Any]] = []
    for key in sorted(set(ours) | set(official)):
        a, b = ours.get(key), official.get(key)
        if a == b:
            continue
        if key == "properties" and isinstance(a, dict) and isinstance(b, dict):
            for name in sorted(set(a) | set(b)):
                inner = f"{path}/{name}".lstrip("/")
                if name in a and name in b:
                    found += differences(a[name], b[name], inner)
                else:
                    found.append((inner, "properties", name in a, name in b))
        elif key == "items" and isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{path}/*")
        else:
            found.append((path, key, a, b))
    return found


def official(version: str, name: str) -> dict[str, Any]:
    text = (SCHEMAS / version / "schemas" / f"{name}.json").read_text(encoding="utf-8-sig")
    schema: dict[str, Any] = json.loads(text)
    return tree(schema, schema)


def ours(kind: type[Payload]) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    return tree(schema, schema)


def messages(module: Any) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Payload)
        and value.__module__.startswith(module.__name__)
        and (module is v16 or name.endswith(("Request", "Response")))
    ]


DATA_TYPES_16 = {
    "IdTagInfo",
    "SampledValue",
    "MeterValue",
    "ChargingSchedulePeriod",
    "ChargingSchedule",
    "ChargingProfile",
    "KeyValue",
    "AuthorizationData",
    "CertificateHashData",
    "Firmware",
    "LogParameters",
}
CASES = [("v16", v16, name) for name in messages(v16) if name not in DATA_TYPES_16]
CASES += [("v201", v201, name) for name in messages(v201)] + [("v21", v21, name) for name in messages(v21)]


@pytest.mark.parametrize(("version", "module", "name"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_message_equals_the_official_schema(version: str, module: Any, name: str) -> None:
    found = differences(ours(getattr(module, name)), official(version, name))
    assert [row for row in found if (name, row[0], row[1]) not in ON_PURPOSE] == []


def test_every_listed_difference_still_exists() -> None:
    rows = {
        (name, row[0], row[1])
        for version, module, name in CASES
        for row in differences(ours(getattr(module, name)), official(version, name))
    }
    assert rows == set(ON_PURPOSE)


def test_the_walker_sees_each_keyword() -> None:
    """A comparison that cannot fail would be worthless: break each keyword of one schema and look."""
    good = official("v201", "TransactionEventRequest")
    text = json.dumps(good)
    for old, new in (
        ('"maxLength": 36', '"maxLength": 35'),
        ('"type": "integer"', '"type": "number"'),
        ('"minItems": 1', '"minItems": 2'),
        ('"Ended", ', ""),
        ('"required": ["eventType", ', '"required": ['),
        ('"additionalProperties": false', '"additionalProperties": true'),
        (', "format": "date-time"', ""),
        ('"seqNo"', '"seqno"'),
    ):
        changed = text.replace(old, new)
        assert changed != text, old
        assert differences(json.loads(changed), good), old
