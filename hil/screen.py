"""How the demo looks on a terminal: one picture of the station, drawn anew several times a second. Pure text making;
what is shown comes from the feed, when to draw is the stage's."""

import re
from dataclasses import dataclass, field
from typing import Final

from hil.feed import Exchange, Feed, Lane

ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"
LEAVE: Final = "\x1b[?25h\x1b[?1049l"
HOME: Final = "\x1b[H"
_ERASE_LINE: Final = "\x1b[K"
_ERASE_BELOW: Final = "\x1b[J"
_CODES: Final = re.compile(r"\x1b\[[0-9;]*m")
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
WIDEST: Final = 124
NARROWEST: Final = 78

_STYLES: Final = {
    "title": "1;38;5;231",
    "dim": "38;5;244",
    "faint": "38;5;238",
    "text": "38;5;252",
    "strong": "1;38;5;231",
    "live": "1;38;5;84",
    "cool": "38;5;80",
    "warm": "38;5;215",
    "bad": "1;38;5;203",
    "story": "38;5;229",
}


def paint(style: str, text: str) -> str:
    """Text in one of the styles."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def width_of(text: str) -> int:
    """Columns of a painted text."""
    return len(_CODES.sub("", text))


def clip(painted: str, width: int) -> str:
    """A painted text cut to `width` columns, colours kept."""
    if width_of(painted) <= width:
        return painted
    kept, left = "", width
    for part in re.split(f"({_CODES.pattern})", painted):
        if _CODES.fullmatch(part):
            kept += part
        else:
            kept += part[:left]
            left = max(0, left - len(part))
    return kept


def cell(style: str, text: str, width: int) -> str:
    """Painted text in exactly `width` columns."""
    if len(text) > width:
        text = text[: max(0, width - 1)] + "…"
    return paint(style, text.ljust(width))


@dataclass
class Scene:
    """What the stage adds to the feed: the story so far."""

    act: int = 0
    acts: int = 0
    title: str = ""
    story: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0
    ocpp: str = ""


def frame(scene: Scene, feed: Feed, columns: int, rows: int) -> str:
    """One whole picture, ready to be written to the terminal."""
    width = max(NARROWEST, min(columns, WIDEST)) - 2
    lines = [*_head(scene, width), *_station(scene, feed, width), ""]
    lines += _conversations(scene, feed, width, max(3, rows - len(lines) - 2))
    shown = [f" {clip(line, width)}{_ERASE_LINE}" for line in lines[: rows - 1]]
    return HOME + "\r\n".join(shown) + _ERASE_BELOW


def _head(scene: Scene, width: int) -> list[str]:
    clock = f"{int(scene.elapsed_s) // 60:02d}:{int(scene.elapsed_s) % 60:02d}"
    left = paint("title", "PILOTLINE") + paint("dim", "  plant, guard, station, office and car are real processes")
    dots = " ".join(paint("live", "●") if act <= scene.act else paint("faint", "○") for act in range(1, scene.acts + 1))
    story = [paint("story", f"  {line}") for line in scene.story[-3:]]
    return [
        _spread(left, paint("strong", clock), width),
        paint("faint", "─" * width),
        _spread(paint("strong", scene.title), dots, width),
        *story,
        *[""] * (3 - len(story)),
        "",
    ]


def _station(scene: Scene, feed: Feed, width: int) -> list[str]:
    seen = feed.seen
    flowing = seen["power_w"] > 50.0
    kilowatt = f"{seen['power_w'] / 1000:6.2f} kW"
    energy = f"{seen['charged_wh'] / 1000:.3f} kWh"
    label = "  pilot    "
    wave_width = min(40, width - 40)
    graph_width = min(60, width - 40)
    return [
        "  " + _power_path(seen["closed"], flowing, seen["car"] != "A", scene.elapsed_s, width - 4),
        "",
        paint("dim", label)
        + _state(seen["car"])
        + " "
        + _wave(seen["pilot"], seen["duty_percent"], wave_width)
        + _duty(seen),
        paint("dim", "  power    ") + paint("live" if flowing else "dim", kilowatt) + " " + _graph(feed, graph_width),
        paint("dim", "  energy   ") + paint("text", energy.rjust(9)) + " " + _battery(seen, graph_width),
        paint("dim", "  station  ") + cell("text", feed.why, width - 13),
    ]


def _power_path(closed: bool, flowing: bool, plugged: bool, elapsed_s: float, width: int) -> str:
    """grid ━━▸━━ contactor ━━▸━━ car; the arrows move while power flows."""
    room = width - len("GRID ") - len(" ┫ closed ┣ ") - len(" CAR")
    left, right = room // 2, room - room // 2
    line = "".join("▸" if (place - int(elapsed_s * 8)) % 6 == 0 else "━" for place in range(room))
    if not flowing:
        line = "━" * room
    style = "live" if flowing else "cool"
    contactor = paint(style, " ┫ closed ┣ ") if closed else paint("dim", " ┫  open  ┣ ")
    outlet = paint(style, line[left:]) if closed else paint("faint", "╌" * right)
    car = paint(style if closed else "text", " CAR") if plugged else paint("faint", "  ·  ")
    return paint("text", "GRID ") + paint(style, line[:left]) + contactor + outlet + car


def _state(state: str) -> str:
    return paint({"A": "dim", "B": "cool", "C": "live", "D": "live"}[state], f"{state} ".rjust(9))


def _wave(mode: str, duty: float | None, width: int) -> str:
    """The pilot as an oscilloscope would show it, ten columns to the millisecond."""
    if mode == "duty" and duty is not None:
        high = max(1, round(duty / 10))
        period = "▔" * high + "▁" * (10 - high)
        return paint("warm", (period * (width // 10 + 1))[:width])
    return paint("warm", {"x1": "▔", "e": "─"}.get(mode, "▁") * width)


def _duty(seen: dict[str, object]) -> str:
    duty, line = seen["duty_percent"], seen["line_v"]
    if not isinstance(line, list):
        return ""
    levels = f"{line[0]:+.0f}/{line[1]:+.0f} V" if duty is not None else f"{line[0]:+.0f} V"
    return paint("text", f"  {levels}") + (
        paint("dim", f"  {duty:g} %") if duty is not None else paint("dim", "  steady")
    )


def _graph(feed: Feed, width: int) -> str:
    recent = list(feed.power_w)[-width:]
    top = max([*recent, 1000.0])
    return paint("live", "".join(_BLOCKS[round(8 * watts / top)] for watts in recent))


def _battery(seen: dict[str, object], width: int) -> str:
    percent = float(str(seen["soc_percent"]))
    if seen["car"] == "A":
        return ""
    filled = round(20 * percent / 100)
    bar = paint("cool", "█" * filled) + paint("faint", "█" * (20 - filled))
    return paint("dim", "battery ") + bar + paint("text", f" {percent:.2f} %")


def _conversations(scene: Scene, feed: Feed, width: int, rows: int) -> list[str]:
    """Car and back office side by side, newest at the bottom."""
    left, right = (width - 3) // 2, width - 3 - (width - 3) // 2
    bar = paint("faint", " │ ")
    titles = cell("dim", "CAR ⇄ STATION   ISO 15118-2", left) + bar
    titles += cell("dim", f"STATION ⇄ BACK OFFICE   OCPP {scene.ocpp}", right)
    cars = _lane(feed.car, left, rows - 2, asker_is_station=False)
    office = _lane(feed.office, right, rows - 2, asker_is_station=True)
    rule = paint("faint", "─" * left + "─┼─" + "─" * right)
    return [titles, rule, *(car + bar + call for car, call in zip(cars, office, strict=True))]


def _lane(lane: Lane, width: int, rows: int, *, asker_is_station: bool) -> list[str]:
    recent = list(lane.exchanges)[-rows:]
    result_width = min(width // 4, max((len(each.result) for each in recent), default=0))
    lines = [_exchange(each, width, result_width, each.asked_by_station is asker_is_station) for each in recent]
    return lines + [" " * width] * (rows - len(lines))


def _exchange(exchange: Exchange, width: int, result_width: int, to_the_right: bool) -> str:
    """Time, arrow, question, answer in exactly `width` columns."""
    arrow = paint("warm", "→ " if to_the_right else "← ")
    times = f" ×{exchange.count}" if exchange.count > 1 else ""
    asked = cell("text", exchange.name, min(len(exchange.name), width - result_width - 12)) + paint("cool", times)
    room = width - 8 - width_of(asked) - result_width - 1
    detail = cell("dim", f" {exchange.detail}", room) if room > 6 else " " * max(0, room)
    style = "bad" if exchange.bad else "dim" if exchange.result == "ok" else "cool"
    return (
        paint("faint", f"{exchange.at:5.1f} ")
        + arrow
        + asked
        + detail
        + " "
        + cell(style, exchange.result, result_width)
    )


def _spread(left: str, right: str, width: int) -> str:
    return left + " " * max(1, width - width_of(left) - width_of(right)) + right
