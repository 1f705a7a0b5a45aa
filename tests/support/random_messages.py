"""A message of any class and version with random fields, from its declaration."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any

from streamkit.log.protocol.wire import Field, default_of, fields_of

_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint16": 16, "uint32": 32}
_LETTERS = "abcxyz-_.0189 é\u4e16\U0001f40d"


@dataclass(frozen=True)
class Vocabulary:
    """What random fields are made of beside chance, so that some of them mean something to a broker.

    Attributes:
        words: strings that are used often.
        records: values of records fields that are used often.
        uuids: ids that are used often.
        most_items: the longest array.
        null_share: how often a nullable field is null.
    """

    words: tuple[str, ...] = ()
    records: tuple[bytes, ...] = ()
    uuids: tuple[uuid.UUID, ...] = ()
    most_items: int = 3
    null_share: float = 0.2


_PLAIN = Vocabulary()


def random_message(
    cls: type[Any], version: int, rng: random.Random, vocabulary: Vocabulary = _PLAIN
) -> Any:
    """An instance whose fields are random where `version` has them, and default elsewhere."""
    values: dict[str, Any] = {}
    for field in fields_of(cls):
        if version not in field.versions:
            continue
        if version in field.nullable and rng.random() < vocabulary.null_share:
            values[field.name] = None
        elif version in field.tagged and rng.random() < 0.3:
            values[field.name] = default_of(field)
        else:
            values[field.name] = _value(field, version, rng, vocabulary)
    return cls(**values)


def _value(field: Field, version: int, rng: random.Random, vocabulary: Vocabulary) -> Any:
    if field.kind != "array":
        return _item(field.kind, field.struct, version, rng, vocabulary)
    return [
        _item(field.item_kind, field.struct, version, rng, vocabulary)
        for _ in range(rng.randint(0, vocabulary.most_items))
    ]


def _item(
    kind: str, cls: type | None, version: int, rng: random.Random, vocabulary: Vocabulary
) -> Any:
    if kind in _BITS:
        return _number(_BITS[kind], not kind.startswith("u"), rng)
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "float64":
        return rng.uniform(-1e9, 1e9)
    if kind == "string":
        if vocabulary.words and rng.random() < 0.7:
            return rng.choice(vocabulary.words)
        return "".join(rng.choices(_LETTERS, k=_length(rng)))
    if kind == "uuid" and vocabulary.uuids and rng.random() < 0.7:
        return rng.choice(vocabulary.uuids)
    if kind == "uuid":
        return uuid.UUID(int=rng.getrandbits(128) if rng.random() < 0.8 else 0)
    if kind == "records" and vocabulary.records and rng.random() < 0.8:
        return rng.choice(vocabulary.records)
    if kind in ("bytes", "records"):
        return bytes(rng.getrandbits(8) for _ in range(_length(rng)))
    assert cls is not None
    return random_message(cls, version, rng, vocabulary)


def _number(bits: int, signed: bool, rng: random.Random) -> int:
    """Small numbers, the ends of the range, and anything."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    choice = rng.random()
    if choice < 0.7:
        return rng.choice((0, 0, 1, 1, 2, 5, max(low, -1)))
    if choice < 0.85:
        return rng.choice((low, high))
    return rng.randint(low, high)


def _length(rng: random.Random) -> int:
    """Mostly short; at times past the one byte of a varint."""
    return rng.randint(100, 400) if rng.random() < 0.05 else rng.randint(0, 8)
