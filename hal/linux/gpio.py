"""GPIO lines by their name, whichever chip they sit on. Chips are /dev/gpiochip* (libgpiod v2) or simulated ones.

A line is asked for once and then owned; the kernel gives it to nobody else. Polarity is settled here: the drivers
say `set(True)` for "on". Many kernels keep an output's level when its owner dies: nothing here relies on release.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from hal.contracts import DeviceError
from hal.sim.gpiochip import SimulatedChip

if TYPE_CHECKING:
    import gpiod

CONSUMER: Final = "pilotline"  # no '/' in it: the kernel warns about that


class Output(Protocol):
    def set(self, on: bool) -> None: ...

    def close(self) -> None: ...


class Input(Protocol):
    def active(self) -> bool: ...

    def close(self) -> None: ...


class Edges(Protocol):
    """Several lines whose active edges the kernel collects."""

    def read(self) -> list[tuple[int, float]]:
        """(index of the line, monotonic s) of each edge since the last call, in order."""
        ...

    def close(self) -> None: ...


class Chip(Protocol):
    def has(self, line: str) -> bool: ...

    def output(self, line: str, *, active_low: bool, on: bool) -> Output: ...

    def input(self, line: str, *, active_low: bool, debounce_s: float) -> Input: ...

    def edges(self, lines: tuple[str, ...], *, active_low: bool) -> Edges: ...

    def close(self) -> None: ...


@contextmanager
def _named(line: str) -> Iterator[None]:
    """What the operating system says about a line becomes a DeviceError with its name."""
    try:
        yield
    except OSError as error:
        raise DeviceError(f"GPIO line {line}: {error.strerror}") from error


class _Line:
    """A requested line of a character device; one system call per read or write."""

    def __init__(self, name: str, request: "gpiod.LineRequest") -> None:
        from gpiod.line import Value  # noqa: PLC0415 - only boards with real pins need libgpiod

        self._name, self._request = name, request
        self._offset = request.offsets[0]
        self._on, self._off = Value.ACTIVE, Value.INACTIVE

    def set(self, on: bool) -> None:
        with _named(self._name):
            self._request.set_value(self._offset, self._on if on else self._off)

    def active(self) -> bool:
        with _named(self._name):
            return bool(self._request.get_value(self._offset) == self._on)

    def close(self) -> None:
        self._request.release()


class _Edges:
    """Edges of a character device, with the kernel's own times."""

    def __init__(self, lines: tuple[str, ...], request: "gpiod.LineRequest") -> None:
        self._name, self._request = ", ".join(lines), request
        self._index = {offset: index for index, offset in enumerate(request.offsets)}

    def read(self) -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        with _named(self._name):
            while self._request.wait_edge_events(timedelta()):
                for event in self._request.read_edge_events():
                    found.append((self._index[event.line_offset], event.timestamp_ns / 1e9))
        return found

    def close(self) -> None:
        self._request.release()


class CharacterChip:
    """/dev/gpiochipN through libgpiod v2."""

    def __init__(self, path: Path) -> None:
        import gpiod  # noqa: PLC0415 - only boards with real pins need libgpiod

        with gpiod.Chip(str(path)) as chip:
            names = [chip.get_line_info(offset).name for offset in range(chip.get_info().num_lines)]
        self._path = path
        self.names = {name for name in names if name}

    def has(self, line: str) -> bool:
        return line in self.names

    def output(self, line: str, *, active_low: bool, on: bool) -> Output:
        from gpiod import LineSettings  # noqa: PLC0415
        from gpiod.line import Direction, Value  # noqa: PLC0415

        level = Value.ACTIVE if on else Value.INACTIVE
        return self._request(line, LineSettings(direction=Direction.OUTPUT, active_low=active_low, output_value=level))

    def input(self, line: str, *, active_low: bool, debounce_s: float) -> Input:
        from gpiod import LineSettings  # noqa: PLC0415
        from gpiod.line import Direction  # noqa: PLC0415

        debounce = timedelta(seconds=debounce_s)
        return self._request(
            line, LineSettings(direction=Direction.INPUT, active_low=active_low, debounce_period=debounce)
        )

    def edges(self, lines: tuple[str, ...], *, active_low: bool) -> Edges:
        import gpiod  # noqa: PLC0415
        from gpiod.line import Direction, Edge  # noqa: PLC0415

        settings = gpiod.LineSettings(direction=Direction.INPUT, active_low=active_low, edge_detection=Edge.RISING)
        with _named(", ".join(lines)):
            request = gpiod.request_lines(
                str(self._path), consumer=CONSUMER, config=dict.fromkeys(lines, settings), event_buffer_size=1024
            )
            return _Edges(lines, request)

    def _request(self, line: str, settings: "gpiod.LineSettings") -> _Line:
        import gpiod  # noqa: PLC0415

        with _named(line):
            return _Line(line, gpiod.request_lines(str(self._path), consumer=CONSUMER, config={line: settings}))

    def close(self) -> None:
        """Nothing is kept open but the lines."""


class Gpio:
    """All lines of the machine."""

    def __init__(self, dev: Path) -> None:
        self._dev = dev
        self._chips: list[Chip] | None = None

    def output(self, line: str, *, active_low: bool = False, on: bool = False) -> Output:
        """Own a line as output, at once at level `on`. Raises DeviceError when it is missing or taken."""
        return self._chip(line).output(line, active_low=active_low, on=on)

    def input(self, line: str, *, active_low: bool = False, debounce_s: float = 0.0) -> Input:
        """Own a line as input; the kernel debounces it. Raises DeviceError when it is missing or taken."""
        return self._chip(line).input(line, active_low=active_low, debounce_s=debounce_s)

    def edges(self, lines: tuple[str, ...], *, active_low: bool = False) -> Edges:
        """Own lines of one chip as inputs whose edges (to active) are collected. Raises DeviceError."""
        chips = [self._chip(line) for line in lines]
        if any(chip is not chips[0] for chip in chips):
            raise DeviceError(f"GPIO lines {', '.join(lines)}: must sit on one chip")
        return chips[0].edges(lines, active_low=active_low)

    def _chip(self, line: str) -> Chip:
        if self._chips is None:
            self._chips = [self._open(path) for path in sorted(self._dev.glob("gpiochip*"))]
        having = [chip for chip in self._chips if chip.has(line)]
        if len(having) != 1:
            found = "on more than one chip" if having else f"on none of the {len(self._chips)} chips"
            raise DeviceError(f"GPIO line {line}: {found} in {self._dev}")
        return having[0]

    def _open(self, path: Path) -> Chip:
        if path.is_dir():
            return SimulatedChip(path)
        with _named(str(path)):
            try:
                return CharacterChip(path)
            except ImportError:
                raise DeviceError("boards with GPIO lines need libgpiod: pip install 'pilotline[gpio]'") from None
