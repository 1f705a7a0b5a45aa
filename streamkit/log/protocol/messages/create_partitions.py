"""CreatePartitions (key 37): give topics more partitions.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | flexible |
| 3 | answer: THROTTLING_QUOTA_EXCEEDED (KIP-599) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "CreatePartitionsAssignment",
    "CreatePartitionsRequest",
    "CreatePartitionsResponse",
    "CreatePartitionsTopic",
    "CreatePartitionsTopicResult",
]


@struct()
class CreatePartitionsAssignment:
    broker_ids: Array[Int32] = wire()


@struct()
class CreatePartitionsTopic:
    name: String = wire()
    count: Int32 = wire()
    assignments: Array[CreatePartitionsAssignment] | None = wire(nullable="0+")


@request(key=37, versions="0-3", flexible="2+")
class CreatePartitionsRequest:
    topics: Array[CreatePartitionsTopic] = wire()
    timeout_ms: Int32 = wire()
    validate_only: Bool = wire()


@struct()
class CreatePartitionsTopicResult:
    name: String = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(default=None, nullable="0+")


@response(key=37, versions="0-3", flexible="2+")
class CreatePartitionsResponse:
    throttle_time_ms: Int32 = wire()
    results: Array[CreatePartitionsTopicResult] = wire()
