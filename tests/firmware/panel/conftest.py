"""Whole charging sessions as the station would tell them, for recorder and report: facts in order of time."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.panel.recording import Line, MeterPoint, RecordingBegan, RecordingEnded
from firmware.station.car_facts import CarMessage, CarSession
from firmware.station.charging_facts import LimitChanged
from firmware.station.facts import (
    Authorized,
    BackOfficeLink,
    BackOfficeMessage,
    ConnectorStatus,
    FaultCleared,
    FaultRaised,
    IdToken,
    PilotChanged,
    Sample,
    TokenPresented,
    Transaction,
)

BEGAN = 1_790_000_000.0  # 2026-09-21 in UTC
MONO = 5_000.0
TOKEN = IdToken("04A2B3C4D5E680")
TRANSACTION = "4f0c2d6e-6a55-4a0b-9d3e-2f8f5a1c7b10"
EVSE_ID = "DE*PLT*E000001"


@dataclass
class Tale:
    """A session that is being told: `after(s)` moves time on, the rest happens now."""

    hostile: str = ""
    lines: list[Line] = field(default_factory=list)
    now: float = 0.0
    energy: float = 12_345_600.0
    power: float = 0.0
    limit: float = 16.0
    phases: int = 3
    seq: int = 0
    soc: float | None = None
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def add(self, what: Callable[..., Line], /, **values: Any) -> None:
        self.lines.append(what(at=BEGAN + self.now, mono=MONO + self.now, **values))

    def after(self, seconds: float) -> None:
        self.energy += self.power * seconds / 3600
        self.now += seconds

    def amps(self) -> tuple[float, ...]:
        return tuple(round(self.power / self.phases / 230 + 0.01 * k, 2) for k in range(self.phases))

    def volts(self) -> tuple[float, ...]:
        return tuple(round(230.4 - self.power / 11000 + 0.4 * k, 1) for k in range(self.phases))

    def meter(self) -> None:
        values = {"voltage_v": self.volts(), "current_a": self.amps(), "soc_percent": self.soc}
        self.add(MeterPoint, evse=1, energy_wh=round(self.energy, 1), power_w=round(self.power, 1), **values)

    def pilot(self, level: str, mode: str, duty: float = 0.0, closed: bool = False, why: str = "") -> None:
        self.add(
            PilotChanged, evse=1, connector=1, level=level, mode=mode, duty_percent=duty, closed=closed,
            limit_a=self.limit if closed else 0.0, why_open="" if closed else why,
        )  # fmt: skip

    def call(self, name: str, request: dict[str, Any], reply: dict[str, Any] | None = None, took: float = 0.06) -> None:
        self.office("sent", "call", name, request)
        self.after(took)
        self.office("received", "result", name, reply or {})

    def office(self, direction: str, kind: str, name: str, payload: dict[str, Any]) -> None:
        head: list[Any] = [2, f"id-{self.seq}", name] if kind == "call" else [3, f"id-{self.seq}"]
        text = json.dumps([*head, payload], separators=(",", ":"))
        self.add(BackOfficeMessage, direction=direction, version="2.0.1", kind=kind, name=name, text=text)

    def exchange(self, name: str, request: str = "", reply: str = "response_code=OK", took: float = 0.002) -> None:
        values = {"evse": 1, "session": "A1B2C3D4E5F60708", "protocol": "ISO 15118-2"}
        stem = name.removesuffix("Req")
        text = f"{stem}Req {request}".strip()
        self.add(CarMessage, direction="from_car", name=f"{stem}Req", text=text, size=20 + len(request), **values)
        self.after(took)
        text = f"{stem}Res {reply}".strip() + self.hostile
        self.add(CarMessage, direction="to_car", name=f"{stem}Res", text=text, size=22 + len(reply), **values)

    def transaction(self, kind: str, trigger: str, state: str, **more: Any) -> None:
        sample = Sample(
            at=BEGAN + self.now, energy_wh=round(self.energy, 1), power_w=round(self.power, 1),
            voltage_v=self.volts(), current_a=self.amps(), soc_percent=self.soc, offered_a=self.limit,
        )  # fmt: skip
        self.add(
            Transaction, kind=kind, transaction_id=TRANSACTION, seq_no=self.seq, trigger=trigger, evse=1, connector=1,
            charging_state=state, id_token=TOKEN, samples=(sample,), **more,
        )  # fmt: skip
        self.seq += 1
        info = {"transactionId": TRANSACTION, "chargingState": state}
        self.call(
            "TransactionEvent",
            {"eventType": kind, "triggerReason": trigger, "seqNo": self.seq - 1, "transactionInfo": info,
             "idToken": {"idToken": TOKEN.token, "type": "ISO14443"}},
            {"idTokenInfo": {"status": "Accepted"}},
        )  # fmt: skip

    def swipe(self) -> None:
        self.add(TokenPresented, evse=0, id_token=TOKEN)
        self.after(0.02)
        self.call("Authorize", {"idToken": {"idToken": TOKEN.token, "type": "ISO14443"}},
                  {"idTokenInfo": {"status": "Accepted"}})  # fmt: skip
        self.add(Authorized, evse=1, id_token=TOKEN, accepted=True, status="Accepted", source="csms")

    def status(self, state: str, detail: str) -> None:
        self.add(ConnectorStatus, evse=1, connector=1, state=state, detail=detail)
        self.call("StatusNotification", {"connectorStatus": state, "evseId": 1, "connectorId": 1})

    def plug_in(self) -> None:
        self.add(RecordingBegan, evse=1, cause="plugged_in", station="Pilotline sim-ac-type2", software="0.1.0")
        self.lines.append(BackOfficeLink(at=BEGAN - 3600, mono=MONO - 3600, connected=True, version="2.0.1"))
        self.lines.append(LimitChanged(at=BEGAN - 3600, mono=MONO - 3600, evse=1, limit_a=0.0, source="hardware"))
        self.after(0.4)
        self.limit = 0.0
        self.pilot("B", "x1", why="nobody is authorised yet")
        self.status("Occupied", "Preparing")
        self.meter()

    def set_limit(self, amps: float, source: str) -> None:
        self.limit = amps
        self.add(LimitChanged, evse=1, limit_a=amps, source=source, limit_w=amps * 690)

    def charge(self, seconds: float, *, every: float = 1.0, loop: bool = False, meter_every: float = 60.0) -> None:
        """Power follows the limit with the car's own ramp; every `meter_every` s a sample goes to the back office."""
        until, next_sample = self.now + seconds, self.now + meter_every
        wanted = self.power
        while self.now < until:
            wanted += (min(self.limit, 16) * 230 * self.phases * 0.985 - wanted) * min(1.0, 0.4 * every)
            self.power = max(0.0, wanted + self.chance.gauss(0, 6))
            if self.soc is not None:
                self.soc = round(min(100.0, self.soc + self.power * every / 3600 / 520), 2)
            self.meter()
            if loop:
                reply = f"response_code=OK evse_id={EVSE_ID} max_current={self.limit:g}A meter={self.energy:.0f}Wh"
                self.exchange("ChargingStatus", "", reply, took=0.0012 + self.chance.random() * 0.001)
            if self.now >= next_sample:
                next_sample += meter_every
                self.transaction("Updated", "MeterValuePeriodic", "Charging")
            self.after(every)

    def stop_and_unplug(self) -> None:
        self.power = 0.0
        self.pilot("B", "duty", 26.7, why="the car does not ask for power")
        self.transaction("Updated", "ChargingStateChanged", "SuspendedEV")
        self.meter()
        self.after(3.2)
        self.pilot("A", "x1", why="no vehicle connected")
        self.transaction("Ended", "EVCommunicationLost", "Idle", stopped_reason="EVDisconnected")
        self.set_limit(0.0, "hardware")
        self.status("Available", "Available")
        self.after(1.0)
        self.add(RecordingEnded, evse=1, reason="unplugged")


def basic(seconds: float = 75.0) -> Tale:
    """IEC 61851: plug, swipe, charge, the back office lowers the limit, a short trip, unplug."""
    tale = Tale()
    tale.plug_in()
    tale.after(4.0)
    tale.swipe()
    tale.set_limit(16.0, "cable")
    tale.pilot("B", "duty", 26.7, why="the car does not ask for power")
    tale.transaction("Started", "Authorized", "EVConnected", meter_start_wh=tale.energy)
    tale.after(1.6)
    tale.pilot("C", "duty", 26.7, closed=True)
    tale.transaction("Updated", "ChargingStateChanged", "Charging")
    tale.charge(seconds * 0.4)
    tale.office("received", "call", "SetChargingProfile", {"evseId": 1, "chargingProfile": {"limit": 10}})
    tale.after(0.01)
    tale.office("sent", "result", "SetChargingProfile", {"status": "Accepted"})
    tale.set_limit(10.0, "csms")
    tale.pilot("C", "duty", 16.7, closed=True)
    tale.charge(seconds * 0.3)
    tale.add(FaultRaised, evse=1, connector=1, code="over_temperature", text="socket at 82 °C, limit 80 °C")
    tale.set_limit(6.0, "temperature")
    tale.pilot("C", "duty", 10.0, closed=True)
    tale.charge(seconds * 0.2)
    tale.add(FaultCleared, evse=1, connector=1, code="over_temperature")
    tale.set_limit(10.0, "csms")
    tale.pilot("C", "duty", 16.7, closed=True)
    tale.charge(seconds * 0.1)
    tale.stop_and_unplug()
    return tale


def iso2(seconds: float = 20.0, every: float = 1.0, hostile: str = "", soc: float | None = 41.0) -> Tale:
    """ISO 15118-2 AC: handshake, authorization while the token is awaited, a charging loop, SessionStop."""
    tale = Tale(hostile=hostile, soc=soc)
    tale.plug_in()
    tale.after(0.2)
    tale.pilot("B", "duty", 5.0, why="nobody is authorised yet")
    tale.after(1.9)
    began = {"evse": 1, "session": "A1B2C3D4E5F60708", "protocol": "ISO 15118-2 AC", "evccid": "0A1B2C3D4E5F"}
    tale.add(CarSession, kind="Started", **began)
    for name, request, reply in (
        ("supportedAppProtocol", "urn:iso:15118:2:2013:MsgDef 2.0", "response_code=OK_SuccessfulNegotiation"),
        ("SessionSetup", "evccid=0A1B2C3D4E5F", f"response_code=OK_NewSessionEstablished evse_id={EVSE_ID}"),
        ("ServiceDiscovery", "", "response_code=OK payment=ExternalPayment energy=AC_three_phase_core"),
        ("PaymentServiceSelection", "ExternalPayment", "response_code=OK"),
    ):
        tale.exchange(name, request, reply, took=0.0021)
        tale.after(0.11)
    for _ in range(9):
        tale.exchange("Authorization", "", "response_code=OK processing=Ongoing", took=0.0015)
        tale.after(0.25)
    tale.swipe()
    tale.set_limit(16.0, "cable")
    tale.transaction("Started", "Authorized", "EVConnected", meter_start_wh=tale.energy)
    tale.exchange("Authorization", "", "response_code=OK processing=Finished", took=0.0016)
    tale.after(0.12)
    tale.exchange("ChargeParameterDiscovery", "AC_three_phase_core", "response_code=OK max_current=16A", took=0.003)
    tale.after(0.15)
    tale.pilot("C", "duty", 5.0, why="the car has not started charging")
    tale.after(0.05)
    tale.exchange("PowerDelivery", "charge_progress=Start", "response_code=OK", took=0.14)
    tale.pilot("C", "duty", 5.0, closed=True)
    tale.transaction("Updated", "ChargingStateChanged", "Charging")
    tale.charge(seconds * 0.5, every=every, loop=True)
    tale.set_limit(10.0, "site")
    tale.charge(seconds * 0.3, every=every, loop=True)
    tale.set_limit(16.0, "cable")
    tale.charge(seconds * 0.2, every=every, loop=True)
    tale.exchange("PowerDelivery", "charge_progress=Stop", "response_code=OK", took=0.21)
    tale.pilot("B", "duty", 5.0, why="the car stopped charging")
    tale.after(0.1)
    tale.exchange("SessionStop", "charging_session=Terminate", "response_code=OK")
    tale.add(CarSession, kind="Ended", reason="the car ended the session", **began)
    tale.stop_and_unplug()
    return tale


@pytest.fixture
def tell() -> dict[str, Callable[..., Tale]]:
    return {"basic": basic, "iso2": iso2}


@pytest.fixture
def record(tmp_path: Path) -> Callable[[Tale], Path]:
    def write(tale: Tale) -> Path:
        path = tmp_path / f"{TRANSACTION}.jsonl"
        path.write_bytes(b"".join(_encoded(tale.lines)))
        return path

    return write


def _encoded(lines: list[Line]) -> Iterator[bytes]:
    return (msgspec.json.encode(line) + b"\n" for line in lines)
