"""A guard whose meter signs: the controller begins and ends a session over the link and gets a record that verifies;
the guard's time is virtual, the meter is asked over a pty."""

from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.ocmf import parse, verify
from hil.devices.http_meters import Signer
from hil.devices.modbus_slave import Slaves
from hil.devices.plant_values import PlantValues, Trouble
from hil.devices.signing_meters import IskraWm3m4c

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hal.conftest import Bench, BenchMaker


@pytest.fixture
def meter() -> IskraWm3m4c:
    return IskraWm3m4c(33, PlantValues(current_a=[0.0] * 3), Signer())


@pytest.fixture
def signing(make_bench: "BenchMaker", meter: IskraWm3m4c) -> "Iterator[Bench]":
    with Slaves(meter.device) as line:
        keys = 'driver = "iskra_wm3m4c"\nbus = "line"\naddress = 33\nstale_s = 30.0'
        bench = make_bench(
            replace={
                "[board]": line.board_toml(timeout_s=2.0, baud=115200, retry_s=0.25) + "\n[board]",
                'driver = "sim_meter"\nphases = 3': keys,
                "stale_s = 3.0\n": "",
            }
        )
        bench.connect()
        yield bench


def records(bench: "Bench") -> list[wire.SignedRecord]:
    return [message for message in bench.seen if isinstance(message, wire.SignedRecord)]


def ask(bench: "Bench", *, begin: bool, session: str = "tx-1") -> wire.SignedRecord:
    before = len(records(bench))
    bench.send(wire.MeterSession(bench.epoch, 1, session, begin, "DE*ABC*E1", "ISO14443", "04A1B2C3D4"))
    bench.until(lambda: len(records(bench)) > before, within_s=2.0)
    return records(bench)[-1]


def test_a_session_is_begun_and_ended_and_its_record_verifies(signing: "Bench", meter: IskraWm3m4c) -> None:
    hello = next(message for message in signing.seen if isinstance(message, wire.Hello))
    assert hello.connectors[0].signs
    begun = ask(signing, begin=True)
    assert (begun.session, begun.begin, begun.text, begun.error) == ("tx-1", True, "", "")
    meter.plant.import_wh += 1500.0
    ended = ask(signing, begin=False)
    assert verify(parse(ended.text), ended.public_key)
    assert "04A1B2C3D4" in ended.text


def test_what_is_asked_for_twice_is_done_once_and_a_new_controller_hears_the_last(signing: "Bench") -> None:
    ask(signing, begin=True)
    ended = ask(signing, begin=False)
    assert ask(signing, begin=False) == ended
    before = len(records(signing))
    signing.connect()
    signing.until(lambda: len(records(signing)) > before, within_s=2.0)
    assert records(signing)[-1] == ended


def test_a_meter_that_does_not_sign_says_why_and_can_be_asked_again(signing: "Bench", meter: IskraWm3m4c) -> None:
    meter.plant.trouble = Trouble.REFUSE
    refused = ask(signing, begin=True)
    assert "unit 33" in refused.error and not refused.public_key
    meter.plant.trouble = Trouble.NONE
    assert not ask(signing, begin=True).error
