"""Declarations of wire messages: one class for all versions of a message.

```python
@struct()
class Coordinator:
    key: String = wire()
    node_id: Int32 = wire()

@response(key=10, versions="0-6", flexible="3+")
class FindCoordinatorResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    coordinators: Array[Coordinator] = wire("4+")
```

A decorated class has slots, an `__init__` that takes every field as an optional keyword, equality by
fields and a `repr`. The order of the fields is their order on the wire. Names are those of Kafka's schemas in
snake_case. Nothing but the class is made at import: annotations are read, and `__init__` and the codecs
written, when a class is first used, since a broker loads some 400 of them at start-up and uses a few dozen.

Version ranges are written as Kafka writes them: `"3+"`, `"0-6"`, `"2"`, `"none"`.

| type | on the wire | in Python |
| --- | --- | --- |
| `Int8` … `Int64`, `UInt16`, `UInt32` | big-endian, two's complement | int |
| `Float64` | IEEE 754, big-endian | float |
| `Bool` | one byte, 0 or 1 | bool |
| `String` | 2-byte length and UTF-8; flexible: unsigned varint of length + 1 | str |
| `Bytes` | 4-byte length; flexible: unsigned varint of length + 1 | bytes |
| `Records` | as bytes; null by default | bytes, memoryview or None |
| `Uuid` | 16 bytes; all zero stands for none | uuid.UUID |
| `Array[T]` | 4-byte count; flexible: unsigned varint of count + 1 | list |
| a `@struct` class | its fields; a nullable one is preceded by a byte: 1, or -1 for null (0 if tagged) | the class |

Source: KIP-482 (flexible versions), Kafka's message generator for defaults, nulls and ignorable fields.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

__all__ = [
    "NO_UUID",
    "Array",
    "Bool",
    "Bytes",
    "Field",
    "Float64",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "MessageInfo",
    "Records",
    "String",
    "UInt16",
    "UInt32",
    "Uuid",
    "VersionRange",
    "default_of",
    "fields_of",
    "info_of",
    "request",
    "response",
    "struct",
    "wire",
]

T = TypeVar("T")

Int8: TypeAlias = Annotated[int, "int8"]
Int16: TypeAlias = Annotated[int, "int16"]
Int32: TypeAlias = Annotated[int, "int32"]
Int64: TypeAlias = Annotated[int, "int64"]
UInt16: TypeAlias = Annotated[int, "uint16"]
UInt32: TypeAlias = Annotated[int, "uint32"]
Float64: TypeAlias = Annotated[float, "float64"]
Bool: TypeAlias = Annotated[bool, "bool"]
String: TypeAlias = Annotated[str, "string"]
Bytes: TypeAlias = Annotated[bytes, "bytes"]
Uuid: TypeAlias = Annotated[uuid.UUID, "uuid"]
Records: TypeAlias = Annotated[bytes | memoryview | None, "records"]
Array: TypeAlias = Annotated[list[T], "array"]

NO_UUID = uuid.UUID(int=0)
"""Kafka's zero id: "no topic id", "no directory"."""

_MAX_VERSION = 32767
_ZERO: dict[str, object] = {
    "int8": 0,
    "int16": 0,
    "int32": 0,
    "int64": 0,
    "uint16": 0,
    "uint32": 0,
    "float64": 0.0,
    "bool": False,
    "string": "",
    "bytes": b"",
    "uuid": NO_UUID,
    "records": None,
}


class VersionRange(NamedTuple):
    """Versions `low` to `high`, both included; empty when `low > high`."""

    low: int
    high: int

    def __contains__(self, version: object) -> bool:
        return isinstance(version, int) and self.low <= version <= self.high

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """The range written as `"3+"`, `"0-6"`, `"2"` or `"none"`."""
        if text == "none":
            return _NO_VERSIONS
        if text.endswith("+"):
            return cls(int(text[:-1]), _MAX_VERSION)
        low, _, high = text.partition("-")
        return cls(int(low), int(high or low))


_NO_VERSIONS = VersionRange(0, -1)
_ALL_VERSIONS = VersionRange(0, _MAX_VERSION)
_UNSET: Any = object()


class _Wire(NamedTuple):
    """What `wire()` was told, until the annotation is read."""

    versions: VersionRange
    default: Any
    nullable: VersionRange
    tag: int
    tagged: VersionRange
    ignorable: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message, its annotation resolved.

    Attributes:
        name: attribute name.
        kind: `"int8"` … `"records"`, `"array"` or `"struct"`.
        item_kind: the kind of an array's elements, else "".
        struct: the class of a struct or of an array's elements, else None.
        versions: versions that have the field; elsewhere it keeps its default.
        nullable: versions in which it may be null.
        tag: the tag's number, -1 if the field is never tagged.
        tagged: versions in which it is a tagged field.
        default: the value of a field not sent; `[]` for arrays and None for a struct stand for a new one.
        default_is_new: the default is a new list or a new struct.
        ignorable: a value can be dropped silently in versions without the field.
    """

    name: str
    kind: str
    item_kind: str
    struct: type | None
    versions: VersionRange
    nullable: VersionRange
    tag: int
    tagged: VersionRange
    default: Any
    default_is_new: bool
    ignorable: bool


@dataclass(slots=True)
class MessageInfo:
    """What a decorator was told about a class.

    Attributes:
        kind: `"request"`, `"response"` or `"struct"`.
        key: API key, or record type of a log's record; -1 without.
        versions, flexible: the versions served, and those with compact lengths and tagged fields.
    """

    kind: str
    key: int
    versions: VersionRange
    flexible: VersionRange
    declared: dict[str, _Wire]
    fields: tuple[Field, ...] | None = None


class _Message:
    """What every decorated class inherits; takes the place of its plain base."""

    __slots__: tuple[str, ...] = ()
    __hash__ = None  # type: ignore[assignment]  # messages are mutable

    def __init__(self, **values: Any) -> None:
        # Only reached once a class: from then on it has an __init__ of its own.
        cls = type(self)
        cls.__init__ = _make_init(cls)  # type: ignore[method-assign]
        cls.__init__(self, **values)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        # A plain loop: tagged structs are compared with their defaults in each answer that has some.
        for name in self.__slots__:  # noqa: SIM110
            if getattr(self, name) != getattr(other, name):
                return False
        return True

    def __repr__(self) -> str:
        body = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({body})"


def wire(
    versions: str = "0+",
    *,
    default: Any = _UNSET,
    nullable: str = "none",
    tag: int = -1,
    tagged: str | None = None,
    ignorable: bool = False,
) -> Any:
    """Declare a field.

    Args:
        versions: versions of the message that have the field.
        default: the value when it isn't given or not sent; without it 0, False, "", b"", an empty list or a
            struct of defaults.
        nullable: versions in which None may be sent.
        tag: the number of a tagged field.
        tagged: versions in which it is tagged; all of `versions` unless given.
        ignorable: the value may be dropped in a version without the field; otherwise encoding a value
            that is not the default raises `ProtocolError`.
    """
    served = VersionRange.parse(versions)
    if tag < 0:
        tagged_versions = _NO_VERSIONS
    else:
        tagged_versions = served if tagged is None else VersionRange.parse(tagged)
    return _Wire(served, default, VersionRange.parse(nullable), tag, tagged_versions, ignorable)


@dataclass_transform(kw_only_default=True)
def request(*, key: int, versions: str, flexible: str = "none") -> Callable[[type[T]], type[T]]:
    """Declare the request of an API.

    Args:
        key: the API key.
        versions: the versions served.
        flexible: those with compact lengths and tagged fields.
    """
    return _decorator("request", key, versions, flexible)


@dataclass_transform(kw_only_default=True)
def response(*, key: int, versions: str, flexible: str = "none") -> Callable[[type[T]], type[T]]:
    """Declare the response of an API; arguments as of `request`."""
    return _decorator("response", key, versions, flexible)


@dataclass_transform(kw_only_default=True)
def struct(
    *, versions: str = "0+", flexible: str = "none", key: int = -1
) -> Callable[[type[T]], type[T]]:
    """Declare a struct nested in messages, or one that stands by itself in a record.

    Args:
        versions: versions in which it stands by itself; a nested one follows the message it is in.
        flexible: its flexible versions when it stands by itself.
        key: the record type, where a log has several.
    """
    return _decorator("struct", key, versions, flexible)


def _decorator(kind: str, key: int, versions: str, flexible: str) -> Callable[[type[T]], type[T]]:
    served, compact = VersionRange.parse(versions), VersionRange.parse(flexible)

    def decorate(cls: type[T]) -> type[T]:
        namespace: dict[str, Any] = dict(vars(cls))
        declared = {name: v for name, v in namespace.items() if isinstance(v, _Wire)}
        for name in [*declared, "__dict__", "__weakref__"]:
            namespace.pop(name, None)
        namespace["__slots__"] = tuple(declared)
        namespace["__match_args__"] = ()
        made: type[T] = type(cls.__name__, (_Message,), namespace)
        _INFOS[made] = MessageInfo(kind, key, served, compact, declared)
        return made

    return decorate


_INFOS: dict[type, MessageInfo] = {}


def info_of(cls: type) -> MessageInfo:
    """What was declared about `cls`.

    Raises:
        TypeError: the class is not a declared message.
    """
    try:
        return _INFOS[cls]
    except KeyError:
        raise TypeError(f"{cls.__name__} is not a wire message") from None


def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields of `cls` in wire order."""
    info = info_of(cls)
    if info.fields is None:
        names = vars(sys.modules[cls.__module__])
        hints = get_type_hints(cls, globalns=names, include_extras=True)
        info.fields = tuple(_field(name, hints[name], w) for name, w in info.declared.items())
    return info.fields


def default_of(field: Field) -> Any:
    """A fresh default value of `field`."""
    if not field.default_is_new:
        return field.default
    return [] if field.kind == "array" or field.struct is None else field.struct()


def _field(name: str, hint: Any, declared: _Wire) -> Field:
    kind, item_kind, cls = _resolve(hint)
    default, is_new = declared.default, False
    if default is _UNSET:
        is_new = kind in ("array", "struct")
        default = None if is_new else _ZERO[kind]
    return Field(
        name,
        kind,
        item_kind,
        cls,
        declared.versions,
        _ALL_VERSIONS
        if kind == "records" and declared.nullable == _NO_VERSIONS
        else declared.nullable,
        declared.tag,
        declared.tagged,
        default,
        is_new,
        declared.ignorable,
    )


def _resolve(hint: Any) -> tuple[str, str, type | None]:
    """An annotation's kind, its item's kind and the struct class in it."""
    if get_origin(hint) in (Union, UnionType):  # X | None: nullability comes from wire()
        hint = next(part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is Annotated:
        inner, kind = get_args(hint)
        if kind != "array":
            return kind, "", None
        item_kind, _, cls = _resolve(get_args(inner)[0])
        return "array", item_kind, cls
    return "struct", "", hint


def _make_init(cls: type) -> Callable[..., None]:
    """Write `__init__` for `cls`: every field a keyword with its default."""
    fields = fields_of(cls)
    names: dict[str, object] = {"UNSET": _UNSET}
    parameters, body = [], []
    for index, field in enumerate(fields):
        names[f"d{index}"] = _UNSET if field.default_is_new else field.default
        parameters.append(f"{field.name}=d{index}")
        if field.default_is_new:
            fresh = "[]"
            if field.kind == "struct":
                names[f"s{index}"], fresh = field.struct, f"s{index}()"
            body.append(
                f"    self.{field.name} = {fresh} if {field.name} is UNSET else {field.name}"
            )
        else:
            body.append(f"    self.{field.name} = {field.name}")
    star = "*, " if parameters else ""
    source = f"def __init__(self, {star}{', '.join(parameters)}):\n" + (
        "\n".join(body) or "    pass"
    )
    exec(source, names)  # the source is made of declarations only, never of input
    made: Callable[..., None] = names["__init__"]  # type: ignore[assignment]
    return made
