"""Each kind of plug by its rules; AC and DC on the same contacts are never both closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hal.board import load
from hal.contracts import PilotMode
from hal.guard import TICK_S, Guard
from hal.sim.registers import Registers
from hal.toml import ConfigError
from hal.wire import Beat, GrantIntent, Lease, Observation, SetPilot, decode_from_controller, encode

if TYPE_CHECKING:
    from tests.hal.conftest import BenchMaker

BOARDS = Path(__file__).parents[2] / "board-configs"
AC = (BOARDS / "sim-ac-type2.toml").read_text()
TETHERED = (BOARDS / "sim-ac-phases.toml").read_text()
LOCK = '[connector.lock]\ndriver = "sim_lock"\n'
DC = (BOARDS / "sim-dc-ccs2.toml").read_text()


def complaints(tmp_path: Path, text: str) -> str:
    path = tmp_path / "board.toml"
    path.write_text(text)
    try:
        load(path)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        (TETHERED, ('"cType2"', '"cType1"'), "phases: Type 1 (SAE J1772), fixed cable carries 1 phase(s); say"),
        (TETHERED, ('"cType2"', '"cCCS2"'), "dc: CCS Combo 2 carries DC only"),
        (TETHERED, ("max_current_a = 32\n", "max_current_a = 100\n"), "Type 2, fixed cable carries 63 A at most"),
        (TETHERED, ("[connector.rcd]", f"{LOCK}[connector.rcd]"), "not held by the station"),
        (TETHERED, ("phases = 3\nv", "phases = 1\nv"), "phase_switch: only where three phases can be had"),
        (TETHERED, ('sensor = "thermometer_housing"', 'sensor = "thermometer_cable"'), "no thermometer_cable on this"),
        (AC, ("id = 1", "id = 1\nshares_pins_with = [2]"), "connector 2 does not share these contacts"),
        (AC, ('"sType2"', '"cType2"'), "Type 2, fixed cable has no proximity contact to read"),
        (DC, ('"cCCS2"', '"cType2"'), "dc: Type 2, fixed cable carries no DC"),
    ],
)  # fmt: skip
def test_what_a_plug_cannot_be_is_said(tmp_path: Path, text: str, change: tuple[str, str], said: str) -> None:
    assert change[0] in text
    assert said in complaints(tmp_path, text.replace(*change, 1))


TYPE1 = {
    'kind = "cType2"': 'kind = "cType1"',
    "phases = 3\nventilation": "phases = 1\nventilation",
    '[connector.phase_switch]\ndriver = "sim_phase_switch"': '[connector.proximity]\ndriver = "sim_proximity"',
}


def test_the_button_of_a_type_1_plug_opens_and_its_cable_keeps_its_rating(make_bench: BenchMaker) -> None:
    bench = make_bench("sim-ac-phases", TYPE1)
    bench.charge()
    assert bench.observation.cable_rating_a == 32.0
    bench.slots["plug_rating_a"] = -2.0
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.1
    assert "cable_button" in bench.faults


# --- NACS: an AC and a DC contactor on the same contacts ------------------------------------------------------------


def nacs(tmp_path: Path) -> Path:
    """Two connectors of one plug, made of the simulated AC and DC boards."""
    ac = AC.replace('kind = "sType2"', 'kind = "cTesla"\ncable_rating_a = 32\nshares_pins_with = [2]')
    ac = ac.replace("phases = 3\nventilation", "phases = 1\nventilation").replace(
        "phases = 3\npoll", "phases = 1\npoll"
    )
    ac = ac.replace('[connector.lock]\ndriver = "sim_lock"\n', "")
    ac = ac.replace('[connector.thermometer]\ndriver = "sim_thermometer"\n', "")
    ac = ac.replace('[connector.token_reader]\ndriver = "sim_token_reader"\n', "")
    second = ac[ac.index("[[connector]]") :].replace("id = 1", "id = 2").replace("with = [2]", "with = [1]")
    path = tmp_path / "nacs.toml"
    path.write_text(ac + "\n" + second)
    return path


class Twins:
    """Two connectors that share contacts; the wiring is only pilot, residual current and coil."""

    def __init__(self, folder: Path) -> None:
        self.registers = Registers.create(folder / "registers", 2)
        board = load(nacs(folder))
        self.slots = [self.registers.connector(number) for number in (1, 2)]
        for slots in self.slots:
            slots["plug_rating_a"] = 32.0
            slots["voltage_l1_v"] = 230.0
        self.welded = False
        self.now = 100.0
        board.attach(folder / "registers")
        self.guard = Guard(board, self.now)
        self.seen: dict[int, Observation] = {}

    def tick(self) -> None:
        self.now += TICK_S
        for slots in self.slots:
            slots["cp_high_mv"] = 6000.0
            slots["cp_low_mv"] = -12_000.0 if slots["pilot_mode"] == 1.0 else 6000.0
            slots["rcd_tripped"] = slots["rcd_test"]
            if slots["coil"] or not (self.welded and slots is self.slots[0]):
                slots["contactor_closed"] = slots["coil"]
        self.guard.tick(self.now)
        for message in self.guard.take():
            if isinstance(message, Beat):
                self.send(Lease(message.tick, message.epoch))
            elif isinstance(message, Observation):
                self.seen[message.connector] = message
        assert not all(slots["contactor_closed"] for slots in self.slots), "AC and DC joined"

    def send(self, message: Lease | GrantIntent | SetPilot) -> None:
        self.guard.receive(decode_from_controller(encode(message)))

    def ask(self, number: int) -> None:
        self.send(GrantIntent(self.guard.lease.epoch, number, f"s{number}", 16.0))
        self.send(SetPilot(self.guard.lease.epoch, number, PilotMode.DUTY, 100 * 16 / 60))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.tick()


def test_the_second_contactor_waits_while_the_first_is_closed(tmp_path: Path) -> None:
    twins = Twins(tmp_path)
    twins.run(0.5)
    twins.ask(1)
    twins.ask(2)  # in the same tick: one of them is first
    twins.run(15.0)
    assert [bool(slots["coil"]) for slots in twins.slots] == [True, False]
    assert twins.seen[2].why_open == "waiting: connector 1 is closed on the same contacts"


def test_a_first_contactor_that_is_welded_keeps_the_second_open(tmp_path: Path) -> None:
    twins = Twins(tmp_path)
    twins.run(0.5)
    twins.ask(1)
    twins.run(5.0)
    twins.welded = True
    twins.guard.connectors[1].revoke("test", now=True)
    twins.ask(2)
    twins.run(15.0)
    assert not twins.slots[0]["coil"]
    assert twins.slots[0]["contactor_closed"]
    assert not twins.slots[1]["coil"]


def test_two_that_are_found_closed_together_both_open(tmp_path: Path) -> None:
    twins = Twins(tmp_path)
    twins.run(0.5)
    twins.ask(1)
    twins.run(5.0)
    assert twins.slots[0]["coil"]
    twins.slots[1]["contactor_closed"] = 1.0  # closed by something that is not us
    for tick in (1, 2):  # read in the first, acted upon in the second at the latest
        twins.guard.tick(twins.now + tick * TICK_S)
    assert not twins.slots[0]["coil"]
