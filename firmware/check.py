"""`pilotline check`: a board file and a station file, alone and against each other, without touching hardware.

A fault in one key hides no other: what is checked further are the keys that can be used, section by section.
"""

import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from firmware import config
from hal import board as board_file
from hal.parts import Board
from hal.toml import usable
from hal.toml_document import ConfigError, Document, Fault, Keys
from hal.toml_document import read as read_document

LOWEST_A: Final = 6.0  # IEC 61851-1 table A.7: no duty says less
Section = dict[str, Any]  # usable keys of a section; a wrong one is absent


class Station(NamedTuple):
    """What can be used of a station file. `complete`: no EVSE's id is missing or wrong."""

    evses: dict[int, Section]  # by place in the file, as are cars
    cars: dict[int, Section]
    budget: Section
    authorization: Section
    ocpp: Section | None
    complete: bool


def check(board_path: Path | None, station_path: Path | None) -> list[Fault]:
    """Every fault of both files, in file order; none = they can be used together."""
    faults: list[Fault] = []
    board: Board | None = None
    whole = False
    try:
        if board_path:
            board, whole, found = board_file.examine(board_path)
            faults += ConfigError(found).faults
    except ConfigError as error:
        faults += error.faults
    if station_path is None:
        return faults
    try:
        document = read_document(station_path)
    except ConfigError as error:
        return [*faults, *error.faults]
    if not document.data:
        remedy = "write [[evse]], [authorization] and [ocpp] as systemd/station.toml does, which explains every key"
        return [*faults, document.fault((), "says nothing: an empty station file", remedy)]
    own: list[Fault] = []
    station = sections(document, own)
    own += numbers(document, station) + currents(document, station) + words(document, station)
    own += machine(document, station)
    if board is not None:
        own += against_board(document, station, board, board_path or Path(), whole)
    return [*faults, *ConfigError(own).faults]


def sections(document: Document, faults: list[Fault]) -> Station:
    """What of the file can be used; what cannot is added to `faults`."""
    data = document.data
    usable(document, (), {name: value for name, value in data.items() if not known(name)}, config.Settings, faults)

    def one(name: str, kind: type) -> Section:
        return usable(document, (name,), data.get(name, {}), kind, faults)

    def several(name: str, kind: type, default: list[Any]) -> dict[int, Section]:
        tables = data.get(name, default)
        if not isinstance(tables, list):
            faults.append(document.fault((name,), f"is a list of tables: write [[{name}]]"))
            tables = []
        return {index: usable(document, (name, index), table, kind, faults) for index, table in enumerate(tables)}

    one("station", config.StationSettings)
    evses = several("evse", config.EvseSettings, [{"id": 1}])
    return Station(
        evses,
        several("v2g", config.V2gSettings, []),
        one("budget", config.BudgetSettings),
        one("authorization", config.AuthorizationSettings),
        one("ocpp", config.OcppSettings) if "ocpp" in data else None,
        complete=bool(evses) and all("id" in evse for evse in evses.values()),
    )


def known(name: str) -> bool:
    return name in config.Settings.__struct_fields__


def numbers(document: Document, station: Station) -> list[Fault]:
    """What the station file says twice or points to in vain."""
    faults: list[Fault] = []
    ids: list[int] = []
    used: dict[int, int] = {}
    if not station.evses:
        faults.append(document.fault(("evse",), "a station has at least one", "add [[evse]] with id = 1"))
    for index, evse in station.evses.items():
        if (number := evse.get("id")) in ids:
            faults.append(document.fault(("evse", index, "id"), f"EVSE {number} exists already", "give it another id"))
        elif number is not None:
            ids.append(number)
        for connector in evse.get("connectors", ()):
            if connector in used:
                text = f"connector {connector} belongs to EVSE {used[connector]} already"
                faults.append(document.fault(("evse", index, "connectors"), text, "a connector has one EVSE"))
            used.setdefault(connector, evse.get("id", index + 1))
    if station.complete and sorted(ids) != list(range(1, len(ids) + 1)):
        faults.append(document.fault(("evse",), "ids must be 1, 2, 3, ... without gaps", "OCPP counts EVSEs so"))
    for index, car in station.cars.items():
        if station.complete and "evse" in car and car["evse"] not in ids:
            text = f"there is no EVSE {car['evse']}"
            faults.append(document.fault(("v2g", index, "evse"), text, f"one of {', '.join(map(str, ids))}"))
    return faults


def currents(document: Document, station: Station) -> list[Fault]:
    """Currents no car can be told: between 0 and 6 A, or a failsafe that is more than what is allowed at all."""
    faults: list[Fault] = []
    failsafe = station.budget.get("failsafe_current_a") or 0.0
    places: list[tuple[Keys, Any]] = [(("budget", key), station.budget.get(key)) for key in station.budget]
    places += [(("evse", index, "max_current_a"), evse.get("max_current_a")) for index, evse in station.evses.items()]
    for keys, amps in places:
        if not str(keys[-1]).endswith("_current_a") or amps is None:
            continue
        if 0 < amps < LOWEST_A:
            text = f"{amps:g} A, but a car charges with {LOWEST_A:g} A or more"
            faults.append(document.fault(keys, text, "write 6 or more; 0 = no current"))
        elif keys[-1] == "max_current_a" and failsafe > amps:
            text = f"{failsafe:g} A, more than max_current_a of {'the budget' if keys[0] == 'budget' else 'an EVSE'}"
            text += f" ({amps:g} A, line {document.line(keys)})"
            faults.append(document.fault(("budget", "failsafe_current_a"), text, "lower it; 0 = stop when alone"))
    return faults


def words(document: Document, station: Station) -> list[Fault]:
    """Tokens, names and addresses that could never match or be sent."""
    faults: list[Fault] = []
    for token in station.authorization.get("local_list", ()):
        if not re.fullmatch(r"(?:[0-9A-F]{2})+", token):
            right = re.sub(r"[\s:-]", "", token).upper()
            remedy = f"write {right!r}" if re.fullmatch(r"(?:[0-9A-F]{2})+", right) else 'as in "04A2B3C4D5E680"'
            text = f"{token!r} is no token in upper-case hex, two digits a byte"
            faults.append(document.fault(("authorization", "local_list"), text, remedy))
    if station.ocpp is None:
        nobody = station.authorization.get("mode") == "csms" and not station.authorization.get("local_list", ("?",))
        if nobody:
            remedy = 'add [ocpp], or mode = "free" or "local"'
            faults.append(document.fault(("authorization", "mode"), '"csms" without a back office', remedy))
        return faults
    identity, url = station.ocpp.get("identity"), station.ocpp.get("url")
    if identity is not None and not re.fullmatch(r"[A-Za-z0-9*_=:+|@.-]+", identity):
        text = f"{identity!r} has characters that OCPP does not allow"
        faults.append(document.fault(("ocpp", "identity"), text, "letters, digits and * - _ = : + | @ . only"))
    if url is not None and not has_host(url):
        faults.append(document.fault(("ocpp", "url"), f"{url!r} names no host", 'as in "wss://csms.example/ocpp"'))
    return faults


def has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return False


def machine(document: Document, station: Station) -> list[Fault]:
    """Files and interfaces that this machine does not have."""
    faults: list[Fault] = []
    interfaces = {name for _, name in socket.if_nameindex()}
    for index, car in station.cars.items():
        if "interface" in car and car["interface"] not in interfaces:
            text = f"this machine has no network interface {car['interface']!r}"
            remedy = "plug the modem in or correct the name; the station would wait for it"
            faults.append(document.fault(("v2g", index, "interface"), text, remedy))
        if car.get("tls", "prohibit") != "prohibit" and "pki" in car:
            faults += certificates(document, index, Path(car["pki"]))
    ca_file = (station.ocpp or {}).get("ca_file")
    if ca_file is not None and not Path(ca_file).is_file():
        text = f"there is no file {ca_file}"
        faults.append(document.fault(("ocpp", "ca_file"), text, "leave it out for the roots of the system"))
    return faults


def certificates(document: Document, index: int, folder: Path) -> list[Fault]:
    """What stands in the way of TLS with cars; `pilotline pki show` tells the rest."""
    from firmware.v2g.pki.store import load  # noqa: PLC0415 - cryptography, for stations with TLS only

    installed = load(folder, datetime.now(UTC))
    remedy = f"see `pilotline pki show {folder}`"
    return [document.fault(("v2g", index, "pki"), f"{each.where}: {each.text}", remedy) for each in installed.faults]


def against_board(document: Document, station: Station, board: Board, path: Path, whole: bool) -> list[Fault]:
    """Does the board have what the station wants to use? Without the `whole` board a missing connector says nothing."""
    faults: list[Fault] = []
    connectors = {connector.settings.id: connector.settings for connector in board.connectors}
    for index, evse in station.evses.items():
        amps = evse.get("max_current_a")
        for number in evse.get("connectors", ()):
            if number not in connectors and whole:
                text = f"{path} has no connector {number}"
                remedy = f"one of {', '.join(map(str, sorted(connectors)))}"
                faults.append(document.fault(("evse", index, "connectors"), text, remedy))
            elif number in connectors and amps is not None and amps > connectors[number].max_current_a:
                text = f"{amps:g} A, but connector {number} of {path} carries {connectors[number].max_current_a:g} A"
                faults.append(document.fault(("evse", index, "max_current_a"), text, "lower it"))
    if station.budget.get("grid_current_a") is not None and whole and "site_meter" not in board.parts:
        text = f"{path} has no [site_meter]: nobody knows what the rest of the site draws"
        faults.append(document.fault(("budget", "grid_current_a"), text, "add the meter, or use max_current_a"))
    by_id = {evse.get("id"): evse for evse in station.evses.values()}
    for index, car in station.cars.items():
        for number in by_id.get(car.get("evse"), {}).get("connectors", ()):
            if number in connectors and not connectors[number].digital:
                text = f"connector {number} of {path} cannot show 5 % (digital = false)"
                faults.append(document.fault(("v2g", index, "evse"), text, "remove this [[v2g]] section"))
    return faults
