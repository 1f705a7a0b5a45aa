"""Source text of encoders and decoders, written from the declarations.

`make_encoder` and `make_decoder` write one function for a (class, version). Nested structs are inlined as loops; runs of
fixed-size fields become one `struct` call; a field that the version lacks costs nothing to encode
unless it must be refused. To see what is written, print `source` in `_Source.compile`.

A decoder trusts no length: each is held against the bytes that are left before anything is sliced or
looped over, so that what is allocated stays in proportion to what was received.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from streamkit.errors import ProtocolError
from streamkit.log.protocol.varint import Buffer, encode_uvarint, skip_tags, uvarint_tail
from streamkit.log.protocol.wire import Field, default_of, fields_of, info_of

__all__ = ["Decoder", "Encoder", "make_decoder", "make_encoder"]

Encoder: TypeAlias = Callable[[Any, Callable[[bytes], None]], None]
"""`encode(message, write)`: `write` takes the pieces in order."""
Decoder: TypeAlias = Callable[[Buffer, int, int], tuple[Any, int]]
"""`decode(buf, pos, size)`: the message and the position after it; raises IndexError, ValueError or struct.error."""

_FORMATS = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint16": "H",
    "uint32": "I",
    "float64": "d",
    "bool": "?",
    "uuid": "16s",
}
_SIZES = {kind: struct.calcsize(">" + code) for kind, code in _FORMATS.items()}


def make_encoder(cls: type, version: int) -> Encoder:
    """The encoder of a class in a version; `ProtocolError` when it has no such version."""
    made: Encoder = _EncoderSource(cls, version).make("encode")
    return made


def make_decoder(cls: type, version: int) -> Decoder:
    """The decoder of a class in a version; `ProtocolError` when it has no such version."""
    made: Decoder = _DecoderSource(cls, version).make("decode")
    return made


def _bad_length(name: str, length: int, left: int) -> ProtocolError:
    if length < 0:
        return ProtocolError(f"{name} is null or its length negative ({length})")
    return ProtocolError(f"{name} says {length}, {left} bytes left")


def _unsent(message: object, name: str, version: int) -> ProtocolError:
    return ProtocolError(
        f"{type(message).__name__}.{name} is set, version {version} has no such field"
    )


@lru_cache(maxsize=4096)
def _uuid_of(raw: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=raw)


def _pack_many(code: str, values: list[int]) -> bytes:
    return struct.pack(f">{len(values)}{code}", *values)


class _Source:
    """Source text of one function, and the objects it refers to."""

    def __init__(self, cls: type, version: int) -> None:
        info = info_of(cls)
        if version not in info.versions:
            raise ProtocolError(
                f"{cls.__name__} has versions {info.versions.low} to {info.versions.high}, not {version}"
            )
        self.cls = cls
        self.version = version
        self.flexible = version in info.flexible
        self.names: dict[str, Any] = {
            "B": encode_uvarint,
            "new": object.__new__,
            "bad": _bad_length,
            "unsent": _unsent,
            "tail": uvarint_tail,
            "skip_tags": skip_tags,
            "uuid_of": _uuid_of,
            "many": _pack_many,
            "unpack_from": struct.unpack_from,
            "ProtocolError": ProtocolError,
        }
        self.lines: list[str] = []
        self.depth = 1
        self.serial = 0

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def fresh(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def refer(self, prefix: str, value: Any) -> str:
        for name, known in self.names.items():
            if known is value:
                return name
        name = self.fresh(prefix)
        self.names[name] = value
        return name

    def packer(self, code: str, method: str) -> str:
        name = f"{method}_{code}".replace("?", "t")
        if name not in self.names:
            self.names[name] = getattr(struct.Struct(">" + code), method)
        return name

    def constant(self, field: Field) -> str:
        """An expression for the default value of `field`, to compare with only: structs are shared."""
        if field.kind == "struct" and field.default_is_new:
            return self.refer("D", default_of(field))
        return self.literal(field)

    def literal(self, field: Field) -> str:
        """An expression for the default value of `field`."""
        if field.default_is_new:
            return "[]" if field.kind == "array" else f"{self.refer('C', field.struct)}()"
        if field.kind == "uuid":
            return self.refer("U", field.default)
        return repr(field.default)

    def compile(self, function: str, head: str) -> Any:
        source = "\n".join([head, *(self.lines or ["    pass"])])
        filename = f"<{function} {self.cls.__name__} v{self.version}>"
        # The source is made of declarations only, never of input.
        exec(compile(source, filename, "exec"), self.names)
        return self.names[function]


class _EncoderSource(_Source):
    """Writes `encode(m, w)`: `w` takes the pieces in order."""

    def __init__(self, cls: type, version: int) -> None:
        super().__init__(cls, version)
        self.codes: list[str] = []  # a run of fixed-size values not written yet
        self.values: list[str] = []

    def make(self, function: str) -> Any:
        self.struct(self.cls, "m", "w")
        self.flush("w")
        return self.compile(function, f"def {function}(m, w):")

    def fixed(self, code: str, expression: str = "") -> None:
        self.codes.append(code)
        if expression:
            self.values.append(expression)

    def flush(self, w: str) -> None:
        if not self.codes:
            return
        if self.values:
            self.emit(f"{w}({self.packer(''.join(self.codes), 'pack')}({', '.join(self.values)}))")
        else:
            self.emit(f"{w}({bytes(len(self.codes))!r})")
        self.codes, self.values = [], []

    def struct(self, cls: type, m: str, w: str) -> None:
        tagged = []
        for field in fields_of(cls):
            value = f"{m}.{field.name}"
            if self.version not in field.versions:
                if not field.ignorable:
                    self.check_default(field, m, value)
            elif self.version in field.tagged and self.flexible:
                tagged.append(field)
            else:
                self.value(field, value, w)
        if self.flexible:
            self.tags(sorted(tagged, key=lambda f: f.tag), m, w)

    def check_default(self, field: Field, m: str, value: str) -> None:
        # Checks may stand before a pending run: they write nothing.
        self.emit(f"if {value} != {self.constant(field)}:")
        self.emit(f"    raise unsent({m}, {field.name!r}, {self.version})")

    def tags(self, tagged: list[Field], m: str, w: str) -> None:
        if not tagged:
            self.fixed("x")
            return
        self.flush(w)
        sections = self.fresh("t")
        self.emit(f"{sections} = []")
        for field in tagged:
            value = f"{m}.{field.name}"
            self.emit(f"if {value} != {self.constant(field)}:")
            self.depth += 1
            parts, inner, body = self.fresh("p"), self.fresh("w"), self.fresh("b")
            self.emit(f"{parts} = []; {inner} = {parts}.append")
            self.value(field, value, inner, tagged=True)
            self.flush(inner)
            self.emit(f"{body} = b''.join({parts})")
            self.emit(f"{sections} += ({encode_uvarint(field.tag)!r}, B(len({body})), {body})")
            self.depth -= 1
        self.emit(f"{w}(B(len({sections}) // 3))")
        self.emit(f"for {sections}x in {sections}: {w}({sections}x)")

    def value(self, field: Field, value: str, w: str, *, tagged: bool = False) -> None:
        nullable = self.version in field.nullable
        if field.kind in _FORMATS:
            self.fixed(_FORMATS[field.kind], value + ".bytes" if field.kind == "uuid" else value)
            return
        v = self.fresh("v")
        if not nullable:
            self.emit(f"{v} = {value}")
            self.present(field, v, w)
            return
        self.flush(w)
        self.emit(f"{v} = {value}")
        self.emit(f"if {v} is None:")
        self.emit(f"    {w}({self.null(field.kind, tagged)!r})")
        self.emit("else:")
        self.depth += 1
        if field.kind == "struct":
            self.emit(f"{w}(b'\\x01')")
        self.present(field, v, w)
        self.flush(w)
        self.depth -= 1

    def null(self, kind: str, tagged: bool) -> bytes:
        if kind == "struct":
            # Kafka's generator differs here: -1 in a plain field, 0 in a tagged one.
            return b"\0" if tagged else b"\xff"
        if self.flexible:
            return b"\0"
        return b"\xff\xff" if kind == "string" else b"\xff\xff\xff\xff"

    def present(self, field: Field, v: str, w: str) -> None:
        if field.kind == "struct":
            assert field.struct is not None
            self.struct(field.struct, v, w)
        elif field.kind == "array":
            self.length(f"len({v})", "i", w)
            self.items(field, v, w)
        else:
            self.variable(field.kind, v, w)

    def variable(self, kind: str, v: str, w: str) -> None:
        if kind == "string":
            self.emit(f"{v} = {v}.encode()")
        self.length(f"len({v})", "h" if kind == "string" else "i", w)
        self.flush(w)
        self.emit(f"{w}({v})")

    def length(self, expression: str, code: str, w: str) -> None:
        if self.flexible:
            self.flush(w)
            self.emit(f"{w}(B({expression} + 1))")
        else:
            self.fixed(code, expression)

    def items(self, field: Field, v: str, w: str) -> None:
        self.flush(w)
        kind = field.item_kind
        if kind in _FORMATS and kind != "uuid":
            self.emit(f"{w}(many({_FORMATS[kind]!r}, {v}))")
            return
        item = self.fresh("m")
        self.emit(f"for {item} in {v}:")
        self.depth += 1
        if kind == "struct":
            assert field.struct is not None
            before = len(self.lines)
            self.struct(field.struct, item, w)
            self.flush(w)
            if len(self.lines) == before:
                self.emit("pass")
        elif kind == "uuid":
            self.emit(f"{w}({item}.bytes)")
        else:
            self.variable(kind, item, w)
        self.depth -= 1


class _DecoderSource(_Source):
    """Writes `decode(buf, pos, size)`: the message and the position after it."""

    def __init__(self, cls: type, version: int) -> None:
        super().__init__(cls, version)
        self.codes: list[str] = []  # a run of fixed-size fields not read yet
        self.targets: list[str] = []
        self.uuids: list[str] = []

    def make(self, function: str) -> Any:
        self.struct(self.cls, "m")
        self.flush()
        self.emit("return m, pos")
        return self.compile(function, f"def {function}(buf, pos, size):")

    def flush(self) -> None:
        if not self.codes:
            return
        code = "".join(self.codes)
        self.emit(f"({', '.join(self.targets)},) = {self.packer(code, 'unpack_from')}(buf, pos)")
        self.emit(f"pos += {struct.calcsize('>' + code)}")
        for target in self.uuids:
            self.emit(f"{target} = uuid_of({target})")
        self.codes, self.targets, self.uuids = [], [], []

    def struct(self, cls: type, m: str) -> None:
        # Before the pending run, which may belong to the parent: a new object reads nothing.
        self.emit(f"{m} = new({self.refer('C', cls)})")
        tagged = []
        for field in fields_of(cls):
            target = f"{m}.{field.name}"
            if self.version in field.tagged and self.flexible and self.version in field.versions:
                self.emit(f"{target} = {self.literal(field)}")
                tagged.append(field)
            elif self.version not in field.versions:
                self.emit(f"{target} = {self.literal(field)}")
            else:
                self.value(field, target)
        if self.flexible:
            self.flush()
            self.tags(tagged, m)

    def tags(self, tagged: list[Field], m: str) -> None:
        if not tagged:
            self.emit("if buf[pos]: pos = skip_tags(buf, pos, size)")
            self.emit("else: pos += 1")
            return
        count = self.fresh("n")
        self.uvarint(count)
        self.emit(f"for {count}x in range({count}):")
        self.depth += 1
        tag, end = self.fresh("g"), self.fresh("e")
        self.uvarint(tag)
        self.uvarint(end)
        self.emit(f"if {end} > size - pos: raise bad('tagged field', {end}, size - pos)")
        self.emit(f"{end} += pos")
        for index, field in enumerate(tagged):
            self.emit(f"{'elif' if index else 'if'} {tag} == {field.tag}:")
            self.depth += 1
            self.value(field, f"{m}.{field.name}", tagged=True)
            self.flush()
            self.depth -= 1
        self.emit(f"else: pos = {end}")
        self.emit(
            f"if pos != {end}: raise ProtocolError(f'tagged field {{{tag}}} ends elsewhere than it says')"
        )
        self.depth -= 1

    def uvarint(self, name: str) -> None:
        self.emit(f"{name} = buf[pos]; pos += 1")
        self.emit(f"if {name} > 127: {name}, pos = tail(buf, pos, {name})")

    def value(self, field: Field, target: str, *, tagged: bool = False) -> None:
        nullable = self.version in field.nullable
        if field.kind in _FORMATS:
            self.codes.append(_FORMATS[field.kind])
            self.targets.append(target)
            if field.kind == "uuid":
                self.uuids.append(target)
        elif field.kind == "struct":
            self.nested(field, target, nullable, "== 0" if tagged else "> 127")
        elif field.kind == "array":
            self.array(field, target, nullable)
        else:
            self.variable(field.kind, field.name, target, nullable)

    def nested(self, field: Field, target: str, nullable: bool, null: str) -> None:
        assert field.struct is not None
        name = self.fresh("m")
        if nullable:
            self.flush()
            self.emit("pos += 1")
            self.emit(f"if buf[pos - 1] {null}: {target} = None")
            self.emit("else:")
            self.depth += 1
        self.struct(field.struct, name)
        self.flush()
        self.emit(f"{target} = {name}")
        if nullable:
            self.depth -= 1

    def read_length(self, code: str) -> str:
        """Emit the reading of a length; its variable is -1 for null."""
        n = self.fresh("n")
        if self.flexible:
            self.flush()
            self.uvarint(n)
            self.emit(f"{n} -= 1")
        else:
            self.codes.append(code)
            self.targets.append(n)
            self.flush()
        return n

    def variable(self, kind: str, name: str, target: str, nullable: bool) -> None:
        n = self.read_length("h" if kind == "string" else "i")
        if nullable:
            self.emit(f"if {n} == -1: {target} = None")
            self.emit("else:")
            self.depth += 1
        self.emit(f"if not 0 <= {n} <= size - pos: raise bad({name!r}, {n}, size - pos)")
        self.emit(f"{n} += pos")
        piece = f"buf[pos:{n}]"
        wrap = {"string": f"str({piece}, 'utf-8')", "bytes": f"bytes({piece})", "records": piece}
        self.emit(f"{target} = {wrap[kind]}; pos = {n}")
        if nullable:
            self.depth -= 1

    def array(self, field: Field, target: str, nullable: bool) -> None:
        n = self.read_length("i")
        if nullable:
            self.emit(f"if {n} == -1: {target} = None")
            self.emit("else:")
            self.depth += 1
        smallest = max(1, self.least_size(field.item_kind, field.struct))
        self.emit(
            f"if {n} < 0 or {n} * {smallest} > size - pos: raise bad({field.name!r}, {n}, size - pos)"
        )
        kind = field.item_kind
        if kind in _FORMATS and kind != "uuid":
            self.emit(f"{target} = list(unpack_from(f'>{{{n}}}{_FORMATS[kind]}', buf, pos))")
            self.emit(f"pos += {n} * {_SIZES[kind]}")
        else:
            self.items(field, target, n)
        if nullable:
            self.depth -= 1

    def items(self, field: Field, target: str, n: str) -> None:
        items, item = self.fresh("a"), self.fresh("m")
        self.emit(f"{target} = {items} = []")
        self.emit(f"for {n}x in range({n}):")
        self.depth += 1
        if field.item_kind == "struct":
            assert field.struct is not None
            self.struct(field.struct, item)
        elif field.item_kind == "uuid":
            self.emit(f"{item} = uuid_of(bytes(buf[pos:pos + 16])); pos += 16")
        else:
            self.variable(field.item_kind, field.name, item, False)
        self.flush()
        self.emit(f"{items}.append({item})")
        self.depth -= 1

    def least_size(self, kind: str, cls: type | None) -> int:
        """The fewest bytes that a value of this kind takes in this version."""
        if kind in _SIZES:
            return _SIZES[kind]
        if kind == "struct":
            assert cls is not None
            size = 1 if self.flexible else 0
            for field in fields_of(cls):
                tagged = self.flexible and self.version in field.tagged
                if self.version in field.versions and not tagged:
                    nested = field.kind == "struct"
                    if nested and self.version in field.nullable:
                        size += 1
                    else:
                        size += self.least_size(field.kind, field.struct if nested else None)
            return size
        if self.flexible:
            return 1
        return 2 if kind == "string" else 4
