"""Quirks of back offices as data: what the file must say, that station.toml names them, and what each one changes."""

import asyncio
import base64
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from firmware.config import OcppSettings, QuirkName, Settings, StationSettings, read
from firmware.ocpp import quirks
from firmware.ocpp.link import LinkError, is_private
from firmware.ocpp.uplink import Uplink
from firmware.station import security_events
from firmware.station.facts import MeterValues, Sample
from firmware.station.station import build_station
from hal.toml_document import ConfigError

NAMES = get_args(QuirkName)
ENTRY = '[[quirk]]\nname = "{name}"\nreason = "why"\nsource = "where"\n'
STATION = '[[evse]]\nid = 1\n[ocpp]\nurl = "ws://csms.example"\nidentity = "CP"\nquirks = ["{name}"]\n'


def entries(*names: str) -> str:
    return "".join(ENTRY.format(name=name) for name in names)


def test_every_quirk_has_its_reason_and_source() -> None:
    assert set(quirks.known()) == set(NAMES)
    assert all(each.reason and each.source for each in quirks.known().values())


@pytest.mark.parametrize(
    "text",
    [
        "quirk = []",
        entries(*NAMES, NAMES[0]),
        entries(*NAMES, "sings"),
        entries(*NAMES) + "weight = 3\n",
        "quirk = 1",
        "[[quirk",
    ],
    ids=["missing", "twice", "unknown", "key", "shape", "no TOML"],
)
def test_a_file_that_is_not_as_it_must_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        quirks.read(text)


def test_station_toml_names_those_of_its_back_office(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(STATION.format(name="authorization_key_as_text"))
    ocpp = read(path).ocpp
    assert quirks.shows(ocpp, "authorization_key_as_text")
    assert not quirks.shows(None, "authorization_key_as_text")
    path.write_text(STATION.format(name="sings"))
    with pytest.raises(ConfigError, match="sings"):
        read(path)


@pytest.mark.ocpp("1.6:AuthorizationKey")
def test_digits_are_the_password_where_the_back_office_means_them_so(
    on_site: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    key = "0123456789abcdef" * 2
    caplog.set_level(logging.INFO)

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        answer = await site.csms.ask("ChangeConfiguration", key="AuthorizationKey", value=key)
        assert answer.status == "Accepted"
        async with asyncio.timeout(20):
            while len(site.csms.logins) < 2:  # noqa: ASYNC110 - the back office offers no event for logins
                await asyncio.sleep(0.01)
        assert site.csms.logins[1] == "Basic " + base64.b64encode(b"CS-1:" + key.encode()).decode()

    on_site(test, version="1.6", password="correct horse battery", more={"quirks": ("authorization_key_as_text",)})
    assert "expects these digits as the password" in caplog.text


def test_an_energy_manager_of_the_house_sees_a_car_without_a_card_and_often(on_site: Callable[..., None]) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        keys = ["MeterValueSampleInterval", "MeterValuesSampledData"]
        answer = await site.csms.ask("GetConfiguration", key=keys)
        said = {each["key"]: each["value"] for each in answer.configuration_key}
        assert 0 < int(said["MeterValueSampleInterval"]) < 10
        assert {"Power.Active.Import", "Current.Import", "SoC"} <= set(said["MeterValuesSampledData"].split(","))
        assert site.station.sample_interval_s == 5
        assert site.station.free_token is not None
        await site.csms.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="8")
        assert site.station.sample_interval_s == 8

    on_site(test, version="1.6", more={"quirks": ("evcc",)})


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("192.168.1.5", True),
        ("10.0.0.1", True),
        ("127.0.0.1", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("172.32.0.1", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_which_addresses_are_of_the_house(host: str, private: bool) -> None:
    assert is_private(host) is private


def test_nothing_goes_out_of_the_house_without_encryption(tmp_path: Path) -> None:
    ocpp = OcppSettings(url="ws://8.8.8.8/ocpp", identity="CS-1", versions=("1.6",), quirks=("evcc",))
    station = build_station(Settings(station=StationSettings(storage=str(tmp_path)), ocpp=ocpp))

    async def dial() -> None:
        uplink = Uplink(station, ocpp)
        await uplink.begin()
        with pytest.raises(LinkError, match=r"8\.8\.8\.8 is on the internet: without TLS \(evcc\) only"):
            await uplink.open(["ocpp1.6"])

    asyncio.run(dial())


@pytest.mark.ocpp("1.6:BootNotification")
@pytest.mark.parametrize("forgets", [True, False])
def test_a_back_office_that_forgets_is_told_again_who_we_are(on_site: Callable[..., None], forgets: bool) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 3)
        await site.csms.drop()
        async with asyncio.timeout(20):
            while site.csms.connections < 2:  # noqa: ASYNC110 - the back office offers no event for connections
                await asyncio.sleep(0.01)
        await site.connected()
        assert site.csms.actions().count("BootNotification") == (2 if forgets else 1)

    on_site(test, version="1.6", more={"quirks": ("boot_at_every_connection",) if forgets else ()})


@pytest.mark.ocpp("1.6:SecurityEventNotification")
@pytest.mark.parametrize("knows", [True, False])
def test_security_events_are_kept_from_a_back_office_that_does_not_know_them(
    on_site: Callable[..., None], knows: bool
) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        security_events.tell(site.station, "InvalidTLSVersion", "1.1")
        samples = (Sample(site.clock.utc(), 1.0, 0.0, context="Sample.Clock"),)
        await site.emit(MeterValues(at=site.clock.utc(), evse=1, samples=samples))
        await site.csms.heard("MeterValues")  # what comes later has been told
        assert ("SecurityEventNotification" in site.csms.actions()) is knows

    on_site(test, version="1.6", more={"quirks": () if knows else ("no_security_extension",)})
