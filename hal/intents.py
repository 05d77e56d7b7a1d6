"""What an intent of the controller does to its connector, and how the black box keeps it.

Whether it counts at all (lease, epoch) was decided before, by hal/guard.py.
"""

from typing import Final

from hal import dc_path, grants
from hal.connector import ConnectorGuard
from hal.contracts import Light, PilotOutput
from hal.wire import (
    ClearFault,
    DcIntent,
    FromController,
    GrantIntent,
    IndicatorIntent,
    LockIntent,
    MeterSession,
    Revoke,
    SetPhases,
    SetPilot,
)

_NO_NEWS: Final = ("epoch", "connector")


def in_words(message: FromController) -> str:
    words = [f"{name}={getattr(message, name)}" for name in message.__struct_fields__ if name not in _NO_NEWS]
    return f"{type(message).__name__} {' '.join(words)}"


def obey(connector: ConnectorGuard, message: FromController) -> None:
    """Note the wish; the connector's next tick decides what becomes of it."""
    match message:
        case SetPilot():
            connector.wish = PilotOutput(message.mode, message.duty_percent)
        case GrantIntent():
            connector.give(
                grants.Grant(
                    message.session,
                    message.limit_a,
                    message.failsafe_limit_a,
                    message.ride_through_s,
                    message.limit_w,
                    message.outlet,
                )
            )
        case Revoke():
            connector.revoke(message.reason, now=message.now)
        case DcIntent():
            wish = dc_path.Wish(message.phase, message.voltage_v, message.current_a, message.max_voltage_v)
            connector.ask_dc(wish)
        case LockIntent():
            connector.lock_wish = message.locked
        case MeterSession():
            if connector.sessions:
                connector.sessions.ask(message)
        case SetPhases():
            connector.ask_phases(message.phases)
        case IndicatorIntent():
            connector.show(Light(message.light))
        case ClearFault():
            connector.clear(message.code)
