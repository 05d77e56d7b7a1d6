"""Internet and use-case information as an operator configures them: from station.toml to the car's choice and back."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from firmware import config
from firmware.v2g import services
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace
from firmware.v2g.services import Gate, InternetService, UseCaseService, configured
from firmware.v2g.sessions.iso2_terms import Terms
from hal.toml_document import ConfigError

TO_DISCOVERY: Final = ("SupportedAppProtocol", "SessionSetup", "ServiceDiscovery")
BASE: Final = '[[v2g]]\nevse = 1\ninterface = "plc0"\n'
BOTH: Final = """\
internet = ["https", "http"]
[v2g.use_case]
scope = "urn:example:depot"
parameters = { Line = "42", Bay = 7, Night = true }
"""


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    """[[v2g]] with these lines, read as the station reads it."""

    def read(lines: str) -> config.V2gSettings:
        path = tmp_path / "station.toml"
        path.write_text(BASE + lines)
        return config.read(path).v2g[0]

    return read


@pytest.fixture
def ask(request_named: Any) -> Any:
    def send(rig: Any, *names: str, **changes: Any) -> Any:
        answer: Any = None
        for name in names:
            [answer] = rig.ask(replace(request_named(name), **(changes if name == names[-1] else {})))
        return answer

    return send


def test_none_by_default(settings: Any) -> None:
    assert configured(settings("")) == ()


def test_a_car_finds_reads_chooses_and_leaves_them(make_rig: Any, make_bay: Any, ask: Any, settings: Any) -> None:
    said: list[tuple[str, ...]] = []
    internet, use_case = configured(settings(BOTH))
    assert isinstance(internet, InternetService)
    internet.gate = lambda *words: said.append(words)
    rig = make_rig(make_bay(), terms=Terms(value_added=(internet, use_case)))
    shown = ask(rig, *TO_DISCOVERY).service_list
    assert [(each.service_id, each.service_name, each.service_category, each.service_scope) for each in shown] == [
        (3, "Internet", iso2.ServiceCategory.Internet, None),
        (4, "UseCaseInformation", iso2.ServiceCategory.OtherCustom, "urn:example:depot"),
    ]
    detail = ask(rig, "ServiceDetail", service_id=3)
    assert [
        (each.parameter_set_id, each.parameter[0].string_value, each.parameter[1].int_value)
        for each in detail.service_parameter_list
    ] == [(3, "http", 80), (4, "https", 443)]
    [told] = ask(rig, "ServiceDetail", service_id=4).service_parameter_list
    assert told.parameter == (
        iso2.Parameter(name="Line", string_value="42"),
        iso2.Parameter(name="Bay", int_value=7),
        iso2.Parameter(name="Night", bool_value=True),
    )
    chosen = tuple(
        iso2.SelectedService(service_id=number, parameter_set_id=one) for number, one in ((1, None), (3, 4), (4, 1))
    )
    assert ask(rig, "PaymentServiceSelection", selected_service_list=chosen).response_code == "OK"
    assert said == [("open", "443")]
    rig.talk.lost("cable cut", rig.now)
    assert said == [("open", "443"), ("close",)]


def test_a_car_that_names_no_set_gets_every_port_and_one_that_begins_nothing_closes_nothing() -> None:
    said: list[tuple[str, ...]] = []
    internet = InternetService(frozenset({20, 21, 80}), lambda *words: said.append(words))
    internet.end()
    assert said == []
    internet.begin(3)
    internet.begin(None)
    internet.end()
    internet.end()
    assert said == [("open", "80"), ("open", "20"), ("open", "21"), ("close",)]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ('internet = ["gopher"]\n', "internet"),
        ("[v2g.use_case]\n", "parameters"),
        ("[v2g.use_case]\nparameters = {}\n", "parameters"),
        ("[v2g.use_case]\nparameters = { Far = 4294967296 }\n", "parameters"),
        (f'[v2g.use_case]\nname = "{"x" * 33}"\nparameters = {{ A = 1 }}\n', "name"),
        (f"[v2g.use_case.parameters]\n{''.join(f'P{n} = 1' + chr(10) for n in range(16))}", "parameters"),
    ],
)
def test_what_a_car_could_not_be_told_is_refused_at_start(settings: Any, lines: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        settings(lines)


def test_the_settings_make_the_gate_of_their_interface(settings: Any, tmp_path: Path) -> None:
    """The real command, twice: in order, whatever it takes."""
    log = tmp_path / "log"
    script = tmp_path / "gate"
    script.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    script.chmod(0o755)
    [internet] = configured(settings(f'internet = ["http", "https"]\ninternet_gate = ["{script}"]\n'))

    async def use() -> None:
        internet.begin(None)
        internet.end()
        assert isinstance(internet, InternetService)
        assert isinstance(internet.gate, Gate)
        assert internet.gate._last is not None
        await internet.gate._last

    asyncio.run(asyncio.wait_for(use(), 20))
    assert log.read_text().splitlines() == ["plc0 open 80", "plc0 open 443", "plc0 close"]


@pytest.mark.parametrize(
    ("command", "trouble"),
    [
        (("/nonexistent/gate",), "No such file"),
        (("/bin/sh", "-c", "exit 3"), "ended with 3"),
        (("/bin/sh", "-c", "exec sleep 60"), "took longer than 0.05 s"),
    ],
)
def test_a_gate_that_fails_is_told_and_nothing_more(
    command: tuple[str, ...], trouble: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "GATE_S", 0.05 if "longer" in trouble else 10.0)

    async def use() -> None:
        gate = Gate(command, "plc0")
        gate("open", "80")
        assert gate._last is not None
        await gate._last

    asyncio.run(asyncio.wait_for(use(), 20))
    assert trouble in caplog.text


def test_use_case_information_needs_no_contract(settings: Any) -> None:
    [service] = [each for each in configured(settings(BOTH)) if isinstance(each, UseCaseService)]
    assert (service.id, service.free, service.needs_contract) == (4, True, False)
