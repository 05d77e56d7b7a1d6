"""OCMF 1.4: a real meter's record, every curve of table 22, the specification's example, and what is none."""

import json
import random
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware.ocmf_command import main
from hal.meters import secp192k1
from hal.ocmf import ALGORITHMS, OcmfError, parse, verify

# a KEBA KeContact P30's record and key, as published with the transparency software's tests
KEBA_KEY = (
    "3059301306072A8648CE3D020106082A8648CE3D030107034200043AEEB45C392357820A58FDFB0857BD77ADA31585C61C4305"
    "31DFA53B440AFBFDD95AC887C658EA55260F808F55CA948DF235C2108A0D6DC7D4AB1A5E1A7955BE"
)
KEBA = (
    'OCMF|{"FV":"1.0","GI":"KEBA_KCP30","GS":"17619300","GV":"2.8.5","PG":"T32","IS":false,"IL":"NONE",'
    '"IF":["RFID_NONE","OCPP_NONE","ISO15118_NONE","PLMN_NONE"],"IT":"NONE","ID":"",'
    '"RD":[{"TM":"2019-08-13T10:03:15,000+0000 I","TX":"B","EF":"","ST":"G","RV":0.2596,"RI":"1-b:1.8.0","RU":"kWh"},'
    '{"TM":"2019-08-13T10:03:36,000+0000 R","TX":"E","EF":"","ST":"G","RV":0.2597,"RI":"1-b:1.8.0","RU":"kWh"}]}|'
    '{"SD":"304502200E2F107C987A300AC1695CA89EA149A8CDFA16188AF0A33EE64B67964AA943F9'
    '022100889A72B6D65364BEA8562E7F6A0253157ACFF84FE4929A93B5964D23C4265699"}'
)
CURVES: dict[str, ec.EllipticCurve] = {
    "secp256k1": ec.SECP256K1(), "secp192r1": ec.SECP192R1(), "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(), "brainpoolP256r1": ec.BrainpoolP256R1(), "brainpoolP384r1": ec.BrainpoolP384R1(),
}  # fmt: skip
PAYLOAD = KEBA.split("|")[1]


def test_a_real_meters_record_is_right() -> None:
    record = parse(KEBA)
    assert verify(record, KEBA_KEY)
    assert record.serial == "17619300" and record.algorithm == "ECDSA-secp256r1-SHA256"
    assert [each.value for each in record.readings] == [Decimal("0.2596"), Decimal("0.2597")]
    assert record.transaction_wh() == Decimal("0.1")
    assert [each.clock for each in record.readings] == ["I", "R"]


@pytest.mark.parametrize(
    ("old", "new"), [("0.2597", "0.2598"), ('"T32"', '"T33"'), ('"ID":""', '"ID":"A"'), ('{"FV"', '{ "FV"')]
)
def test_one_other_character_makes_it_wrong(old: str, new: str) -> None:
    assert not verify(parse(KEBA.replace(old, new, 1)), KEBA_KEY)


def test_another_meters_key_makes_it_wrong() -> None:
    assert not verify(parse(KEBA), key_of(ec.generate_private_key(ec.SECP256R1())))


def key_of(private: ec.EllipticCurvePrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


@pytest.mark.parametrize("algorithm", [name for name, curve in ALGORITHMS.items() if curve in CURVES])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_every_curve_and_encoding_of_the_specification(algorithm: str, encoding: str) -> None:
    import base64  # noqa: PLC0415

    private = ec.generate_private_key(CURVES[ALGORITHMS[algorithm]])
    signature = private.sign(PAYLOAD.encode(), ec.ECDSA(hashes.SHA256()))
    data = signature.hex() if encoding == "hex" else base64.b64encode(signature).decode()
    record = parse(f"OCMF|{PAYLOAD}|" + json.dumps({"SA": algorithm, "SE": encoding, "SD": data}))
    assert verify(record, key_of(private))
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert verify(record, point.hex()) and verify(record, base64.b64encode(point).decode())
    assert not verify(record._replace(payload=PAYLOAD + " "), key_of(private))


# the same payload, signed with OpenSSL's secp192k1
K1_KEY = (
    "3046301006072a8648ce3d020106052b8104001f03320004e2e544c046d4a89690640a2359f47e036dfaf2f0eab627107ddaf81706832f23"
    "c2405c33ce3a97657f1aeda2d3eb2a68"
)
K1_SIGNATURE = (
    "3036021900c94ed460f52fb2996827b053fda6962c1eae309d11338907021900d2938ee689cec0a42352a64e698d957f2a2e9348d38257b5"
)


def test_a_curve_the_library_lacks_is_checked_too() -> None:
    record = parse(f'OCMF|{PAYLOAD}|{{"SA":"ECDSA-secp192k1-SHA256","SD":"{K1_SIGNATURE}"}}')
    assert verify(record, K1_KEY) and verify(record, K1_KEY[46:])
    assert not verify(record._replace(payload=PAYLOAD + " "), K1_KEY)
    for bit in range(0, len(record.signature) * 8, 7):
        broken = bytearray(record.signature)
        broken[bit // 8] ^= 1 << bit % 8
        assert not verify(record._replace(signature=bytes(broken)), K1_KEY)
    with pytest.raises(OcmfError, match="not on the curve"):
        verify(record, K1_KEY[:-2] + "69")
    with pytest.raises(OcmfError, match="no uncompressed point"):
        verify(record, KEBA_KEY)


def test_the_generator_has_the_order_of_the_curve() -> None:
    assert secp192k1._times(secp192k1.N, secp192k1.G) is None
    assert secp192k1._times(secp192k1.N + 1, secp192k1.G) == secp192k1.G


def test_the_specifications_example_is_read() -> None:
    """Figure 1: line breaks inside, several registers, cable loss."""
    readings = [
        {"TM": "2018-07-24T13:22:04,000+0200 S", "TX": "B", "RV": 2935.600, "RI": "01-0B:01.08.00*FF", "RU": "kWh",
         "RT": "DC", "EF": "", "ST": "G"},
        {"TM": "2018-07-24T13:26:04,000+0200 S", "TX": "E", "RV": 2965.100, "CL": 0.5},
        {"TM": "2018-07-24T13:22:04,000+0200 S", "TX": "B", "RV": 0.0, "RI": "01-0B:B3.08.00*FF"},
        {"TM": "2018-07-24T13:26:04,000+0200 S", "TX": "E", "RV": 29.0},
    ]  # fmt: skip
    payload = json.dumps({"FV": "1.4", "PG": "T12345", "MS": "BQ27400330016", "RD": readings}, indent=4)
    record = parse(f'OCMF|{payload}|{{\n"SD": "1234567890ABCDEF"\n}}')
    assert [each.obis for each in record.readings[:2]] == ["01-0B:01.08.00*FF"] * 2  # left out: as before
    assert record.readings[1].unit == "kWh" and record.readings[1].status == "G"
    assert record.transaction_wh() == Decimal("29500")
    assert not verify(record, KEBA_KEY)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("OCMF|", "OCMX|", "not of the form"),
        ('"PG":"T32"', '"PG":32', "pagination"),
        ('"GS":"17619300",', "", "serial number"),
        ('"RV":0.2596', '"RV":NaN', "no JSON"),
        ('"RV":0.2596', '"RV":true', "value"),
        ('"ST":"G"', '"ST":"?"', "status"),
        ("2019-08-13T10", "yesterday", "time"),
        ('{"SD"', '{"SA":"RSA","SD"', "algorithm"),
        ('{"SD":"30', '{"SD":"zz', "no hex"),
        ('{"SD"', '{"SE":"utf7","SD"', "encoding"),
    ],
)
def test_what_is_no_record_is_refused_with_its_reason(old: str, new: str, text: str) -> None:
    with pytest.raises(OcmfError, match=text):
        parse(KEBA.replace(old, new, 1))


@pytest.mark.parametrize(
    "text", ["", "|", "OCMF||", "OCMF|{}|{}", "OCMF|[]|{}", "OCMF|" + "[" * 60_000 + "|{}", "x" * 70_000]
)
def test_nonsense_ends_in_a_named_error(text: str) -> None:
    with pytest.raises(OcmfError):
        parse(text)


def test_mutations_end_in_a_record_or_a_named_error() -> None:
    rng = random.Random(2)
    for _ in range(500):
        broken = list(KEBA)
        for _ in range(rng.randint(1, 5)):
            broken[rng.randrange(len(broken))] = chr(rng.choice((0, 34, 44, 48, 91, 123, 125, 0x1F600)))
        text = "".join(broken)
        try:
            assert text == KEBA or not verify(parse(text), KEBA_KEY)
        except OcmfError:
            continue


@pytest.mark.parametrize("key", ["", "30", "zz", KEBA_KEY[:-2], "04" * 65])
def test_a_key_that_is_none_is_a_named_error(key: str) -> None:
    with pytest.raises(OcmfError, match="public key"):
        verify(parse(KEBA), key)


def test_the_command_tells_what_the_record_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, key = tmp_path / "record.ocmf", tmp_path / "key.txt"
    path.write_text(KEBA)
    key.write_text(KEBA_KEY + "\n")
    assert main(["verify", str(path), "--key", str(key)]) == 0
    told = capsys.readouterr().out
    assert "signature: right" in told and "0.2597 kWh" in told and "17619300" in told
    path.write_text(KEBA.replace("0.2597", "0.9597"))
    assert main(["verify", str(path), "--key", KEBA_KEY]) == 1
    assert "WRONG" in capsys.readouterr().out
    path.write_text("nothing")
    assert main(["verify", str(path), "--key", KEBA_KEY]) == 2
