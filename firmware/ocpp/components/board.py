"""Components that depend on what the board can do, which the guard tells when it is there: sockets that lock cables,
meters that sign; how the phases are wired; and what there is once for each EVSE.
"""

from dataclasses import replace
from typing import Final

from firmware.ocpp.meter_key import printed
from firmware.ocpp.variables import Variable, fixed, live, switch
from firmware.station.evse import Evse
from firmware.station.station import Station

FEED: Final = "ElectricalFeed"
ROTATION: Final = "PhaseRotation"
#: 1.6 9.1.7; 2.x knows phases that are not connected as well
ROTATIONS_16: Final = frozenset({"RST", "RTS", "SRT", "STR", "TRS", "TSR"})
UNKNOWN_16: Final = frozenset({"Unknown", "NotApplicable"})
_SIGNING: Final = (
    switch("SampledDataCtrlr", "SignReadings", False, key="SampledDataSignReadings"),
    switch("AlignedDataCtrlr", "SignReadings", False, key="AlignedDataSignReadings"),
)


def signs(station: Station) -> bool:
    """Has any EVSE a meter that signs? As long as nobody said: maybe."""
    boards = [evse.hardware for evse in station.evses.values()]
    return any(board is None or board.signs for board in boards)


def signing(station: Station) -> tuple[Variable, ...]:
    """Only of a station that can sign (2.0.1 2.7.3: else the variable is not reported)."""
    return (*_SIGNING, *(_public_key(evse) for evse in station.evses.values()))


def cables(station: Station) -> tuple[Variable, ...]:
    """2.1.12: of a station with fixed cables only it is false and read-only."""
    boards = [evse.hardware for evse in station.evses.values()]
    row = switch("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", True, key="UnlockConnectorOnEVSideDisconnect")
    if all(board is not None and not (board.lock and board.socket) for board in boards):
        return (fixed(row.component, row.name, "boolean", "false", key=row.key),)
    return (row,)


def idle_only(station: Station) -> tuple[Variable, ...]:
    """Which EVSE's clock-aligned values are silent during its own transactions (2.7.13)."""
    row = switch("AlignedDataCtrlr", "SendDuringIdle", False)
    return tuple(replace(row, evse=each) for each in station.evses)


def wiring(station: Station) -> tuple[Variable, ...]:
    """How the phases of each EVSE, and of the station, lie in the grid (2.13.5); 1.6 knows all of them as one key."""
    places = [None, *station.evses]
    rows = [Variable(FEED, ROTATION, "string", "ReadWrite", maximum=3, evse=each, check=_rotation) for each in places]

    def read() -> str:
        return ",".join(f"{row.evse or 0}.{_in_16(station, row)}" for row in rows)

    def write(text: str) -> None:
        for number, rotation in _pairs(text):
            row = next(each for each in rows if (each.evse or 0) == number)
            station.set_variable(row.stored_as, "" if rotation in UNKNOWN_16 else rotation)

    def check(text: str) -> str:
        known = {row.evse or 0 for row in rows}
        for number, rotation in _pairs(text):
            if number not in known or rotation not in ROTATIONS_16 | UNKNOWN_16:
                return f"{number}.{rotation} is no connector with its phase rotation"
        return ""

    key = Variable("", "", "string", "ReadWrite", key="ConnectorPhaseRotation", read=read, write=write, check=check)
    return (*rows, key)


def _public_key(evse: Evse) -> Variable:
    """Signed meter values 1.0, 4.3.2, 3.3.1 (1.6); "" until the meter told it, which it does when a session begins."""
    row = live("FiscalMetering", "PublicKey", "string", lambda: printed(evse.meter_key))
    return replace(row, evse=evse.id, key=f"MeterPublicKey{evse.id}")


def _rotation(text: str) -> str:
    """R, S and T once at most, x for what is not connected; "" = not known."""
    wired = text.replace("x", "")
    good = len(text) in {0, 3} and set(wired) <= set("RST") and len(set(wired)) == len(wired)
    return "" if good else "no three letters of R, S, T and x"


def _in_16(station: Station, row: Variable) -> str:
    rotation = station.variable(row.stored_as, row.default)
    if rotation in ROTATIONS_16:
        return rotation
    evse = station.evses.get(row.evse or 0)
    return "NotApplicable" if evse is not None and evse.dc else "Unknown"


def _pairs(text: str) -> list[tuple[int, str]]:
    """ "1.RST, 2.RTS" as numbers with their rotations; -1 where there is no number."""
    found = []
    for each in text.split(","):
        number, _, rotation = each.strip().partition(".")
        found.append((int(number) if number.isdecimal() else -1, rotation))
    return found
