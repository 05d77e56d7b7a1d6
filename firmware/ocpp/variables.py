"""What a variable of the device model is: its place, its characteristics, what it refuses; and short makers of rows.

1.6 knows the same values as keys (`key`), 2.x by component and variable (2.0.1 part 1 ch. 4, part 2 ch. 2). The rows
themselves are in `components/`, their values in `device_model`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

DataType = Literal["string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList"]
Access = Literal["ReadOnly", "WriteOnly", "ReadWrite"]
Attribute = Literal["Actual", "Target", "MinSet", "MaxSet"]

VALUE_SIZE: Final = 500  # ConfigurationValueSize; a 1.6 key holds no more either
DAY: Final = 86_400
NUMBERS: Final = frozenset({"integer", "decimal"})
LISTS: Final = frozenset({"MemberList", "SequenceList"})


def no_objection(_: str) -> str:
    """The usual `check`: whatever the characteristics allow is fine."""
    return ""


@dataclass(frozen=True)
class Variable:
    """One row. `evse`, `connector` and the component's `unit` are part of the identity. `minimum` and `maximum` bound a
    number, the length of a text, or how many members a list has. `read` overrides what is stored, `write` keeps a new
    value somewhere else; `check` says why a value cannot be taken now ("" = it can). Without a component it is a 1.6
    key that 2.x does not know.
    """

    component: str
    name: str
    kind: DataType
    access: Access
    default: str = ""
    instance: str = ""
    key: str = ""  # the 1.6 key, "" where 1.6 has none
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # members that are understood too, but not told of
    unit: str = ""  # of measure
    component_instance: str = ""
    evse: int | None = None
    connector: int | None = None
    reboot: bool = False  # takes effect after a restart
    constant: bool = False  # never changes while the station runs
    summary: bool = False  # tells of availability or condition: in the SummaryInventory (B07.FR.09)
    read: Callable[[], str] | None = field(default=None, compare=False)
    write: Callable[[str], None] | None = field(default=None, compare=False)
    check: Callable[[str], str] = field(default=no_objection, compare=False)
    others: Mapping[Attribute, Callable[[], str]] = field(default_factory=dict, compare=False)  # attributes, read-only

    @property
    def stored_as(self) -> str:
        component = f"{self.component}[{self.component_instance}]" if self.component_instance else self.component
        place = [str(each) for each in (self.evse, self.connector) if each is not None]
        component += f"@{'/'.join(place)}" if place else ""
        return f"{component}.{self.name}" + (f"[{self.instance}]" if self.instance else "")

    @property
    def numeric(self) -> bool:
        return self.kind in NUMBERS

    @property
    def supports_monitoring(self) -> bool:
        return not self.constant and self.access != "WriteOnly"

    @property
    def persistent(self) -> bool:
        """Does its value outlive a restart (or is it always the same)?"""
        return self.read is None or self.access != "ReadOnly"

    def refuses(self, text: str) -> str:
        """Why `text` is no value of this variable; "" when it is one (2.0.1 part 2, B05.FR.07, FR.08)."""
        if len(text) > VALUE_SIZE:
            return f"longer than {VALUE_SIZE} characters"
        if self.numeric:
            return self._refuses_number(text)
        if self.kind == "boolean":
            return "" if text.lower() in {"true", "false"} else "neither true nor false"
        if self.kind == "OptionList":
            return "" if text in self.values else "none of " + ",".join(self.values)
        if self.kind in LISTS:
            return self._refuses_list(text)
        if not (self.minimum or 0) <= len(text) <= (self.maximum or VALUE_SIZE):
            return f"not {self.minimum or 0:g} to {self.maximum or VALUE_SIZE:g} characters"
        return ""

    def _refuses_list(self, text: str) -> str:
        members = [each.strip() for each in text.split(",") if each.strip()]
        known = {*self.values, *self.also}
        unknown = [each for each in members if self.values and each not in known]
        if len(set(members)) < len(members):
            return "a member twice"
        if unknown:
            return f"unknown: {','.join(unknown)}"
        if self.maximum is not None and len(members) > self.maximum:
            return f"more than {self.maximum:g} members"
        return f"less than {self.minimum:g} members" if self.minimum is not None and len(members) < self.minimum else ""

    def _refuses_number(self, text: str) -> str:
        try:
            number = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            return "no number"
        if set(text) - set("0123456789.-"):  # no plus, blanks, underscores, exponents, infinities
            return "no plain number"
        if self.minimum is not None and number < self.minimum:
            return f"below {self.minimum:g}"
        if self.maximum is not None and number > self.maximum:
            return f"above {self.maximum:g}"
        return ""


def number(
    component: str,
    name: str,
    default: int,
    *,
    low: int = 0,
    high: int = DAY,
    key: str = "",
    of: str = "",
    unit: str = "",
) -> Variable:
    return Variable(component, name, "integer", "ReadWrite", str(default), of, key, low, high, unit=unit)


def switch(component: str, name: str, default: bool, *, key: str = "", of: str = "") -> Variable:
    return Variable(component, name, "boolean", "ReadWrite", "true" if default else "false", of, key)


def choice(component: str, name: str, default: str, values: tuple[str, ...], *, key: str = "") -> Variable:
    """One of some words."""
    return Variable(component, name, "OptionList", "ReadWrite", default, key=key, values=values)


def members(
    component: str, name: str, default: str, values: tuple[str, ...], *, key: str = "", least: int | None = None
) -> Variable:
    """Some of some words, in any order."""
    most = len(values)
    return Variable(component, name, "MemberList", "ReadWrite", default, "", key, least, most, values)


def text(component: str, name: str, default: str, *, longest: int = VALUE_SIZE, key: str = "") -> Variable:
    return Variable(component, name, "string", "ReadWrite", default, key=key, maximum=longest)


def fixed(
    component: str, name: str, kind: DataType, value: str, *, key: str = "", of: str = "", unit: str = ""
) -> Variable:
    """A row that nobody can change: what this station is or does."""
    return Variable(component, name, kind, "ReadOnly", value, of, key, unit=unit, constant=True)


def live(
    component: str, name: str, kind: DataType, read: Callable[[], str], *, of: str = "", unit: str = ""
) -> Variable:
    """A row that is looked up when asked."""
    return Variable(component, name, kind, "ReadOnly", instance=of, unit=unit, read=read)
