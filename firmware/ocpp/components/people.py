"""Components that face the driver: DisplayMessageCtrlr, TariffCostCtrlr."""

from dataclasses import replace
from typing import Final

from firmware.ocpp.local_time import refuses_moment, refuses_offset
from firmware.ocpp.variables import Variable, choice, fixed, number, switch, text

DISPLAY: Final = "DisplayMessageCtrlr"
TARIFF: Final = "TariffCostCtrlr"
CLOCK: Final = "ClockCtrlr"

FORMATS: Final = ("ASCII", "UTF8")
LANGUAGES: Final = ("en", "de", "es", "fr", "it", "nl")  # RFC 5646
PRIORITIES: Final = ("AlwaysFront", "InFront", "NormalCycle")

ROWS: Final[tuple[Variable, ...]] = (
    fixed(DISPLAY, "Available", "boolean", "true"),
    switch(DISPLAY, "Enabled", True),
    fixed(DISPLAY, "PersonalMessageSize", "integer", "512"),
    replace(fixed(DISPLAY, "SupportedFormats", "MemberList", ",".join(FORMATS)), values=FORMATS),
    replace(fixed(DISPLAY, "SupportedPriorities", "MemberList", ",".join(PRIORITIES)), values=PRIORITIES),
    choice(DISPLAY, "Language", LANGUAGES[0], LANGUAGES, key="Language"),  # of who does not say which
    *(fixed(TARIFF, "Available", "boolean", "true", of=of) for of in ("Tariff", "Cost")),
    *(switch(TARIFF, "Enabled", True, of=of) for of in ("Tariff", "Cost")),
    text(TARIFF, "Currency", "EUR", longest=3),
    number(TARIFF, "NumberOfDecimalsForCostValues", 2, high=6, key="NumberOfDecimalsForCostValues"),
    text(TARIFF, "TariffFallbackMessage", "", longest=255),
    text(TARIFF, "TotalCostFallbackMessage", "", longest=255),
    # The time of day that people are told.
    replace(text(CLOCK, "TimeOffset", "", longest=6, key="TimeOffset"), check=refuses_offset),
    replace(
        text(CLOCK, "TimeOffset", "", longest=6, key="TimeOffsetNextTransition"),
        instance="NextTransition",
        check=refuses_offset,
    ),
    replace(
        text(CLOCK, "NextTimeOffsetTransitionDateTime", "", longest=40, key="NextTimeOffsetTransitionDateTime"),
        kind="dateTime",
        check=refuses_moment,
    ),
)
