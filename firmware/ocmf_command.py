"""`pilotline ocmf verify`: is this signed meter record (OCMF) whole, and what does it say? For technicians."""

import argparse
import sys
from pathlib import Path

from hal.ocmf import STATUS, OcmfError, Record, parse, verify


def main(argv: list[str]) -> int:
    """Exit code 0: signature right; 1: wrong; 2: no record, no key, or one that cannot be checked."""
    parser = argparse.ArgumentParser(prog="pilotline ocmf", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("verify", help="check a record's signature", description=main.__doc__)
    check.add_argument("record", metavar="FILE", help="file with the record; - is standard input")
    check.add_argument("--key", required=True, metavar="KEY", help="the meter's public key: hex, base64, or a file")
    options = parser.parse_args(argv)
    try:
        record = parse(_text(options.record))
        for line in told(record):
            print(line)
        good = verify(record, _key(options.key))
    except (OcmfError, OSError, UnicodeDecodeError) as error:
        print(f"pilotline ocmf: {error}", file=sys.stderr)
        return 2
    print("signature: right" if good else "signature: WRONG: the record or the key is not what the meter made")
    return 0 if good else 1


def told(record: Record) -> list[str]:
    """The record in lines for people."""
    lines = [f"meter {record.serial}, page {record.fields['PG']}, {record.algorithm}"]
    if record.fields.get("ID"):
        lines.append(f"user {record.fields['ID']} ({record.fields.get('IT', '?')})")
    for each in record.readings:
        value = "no value" if each.value is None else f"{each.value} {each.unit}"
        trouble = f", not usable: {each.errors}" if each.errors else ""
        lines.append(f"  {each.time} {each.reason or '-'} {value} {each.obis} {STATUS[each.status]}{trouble}")
    if (energy := record.transaction_wh()) is not None:
        lines.append(f"energy of the transaction: {energy / 1000:.3f} kWh")
    return lines


def _text(name: str) -> str:
    return sys.stdin.read(100_000) if name == "-" else Path(name).read_text(encoding="utf-8")[:100_000]


def _key(text: str) -> str:
    if len(text) < 200 and Path(text).is_file():
        return Path(text).read_text(encoding="utf-8")[:10_000]
    return text
