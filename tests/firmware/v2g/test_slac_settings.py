"""[[v2g]] and [v2g.slac] of station.toml."""

from pathlib import Path

import pytest

from firmware.config import read
from hal.toml_document import ConfigError

SECTION = '[[v2g]]\nevse = 1\ninterface = "eth1"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "station.toml"
    path.write_text(text)
    return path


def test_without_a_modem_nothing_is_matched(tmp_path: Path) -> None:
    [car] = read(write(tmp_path, SECTION)).v2g
    assert (car.modem, car.conformance) == ("none", False)


def test_a_modem_and_how_slac_is_done(tmp_path: Path) -> None:
    more = 'modem = "qca7000"\nconformance = true\n[v2g.slac]\nattenuation_offset_db = -3.5\ninit_s = 20.0\n'
    [car] = read(write(tmp_path, SECTION + more)).v2g
    assert car.modem == "qca7000"
    assert car.conformance
    assert (car.slac.attenuation_offset_db, car.slac.init_s, car.slac.reset_modem) == (-3.5, 20.0, False)


def test_a_wrong_key_names_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="attenuation_offset_db"):
        read(write(tmp_path, SECTION + "[v2g.slac]\nattenuation_ofset_db = 1.0\n"))
    with pytest.raises(ConfigError, match="modem"):
        read(write(tmp_path, SECTION + 'modem = "qca9000"\n'))
