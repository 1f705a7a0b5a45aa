"""ListPartitionReassignments (key 46): replicas that are on the move.

| version | change |
| --- | --- |
| 0 | flexible |

Source: KIP-455.
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
    "ListPartitionReassignmentsRequest",
    "ListPartitionReassignmentsResponse",
    "ListPartitionReassignmentsTopics",
    "OngoingPartitionReassignment",
    "OngoingTopicReassignment",
]


@struct()
class ListPartitionReassignmentsTopics:
    name: String = wire()
    partition_indexes: Array[Int32] = wire()


@request(key=46, versions="0", flexible="0+")
class ListPartitionReassignmentsRequest:
    timeout_ms: Int32 = wire(default=60_000)
    topics: Array[ListPartitionReassignmentsTopics] | None = wire(default=None, nullable="0+")


@struct()
class OngoingPartitionReassignment:
    partition_index: Int32 = wire()
    replicas: Array[Int32] = wire()
    adding_replicas: Array[Int32] = wire()
    removing_replicas: Array[Int32] = wire()


@struct()
class OngoingTopicReassignment:
    name: String = wire()
    partitions: Array[OngoingPartitionReassignment] = wire()


@response(key=46, versions="0", flexible="0+")
class ListPartitionReassignmentsResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")
    topics: Array[OngoingTopicReassignment] = wire()
