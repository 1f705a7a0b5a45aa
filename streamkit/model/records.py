"""What a log is made of: partitions, and records with their headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeAlias, TypeVar

__all__ = ["EMPTY_HEADERS", "Headers", "Record", "RecordInfo", "TopicPartition"]

K = TypeVar("K")
V = TypeVar("V")

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
