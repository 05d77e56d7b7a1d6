"""What a Plug & Charge car signs, checks and opens; certificates of a test PKI."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware.v2g.messages.declare import replace
from firmware.v2g.messages.iso2 import AuthorizationReq
from firmware.v2g.pki.certificates import PkiError
from firmware.v2g.pki.make_test import EMAID, make_test
from hil.cars.contract import OTHER_INFO, Wallet, check, open_key
from hil.cars.line import SessionFailed

REQUEST = AuthorizationReq(id="id1", gen_challenge=bytes(range(16)))


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Wallet:
    folder = tmp_path_factory.mktemp("pki")
    make_test(folder / "pki")
    return Wallet.load(folder / "pki/others/iso2")


def test_a_wallet_knows_its_contract(wallet: Wallet) -> None:
    assert wallet.emaid == EMAID
    chain = wallet.contract_chain()
    assert len(chain.sub_certificates or ()) == 2
    assert len(wallet.root_ids) >= 2


def test_a_signature_holds_for_what_was_signed(wallet: Wallet) -> None:
    signature = wallet.sign_by_contract(REQUEST, "id1")
    public = wallet.contract[0].public_key()
    check(public, {"id1": REQUEST}, signature)
    with pytest.raises(SessionFailed, match="the digest of id1 is wrong"):
        check(public, {"id1": replace(REQUEST, gen_challenge=bytes(16))}, signature)
    with pytest.raises(SessionFailed, match="signed are id1, not id2"):
        check(public, {"id2": REQUEST}, signature)
    with pytest.raises(SessionFailed, match="not that of its certificate"):
        check(wallet.provisioning[0].public_key(), {"id1": REQUEST}, signature)


def test_a_contract_key_that_was_sealed_for_the_car_opens(wallet: Wallet) -> None:
    contract, ephemeral = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    shared = ephemeral.exchange(ec.ECDH(), wallet.provisioning_key.public_key())
    secret = ConcatKDFHash(algorithm=SHA256(), length=16, otherinfo=OTHER_INFO).derive(shared)
    sealer = Cipher(algorithms.AES128(secret), modes.CBC(bytes(16))).encryptor()
    plain = contract.private_numbers().private_value.to_bytes(32, "big")
    sealed = bytes(16) + sealer.update(plain) + sealer.finalize()
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    opened = open_key(wallet.provisioning_key, point, sealed)
    assert opened.public_key() == contract.public_key()
    with pytest.raises(SessionFailed, match="cannot be opened"):
        open_key(wallet.provisioning_key, bytes(65), sealed)
    with pytest.raises(SessionFailed, match="cannot be opened"):
        open_key(wallet.provisioning_key, point, sealed[:-1])


def test_a_car_without_a_contract_says_so(wallet: Wallet) -> None:
    bare = Wallet(wallet.provisioning, wallet.provisioning_key, wallet.roots)
    with pytest.raises(SessionFailed, match="no contract"):
        bare.sign_by_contract(REQUEST, "id1")


def test_a_key_is_not_read_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(PkiError, match="No such file"):
        Wallet.load(tmp_path)
