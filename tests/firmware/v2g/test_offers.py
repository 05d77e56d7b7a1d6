"""Which protocols are offered on a connection: by transport, hardware and settings; and what a car gets of them."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.v2g import offers as subject
from firmware.v2g.ac_station import AcStation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.messages.app_protocol import AppProtocol
from firmware.v2g.offers import MUTUAL_TLS, PROTOCOLS, Ground, Protocol, Transport, offers, transport_of
from firmware.v2g.sessions.handshake import choose
from firmware.v2g.tls.channel import Secured, Vehicle
from firmware.v2g.tls.choice import Profile
from firmware.v2g.wire import Plain, Secure

ISO2, DIN = "urn:iso:15118:2:2013:MsgDef", "urn:din:70121:2012:MsgDef"
ISO20_AC, ISO20_DC = "urn:iso:std:iso:15118:-20:AC", "urn:iso:std:iso:15118:-20:DC"
BOTH: Any = ("iso2", "din")
CAR = Vehicle("CAR", "CN=OEM", bytes(64))


@pytest.fixture
def ac(make_bay: Any) -> AcStation:
    return AcStation(make_bay(), lambda: None)


@pytest.fixture
def dc(make_bay: Any) -> DcStation:
    return DcStation(make_bay(), lambda: None)


def names(wanted: Any, station: Any, transport: Transport) -> set[str]:
    return {each.namespace for each in offers(wanted, station, Ground(transport))}


@pytest.mark.parametrize("transport", Transport)
def test_ac_is_iso_15118_2_over_anything(ac: AcStation, transport: Transport) -> None:
    assert names(BOTH, ac, transport) == {ISO2}
    assert names(("din",), ac, transport) == set()


def test_dc_is_din_in_clear_and_iso_15118_2_over_anything(dc: DcStation) -> None:
    assert names(BOTH, dc, Transport.PLAIN) == {ISO2, DIN}
    for tls in (Transport.STATION_SHOWN, Transport.BOTH_SHOWN):
        assert names(BOTH, dc, tls) == {ISO2}
    assert names(("din",), dc, Transport.PLAIN) == {DIN}
    assert names(("iso2",), dc, Transport.PLAIN) == {ISO2}


def test_iso_15118_20_is_one_row_and_needs_both_certificates(
    ac: AcStation, dc: DcStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    iso2 = PROTOCOLS[0]
    rows = (replace(iso2, namespace=ISO20_AC, over=MUTUAL_TLS, dc=None),
            replace(iso2, namespace=ISO20_DC, over=MUTUAL_TLS, ac=None))  # fmt: skip
    monkeypatch.setattr(subject, "PROTOCOLS", (*rows, *PROTOCOLS))
    for transport in (Transport.PLAIN, Transport.STATION_SHOWN):
        assert names(("iso2",), ac, transport) == {ISO2}
    assert names(("iso2",), ac, Transport.BOTH_SHOWN) == {ISO20_AC, ISO2}
    assert names(("iso2",), dc, Transport.BOTH_SHOWN) == {ISO20_DC, ISO2}


@pytest.mark.parametrize(
    ("profile", "vehicle", "expected"),
    [
        (Profile.ISO2, None, Transport.STATION_SHOWN),
        (Profile.ISO20, None, Transport.STATION_SHOWN),  # TLS 1.3, but who are you?
        (Profile.ISO20, CAR, Transport.BOTH_SHOWN),
    ],
)
def test_a_wire_says_who_has_proved_who_they_are(
    profile: Profile, vehicle: Vehicle | None, expected: Transport
) -> None:
    wire = Secure(lambda: None, plain_too=True)  # type: ignore[arg-type, return-value]
    assert transport_of(wire) is Transport.PLAIN
    secured = Secured(profile, "TLS", "suite", "chain", root_known=True, stapled=True, vehicle=vehicle)
    wire.tls = SimpleNamespace(secured=secured)  # type: ignore[assignment]
    assert transport_of(wire) is expected
    assert transport_of(Plain()) is Transport.PLAIN


@pytest.mark.parametrize("transport", Transport)
def test_a_car_that_speaks_only_what_we_may_not_serve_gets_nothing(ac: AcStation, transport: Transport) -> None:
    asked = [
        AppProtocol(
            protocol_namespace=ISO20_AC, version_number_major=1, version_number_minor=0, schema_id=1, priority=1
        )
    ]
    assert choose(asked, offers(BOTH, ac, Ground(transport))) is None  # Failed_NoNegotiation


def test_every_protocol_of_the_settings_has_its_row() -> None:
    from typing import get_args  # noqa: PLC0415

    from firmware.config import V2gProtocol  # noqa: PLC0415

    assert {each.name for each in PROTOCOLS} == set(get_args(V2gProtocol))
    assert all(isinstance(each, Protocol) and (each.ac or each.dc) for each in PROTOCOLS)
