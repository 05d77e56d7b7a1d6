"""The report of one charging session: one self-contained HTML file. Also `pilotline report` and, as a child process,
`python -m firmware.panel.report FILE OUT.html`.

What is in it is `story.py`'s and `summary.py`'s; how it looks and moves is in `assets/`. Nothing of a recording is
ever trusted: Python escapes what it writes, the script only sets text, and the page's policy runs no other script.
"""

import argparse
import base64
import hashlib
import html
import re
import sys
from datetime import UTC, datetime
from importlib import resources
from os.path import relpath
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import msgspec

from firmware.config import StationSettings
from firmware.panel.recording import RecordingBegan, RecordingEnded, RecordingThinned
from firmware.panel.redaction import Redactor
from firmware.panel.story import Story
from firmware.panel.summary import Card, duration, summarise
from firmware.station.facts import Authorized, TokenPresented, Transaction

SCRIPTS = ("base.js", "view.js", "lanes.js", "ladder.js", "draw.js", "table.js")
LONG_VALUE = 26  # characters from which a card uses the smaller type


class NoSession(Exception):
    """No recording fits what was asked for. The text says what there is."""


def render(path: Path, out: Path | None = None) -> str:
    """The whole page, to be kept as `out` (links to other files start there; None: beside the recording). Raises
    OSError when the recording cannot be read."""
    story = Story(path)
    summary = summarise(story)
    redactor = _redactor(story)  # the recorder has hidden tokens already; an imported recording may not have
    script = "\n".join(_asset(name) for name in SCRIPTS)
    began = [fact for _, fact in story.all(RecordingBegan)]
    captures = relpath(path.resolve().parent.parent / "captures", (out or path).resolve().parent)
    return Template(_asset("report.html")).substitute(
        title=html.escape(_title(story)),
        station=html.escape(_station(began, story)),
        software=html.escape(began[0].software if began else ""),
        sentence=html.escape(redactor.text(summary.sentence)),
        cards="".join(_card(card, captures) for card in summary.cards),
        notes="".join(f"<p>{html.escape(note)}</p>" for note in _notes(story)),
        style=_asset("report.css"),
        data=_as_json(redactor.record(_data(story))),
        script=script,
        script_hash=f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'",
    )


def _asset(name: str) -> str:
    return (resources.files("firmware.panel") / "assets" / name).read_text(encoding="utf-8")


def _title(story: Story) -> str:
    at = datetime.fromtimestamp(story.began + story.plugged / 1000, UTC)
    return f"Charging session of {at.day} {at:%B %Y, %H:%M} UTC"


def _station(began: list[RecordingBegan], story: Story) -> str:
    parts = [began[0].station, f"EVSE {began[0].evse}"] if began else []
    return " · ".join(part for part in (*parts, story.name) if part)


def _redactor(story: Story) -> Redactor:
    found = Redactor()
    for each in story.timed:
        if isinstance(each.line, TokenPresented | Authorized | Transaction) and each.line.id_token is not None:
            found.learn(each.line.id_token.token)
    return found


def _card(card: Card, captures: str) -> str:
    """`captures`: way to the folder with packets. A name that our recorder does not give is no link."""
    value = html.escape(card.value)
    if re.fullmatch(r"[0-9TZ.-]+\.pcapng", card.capture):
        value = f'<a href="{html.escape(quote(f"{captures}/{card.capture}"))}">{value}</a>'
    long = ' class="long"' if len(card.value) > LONG_VALUE else ""
    note = f'<dd class="note">{html.escape(card.note)}</dd>' if card.note else ""
    tone = f' class="{card.tone}"' if card.tone else ""
    return f"<div{tone}><dt>{html.escape(card.label)}</dt><dd{long}>{value}</dd>{note}</div>"


def _notes(story: Story) -> list[str]:
    """What the reader must know about gaps; nothing is hidden."""
    found = [f"Recording {story.name}. Times are the viewer's local time; tokens keep their last four characters."]
    found += [f"From a certain point on, {fact.reason}." for _, fact in story.all(RecordingThinned)]
    for _, fact in story.all(RecordingEnded):
        if fact.left_out or fact.lost:
            found.append(f"{fact.left_out} lines were left out to keep the file small, {fact.lost} were lost.")
    for begin, end in story.gaps():
        down = duration((end - begin) / 1000)
        found.append(
            f"The controller was not running for {down}: the guard was alone, what is drawn there is from before."
        )
    if story.unreadable:
        found.append(f"{story.unreadable} lines of the recording could not be read (power cut, or another version).")
    if not story.all(RecordingEnded):
        found.append("The recording has no end: it is still running, or the station stopped during the session.")
    return found


def _data(story: Story) -> dict[str, Any]:
    """What the script draws; the keys are explained at the methods of Story."""
    return {
        "began": round(story.began * 1000),
        "length": story.length,
        "plugged": story.plugged,
        "pilot": story.pilot(),
        "limits": story.limits(),
        "links": story.links(),
        "gaps": story.gaps(),
        "faults": story.faults(),
        "transactions": story.transactions(),
        "sessions": story.car_sessions(),
        "curve": story.curve(),
        "car": story.car(),
        "office": story.office(),
        "marks": story.marks(),
    }


def _as_json(data: object) -> str:
    """JSON that can stand inside a <script> element: no `<`, `>` or `&` is left."""
    text = msgspec.json.encode(data).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


# --- command line -----------------------------------------------------------------------------------------------------


def find(wanted: str, folder: Path) -> Path:
    """The recording that `wanted` names: a file, a session's id or its beginning, or `latest`. Raises NoSession."""
    if Path(wanted).is_file():
        return Path(wanted)
    known = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not known:
        raise NoSession(f"no recordings in {folder}; give the station's storage with --storage")
    if wanted == "latest":
        return known[0]
    fitting = [path for path in known if path.stem.startswith(wanted)]
    exact = [path for path in fitting if path.stem == wanted]
    if len(fitting) == 1 or exact:
        return (exact or fitting)[0]
    several = "fits several sessions" if fitting else "fits no session"
    listed = "\n  ".join(path.stem for path in (fitting or known)[:10])
    raise NoSession(f"{wanted!r} {several} in {folder}; there are, newest first:\n  {listed}")


def main(argv: list[str]) -> int:
    """`pilotline report SESSION`. Exit code 1: no such session or it cannot be read or written."""
    parser = argparse.ArgumentParser(prog="pilotline report", description="Make the report of one charging session.")
    parser.add_argument("session", help="id of the session, its beginning, `latest`, or a recording file")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: beside the recording)")
    storage = Path(StationSettings().storage)
    parser.add_argument("--storage", type=Path, default=storage, metavar="DIR", help=f"default: {storage}")
    arguments = parser.parse_args(argv)
    try:
        path = find(arguments.session, arguments.storage / "sessions")
        out: Path = arguments.out or path.with_suffix(".html")
        page = render(path, out)
    except (NoSession, OSError) as error:
        print(f"pilotline report: {error}", file=sys.stderr)
        return 1
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        print(f"pilotline report: cannot write {out}: {why}; say where with --out FILE", file=sys.stderr)
        return 1
    print(out)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m firmware.panel.report FILE OUT.html")
    sys.exit(main([sys.argv[1], "--out", sys.argv[2]]))
