"""A message of any class and version with random fields, from its declaration."""

from __future__ import annotations

import random
import uuid
from typing import Any

from streamkit.log.protocol.wire import Field, default_of, fields_of

_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint16": 16, "uint32": 32}
_LETTERS = "abcxyz-_.0189 é\u4e16\U0001f40d"


def random_message(
    cls: type[Any],
    version: int,
    rng: random.Random,
    *,
    most_items: int = 3,
    null_share: float = 0.2,
) -> Any:
    """An instance whose fields are random where `version` has them, and default elsewhere.

    Args:
        cls: a declared message.
        version: the version that it shall be encoded in.
        rng: where chance comes from.
        most_items: the longest array.
        null_share: how often a nullable field is null.
    """
    values: dict[str, Any] = {}
    for field in fields_of(cls):
        if version not in field.versions:
            continue
        if version in field.nullable and rng.random() < null_share:
            values[field.name] = None
        elif version in field.tagged and rng.random() < 0.3:
            values[field.name] = default_of(field)
        else:
            values[field.name] = _value(field, version, rng, most_items, null_share)
    return cls(**values)


def _value(
    field: Field, version: int, rng: random.Random, most_items: int, null_share: float
) -> Any:
    if field.kind != "array":
        return _item(field.kind, field.struct, version, rng, most_items, null_share)
    return [
        _item(field.item_kind, field.struct, version, rng, most_items, null_share)
        for _ in range(rng.randint(0, most_items))
    ]


def _item(
    kind: str,
    cls: type | None,
    version: int,
    rng: random.Random,
    most_items: int,
    null_share: float,
) -> Any:
    if kind in _BITS:
        return _number(_BITS[kind], not kind.startswith("u"), rng)
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "float64":
        return rng.uniform(-1e9, 1e9)
    if kind == "string":
        return "".join(rng.choices(_LETTERS, k=_length(rng)))
    if kind == "uuid":
        return uuid.UUID(int=rng.getrandbits(128) if rng.random() < 0.8 else 0)
    if kind in ("bytes", "records"):
        return bytes(rng.getrandbits(8) for _ in range(_length(rng)))
    assert cls is not None
    return random_message(cls, version, rng, most_items=most_items, null_share=null_share)


def _number(bits: int, signed: bool, rng: random.Random) -> int:
    """Small numbers, the ends of the range, and anything."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    choice = rng.random()
    if choice < 0.6:
        return rng.randint(0, 5)
    if choice < 0.8:
        return rng.choice((low, high, max(low, -1)))
    return rng.randint(low, high)


def _length(rng: random.Random) -> int:
    """Mostly short; at times past the one byte of a varint."""
    return rng.randint(100, 400) if rng.random() < 0.05 else rng.randint(0, 8)
