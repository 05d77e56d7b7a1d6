"""The command line: what is said for wrong input, and that every command the README shows is one."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.cli import main, parser
from hal import __version__
from hil.rig_cli import _parser as rig_parser

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line.split("  #")[0].strip()
    for block in BLOCKS
    for part in block.splitlines()
    for line in part.split("  #")[0].split("&&")
    if re.match(r"(\.venv/bin/|pilotline |\./)", line.strip())
]


def words(command: str) -> list[str]:
    return shlex.split(re.sub(r"\[(--[^\]]*)\]", r"\1", command))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) in (1, 2)
    return capsys.readouterr().err


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) >= 12


@pytest.mark.parametrize("command", [c for c in COMMANDS if "pilotline " in c])
def test_every_pilotline_command_of_the_readme_is_accepted(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *arguments = words(command)[1:]
    if name in ("run", "check", "decode"):
        assert parser({}).parse_args([name, *arguments]).command == name
    elif name == "rig":
        assert rig_parser().parse_args(arguments).do == arguments[0]
    else:
        with pytest.raises(SystemExit, match="0"):
            main([name, *arguments, "--help"])
        usage = capsys.readouterr().out
        assert all(option in usage for option in arguments if option.startswith("--")), usage


@pytest.mark.parametrize("command", [c for c in COMMANDS if " -m " in c])
def test_every_module_of_the_readme_takes_its_options(command: str) -> None:
    module, *arguments = words(command)[2:]
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert all(option in done.stdout for option in arguments if option.startswith("--"))


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("./")])
def test_every_script_of_the_readme_is_there(command: str) -> None:
    assert (TOP / words(command)[0]).stat().st_mode & 0o111


@pytest.mark.parametrize("place", re.findall(r"\]\(([^)#:]+)\)|`((?:tests|board-configs)/[\w./-]+)`", README))
def test_every_place_the_readme_names_is_there(place: tuple[str, str]) -> None:
    assert (TOP / (place[0] or place[1])).exists()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"pilotline {__version__}\n"


def test_help_says_of_every_command_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out
    assert "watch two cars charge" in said
    assert "move the simulated world" in said
    assert "see its --help" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nofile.pcap", "nofile.pcap: no such file"),
        ("80zz", "'z' is no hex digit"),
        ("801", "3 digits, but a byte has two"),
    ],
)
def test_what_cannot_be_decoded_is_said_in_words(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capsys, "decode", given)


def recording(folder: Path) -> Path:
    path = folder / "sessions" / "0123.jsonl"
    path.parent.mkdir()
    path.write_text('{"fact": "nothing"}\n')
    return path


def test_a_report_lies_beside_its_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recording(tmp_path)
    assert main(["report", "latest", "--storage", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{path.with_suffix('.html')}\n"
    assert path.with_suffix(".html").stat().st_size > 1000


def test_a_report_that_cannot_be_written_says_where_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording(tmp_path)
    out = tmp_path / "nodir" / "x.html"
    said = refused(capsys, "report", "latest", "--storage", str(tmp_path), "--out", str(out))
    assert said == f"pilotline report: cannot write {out}: no such file or directory; say where with --out FILE\n"


def test_a_reader_that_has_enough_gets_no_traceback() -> None:
    code = "import sys; from firmware.cli import main; sys.exit(main(['board', 'schema']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
