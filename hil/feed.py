"""What happens in a running stack, gathered for people: plant and station by asking, car and back office by reading
their JSON lines. Knows nothing of how it is shown."""

import json
import re
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hil.rig import JsonObject, Rig

KEPT: Final = 200
POWER_EVERY_S: Final = 0.25
STATION_EVERY_S: Final = 0.5


@dataclass
class Exchange:
    """One question and its answer; the same one again only counts."""

    at: float
    name: str
    asked_by_station: bool = True
    detail: str = ""
    result: str = ""
    answered: bool = False
    count: int = 1

    @property
    def bad(self) -> bool:
        return self.result.startswith(("FAILED", "error"))


@dataclass
class Lane:
    """The exchanges of one conversation, newest last."""

    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=KEPT))

    def ask(self, at: float, name: str, detail: str = "", *, by_station: bool = True) -> None:
        last = self.exchanges[-1] if self.exchanges else None
        if last is not None and (last.name, last.detail, last.answered) == (name, detail, True):
            last.count += 1
            return
        self.exchanges.append(Exchange(at, name, by_station, detail))

    def answer(self, name: str, result: str, *, by_station: bool = True) -> None:
        for exchange in reversed(self.exchanges):
            if (exchange.name, exchange.asked_by_station) == (name, by_station):
                exchange.result, exchange.answered = result, True
                return


class Lines:
    """The new JSON lines of a log that another process writes; other lines are skipped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def new(self) -> Iterator[JsonObject]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._at += len(line)
                if line.startswith(b"{"):
                    yield json.loads(line)


class Feed:
    """`poll(now)` brings everything up to date; `now` counts seconds from the start of the show."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.car = Lane()
        self.office = Lane()
        self.seen: JsonObject = rig.status()
        self.why = ""
        self.ended: JsonObject | None = None  # the digital car's last word
        self.power_w: deque[float] = deque(maxlen=KEPT)
        self.invalid: list[str] = []  # what the back office had to refuse
        self._rig = rig
        self._office_lines = Lines(folder / "csms.log")
        self._folder = folder
        self._car_lines = Lines(folder / "car.log")
        self._control = folder / "control.sock"
        self._power_at = self._station_at = float("-inf")

    def new_car(self, name: str) -> None:
        """From now on the digital car is the process of this name."""
        self._car_lines = Lines(self._folder / f"{name}.log")
        self.ended = None

    def poll(self, now: float) -> None:
        """Raises RigError when the plant is gone."""
        self.seen = self._rig.status()
        if now - self._power_at >= POWER_EVERY_S:
            self._power_at = now
            self.power_w.append(float(self.seen["power_w"]))
        if now - self._station_at >= STATION_EVERY_S:
            self._station_at = now
            self.why = ask_why(self._control)
        for line in self._office_lines.new():
            self._read_office(now, line)
        for line in self._car_lines.new():
            self._read_car(now, line)

    def _read_office(self, now: float, line: JsonObject) -> None:
        if line["event"] == "invalid":
            self.invalid.append(f"{line.get('action', '')} {line['why']}".strip())
        if line["event"] != "message":
            return
        by_station = (line["direction"] == "received") == (line["kind"] == "call")
        if line["kind"] == "call":
            self.office.ask(now, line["action"], _office_detail(line["payload"]), by_station=by_station)
        else:
            self.office.answer(line["action"], _office_result(line), by_station=by_station)

    def _read_car(self, now: float, line: JsonObject) -> None:
        if line["event"] == "sent":
            self.car.ask(now, _bare(line["name"]), _car_detail(line["text"]), by_station=False)
        elif line["event"] == "received":
            self.car.answer(_bare(line["name"]), _car_result(line["text"]), by_station=False)
        elif line["event"] in {"ended", "failed"}:
            self.ended = line


def ask_why(control: Path) -> str:
    """The station's one sentence on why it charges or not; "" while it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
            asker.settimeout(0.5)
            asker.connect(str(control))
            asker.sendall(b'{"do": "status"}\n')
            with asker.makefile("rb") as answers:
                status = json.loads(answers.readline())
        return str(status["status"]["evses"][0]["why"])
    except (OSError, ValueError, KeyError, IndexError):
        return ""


def _office_detail(payload: JsonObject) -> str:
    """The part of a call that people want to see."""
    info = payload.get("transactionInfo", {})
    kind = payload.get("eventType")
    parts = [
        None if kind == "Updated" else kind,
        payload.get("triggerReason"),
        info.get("chargingState") if kind == "Updated" else info.get("stoppedReason"),
        payload.get("connectorStatus") or payload.get("status"),
        payload.get("idTag") or payload.get("idToken", {}).get("idToken"),
        payload.get("reason"),
    ]
    return " ".join(str(part) for part in parts if part)


def _office_result(line: JsonObject) -> str:
    payload = line["payload"]
    if line["kind"] == "error":
        return f"error {payload['code']}"
    told = payload.get("status") or payload.get("idTagInfo", payload.get("idTokenInfo", {})).get("status")
    return str(told or "ok")


def _bare(name: str) -> str:
    bare = name.removesuffix("Req").removesuffix("Res")
    return bare[:1].upper() + bare[1:]


def _car_detail(text: str) -> str:
    """The field of a request that people want to see."""
    return " ".join(value for name, value in _FIELDS.findall(text) if name in _SHOWN_OF_REQUESTS)


def _car_result(text: str) -> str:
    """Response code, and what the station offers or asks."""
    shown = [value for name, value in _FIELDS.findall(text) if name in _SHOWN_OF_RESPONSES]
    return " ".join(value for value in shown if value not in {"None", "Finished"}) or "ok"


_FIELDS: Final = re.compile(r"(\w+)=([^ {}]+)")
_SHOWN_OF_REQUESTS: Final = {
    "ChargeProgress",
    "ChargingSession",
    "SelectedPaymentOption",
    "RequestedEnergyTransferMode",
    "EVCCID",
}
_SHOWN_OF_RESPONSES: Final = {"ResponseCode", "EVSEProcessing", "EVSEMaxCurrent", "EVSENotification"}
