"""OffsetDelete (key 47): forget offsets of topics that a group does not read any more.

| version | change |
| --- | --- |
| 0 | not flexible |

Source: KIP-496.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "OffsetDeleteRequest",
    "OffsetDeleteRequestPartition",
    "OffsetDeleteRequestTopic",
    "OffsetDeleteResponse",
    "OffsetDeleteResponsePartition",
    "OffsetDeleteResponseTopic",
]


@struct()
class OffsetDeleteRequestPartition:
    partition_index: Int32 = wire()


@struct()
class OffsetDeleteRequestTopic:
    name: String = wire()
    partitions: Array[OffsetDeleteRequestPartition] = wire()


@request(key=47, versions="0")
class OffsetDeleteRequest:
    group_id: String = wire()
    topics: Array[OffsetDeleteRequestTopic] = wire()


@struct()
class OffsetDeleteResponsePartition:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()


@struct()
class OffsetDeleteResponseTopic:
    name: String = wire()
    partitions: Array[OffsetDeleteResponsePartition] = wire()


@response(key=47, versions="0")
class OffsetDeleteResponse:
    error_code: Int16 = wire()
    throttle_time_ms: Int32 = wire(ignorable=True)
    topics: Array[OffsetDeleteResponseTopic] = wire()
