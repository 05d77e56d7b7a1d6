"""Open Charge Metering Format 1.4: reading a meter's signed record and checking its signature. Makes none.

The signature covers the payload's characters exactly as they came, so they are kept and never written anew. Bounded:
whatever is given ends in a Record or an OcmfError.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

MAX_CHARACTERS: Final = 65_536
MAX_READINGS: Final = 1_000
_DEFAULT_ALGORITHM: Final = "ECDSA-secp256r1-SHA256"
#: Table 22; the brainpool curves are also written with their P. name -> (OCMF's curve name, hash)
ALGORITHMS: Final = {
    f"ECDSA-{name}-SHA256": curve
    for curve, names in {
        "secp192k1": ("secp192k1",),
        "secp256k1": ("secp256k1",),
        "secp192r1": ("secp192r1",),
        "secp256r1": ("secp256r1",),
        "brainpoolP256r1": ("brainpool256r1", "brainpoolP256r1"),
        "secp384r1": ("secp384r1",),
        "brainpoolP384r1": ("brainpool384r1", "brainpoolP384r1"),
    }.items()
    for name in names
}
_TIME: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[,.]\d{3}(?:[+-]\d\d:?\d\d|Z)) ([UISR])$")
_TO_WH: Final = {"kWh": Decimal(1000), "Wh": Decimal(1)}
#: Table 10 and the transaction letters of table 7, for people
STATUS: Final = {
    "N": "meter not present", "G": "good", "T": "timeout", "D": "disconnected", "R": "removed", "M": "manipulated",
    "X": "exchanged", "I": "incompatible", "O": "out of range", "S": "substitute", "E": "other error", "F": "not read",
}  # fmt: skip
_ENDS: Final = "ELRAP"


class OcmfError(Exception):
    """No OCMF, or not what its signature says."""


class Reading(NamedTuple):
    """One reading (table 7), fields it leaves out taken from the one before. `value` has the digits of the record."""

    time: str
    clock: str  # U unknown, I informative, S synchronised, R relative
    reason: str  # TX
    value: Decimal | None
    unit: str
    obis: str
    status: str
    errors: str

    @property
    def wh(self) -> Decimal | None:
        """The value in Wh; None where it is no energy."""
        factor = _TO_WH.get(self.unit)
        return None if self.value is None or factor is None else self.value * factor


class Record(NamedTuple):
    """A parsed record. `payload` is what was signed, character by character."""

    payload: str
    fields: Mapping[str, Any]
    readings: tuple[Reading, ...]
    algorithm: str
    signature: bytes

    @property
    def serial(self) -> str:
        """Of the meter, else of the gateway."""
        return str(self.fields.get("MS") or self.fields.get("GS") or "")

    def transaction_wh(self) -> Decimal | None:
        """Energy between the first begin and the last end of one register; None where the record has not both, or one
        of them is not usable for billing."""
        begins = [each for each in self.readings if each.reason == "B"]
        ends = [each for each in self.readings if each.reason and each.reason in _ENDS]
        for begin in begins:
            for end in reversed(ends):
                if end.obis == begin.obis and begin.wh is not None and end.wh is not None:
                    usable = all(each.status == "G" and "E" not in each.errors for each in (begin, end))
                    return end.wh - begin.wh if usable else None
        return None


def parse(text: str) -> Record:
    """Take a record apart. Raises OcmfError."""
    if len(text) > MAX_CHARACTERS:
        raise OcmfError(f"longer than {MAX_CHARACTERS} characters")
    sections = text.strip().split("|")
    if len(sections) != 3 or sections[0] != "OCMF":
        raise OcmfError('not of the form "OCMF|{payload}|{signature}"')
    fields, signed = _object(sections[1], "payload"), _object(sections[2], "signature")
    page = fields.get("PG")
    if not isinstance(page, str) or not re.fullmatch(r"[TF]\d{1,20}", page):
        raise OcmfError(f"pagination PG is {page!r}, expected e.g. T12")
    if not fields.get("MS") and not fields.get("GS"):
        raise OcmfError("neither the meter's serial number MS nor the gateway's GS")
    algorithm = signed.get("SA", _DEFAULT_ALGORITHM)
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise OcmfError(f"signature algorithm {algorithm!r} is not known")
    if signed.get("SM", "application/x-der") != "application/x-der":
        raise OcmfError(f"signature type {signed['SM']!r} is not known")
    return Record(sections[1], fields, _readings(fields.get("RD")), algorithm, _signature(signed))


def verify(record: Record, public_key: str) -> bool:
    """Whether the record was signed with this key (hex or base64 of a DER SubjectPublicKeyInfo, or of a bare point).
    Raises OcmfError for a key that is none, or none of the record's curve."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - a station without such a meter needs none
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    curve = ALGORITHMS[record.algorithm]
    if curve == "secp192k1":
        return _verify_secp192k1(record, public_key)
    key = _key(public_key, curve)
    try:
        key.verify(record.signature, record.payload.encode("utf-8"), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify_secp192k1(record: Record, public_key: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415

    from hal.meters import secp192k1  # noqa: PLC0415

    try:
        key = secp192k1.point(_key_bytes(public_key))
    except ValueError as error:
        raise OcmfError(f"the public key is none: {error}") from error
    try:
        r, s = decode_dss_signature(record.signature)
        digest = hashlib.sha256(record.payload.encode("utf-8")).digest()
    except ValueError:
        return False
    return secp192k1.verify(key, digest, r, s)


# --- parts ----------------------------------------------------------------------------------------------------------


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise OcmfError(f"{what} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise OcmfError(f"{what} is no JSON object")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _readings(raw: object) -> tuple[Reading, ...]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_READINGS:
        raise OcmfError(f"readings RD: expected 1 to {MAX_READINGS}")
    found: list[Reading] = []
    before: dict[str, Any] = {}
    for number, each in enumerate(raw, 1):
        if not isinstance(each, dict):
            raise OcmfError(f"reading {number} is no object")
        before = {**before, **each}
        found.append(_reading(number, before))
    return tuple(found)


def _reading(number: int, fields: Mapping[str, Any]) -> Reading:
    time = _TIME.match(str(fields.get("TM", "")))
    if time is None:
        raise OcmfError(f"reading {number}: time {fields.get('TM')!r}")
    status = str(fields.get("ST", ""))
    if status not in STATUS:
        raise OcmfError(f"reading {number}: status {status!r}")
    value = fields.get("RV")
    if isinstance(value, str):  # some meters quote the number
        try:
            value = Decimal(value)
        except InvalidOperation as error:
            raise OcmfError(f"reading {number}: value {value!r}") from error
    if value is not None and (not isinstance(value, Decimal) or not value.is_finite() or abs(value) > 10**15):
        raise OcmfError(f"reading {number}: value {value!r}")
    texts = {key: fields.get(key) or "" for key in ("TX", "RU", "RI", "EF")}
    if not all(isinstance(text, str) and len(text) <= 50 for text in texts.values()):
        raise OcmfError(f"reading {number}: TX, RU, RI or EF is no short text")
    return Reading(time[1], time[2], texts["TX"], value, texts["RU"], texts["RI"], status, texts["EF"])


def _signature(signed: Mapping[str, Any]) -> bytes:
    data, encoding = signed.get("SD"), signed.get("SE", "hex")
    if not isinstance(data, str) or encoding not in ("hex", "base64"):
        raise OcmfError("signature data SD is missing, or of an unknown encoding SE")
    try:
        return bytes.fromhex(data) if encoding == "hex" else base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error) as error:
        raise OcmfError(f"signature data SD is no {encoding}") from error


def _key(text: str, curve: str) -> "ec.EllipticCurvePublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    curves: dict[str, type[ec.EllipticCurve]] = {
        "secp256k1": ec.SECP256K1,
        "secp192r1": ec.SECP192R1,
        "secp256r1": ec.SECP256R1,
        "secp384r1": ec.SECP384R1,
        "brainpoolP256r1": ec.BrainpoolP256R1,
        "brainpoolP384r1": ec.BrainpoolP384R1,
    }
    raw = _key_bytes(text)
    try:
        if raw[:1] == b"\x04":
            return ec.EllipticCurvePublicKey.from_encoded_point(curves[curve](), raw)
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise OcmfError(f"the public key is none: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name.lower() != curve.lower():
        name = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
        raise OcmfError(f"the public key is of {name}, the record was signed on {curve}")
    return key


def _key_bytes(text: str) -> bytes:
    packed = "".join(text.split())
    try:
        return bytes.fromhex(packed)
    except ValueError:
        pass
    try:
        return base64.b64decode(packed, validate=True)
    except (ValueError, binascii.Error) as error:
        raise OcmfError("the public key is neither hex nor base64") from error
