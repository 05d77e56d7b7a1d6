"""All register maps by name: the values of `model` in [connector.meter]."""

from typing import Final

from hal.meters import carlo_gavazzi, eastron, single_models
from hal.meters.register_map import MeterMap

MODELS: Final[dict[str, MeterMap]] = {
    meter.name: meter
    for meter in (
        eastron.SDM630,
        eastron.SDM72,
        eastron.SDM72_V2,
        eastron.SDM230,
        carlo_gavazzi.EM24,
        carlo_gavazzi.EM340,
        carlo_gavazzi.EM580,
        single_models.KLEFR,
        single_models.ISKRA,
        single_models.DJSF1352,
    )
}
