"""Encoders, written from the declarations.

A field that the version lacks costs one comparison if it must not be dropped silently, else nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from streamkit.errors import ProtocolError
from streamkit.log.protocol.codegen import FORMATS, Source
from streamkit.log.protocol.varint import encode_uvarint
from streamkit.log.protocol.wire import Field, fields_of

__all__ = ["Encoder", "make_encoder"]

Encoder: TypeAlias = Callable[[Any, Callable[[bytes], None]], None]
"""`encode(message, write)`: `write` takes the pieces in order."""


def make_encoder(cls: type, version: int) -> Encoder:
    """The encoder of a class in a version; `ProtocolError` when it has no such version."""
    made: Encoder = _EncoderSource(cls, version).make("encode")
    return made


def _unsent(message: object, name: str, version: int) -> ProtocolError:
    return ProtocolError(
        f"{type(message).__name__}.{name} is set, version {version} has no such field"
    )


def _pack_many(code: str, values: list[int]) -> bytes:
    return struct.pack(f">{len(values)}{code}", *values)


_NAMES = {"B": encode_uvarint, "unsent": _unsent, "many": _pack_many}


class _EncoderSource(Source):
    """Writes `encode(m, w)`: `w` takes the pieces in order."""

    def __init__(self, cls: type, version: int) -> None:
        super().__init__(cls, version, _NAMES)
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
        self.emit(f"if {self.differs(field, value)}:")
        self.emit(f"    raise unsent({m}, {field.name!r}, {self.version})")

    def differs(self, field: Field, value: str) -> str:
        """An expression for whether `value` isn't the field's default.

        Structs of plain values are compared field by field: a call of their `__eq__` costs 0.7 µs, and most answers
        have a tagged struct that is left at its default.
        """
        may_be_none = field.nullable.low <= field.nullable.high or not field.default_is_new
        parts: tuple[Field, ...] = ()
        if field.kind == "struct" and field.struct is not None and not may_be_none:
            parts = fields_of(field.struct)
        if not parts or any(part.kind in ("struct", "array") for part in parts):
            return f"{value} != {self.constant(field)}"
        return " or ".join(f"{value}.{part.name} != {self.constant(part)}" for part in parts)

    def tags(self, tagged: list[Field], m: str, w: str) -> None:
        if not tagged:
            self.fixed("x")
            return
        self.flush(w)
        sections = self.fresh("t")
        self.emit(f"{sections} = []")
        for field in tagged:
            value = f"{m}.{field.name}"
            self.emit(f"if {self.differs(field, value)}:")
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
        if field.kind in FORMATS:
            self.fixed(FORMATS[field.kind], value + ".bytes" if field.kind == "uuid" else value)
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
        if kind in FORMATS and kind != "uuid":
            self.emit(f"{w}(many({FORMATS[kind]!r}, {v}))")
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
