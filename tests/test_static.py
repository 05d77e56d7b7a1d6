"""The house rules that a machine can check: linter, types, direction of imports, top-level layout."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]

# package -> what it may import of ours; design: firmware -> hal.contracts <- hal.drivers, hil -> firmware, hal
ALLOWED = {
    "firmware.station": {"firmware.station", "firmware.config", "hal.contracts", "hal.duty", "hal.wire"},
    "firmware.v2g": {"firmware.v2g", "firmware.station", "firmware.config", "hal.contracts", "hal.wire"},
    "firmware.ocpp": {
        "firmware.ocpp",
        "firmware.station",
        "firmware.config",
        "hal.__version__",
        "hal.contracts",
        "hal.wire",
    },
    "firmware.energy": {"firmware.energy", "firmware.station", "firmware.config", "hal.contracts", "hal.wire"},
    "firmware.security": {"firmware.security", "firmware.station", "firmware.config"},
    "firmware.transfer": {"firmware.transfer"},
    "firmware.update": {
        "firmware.update",
        "firmware.transfer",
        "firmware.security",
        "firmware.station",
        "firmware.config",
    },
    "firmware.diagnostics": {
        "firmware.diagnostics",
        "firmware.transfer",
        "firmware.security",
        "firmware.station",
        "firmware.config",
        "hal.__version__",
    },
    "firmware.panel": {
        "firmware.panel",
        "firmware.station",
        "firmware.config",
        "hal.__version__",
        "hal.contracts",
        "hal.wire",
    },
    "firmware": {
        "firmware",
        "hal.__version__",
        "hal.contracts",
        "hal.duty",
        "hal.wire",
        "hal.toml",
        "hal.toml_document",
        "hal.notify",
        "hal.ocmf",
        "hal.board",
        "hal.parts",
    },
    "hal": {"hal"},
    "hil": {"hil", "hal", "firmware"},
}
NEVER_AT_RUN_TIME = {"scapy", "ocpp", "iso15118", "pyslac", "pytest", "hypothesis", "jsonschema"}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((TOP / folder).rglob("*.py"))]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", sources("firmware", "hal", "hil"), ids=module_of)
def test_imports_point_one_way(path: Path) -> None:
    module = module_of(path)
    package = max((name for name in ALLOWED if within(module, name)), key=len)
    ours = {name for name in imports_of(path) if name.split(".")[0] in {"firmware", "hal", "hil", "tests"}}
    # `from hal import wire` names both `hal` and `hal.wire`; the package itself holds no code
    ours -= {"hal", "firmware", "hil"}
    wrong = {name for name in ours if not any(within(name, allowed) for allowed in ALLOWED[package])}
    assert not wrong, f"{module} imports {sorted(wrong)}; {package} may import {sorted(ALLOWED[package])}"


@pytest.mark.parametrize("path", sources("firmware", "hal"), ids=module_of)
def test_the_running_station_needs_no_test_peer(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & NEVER_AT_RUN_TIME


def test_the_top_level_stays_as_agreed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout (source archive): nothing to compare with")
    visible = {line.split("/")[0] for line in listed.splitlines()} - {".ci", ".gitignore"}
    assert visible == {
        "pyproject.toml", "README.md", "LICENSE", "requirements.lock",
        "firmware", "hal", "hil", "board-configs", "systemd", "tests",
    }  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["ruff check", "ruff format", "mypy --strict"],
)
@pytest.mark.timeout(400)
def test_static_checks_are_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_data_file_goes_into_the_package() -> None:
    """What the running station reads besides Python is named in pyproject, else an installed one would lack it."""
    named = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packed = {
        path
        for package, globs in named.items()
        for each in globs
        for path in TOP.joinpath(*package.split(".")).glob(each)
    }
    data = {
        path
        for folder in ("firmware", "hal")
        for path in (TOP / folder).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".md"}
    }
    assert data - packed == set()
