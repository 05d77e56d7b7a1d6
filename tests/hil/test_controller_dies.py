"""kill -9, SIGSTOP and SIGCONT of the controller at every phase of a session, with real processes and a back office.

The guard's three alternatives hold within their times, nothing closes again without a fresh grant, and after the
controller is back energy, transaction and journal agree with what really flowed.
"""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.rig import JsonObject
from hil.stack import Stack, station_toml

pytestmark = pytest.mark.timeout(180)

KILL, STOP = signal.SIGKILL, signal.SIGSTOP
FAILING = Path(__file__).with_name("failing_back_office.py")
FAILSAFE_DUTY = 10.0  # 6 A
SEEN_WITHIN_S = 5.0  # 300 ms of lease and a busy machine: to the tick it is in hal/test_lease_at_every_phase


class Site:
    """A station with its back office, a card and a car."""

    def __init__(self, folder: Path) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
            self.sdp_port: int = probe.getsockname()[1]
        self.stack = Stack(folder, "")
        self.starts = 1  # of controllers

    def start(self, *, digital: bool, nominal_after_s: float = 20.0) -> None:
        folder = self.stack.folder
        url = self.stack.start_office("2.0.1")
        self.stack.station_file.write_text(
            station_toml(
                folder,
                authorization='mode = "csms"',
                v2g=f'interface = "lo"\nsdp_port = {self.sdp_port}\nnominal_after_s = {nominal_after_s}'
                if digital
                else "",
                ocpp=f'url = "{url}"\nidentity = "DIES-1"\nversions = ["2.0.1"]\nmeter_interval_s = 1.0',
            )
        )
        self.stack.start_plant()
        self.stack.start_guard()
        self.stack.start_controller()
        self.until_served()

    def until_served(self) -> None:
        """The controller that was started last has its guard and its back office: a card is not refused for want of
        either. It tells its connector's state when the office has accepted it, and knows it from the guard."""

        def told() -> bool:
            actions = [line.get("action") for line in self.lines() if line.get("direction") == "received"]
            booted = [number for number, action in enumerate(actions) if action == "BootNotification"]
            return len(booted) == self.starts and "StatusNotification" in actions[booted[-1] :]

        self.stack.wait("csms", told)

    def lines(self) -> list[JsonObject]:
        return [json.loads(line) for line in self.stack.log("csms").splitlines() if line.endswith("}")]

    def office(self, action: str) -> list[JsonObject]:
        """Payloads of the calls of one action that the back office has received."""
        return [
            line["payload"]
            for line in self.lines()
            if line["event"] == "message" and line["direction"] == "received" and line.get("action") == action
        ]

    def events(self, transaction: str) -> list[JsonObject]:
        return [
            event
            for event in self.office("TransactionEvent")
            if event["transactionInfo"]["transactionId"] == transaction
        ]

    def transactions(self) -> list[str]:
        return list(
            dict.fromkeys(event["transactionInfo"]["transactionId"] for event in self.office("TransactionEvent"))
        )

    def strike(self, how: signal.Signals) -> None:
        self.stack.signal("station", how)

    def recover(self, how: signal.Signals) -> None:
        """The controller comes back: a new process, or the old one wakes up."""
        if how is KILL:
            self.starts += 1
            self.stack.start_controller()
            self.until_served()
        else:
            self.stack.signal("station", signal.SIGCONT)

    def start_digital_car(self) -> None:
        control = str(self.stack.folder / "rig.sock")
        car = ["-m", "hil.car", "--interface", "lo", "--sdp-port", str(self.sdp_port), "--unicast", "::1"]
        self.stack.start("car", [*car, "--control", control, "--stay", "--patience", "4"])

    def ended(self, transaction: str) -> bool:
        return any(event["eventType"] == "Ended" for event in self.events(transaction))

    def finish(self) -> None:
        """The driver leaves; what was open ends and is reported."""
        rig = self.stack.rig
        rig.do("car", wants_power=False)
        rig.wait("open", within=40)
        rig.do("unplug", force=True)
        rig.wait("de-energised", within=20)
        self.stack.wait("csms", lambda: all(self.ended(one) for one in self.transactions()))

    def check_books(self) -> None:
        """Each transaction: Started once, Ended once, no gap, and no two different events with one number; what they
        counted together is what flowed."""
        counted = 0.0
        for transaction in self.transactions():
            by_number: dict[int, JsonObject] = {}
            for event in self.events(transaction):
                assert by_number.setdefault(event["seqNo"], event) == event
            assert sorted(by_number) == list(range(len(by_number)))
            kinds = [by_number[number]["eventType"] for number in sorted(by_number)]
            assert kinds[0] == "Started" and kinds[-1] == "Ended"
            assert kinds[1:-1] == ["Updated"] * (len(kinds) - 2)
            counted += energy(by_number[len(by_number) - 1]) - energy(by_number[0])
        flowed: float = self.stack.rig.status()["energy_wh"]
        assert counted == pytest.approx(flowed, abs=3.0)


def duty(seen: JsonObject) -> float:
    """Duty cycle on the line in percent, 0 without PWM."""
    return float(seen["duty_percent"] or 0.0)


def energy(event: JsonObject) -> float:
    """The register an event reports, in Wh."""
    values: list[Any] = [
        sample["value"]
        for meter in event.get("meterValue", [])
        for sample in meter["sampledValue"]
        if sample.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
    ]
    return float(values[-1])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    try:
        yield made
    finally:
        made.stack.close()


@pytest.mark.parametrize("how", [KILL, STOP])
def test_before_authorization_nothing_closes_and_the_card_works_afterwards(site: Site, how: signal.Signals) -> None:
    site.start(digital=False)
    rig = site.stack.rig
    rig.reach("plugged")
    site.strike(how)
    rig.wait(lambda seen: seen["pilot"] == "x1", within=SEEN_WITHIN_S)
    assert rig.status()["operations"] == 0
    site.recover(how)
    rig.reach("charging", within=40)
    site.finish()
    site.check_books()


@pytest.mark.parametrize("how", [KILL, STOP])
def test_offered_but_not_taken_the_offer_is_withdrawn_and_made_again(site: Site, how: signal.Signals) -> None:
    site.start(digital=False)
    rig = site.stack.rig
    rig.do("plug")
    rig.do("car", wants_power=False)
    rig.do("swipe", token=rig.token)
    rig.wait(lambda seen: duty(seen) > FAILSAFE_DUTY, within=40)
    site.strike(how)
    rig.wait(lambda seen: seen["pilot"] == "x1", within=SEEN_WITHIN_S)
    site.recover(how)
    rig.do("car", wants_power=True)
    if how is KILL:  # its grant is gone: closed honestly, and the driver shows the card again
        site.stack.wait("csms", lambda: len(site.transactions()) == 1 and site.ended(site.transactions()[0]))
        rig.do("swipe", token=rig.token)
    rig.wait("charging", within=40)
    site.finish()
    assert len(site.transactions()) == (2 if how is KILL else 1)
    site.check_books()


@pytest.mark.parametrize("digital", [False, True], ids=["basic", "after the fall-back"])
@pytest.mark.parametrize("how", [KILL, STOP])
def test_a_under_nominal_duty_energy_goes_on_at_the_failsafe_limit_and_the_transaction_is_resumed(
    site: Site, how: signal.Signals, digital: bool
) -> None:
    """`digital`: a car that does not communicate, at an EVSE that asked it to."""
    site.start(digital=digital, nominal_after_s=1.0)
    rig = site.stack.rig
    rig.reach("charging", within=40)
    site.stack.wait("csms", lambda: len(site.transactions()) == 1)
    site.strike(how)
    rig.wait(lambda seen: duty(seen) == pytest.approx(FAILSAFE_DUTY), within=SEEN_WITHIN_S)
    before = rig.status()
    rig.link.pass_time(2.0)
    after = rig.status()
    assert after["closed"] and after["operations"] == 1
    assert after["energy_wh"] > before["energy_wh"]
    site.recover(how)
    rig.wait(lambda seen: duty(seen) > FAILSAFE_DUTY + 1, within=40)
    rig.link.pass_time(2.0)  # time to be asked again for what it does not speak
    later = rig.status()
    assert later["closed"] and later["operations"] == 1 and duty(later) > FAILSAFE_DUTY + 1
    site.finish()
    assert len(site.transactions()) == 1
    site.check_books()


@pytest.mark.parametrize("how", [KILL, STOP])
def test_b_under_digital_communication_x1_at_once_then_open_and_the_end_is_told(
    site: Site, how: signal.Signals
) -> None:
    site.start(digital=True)
    rig = site.stack.rig
    site.start_digital_car()
    rig.wait(lambda seen: seen["car"] == "B", within=40)
    rig.do("swipe", token=rig.token)
    rig.wait("charging", within=40)
    site.strike(how)
    rig.wait(lambda seen: seen["pilot"] == "x1", within=SEEN_WITHIN_S)
    rig.wait("open", within=6.0 + SEEN_WITHIN_S)
    assert rig.status()["operations"] == 1
    site.recover(how)
    rig.link.pass_time(3.0)
    assert rig.status()["operations"] == 1  # no fresh grant: the old session is over for the guard
    site.finish()
    site.check_books()


def test_an_exception_inside_the_back_office_link_leaves_charging_alone_and_all_is_told_later(site: Site) -> None:
    site.start(digital=False)
    site.strike(KILL)  # once more, with the link that can be made to fail
    command = [str(FAILING), "run", "--guard", "attach", "--station", str(site.stack.station_file)]
    site.starts += 1
    site.stack.start("station", command)
    site.until_served()
    rig = site.stack.rig
    rig.reach("charging", within=40)
    site.stack.wait("csms", lambda: len(site.transactions()) == 1)
    before = rig.status()
    site.strike(signal.SIGUSR1)
    site.stack.wait("station", lambda: "Bug: thrown by the test" in site.stack.log("station"))
    rig.link.pass_time(1.0)
    after = rig.status()
    assert after["energy_wh"] > before["energy_wh"]
    assert (after["operations"], after["duty_percent"]) == (1, before["duty_percent"])
    site.finish()
    assert len(site.transactions()) == 1
    site.check_books()
