"""TLS of real sessions (OpenSSL on both ends, in memory) read back from a capture with the key log it wrote."""

import datetime
import ssl
import struct
from contextlib import suppress
from pathlib import Path
from socket import AF_INET6, inet_pton

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware.v2g.ladder import ladder
from firmware.v2g.tls_capture import TlsError, TlsReader, read_key_log
from firmware.v2g.v2gtp import PayloadType, pack

HANDSHAKE = pack(PayloadType.EXI, bytes.fromhex("8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040040"))
AGREED = pack(PayloadType.EXI, bytes.fromhex("80400040"))
Said = list[tuple[bool, bytes]]  # (from the client, bytes on the wire)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SECC")])
    now = datetime.datetime(2026, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "secc.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


def session(certificate: Path, keys: Path, version: ssl.TLSVersion, cipher: str) -> Said:
    """Bytes on the wire of a session in which the car sends HANDSHAKE and the station answers AGREED."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    for context in (server_context, client_context):
        context.minimum_version = context.maximum_version = version
        if cipher:
            context.set_ciphers(cipher)
    client_context.keylog_filename = str(keys)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(client_in, client_out)
    said: Said = []

    def move() -> None:
        for from_client, source, target in ((True, client_out, to_server), (False, to_client, client_in)):
            data = source.read()
            if data:
                said.append((from_client, data))
                target.write(data)

    for _ in range(4):
        for end in (client, server):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
            move()
    client.write(HANDSHAKE)
    move()
    assert server.read() == HANDSHAKE
    server.write(AGREED)
    move()
    assert client.read() == AGREED
    return said


VARIANTS = [
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256"),  # the suite of ISO 15118-2
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (ssl.TLSVersion.TLSv1_3, ""),
]


@pytest.mark.parametrize(("version", "cipher"), VARIANTS)
def test_a_session_is_read_with_its_key_log(
    certificate: Path, tmp_path: Path, version: ssl.TLSVersion, cipher: str
) -> None:
    said = session(certificate, tmp_path / "keys", version, cipher)
    reader = TlsReader(read_key_log((tmp_path / "keys").read_text()))
    heard = {True: b"", False: b""}
    for from_client, data in said:
        for octet in range(0, len(data), 7):  # in crumbs
            heard[from_client] += reader.feed(from_client, data[octet : octet + 7])
    assert heard == {True: HANDSHAKE, False: AGREED}


def test_without_the_right_keys_it_says_so(certificate: Path, tmp_path: Path) -> None:
    said = session(certificate, tmp_path / "keys", ssl.TLSVersion.TLSv1_2, "")
    reader = TlsReader({})
    with pytest.raises(TlsError, match="CLIENT_RANDOM"):
        for from_client, data in said:
            reader.feed(from_client, data)
    keys = {name: bytes(len(secret)) for name, secret in read_key_log((tmp_path / "keys").read_text()).items()}
    reader = TlsReader(keys)
    with pytest.raises(TlsError, match="do not open"):
        for from_client, data in said:
            reader.feed(from_client, data)


def test_a_key_log_may_hold_anything() -> None:
    assert read_key_log("# comment\n\nCLIENT_RANDOM aa bb\nCLIENT_RANDOM zz bb\nx\n") == {
        ("CLIENT_RANDOM", b"\xaa"): b"\xbb"
    }


def test_the_ladder_shows_the_messages_inside(certificate: Path, tmp_path: Path) -> None:
    said = session(certificate, tmp_path / "keys", ssl.TLSVersion.TLSv1_3, "")
    capture, position = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101), {True: 1, False: 1}
    for from_client, data in said:
        ports, hosts = (
            ((50000, 60000), ("fe80::1", "fe80::2")) if from_client else ((60000, 50000), ("fe80::2", "fe80::1"))
        )
        segment = struct.pack(">HHIIBBHHH", *ports, position[from_client], 0, 5 << 4, 0x18, 8192, 0, 0) + data
        position[from_client] += len(data)
        addresses = inet_pton(AF_INET6, hosts[0]) + inet_pton(AF_INET6, hosts[1])
        packet = struct.pack(">IHBB", 6 << 28, len(segment), 6, 64) + addresses + segment
        capture += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    lines = list(ladder(capture, (tmp_path / "keys").read_text()))
    assert lines[0].endswith("TLS to [fe80::2]:60000")
    assert "supportedAppProtocolReq" in lines[1]
    assert "supportedAppProtocolRes" in lines[2]
