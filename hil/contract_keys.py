"""How a contract's private key travels from its maker to the car: ECDH, a derived AES key, one block chain.

ISO 15118-2 clause 7.9.2.4.3 [V2G2-814 to -821]. The station never looks inside; cars and the contract office do.
"""

import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE: Final = ec.SECP256R1()
IV_SIZE: Final = 16
KEY_SIZE: Final = 32
OTHER_INFO: Final = bytes.fromhex("01 55 56")  # [V2G2-818]: algorithm, sender U, receiver V


def encrypt(contract: ec.EllipticCurvePrivateKey, receiver: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
    """(encrypted private key, DH public key): 48 bytes with the IV in front, and an uncompressed point of 65."""
    ephemeral = ec.generate_private_key(CURVE)
    iv = secrets.token_bytes(IV_SIZE)
    plain = contract.private_numbers().private_value.to_bytes(KEY_SIZE, "big")
    encryptor = _cipher(ephemeral, receiver, iv).encryptor()
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return iv + encryptor.update(plain) + encryptor.finalize(), point


def decrypt(encrypted: bytes, dh_public_key: bytes, mine: ec.EllipticCurvePrivateKey) -> ec.EllipticCurvePrivateKey:
    """The contract's private key, with the key of the certificate that asked for it. Raises ValueError."""
    if len(encrypted) != IV_SIZE + KEY_SIZE:
        raise ValueError(f"an encrypted key has {IV_SIZE + KEY_SIZE} bytes, not {len(encrypted)}")
    sender = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, dh_public_key)
    decryptor = _cipher(mine, sender, encrypted[:IV_SIZE]).decryptor()
    plain = decryptor.update(encrypted[IV_SIZE:]) + decryptor.finalize()
    return ec.derive_private_key(int.from_bytes(plain, "big"), CURVE)


def _cipher(mine: ec.EllipticCurvePrivateKey, theirs: ec.EllipticCurvePublicKey, iv: bytes) -> Cipher[modes.CBC]:
    shared = mine.exchange(ec.ECDH(), theirs)
    session_key = ConcatKDFHash(SHA256(), 16, OTHER_INFO).derive(shared)
    return Cipher(algorithms.AES(session_key), modes.CBC(iv))
