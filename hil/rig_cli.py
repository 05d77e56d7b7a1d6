"""`pilotline rig`: rig control for people, with subcommands made from the classes of hil/plant/commands.py, and for a
workbench (`pilotline rig serve`) from those of hil/workbench_commands.py."""

import argparse
import json
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from hil.places import PlaceError, control_socket
from hil.plant.command import RigError
from hil.plant.commands import COMMANDS
from hil.rig import JsonObject, SocketLink
from hil.workbench_commands import ASKS

PATIENCE_S: Final = 60.0  # a station starts, a car ends its session
#: unit by the field's last word, or by its whole name
_UNITS: Final = {
    "a": "A",
    "ma": "mA",
    "v": "V",
    "wh": "Wh",
    "s": "s",
    "percent": "%",
    "celsius": "°C",
    "ohm": "Ohm",
    "cable": "A",
    "rating": "A",
}


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 when the rig did it, 1 when it refused or is not there."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["serve"]:
        from hil.workbench import main as serve  # noqa: PLC0415 - processes and event loop: only for this

        return serve(arguments[1:])
    options = vars(_parser().parse_args(arguments))
    path, as_json = options.pop("control"), options.pop("json", False)
    first, value = options.pop("first", ""), options.pop("value", None)
    request = {name: value for name, value in options.items() if value is not None}
    if value is not None and request.setdefault(first, value) != value:
        print(f"rig: {first} is given twice: {value:g} and {request[first]:g}", file=sys.stderr)
        return 1
    try:
        link = SocketLink(path or control_socket(), timeout_s=PATIENCE_S if request["do"] in ASKS else 5.0)
        reply = link.request(request)
    except (RigError, PlaceError) as error:
        print(f"rig: {error}", file=sys.stderr)
        return 1
    if not reply["ok"]:
        print(f"rig: {reply['error']}", file=sys.stderr)
        return 1
    reply.pop("ok")
    print(json.dumps(reply) if as_json else _for_people(reply) if request["do"] == "status" else _told(reply))
    return 0


def _told(reply: JsonObject) -> str:
    """The rest of an answer, a line each."""
    return "\n".join(["ok", *(f"{name}: {json.dumps(value)}" for name, value in reply.items() if value)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pilotline rig", description="Move the rig's plant: plug, car, faults, grid.")
    parser.add_argument("--control", type=Path, help="rig-control socket (default: the rig's folder)")
    commands = parser.add_subparsers(dest="do", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="a whole station under rig control; see its --help", add_help=False)
    for name, command in {**COMMANDS, **ASKS}.items():
        text = " ".join((command.__doc__ or "").split())
        spelled = name.replace("_", "-")
        sub = commands.add_parser(spelled, help=text, description=command.__doc__)
        sub.set_defaults(do=name)
        _add_fields(sub, command)
        if name == "status":
            sub.add_argument("--json", action="store_true", help="as one JSON object")
    return parser


def _add_fields(parser: argparse.ArgumentParser, command: type[msgspec.Struct]) -> None:
    """Required fields, on/off and a number that comes first become positional, the rest (and that number) options."""
    hints = get_type_hints(command, include_extras=True)
    own = [field.name for field in msgspec.structs.fields(command) if field.name != "connector"]
    for field in msgspec.structs.fields(command):
        kind, choices = _argument_type(hints[field.name])
        required = field.default is msgspec.NODEFAULT
        extra: dict[str, Any] = {"type": kind, "choices": choices, "help": _help(field, hints[field.name])}
        if kind is _on_off:
            extra["metavar"] = "on|off"
        if field.name == "on":
            parser.add_argument("on", nargs="?", **extra | {"help": "default: on"})
        elif required:
            parser.add_argument(field.name, **extra)
        else:
            option = f"--{field.name.replace('_', '-')}"
            if [field.name] == own[:1] and kind in {int, float}:
                parser.add_argument("value", nargs="?", metavar=field.name.upper(), **extra | {"help": f"as {option}"})
                parser.set_defaults(first=field.name)
            if kind is _on_off and field.default is False:
                parser.add_argument(option, action="store_true", default=None)
            else:
                parser.add_argument(option, **extra)


def _help(field: msgspec.structs.FieldInfo, hint: Any) -> str:
    """The unit, what is allowed, and what holds where it is left out."""
    parts = [_UNITS[field.name] if field.name in _UNITS else _UNITS.get(field.name.rpartition("_")[2], "")]
    for part in (hint, *get_args(hint)):
        for meta in getattr(part, "__metadata__", ()):
            bounds = (("from", meta.ge), ("above", meta.gt), ("to", meta.le))
            parts.append(" ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None))
    if isinstance(field.default, int | float) and not isinstance(field.default, bool):
        parts.append(f"default: {field.default:g}")
    return ", ".join(part for part in parts if part).replace("%", "%%")


def _argument_type(hint: Any) -> tuple[Any, tuple[Any, ...] | None]:
    """Field type -> argparse type and choices."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in {Union, types.UnionType}:
        return _argument_type(next(part for part in get_args(hint) if part is not type(None)))
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return type(choices[0]), choices
    if get_origin(hint) is dict:
        return _json_object, None
    return (_on_off if hint is bool else hint), None


def _json_object(text: str) -> JsonObject:
    """JSON, or @FILE that holds it."""
    try:
        found = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("a JSON object, or @FILE with one")
    return found


def _on_off(text: str) -> bool:
    if text not in {"on", "off"}:
        raise argparse.ArgumentTypeError("on or off")
    return text == "on"


def _for_people(status: JsonObject) -> str:
    guard = "alive" if status["guard_alive"] else "not there: the watchdog holds the coils open"
    lines = [f"guard {guard}"]
    if "station" in status:
        runs = "runs" if status["station"]["running"] else "does not run"
        link, cars = status["link"], status["cars"]
        lines.append(f"station {runs}, state in {status['station']['state']}")
        lines.append(
            f"back office {status['station']['url'] or 'none'}: link {link['state']}, {link['connections']} open"
        )
        lines += [f"car at connector {number}: {told.get('event', 'starting')}" for number, told in cars.items()]
    for number, seen in status["connectors"].items():
        duty = "" if seen["duty_percent"] is None else f" {seen['duty_percent']:g} %"
        contactor = "closed" if seen["closed"] else "open"
        lines += [
            f"connector {number}: state {seen['car']}, pilot {seen['pilot']}{duty}, contactor {contactor}",
            f"  {seen['power_w'] / 1000:.2f} kW  {seen['energy_wh'] / 1000:.3f} kWh  "
            f"battery {seen['soc_percent']:.1f} %  {seen['temperature_c']:.0f} °C",
            f"  faults put in: {', '.join(seen['faults']) or 'none'}",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
