"""What of OCPP is shown by which test: reads the `ocpp` markers of all tests and writes coverage.md.

    python tests/ocpp/coverage.py            write the table, list what is open
    python tests/ocpp/coverage.py --check    only say what is wrong: exit code 1
What there is to cover is in ids.txt; why something is not covered, in reasons.toml.
"""

import argparse
import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
HERE: Final = Path(__file__).parent
TABLE: Final = HERE / "coverage.md"
BOTH: Final = ("2.0.1", "2.1")  # what a marker "2.x:..." speaks of
OPEN: Final = "**open**"


@dataclass
class Row:
    """One id: the tests that show it, or the reason why none does."""

    id: str
    tests: set[str] = field(default_factory=set)
    reason: str = ""

    @property
    def shown(self) -> str:
        return ", ".join(sorted(self.tests)) if self.tests else self.reason or OPEN


@dataclass
class Section:
    title: str
    rows: dict[str, Row]  # by id


# --- what there is to cover -----------------------------------------------------------------------------------------


def read_ids(text: str) -> list[Section]:
    """The sections of ids.txt; what binds only a back office is not in them."""
    sections: list[Section] = []
    use_cases = Section("", {})
    for line in text.splitlines():
        if line.startswith("["):
            sections.append(Section(line.strip("[]"), {}))
            use_cases = Section(f"{line.strip('[]').split()[0]} use cases", {})
            if line.endswith(" requirements]"):
                sections.append(use_cases)
        elif line and not line.startswith("#"):
            head, *numbers = line.split()
            section = sections[-1]
            if section is use_cases:  # a requirement's use case is counted of itself
                each = f"{section.title.split()[0]}:{head}"
                section.rows[each] = Row(each)
                section = sections[-2]
            section.rows |= {each: Row(each) for each in _ids(section.title, head, numbers)}
    return sections


def _ids(title: str, head: str, numbers: list[str]) -> Iterator[str]:
    version = title.split(maxsplit=1)[0]
    match title.split()[1]:
        case "requirements":
            yield from (f"{version}:{head}.FR.{each}" for each in numbers if each.isdigit())
        case "certification":
            prefix = "TC_" if version == "1.6" else f"TC_{head}_"
            yield from (f"{version}:{prefix}{each.rstrip('C')}" for each in numbers)
        case "operations":
            yield from (f"{version}:{each}" for each in numbers)
        case _:
            yield from (f"{version}:{head}{each}" for each in numbers)


# --- what the tests say ---------------------------------------------------------------------------------------------


def marks(path: Path) -> Iterator[tuple[str, str]]:
    """(id as marked, name of the test) of one test file; a mark of the module or class counts for all in it."""
    tree = ast.parse(path.read_bytes())
    name = path.relative_to(TESTS).as_posix()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            yield from ((each, name) for each in _ids_in([node.value]))
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts = [node, *(n for n in node.body if isinstance(n, ast.FunctionDef))] if _is_class(node) else [node]
            for part in parts:
                yield from ((each, f"{name}::{part.name}") for each in _widened(part))


def _is_class(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef)


def _widened(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """A test of 2.0.1 that runs in 2.1 as well shows both."""
    decorators = [ast.unparse(each) for each in node.decorator_list]
    arguments = {each.arg for each in node.args.args} if isinstance(node, ast.FunctionDef) else set()
    in_21 = "on_2x" in arguments or any("'2.1'" in text and "parametrize" in text for text in decorators)
    for each in _ids_in(node.decorator_list):
        version, _, rest = each.partition(":")
        yield from (f"2.x:{rest}",) if version == "2.0.1" and in_21 else (each,)


def of_another_version(path: Path) -> Iterator[tuple[str, str]]:
    """(id as marked, name of the test) where the test's fixture runs it in other versions than the mark speaks of."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef):
            arguments = {each.arg for each in node.args.args}
            for each in _ids_in(node.decorator_list):
                if ("on_2x" if each.startswith("1.6:") else "on_16") in arguments:
                    yield each, node.name


def _ids_in(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("mark.ocpp"):
                yield from (str(part.value) for part in call.args if isinstance(part, ast.Constant))


# --- both together --------------------------------------------------------------------------------------------------


@dataclass
class Coverage:
    sections: list[Section]
    mistakes: list[str]

    @property
    def open(self) -> list[str]:
        return [row.id for section in self.sections for row in section.rows.values() if row.shown == OPEN]


def collect(tests: Path = TESTS) -> Coverage:
    """Read ids, markers and reasons."""
    sections = read_ids((HERE / "ids.txt").read_text())
    known = {id_: row for section in sections for id_, row in section.rows.items()}
    reasons: dict[str, str] = tomllib.loads((HERE / "reasons.toml").read_text())
    not_ours = _not_ours((HERE / "ids.txt").read_text())
    mistakes: list[str] = []
    for path in sorted(tests.rglob("test_*.py")):
        mistakes += [f"{test} does not run in the version of {marked}" for marked, test in of_another_version(path)]
        for marked, test in marks(path):
            meant = list(_meant(marked))
            found = [row for each, row in known.items() if each in meant or each.rpartition("_")[0] in meant]
            for row in found:
                row.tests.add(test)
            of_16 = marked.startswith("1.6:") and ".FR." in marked  # the security whitepaper numbers its own
            if not found and not of_16 and marked not in not_ours:
                mistakes.append(f"{test}: there is no {marked}")
    for prefix, reason in sorted(reasons.items(), key=lambda row: len(row[0])):  # the most exact one wins
        of = [row for id_, row in known.items() if _under(id_, prefix)]
        if not of:
            mistakes.append(f"reasons.toml: there is no {prefix}")
        for row in of:
            row.reason = reason
    return Coverage(sections, mistakes)


def _under(id_: str, prefix: str) -> bool:
    return id_ == prefix or (
        id_.startswith(prefix) and (len(prefix.partition(":")[2]) <= 1 or id_[len(prefix)] in "._")
    )


def _meant(marked: str) -> Iterator[str]:
    """The ids behind a marker. A requirement shows its use case too, in 2.1."""
    version, _, rest = marked.removesuffix("_CS").partition(":")
    for each in BOTH if version == "2.x" else (version,):
        yield f"{each}:{rest}"
        if ".FR." in rest:
            yield f"{each}:{rest.partition('.')[0]}"


def _not_ours(text: str) -> set[str]:
    """Ids that are right, but not in the table: those that bind back offices, requirements of 2.1, keys of 1.6."""
    found = {f"1.6:{key}" for key in text.partition("# 1.6 keys: ")[2].partition("\n")[0].split()}
    for line in text.partition("[2.0.1 requirements]")[2].partition("[")[0].splitlines():
        head, *numbers = line.split() or [""]
        here = [head, *(f"{head}.FR.{each.rstrip('mc')}" for each in numbers)]
        found |= {f"{version}:{rest}" for version in (*BOTH, "2.x") for rest in here}
    return found


def table(coverage: Coverage) -> str:
    lines = [
        "# What of OCPP is shown by which test",
        "",
        "Written by `python tests/ocpp/coverage.py`; do not edit.",
        "",
    ]
    lines += ["| part | there are | shown by tests | not, for a reason | open |", "| --- | --- | --- | --- | --- |"]
    for section in coverage.sections:
        rows = section.rows.values()
        tested, blank = sum(bool(row.tests) for row in rows), sum(row.shown == OPEN for row in rows)
        lines.append(f"| {section.title} | {len(rows)} | {tested} | {len(rows) - tested - blank} | {blank} |")
    for section in coverage.sections:
        lines += ["", f"## {section.title}", "", "| id | shown by |", "| --- | --- |"]
        lines += [f"| {', '.join(ids)} | {shown} |" for ids, shown in _grouped(list(section.rows.values()))]
    return "\n".join(lines) + "\n"


def _grouped(rows: list[Row]) -> Iterator[tuple[list[str], str]]:
    """Neighbours of one use case or letter with the same tests share a line."""
    ids: list[str] = []
    stem = shown = ""
    for row in rows:
        short = row.id.partition(":")[2]
        here = short[: short.rfind(".") + 1] or short[: short.rfind("_") + 1] or short[:1]
        if ids and (here, row.shown) == (stem, shown):
            ids.append(short[len(here) :] if ".FR." in short or "_" in short else short)
            continue
        if ids:
            yield ids, shown
        ids, stem, shown = [short], here, row.shown
    if ids:
        yield ids, shown


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(argv)
    coverage = collect()
    text = table(coverage)
    wrong = list(coverage.mistakes)
    if options.check and (not TABLE.exists() or TABLE.read_text() != text):
        wrong.append("coverage.md is not of these tests: run python tests/ocpp/coverage.py")
    if not options.check:
        TABLE.write_text(text)
    wrong += [f"open: {each}" for each in coverage.open]
    print("\n".join(wrong) or "nothing is open")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
