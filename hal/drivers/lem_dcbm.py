"""LEM DCBM 400/600: a DC meter with HTTP that signs transactions (LEM communication protocol, API v1)."""

import time
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import quote

from hal.contracts import DeviceError, LegalTransaction, MeterReading
from hal.meters.http_meter import HttpMeter


@dataclass
class Driver(HttpMeter):
    """[connector.meter] driver = "lem_dcbm". `cable_id` and `tariff_id`: entries of the meter's own tables."""

    cable_id: int = 0
    tariff_id: int = 0
    _transaction: str = field(init=False, default="", repr=False)

    title: ClassVar[str] = "LEM DCBM"

    def read(self) -> MeterReading:
        now = self.device.ask("GET", "/v1/livemeasure")
        return self.believed(
            MeterReading(
                import_wh=self.number(now, "energyImportTotal") * 1000,
                power_w=self.number(now, "power") * 1000,
                voltage_v=(self.number(now, "voltage"),),
                current_a=(self.number(now, "current"),),
                export_wh=self.number(now, "energyExportTotal") * 1000,
            )
        )

    def begin(self, transaction: LegalTransaction) -> None:
        """Its clock is set first: a transaction whose time is not known is not legal, and ends after 48 h anyway."""
        transaction = transaction.plain()
        utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.device.ask("PUT", "/v1/settings", {"time": {"utc": utc}})
        if self._bits().get("transactionIsOnGoing") is True:
            self.end()  # left over from before we started; its record stays in the meter
        answer = self.device.ask(
            "POST",
            "/v1/legal",
            {
                "evseId": transaction.evse_id,
                "transactionId": transaction.session,
                "clientId": transaction.id_token,
                "tariffId": self.tariff_id,
                "cableId": self.cable_id,
                "userData": transaction.tariff,
            },
        )
        if not isinstance(answer, dict) or answer.get("running") is not True:
            raise DeviceError(f"{self.title} at {self.host}: did not begin the transaction: {answer!r}")
        self._transaction = transaction.session

    def end(self) -> str:
        if not self._transaction:
            answer = self.device.ask("GET", "/v1/legal")
            self._transaction = str(answer.get("transactionId", "")) if isinstance(answer, dict) else ""
        if not self._transaction:
            raise DeviceError(f"{self.title} at {self.host}: no transaction runs")
        query = f"?transactionId={quote(self._transaction, safe='')}"
        self.device.ask("PUT", f"/v1/legal{query}", {"running": False})
        record = self.device.text("GET", f"/v1/ocmf{query}")
        self._transaction = ""
        return record

    def public_key(self) -> str:
        answer = self.device.ask("GET", "/v1/status")
        key = answer.get("publicKeyOcmf") if isinstance(answer, dict) else None
        if not isinstance(key, str):
            raise DeviceError(f"{self.title} at {self.host}: tells no public key")
        return key

    def _bits(self) -> dict[str, object]:
        answer = self.device.ask("GET", "/v1/status")
        status = answer.get("status") if isinstance(answer, dict) else None
        bits = status.get("bits") if isinstance(status, dict) else None
        if not isinstance(bits, dict):
            raise DeviceError(f"{self.title} at {self.host}: tells no status")
        if bits.get("muFatalErrorOccured") is True or bits.get("suLinkStatusIsOk") is False:
            raise DeviceError(f"{self.title} at {self.host}: its measuring unit failed")
        return bits
