"""Components that face the driver: DisplayMessageCtrlr, TariffCostCtrlr."""

from dataclasses import replace
from typing import Final

from firmware.ocpp.variables import Variable, fixed, switch, text

DISPLAY: Final = "DisplayMessageCtrlr"
TARIFF: Final = "TariffCostCtrlr"

FORMATS: Final = ("ASCII", "UTF8")
PRIORITIES: Final = ("AlwaysFront", "InFront", "NormalCycle")

ROWS: Final[tuple[Variable, ...]] = (
    fixed(DISPLAY, "Available", "boolean", "true"),
    switch(DISPLAY, "Enabled", True),
    fixed(DISPLAY, "PersonalMessageSize", "integer", "512"),
    replace(fixed(DISPLAY, "SupportedFormats", "MemberList", ",".join(FORMATS)), values=FORMATS),
    replace(fixed(DISPLAY, "SupportedPriorities", "MemberList", ",".join(PRIORITIES)), values=PRIORITIES),
    *(fixed(TARIFF, "Available", "boolean", "true", of=of) for of in ("Tariff", "Cost")),
    *(switch(TARIFF, "Enabled", True, of=of) for of in ("Tariff", "Cost")),
    text(TARIFF, "Currency", "EUR", longest=3),
    text(TARIFF, "TariffFallbackMessage", "", longest=255),
    text(TARIFF, "TotalCostFallbackMessage", "", longest=255),
)
