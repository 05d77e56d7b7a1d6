"""Source of the fast reader of one type: `def d<number>_<Class>(n, p)` returns (object, bits left).

`n` is the stream as one integer, `p` the bits left, `q` the bits left where the element's content began (from
there the interpreter takes over). `c` holds the running number of the alternative that comes next.
"""

from __future__ import annotations

from firmware.v2g.exi.bits import LONGEST_64_BIT
from firmware.v2g.exi.generate_parts import Names, end_number, leaf, numbers
from firmware.v2g.exi.grammar import LONGEST_LIST, Alternative, Complex, Shape, Simple, Slot
from firmware.v2g.messages.declare import UNBOUNDED

_MANY_SLOTS = 6  # from here on it pays to drop the bits that were read before the type begins
_TWO_OCTETS = 16383  # the most that two octets hold
_STRIP_FROM = 16  # lists that may be longer drop the bits behind them now and then, or each read would cost more


class ReaderSource:
    def __init__(self, shape: Shape, names: Names) -> None:
        self.shape, self.names = shape, names
        self.first, self.end = numbers(shape), end_number(shape)
        self.lines: list[str] = []
        self.labels: list[tuple[int, str]] = []
        self.indent = 1
        self.pending: list[tuple[int, int, str]] = []  # width, required value, what to do with it
        self.fresh = 0
        self.strips = any(slot.repeated and slot.max_occurs > _STRIP_FROM for slot in shape.slots)
        self._write()

    # -- emitting -----------------------------------------------------------------------------------------

    def line(self, text: str, label: str | None = None) -> None:
        """One line; `label` names the element that a call in it reads."""
        if label is not None:
            self.labels.append((len(self.lines), label))
        self.lines.append("    " * self.indent + text)

    def name(self, stem: str) -> str:
        self.fresh += 1
        return f"{stem}{self.fresh}"

    def expect(self, width: int, value: int = 0) -> None:
        """Bits that the common path fixes."""
        self.pending.append((width, value, ""))

    def take(self, width: int, use: str) -> None:
        """Bits to be used by the statement `use`, in which {} stands for them."""
        self.pending.append((width, 0, use))

    def flush(self) -> None:
        """Read all pending bits at once, refuse what is not the common path, and use the rest."""
        width = sum(bits for bits, _, _ in self.pending)
        if not width:
            return
        self.line(f"p -= {width}")
        self.line(f"x = n >> p & {(1 << width) - 1}")
        mask = wanted = 0
        shift = width
        uses: list[str] = []
        for bits, value, use in self.pending:
            shift -= bits
            ones = (1 << bits) - 1
            if use.endswith(") != 0"):  # a boolean needs no shift
                uses.append(use.replace("{}", f"x & {ones << shift}"))
            elif use:
                part = f"x >> {shift} & {ones}" if shift else f"x & {ones}"
                uses.append(use.replace("{}", "x" if bits == width else part))
            else:
                mask |= ones << shift
                wanted |= value << shift
        self.pending = []
        if mask:
            part = f"x & {mask}" if mask != (1 << width) - 1 else "x"
            self.line(f"if {part} != {wanted}:" if wanted else f"if {part}:")
            self.line(f"    return {self.slow()}")
        for use in uses:
            self.line(use)

    def slow(self) -> str:
        return f"slow_read({self.names.number(self.shape)}, {'n0' if self.strips else 'n'}, q)"

    def refuse_unless(self, condition: str) -> None:
        self.line(f"if not ({condition}):")
        self.line(f"    return {self.slow()}")

    # -- the type -----------------------------------------------------------------------------------------

    def _write(self) -> None:
        self.lines.append(f"def {self.names.reader(Complex(self.shape.cls))}(n, p):")
        self.line("q = p")
        if len(self.shape.slots) >= _MANY_SLOTS:
            self.line("n &= (1 << p) - 1")
        if self.strips:
            self.line("n0 = n")
        known: tuple[int, int] | None = (-1, 0)  # the state, where only one is possible; else `c` is read
        for index, slot in enumerate(self.shape.slots):
            known = self._slot(index, slot, known)
        if known is not None:
            state = self.shape.state(*known)
            self.expect(state.width, state.end_code)
            self.flush()
        else:
            self.refuse_unless(f"c == {self.end}")
        self._return()

    def _return(self) -> None:
        fields = [field for slot in self.shape.slots for field in dict.fromkeys(a.field for a in slot.alternatives)]
        values = {field: f"f_{field}" for field in fields}
        if self.shape.transparent:
            self.line(f"return {values[fields[0]]}, p")
            return
        arguments = ", ".join(f"{field}={value}" for field, value in values.items())
        self.line(f"return {self.names.cls(self.shape.cls)}({arguments}), p")

    def _next(self, state_of: tuple[int, int]) -> None:
        """Read which alternative comes next in this state, into `c`."""
        state = self.shape.state(*state_of)
        if len(state.events) == 1 and state.end_code < 0:
            i, a = state.events[0]
            self.expect(state.width, 0)
            self.flush()
            self.line(f"c = {self.first[i] + a}")
            return
        if not state.events:
            self.expect(state.width, state.end_code)
            self.flush()
            self.line(f"c = {self.end}")
            return
        i, a = state.events[0]
        offset = self.first[i] + a
        self.take(state.width, f"c = ({{}}) + {offset}" if offset else "c = {}")
        self.flush()

    def _slot(self, index: int, slot: Slot, known: tuple[int, int] | None) -> tuple[int, int] | None:
        forced = self._forced(index, slot, known)
        if forced and not slot.repeated and len(slot.alternatives) == 1:
            state = self.shape.state(*known) if known else None
            if state is not None:
                self.expect(state.width, 0)
                self._content(slot, slot.alternatives[0])
                return (index, 1)
        if known is not None:
            self._next(known)
        if slot.repeated:
            self._list(index, slot)
        elif slot.min_occurs:
            self._chosen(index, slot)
            return (index, 1)
        else:
            self._optional(index, slot)
        return None

    def _forced(self, index: int, slot: Slot, known: tuple[int, int] | None) -> bool:
        """Whether the state allows nothing but this slot."""
        if known is None:
            return False
        state = self.shape.state(*known)
        return {i for i, _ in state.events} == {index} and state.end_code < 0 and bool(slot.min_occurs)

    def _condition(self, index: int, slot: Slot) -> str:
        low, count = self.first[index], len(slot.alternatives)
        return f"c == {low}" if count == 1 else f"{low} <= c < {low + count}"

    def _optional(self, index: int, slot: Slot) -> None:
        for field in dict.fromkeys(alternative.field for alternative in slot.alternatives):
            self.line(f"f_{field} = None")
        self.line(f"if {self._condition(index, slot)}:")
        self.indent += 1
        self._alternatives(index, slot)
        self._next((index, 1))
        self.indent -= 1

    def _chosen(self, index: int, slot: Slot) -> None:
        self.refuse_unless(self._condition(index, slot))
        self._alternatives(index, slot)

    def _alternatives(self, index: int, slot: Slot) -> None:
        """The content of the alternative whose number is in `c`."""
        if len(slot.alternatives) == 1:
            self._content(slot, slot.alternatives[0])
            self.flush()
            return
        fields = list(dict.fromkeys(alternative.field for alternative in slot.alternatives))
        if len(fields) == 1:
            table = self._group(slot)
            self.flush()
            self.line(f"f_{fields[0]}, p = {table}[c - {self.first[index]}](n, p)", "")
            return
        self.flush()
        if slot.min_occurs:
            self.line(" = ".join(f"f_{field}" for field in fields) + " = None")
        for a, alternative in enumerate(slot.alternatives):
            self.line(f"{'if' if a == 0 else 'elif'} c == {self.first[index] + a}:")
            self.indent += 1
            self._content(slot, alternative)
            self.flush()
            self.indent -= 1

    def _group(self, slot: Slot) -> str:
        readers = [
            self.names.reader(alternative.value) if isinstance(alternative.value, Complex) else "abstract"
            for alternative in slot.alternatives
        ]
        return self.names.group("G", f"({', '.join(readers)},)")

    def _list(self, index: int, slot: Slot) -> None:
        field = slot.alternatives[0].field
        self.line("items = []")
        self.line(f"while {self._condition(index, slot)}:")
        self.indent += 1
        if len(slot.alternatives) == 1:
            self._content(slot, slot.alternatives[0], "item")
            self.flush()
        else:
            self.line(f"item, p = {self._group(slot)}[c - {self.first[index]}](n, p)", "")
        self.line("items.append(item)")
        if slot.max_occurs > _STRIP_FROM:
            self.line("if not len(items) & 31:")
            self.line("    n &= (1 << p) - 1")
        if slot.max_occurs == UNBOUNDED:
            self.line(f"if len(items) > {LONGEST_LIST}:")
            self.line(f"    return {self.slow()}")
        else:
            self.line(f"if len(items) == {slot.max_occurs}:")
            self.indent += 1
            self._next((index, slot.max_occurs))
            self.line("break")
            self.indent -= 1
        self._next((index, 1))
        self.indent -= 1
        if slot.min_occurs:
            self.refuse_unless("items")
        self.line(f"f_{field} = tuple(items)")

    # -- values -------------------------------------------------------------------------------------------

    def _content(self, slot: Slot, alternative: Alternative, target: str = "") -> None:
        """Read one value into `target`; pending bits may remain."""
        target = target or f"f_{alternative.field}"
        value = alternative.value
        if isinstance(value, Complex):
            self._record(value, target, alternative.qname[0])
            return
        if value is None:
            self.flush()
            self.line("abstract(n, p)")
            return
        if slot.kind == "element":
            self.expect(1)  # start of content
        self._simple(value, target)
        if slot.kind == "element":
            self.expect(1)  # end of element

    def _record(self, value: Complex, target: str, element: str) -> None:
        shape = self.names.schema.shape(value.cls)
        if not leaf(shape) or value.transparent:
            self.flush()
            self.line(f"{target}, p = {self.names.reader(value)}(n, p)", element)
            return
        arguments = []
        for inner in shape.slots:
            alternative = inner.alternatives[0]
            name = self.name("v")
            self.expect(1)  # start of the element
            self._content(inner, alternative, name)
            arguments.append(f"{alternative.field}={name}")
        if any(use for _, _, use in self.pending):
            self.expect(1)  # end of the record
            self.flush()
        else:
            self.expect(1)  # read together with what follows
        self.line(f"{target} = {self.names.cls(value.cls)}({', '.join(arguments)})")

    def _simple(self, value: Simple, target: str) -> None:
        match value.kind:
            case "boolean":
                self.take(1, f"{target} = ({{}}) != 0")
            case "enumeration":
                self._lookup(value, target, self.names.members(value))
            case "bits":
                low, high = value.minimum, value.maximum
                if high - low + 1 < 1 << value.width:
                    name = f"R_{low}_{high}".replace("-", "m")
                    self._lookup(value, target, self.names.table(name, f"tuple(range({low}, {high + 1}))"))
                else:
                    self.take(value.width, f"{target} = ({{}}) + {low}" if low else f"{target} = {{}}")
            case "text" | "octets":
                length = self.name("l")
                self.take(8, f"{length} = {{}}")
                self.flush()
                self.line(f"{target}, p = {value.kind}(n, p, {length})")
            case _:
                self._number(value, target)

    def _lookup(self, value: Simple, target: str, table: str) -> None:
        """An index beyond the table is an IndexError, which is a refusal like any other."""
        if value.width:
            self.take(value.width, f"{target} = {table}[{{}}]")
        else:
            self.flush()
            self.line(f"{target} = {table}[0]")

    def _number(self, value: Simple, target: str) -> None:
        sign = ""
        if value.kind == "signed":
            sign = self.name("s")
            self.take(1, f"{sign} = {{}}")
        self.take(8, f"{target} = {{}}")
        self.flush()
        longest = "" if value.longest == LONGEST_64_BIT else f", {value.longest}"
        # Two octets are the usual length of a number in the loops: they are put together here, longer ones in more().
        self.line(f"if {target} > 127:")
        self.line("    p -= 8")
        self.line("    x = n >> p & 255")
        self.line("    if x < 128:")
        self.line(f"        {target} += (x << 7) - 128")
        self.line("    else:")
        self.line(f"        {target}, p = more(n, p + 8, {target}, {value.maximum}{longest})")
        if sign:
            self.line(f"if {sign}:")
            self.line(f"    {target} = -1 - {target}")
        if value.minimum > 0 or value.maximum < _TWO_OCTETS:
            self.refuse_unless(f"{value.minimum} <= {target} <= {value.maximum}")
