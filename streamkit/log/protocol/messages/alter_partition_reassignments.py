"""AlterPartitionReassignments (key 45): move replicas to other brokers.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | whether the replication factor may change (KIP-860) |

Source: KIP-455.
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
    "AlterPartitionReassignmentsRequest",
    "AlterPartitionReassignmentsResponse",
    "ReassignablePartition",
    "ReassignablePartitionResponse",
    "ReassignableTopic",
    "ReassignableTopicResponse",
]


@struct()
class ReassignablePartition:
    partition_index: Int32 = wire()
    replicas: Array[Int32] | None = wire(default=None, nullable="0+")


@struct()
class ReassignableTopic:
    name: String = wire()
    partitions: Array[ReassignablePartition] = wire()


@request(key=45, versions="0-1", flexible="0+")
class AlterPartitionReassignmentsRequest:
    timeout_ms: Int32 = wire(default=60_000)
    allow_replication_factor_change: Bool = wire("1+", default=True)
    topics: Array[ReassignableTopic] = wire()


@struct()
class ReassignablePartitionResponse:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")


@struct()
class ReassignableTopicResponse:
    name: String = wire()
    partitions: Array[ReassignablePartitionResponse] = wire()


@response(key=45, versions="0-1", flexible="0+")
class AlterPartitionReassignmentsResponse:
    throttle_time_ms: Int32 = wire()
    allow_replication_factor_change: Bool = wire("1+", default=True, ignorable=True)
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")
    responses: Array[ReassignableTopicResponse] = wire()
