"""The head of a session report in words: what was charged, by whom, how fast, what limited it, why it ended."""

import math
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from firmware.panel.redaction import shown
from firmware.panel.story import Story, turnaround
from firmware.station.car_facts import PacketCapture
from firmware.station.facts import Authorized, IdToken, TokenPresented, Transaction
from firmware.station.stopped import worded

#: faults that lead the head of a report
GRAVE = frozenset(
    {"weld", "emergency_stop", "pe_lost", "rcd_tripped", "rcd_self_test", "stuck_open", "unexpected_edge"}
)
CAR_TOOK_LESS = 0.9  # of the limit: then it was the car's choice
STOPPING_MS = 15_000  # a transaction's end waits at most this long for the open contactor


class Card(NamedTuple):
    """One thing to know: `note` is the small line below the value."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    capture: str = ""  # name of the file that the value stands for


class Summary(NamedTuple):
    sentence: str
    cards: list[Card]


def summarise(story: Story) -> Summary:
    """The sentence and the cards. Every text is plain: escaping is the page's business."""
    facts = _Figures(story)
    return Summary(facts.sentence(), [card for card in facts.cards() if card.value])


def duration(seconds: float) -> str:
    """`1 h 32 min`, `4 min 10 s`, `20 s`, `0.4 s`"""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"


def energy(wh: float) -> str:
    return f"{wh / 1000:.2f} kWh" if abs(wh) >= 1000 else f"{wh:.0f} Wh" if abs(wh) >= 10 else f"{wh:.1f} Wh"


def power(watts: float) -> str:
    return f"{watts / 1000:.2f} kW" if abs(watts) >= 1000 else f"{watts:.0f} W"


class _Figures:
    """What the sentence and the cards are made of."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.curve = story.curve()
        self.wh = max((point[2] for point in self.curve), default=0.0)
        self.peak_w = max((point[1] for point in self.curve), default=0.0)
        self.transactions = story.transactions()
        self.sessions = story.car_sessions()
        self.pilot = story.pilot()
        self.closed = [(row[0], until) for row, until in self._until(self.pilot) if row[4]]
        self.closed_ms = sum(until - begin for begin, until in self.closed)
        self.begin = self.transactions[0]["from"] if self.transactions else story.plugged
        ends = [each["until"] for each in self.transactions if each["until"] is not None]
        self.running = bool(self.transactions) and len(ends) < len(self.transactions)
        self.end = max(ends) if ends and not self.running else story.length

    def _until(self, rows: list[list[Any]]) -> list[tuple[list[Any], int]]:
        """Each row of a lane with the time when the next one takes over."""
        return [(row, after[0]) for row, after in pairwise([*rows, [self.story.length]])]

    # --- the sentence -------------------------------------------------------------------------------------------

    def sentence(self) -> str:
        return self._grave() + self._energy_sentence()

    def _grave(self) -> str:
        """A fault for which nobody may use the station comes before all else."""
        found = dict.fromkeys(fault[3] or fault[2] for fault in self.story.faults() if fault[2] in GRAVE)
        return "".join(f"{text[:1].upper()}{text[1:]}. " for text in found)

    def _energy_sentence(self) -> str:
        took = duration((self.end - self.begin) / 1000)
        if self.wh < 1 and not self.closed_ms:
            return f"No energy flowed: {self.why_not()}."
        so_far = " so far" if self.running else ""
        text = f"The car took {energy(self.wh)} in {took}{so_far}, over {self.protocol()}."
        ended = self.why_ended()
        return text if self.running or not ended else f"{text} It ended because {ended}."

    def why_not(self) -> str:
        """The last reason the station gave while the car was plugged in."""
        reasons = [row[6] for row in self.pilot if row[1] in {"B", "C", "D"} and row[6]]
        if reasons:
            return str(reasons[-1])
        return "the contactor never closed"

    def why_ended(self) -> str:
        for at, fact in reversed(self.story.all(Transaction)):
            if fact.kind == "Ended" and fact.stopped_reason:
                fault = self._fault_at(at) if fact.stopped_reason == "Other" else ""
                if fault:  # OCPP has no word for most of them
                    return f"of a fault: {fault}"
                return worded(fact.stopped_reason)
        return ""

    def _fault_at(self, end: int) -> str:
        """The first fault that stood when a transaction ended; else the first of those that had just gone."""
        before = [fault for fault in self.story.faults() if fault[0] <= end]
        standing = [fault for fault in before if fault[1] is None or fault[1] >= end]
        recent = [fault for fault in before if fault not in standing and fault[1] > end - STOPPING_MS]
        return next((str(fault[3] or fault[2]).partition(":")[0] for fault in standing + recent), "")

    def protocol(self) -> str:
        spoken = [session[2] for session in self.sessions if session[2]]
        return str(spoken[-1]) if spoken else "IEC 61851-1 (pilot only)"

    # --- the cards ----------------------------------------------------------------------------------------------

    def cards(self) -> list[Card]:
        return [
            Card("Energy", energy(self.wh), f"meter {self.story.energy_at_start() / 1000:.3f} kWh at the start"),
            Card("Duration", duration((self.end - self.begin) / 1000), self._charging_note()),
            Card("Power", power(self.peak_w) if self.peak_w else "", self._average_note()),
            self._soc(),
            self._limited_by(),
            self._ended(),
            self._token(),
            Card("Protocol", self.protocol(), self._turnaround_note()),
            Card("Car (EVCCID)", next((session[3] for session in reversed(self.sessions) if session[3]), "")),
            *self._captures(),
            self._office(),
            self._faults(),
            Card("Transaction", ", ".join(each["id"] for each in self.transactions), self._plugged_note()),
        ]

    def _charging_note(self) -> str:
        return f"contactor closed for {duration(self.closed_ms / 1000)}" if self.closed_ms else "contactor never closed"

    def _average_note(self) -> str:
        if not self.closed_ms or not self.peak_w:
            return ""
        return f"at most; {power(self.wh / (self.closed_ms / 3_600_000))} on average"

    def _soc(self) -> Card:
        known = [point[4] for point in self.curve if point[4] is not None]
        return Card("State of charge", f"{known[0]:.0f} → {known[-1]:.0f} %") if known else Card("", "")

    def _limited_by(self) -> Card:
        """Shares of the charging time, by who set the limit."""
        spent: dict[str, int] = {}
        least: tuple[float, str] = (math.inf, "")
        for (at, amps, source, *_), until in self._until(self.story.limits()):
            shared = sum(max(0, min(until, end) - max(at, begin)) for begin, end in self.closed)
            if shared:
                name = f"{source} {amps:g} A"
                spent[name] = spent.get(name, 0) + shared
                least = min(least, (amps, name))
        total = sum(spent.values())
        shares = sorted(((ms / total, name) for name, ms in spent.items()), reverse=True)
        if not shares:
            return Card("", "")
        drawn = max((max(point[3], default=0.0) for point in self.curve), default=0.0)
        if 0 < drawn < CAR_TOOK_LESS * least[0]:
            return Card("Limited by", "the car", f"took at most {drawn:.1f} A, less than {least[1]}")
        rest = ", ".join(f"{name} ({share:.0%})" for share, name in shares[1:4])
        return Card("Limited by", shares[0][1], f"{shares[0][0]:.0%} of the time" + (f"; {rest}" if rest else ""))

    def _ended(self) -> Card:
        if self.running:
            return Card("Ended", "still running", "the recording ends before the transaction does")
        spoken = next((session[4] for session in reversed(self.sessions) if session[4]), "")
        ended = self.why_ended()
        return Card("Ended because", ended or spoken or "", spoken if ended and spoken != ended else "")

    def _token(self) -> Card:
        verdicts = [fact for _, fact in self.story.all(Authorized)]
        tokens: list[IdToken] = [fact.id_token for fact in verdicts]
        tokens += [fact.id_token for _, fact in self.story.all(Transaction) if fact.id_token is not None]
        tokens += [fact.id_token for _, fact in self.story.all(TokenPresented)]
        if not tokens:
            return Card("Token", "none presented")
        note = f"{verdicts[-1].status} by {verdicts[-1].source}" if verdicts else ""
        tone = "bad" if verdicts and not verdicts[-1].accepted else ""
        return Card("Token", shown(tokens[0]), note, tone)

    def _turnaround_note(self) -> str:
        times = turnaround(self.story.car_exchanges)
        if not times:
            return ""
        middle, worst = times[len(times) // 2], times[-1]
        return f"{len(times)} answers, median {_ms(middle)}, slowest {_ms(worst)}{self._nearest_to_its_limit()}"

    def _nearest_to_its_limit(self) -> str:
        """The answer that used most of the time allowed for it."""
        timed = [(each.took / each.allowed, each) for each in self.story.car_exchanges if each.took and each.allowed]
        if not timed:
            return ""
        share, each = max(timed, key=lambda one: one[0])
        return f", nearest to its limit {each.name} with {share:.0%} of {_ms(each.allowed or 0)}"

    def _captures(self) -> list[Card]:
        """One for each file with packets, with the latest that is known of it."""
        latest = {fact.file: fact for _, fact in self.story.all(PacketCapture) if fact.file}
        found = []
        for fact in latest.values():
            parts = [f"{fact.packets} packets, {fact.size / 1000:.0f} kB" if fact.kind == "Ended" else "not finished"]
            parts += ["TLS keys inside: keep it private"] if fact.secrets else []
            parts += [f"{fact.left_out} left out"] if fact.left_out else []
            note = ", ".join([*parts, *([fact.reason] if fact.reason else [])])
            found.append(Card("Packets", fact.file, note, "bad" if fact.reason else "", fact.file))
        return found

    def _office(self) -> Card:
        exchanges = self.story.office_exchanges
        links = self.story.links()
        if not exchanges and not links:
            return Card("", "")
        versions = [link[2] for link in links if link[2]]
        # not connected yet is no loss
        lost = sum(1 for before, link in pairwise(links) if before[1] and not link[1])
        errors = sum(each.failed for each in exchanges)
        note = f"{len(exchanges)} calls" + (f", {errors} failed" if errors else "")
        title = f"OCPP {versions[-1]}" if versions else "OCPP"
        if links and not links[-1][1]:
            title += ": not connected"
        elif lost:
            title += f": lost {lost} ×, back again"
        elif errors:
            title += f": {errors} calls refused" if errors > 1 else ": a call refused"
        return Card("Back office", title, note, "bad" if errors or lost else "")

    def _faults(self) -> Card:
        faults = self.story.faults()
        if not faults:
            return Card("Faults", "none")
        texts = list(dict.fromkeys(fault[3] or fault[2] for fault in faults))
        return Card("Faults", str(len(faults)), "; ".join(texts[:3]), "bad")

    def _plugged_note(self) -> str:
        at = datetime.fromtimestamp(self.story.began + self.story.plugged / 1000, UTC)
        return f"plugged in {at:%Y-%m-%d %H:%M:%S} UTC"


def _ms(value: float) -> str:
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms" if value < 10_000 else duration(value / 1000)
