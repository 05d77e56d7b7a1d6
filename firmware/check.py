"""`pilotline check`: a board file and a station file, alone and against each other, without touching hardware."""

import socket
from datetime import UTC, datetime
from pathlib import Path

from firmware.config import Settings, read
from hal import board as board_file
from hal.toml import ConfigError, Document, Fault
from hal.toml import read as read_document


def check(board_path: Path | None, station_path: Path | None) -> list[Fault]:
    """Every fault of both files, in file order; none = they can be used together."""
    faults: list[Fault] = []
    board: board_file.Board | None = None
    settings: Settings | None = None
    try:
        board = board_file.load(board_path) if board_path else None
    except ConfigError as error:
        faults += error.faults
    try:
        settings = read(station_path) if station_path else None
    except ConfigError as error:
        faults += error.faults
    if settings is not None and station_path is not None:
        document = read_document(station_path)
        faults += numbers(document, settings)
        if board is not None:
            faults += against_board(document, settings, board, board_path or Path())
    return faults


def numbers(document: Document, settings: Settings) -> list[Fault]:
    """What the station file says twice or points to in vain."""
    faults: list[Fault] = []
    ids = [evse.id for evse in settings.evse]
    for index, number in enumerate(ids):
        if number in ids[:index]:
            faults.append(document.fault(("evse", index, "id"), f"EVSE {number} exists already", "give it another id"))
    if sorted(set(ids)) != list(range(1, len(set(ids)) + 1)):
        faults.append(document.fault(("evse",), "ids must be 1, 2, 3, ... without gaps", "OCPP counts EVSEs so"))
    used: dict[int, int] = {}
    for index, evse in enumerate(settings.evse):
        for connector in evse.connectors:
            if connector in used:
                text = f"connector {connector} belongs to EVSE {used[connector]} already"
                faults.append(document.fault(("evse", index, "connectors"), text, "a connector has one EVSE"))
            used[connector] = evse.id
    for index, car in enumerate(settings.v2g):
        if car.evse not in ids:
            text = f"there is no EVSE {car.evse}"
            faults.append(document.fault(("v2g", index, "evse"), text, f"one of {', '.join(map(str, ids))}"))
        if car.interface not in {name for _, name in socket.if_nameindex()}:
            text = f"this machine has no network interface {car.interface!r}"
            remedy = "plug the modem in or correct the name; the station would wait for it"
            faults.append(document.fault(("v2g", index, "interface"), text, remedy))
        if car.tls != "prohibit":
            faults += certificates(document, index, Path(car.pki))
    return faults


def certificates(document: Document, index: int, folder: Path) -> list[Fault]:
    """What stands in the way of TLS with cars; `pilotline pki show` tells the rest."""
    from firmware.v2g.pki.store import load  # noqa: PLC0415 - cryptography, for stations with TLS only

    installed = load(folder, datetime.now(UTC))
    remedy = f"see `pilotline pki show {folder}`"
    return [document.fault(("v2g", index, "pki"), f"{each.where}: {each.text}", remedy) for each in installed.faults]


def against_board(document: Document, settings: Settings, board: board_file.Board, path: Path) -> list[Fault]:
    """Does the board have what the station wants to use?"""
    faults: list[Fault] = []
    connectors = {connector.settings.id: connector.settings for connector in board.connectors}
    for index, evse in enumerate(settings.evse):
        for number in evse.connectors:
            if number not in connectors:
                text = f"{path} has no connector {number}"
                remedy = f"one of {', '.join(map(str, sorted(connectors)))}"
                faults.append(document.fault(("evse", index, "connectors"), text, remedy))
            elif evse.max_current_a is not None and evse.max_current_a > connectors[number].max_current_a:
                text = f"{evse.max_current_a:g} A, but connector {number} of {path} carries "
                text += f"{connectors[number].max_current_a:g} A"
                faults.append(document.fault(("evse", index, "max_current_a"), text, "lower it"))
    by_id = {evse.id: evse for evse in settings.evse}
    for index, car in enumerate(settings.v2g):
        for number in by_id[car.evse].connectors if car.evse in by_id else ():
            if number in connectors and not connectors[number].digital:
                text = f"connector {number} of {path} cannot show 5 % (digital = false)"
                faults.append(document.fault(("v2g", index, "evse"), text, "remove this [[v2g]] section"))
    return faults
