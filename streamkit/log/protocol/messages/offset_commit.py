"""OffsetCommit (key 8): record how far a group has read.

| version | change |
| --- | --- |
| 2 | the oldest left; retention time |
| 3 | answer: throttle time |
| 5 | retention time is gone |
| 6 | leader epoch of the committed offset |
| 7 | static member's instance id (KIP-345) |
| 8 | flexible |
| 9 | for the consumer protocol too: STALE_MEMBER_EPOCH; GROUP_ID_NOT_FOUND (KIP-848) |
| 10 | topics by id instead of name |

In the consumer protocol the generation id carries the member epoch.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
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
    "OffsetCommitRequest",
    "OffsetCommitRequestPartition",
    "OffsetCommitRequestTopic",
    "OffsetCommitResponse",
    "OffsetCommitResponsePartition",
    "OffsetCommitResponseTopic",
]


@struct()
class OffsetCommitRequestPartition:
    partition_index: Int32 = wire()
    committed_offset: Int64 = wire()
    committed_leader_epoch: Int32 = wire("6+", default=-1, ignorable=True)
    committed_metadata: String | None = wire(nullable="0+")


@struct()
class OffsetCommitRequestTopic:
    name: String = wire("0-9", ignorable=True)
    topic_id: Uuid = wire("10+", ignorable=True)
    partitions: Array[OffsetCommitRequestPartition] = wire()


@request(key=8, versions="2-10", flexible="8+")
class OffsetCommitRequest:
    group_id: String = wire()
    generation_id_or_member_epoch: Int32 = wire("1+", default=-1, ignorable=True)
    member_id: String = wire("1+", ignorable=True)
    group_instance_id: String | None = wire("7+", default=None, nullable="7+")
    retention_time_ms: Int64 = wire("2-4", default=-1, ignorable=True)
    topics: Array[OffsetCommitRequestTopic] = wire()


@struct()
class OffsetCommitResponsePartition:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()


@struct()
class OffsetCommitResponseTopic:
    name: String = wire("0-9", ignorable=True)
    topic_id: Uuid = wire("10+", ignorable=True)
    partitions: Array[OffsetCommitResponsePartition] = wire()


@response(key=8, versions="2-10", flexible="8+")
class OffsetCommitResponse:
    throttle_time_ms: Int32 = wire("3+", ignorable=True)
    topics: Array[OffsetCommitResponseTopic] = wire()
