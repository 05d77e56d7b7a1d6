"""The example station file explains every key of digital communication."""

import re
from pathlib import Path

import msgspec
import pytest

from firmware.config import SlacSettings, UseCaseSettings, V2gSettings

EXAMPLE = Path(__file__).parents[2] / "systemd" / "station.toml"


@pytest.mark.parametrize("section", [V2gSettings, SlacSettings, UseCaseSettings])
def test_every_key_is_explained(section: type[msgspec.Struct]) -> None:
    shown = set(re.findall(r"^(?:# )?(\w+) = ", EXAMPLE.read_text(), re.MULTILINE))
    elsewhere = {"slac", "use_case"}  # the other cases here
    assert set(section.__struct_fields__) - elsewhere <= shown
