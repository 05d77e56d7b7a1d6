"""Quirks of back offices as data: what the file must say, that station.toml names them, and what each one changes."""

import asyncio
import base64
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from firmware.config import QuirkName, read
from firmware.ocpp import quirks
from hal.toml import ConfigError

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
