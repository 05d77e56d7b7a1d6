"""A PKI folder with one thing wrong at a time, and what is said about it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware.v2g.pki.authority import Authority, key_pem, subject
from firmware.v2g.pki.certificates import Curve, PkiError, common_name, in_order, key_text, read_certificates, root_of
from firmware.v2g.pki.command import main
from firmware.v2g.pki.make_test import TestPki, build, make_test
from firmware.v2g.pki.requests import create_csr, install_chain, write_private
from firmware.v2g.pki.store import Installed, load, read_key, state_of

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pki() -> TestPki:
    return build("iso2", NOW)


@pytest.fixture
def folder(tmp_path: Path, pki: TestPki) -> Path:
    for place in ("roots/v2g", "roots/oem", "secc"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "roots/v2g/root.pem").write_bytes(pki.v2g.root.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "secc/mine.pem").write_bytes(pki.secc.pem())
    write_private(tmp_path / "secc/mine.key", key_pem(pki.secc.key))
    return tmp_path


def said(installed: Installed) -> str:
    return "\n".join(map(str, installed.findings))


def test_a_good_folder_has_nothing_wrong(folder: Path, pki: TestPki) -> None:
    installed = load(folder, NOW)
    assert said(installed) == ""
    (mine,) = installed.chains
    assert (mine.name, mine.curve, mine.root) == ("mine", Curve.P256, pki.v2g.root.certificate)
    assert [common_name(each) for each in mine.chain.certificates] == [
        "DEPLTE000001",
        "CPO sub CA 2 iso2",
        "CPO sub CA 1 iso2",
    ]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_a_chain_is_ordered_by_issuer_with_or_without_its_root(pki: TestPki, order: tuple[int, ...]) -> None:
    certificates = [*pki.secc.chain.certificates, pki.v2g.root.certificate]
    assert in_order([certificates[at] for at in order]) == pki.secc.chain
    assert root_of(pki.secc.chain, [pki.mo.root.certificate, pki.v2g.root.certificate]) is pki.v2g.root.certificate
    assert root_of(pki.secc.chain, [pki.mo.root.certificate]) is None


def test_what_is_no_chain_is_said(pki: TestPki) -> None:
    leaf, sub2, sub1 = pki.secc.chain.certificates
    with pytest.raises(PkiError, match="has 0 end-entity"):
        in_order([sub1, sub2])
    with pytest.raises(PkiError, match="has 2 end-entity"):
        in_order([leaf, pki.contract.certificate])
    with pytest.raises(PkiError, match="'CPO sub CA 1 iso2' did not issue"):
        in_order([leaf, sub1])
    with pytest.raises(PkiError, match="did not issue"):
        in_order([leaf, sub2, sub1, pki.mo.sub1.certificate])


def test_a_path_length_is_obeyed() -> None:
    root = Authority.root("root", "V2G", Curve.P256)
    narrow = root.sub("one", "V2G", 0)
    below = narrow.sub("two", "V2G", 0)
    with pytest.raises(PkiError, match="'one' allows 0 CAs below it, and 1 are there"):
        in_order(below.leaf("secc", "leaf", "CPO").chain.certificates)


def test_four_sub_cas_are_too_many() -> None:
    authority = Authority.root("root", "V2G", Curve.P256)
    for level in range(4):
        authority = authority.sub(f"sub {level}", "V2G", 3 - level)
    with pytest.raises(PkiError, match="has 4 sub CAs"):
        in_order(authority.leaf("secc", "leaf", "CPO").chain.certificates)


def rsa_key(folder: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(folder / "secc/mine.key", pem)


def create_other_key(folder: Path) -> None:
    create_csr(folder, "other", Curve.P256, subject("x", "CPO"))
    os.replace(folder / "csr/other.key", folder / "secc/mine.key")


def sub_ca_as_root(folder: Path) -> None:
    sub_ca = in_order(read_certificates(folder / "secc/mine.pem")).sub_cas[0]
    (folder / "roots/v2g/root.pem").write_bytes(sub_ca.public_bytes(Encoding.DER))


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "key readable by others": (lambda f: (f / "secc/mine.key").chmod(0o640), "mine.key has mode 0640: others can read"),
    "no key": (lambda f: (f / "secc/mine.key").unlink(), "its key mine.key cannot be read: No such file"),
    "key of another": (create_other_key, "mine.key is not the key of 'DEPLTE000001'"),
    "key of no use": (rsa_key, "mine.key is no P-256, P-521, Ed448 key"),
    "nonsense key": (lambda f: write_private(f / "secc/mine.key", b"x"), "is no unencrypted private key in PEM form"),
    "nonsense": (lambda f: (f / "secc/mine.pem").write_bytes(b"\x30\x03abc"), "is no certificate in PEM or DER form"),
    "too large": (lambda f: (f / "secc/mine.pem").write_bytes(bytes(300_000)), "is larger than 262144 bytes"),
    "a sub CA as root": (sub_ca_as_root, "is no self-signed CA, so no root"),
    "no folder": (lambda f: f.rename(f.with_name("elsewhere")), "there is no PKI folder"),
}


@pytest.mark.parametrize("which", WRONG)
def test_what_is_wrong_is_found_and_not_used(folder: Path, which: str) -> None:
    change, text = WRONG[which]
    change(folder)
    installed = load(folder, NOW)
    assert text in said(installed)
    assert installed.faults
    if which == "a sub CA as root":
        assert not installed.roots["v2g"]
        assert "its root" in said(installed)  # and the chain says what it misses, but serves
        assert installed.chains
    else:
        assert not installed.chains


def test_expiry_is_told_before_and_after(folder: Path) -> None:
    soon = load(folder, NOW + timedelta(days=50))
    assert "warning: secc/mine.pem: 'DEPLTE000001' expires in " in said(soon)
    assert not soon.faults
    late = load(folder, NOW + timedelta(days=70))
    assert "fault: secc/mine.pem: 'DEPLTE000001' expired on" in said(late)
    assert late.chains  # cars without a clock still take it; the others say why not


def test_a_station_without_a_sane_clock_says_so(folder: Path) -> None:
    unset = load(folder, datetime(1970, 1, 1, tzinfo=UTC))
    assert "fault: clock: it is 1970-01-01 00:00 UTC here, but a certificate of ours was made" in said(unset)
    assert unset.chains


def test_a_csr_and_its_chain_replace_the_old_pair(folder: Path, pki: TestPki) -> None:
    before = state_of(folder)
    pem = create_csr(folder, "next", Curve.P256, subject("DEPLTE000009", "CPO", "Pilotline", "DE"))
    assert pem.startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    assert (folder / "csr/next.key").stat().st_mode & 0o777 == 0o600
    key = read_key(folder / "csr/next.key")
    issued = pki.v2g.sub2.leaf("secc", "DEPLTE000009", "CPO", key=key)
    shuffled = b"".join(each.public_bytes(Encoding.PEM) for each in reversed(issued.chain.certificates))
    with pytest.raises(PkiError, match="no request of ours belongs to"):
        install_chain(folder, "mine", pki.secc.pem())
    assert install_chain(folder, "mine", shuffled) == issued.chain
    installed = load(folder, NOW)
    assert said(installed) == ""
    assert [common_name(each.chain.leaf) for each in installed.chains] == ["DEPLTE000009"]
    assert not list((folder / "csr").iterdir())
    assert state_of(folder) != before


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "x" * 65])
def test_names_are_names(folder: Path, name: str) -> None:
    with pytest.raises(PkiError, match="is no name"):
        create_csr(folder, name, Curve.P256, subject("x", "CPO"))


def test_pending_requests_are_bounded(folder: Path) -> None:
    for number in range(16):
        create_csr(folder, f"n{number}", Curve.P256, subject("x", "CPO"))
    create_csr(folder, "n3", Curve.P256, subject("x", "CPO"))
    with pytest.raises(PkiError, match="16 requests wait"):
        create_csr(folder, "n16", Curve.P256, subject("x", "CPO"))


def test_the_command_makes_a_test_pki_and_finds_nothing_wrong_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make-test", str(tmp_path / "pki")]) == 0
    assert main(["show", str(tmp_path / "pki")]) == 0
    text = capsys.readouterr().out
    assert "Nothing is wrong." in text
    assert "iso20: P-521, for ISO 15118-20, TLS 1.3" in text
    assert "OCSP response of" in text
    for key in (tmp_path / "pki").rglob("*.key"):
        assert key.stat().st_mode & 0o777 == 0o600
    (tmp_path / "pki/secc/iso2.key").chmod(0o644)
    assert main(["show", str(tmp_path / "pki")]) == 1
    assert "chmod 0600" in capsys.readouterr().out
    assert main(["make-test", str(tmp_path / "pki")]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_the_command_requests_and_installs(tmp_path: Path, pki: TestPki, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["csr", str(tmp_path), "--name", "new", "--curve", "P-256", "--common-name", "DE1", "--organization", "O"]
    assert main(words) == 0
    assert "BEGIN CERTIFICATE REQUEST" in capsys.readouterr().out
    issued = pki.v2g.sub2.leaf("secc", "DE1", "CPO", key=read_key(tmp_path / "csr/new.key"))
    (tmp_path / "chain.pem").write_bytes(issued.pem())
    assert main(["install", str(tmp_path), str(tmp_path / "chain.pem"), "--name", "new"]) == 0
    assert main([*words, "--country", "Germany"]) == 1
    assert "no such subject" in capsys.readouterr().err


def test_every_certificate_of_the_test_pki_fits_its_standard(tmp_path: Path) -> None:
    make_test(tmp_path / "pki", NOW)
    installed = load(tmp_path / "pki", NOW)
    assert said(installed) == ""  # among others: 800 bytes of -2, 1600 of -20
    assert {each.name: each.curve for each in installed.chains} == {
        "iso2": Curve.P256,
        "iso20": Curve.P521,
        "iso20-ed448": Curve.ED448,
    }
    for profile in ("iso2", "iso20", "iso20-ed448"):
        for name in ("contract", "provisioning", "vehicle", "cps"):
            chain = in_order(read_certificates(tmp_path / f"pki/others/{profile}/{name}.pem"))
            assert len(chain.sub_cas) == 2
            roots = {"cps": installed.roots["cps"], "contract": installed.roots["mo"]}.get(name, installed.roots["oem"])
            assert root_of(chain, roots) is not None
            assert key_text(chain.leaf) == {"iso2": "P-256", "iso20": "P-521"}.get(profile, "Ed448")
