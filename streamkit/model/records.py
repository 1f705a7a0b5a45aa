"""What a log is made of: partitions, and records with their headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeAlias, TypeVar

__all__ = ["EMPTY_HEADERS", "Headers", "Record", "RecordInfo", "TopicPartition"]

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""Record headers in order; a name may occur more than once."""

EMPTY_HEADERS: Headers = ()
"""The headers of nearly every record: shared, never copied."""


class TopicPartition(NamedTuple):
    """One partition of one topic; sorts by topic, then partition."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


class RecordInfo(NamedTuple):
    """Where a record came from, for extractors and processors.

    Attributes:
        topic: topic of the source record; None inside a punctuator.
        partition, offset: of the source record; -1 inside a punctuator.
        timestamp_ms: of the record at hand (an operator may have changed it).
        headers: of the record at hand.
    """

    topic: str | None
    partition: int
    offset: int
    timestamp_ms: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class Record(Generic[K, V]):
    """A record as users meet it at the edges: processors, tests, consumers.

    Attributes:
        key: the key, or None.
        value: the value, or None (a tombstone in a table).
        timestamp_ms: event time in milliseconds since the epoch.
        headers: name and value pairs in order.
    """

    key: K
    value: V
    timestamp_ms: int
    headers: Headers = EMPTY_HEADERS

    def with_key(self, key: K2) -> Record[K2, V]:
        """The same record with another key.

        Example:
            >>> Record("a", 1, timestamp_ms=5).with_key("b")
            Record(key='b', value=1, timestamp_ms=5, headers=())
        """
        return Record(key, self.value, self.timestamp_ms, self.headers)

    def with_value(self, value: V2) -> Record[K, V2]:
        """The same record with another value.

        Example:
            >>> Record("a", 1, timestamp_ms=5).with_value("one")
            Record(key='a', value='one', timestamp_ms=5, headers=())
        """
        return Record(self.key, value, self.timestamp_ms, self.headers)

    def with_timestamp(self, timestamp_ms: int) -> Record[K, V]:
        """The same record at another time.

        Example:
            >>> Record("a", 1, timestamp_ms=5).with_timestamp(7)
            Record(key='a', value=1, timestamp_ms=7, headers=())
        """
        return Record(self.key, self.value, timestamp_ms, self.headers)

    def with_headers(self, headers: Headers) -> Record[K, V]:
        """The same record with other headers.

        Example:
            >>> Record("a", 1, timestamp_ms=5).with_headers((("source", b"web"),)).headers
            (('source', b'web'),)
        """
        return Record(self.key, self.value, self.timestamp_ms, headers)
