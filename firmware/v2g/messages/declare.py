"""How a V2G message is declared: once, as a typed class whose field order is the wire order.

The EXI grammar, the XML form, the log line and the failure reply are all derived from these
declarations; the deriving is left to `firmware.v2g.exi` and `firmware.v2g.messages.replies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar, cast, dataclass_transform

import msgspec

UNBOUNDED: Final = 1 << 30  # maxOccurs="unbounded"


class Namespace(NamedTuple):
    """An XML namespace as one schema file declares it (targetNamespace and the two form defaults)."""

    uri: str
    prefix: str
    qualified_elements: bool = True
    qualified_attributes: bool = False


# -- facets of simple types, put beside the Python type with Annotated --------------------------------


class Integer(NamedTuple):
    """An integer and its inclusive bounds; None means that the schema sets no bound."""

    minimum: int | None = None
    maximum: int | None = None


class Text(NamedTuple):
    """A string; lengths count code points."""

    min_length: int = 0
    max_length: int = UNBOUNDED


class Octets(NamedTuple):
    """xs:base64Binary, or xs:hexBinary when `hexadecimal`; lengths count octets."""

    min_length: int = 0
    max_length: int = UNBOUNDED
    hexadecimal: bool = False


# -- fields ---------------------------------------------------------------------------------------------


class Field(NamedTuple):
    """One declared field: what stands where on the wire, and under which Python name."""

    kind: str  # "attribute", "element", "reference", "content" or "wildcard"
    wire_name: str
    default: Any
    max_occurs: int = 1
    min_occurs: int = 1
    choice: str = ""
    with_previous: bool = False
    through: Any = None
    or_any: bool = False
    name: str = ""
    annotation: Any = None
    namespace: Namespace | None = None


_REQUIRED: Final = msgspec.NODEFAULT


def element(
    wire_name: str,
    *,
    default: Any = _REQUIRED,
    min_occurs: int = 1,
    max_occurs: int = 1,
    choice: str = "",
    with_previous: bool = False,
    through: Any = None,
) -> Any:
    """A child element. `T | None` with `default=None` is minOccurs="0"; `tuple[T, ...]` repeats.

    Neighbours with the same `choice` exclude each other (xs:choice). `with_previous` ties an element to the
    optional one before it. `through` names a transparent wrapper type: the field holds what is in the wrapper.
    """
    return Field("element", wire_name, default, max_occurs, min_occurs, choice, with_previous, through)


def reference(*, default: Any = _REQUIRED, min_occurs: int = 1, max_occurs: int = 1, or_any: bool = False) -> Any:
    """A reference to the global element of the annotated class, or to any member of its substitution group.

    A union of classes is an xs:choice in that order; `or_any` adds the xs:any that stands in the same choice.
    """
    return Field("reference", "", default, max_occurs, min_occurs, or_any=or_any)


def attribute(wire_name: str, *, default: Any = _REQUIRED) -> Any:
    """An XML attribute."""
    return Field("attribute", wire_name, default)


def content() -> Any:
    """The text of an element with simple content."""
    return Field("content", "", _REQUIRED)


def wildcard() -> Any:
    """An xs:any: it widens event codes. Content under it is refused, so it has no annotation and no value."""
    return Field("wildcard", "", None)


# -- records --------------------------------------------------------------------------------------------


class Wire(NamedTuple):
    """What a record class says about itself besides its fields.

    `element` is its global element (or, with `local`, an element only met inside another type), `alone_as` the
    element name it takes as the root of a fragment when several are possible. `bare`: the type is abstract but its
    element is not, and there are stations that send it empty.
    """

    namespace: Namespace
    fields: tuple[Field, ...]
    element: str | None
    local: bool
    alone_as: str | None
    abstract: bool
    substitutable: bool
    mixed: bool
    transparent: bool
    nonempty: bool
    bare: bool

    @property
    def never_met(self) -> bool:
        """Whether no stream can hold it: it only takes an event code."""
        return self.abstract and not self.bare


class RecordMeta(msgspec.StructMeta):
    """Turns declared fields into a frozen, keyword-only msgspec Struct and keeps the declarations in `wire`."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        body: dict[str, Any],
        *,
        namespace: Namespace | None = None,
        element: str | None = None,
        local: bool = False,
        alone_as: str | None = None,
        abstract: bool = False,
        substitutable: bool = False,
        mixed: bool = False,
        transparent: bool = False,
        nonempty: bool = False,
        bare: bool = False,
        answered_by: type | None = None,
    ) -> Any:
        fields = [f for base in bases for f in getattr(base, "wire", _NOTHING).fields]
        inherited = (getattr(base, "wire", _NOTHING).namespace for base in bases)
        where = namespace or next((ns for ns in inherited if ns.uri), _NOWHERE)
        annotations = body.get("__annotations__", {})
        for key, value in list(body.items()):
            if not isinstance(value, Field):
                continue
            del body[key]
            fields.append(value._replace(name=key, annotation=annotations.get(key), namespace=where))
            if value.default is not _REQUIRED and key in annotations:
                body[key] = value.default
        # weakref: the codec remembers, beside a decoded root, under which element and schema set it was met.
        cls = cast(Any, super().__new__(mcls, name, bases, body, frozen=True, kw_only=True, weakref=True, gc=True))
        flags = (local, alone_as, abstract, substitutable, mixed, transparent, nonempty, bare)
        cls.wire = Wire(where, tuple(fields), element, *flags)
        if answered_by is not None:
            cls.answered_by = answered_by
        return cls


_NOWHERE: Final = Namespace("", "")
_NOTHING: Final = Wire(_NOWHERE, (), None, False, None, False, False, False, False, False, False)

if TYPE_CHECKING:

    @dataclass_transform(
        kw_only_default=True,
        frozen_default=True,
        field_specifiers=(element, reference, attribute, content),
    )
    class Record:
        """Base of every message and of every type inside one (see the runtime class below)."""

        wire: ClassVar[Wire]

        def __init_subclass__(
            cls,
            *,
            namespace: Namespace = ...,
            element: str | None = None,
            local: bool = False,
            alone_as: str | None = None,
            abstract: bool = False,
            substitutable: bool = False,
            mixed: bool = False,
            transparent: bool = False,
            nonempty: bool = False,
            bare: bool = False,
            answered_by: type | None = None,
        ) -> None: ...

else:

    class Record(msgspec.Struct, metaclass=RecordMeta):
        """Base of every message and of every type inside one: frozen, compared by value, keyword-only.

        Class keywords: `namespace` (inherited), `element` (its global element), `abstract`, `substitutable`
        (global elements of subclasses may stand in for this one), `mixed` (mixed="true"), `transparent`
        (a wrapper whose only field takes its place), `nonempty` (at least one optional field is there),
        `answered_by` (the response class of a request), `local`, `alone_as` and `bare` (see Wire).
        """


Message = Record


class Response(Record, abstract=True):
    """Marker of every answer of the station; each protocol adds its `response_code` first."""


class Request(Record, abstract=True):
    """Marker of every request of the car."""

    answered_by: ClassVar[type[Response]]


R = TypeVar("R", bound=Record)


def replace(record: R, **changes: Any) -> R:
    """A copy of `record` with some fields changed."""
    return cast(R, msgspec.structs.replace(cast(Any, record), **changes))
