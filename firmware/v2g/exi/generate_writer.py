"""Source of the fast writer of one type: `def e<number>_<Class>(m)` returns its bits as text of '0' and '1'.

`s` is what is written so far, `t` the codes of the state reached (by running number), where that depends on
which optional fields are there. Any exception sends the whole message to the interpreter, which names the fault.
"""

from __future__ import annotations

from firmware.v2g.exi.generate_parts import Names, end_number, leaf, numbers
from firmware.v2g.exi.grammar import Alternative, Complex, Shape, Simple, Slot
from firmware.v2g.messages.declare import UNBOUNDED

_KEPT = 64  # longest text or octets whose bits are kept for the next message


class WriterSource:
    def __init__(self, shape: Shape, names: Names) -> None:
        self.shape, self.names = shape, names
        self.first, self.end = numbers(shape), end_number(shape)
        self.lines: list[str] = []
        self.indent = 1
        self.text = ""  # f-string not yet emitted
        self.started = False
        self.fresh = 0
        self._write()

    # -- emitting -----------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def name(self, stem: str) -> str:
        self.fresh += 1
        return f"{stem}{self.fresh}"

    def flush(self) -> None:
        if self.text or not self.started:
            literal = f'f"{self.text}"' if "{" in self.text else f'"{self.text}"'
            self.line(f"s += {literal}" if self.started else f"s = {literal}")
        self.text, self.started = "", True

    # -- the type -----------------------------------------------------------------------------------------

    def _write(self) -> None:
        self.lines.append(f"def {self.names.writer(Complex(self.shape.cls))}(m):")
        known: tuple[int, int] | None = (-1, 0)
        for index, slot in enumerate(self.shape.slots):
            known = self._slot(index, slot, known)
        self.text += self._code(known, self.end)
        if self.started:
            self.flush()
            self.line("return s")
        else:
            self.line(f'return f"{self.text}"' if "{" in self.text else f'return "{self.text}"')

    def _code(self, known: tuple[int, int] | None, number: int) -> str:
        """The event code of an alternative, or of the end, as f-string text."""
        if known is None:
            return f"{{t[{number}]}}"
        code = self._codes(known)[number]
        if code is None:
            raise ValueError(f"{self.shape.cls.__name__}: alternative {number} cannot follow {known}")
        return code

    def _codes(self, known: tuple[int, int]) -> list[str | None]:
        state = self.shape.state(*known)
        codes: list[str | None] = [None] * (self.end + 1)
        for code, (i, a) in enumerate(state.events):
            codes[self.first[i] + a] = f"{code:0{state.width}b}"
        if state.end_code >= 0:
            codes[self.end] = f"{state.end_code:0{state.width}b}"
        return codes

    def _table(self, known: tuple[int, int]) -> str:
        """Name of the code table of a state; a code that is not there is None, and formats to no number."""
        name = f"T{self.names.number(self.shape)}_{known[0] + 1}_{known[1] if known[1] < UNBOUNDED else 0}"
        return self.names.table(name, repr(tuple(self._codes(known))))

    def _value(self, field: str) -> str:
        return "m" if self.shape.transparent else f"m.{field}"

    def _slot(self, index: int, slot: Slot, known: tuple[int, int] | None) -> tuple[int, int] | None:
        fields = list(dict.fromkeys(alternative.field for alternative in slot.alternatives))
        if slot.repeated:
            self._list(index, slot, known)
            return None
        if len(fields) > 1:
            return self._choice(index, slot, fields, known)
        if slot.min_occurs:
            self._one(index, slot, self._value(fields[0]), known)
            return (index, 1)
        value = self.name("v")
        self.flush()
        self.line(f"{value} = {self._value(fields[0])}")
        self.line(f"if {value} is not None:")
        self.indent += 1
        self._one(index, slot, value, known)
        self.flush()
        self.line(f"t = {self._table((index, 1))}")
        self.indent -= 1
        if known is not None:
            self.line("else:")
            self.line(f"    t = {self._table(known)}")
        return None

    def _one(self, index: int, slot: Slot, value: str, known: tuple[int, int] | None) -> None:
        """One occurrence of a slot with one field."""
        if len(slot.alternatives) == 1:
            self.text += self._code(known, self.first[index])
            self._content(slot, slot.alternatives[0], value)
            return
        if not value.isidentifier():
            held = self.name("v")
            self.line(f"{held} = {value}")
            value = held
        number, writer = self.name("c"), self.name("w")
        self.line(f"{number}, {writer} = {self._group(index, slot)}[type({value})]")
        codes = "t" if known is None else self._table(known)
        self.text += f"{{{codes}[{number}]}}{{{writer}({value})}}"

    def _group(self, index: int, slot: Slot) -> str:
        entries = [
            f"{self.names.cls(one.value.cls)}: ({self.first[index] + a}, {self.names.writer(one.value)})"
            for a, one in enumerate(slot.alternatives)
            if isinstance(one.value, Complex)
        ]
        return self.names.group("W", "{" + ", ".join(entries) + "}")

    def _choice(
        self, index: int, slot: Slot, fields: list[str], known: tuple[int, int] | None
    ) -> tuple[int, int] | None:
        self.flush()
        absent = " + ".join(f"(m.{field} is None)" for field in fields)
        self.line(f"absent = {absent}")
        allowed = f"absent != {len(fields) - 1}"
        self.line(f"if {allowed}:" if slot.min_occurs else f"if absent < {len(fields) - 1}:")
        self.line("    raise ValueError")
        for a, alternative in enumerate(slot.alternatives):
            value = self.name("v")
            self.line(f"{value} = m.{alternative.field}")
            self.line(f"if {value} is not None:")
            self.indent += 1
            self.text += self._code(known, self.first[index] + a)
            self._content(slot, alternative, value)
            self.flush()
            self.indent -= 1
        if slot.min_occurs:
            return (index, 1)
        before = "t" if known is None else self._table(known)
        self.line(f"t = {self._table((index, 1))} if absent < {len(fields)} else {before}")
        return None

    def _list(self, index: int, slot: Slot, known: tuple[int, int] | None) -> None:
        self.flush()
        items = self.name("v")
        self.line(f"{items} = {self._value(slot.alternatives[0].field)}")
        low, high = slot.min_occurs, slot.max_occurs
        limit = f"{low} <= len({items})" + (f" <= {high}" if high < UNBOUNDED else "")
        self.line(f"if not {limit}:")
        self.line("    raise ValueError")
        if known is not None:
            self.line(f"t = {self._table(known)}")
        self.line("parts = []")
        self.line(f"for item in {items}:")
        self.indent += 1
        if len(slot.alternatives) == 1:
            kept, self.text, self.started = self.text, "", True
            before = len(self.lines)
            self.text = f"{{t[{self.first[index]}]}}"
            self._content(slot, slot.alternatives[0], "item")
            if any("s += " in line for line in self.lines[before:]):
                raise ValueError("a list item in two pieces")
            self.line(f'parts.append(f"{self.text}")')
            self.text = kept
        else:
            self.line(f"number, write = {self._group(index, slot)}[type(item)]")
            self.line("parts.append(t[number] + write(item))")
        self.line(f"t = {self._table((index, 1))}")
        self.indent -= 1
        self.line('s += "".join(parts)')
        if high < UNBOUNDED:
            self.line(f"if len({items}) == {high}:")
            self.line(f"    t = {self._table((index, high))}")

    # -- values -------------------------------------------------------------------------------------------

    def _content(self, slot: Slot, alternative: Alternative, value: str) -> None:
        kind = alternative.value
        if isinstance(kind, Complex):
            self._record(kind, value)
        elif kind is None:
            self.line("raise ValueError")
        else:
            self.text += self._simple(kind, value, slot.kind == "element")

    def _record(self, kind: Complex, value: str) -> None:
        shape = self.names.schema.shape(kind.cls)
        if not leaf(shape) or kind.transparent:
            self.text += f"{{{self.names.writer(kind)}({value})}}"
            return
        if not value.isidentifier():
            held = self.name("v")
            self.line(f"{held} = {value}")
            value = held
        for inner in shape.slots:
            alternative = inner.alternatives[0]
            if isinstance(alternative.value, Simple):
                self.text += "0" + self._simple(alternative.value, f"{value}.{alternative.field}", True)
        self.text += "0"

    def _simple(self, simple: Simple, value: str, in_element: bool) -> str:
        """The value as f-string text; inside an element with its start of content and its end."""
        match simple.kind:
            case "boolean":
                return f"{{BOOLEAN[{value}]}}" if in_element else f"{{BOOLEAN[{value}][1:-1]}}"
            case "enumeration":
                members = self.names.members(simple)
                table = self.names.table(f"E{members[1:]}", f"enumeration_bits({members})")
                return f"{{{table}[{value}]}}" if in_element else f"{{{table}[{value}][1:-1]}}"
            case "bits":
                name = f"B_{simple.minimum}_{simple.maximum}".replace("-", "m")
                table = self.names.table(name, f"integer_bits({simple.minimum}, {simple.maximum})")
                return f"{{{table}[{value}]}}" if in_element else f"{{{table}[{value}][1:-1]}}"
            case "unsigned" if simple.minimum > 0:
                written = f"{{positive_bits({value}, {simple.minimum}, {simple.maximum})}}"
            case "unsigned":
                written = f"{{unsigned_bits({value}, {simple.maximum})}}"
            case "signed" if (simple.minimum, simple.maximum) == (-32768, 32767):
                written = f"{{short_bits({value})}}"
            case "signed":
                written = f"{{signed_bits({value}, {simple.minimum}, {simple.maximum})}}"
            case "text":
                function = "short_text_bits" if simple.maximum <= _KEPT else "text_bits"
                written = f"{{{function}({value}, {simple.minimum}, {simple.maximum})}}"
            case _:
                function = "short_octet_bits" if simple.maximum <= _KEPT else "octet_bits"
                written = f"{{{function}({value}, {simple.minimum}, {simple.maximum})}}"
        return f"0{written}0" if in_element else written
