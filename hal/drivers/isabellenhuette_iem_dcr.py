"""Isabellenhütte IEM-DCR: a DC meter with HTTP that signs transactions (its OCMF API, v1)."""

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from hal.contracts import DeviceError, LegalTransaction, MeterReading
from hal.meters.http_meter import HttpMeter

_API: Final = "/counter/v1/ocmf/"
_CLOCK_S: Final = 7200.0  # its clock drifts; set again after two hours


@dataclass
class Driver(HttpMeter):
    """[connector.meter] driver = "isabellenhuette_iem_dcr". The meter's own address is 192.168.60.12. `charge_point`
    is told to it once per power cycle (OCMF: CI, of the kind CT)."""

    charge_point: str = ""
    charge_point_type: str = "EVSEID"
    _clock_at: float = field(init=False, default=0.0, repr=False)

    title: ClassVar[str] = "IEM-DCR"

    def read(self) -> MeterReading:
        """Totals, not the transaction's own registers: those begin anew with each."""
        now = self.device.ask("GET", _API + "metervalue")
        volts = "U" if isinstance(now, dict) and "U" in now else "U2"
        return self.believed(
            MeterReading(
                import_wh=self._register(now, "1-b:1.8.e"),
                power_w=self.number(now, "P"),
                voltage_v=(self.number(now, volts),),
                current_a=(self.number(now, "I"),),
                export_wh=self._register(now, "1-b:2.8.e"),
            )
        )

    def begin(self, transaction: LegalTransaction) -> None:
        """A transaction left open is ended first; its record is lost with it."""
        transaction = transaction.plain()
        now = self.device.ask("GET", _API + "metervalue")
        if isinstance(now, dict) and now.get("XT") is True:
            self.device.text("POST", _API + "receipt", {"TX": "E"})
        if time.monotonic() - self._clock_at > _CLOCK_S or not self._clock_at:
            self.device.text("POST", _API + "datetime", {"TM": _stamp()})
            self._clock_at = time.monotonic()
        place = {"CT": self.charge_point_type, "CI": self.charge_point or transaction.evse_id, "TM": _stamp()}
        self.device.text("POST", _API + "gw", place, fine=(200, 201, 428))  # 428: told already
        user = {"IS": bool(transaction.id_token), "IL": "NONE", "IF": [], "IT": transaction.id_type}
        self.device.text("POST", _API + "user", user | {"ID": transaction.id_token, "TT": transaction.tariff})
        self.device.text("POST", _API + "receipt", {"TX": "B"})

    def end(self) -> str:
        """The meter refuses while current flows."""
        self.device.text("POST", _API + "receipt", {"TX": "E"})
        text = self.device.text("GET", _API + "transaction")
        begin = text.find("OCMF|")
        if begin < 0:
            raise DeviceError(f"{self.title} at {self.host}: its transaction is no OCMF: {text[:40]!r}")
        return text[begin : text.rfind("}") + 1]

    def public_key(self) -> str:
        answer = self.device.ask("GET", _API + "publickey")
        key = answer.get("PK") if isinstance(answer, dict) else None
        if not isinstance(key, str):
            raise DeviceError(f"{self.title} at {self.host}: tells no public key")
        return key

    def _register(self, answer: Any, obis: str) -> float:
        """Wh of a total register, by its OBIS code."""
        readings = answer.get("RD") if isinstance(answer, dict) else None
        for each in readings if isinstance(readings, list) else ():
            if isinstance(each, dict) and each.get("RI") == obis:
                return self.number(each, "RV") * (1000 if each.get("RU") == "kWh" else 1)
        raise DeviceError(f"{self.title} at {self.host}: no register {obis}")


def _stamp() -> str:
    """Local time as OCMF writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S,000%z")
