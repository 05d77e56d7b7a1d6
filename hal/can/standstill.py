"""A power module that answers and always the same: seen where it was told another share, the modules beside it follow,
and its own volts and amperes are the old ones to the last digit. What becomes of it is hal/can/supply.py's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hal.can.module import Module

FOLLOW_S: Final = 1.0  # modules ramp together: one that has not moved by then does not
MOVED: Final = 0.05  # of what a module can give, or of its voltage


@dataclass
class _Still:
    """Since its values are these: how the others stood, and what it was told."""

    own: tuple[float, float]
    others: dict[int, tuple[float, float]]
    told: tuple[object, ...]
    odd_since: float | None = None


class Standstill:
    """Of the modules of one output. `look` is for each reading."""

    def __init__(self) -> None:
        self._still: dict[int, _Still] = {}

    def look(self, modules: Iterable[Module], now: float) -> None:
        """Notes in each module whether it stands still."""
        every = {module.address: module for module in modules}
        for module in every.values():
            own, still = (module.voltage_v, module.current_a), self._still.get(module.address)
            if still is None or still.own != own:
                others = {
                    address: (each.voltage_v, each.current_a) for address, each in every.items() if each is not module
                }
                self._still[module.address] = _Still(own, others, module.told)
                module.stands_still = False
                continue
            if not (_told_otherwise(module, still) and _others_moved(every, still, now)):
                still.odd_since = None
            elif still.odd_since is None:
                still.odd_since = now
            elif now - still.odd_since >= FOLLOW_S:
                module.stands_still = True


def _told_otherwise(module: Module, still: _Still) -> bool:
    """Both times on, and another current or voltage."""
    if not (module.told and module.told[0] and still.told and still.told[0]):
        return False
    (_, volts, amps, _), (_, volts_before, amps_before, _) = module.told, still.told
    return _differ(volts, volts_before, module.max_voltage_v) or _differ(amps, amps_before, module.max_current_a)


def _others_moved(every: dict[int, Module], still: _Still, now: float) -> bool:
    return any(
        each.fresh(now)
        and (
            _differ(each.voltage_v, before[0], each.max_voltage_v)
            or _differ(each.current_a, before[1], each.max_current_a)
        )
        for address, before in still.others.items()
        if (each := every[address])
    )


def _differ(one: object, other: object, most: float) -> bool:
    return isinstance(one, float) and isinstance(other, float) and abs(one - other) >= MOVED * most
