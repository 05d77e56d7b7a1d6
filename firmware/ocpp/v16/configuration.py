"""1.6: the configuration keys, as a projection of the variables, and the few keys that 2.x has no variable for."""

from collections.abc import Callable
from typing import Final

from firmware.ocpp.components.metering import MEASURANDS
from firmware.ocpp.device_model import DeviceModel, SetStatus
from firmware.ocpp.keys_16 import set_key
from firmware.ocpp.network_rows import CAPACITY
from firmware.ocpp.v16.messages import KeyValue
from firmware.ocpp.variables import Variable
from firmware.station.charging_profile import MAX_PROFILES
from firmware.station.local_list import MAX_ENTRIES
from firmware.station.station import Station

MEASURAND_KEYS: Final = ("MeterValuesSampledData", "StopTxnSampledData", "MeterValuesAlignedData", "StopTxnAlignedData")
RATE_UNITS: Final = {"A": "Current", "W": "Power"}  # errata 3.88

# Keys without a counterpart in 2.x (1.6 ch. 9); all read-only here.
ONLY_16: Final[dict[str, Callable[[Station], str]]] = {
    "NumberOfConnectors": lambda station: str(len(station.evses)),
    "SupportedFeatureProfiles": lambda station: ",".join(feature_profiles(station)),
    "ChargingScheduleAllowedChargingRateUnit": lambda station: ",".join(
        word for unit, word in RATE_UNITS.items() if unit in station.variable("SmartChargingCtrlr.RateUnit", "A,W")
    ),
    "LocalAuthListMaxLength": lambda station: str(MAX_ENTRIES),
    "MaxChargingProfilesInstalled": lambda station: str(MAX_PROFILES),
    "CertificateStoreMaxLength": lambda _: str(CAPACITY),
    "ConnectorPhaseRotationMaxLength": lambda station: str(len(station.evses) + 1),
    **{f"{key}MaxLength": lambda _: str(len(MEASURANDS)) for key in MEASURAND_KEYS},
}

#: variables that 2.x may set and 1.6 may not (security whitepaper 7.1, 7.3)
_FIXED: Final = frozenset({"AdditionalRootCertificateCheck", "CertificateSignedMaxChainSize"})


def change(model: DeviceModel, variable: Variable, value: str) -> SetStatus:
    """Set a key and whatever else of 2.x it stands for."""
    return "Rejected" if variable.key in _FIXED else set_key(model, variable, value)[0]


def feature_profiles(station: Station) -> list[str]:
    """1.6 3.3."""
    profiles = ["Core", "RemoteTrigger", "LocalAuthListManagement", "Reservation"]
    if station.firmware_update is not None or station.log_upload is not None:
        profiles.append("FirmwareManagement")
    return [*profiles, "SmartCharging"] if station.smart_charging is not None else profiles


def all_keys(model: DeviceModel, station: Station) -> list[KeyValue]:
    """Every key with its value; write-only ones are never shown."""
    rows = [variable.key for variable in model.keyed() if variable.access != "WriteOnly"]
    return [found for name in [*ONLY_16, *rows] if (found := one_key(model, station, name)) is not None]


def one_key(model: DeviceModel, station: Station, name: str) -> KeyValue | None:
    """The key with its value; None when it is not known. Names compare case-insensitively (1.6 ch. 9.1, CiString50)."""
    only = next((key for key in ONLY_16 if key.lower() == name.lower()), None)
    if only is not None:
        return KeyValue(key=only, readonly=True, value=ONLY_16[only](station))
    variable = model.key(name)
    if variable is None or variable.access == "WriteOnly":
        return None
    fixed = variable.access == "ReadOnly" or variable.key in _FIXED
    readonly = fixed and variable.key != "SecurityProfile"  # it may be raised (A05)
    return KeyValue(key=variable.key, readonly=readonly, value=model.value(variable)[:500])
