"""Values that a station is given before its next start, over what it kept: commissioning, and test suites that begin
with a configuration. Names are those of either world: a 1.6 key, or "Component.Variable[instance]" of 2.x.

They lie in the storage as `start-values.json`, are used once, and leave `start-values.applied.json`: what was not set,
and why. So a reset does not take back what the back office changed since.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.keys_16 import set_key
from firmware.ocpp.variables import Variable

log = logging.getLogger(__name__)

_NAME: Final = re.compile(
    r"(?P<component>\w+)(?:@(?P<evse>\d+)(?:\.(?P<connector>\d+))?)?\.(?P<name>\w+)(?:\[(?P<instance>[^\]]*)\])?"
)


FILE: Final = "start-values.json"
APPLIED: Final = "start-values.applied.json"


class StartValuesError(ValueError):
    """The file of start values cannot be used; the text says why."""


def take(storage: Path) -> dict[str, str]:
    """The values that wait in the storage; the file is gone then. Empty where there is none or it cannot be used."""
    path = storage / FILE
    if not path.exists():
        return {}
    try:
        values = read(path)
    except StartValuesError as error:
        log.error("start values: %s", error)
        values = {}
    path.replace(path.with_suffix(".used"))
    return values


def note(storage: Path, refused: Mapping[str, str]) -> None:
    """Leave word of what was not set: whoever sees the file may read it."""
    part = storage / f"{APPLIED}.part"
    part.write_bytes(msgspec.json.encode(refused))
    part.replace(storage / APPLIED)


def read(path: Path) -> dict[str, str]:
    """One JSON object, flat (name -> value) or nested (component -> variable -> value). Raises StartValuesError."""
    try:
        return flat(msgspec.json.decode(path.read_bytes(), type=dict[str, object]))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StartValuesError(f"{path}: {error}") from None


def flat(values: Mapping[str, object]) -> dict[str, str]:
    """Name -> text; a list becomes OCPP's, with commas. Raises StartValuesError for a value of another kind."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{variable}": text for variable, text in flat(value).items()}
        elif isinstance(value, list | tuple):
            found[name] = ",".join(_text(name, each) for each in value)
        else:
            found[name] = _text(name, value)
    return found


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise StartValuesError(f"{name}: a value is text, a number, true, false, or a list of them")


def apply(model: DeviceModel, values: Mapping[str, str]) -> dict[str, str]:
    """Set them. Returns which were not set, and why: the rest holds all the same."""
    refused: dict[str, str] = {}
    for name, text in values.items():
        variable = _find(model, name)
        if variable is None:
            refused[name] = "this station has no such key or variable"
        elif variable.access == "ReadOnly" or variable.read is not None:
            if _shown(model, variable).lower() != text.lower():
                refused[name] = f"read-only, it is {_shown(model, variable)}"
        else:
            set_it = set_key if model.key(name) is variable else DeviceModel.set
            status, why = set_it(model, variable, text)
            if status == "Rejected":
                refused[name] = why
    for name, why in refused.items():
        log.warning("start value %s not set: %s", name, why)
    return refused


def _find(model: DeviceModel, name: str) -> Variable | None:
    """The variable of a 1.6 key or of a 2.x name; EVSE and connector are told as Component@1.1.Variable."""
    shape = _NAME.fullmatch(name)
    if shape is None:
        return model.key(name)
    evse, connector = (int(shape[part]) if shape[part] else None for part in ("evse", "connector"))
    found = model.find(shape["component"], shape["name"], shape["instance"] or "", evse, connector)
    return None if isinstance(found, str) else found


def _shown(model: DeviceModel, variable: Variable) -> str:
    return "hidden" if variable.access == "WriteOnly" else model.value(variable)
