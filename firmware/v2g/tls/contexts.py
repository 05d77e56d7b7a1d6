"""OpenSSL contexts, one per profile and chain, made before the first car comes.

Where the process may not make executable memory (systemd MemoryDenyWriteExecute), pyOpenSSL has no callbacks: TLS
works, but without OCSP staple and key log, and a bad vehicle certificate is refused without detail. `lacking` says so.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto

from firmware.v2g.pki.certificates import common_name
from firmware.v2g.pki.staples import Staples
from firmware.v2g.pki.store import Installed, SeccChain
from firmware.v2g.tls.choice import Profile

Utc = Callable[[], float]
KeyLog = Callable[[bytes], None]

OPTIONS: Final = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
#: X509_V_ERR_... of OpenSSL that a vehicle certificate can earn -> what it means here
VERIFY_ERRORS: Final = {
    2: "its issuer is not installed here (roots/oem, roots/v2g)",
    7: "its signature is wrong",
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed and not installed here",
    19: "ends in a root that is not installed here (roots/oem, roots/v2g)",
    20: "its issuer is not installed here (roots/oem, roots/v2g)",
    21: "its chain is incomplete or of an unknown root",
    24: "was issued by a certificate that is no CA",
    25: "its chain is longer than a CA in it allows",
    26: "may not be used by a TLS client (key usage, extended key usage)",
    79: "was issued by a certificate that is no CA",
}


class Contexts:
    """What cars are answered with. Why OpenSSL refused a vehicle certificate is in its connection's app data."""

    def __init__(
        self,
        installed: Installed,
        staples: Staples,
        utc: Utc,
        *,
        conformance: bool = False,
        key_log: KeyLog | None = None,
    ) -> None:
        """Raises SSL.Error for a chain that OpenSSL does not take."""
        self.installed = installed
        self.lacking: tuple[str, ...] = ()
        self._staples = staples
        self._utc = utc
        self._conformance = conformance
        self._key_log = key_log
        self._contexts: dict[tuple[Profile, str], SSL.Context] = {}
        for chain in installed.chains:
            for profile in Profile:
                self._contexts[profile, chain.name] = self._made(profile, chain)

    def connection(self, profile: Profile, chain: SeccChain) -> SSL.Connection:
        """A connection that is fed and asked for bytes; certificates are judged at this moment's UTC."""
        context = self._contexts[profile, chain.name]
        store = context.get_cert_store()
        if store is not None:
            store.set_time(datetime.fromtimestamp(self._utc(), UTC))
        connection = SSL.Connection(context, None)
        connection.set_accept_state()
        return connection

    def _made(self, profile: Profile, chain: SeccChain) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_options(OPTIONS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.use_certificate(chain.chain.leaf)
        for certificate in chain.chain.sub_cas:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(chain.key)
        if profile is Profile.ISO2:
            self._iso2(context)
        else:
            self._iso20(context)
        self._add_callbacks(context, chain)
        return context

    def _iso2(self, context: SSL.Context) -> None:
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(b"ECDHE-ECDSA-AES128-SHA256")  # [V2G2-602]
        context.set_tmp_ecdh(ec.SECP256R1())

    def _iso20(self, context: SSL.Context) -> None:
        """Suites: OpenSSL's own order begins as that of -20 does; `choice` refuses hellos with neither of the two."""
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_max_proto_version(SSL.TLS1_3_VERSION)
        trusted = (*self.installed.roots.get("oem", ()), *self.installed.roots.get("v2g", ()))  # [V2G20-2331]
        store = context.get_cert_store()
        names = []
        for root in trusted:
            certificate = crypto.X509.from_cryptography(root)
            if store is not None:
                store.add_cert(certificate)
            names.append(certificate.get_subject())
        context.set_client_ca_list(names)  # [V2G20-2401]
        mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if self._conformance else 0)
        try:
            context.set_verify(mode, _note_refusal)
        except MemoryError:
            context.set_verify(mode)

    def _add_callbacks(self, context: SSL.Context, chain: SeccChain) -> None:
        try:
            context.set_ocsp_server_callback(self._staple, chain)
        except MemoryError:
            self.lacking = ("OCSP staple",)
        if self._key_log is not None:
            key_log = self._key_log
            try:
                context.set_keylog_callback(lambda _, line: key_log(line))
            except MemoryError:
                self.lacking = (*self.lacking, "key log")

    def _staple(self, connection: SSL.Connection, chain: SeccChain | None) -> bytes:
        if chain is None:
            return b""
        response = self._staples.staple(chain.chain.leaf, datetime.fromtimestamp(self._utc(), UTC))
        connection.set_app_data({**(connection.get_app_data() or {}), "stapled": bool(response)})
        return response


def _note_refusal(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    """OpenSSL's verdict stands; we only keep what it was about."""
    if not ok:
        who = common_name(certificate.to_cryptography()) or "without a name"
        which = "vehicle certificate" if depth == 0 else "CA certificate"
        text = f"{which} {who!r}: {VERIFY_ERRORS.get(error, f'OpenSSL verify error {error}')}"
        connection.set_app_data({**(connection.get_app_data() or {}), "refused": text})
    return bool(ok)


def not_a_vehicle(certificate: x509.Certificate, domain: str, *, conformance: bool) -> str:
    """Why a certificate that OpenSSL trusts is still no vehicle certificate, "" if it is one."""
    if domain == "MO":
        return "is a contract certificate (DC=MO), which never identifies a vehicle"
    if not conformance:
        return ""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return "has no extended key usage"
    return "" if ExtendedKeyUsageOID.CLIENT_AUTH in purposes else "is not for TLS clients"
