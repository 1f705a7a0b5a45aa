"""A record that waits in a buffer, and its bytes in the changelog.

All lengths are 4 bytes, -1 for none:

| field | bytes |
| --- | --- |
| timestamp, offset | 8, 8 |
| topic | length, UTF-8 |
| partition | 4 |
| headers | count (4), for each: length and name, length and value |
| prior value | length and bytes: what was downstream before the key was buffered |
| old value | length and bytes; length -2: the same as the prior value |
| new value | length and bytes |
| buffer time | 8 |

Source: org.apache.kafka.streams.state.internals.BufferValue, ProcessorRecordContext; version 3.
"""

from __future__ import annotations

from struct import Struct, error
from typing import Final

from mypy_extensions import i64

from streamkit.errors import StorageError, caused_by
from streamkit.model.records import EMPTY_HEADERS, Headers

__all__ = ["Buffered"]

_TIMES: Final = Struct(">qq")
_LONG: Final = Struct(">q")
_INT: Final = Struct(">i")
_NONE: Final = -1
_AS_PRIOR: Final = -2
_FIXED_BYTES: Final = 20
"""Timestamp, offset and partition, as Kafka Streams counts the size of a buffered record."""


class Buffered:
    """A waiting record, values as bytes.

    Attributes:
        time: what it is ordered and evicted by, in milliseconds.
        prior, old, new: values as bytes; for a plain record only `new`.
        timestamp: the record's.
        topic, partition, offset, headers: of the source record that caused it.
    """

    __slots__ = (
        "headers",
        "new",
        "offset",
        "old",
        "partition",
        "prior",
        "time",
        "timestamp",
        "topic",
    )

    def __init__(
        self,
        time: i64,
        prior: bytes | None,
        old: bytes | None,
        new: bytes | None,
        timestamp: i64,
        topic: str,
        partition: i64,
        offset: i64,
        headers: Headers,
    ) -> None:
        self.time: i64 = time
        self.prior: bytes | None = prior
        self.old: bytes | None = old
        self.new: bytes | None = new
        self.timestamp: i64 = timestamp
        self.topic: str = topic
        self.partition: i64 = partition
        self.offset: i64 = offset
        self.headers: Headers = headers

    def size_bytes(self) -> i64:
        """What Kafka Streams counts for a buffer's limit in bytes, without the key."""
        size: i64 = _FIXED_BYTES + len(self.topic)
        for name, value in self.headers:
            size += len(name)
            if value is not None:
                size += len(value)
        if self.prior is not None:
            size += len(self.prior)
        if self.old is not None and self.old != self.prior:
            size += len(self.old)
        if self.new is not None:
            size += len(self.new)
        return size

    def encode(self, timed: bool = True) -> bytes:
        """The value of its changelog record; with 0 for the buffer time unless `timed`."""
        topic = self.topic.encode()
        parts = [
            _TIMES.pack(self.timestamp, self.offset),
            _INT.pack(len(topic)),
            topic,
            _INT.pack(self.partition),
            _INT.pack(len(self.headers)),
        ]
        for name, value in self.headers:
            parts.append(_sized(name.encode()))
            parts.append(_sized(value))
        parts.append(_sized(self.prior))
        if self.old is not None and self.old == self.prior:
            parts.append(_INT.pack(_AS_PRIOR))
        else:
            parts.append(_sized(self.old))
        parts.append(_sized(self.new))
        parts.append(_LONG.pack(self.time if timed else 0))
        return b"".join(parts)

    @staticmethod
    def decode(data: bytes) -> Buffered:
        """The record that `encode` wrote.

        Raises:
            StorageError: `data` is something else.
        """
        reader = _Reader(data)
        try:
            return reader.record()
        except (error, UnicodeDecodeError) as cause:
            failure = StorageError(
                f"a changelog record of {len(data)} bytes is no buffered record of version 3"
            )
            raise caused_by(failure, cause) from cause


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position: i64 = 0

    def record(self) -> Buffered:
        timestamp: i64
        offset: i64
        timestamp, offset = _TIMES.unpack_from(self._data, self._position)
        self._position += 16
        topic = (self._sized() or b"").decode()
        partition = self._int()
        headers: Headers = EMPTY_HEADERS
        for _ in range(self._int()):
            name = (self._sized() or b"").decode()
            headers += ((name, self._sized()),)
        prior = self._sized()
        size = self._int()
        old = prior if size == _AS_PRIOR else self._take(size)
        new = self._sized()
        time: i64 = _LONG.unpack_from(self._data, self._position)[0]
        return Buffered(time, prior, old, new, timestamp, topic, partition, offset, headers)

    def _int(self) -> i64:
        number: i64 = _INT.unpack_from(self._data, self._position)[0]
        self._position += 4
        return number

    def _sized(self) -> bytes | None:
        return self._take(self._int())

    def _take(self, size: i64) -> bytes | None:
        if size == _NONE:
            return None
        end = self._position + size
        if size < 0 or end > len(self._data):
            raise error("a length beyond the end")
        data = self._data[self._position : end]
        self._position = end
        return data


def _sized(data: bytes | None) -> bytes:
    return _INT.pack(_NONE) if data is None else _INT.pack(len(data)) + data
