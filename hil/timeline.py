"""How the demo looks where there is no terminal (a log, a pipe): one line for everything that happens."""

from collections.abc import Iterator
from typing import TextIO

from hil.feed import Exchange, Feed, Lane

EVERY_S = 3.0  # power and energy while power flows


class Timeline:
    """Prints what changed since the last look."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._now = 0.0
        self._state: tuple[str, str] = ("", "")
        self._closed = False
        self._why = ""
        self._power_at = 0.0
        self._told: dict[str, Exchange] = {}

    def say(self, now: float, lane: str, text: str) -> None:
        print(f"{now:7.2f} s  {lane:<8} {text}", file=self._out, flush=True)

    def update(self, now: float, feed: Feed) -> None:
        """Tell what is new in the feed."""
        seen = feed.seen
        duty = seen["duty_percent"]
        state = (seen["car"], seen["pilot"] if duty is None else f"{duty:g} % duty")
        if state != self._state:
            self._state = state
            self.say(now, "pilot", f"state {state[0]}, {'steady' if state[1] == 'x1' else state[1]}")
        if seen["closed"] != self._closed:
            self._closed = seen["closed"]
            self.say(now, "power", "contactor closed" if self._closed else "contactor open")
        if seen["power_w"] > 50.0 and now - self._power_at >= EVERY_S:
            self._power_at = now
            self.say(now, "power", f"{seen['power_w'] / 1000:.2f} kW, {seen['energy_wh'] / 1000:.3f} kWh")
        if feed.why and feed.why != self._why:
            self._why = feed.why
            self.say(now, "station", feed.why)
        news = [*self._news("car", feed.car), *self._news("office", feed.office)]
        for _, name, text in sorted(news, key=lambda each: each[0]):
            self.say(now, name, text)

    def _news(self, name: str, lane: Lane) -> Iterator[tuple[float, str, str]]:
        """Time, lane and text of every answered exchange once; how often it came again when the next one begins."""
        fresh = list(lane.exchanges)
        last = self._told.get(name)
        if last is not None:
            fresh = fresh[next((n for n, each in enumerate(fresh) if each is last), -1) + 1 :]
        for exchange in fresh:
            if not exchange.answered:
                return
            if last is not None and last.count > 1:
                yield exchange.at, name, f"  {last.name} came {last.count} times"
            yield exchange.at, name, line_of(exchange)
            self._told[name] = last = exchange


def line_of(exchange: Exchange) -> str:
    asked = f"{exchange.name} {exchange.detail}".strip()
    return f"{asked}  ->  {exchange.result}"
