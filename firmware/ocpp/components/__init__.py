"""The rows of the device model, one file for each group of components."""

from typing import Final

from firmware.ocpp.components import charging, communication, metering, people, security
from firmware.ocpp.variables import Variable

#: What every station has, whatever hardware it is; what depends on that is `hardware`'s.
TABLE: Final[tuple[Variable, ...]] = (
    *communication.ROWS,
    *security.ROWS,
    *charging.ROWS,
    *metering.ROWS,
    *people.ROWS,
)
