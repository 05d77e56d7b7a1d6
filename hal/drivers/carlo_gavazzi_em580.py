"""Carlo Gavazzi EM580: a three-phase meter that signs (EM580 communication protocol, tables 4.18 and 4.32 to 4.39)."""

import time
from dataclasses import dataclass
from typing import ClassVar, Final

from hal.contracts import DeviceError, LegalTransaction
from hal.drivers.modbus_meter import MappedMeter
from hal.meters.texts import fitted, read_bytes, wait_for
from hal.modbus.frames import READ_HOLDING

_TARIFF, _STATUS, _ID_TYPE, _ID, _PLACE_TYPE, _PLACE = 0x6900, 0x7000, 0x7006, 0x7007, 0x701B, 0x701C
_ZONE_MIN, _UTC, _MODALITY, _COMMAND = 0x7031, 0x7032, 0x7036, 0x7040
_STATE, _SIZE, _FILE = 0x7100, 0x7101, 0x7110
_SIGNATURE_TYPE, _PUBLIC_KEY_DER = 0x24FF, 0x2600
_NOT_READY, _RUNNING, _READY, _CORRUPTED = 0, 1, 2, 3
_MOST_WORDS: Final = 2031
_READY_S: Final = 10.0
#: OCMF table 17 as the meter numbers it
_ID_TYPES: Final = {
    "NONE": 0, "DENIED": 1, "UNDEFINED": 2, "ISO14443": 10, "ISO15693": 11, "EMAID": 20, "EVCCID": 21, "EVCOID": 30,
    "ISO7812": 40, "CARD_TXN_NR": 50, "CENTRAL": 60, "CENTRAL_1": 61, "CENTRAL_2": 62, "LOCAL": 70, "LOCAL_1": 71,
    "LOCAL_2": 72, "PHONE_NUMBER": 80, "KEY_CODE": 90,
}  # fmt: skip


@dataclass
class Driver(MappedMeter):
    """[connector.meter] driver = "carlo_gavazzi_em580"."""

    map_name: ClassVar[str] = "carlo_gavazzi_em580"

    def begin(self, transaction: LegalTransaction) -> None:
        """A record of an earlier session must be taken from the meter first, or it begins none."""
        transaction = transaction.plain()
        (state,) = self.unit.read(READ_HOLDING, _STATE, 1)
        if state == _RUNNING:
            self.end()
        elif state != _NOT_READY:
            self.unit.write(_STATE, _NOT_READY)
        self._set_time()
        assigned = bool(transaction.id_token)
        self.unit.write(_STATUS, int(assigned), 0, 0, 0, 0, 0)  # status, level, four flags
        self.unit.write(_ID_TYPE, _ID_TYPES.get(transaction.id_type, _ID_TYPES["UNDEFINED"]))
        self.unit.write(_ID, *fitted(transaction.id_token, 20))
        self.unit.write(_PLACE_TYPE, 0)  # EVSEID
        self.unit.write(_PLACE, *fitted(transaction.evse_id, 20))
        self.unit.write(_TARIFF, *fitted(transaction.tariff, 122))
        self.unit.write(_MODALITY, int(self.bidirectional) * 2)
        self.unit.write(_COMMAND, ord("B"))
        wait_for(self.unit, _STATE, lambda value: value == _RUNNING, 2.0, "does not begin a session")

    def end(self) -> str:
        """Also fetches the record of a session that ended while we were away."""
        (state,) = self.unit.read(READ_HOLDING, _STATE, 1)
        if state == _NOT_READY:
            raise DeviceError(f"{self.unit}: no session runs in the meter")
        if state == _RUNNING:
            self.unit.write(_COMMAND, ord("E"))
            wait_for(self.unit, _STATE, self._ready, _READY_S, "no record")
        (words,) = self.unit.read(READ_HOLDING, _SIZE, 1)
        if not 1 <= words <= _MOST_WORDS:
            raise DeviceError(f"{self.unit}: a record of {words} registers")
        raw = read_bytes(self.unit, _FILE, 2 * words).rstrip(b"\0")
        try:
            record = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DeviceError(f"{self.unit}: its record is no text") from error
        self.unit.write(_STATE, _NOT_READY)  # it was read: the meter may forget it
        return record

    def public_key(self) -> str:
        (kind,) = self.unit.read(READ_HOLDING, _SIGNATURE_TYPE, 1)
        if kind not in (0, 1):  # 256 and 384 bit
            raise DeviceError(f"{self.unit}: the meter has no signing key")
        raw = read_bytes(self.unit, _PUBLIC_KEY_DER, 92 if kind == 0 else 124)
        return raw[: 2 + raw[1]].hex().upper() if raw[0] == 0x30 else raw.hex().upper()

    def _ready(self, state: int) -> bool:
        if state == _CORRUPTED:
            raise DeviceError(f"{self.unit}: its record is corrupted")
        return state == _READY

    def _set_time(self) -> None:
        now = int(time.time())
        zone_min = time.localtime(now).tm_gmtoff // 60
        self.unit.write(_ZONE_MIN, zone_min & 0xFFFF)
        self.unit.write(_UTC, *(now >> shift & 0xFFFF for shift in (0, 16, 32, 48)))  # low register first
