"""What the client hands to its callers: records, batches of columns, offsets and receipts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from streamkit.log.protocol.batch import RecordColumns
from streamkit.model import EMPTY_HEADERS, Headers, TopicPartition

__all__ = [
    "ConsumerGroupMetadata",
    "ConsumerRecord",
    "FetchedBatch",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "RecordMetadata",
]


@dataclass(frozen=True, slots=True)
class ConsumerRecord:
    """One record as `Consumer.poll` returns it.

    Attributes:
        topic: where it comes from.
        partition: where it comes from.
        offset: its place in the partition.
        timestamp_ms: milliseconds since the epoch; -1 if the record has none.
        key: key bytes, or None.
        value: value bytes, or None (a tombstone).
        headers: name and value pairs in order.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = EMPTY_HEADERS


@dataclass(slots=True)
class FetchedBatch:
    """The records of one record batch, decoded to columns.

    Attributes:
        topic_partition: where it comes from.
        columns: lists `offsets`, `timestamps`, `keys`, `values`, `headers` (None when no record
            has any) of equal length; the caller owns them. Never empty.
        high_watermark: end of the partition that read_committed or read_uncommitted may see at
            the time of the fetch, for the lag.
        next_offset: the position after this batch: what to commit once it is processed.
    """

    topic_partition: TopicPartition
    columns: RecordColumns
    high_watermark: int
    next_offset: int


class OffsetAndMetadata(NamedTuple):
    """What a group commits for a partition.

    Attributes:
        offset: the next offset to read.
        metadata: any text of the application's, kept with the offset.
        leader_epoch: of the last record read; -1 if not known.
    """

    offset: int
    metadata: str = ""
    leader_epoch: int = -1


class OffsetAndTimestamp(NamedTuple):
    """An offset found by time: the first record at or after the time that was asked for."""

    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class RecordMetadata:
    """The receipt of a delivered record.

    Attributes:
        topic: where it is.
        partition: where it is.
        offset: its place; -1 if the broker did not say (acks=0, or a duplicate of a retry).
        timestamp_ms: the record's timestamp in the log.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class ConsumerGroupMetadata(NamedTuple):
    """Who a consumer is in its group, for `Producer.send_offsets_to_transaction`.

    Attributes:
        group_id: the group.
        generation_id: -1 outside a generation.
        member_id: empty outside a generation.
        group_instance_id: of a static member.
    """

    group_id: str
    generation_id: int = -1
    member_id: str = ""
    group_instance_id: str | None = None
