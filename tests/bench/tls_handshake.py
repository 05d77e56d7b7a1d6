"""What TLS costs the station: `python tests/bench/tls_handshake.py [COUNT]`.

Per profile: the station's time for a whole handshake and its longest single step (the loop stands still for that
long), then signing alone, loading the certificates, and the imports. Times in ms: median, worst.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from firmware.v2g.pki.authority import Key, signature_hash
from firmware.v2g.pki.certificates import in_order, read_certificates
from firmware.v2g.pki.make_test import make_test
from firmware.v2g.pki.staples import Staples
from firmware.v2g.pki.store import load, read_key
from firmware.v2g.tls.channel import TlsChannel
from firmware.v2g.tls.contexts import Contexts


def car(folder: Path, profile: str) -> SSL.Connection:
    """A car of this profile; with a vehicle certificate in TLS 1.3."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    version = SSL.TLS1_2_VERSION if profile == "iso2" else SSL.TLS1_3_VERSION
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_cipher_list(b"ECDHE-ECDSA-AES128-SHA256")
    context.set_verify(SSL.VERIFY_NONE)
    if profile != "iso2":
        chain = in_order(read_certificates(folder / f"others/{profile}/vehicle.pem"))
        context.use_certificate(chain.leaf)
        for above in chain.sub_cas:
            context.add_extra_chain_cert(above)
        context.use_privatekey(read_key(folder / f"others/{profile}/vehicle.key"))
        if profile == "iso20":
            context.set_tmp_ecdh(ec.SECP521R1())
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    connection.request_ocsp()
    return connection


def shake_hands(station: TlsChannel, other: SSL.Connection) -> tuple[float, float]:
    """Seconds the station worked, and its longest step."""
    total = longest = 0.0
    while station.secured is None:
        with suppress(SSL.WantReadError):
            other.do_handshake()
        with suppress(SSL.WantReadError):
            sent = other.bio_read(65536)
            began = time.perf_counter()
            station.receive(sent)
            answer = station.take()
            step = time.perf_counter() - began
            total, longest = total + step, max(longest, step)
            if answer:
                other.bio_write(answer)
    return total, longest


def show(what: str, seconds: list[float]) -> None:
    print(f"{what:<44}{statistics.median(seconds) * 1e3:8.2f}{max(seconds) * 1e3:8.2f}")


def sign(key: Key) -> float:
    began = time.perf_counter()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        digest = signature_hash(key)
        if digest is not None:
            key.sign(b"x" * 64, ec.ECDSA(digest))
    else:
        key.sign(b"x" * 64)
    return time.perf_counter() - began


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pki"
        make_test(folder)
        print(f"{'ms':<44}{'median':>8}{'worst':>8}    {SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()}")
        began = time.perf_counter()
        installed = load(folder, datetime.now(UTC))
        staples = Staples(folder)
        staples.load([each.chain.leaf for each in installed.chains])
        Contexts(installed, staples, time.time)
        show("load certificates, make contexts (thread)", [time.perf_counter() - began])
        for chain in installed.chains:
            only = installed.__class__(folder, installed.roots, (chain,))
            contexts = Contexts(only, staples, time.time)
            runs = [
                shake_hands(TlsChannel(contexts, time.time, conformance=False), car(folder, chain.name))
                for _ in range(count)
            ]
            show(f"{chain.name}: handshake, station's part", [total for total, _ in runs])
            show(f"{chain.name}: longest step", [longest for _, longest in runs])
            show(f"{chain.name}: sign with {chain.curve}", [sign(chain.key) for _ in range(count)])
    for name in ("ssl", "cryptography.x509", "firmware.v2g.tls.service"):
        code = f"import time; a = time.perf_counter(); import {name}; print(time.perf_counter() - a)"
        command = [sys.executable, "-c", code]
        runs_s = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(5)]
        show(f"import {name}", runs_s)
    print(f"resident at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB (the car is in there too)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
