"""`pilotline check`: every fault of both files at once, in people's words, with its place and its remedy."""

from pathlib import Path

import pytest

from firmware.check import check

TOP = Path(__file__).parents[2]
BOARD = TOP / "board-configs" / "sim-ac-type2.toml"
EVSE = "[[evse]]\nid = 1\n"
FREE = '[authorization]\nmode = "free"\n'
OCPP = '[ocpp]\nurl = "ws://x"\nidentity = "A"\n'


def complaints(folder: Path, station: str, board: Path | None = BOARD) -> list[str]:
    path = folder / "station.toml"
    path.write_text(station)
    return [str(fault).removeprefix(f"{folder}/") for fault in check(board, path)]


@pytest.mark.parametrize("station", [TOP / "hil" / "station.toml", TOP / "systemd" / "station.toml"])
def test_our_own_station_files_are_right(station: Path) -> None:
    assert [str(fault) for fault in check(BOARD, station)] == []


def test_a_fuse_shared_with_the_house_needs_its_meter(tmp_path: Path) -> None:
    station = "[budget]\ngrid_current_a = 35\n" + EVSE + FREE
    assert complaints(tmp_path, station, BOARD.with_name("sim-ac-phases.toml")) == []


def test_a_wrong_type_hides_neither_other_sections_nor_the_board(tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    board.write_text(BOARD.read_text().replace("sType2", "Typ2"))
    said = complaints(
        tmp_path,
        '[budget]\nride_through_s = "long"\nfailsafe_current_a = 3\n[[evse]]\nid = 1\nconnectors = [7]\nevse_id = 5\n'
        "[[evse]]\nid = 1\n[ocpp]\nurl = 'http://x'\nidentity = 'a b'\n[ocp]\nx = 1\n",
        BOARD,
    )
    assert {line.split(":")[1] for line in said} == {"2", "3", "6", "7", "9", "11", "12", "13"}, said
    (wrong,) = [line for line in complaints(tmp_path, EVSE + FREE, board) if "Typ2" in line]
    assert "kind: 'Typ2' is not known; did you mean" in wrong
    assert "sType2" in wrong


@pytest.mark.parametrize(
    ("station", "said"),
    [
        ("# nothing\n", "an empty station file; write [[evse]], [authorization] and [ocpp]"),
        ("[[evse]]\nid = 1\nmax_current_a = 4\n" + FREE, "[[evse]] no. 1 max_current_a: 4 A, but a car charges with 6"),
        ("[budget]\nmax_current_a = 5\n" + FREE, "[budget] max_current_a: 5 A, but a car charges with 6"),
        ("[budget]\ngrid_current_a = 35\n" + EVSE + FREE, "[budget] grid_current_a: "),
        (
            "[[evse]]\nid = 1\nmax_current_a = 10\n[budget]\nfailsafe_current_a = 16\n" + FREE,
            "[budget] failsafe_current_a: 16 A, more than max_current_a of an EVSE (10 A, line 3)",
        ),
        ('[authorization]\nlocal_list = ["04:a2:b3"]\n', "two digits a byte; write '04A2B3'"),
        ('[authorization]\nlocal_list = ["card"]\n', "'card' is no token in upper-case hex, two digits a byte; as in"),
        (OCPP.replace('"A"', '"A/1"'), "[ocpp] identity: 'A/1' has characters that OCPP does not allow; letters"),
        (OCPP.replace("ws://x", "ws://"), "[ocpp] url: 'ws://' names no host; as in"),
        (OCPP.replace("ws://x", "http://x"), "[ocpp] url: expected an address that begins with ws:// or wss://"),
        (OCPP.replace('"A"', '"' + 49 * "A" + '"'), "[ocpp] identity: expected at most 48 characters, has 49"),
        (OCPP + 'ca_file = "/no/ca.pem"\n', "[ocpp] ca_file: there is no file /no/ca.pem; leave it out"),
        ('[authorization]\nmode = "cmss"\n', "'cmss' is not one of free, csms, local; did you mean csms?"),
        ('[authorization]\nmode = "csms"\n', 'mode: "csms" without a back office; add [ocpp]'),
        (FREE + '[[v2g]]\nevse = 1\ninterface = "lo"\ntls = "force"\npki = "/no/pki"\n', "[[v2g]] no. 1 pki: "),
        (FREE + '[[v2g]]\nevse = 2\ninterface = "lo"\n', "[[v2g]] no. 1 evse: there is no EVSE 2; one of 1"),
        (FREE + "[ocp]\nurl = 1\n", "ocp: unknown section; did you mean ocpp?"),
        ("evse = []\n" + FREE, "evse: a station has at least one; add [[evse]] with id = 1"),
        ("[evse]\nid = 1\n" + FREE, "evse: is a list of tables: write [[evse]]"),
    ],
)
def test_a_station_that_cannot_work_is_refused(tmp_path: Path, station: str, said: str) -> None:
    assert any(said in line for line in complaints(tmp_path, station)), complaints(tmp_path, station)


def test_a_section_of_a_board_is_looked_for_among_the_sections(tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    board.write_text(BOARD.read_text().replace("[connector.rcd]", "[connector.rdc]"))
    said = complaints(tmp_path, EVSE + FREE, board)
    assert any("[[connector]] no. 1 rdc: unknown section; did you mean rcd?" in line for line in said), said
