"""Records of a left or outer stream-stream join that wait for a partner, as Kafka Streams stores them.

| part | bytes |
| --- | --- |
| key | timestamp (8, big-endian), side (1 left, 0 right), key |
| value | 1, number of values (4), then for each: length (4), side (1 left, 0 right), value |

Entries sort by time, right before left, then by key. Source: TimestampedKeyAndJoinSideSerializer,
LeftOrRightValueSerializer, ListSerializer.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable

__all__ = ["PendingKeySerde", "PendingValuesSerde"]

_TIME_SIDE = Struct(">qB")
_VARIABLE_SIZE = 1
_HEAD = Struct(">Bi")
_LENGTH = Struct(">i")


class PendingKeySerde(Serde[Any]):
    """`(timestamp, is_left, key)`.

    Args:
        inner: serde of the key.
    """

    def __init__(self, inner: Serde[Any]) -> None:
        super().__init__(f"pending[{inner.name}]", canonical=inner.canonical)
        self.inner = inner

    def serialize(self, topic: str, value: Any) -> bytes:
        timestamp, is_left, key = value
        return _TIME_SIDE.pack(timestamp, is_left) + self.inner.serialize(topic, key)

    def deserialize(self, topic: str, data: bytes) -> Any:
        if len(data) < _TIME_SIDE.size or data[8] > 1:
            raise unreadable(self.name, topic, data, "a time (8 bytes), a side (0 or 1) and a key")
        timestamp, is_left = _TIME_SIDE.unpack_from(data)
        return timestamp, is_left == 1, self.inner.deserialize(topic, data[_TIME_SIDE.size :])

    def __reduce__(self) -> tuple[type[PendingKeySerde], tuple[Serde[Any]]]:
        return PendingKeySerde, (self.inner,)


class PendingValuesSerde(Serde[Any]):
    """`(is_left, [value, …])`: the values of one side, in the order of their arrival.

    Args:
        left, right: serdes of the two streams' values.
    """

    def __init__(self, left: Serde[Any], right: Serde[Any]) -> None:
        super().__init__(f"pending values[{left.name}, {right.name}]")
        self.left = left
        self.right = right

    def serialize(self, topic: str, value: Any) -> bytes:
        is_left, values = value
        inner = self.left if is_left else self.right
        side = b"\x01" if is_left else b"\x00"
        parts = [_HEAD.pack(_VARIABLE_SIZE, len(values))]
        for each in values:
            data = inner.serialize(topic, each)
            parts += (_LENGTH.pack(len(data) + 1), side, data)
        return b"".join(parts)

    def deserialize(self, topic: str, data: bytes) -> Any:
        if len(data) < _HEAD.size or data[0] != _VARIABLE_SIZE:
            raise unreadable(self.name, topic, data, "a list of values")
        count = _HEAD.unpack_from(data)[1]
        position = _HEAD.size
        values = []
        is_left = True
        for _ in range(count):
            if len(data) < position + _LENGTH.size:
                raise unreadable(self.name, topic, data, f"a list of {count} values")
            length = _LENGTH.unpack_from(data, position)[0]
            position += _LENGTH.size
            item = data[position : position + length]
            if length < 1 or len(item) < length or item[0] > 1:
                raise unreadable(self.name, topic, data, f"a list of {count} values")
            is_left = item[0] == 1
            values.append((self.left if is_left else self.right).deserialize(topic, item[1:]))
            position += length
        return is_left, values

    def __reduce__(self) -> tuple[type[PendingValuesSerde], tuple[Serde[Any], Serde[Any]]]:
        return PendingValuesSerde, (self.left, self.right)
