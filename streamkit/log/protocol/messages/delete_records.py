"""DeleteRecords (key 21): raise the start of partitions.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | flexible |

Offset -1 stands for the high watermark.
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
    "DeleteRecordsPartition",
    "DeleteRecordsPartitionResult",
    "DeleteRecordsRequest",
    "DeleteRecordsResponse",
    "DeleteRecordsTopic",
    "DeleteRecordsTopicResult",
]


@struct()
class DeleteRecordsPartition:
    partition_index: Int32 = wire()
    offset: Int64 = wire()


@struct()
class DeleteRecordsTopic:
    name: String = wire()
    partitions: Array[DeleteRecordsPartition] = wire()


@request(key=21, versions="0-2", flexible="2+")
class DeleteRecordsRequest:
    topics: Array[DeleteRecordsTopic] = wire()
    timeout_ms: Int32 = wire()


@struct()
class DeleteRecordsPartitionResult:
    partition_index: Int32 = wire()
    low_watermark: Int64 = wire()
    error_code: Int16 = wire()


@struct()
class DeleteRecordsTopicResult:
    name: String = wire()
    partitions: Array[DeleteRecordsPartitionResult] = wire()


@response(key=21, versions="0-2", flexible="2+")
class DeleteRecordsResponse:
    throttle_time_ms: Int32 = wire()
    topics: Array[DeleteRecordsTopicResult] = wire()
