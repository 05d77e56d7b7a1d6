"""Plain words for the identifiers of protocols, the same in the report and on the status page."""

from typing import Final

#: what the car's side calls its protocols
PROTOCOLS: Final = {
    "din": "DIN SPEC 70121",
    "iso2": "ISO 15118-2",
    "iso20": "ISO 15118-20",
    "iso20_ac": "ISO 15118-20 AC",
    "iso20_dc": "ISO 15118-20 DC",
    "slac": "SLAC",
}
