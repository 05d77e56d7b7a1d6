"""What we ask of libgpiod v2. There is no gpiochip on an ordinary machine: the chip is replaced, the classes that
describe a request are the real ones, and every call must fit the real signatures."""

import inspect
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from hal.contracts import DeviceError
from hal.linux.gpio import CharacterChip

gpiod = pytest.importorskip("gpiod")


class Chip:
    """gpiod.Chip of a small chip."""

    names: ClassVar[list[str]] = ["", "RELAY_1_ENABLE", "RELAY_1_SENSE"]

    def __init__(self, path: str) -> None:
        assert path == "/dev/gpiochip2"

    def __enter__(self) -> "Chip":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_info(self) -> SimpleNamespace:
        return SimpleNamespace(num_lines=len(self.names))

    def get_line_info(self, offset: int) -> SimpleNamespace:
        return SimpleNamespace(name=self.names[offset])


class Request:
    """gpiod.LineRequest of one line."""

    offsets: ClassVar[list[int]] = [1]

    def __init__(self) -> None:
        self.value = gpiod.line.Value.INACTIVE
        self.released = False

    def set_value(self, line: int | str, value: Any) -> None:
        assert line == 1
        self.value = value

    def get_value(self, line: int | str) -> Any:
        assert line == 1
        return self.value

    def release(self) -> None:
        self.released = True


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request as (bound arguments, the request handed out)."""
    real = inspect.signature(gpiod.request_lines)
    calls: list[Any] = []

    def request_lines(*positional: Any, **named: Any) -> Request:
        calls.append((real.bind(*positional, **named).arguments, Request()))
        request: Request = calls[-1][1]
        return request

    for name in ("set_value", "get_value", "release"):
        assert list(inspect.signature(getattr(Request, name)).parameters) == list(
            inspect.signature(getattr(gpiod.LineRequest, name)).parameters
        )
    monkeypatch.setattr(gpiod, "Chip", Chip)
    monkeypatch.setattr(gpiod, "request_lines", request_lines)
    return calls


def test_an_output_is_asked_for_by_name_at_its_level(asked: list[Any]) -> None:
    chip = CharacterChip(Path("/dev/gpiochip2"))
    assert chip.has("RELAY_1_ENABLE")
    assert not chip.has("")
    output = chip.output("RELAY_1_ENABLE", active_low=True, on=False)
    arguments, request = asked[0]
    settings = arguments["config"]["RELAY_1_ENABLE"]
    assert (arguments["path"], arguments["consumer"]) == ("/dev/gpiochip2", "pilotline")
    assert settings.direction is gpiod.line.Direction.OUTPUT
    assert settings.active_low
    assert settings.output_value is gpiod.line.Value.INACTIVE
    output.set(True)
    assert request.value is gpiod.line.Value.ACTIVE
    output.close()
    assert request.released


def test_an_input_is_debounced_by_the_kernel(asked: list[Any]) -> None:
    sense = CharacterChip(Path("/dev/gpiochip2")).input("RELAY_1_SENSE", active_low=False, debounce_s=0.01)
    settings = asked[0][0]["config"]["RELAY_1_SENSE"]
    assert settings.direction is gpiod.line.Direction.INPUT
    assert settings.debounce_period == timedelta(milliseconds=10)
    assert not sense.active()
    asked[0][1].value = gpiod.line.Value.ACTIVE
    assert sense.active()


def test_a_taken_line_is_named(asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> Request:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(gpiod, "request_lines", busy)
    with pytest.raises(DeviceError, match="RELAY_1_SENSE: Device or resource busy"):
        CharacterChip(Path("/dev/gpiochip2")).input("RELAY_1_SENSE", active_low=False, debounce_s=0.0)
