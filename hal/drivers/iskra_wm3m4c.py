"""Iskra WM3M4C: a three-phase meter that signs (users manual 1.14, chapter 6.5). 115200 8N1, unit 33 by default."""

import json
import time
from dataclasses import dataclass
from typing import ClassVar, Final

from hal.contracts import DeviceError, LegalTransaction
from hal.drivers.modbus_meter import MappedMeter
from hal.meters.texts import pack, read_bytes, wait_for, write_long
from hal.modbus.frames import READ_HOLDING

_STATE, _COMMAND, _STATUS = 7000, 7051, 7052
_ZONE_MIN, _TIME, _META_LENGTH, _DATA_LENGTH, _SIGNATURE_LENGTH = 7053, 7054, 7056, 7057, 7058
_ALGORITHM, _TIME_STATUS, _META, _DATA, _PUBLIC_KEY, _SIGNATURE = 7059, 7071, 7100, 7612, 8124, 8188
_BEGIN, _END = 0x4200, 0x7200  # "B", "r"
_IDLE, _ACTIVE = 0, 1
_SIGNED, _FIRST_ERROR, _SYNCHRONISED = 15, 128, 2
_SIGNING_S: Final = 15.0
_P256: Final = "3059301306072A8648CE3D020106082A8648CE3D030107034200" + "04"  # DER up to the point


@dataclass
class Driver(MappedMeter):
    """[connector.meter] driver = "iskra_wm3m4c". The record begins with the data of the gateway, which is us."""

    gateway: str = "Pilotline"
    gateway_serial: str = ""
    map_name: ClassVar[str] = "iskra_wm3m4c"

    def begin(self, transaction: LegalTransaction) -> None:
        """A session left open (power cut, restart) is ended first; its record is lost with it."""
        transaction = transaction.plain()
        (state,) = self.unit.read(READ_HOLDING, _STATE, 1)
        self._set_time()
        if state != _IDLE:
            self._set_data(transaction)
            self._finish()
        self.unit.write(_ALGORITHM, 0, single=True)
        self._set_data(transaction)
        self.unit.write(_COMMAND, _BEGIN, single=True)
        wait_for(self.unit, _STATE, lambda value: value == _ACTIVE, 2.0, "does not begin a session")
        self._wait_for_signature()

    def end(self) -> str:
        (state,) = self.unit.read(READ_HOLDING, _STATE, 1)
        if state == _IDLE:
            raise DeviceError(f"{self.unit}: no session runs in the meter")
        self._finish()
        (signature_length,) = self.unit.read(READ_HOLDING, _SIGNATURE_LENGTH, 1)
        (data_length,) = self.unit.read(READ_HOLDING, _DATA_LENGTH, 1)
        if not 8 <= signature_length <= 128 or not 2 <= data_length <= 2 * (_PUBLIC_KEY - _DATA):
            raise DeviceError(f"{self.unit}: {data_length} bytes with a signature of {signature_length}")
        signature = minimal_der(read_bytes(self.unit, _SIGNATURE, signature_length))
        data = read_bytes(self.unit, _DATA, data_length)
        try:
            payload = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DeviceError(f"{self.unit}: its record is no text") from error
        return f'OCMF|{payload}|{{"SD":"{signature.hex().upper()}"}}'

    def public_key(self) -> str:
        return _P256 + read_bytes(self.unit, _PUBLIC_KEY, 64).hex().upper()

    def _set_time(self) -> None:
        now = int(time.time())
        zone_min = time.localtime(now).tm_gmtoff // 60
        self.unit.write(_TIME, now >> 16 & 0xFFFF, single=True)
        self.unit.write(_TIME + 1, now & 0xFFFF, single=True)
        self.unit.write(_ZONE_MIN, zone_min & 0xFFFF, single=True)
        self.unit.write(_TIME_STATUS, _SYNCHRONISED, single=True)

    def _set_data(self, transaction: LegalTransaction) -> None:
        """What the meter completes with its own readings."""
        fields = {
            "FV": "1.0", "GI": self.gateway, "GS": self.gateway_serial, "GV": "", "PG": "", "MV": "", "MM": "",
            "MS": "", "MF": "", "IS": bool(transaction.id_token), "IF": [], "IT": transaction.id_type,
            "ID": transaction.id_token, "TT": transaction.tariff, "CT": "EVSEID", "CI": transaction.evse_id, "RD": [],
        }  # fmt: skip
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        if len(text.encode("utf-8")) > 2 * (_DATA - _META):
            raise DeviceError(f"{self.unit}: more data than the meter takes")
        write_long(self.unit, _META, pack(text))
        self.unit.write(_META_LENGTH, len(text.encode("utf-8")), single=True)

    def _finish(self) -> None:
        self.unit.write(_COMMAND, _END, single=True)
        wait_for(self.unit, _STATE, lambda value: value == _IDLE, 2.0, "does not end the session")
        self._wait_for_signature()

    def _wait_for_signature(self) -> None:
        def signed(status: int) -> bool:
            if status >= _FIRST_ERROR:
                raise DeviceError(f"{self.unit}: signing failed with status {status}")
            return status == _SIGNED

        wait_for(self.unit, _STATUS, signed, _SIGNING_S, "no signature")


def minimal_der(signature: bytes) -> bytes:
    """An ECDSA signature in strict DER: this meter leaves zeros before short numbers, which verifiers refuse. What is
    no signature comes back as it is."""
    if len(signature) < 8 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return signature
    parts, at = b"", 2
    while at < len(signature):
        if signature[at] != 2 or at + 2 > len(signature) or at + 2 + signature[at + 1] > len(signature):
            return signature
        number = int.from_bytes(signature[at + 2 : at + 2 + signature[at + 1]], "big", signed=False)
        raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
        parts += bytes((2, len(raw))) + raw
        at += 2 + signature[at + 1]
    return bytes((0x30, len(parts))) + parts
