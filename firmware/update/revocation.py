"""Was the certificate that signs taken back (1.6 security whitepaper, 2.0.1 part 2, L01: RevokedCertificate)? What its
OCSP responder is asked, through whoever can ask it (M06), and what the answer says. Not for the event loop.
"""

from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from firmware.security.certificates import hash_data
from firmware.station.contracts import OcspRequestData


def question(signer: x509.Certificate, root: x509.Certificate) -> OcspRequestData | None:
    """None: the certificate names nobody who could be asked."""
    try:
        access = signer.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    urls = [each.access_location.value for each in access if each.access_method == AuthorityInformationAccessOID.OCSP]
    if not urls:
        return None
    named = hash_data(signer, root)
    return OcspRequestData(named.issuer_name_hash, named.issuer_key_hash, named.serial_number, str(urls[0]))


def says_revoked(response: bytes, serial: int) -> bool:
    """Only a clear word about this very certificate counts; anything else is as good as no answer."""
    try:
        parsed = ocsp.load_der_ocsp_response(response)
        if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL or parsed.serial_number != serial:
            return False
        return parsed.certificate_status is ocsp.OCSPCertStatus.REVOKED
    except ValueError:
        return False
