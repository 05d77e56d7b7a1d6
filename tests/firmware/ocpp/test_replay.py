"""`pilotline ocpp replay`: which frames of a log are wrong, and what our station answers to a back office's calls."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware import ocpp_command
from firmware.cli import main
from firmware.ocpp.replay import Judge, dialect_of, entries, guessed
from firmware.panel.frame_log import FrameLog
from firmware.station.facts import BackOfficeMessage

BOOT_16 = '[2,"1","BootNotification",{"chargePointVendor":"X","chargePointModel":"Y"}]'
SAMPLE_16 = f"""
# a station of somebody else
{BOOT_16}
[3,"1",{{"status":"Accepted","currentTime":"2027-01-15T12:00:00Z","interval":300}}]
[2,"2","ChangeConfiguration",{{"key":"MeterValueSampleInterval","value":"77"}}]
[3,"2",{{"status":"Accepted"}}]
["2","3","Reset",{{"type":"Soft"}}]
[3,"3",{{"status":"Accepted"}}]
[2,"4","GetConfiguration",{{"key":["MeterValueSampleInterval"]}}]
"""
WRONG_16 = SAMPLE_16 + '[2,"5","RemoteStartTransaction",{"idTag":"1","connectorId":"1"}]\n'
SAMPLE_2X = """
[2,"a","GetVariables",{"getVariableData":[{"component":{"name":"OCPPCommCtrlr"},"variable":{"name":"OfflineThreshold"}}]}]
[2,"b","TransactionEvent",{"eventType":"Started"}]
"""


def written(folder: Path, text: str) -> str:
    path = folder / "log.txt"
    path.write_text(text)
    return str(path)


def test_a_valid_log_with_the_answers_of_our_station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ocpp", "replay", written(tmp_path, SAMPLE_16)]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[:4] == [
        "-> call BootNotification valid",
        "<- result BootNotification valid",
        "<- call ChangeConfiguration valid",
        'ours: {"status": "Accepted"}',
    ]
    assert '"value": "77"' in out  # a value set survives the reset of our station
    assert lines[-2:] == ["no answer in this log: GetConfiguration 4", "7 frames, OCPP 1.6: none invalid"]


def test_an_invalid_frame_is_named_with_its_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ocpp", "replay", written(tmp_path, WRONG_16)]) == 1
    out = capsys.readouterr().out
    assert "INVALID: Expected `int`, got `str` - at `$.connectorId`" in out
    assert "ours: TypeConstraintViolation" in out
    assert "8 frames, OCPP 1.6: 1 invalid" in out


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_2x_too(version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ocpp", "replay", "--ocpp", version, "--evses", "1", written(tmp_path, SAMPLE_2X)]) == 1
    out = capsys.readouterr().out
    assert '"attributeStatus": "Accepted"' in out
    assert "INVALID: Object missing required field" in out


def test_what_is_no_log_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ocpp", "replay", written(tmp_path, "12:00 connected\n")]) == 2
    assert "line 1: neither a frame nor a line of a frame log" in capsys.readouterr().err
    assert main(["ocpp", "replay", written(tmp_path, "")]) == 2
    assert main(["ocpp", "replay", str(tmp_path / "nothing")]) == 2


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ('[2,"1","Heartbeat"]', "a CALL has four elements, this one 3"),
        ('[2,"1","Nonsense",{}]', "no Nonsense in OCPP 2.0.1"),
        ('[2,"1","__class__",{}]', "no __class__ in OCPP 2.0.1"),
        ('[2,"1","Heartbeat",{"more":1}]', "Object contains unknown field `more`"),
        ('[2,"' + "x" * 37 + '","Heartbeat",{}]', "the id has 37 characters, 36 are allowed"),
        ('[6,"1","NotifyPeriodicEventStream",{}]', "message type 6 is none of OCPP 2.0.1"),
        ('[4,"1","Broken","",{}]', "Broken is no error code"),
        ('[4,"1"]', "code or description cannot be read"),
        ("[2]", "cannot be read: too short"),
        ("[" * 5000, "cannot be read"),
    ],
)
def test_frames_that_break_the_rules(frame: str, problem: str) -> None:
    (entry,) = entries([frame])
    assert problem in Judge(dialect_of("2.0.1")).judge(entry).problem


def test_calls_find_their_answers() -> None:
    judge = Judge(dialect_of("2.0.1"))
    frames = [
        '{"frame": "[2,\\"a\\",\\"Heartbeat\\",{}]", "direction": "sent", "mono": 1.0}',
        '{"frame": "[2,\\"b\\",\\"Heartbeat\\",{}]", "direction": "sent", "mono": 1.5}',
        '{"frame": "[3,\\"a\\",{\\"currentTime\\":\\"noon\\"}]", "direction": "received", "mono": 1.25}',
        '{"frame": "[3,\\"c\\",{}]", "direction": "received", "mono": 2.0}',
        '{"name": "SetVariables", "direction": "received", "mono": 3.0}',
    ]
    first, second, answer, stray, hidden = map(judge.judge, entries(frames))
    assert not first.problem
    assert second.remarks == ("while Heartbeat had no answer",)
    assert (answer.action, answer.answered_s) == ("Heartbeat", 0.25)
    assert "currentTime" in answer.problem
    assert stray.remarks == ("answers no call of this log",)
    assert not hidden.checked
    assert list(judge.open) == ["b"]


def test_the_version_is_guessed() -> None:
    assert guessed(list(entries([BOOT_16]))) == "1.6"
    assert guessed(list(entries(['[2,"a","ClearTariffs",{}]', '[6,"b","NotifyPeriodicEventStream",{}]']))) == "2.1"
    assert guessed(list(entries(['[2,"a","Heartbeat",{}]']))) == "2.0.1"
    assert guessed(list(entries(['{"frame": "[2,\\"a\\",\\"Heartbeat\\",{}]", "version": "1.6"}']))) == "1.6"


def test_our_own_log_is_one_without_faults(
    on_site: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a station said and heard, through the frame log and back."""
    folder = tmp_path / "ocpp"

    async def test(site: Any) -> None:
        whole: list[BackOfficeMessage] = []
        site.station.on_frame.append(whole.append)
        logging = asyncio.create_task(FrameLog(site.station, folder, 5).run())
        await site.csms.heard("StatusNotification", 2)
        answer = await site.csms.ask("GetBaseReport", request_id=1, report_base="FullInventory")
        assert answer.status == "Accepted"
        await site.told("NotifyReport")
        logging.cancel()
        await asyncio.gather(logging, return_exceptions=True)
        assert max(len(each.text) for each in whole) > 2048  # whole frames, not their beginnings

    on_site(test)
    (file,) = folder.glob("*")
    names = [json.loads(line)["name"] for line in file.read_text().splitlines()]
    assert "NotifyReport" in names
    assert ocpp_command.main(["replay", "--only-check", str(file)]) == 0
    assert "OCPP 2.0.1: none invalid" in capsys.readouterr().out
