"""ListOffsets (key 2): the offset of a timestamp, or of one of the special places.

| version | change |
| --- | --- |
| 1 | the oldest left; one offset and its timestamp a partition |
| 2 | isolation level; throttle time |
| 4 | leader epoch, both ways |
| 5 | answer: OFFSET_NOT_AVAILABLE |
| 6 | flexible |
| 7 | timestamp -3: the record with the greatest timestamp (KIP-734) |
| 8 | -4: earliest local offset (KIP-405) |
| 9 | -5: latest tiered offset (KIP-1005) |
| 10 | timeout, for answers that need remote storage (KIP-1075) |
| 11 | -6: earliest offset not uploaded yet (KIP-1023) |

Timestamp -1 asks for the end, -2 for the start. Offset -1 in the answer: no record is that late.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int8,
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
    "ListOffsetsPartition",
    "ListOffsetsPartitionResponse",
    "ListOffsetsRequest",
    "ListOffsetsResponse",
    "ListOffsetsTopic",
    "ListOffsetsTopicResponse",
]


@struct()
class ListOffsetsPartition:
    partition_index: Int32 = wire()
    current_leader_epoch: Int32 = wire("4+", default=-1, ignorable=True)
    timestamp: Int64 = wire()


@struct()
class ListOffsetsTopic:
    name: String = wire()
    partitions: Array[ListOffsetsPartition] = wire()


@request(key=2, versions="1-11", flexible="6+")
class ListOffsetsRequest:
    replica_id: Int32 = wire()
    isolation_level: Int8 = wire("2+")
    topics: Array[ListOffsetsTopic] = wire()
    timeout_ms: Int32 = wire("10+", ignorable=True)


@struct()
class ListOffsetsPartitionResponse:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()
    timestamp: Int64 = wire("1+", default=-1)
    offset: Int64 = wire("1+", default=-1)
    leader_epoch: Int32 = wire("4+", default=-1)


@struct()
class ListOffsetsTopicResponse:
    name: String = wire()
    partitions: Array[ListOffsetsPartitionResponse] = wire()


@response(key=2, versions="1-11", flexible="6+")
class ListOffsetsResponse:
    throttle_time_ms: Int32 = wire("2+", ignorable=True)
    topics: Array[ListOffsetsTopicResponse] = wire()
