"""[bus.<name>] in a board file: found by its parts, and every mistake said with its place and remedy."""

from typing import TYPE_CHECKING

import pytest

from hal.contracts import DeviceError, Place
from hal.toml_document import ConfigError

if TYPE_CHECKING:
    from tests.hal.devices.conftest import LoadMeter

METER = 'driver = "modbus_meter"\nmodel = "eastron_sdm630"\nbus = "rs485_0"\naddress = 1\n'
BUS = '[bus.rs485_0]\nport = "/dev/ttyNone"\n'


def test_a_part_finds_its_bus(load_meter: "LoadMeter") -> None:
    board = load_meter(BUS, METER)
    assert board.buses["rs485_0"].baud == 9600
    assert list(board.make_buses()) == ["rs485_0"]


def test_a_port_that_is_not_there_stops_the_start_with_its_name(load_meter: "LoadMeter") -> None:
    board = load_meter(BUS, METER)
    driver = board.connectors[0].parts["meter"].driver
    with pytest.raises(DeviceError, match="/dev/ttyNone"):
        driver.attach(Place(1, "meter", buses=board.make_buses()))


@pytest.mark.parametrize(
    ("buses", "meter", "text"),
    [
        ("", METER, r"\[connector.meter\] bus: no bus 'rs485_0'.*add \[bus.rs485_0\]"),
        (BUS.replace("rs485_0", "rs485_1"), METER, "did you mean rs485_1"),
        (BUS + "bauds = 9600\n", METER, "bauds: unknown key.*did you mean baud"),
        (BUS + "baud = 9601\n", METER, "baud"),
        ("[bus.rs485_0]\nbaud = 9600\n", METER, "either port"),
        (BUS + '[bus.other]\nport = "/dev/ttyNone"\n', METER, "serves another bus too"),
        (BUS, METER.replace("address = 1", "address = 248"), "address"),
        (BUS, METER.replace("sdm630", "sdm63"), "did you mean eastron_sdm630"),
        (BUS, METER + "inputs = [1, 1, 2]\n", "different inputs"),
        ('bus = "rs485_0"\n' + "", METER, "no bus|is a table"),
        ("", 'driver = "lem_dcbm"\n', "host is missing"),
        ("", 'driver = "lem_dcbm"\nhost = "meter:http"\n', "expected address or address:port"),
        ("", 'driver = "lem_dcbm"\nhost = "m"\ntls_sha256 = "12"\n', "64 hex digits"),
        ("", 'driver = "household_meter"\n', "port is missing"),
    ],
)
def test_mistakes_are_said_with_their_remedy(load_meter: "LoadMeter", buses: str, meter: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load_meter(buses, meter)
