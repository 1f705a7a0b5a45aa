"""The forms of one entry in memory, and the way between them and bytes.

In an overlay an entry is one of

- a tuple `(value, timestamp)`: decoded. Only for value serdes marked `immutable`, since the object is
  shared with whoever reads it; what `get` returns is this very tuple.
- `Encoded`: the value's bytes and the timestamp.
- `Tombstone`: deleted, and when.

In a backend a timestamped store has 8 bytes of timestamp before the value; a changelog has the plain
value, and the timestamp in the record.
"""

from __future__ import annotations

from typing import Any, cast

from mypy_extensions import i64

from streamkit.serde.base import Serde
from streamkit.state.bound_serde import BoundSerde
from streamkit.state.keys import long_bytes, long_from

__all__ = ["Encoded", "EntryCodec", "Tombstone"]


class Encoded:
    """A value as bytes."""

    __slots__ = ("data", "timestamp")

    def __init__(self, data: bytes, timestamp: i64) -> None:
        self.data: bytes = data
        self.timestamp: i64 = timestamp


class Tombstone:
    """A deleted entry."""

    __slots__ = ("timestamp",)

    def __init__(self, timestamp: i64) -> None:
        self.timestamp: i64 = timestamp


class EntryCodec:
    """Makes entries of one store and turns them into bytes.

    Args:
        serde: of the values.
        store: the store's name, for messages.
        topic: its changelog topic, which the serde gets to see.
        timestamped: whether the backend keeps a timestamp beside the value.
    """

    def __init__(self, serde: Serde[Any], *, store: str, topic: str, timestamped: bool) -> None:
        self._serde = serde
        self._bound = BoundSerde(serde, store, topic)
        self._timestamped = timestamped
        self._immutable = serde.immutable

    def entry(self, value: object, timestamp: i64) -> object:
        """The entry for a value as a store is given it; None is a tombstone.

        Raises:
            SerdeError: the serde can't write the value.
        """
        if value is None:
            return Tombstone(timestamp)
        if self._immutable and self._serde.fits(value):
            return (value, timestamp)
        return Encoded(self._bound.serialize(value), timestamp)

    def decoded(self, entry: object) -> object:
        """`entry` as `(value, timestamp)`; None for a tombstone or for None."""
        if isinstance(entry, tuple):
            return entry
        if isinstance(entry, Encoded):
            return (self._bound.deserialize(entry.data), entry.timestamp)
        return None

    def from_backend(self, data: bytes) -> object:
        """The entry that a backend's bytes stand for."""
        if self._timestamped:
            timestamp = long_from(data)
            data = data[8:]
        else:
            timestamp = 0
        if self._immutable:
            return (self._bound.deserialize(data), timestamp)
        return Encoded(data, timestamp)

    def to_backend(self, entry: object) -> bytes | None:
        """What the backend keeps of `entry`; None deletes."""
        if isinstance(entry, tuple):
            value, timestamp = cast("tuple[object, int]", entry)
            data = self._bound.serialize(value)
            return long_bytes(timestamp) + data if self._timestamped else data
        if isinstance(entry, Encoded):
            if self._timestamped:
                return long_bytes(entry.timestamp) + entry.data
            return entry.data
        return None

    def record_to_backend(self, value: bytes | None, timestamp: i64) -> bytes | None:
        """What the backend keeps of a changelog record."""
        if value is None or not self._timestamped:
            return value
        return long_bytes(timestamp) + value

    def to_changelog(self, entry: object) -> tuple[bytes | None, i64]:
        """Value and timestamp of the changelog record."""
        if isinstance(entry, tuple):
            value, timestamp = cast("tuple[object, int]", entry)
            return self._bound.serialize(value), timestamp
        if isinstance(entry, Encoded):
            return entry.data, entry.timestamp
        assert isinstance(entry, Tombstone)
        return None, entry.timestamp

    def size(self, entry: object) -> i64:
        """How many bytes of value `entry` holds, roughly."""
        if isinstance(entry, Encoded):
            return len(entry.data)
        if isinstance(entry, tuple):
            value = entry[0]
            if isinstance(value, (str, bytes)):
                return len(value)
            return 32
        return 0
