"""The report of a bring-up as a page to read, print and put into the station's folder. Made of the signed report alone;
the signature is over the JSON file beside it, and the page says how it is checked.
"""

from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Final

from hal.bringup.report import Report, fingerprint
from hal.bringup.trial import Step

RESULTS: Final = {"ok": "passed", "failed": "failed", "skipped": "left out"}
_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:62em;padding:0 1em;color:#1b1b1b;background:#fff}
h1{font-size:1.5em;margin:0 0 .2em} h2{font-size:1.1em;margin:1.6em 0 .3em}
.verdict{display:inline-block;padding:.15em .7em;border-radius:.3em;color:#fff;font-weight:600}
.verdict.passed{background:#1a7f37} .verdict.failed{background:#b3261e}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;margin:1em 0} dt{color:#555} dd{margin:0}
table{border-collapse:collapse;width:100%} th,td{text-align:left;vertical-align:top;padding:.3em .6em .3em 0}
th{color:#555;font-weight:600;border-bottom:2px solid #ccc} td{border-bottom:1px solid #e5e5e5}
td.ok{color:#1a7f37} td.failed{color:#b3261e;font-weight:600} td.skipped{color:#777}
code,.mono{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
@media print{body{margin:0;max-width:none} .verdict{border:1px solid;color:#000!important;background:none!important}}
"""


def page(report: Report, public_key: str, file_name: str) -> str:
    """HTML, complete and without anything from elsewhere. `file_name`: of the signed report."""
    verdict = "passed" if report.passed else "failed"
    failed = [step for step in report.steps if step.result == "failed"]
    counts = ", ".join(
        f"{sum(step.result.partition(':')[0] == result for step in report.steps)} {word}"
        for result, word in RESULTS.items()
    )
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Bring-up of {escape(report.board)}: {verdict}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>Bring-up of {escape(report.board)}</h1>",
        f'<p><span class="verdict {verdict}">{verdict.upper()}</span> {escape(counts)}</p>',
        *_facts(report),
        *(_table("What failed", failed, place=True) if failed else ()),
    ]
    for connector, steps in groupby(report.steps, key=lambda step: step.connector):
        parts += _table(f"Connector {connector}" if connector else "Station", list(steps), place=False)
    parts += _signature(public_key, file_name)
    return "\n".join([*parts, "</body></html>", ""])


def _facts(report: Report) -> Iterator[str]:
    yield "<dl>"
    for name, value in (
        ("When", report.at.replace("T", " ").replace("Z", " UTC")),
        ("Technician", report.technician or "no name given"),
        ("Software", f"Pilotline {report.software}"),
        ("Machine", report.machine),
        ("Board file, SHA-256", report.board_sha256),
    ):
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield "</dl>"


def _table(title: str, steps: list[Step], *, place: bool) -> list[str]:
    head = ("Where",) if place else ()
    columns = (*head, "Part", "Tried", "Result", "Measured", "Limit")
    rows = [f"<h2>{escape(title)}</h2>", "<table><thead><tr>"]
    rows += [f"<th>{escape(column)}</th>" for column in columns] + ["</tr></thead><tbody>"]
    for step in steps:
        where = f"connector {step.connector}" if step.connector else "station"
        kind, _, reason = step.result.partition(":")
        kind, word = (kind, RESULTS[kind]) if kind in RESULTS else ("skipped", step.result)
        word += f":{reason}" if reason else ""
        cells = [f"<td>{escape(where)}</td>"] if place else []
        cells += [f"<td>{escape(step.part.replace('_', ' '))}</td>", f"<td>{escape(step.what)}</td>"]
        cells += [f'<td class="{kind}">{escape(word)}</td>']
        cells += [f"<td>{escape(text)}</td>" for text in (step.measured, step.limit)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return [*rows, "</tbody></table>"]


def _signature(public_key: str, file_name: str) -> list[str]:
    command = f"pilotline board verify {file_name} --key {public_key}"
    return [
        "<h2>Signature</h2>",
        f"<p>Signed is <code>{escape(file_name)}</code>, with the key of this station, whose fingerprint is "
        f'<span class="mono">{escape(fingerprint(public_key))}</span>. This page is a copy for people; whether the '
        f"signed report is as it was, and from this station, is said by</p><p><code>{escape(command)}</code></p>",
    ]
