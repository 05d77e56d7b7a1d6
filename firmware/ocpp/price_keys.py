"""The 1.6 keys of OCA's "OCPP & California Pricing Requirements" 3.1 that 2.x has no variable for: the default price
and its texts, and what of the note this station does. What is done with them is `pricing`'s.
"""

from dataclasses import replace
from typing import Final

import msgspec

from firmware.ocpp.components.people import LANGUAGES
from firmware.ocpp.running_cost import ChargingPrice
from firmware.ocpp.variables import Variable, fixed, switch, text
from firmware.station.displayed import Text
from firmware.station.values import Values

PLACE: Final = ""  # no component of 2.x
SHOWN: Final = f"{PLACE}.CustomDisplayCostAndPrice"
IDLE_FEE_AFTER_STOP: Final = f"{PLACE}.CustomIdleFeeAfterStop"
DEFAULT: Final = "DefaultPrice"
DEFAULT_TEXT: Final = "DefaultPriceText"  # of a language: DefaultPriceText,nl


class DefaultPrice(msgspec.Struct, frozen=True, rename="camel"):
    """For who has no price of their own. `charging_price`: what a start off line costs."""

    price_text: str
    price_text_offline: str = ""
    charging_price: ChargingPrice | None = None


class DefaultPriceText(msgspec.Struct, frozen=True, rename="camel"):
    """The texts in one language."""

    price_text: str
    price_text_offline: str = ""


def rows() -> list[Variable]:
    """Kept like variables, but seen as keys only."""
    return [
        switch(PLACE, "CustomDisplayCostAndPrice", True, key="CustomDisplayCostAndPrice"),
        switch(PLACE, "CustomIdleFeeAfterStop", False, key="CustomIdleFeeAfterStop"),
        fixed(PLACE, "CustomMultiLanguageMessages", "boolean", "true", key="CustomMultiLanguageMessages"),
        fixed(PLACE, "SupportedLanguages", "string", ",".join(LANGUAGES), key="SupportedLanguages"),
        replace(text(PLACE, DEFAULT, "", key=DEFAULT), check=_refuses_price),
        *(
            replace(text(PLACE, f"{DEFAULT_TEXT},{each}", "", key=f"{DEFAULT_TEXT},{each}"), check=_refuses_text)
            for each in LANGUAGES
        ),
    ]


def default_price(station: Values) -> DefaultPrice:
    """Empty where there is none."""
    return _price(station.variable(f"{PLACE}.{DEFAULT}")) or DefaultPrice("")


def default_texts(station: Values, *, offline: bool) -> tuple[Text, ...]:
    """The one of DefaultPrice, which names no language, then those of each language that is told."""
    own = default_price(station)
    found = [Text(own.price_text_offline if offline else own.price_text)]
    for language in LANGUAGES:
        said = _text(station.variable(f"{PLACE}.{DEFAULT_TEXT},{language}"))
        if said is not None:
            found.append(Text(said.price_text_offline if offline else said.price_text, language=language))
    return tuple(each for each in found if each.content)


def _refuses_price(said: str) -> str:
    return "" if not said or _price(said) is not None else "no JSON object with priceText"


def _refuses_text(said: str) -> str:
    return "" if not said or _text(said) is not None else "no JSON object with priceText"


def _price(said: str) -> DefaultPrice | None:
    try:
        return msgspec.json.decode(said, type=DefaultPrice)
    except msgspec.MsgspecError:
        return None


def _text(said: str) -> DefaultPriceText | None:
    try:
        return msgspec.json.decode(said, type=DefaultPriceText)
    except msgspec.MsgspecError:
        return None
