"""`pilotline pki`: make a test PKI, show what is installed and what is wrong with it, request certificates."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from firmware.v2g.pki.authority import subject
from firmware.v2g.pki.certificates import Curve, PkiError, common_name, key_text
from firmware.v2g.pki.make_test import make_test
from firmware.v2g.pki.requests import create_csr, install_chain
from firmware.v2g.pki.staples import Staples
from firmware.v2g.pki.store import ROOT_KINDS, Installed, load

DEFAULT = Path("/var/lib/pilotline/pki")
ROOT_MEANING = {
    "v2g": "cars' trust in us, and vehicle certificates anchored there",
    "mo": "contracts for Plug & Charge",
    "oem": "vehicle certificates of ISO 15118-20",
    "cps": "certificate provisioning services",
}


def main(argv: list[str]) -> int:
    """Exit code: 0 fine, 1 something installed cannot be used, 2 wrong usage."""
    parsed = _parser().parse_args(argv)
    try:
        code: int = parsed.run(parsed)
    except PkiError as error:
        print(f"pilotline pki: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"pilotline pki: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="pilotline pki", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="what is installed, and what is wrong with it")
    show.add_argument("folder", nargs="?", type=Path, default=DEFAULT, metavar="DIR", help=f"default: {DEFAULT}")
    show.set_defaults(run=_show)
    make = commands.add_parser(
        "make-test", help="a whole test PKI: stations, cars, contracts (never for a real station)"
    )
    make.add_argument("folder", type=Path, metavar="DIR")
    make.set_defaults(run=_make_test)
    csr = commands.add_parser("csr", help="make a key here and print the certificate request for it")
    csr.add_argument("folder", type=Path, metavar="DIR")
    csr.add_argument("--name", required=True, help="what the chain will be called here, e.g. hubject-2026")
    csr.add_argument("--curve", type=Curve, choices=list(Curve), default=Curve.P256, help="P-256 for -2, else -20")
    csr.add_argument("--common-name", required=True, help="the station's certificate name, e.g. DEPLTE000001")
    csr.add_argument("--organization", required=True)
    csr.add_argument("--country", default="", help="two letters")
    csr.set_defaults(run=_csr)
    install = commands.add_parser("install", help="put the chain that came back for a request into service")
    install.add_argument("folder", type=Path, metavar="DIR")
    install.add_argument("chain", type=Path, metavar="PEM")
    install.add_argument("--name", required=True)
    install.set_defaults(run=_install)
    return top


def _make_test(options: argparse.Namespace) -> int:
    names = make_test(options.folder)
    print(f"test PKI in {options.folder}: {', '.join(names)}")
    print(
        f"what cars and back offices have is in {options.folder / 'others'}; look at it all with `pilotline pki show`"
    )
    return 0


def _csr(options: argparse.Namespace) -> int:
    try:
        named = subject(options.common_name, "CPO", options.organization, options.country)
    except ValueError as error:
        raise PkiError(f"no such subject: {error}") from error
    pem = create_csr(options.folder, options.name, options.curve, named)
    print(pem.decode(), end="")
    return 0


def _install(options: argparse.Namespace) -> int:
    chain = install_chain(options.folder, options.name, options.chain.read_bytes())
    print(f"{common_name(chain.leaf)} is served as {options.name}; a running station takes it within seconds")
    return 0


def _show(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    installed = load(options.folder, now)
    for line in explain(installed, now):
        print(line)
    return 1 if installed.faults else 0


def explain(installed: Installed, now: datetime) -> list[str]:
    """What is installed, line by line, for a technician."""
    staples = Staples(installed.folder)
    staples.load([each.chain.leaf for each in installed.chains])
    lines = [f"PKI folder {installed.folder}, judged at {now:%Y-%m-%d %H:%M} UTC", ""]
    lines.append("Chains we show to cars (secc/)" if installed.chains else "No chain to show to cars (secc/)")
    for each in installed.chains:
        use = "ISO 15118-2, TLS 1.2" if each.curve is Curve.P256 else "ISO 15118-20, TLS 1.3"
        root = common_name(each.root) if each.root else f"{each.chain.top.issuer.rfc4514_string()} (not installed)"
        lines.append(f"  {each.name}: {each.curve}, for {use}")
        lines += [f"    {_line(certificate, now)}" for certificate in each.chain.certificates]
        lines.append(f"    root: {root}")
        lines.append(f"    {staples.state(each.chain.leaf, now)}")
    for kind in ROOT_KINDS:
        roots = installed.roots.get(kind, ())
        lines += ["", f"{kind.upper()} roots: {ROOT_MEANING[kind]}" + ("" if roots else ": none")]
        lines += [f"  {_line(root, now)}" for root in roots]
    lines += ["", "Nothing is wrong." if not installed.findings else "What to look at:"]
    return lines + [f"  {finding}" for finding in installed.findings]


def _line(certificate: x509.Certificate, now: datetime) -> str:
    ends = certificate.not_valid_after_utc
    days = (ends - now).total_seconds() / 86_400
    left = f"{days:.0f} days left" if days >= 0 else f"expired {-days:.0f} days ago"
    return f"{common_name(certificate)} ({key_text(certificate)}), until {ends:%Y-%m-%d}, {left}"
