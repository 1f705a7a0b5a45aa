"""OffsetForLeaderEpoch (key 23): where a leader epoch ended, to find a truncation.

| version | change |
| --- | --- |
| 2 | the oldest left; current leader epoch, to fence; throttle time |
| 3 | replica id |
| 4 | flexible |

Source: KIP-320.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    Int64,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "EpochEndOffset",
    "OffsetForLeaderEpochRequest",
    "OffsetForLeaderEpochResponse",
    "OffsetForLeaderPartition",
    "OffsetForLeaderTopic",
    "OffsetForLeaderTopicResult",
]


@struct()
class OffsetForLeaderPartition:
    partition: Int32 = wire()
    current_leader_epoch: Int32 = wire("2+", default=-1, ignorable=True)
    leader_epoch: Int32 = wire()


@struct()
class OffsetForLeaderTopic:
    topic: String = wire()
    partitions: Array[OffsetForLeaderPartition] = wire()


@request(key=23, versions="2-4", flexible="4+")
class OffsetForLeaderEpochRequest:
    replica_id: Int32 = wire("3+", default=-2, ignorable=True)
    topics: Array[OffsetForLeaderTopic] = wire()


@struct()
class EpochEndOffset:
    error_code: Int16 = wire()
    partition: Int32 = wire()
    leader_epoch: Int32 = wire("1+", default=-1, ignorable=True)
    end_offset: Int64 = wire(default=-1)


@struct()
class OffsetForLeaderTopicResult:
    topic: String = wire()
    partitions: Array[EpochEndOffset] = wire()


@response(key=23, versions="2-4", flexible="4+")
class OffsetForLeaderEpochResponse:
    throttle_time_ms: Int32 = wire("2+", ignorable=True)
    topics: Array[OffsetForLeaderTopicResult] = wire()
