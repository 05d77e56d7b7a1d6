"""Meters that sign: begin, flow, end; the record is verified with the key the meter tells."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from hal.contracts import DeviceError, LegalTransaction, Place
from hal.drivers.iskra_wm3m4c import minimal_der
from hal.ocmf import parse, verify
from hil.devices.http_meters import IemDcr, LemDcbm, Signer
from hil.devices.modbus_slave import Slaves
from hil.devices.plant_values import PlantValues, Trouble
from hil.devices.signing_meters import Em580, IskraWm3m4c

if TYPE_CHECKING:
    from tests.hal.devices.conftest import LoadMeter

WHO = LegalTransaction("session-1", "DE*ABC*E1*1", "ISO14443", "04A1B2C3D4", "Tarif ä|1")


class Signing:
    """A driver, its simulated meter, and what it measures."""

    def __init__(self, driver: Any, plant: PlantValues, peer: Any, place: Place) -> None:
        self.driver, self.plant, self.peer = driver, plant, peer
        self.place = place


@pytest.fixture(params=["iskra", "em580", "lem", "iem"])
def signing(request: pytest.FixtureRequest, load_meter: "LoadMeter") -> Iterator[Signing]:
    ac = request.param in ("iskra", "em580")
    plant = PlantValues(current_a=[0.0] * 3) if ac else PlantValues(voltage_v=[0.0], current_a=[0.0])
    peer: Any
    if ac:
        meter = IskraWm3m4c(7, plant, Signer()) if request.param == "iskra" else Em580.make(7, plant)
        served: Any = Slaves(meter.device)
        peer = meter
    else:
        peer = served = LemDcbm(plant) if request.param == "lem" else IemDcr(plant)
    with served:
        if ac:
            name = {"iskra": "iskra_wm3m4c", "em580": "carlo_gavazzi_em580"}[request.param]
            buses = served.board_toml(baud=115200, timeout_s=2.0)
            keys = f'driver = "{name}"\nbus = "line"\naddress = 7\n'
        else:
            name = {"lem": "lem_dcbm", "iem": "isabellenhuette_iem_dcr"}[request.param]
            buses, keys = "", f'driver = "{name}"\nhost = "{served.host}"\ntimeout_s = 5\n'
        board = load_meter(buses, keys)
        driver = board.connectors[0].parts["meter"].driver
        place = Place(1, "meter", buses=board.make_buses())
        driver.attach(place)
        yield Signing(driver, plant, peer, place)
        driver.detach()


def charge(signing: Signing, wh: float) -> str:
    signing.driver.begin(WHO)
    signing.plant.import_wh += wh
    text: str = signing.driver.end()
    return text


def test_a_session_is_signed_and_its_signature_is_right(signing: Signing) -> None:
    record = parse(charge(signing, 12_345.0))
    assert verify(record, signing.driver.public_key())
    assert record.transaction_wh() == Decimal("12345")
    other = record._replace(payload=record.payload.replace('"E"', '"R"'))
    assert not verify(other, signing.driver.public_key())


def test_sessions_follow_each_other(signing: Signing) -> None:
    first, second = charge(signing, 1000.0), charge(signing, 2000.0)
    assert [parse(text).transaction_wh() for text in (first, second)] == [Decimal(1000), Decimal(2000)]


def test_without_a_session_there_is_no_end(signing: Signing) -> None:
    with pytest.raises(DeviceError):
        signing.driver.end()


def test_a_session_that_a_restart_left_open_does_not_stop_the_next(signing: Signing) -> None:
    signing.driver.begin(WHO)
    signing.driver.detach()
    signing.driver.attach(signing.place)
    assert parse(charge(signing, 500.0)).transaction_wh() == Decimal(500)


def test_a_meter_that_fails_while_signing_is_a_fault(signing: Signing) -> None:
    signing.driver.begin(WHO)
    signing.plant.trouble = Trouble.REFUSE
    with pytest.raises(DeviceError):
        signing.driver.end()


def test_who_charged_stands_in_the_record(signing: Signing) -> None:
    fields = parse(charge(signing, 1.0)).fields
    if isinstance(signing.peer, LemDcbm):
        posted = next(body for method, path, body in signing.peer.requests if (method, path) == ("POST", "/v1/legal"))
        assert posted["clientId"] == WHO.id_token and posted["evseId"] == WHO.evse_id
    else:
        assert fields["ID"] == WHO.id_token and fields["CI"] == WHO.evse_id
    assert "|" not in json.dumps(fields.get("TT", "").replace(WHO.tariff, ""))


def test_the_iem_dcr_ends_only_without_current(load_meter: "LoadMeter") -> None:
    plant = PlantValues(voltage_v=[400.0], current_a=[0.0])
    with IemDcr(plant) as meter:
        board = load_meter("", f'driver = "isabellenhuette_iem_dcr"\nhost = "{meter.host}"\ntimeout_s = 5\n')
        driver = board.connectors[0].parts["meter"].driver
        driver.attach(Place(1, "meter"))
        driver.begin(WHO)
        plant.current_a = [80.0]
        with pytest.raises(DeviceError, match="428"):
            driver.end()
        plant.current_a = [0.0]
        assert driver.end().startswith("OCMF|")


@pytest.mark.parametrize(
    ("raw", "strict"),
    [
        ("3006020101020102", "3006020101020102"),
        ("300802020001020200FF", "30070201010202" + "00FF"),  # one zero too many, one that is needed
        ("300402000201", "300402000201"),  # no signature: as it is
        ("31060201", "31060201"),
    ],
)
def test_signatures_become_strict_der(raw: str, strict: str) -> None:
    assert minimal_der(bytes.fromhex(raw)).hex().upper() == strict.upper()
