"""Autocharge: the car itself is the token, by its EVCCID or by the MAC address of its modem (OCPP kind MacAddress).

Both are told by the car and can be imitated by anybody: hence off unless the operator wants it. Who may charge is
decided as for any other token. The car protocols say whom they met; what they talk about is theirs.
"""

import logging
import re
from typing import TYPE_CHECKING, Final

from firmware.station.commands import IdentifyCar
from firmware.station.facts import IdToken

if TYPE_CHECKING:
    from firmware.station.evse import Evse
    from firmware.station.station import Station

log = logging.getLogger(__name__)

KIND: Final = "MacAddress"
_MAC: Final = re.compile(r"[0-9A-F]{12}")


class Autocharge:
    """Of one EVSE. A car is asked about once while it is plugged in: what was refused stays so, a card may follow."""

    def __init__(self, station: "Station", evse: "Evse") -> None:
        self._station = station
        self._evse = evse
        self._asked = ""

    def met(self, evccid: str, mac: str) -> None:
        """A digital session began: what the car calls itself, and its modem's address ("" = not known)."""
        source = self._station.settings.authorization.autocharge
        if source == "off":
            return
        token = token_of(evccid if source == "evccid" else mac)
        if token is None:
            log.info("EVSE %d: the car shows no usable %s (%r): no autocharge", self._evse.id, source, evccid)
        elif token.token != self._asked:
            self._asked = token.token
            command = IdentifyCar(id_token=token, evse=self._evse.id, by="car")
            self._station.in_background(self._station.do(command))

    def forget(self) -> None:
        """The next car is another."""
        self._asked = ""


def token_of(address: str) -> IdToken | None:
    """Twelve hexadecimal digits, however they are separated; nothing that many cars share: all zeros or all ones."""
    digits = re.sub(r"[:\-]", "", address).upper()
    if not _MAC.fullmatch(digits) or set(digits) in ({"0"}, {"F"}):
        return None
    return IdToken(digits, KIND)
