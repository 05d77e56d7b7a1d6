"""Strict TOML: every fault with file, line, section and key; nothing but ConfigError for any text."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from hal.toml import load, load_section
from hal.toml_document import MAX_BYTES, ConfigError, Fault, read


class Evse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[int, Meta(ge=1, le=64)]
    max_current_a: Annotated[float, Meta(ge=0)] | None = None
    connectors: tuple[int, ...] = (1,)


class Ocpp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(pattern="^wss?://")]
    version: Literal["1.6", "2.0.1"] = "2.0.1"


class Station(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = "station"
    evse: Annotated[tuple[Evse, ...], Meta(min_length=1)] = (Evse(1),)
    ocpp: Ocpp | None = None


def faults(tmp_path: Path, text: str | bytes) -> list[Fault]:
    path = tmp_path / "station.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load(path, Station)
    return list(caught.value.faults)


def test_a_good_file_becomes_its_object(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text('name = "yard"\r\n[[evse]]\r\nid = 2\r\nmax_current_a = 16\r\n[ocpp]\r\nurl = "ws://x"\r\n')
    assert load(path, Station) == Station("yard", (Evse(2, 16.0),), Ocpp("ws://x"))


def test_all_faults_are_found_at_once_each_with_its_place(tmp_path: Path) -> None:
    text = """\
# the station
nam = "yard"
[[evse]]
id = 65
connectors = [
  1, # not a ]
  "2",
]
[[evse]]
max_curent_a = 16
[ocpp]
url = "http://x"
version = "2.1"
"""
    found = [(fault.line, fault.section, fault.key) for fault in faults(tmp_path, text)]
    assert found == [
        (2, "", "nam"),
        (4, "[[evse]] no. 1", "id"),
        (5, "[[evse]] no. 1", "connectors"),
        (9, "[[evse]] no. 2", "id"),
        (10, "[[evse]] no. 2", "max_curent_a"),
        (12, "[ocpp]", "url"),
        (13, "[ocpp]", "version"),
    ]


def test_a_fault_reads_like_a_compilers(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "[[evse]]\nid = 1\nmax_curent_a = 16\n")
    assert (
        str(fault)
        == f"{tmp_path}/station.toml:3: [[evse]] no. 1 max_curent_a: unknown key; did you mean max_current_a?"
    )


def test_a_key_like_no_other_is_answered_with_all_keys(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "colour = 1\n")
    assert fault.remedy == "known here: evse, name, ocpp"


def test_a_missing_key_stands_at_its_section(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, 'name = "x"\n\n[ocpp]\nversion = "1.6"\n')
    assert (fault.line, fault.section, fault.key, fault.text) == (3, "[ocpp]", "url", "missing key")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[evse]\nid = 1\n", "is a list of tables: write [[evse]]"),
        ("evse = [1]\n", "is a section"),
        ("ocpp = 5\n", "is a section: write [ocpp]"),
        ("name = 5\n", "expected a text, got a whole number"),
        ("[[evse]]\nid = true\n", "expected a whole number, got true or false"),
        ("evse = []\n", "expected a list of length >= 1"),
    ],
)
def test_wrong_kinds_are_said_in_words(tmp_path: Path, text: str, said: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert fault.text.startswith(said)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b'name = "a"\nname = "b"\n', 2),
        (b"\n\n[ocpp\n", 3),
        (b"name = 'x\n", 1),
        (b'name = "x"\nx = \xff\n', 2),
        (b"x = " + b"[" * 5000, 0),  # too deep to say where
    ],
)
def test_what_is_no_toml_is_one_fault_with_its_line(tmp_path: Path, text: bytes, line: int) -> None:
    (fault,) = faults(tmp_path, text)
    assert fault.line == line


def test_a_missing_folder_and_a_giant_file_are_faults_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml", Station)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, Station)
    (fault,) = faults(tmp_path, "#" * (MAX_BYTES + 1))
    assert "larger than" in fault.text


def test_lines_are_found_through_every_form_of_toml(tmp_path: Path) -> None:
    path = tmp_path / "forms.toml"
    path.write_text(
        'a = """\n[not.a.table]\nb = 1\n"""\n'  # 1-4
        "c = '''x\n'''\n"  # 5-6
        'd.e = 1\n"f.g" = 2\n'  # 7, 8
        "h = { i = 1, j = [\n 1,\n 2 ] }\n"  # 9-11
        "[k . 'l']\nm = 1 # n = 2\n"  # 12-13
        '[[o]]\n[[o.p]]\nq = 1\n[[o.p]]\nq = 2\n[o.r]\ns = \'#\'\nt = "\\"]"\nu = 1\n'  # 14-22
    )
    document = read(path)
    expected = {
        ("a",): 1, ("c",): 5, ("d", "e"): 7, ("f.g",): 8, ("h",): 9, ("h", "i"): 9, ("k", "l"): 12, ("k", "l", "m"): 13,
        ("o", 0): 14, ("o", 0, "p", 0, "q"): 16, ("o", 0, "p", 1, "q"): 18, ("o", 0, "r", "s"): 20,
        ("o", 0, "r", "u"): 22, ("nowhere",): 1,
    }  # fmt: skip
    assert {keys: document.line(keys) for keys in expected} == expected


@dataclass
class Driver:
    channel: Annotated[int, Meta(ge=0)]
    inverted: bool = False

    def __post_init__(self) -> None:
        if self.inverted and self.channel == 0:
            raise ValueError("channel 0 cannot be inverted")


def test_a_drivers_fields_are_its_keys_and_it_may_refuse_their_combination(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text("[pwm]\nchannel = 0\ninverted = true\n")
    document = read(path)
    found: list[Fault] = []
    assert load_section(document, ("pwm",), {"channel": 3}, Driver, found) == Driver(3)
    assert load_section(document, ("pwm",), document.data["pwm"], Driver, found) is None
    assert [str(fault).split(":", 1)[1] for fault in found] == ["1: [pwm]: channel 0 cannot be inverted"]


WORDS = ["[", "]", "[[", "]]", "{", "}", '"', "'", '"""', "'''", "=", ".", ",", "#", "\n", "\r\n", "\\", " ", "evse",
         "id", "ocpp", "url", "1", "-1e9", "inf", "nan", "true", "1979-05-27T07:32:00Z", "\u00e4", "\x00"]  # fmt: skip


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_an_object_or_a_config_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(ConfigError):
        load(path, Station)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_config_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(raw)
    with contextlib.suppress(ConfigError):
        load(path, Station)
