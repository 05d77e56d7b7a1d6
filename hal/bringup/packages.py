"""Which Python packages the drivers of a board need beyond those of every station, and which this machine has not.

Drivers load theirs only when they take the hardware, so that no board pays for what it has not; a check tells before.
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from hal.linux import gpio
from hal.parts import Board, Part

#: module that is imported -> (its name at the package index, our extra that brings it)
EXTRAS: Final = {
    "gpiod": ("gpiod", "gpio"),
    "serial": ("pyserial", "serial"),
    "can": ("python-can", "can"),
}


class Need(NamedTuple):
    """`by`: the section of the board file."""

    module: str
    by: str

    @property
    def remedy(self) -> str:
        return f"pip install 'pilotline[{EXTRAS[self.module][1]}]'"

    def __str__(self) -> str:
        return f"Python package {EXTRAS[self.module][0]} is missing, which {self.by} needs: {self.remedy}"


def needs(board: Board) -> list[Need]:
    """All of them, in the order of the board file."""
    found = [Need("serial", f"[bus.{name}]") for name, bus in board.buses.items() if bus.port is not None]
    found += [Need("gpiod", f"[bus.{name}]") for name, bus in board.buses.items() if bus.transmit_line is not None]
    for name, can in board.cans.items():
        found.append(Need("can", f"[can.{name}]"))
        if can.interface == "slcan":
            found.append(Need("serial", f"[can.{name}]"))
    for section, part in _parts(board):
        found += [Need(module, section) for module in _modules(part.driver)]
    return found


def missing(board: Board) -> list[Need]:
    """What is not installed here, each package once."""
    lacking: dict[str, Need] = {}
    for need in needs(board):
        if need.module not in lacking and not _is_here(need.module):
            lacking[need.module] = need
    return list(lacking.values())


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # imported once and found broken: the interpreter's mark for "not there"
        return False


def _parts(board: Board) -> Iterator[tuple[str, Part]]:
    for name, part in board.controllers.items():
        yield f"[controller.{name}]", part
    for name, part in board.parts.items():
        yield f"[{name}]", part
    for connector in board.connectors:
        for name, part in connector.parts.items():
            yield f"connector {connector.settings.id} [connector.{name}]", part


def _modules(driver: Any) -> list[str]:
    """By what the driver's file uses: lines of a GPIO chip that it names, a serial port of its own."""
    files = [vars(sys.modules[each.__module__]) for each in type(driver).__mro__]
    uses_gpio = any(each is gpio.Gpio for known in files for each in known.values())
    uses_gpio = uses_gpio and not hasattr(driver, "reset_line")  # a controller needs it for that line only
    found = ["gpiod"] if uses_gpio or getattr(driver, "reset_line", None) else []
    return [*found, "serial"] if getattr(driver, "port", None) else found
