"""The state of named aggregates as bytes, in which every value keeps its exact type.

MessagePack: a map from `<field>=<kind>` to the state of that aggregate. A field that the bytes don't hold
(it was added to the program later, or changed its kind) begins anew; one that the program has no more is
passed over. Types that MessagePack lacks are extensions:

| code | type | data |
| --- | --- | --- |
| 1 | int beyond 64 bits | decimal digits |
| 2 | Decimal | its text |
| 3, 4, 5 | datetime, date, time | ISO 8601 |
| 6 | timedelta | days, seconds, microseconds |
| 7 | UUID | 16 bytes |
| 8 | tuple | its elements |
| 9 | dict or set of distinct values | its keys |

Whole values of the stream are written by the stream's own serde.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from streamkit.dsl.aggregate_kinds import Aggregate
from streamkit.errors import SerdeError, caused_by
from streamkit.serde import Serde

__all__ = ["AggregateStateSerde"]

_PLAIN = frozenset((type(None), bool, str, bytes, float))
_MIN_INT, _MAX_INT = -(1 << 63), (1 << 64) - 1
_BIG_INT, _DECIMAL, _DATETIME, _DATE, _TIME, _TIMEDELTA, _UUID, _TUPLE, _KEYS = range(1, 10)

_encode = msgspec.msgpack.Encoder().encode


class AggregateStateSerde(Serde[Any]):
    """States by name.

    Args:
        aggregates: by name.
        values: the serde of the stream that each one aggregates.
    """

    def __init__(
        self, aggregates: Mapping[str, Aggregate[Any, Any]], values: Mapping[str, Serde[Any]]
    ) -> None:
        super().__init__("aggregates", immutable=True)
        self._aggregates = dict(aggregates)
        self._values = dict(values)
        self._keeps_values = any(each.keeps_values for each in self._aggregates.values())

    def serialize(self, topic: str, value: Any) -> bytes:
        packed = {}
        for name, aggregate in self._aggregates.items():
            state = value[name]
            if aggregate.keeps_values:
                serde = self._values[name]
                state = aggregate.pack(state, lambda v, serde=serde: serde.serialize(topic, v))  # type: ignore[misc]  # the default binds the loop's serde
            try:
                packed[f"{name}={aggregate.kind}"] = _pack(state)
            except TypeError as error:
                raise caused_by(
                    SerdeError(f"{name}={aggregate.text} {error}", serde=self.name, topic=topic),
                    error,
                ) from error
        return _encode(packed)

    def deserialize(self, topic: str, data: bytes) -> Any:
        try:
            packed = _decoder.decode(data)
            states = {}
            for name, aggregate in self._aggregates.items():
                key = f"{name}={aggregate.kind}"
                if key not in packed:
                    states[name] = aggregate.initial()
                    continue
                state = packed[key]
                if aggregate.keeps_values:
                    serde = self._values[name]
                    state = aggregate.unpack(
                        state,
                        lambda raw, serde=serde: serde.deserialize(topic, raw),  # type: ignore[misc]  # the default binds the loop's serde
                    )
                states[name] = state
        except (msgspec.DecodeError, ValueError, TypeError, IndexError) as error:
            raise caused_by(
                SerdeError(
                    f"{len(data)} bytes are no states of {', '.join(self._aggregates)}",
                    serde=self.name,
                    topic=topic,
                ),
                error,
            ) from error
        return states

    def fits(self, value: object) -> bool:
        """True where all states are single numbers, texts and the like; a store then keeps them as they are."""
        if self._keeps_values or not isinstance(value, dict):
            return False
        for state in value.values():
            kind = type(state)
            if kind is tuple:
                if not all(_is_plain(part) for part in state):
                    return False
            elif not _is_plain(state):
                return False
        return True


def _is_plain(state: Any) -> bool:
    kind = type(state)
    return kind in _PLAIN or (kind is int and _MIN_INT <= state <= _MAX_INT)


def _pack(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is int:
        if _MIN_INT <= value <= _MAX_INT:
            return value
        return msgspec.msgpack.Ext(_BIG_INT, str(value).encode())
    if kind is list:
        return [_pack(part) for part in value]
    writer = _WRITERS.get(kind)
    if writer is not None:
        code, write = writer
        return msgspec.msgpack.Ext(code, write(value))
    if kind is dict:
        if all(part is None for part in value.values()):
            return msgspec.msgpack.Ext(_KEYS, _encode([_pack(part) for part in value]))
        if all(type(name) is str for name in value):
            return {name: _pack(part) for name, part in value.items()}
    raise TypeError(
        f"can't keep {value!r} ({kind.__name__}): aggregate numbers, text, times, or whole values"
    )


_WRITERS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    Decimal: (_DECIMAL, lambda value: str(value).encode()),
    datetime: (_DATETIME, lambda value: value.isoformat().encode()),
    date: (_DATE, lambda value: value.isoformat().encode()),
    time: (_TIME, lambda value: value.isoformat().encode()),
    timedelta: (
        _TIMEDELTA,
        lambda value: _encode([value.days, value.seconds, value.microseconds]),
    ),
    UUID: (_UUID, lambda value: value.bytes),
    tuple: (_TUPLE, lambda value: _encode([_pack(part) for part in value])),
}


def _unpack(code: int, data: memoryview) -> Any:
    raw = bytes(data)
    match code:
        case 1:
            return int(raw)
        case 2:
            return Decimal(raw.decode())
        case 3:
            return datetime.fromisoformat(raw.decode())
        case 4:
            return date.fromisoformat(raw.decode())
        case 5:
            return time.fromisoformat(raw.decode())
        case 6:
            return timedelta(*_decoder.decode(raw))
        case 7:
            return UUID(bytes=raw)
        case 8:
            return tuple(_decoder.decode(raw))
        case 9:
            return {math.nan if part != part else part: None for part in _decoder.decode(raw)}
    raise ValueError(f"unknown extension {code}")


_decoder = msgspec.msgpack.Decoder(ext_hook=_unpack)
