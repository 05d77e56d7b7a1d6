"""What a car is shown of its meter: from real signatures, and from whatever else may stand in a record."""

import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.station.facts import Sample
from firmware.v2g.meter_reading import SIGNATURE_SIZE, MeterReading, reading_of

PAYLOAD = '{"FV":"1.0","GI":"GW","GS":"G-7","PG":"T1","MS":"M-42","RD":[{"RV":1.234,"RU":"kWh","ST":"G"}]}'


def record(key: ec.EllipticCurvePrivateKey, payload: str = PAYLOAD) -> str:
    signature = key.sign(payload.encode(), ec.ECDSA(SHA256()))
    return f"OCMF|{payload}|{json.dumps({'SD': signature.hex()})}"


def shown(signed: str | None) -> MeterReading:
    return reading_of(Sample(1_800_014_400.7, 1234.9, signed=signed))


@pytest.mark.parametrize(("curve", "size"), [(ec.SECP192R1(), 48), (ec.SECP256R1(), 64), (ec.BrainpoolP256R1(), 64)])
def test_the_signature_fits_without_its_asn1_and_still_holds(curve: ec.EllipticCurve, size: int) -> None:
    for _ in range(20):  # r and s have leading zeros now and then
        key = ec.generate_private_key(curve)
        reading = shown(record(key))
        assert (reading.wh, reading.at, reading.serial) == (1234, 1_800_014_400, "M-42")
        assert reading.signature is not None and len(reading.signature) == size <= SIGNATURE_SIZE
        r, s = (int.from_bytes(half) for half in (reading.signature[: size // 2], reading.signature[size // 2 :]))
        key.public_key().verify(encode_dss_signature(r, s), PAYLOAD.encode(), ec.ECDSA(SHA256()))
        with pytest.raises(InvalidSignature):
            key.public_key().verify(encode_dss_signature(r, s), b"another", ec.ECDSA(SHA256()))


def test_what_does_not_fit_or_is_not_signed_is_left_out() -> None:
    long = shown(record(ec.generate_private_key(ec.SECP384R1())))
    assert (long.serial, long.signature) == ("M-42", None)
    assert shown(None) == MeterReading(1234, 1_800_014_400)
    without_serial = shown(record(ec.generate_private_key(ec.SECP256R1()), PAYLOAD.replace('"MS":"M-42",', "")))
    assert without_serial.serial == "G-7"


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=80)
    | st.builds("OCMF|{}|{}".format, st.text(max_size=40), st.text(max_size=40))
    | st.builds(lambda data: f'OCMF|{{}}|{{"SD":"{data.hex()}"}}', st.binary(max_size=90))
    | st.builds(
        lambda data: f'OCMF|{{}}|{{"SD":"{data.hex()}"}}',
        st.binary(max_size=90).map(lambda b: bytes([0x30, len(b)]) + b),
    )
)
def test_whatever_a_record_says_is_no_harm(text: str) -> None:
    reading = shown(text)
    assert reading.wh == 1234
    assert reading.signature is None or len(reading.signature) in {48, 64}
