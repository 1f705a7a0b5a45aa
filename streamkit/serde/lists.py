"""Lists of one serde's values, as Kafka's ListSerializer lays them out.

| inner serde | bytes |
| --- | --- |
| of fixed size (int, float, datetime, UUID) | 0, number of nulls (4), their indexes (4 each), number of entries (4), the entries that aren't null |
| any other | 1, number of entries (4), then for each: length (4, -1 for null), entry |

Source: org.apache.kafka.common.serialization.ListSerializer, ListDeserializer.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from streamkit.serde.base import Serde
from streamkit.serde.date_time import DateTimeSerde
from streamkit.serde.failures import unreadable, unwritable
from streamkit.serde.float64 import FloatSerde
from streamkit.serde.integer import IntegerSerde
from streamkit.serde.uuid import UUIDSerde

__all__ = ["ListSerde"]

_INT: Final = Struct(">i")
_CONSTANT_SIZE: Final = 0
_VARIABLE_SIZE: Final = 1
_NULL: Final = -1
_SIZES: Final[dict[type[Any], int]] = {
    IntegerSerde: 8,
    FloatSerde: 8,
    DateTimeSerde: 8,
    UUIDSerde: 36,
}


class ListSerde(Serde[Any]):
    r"""list (or tuple) to Kafka's list bytes, and back to a list. Entries may be None.

    Args:
        inner: serde of the entries.

    Example:
        >>> from streamkit.serde.string import StringSerde
        >>> ListSerde(StringSerde()).serialize("clicks", ["a"])
        b'\x01\x00\x00\x00\x01\x00\x00\x00\x01a'
    """

    def __init__(self, inner: Serde[Any]) -> None:
        super().__init__(f"list[{inner.name}]")
        self.inner = inner
        self._size = _SIZES.get(type(inner))

    def serialize(self, topic: str, value: object) -> bytes:
        if not isinstance(value, (list, tuple)):
            raise unwritable(self.name, topic, value, "a list")
        return self._variable(topic, value) if self._size is None else self._constant(topic, value)

    def _constant(self, topic: str, entries: Sequence[Any]) -> bytes:
        nulls = [index for index, entry in enumerate(entries) if entry is None]
        parts = [bytes([_CONSTANT_SIZE]), _INT.pack(len(nulls)), *map(_INT.pack, nulls)]
        parts.append(_INT.pack(len(entries)))
        parts += [self.inner.serialize(topic, entry) for entry in entries if entry is not None]
        return b"".join(parts)

    def _variable(self, topic: str, entries: Sequence[Any]) -> bytes:
        parts = [bytes([_VARIABLE_SIZE]), _INT.pack(len(entries))]
        for entry in entries:
            if entry is None:
                parts.append(_INT.pack(_NULL))
            else:
                data = self.inner.serialize(topic, entry)
                parts += (_INT.pack(len(data)), data)
        return b"".join(parts)

    def deserialize(self, topic: str, data: bytes) -> list[Any]:
        reader = _Reader(data)
        try:
            items = self._items(reader)
            if reader.position != len(data):
                raise ValueError(f"{len(data) - reader.position} bytes too many")
        except ValueError as error:
            raise unreadable(self.name, topic, data, f"Kafka's list ({error})", error) from error
        inner = self.inner
        return [None if item is None else inner.deserialize(topic, item) for item in items]

    def _items(self, reader: _Reader) -> list[bytes | None]:
        strategy = reader.take(1)[0]
        if strategy == _VARIABLE_SIZE:
            items: list[bytes | None] = []
            for _ in range(reader.count()):
                length = reader.number()
                items.append(None if length == _NULL else reader.take(length))
            return items
        if strategy != _CONSTANT_SIZE:
            raise ValueError(f"the first byte is {strategy}, neither 0 nor 1")
        size = self._size
        if size is None:
            raise ValueError(f"entries of fixed size, which those of '{self.inner.name}' aren't")
        nulls = {reader.number() for _ in range(reader.count())}
        return [None if i in nulls else reader.take(size) for i in range(reader.count())]

    def __reduce__(self) -> tuple[type[ListSerde], tuple[Serde[Any]]]:
        return ListSerde, (self.inner,)


class _Reader:
    """Reads on from a position; what isn't there is a ValueError."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        if size < 0:
            raise ValueError(f"a length of {size}")
        end = self.position + size
        if end > len(self.data):
            raise ValueError(f"{end - len(self.data)} bytes missing")
        part = self.data[self.position : end]
        self.position = end
        return part

    def number(self) -> int:
        number: int = _INT.unpack(self.take(4))[0]
        return number

    def count(self) -> int:
        number = self.number()
        if number < 0:
            raise ValueError(f"a count of {number}")
        return number
