"""Decoders, written from the declarations.

A decoder trusts no length: each is held against the bytes that are left before anything is sliced or
looped over. Nor does it trust honest ones too far: an element of two bytes becomes an object of a hundred, so the
elements of all arrays of one message are limited together.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from streamkit.errors import ProtocolError
from streamkit.log.protocol.codegen import FORMATS, SIZES, Source
from streamkit.log.protocol.varint import Buffer, skip_tags, uvarint_tail
from streamkit.log.protocol.wire import Field, fields_of

__all__ = ["MAX_ITEMS", "Decoder", "make_decoder"]

MAX_ITEMS = 1_000_000
"""The most elements that the arrays of one message may have in all."""

_LONGEST_STRING = 0x7FFF  # bytes, as in Apache Kafka

Decoder: TypeAlias = Callable[[Buffer, int, int], tuple[Any, int]]
"""`decode(buf, pos, size)`: the message and the position after it; raises IndexError, ValueError or struct.error."""


def make_decoder(cls: type, version: int) -> Decoder:
    """The decoder of a class in a version; `ProtocolError` when it has no such version."""
    made: Decoder = _DecoderSource(cls, version).make("decode")
    return made


def _bad_length(name: str, length: int, left: int) -> ProtocolError:
    if length < 0:
        return ProtocolError(f"{name} is null or its length negative ({length})")
    if length <= left:
        return ProtocolError(f"{name} has {length} bytes, more than {_LONGEST_STRING}")
    return ProtocolError(f"{name} says {length}, {left} bytes left")


def _too_many() -> ProtocolError:
    return ProtocolError(f"arrays of more than {MAX_ITEMS} elements in all")


@lru_cache(maxsize=4096)
def _uuid_of(raw: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=raw)


_NAMES = {
    "MAX_ITEMS": MAX_ITEMS,
    "ProtocolError": ProtocolError,
    "bad": _bad_length,
    "new": object.__new__,
    "skip_tags": skip_tags,
    "tail": uvarint_tail,
    "too_many": _too_many,
    "unpack_from": struct.unpack_from,
    "uuid_of": _uuid_of,
}


class _DecoderSource(Source):
    """Writes `decode(buf, pos, size)`: the message and the position after it."""

    def __init__(self, cls: type, version: int) -> None:
        super().__init__(cls, version, _NAMES)
        self.codes: list[str] = []  # a run of fixed-size fields not read yet
        self.targets: list[str] = []
        self.uuids: list[str] = []
        self.counts_items = False

    def make(self, function: str) -> Any:
        self.struct(self.cls, "m")
        self.flush()
        self.emit("return m, pos")
        if self.counts_items:
            self.lines.insert(0, "    items_left = MAX_ITEMS")
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
        if field.kind in FORMATS:
            self.codes.append(FORMATS[field.kind])
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
        # What couldn't be written into a log, or in an older version, isn't taken in a flexible one either.
        too_long = f" or {n} > {_LONGEST_STRING}" if kind == "string" and self.flexible else ""
        self.emit(f"if not 0 <= {n} <= size - pos{too_long}: raise bad({name!r}, {n}, size - pos)")
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
        self.counts_items = True
        self.emit(f"items_left -= {n}")
        self.emit("if items_left < 0: raise too_many()")
        kind = field.item_kind
        if kind in FORMATS and kind != "uuid":
            self.emit(f"{target} = list(unpack_from(f'>{{{n}}}{FORMATS[kind]}', buf, pos))")
            self.emit(f"pos += {n} * {SIZES[kind]}")
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
        if kind in SIZES:
            return SIZES[kind]
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
