"""Messages between two sides as exchanges (request and answer), and runs of like exchanges folded into one.

A charging session of eight hours holds tens of thousands of `ChargingStatus`: all their times are kept, and the texts
of those that differ. Times in ms of the report's axis.
"""

import itertools
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

TEXTS_KEPT = 40
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_SUBJECT = re.compile(r'"(?:eventType|connectorStatus|status)"\s*:\s*"([A-Za-z]{1,24})')
_WITH_SUBJECT = frozenset({"TransactionEvent", "StatusNotification"})


class Said(NamedTuple):
    """One message. `asks`: a request (it may be answered); `first`: it comes from the side drawn on top."""

    at: int
    name: str
    asks: bool
    first: bool
    text: str = ""
    size: int = 0
    failed: bool = False
    took: float | None = None  # an answer that was timed where it was made, in ms
    allowed: float | None = None  # ... and the time it might have taken


class Exchange(NamedTuple):
    """A request and its answer, or one of them alone. `took` in ms; None without an answer. `allowed`: the time that
    the protocol's standard leaves for the answer, in ms; None where it sets none."""

    at: int
    name: str
    first: bool  # who began
    took: float | None
    texts: tuple[str, str]
    failed: bool
    allowed: float | None = None


def subject(name: str, text: str) -> str:
    """`TransactionEvent Started` tells more than `TransactionEvent`."""
    found = _SUBJECT.search(text) if name in _WITH_SUBJECT else None
    return f"{name} {found[1]}" if found else name


def paired(messages: Iterable[tuple[float, Said]]) -> list[Exchange]:
    """Answers found for requests: the same name, the other side, the oldest that still waits. The float is the exact
    time in ms."""
    waiting: dict[tuple[str, bool], list[int]] = {}
    found: list[Exchange] = []
    exact: list[float] = []
    for at, said in messages:
        key = (said.name, said.first if said.asks else not said.first)
        queue = waiting.setdefault(key, [])
        if said.asks:
            queue.append(len(found))
        elif queue:
            index = queue.pop(0)
            took = round(at - exact[index], 1) if said.took is None else round(said.took, 1)
            asked = found[index]
            texts, failed = (asked.texts[0], said.text), asked.failed or said.failed
            found[index] = asked._replace(took=took, texts=texts, failed=failed, allowed=said.allowed)
            continue
        texts = (said.text, "") if said.asks else ("", said.text)
        name = said.name if said.asks else f"{said.name} (answer only)"
        found.append(Exchange(said.at, name, said.first, None, texts, said.failed))
        exact.append(at)
    named = (each._replace(name=subject(each.name, each.texts[0])) for each in found)
    return sorted(named, key=lambda each: each.at)


def folded(exchanges: list[Exchange]) -> list[dict[str, Any]]:
    """Runs of the same exchange, as the page's script wants them: n name, f who began, t first time, s steps to the
    next, d durations (-1: unanswered), a what is allowed for each, x texts by index, e failed."""
    runs: list[list[Exchange]] = []
    for each in exchanges:
        last = runs[-1][-1] if runs else None
        if last is not None and (last.name, last.first, last.failed) == (each.name, each.first, each.failed):
            runs[-1].append(each)
        else:
            runs.append([each])
    return [_as_data(run) for run in runs]


def _as_data(run: list[Exchange]) -> dict[str, Any]:
    first = run[0]
    return {
        "n": first.name,
        "f": int(first.first),
        "e": int(first.failed),
        "t": first.at,
        "s": [after.at - before.at for before, after in itertools.pairwise(run)],
        "d": [-1 if each.took is None else each.took for each in run],
        "x": {index: run[index].texts for index in _worth_reading(run)},
        "a": next((each.allowed for each in run if each.allowed is not None), None),
    }


def _worth_reading(run: list[Exchange]) -> list[int]:
    """The first and last ones, those whose text has another shape than the one before, and some in between."""
    count = len(run)
    if count <= TEXTS_KEPT:
        return list(range(count))
    chosen = {0, 1, 2, count - 3, count - 2, count - 1}
    shape: tuple[str, ...] | None = None
    for index, each in enumerate(run):
        now = tuple(_DIGITS.sub("0", text) for text in each.texts)
        if now != shape and len(chosen) < TEXTS_KEPT:
            chosen.add(index)
        shape = now
    chosen |= {index * (count - 1) // 15 for index in range(16)}
    return sorted(chosen)
