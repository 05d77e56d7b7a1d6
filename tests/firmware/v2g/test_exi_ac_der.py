"""AC-DER-IEC (ISO 15118-20 Amendment 1): streams that EVerest's open stack tests itself with, read and written.

No stream of the amendment's authors or of a car is public, so this is agreement between two implementations.
"""

from typing import Any

import pytest

from firmware.v2g import exi
from firmware.v2g.exi.schemas import schema_set
from firmware.v2g.messages.iso20_ac import AcChargeParameterDiscoveryReq
from firmware.v2g.messages.iso20_ac_der_iec import DerAcCpdReqEnergyTransferMode, DerAcCpdResEnergyTransferMode

SCHEMA = "iso20_ac_der_iec"
PLAIN_AC = "8010040000000000000000080e2cfaa0620800f85522001908"
REQUEST = "8010041ea65fc99ba76c4d8c3bfe1b606307e08019020000008000003f068078100000040000020fc1003243f0680790"
HEAD = "8014041ea65fc99ba76c4d8c4bfe1b60620083f0400c90fc1a01e440019147e0801921f82006487e080192"
BARE = HEAD + "00c0"
FREQUENCY_WATT = HEAD + "0001f83e154804000080200004321f82489c0fc1a05023f01410040800010" + "83e87a01800"
VOLT_VAR = (
    HEAD + "0001f83e15480400008020000"
    "42002010019e02041010082003f40408211f1300800021043f0491381f8340a047e0282008100002107d0f40300"
)
ZERO_CURRENT = HEAD + "0021f8312400480400008020000408040000802000" + "0430"


@pytest.mark.parametrize("stream", [PLAIN_AC, REQUEST, BARE, FREQUENCY_WATT, VOLT_VAR, ZERO_CURRENT])
def test_known_streams_both_ways(stream: str) -> None:
    message = exi.decode(bytes.fromhex(stream), SCHEMA)
    assert exi.encode(message).hex() == stream
    assert exi.encode(exi.from_xml(exi.to_xml(message), SCHEMA)).hex() == stream


def test_values_of_a_request() -> None:
    message: Any = exi.decode(bytes.fromhex(REQUEST), SCHEMA)
    mode = message.ac_cpd_req_energy_transfer_mode
    assert isinstance(mode, DerAcCpdReqEnergyTransferMode)
    assert float(mode.ev_maximum_charge_power) == float(mode.ev_maximum_discharge_power) == 32
    assert float(mode.ev_minimum_discharge_power) == 20
    assert mode.ev_processing == "Ongoing"


def test_values_of_a_droop_over_frequency() -> None:
    message: Any = exi.decode(bytes.fromhex(FREQUENCY_WATT), SCHEMA)
    mode = message.ac_cpd_res_energy_transfer_mode
    assert type(mode) is DerAcCpdResEnergyTransferMode
    control: Any = mode.der_control
    droop = control.active_power_support.over_frequency_watt
    assert (float(droop.fstart), float(droop.fstop), float(droop.slope)) == (50.1, 52, 0.4)
    assert float(control.maximum_level_dc_injection) == 0.5


def test_values_of_a_reactive_power_curve() -> None:
    message: Any = exi.decode(bytes.fromhex(VOLT_VAR), SCHEMA)
    curve: Any = message.ac_cpd_res_energy_transfer_mode.der_control.reactive_power_support.volt_var
    assert (curve.x_unit, curve.y_unit) == ("V", "var")
    points = [(float(point.x_value), float(point.y_value.setpoint_value)) for point in curve.curve_data_points]
    assert points == [(207, 3200), (253, -3200)]


def test_plain_ac_keeps_its_bytes_and_der_is_unknown_to_plain_ac() -> None:
    plain = exi.decode(bytes.fromhex(PLAIN_AC), SCHEMA)
    assert isinstance(plain, AcChargeParameterDiscoveryReq)
    assert exi.encode(plain, "iso20_ac").hex() == PLAIN_AC
    der = exi.decode(bytes.fromhex(REQUEST), SCHEMA)
    with pytest.raises(exi.ExiError):
        exi.encode(der, "iso20_ac")
    with pytest.raises(exi.ExiError):
        exi.decode(bytes.fromhex(REQUEST), "iso20_ac")


def test_it_has_six_more_roots_than_ac() -> None:
    assert len(schema_set(SCHEMA).documents) == len(schema_set("iso20_ac").documents) + 6 == 48
