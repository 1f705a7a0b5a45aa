"""OffsetFetch (key 9): what a group has committed.

| version | change |
| --- | --- |
| 1 | the oldest left |
| 2 | null asks for all topics; an error code for the whole answer |
| 3 | answer: throttle time |
| 5 | answer: leader epoch |
| 6 | flexible |
| 7 | only offsets that no open transaction may change (`require_stable`) |
| 8 | many groups in a request (KIP-709) |
| 9 | member id and epoch, checked in the consumer protocol (KIP-848) |
| 10 | topics by id instead of name |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int16,
    Int32,
    Int64,
    String,
    Uuid,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "OffsetFetchRequest",
    "OffsetFetchRequestGroup",
    "OffsetFetchRequestTopic",
    "OffsetFetchRequestTopics",
    "OffsetFetchResponse",
    "OffsetFetchResponseGroup",
    "OffsetFetchResponsePartition",
    "OffsetFetchResponsePartitions",
    "OffsetFetchResponseTopic",
    "OffsetFetchResponseTopics",
]


@struct()
class OffsetFetchRequestTopic:
    name: String = wire("0-7")
    partition_indexes: Array[Int32] = wire("0-7")


@struct()
class OffsetFetchRequestTopics:
    name: String = wire("8-9", ignorable=True)
    topic_id: Uuid = wire("10+", ignorable=True)
    partition_indexes: Array[Int32] = wire("8+")


@struct()
class OffsetFetchRequestGroup:
    group_id: String = wire("8+")
    member_id: String | None = wire("9+", default=None, nullable="9+", ignorable=True)
    member_epoch: Int32 = wire("9+", default=-1, ignorable=True)
    topics: Array[OffsetFetchRequestTopics] | None = wire("8+", nullable="8+")


@request(key=9, versions="1-10", flexible="6+")
class OffsetFetchRequest:
    group_id: String = wire("0-7")
    topics: Array[OffsetFetchRequestTopic] | None = wire("0-7", nullable="2-7")
    groups: Array[OffsetFetchRequestGroup] = wire("8+")
    require_stable: Bool = wire("7+")


@struct()
class OffsetFetchResponsePartition:
    partition_index: Int32 = wire("0-7")
    committed_offset: Int64 = wire("0-7")
    committed_leader_epoch: Int32 = wire("5-7", default=-1, ignorable=True)
    metadata: String | None = wire("0-7", nullable="0-7")
    error_code: Int16 = wire("0-7")


@struct()
class OffsetFetchResponseTopic:
    name: String = wire("0-7")
    partitions: Array[OffsetFetchResponsePartition] = wire("0-7")


@struct()
class OffsetFetchResponsePartitions:
    partition_index: Int32 = wire("8+")
    committed_offset: Int64 = wire("8+")
    committed_leader_epoch: Int32 = wire("8+", default=-1, ignorable=True)
    metadata: String | None = wire("8+", nullable="8+")
    error_code: Int16 = wire("8+")


@struct()
class OffsetFetchResponseTopics:
    name: String = wire("8-9", ignorable=True)
    topic_id: Uuid = wire("10+", ignorable=True)
    partitions: Array[OffsetFetchResponsePartitions] = wire("8+")


@struct()
class OffsetFetchResponseGroup:
    group_id: String = wire("8+")
    topics: Array[OffsetFetchResponseTopics] = wire("8+")
    error_code: Int16 = wire("8+")


@response(key=9, versions="1-10", flexible="6+")
class OffsetFetchResponse:
    throttle_time_ms: Int32 = wire("3+", ignorable=True)
    topics: Array[OffsetFetchResponseTopic] = wire("0-7")
    error_code: Int16 = wire("2-7", ignorable=True)
    groups: Array[OffsetFetchResponseGroup] = wire("8+")
