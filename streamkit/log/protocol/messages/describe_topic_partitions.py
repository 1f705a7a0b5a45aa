"""DescribeTopicPartitions (key 75): topics in pages, with the replicas eligible as leader.

| version | change |
| --- | --- |
| 0 | flexible |

A cursor in the answer says where the next page starts. Source: KIP-966.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int16,
    Int32,
    String,
    Uuid,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "Cursor",
    "DescribeTopicPartitionsRequest",
    "DescribeTopicPartitionsResponse",
    "DescribeTopicPartitionsResponsePartition",
    "DescribeTopicPartitionsResponseTopic",
    "TopicRequest",
]


@struct()
class TopicRequest:
    name: String = wire()


@struct()
class Cursor:
    topic_name: String = wire()
    partition_index: Int32 = wire()


@request(key=75, versions="0", flexible="0+")
class DescribeTopicPartitionsRequest:
    topics: Array[TopicRequest] = wire()
    response_partition_limit: Int32 = wire(default=2_000)
    cursor: Cursor | None = wire(default=None, nullable="0+")


@struct()
class DescribeTopicPartitionsResponsePartition:
    error_code: Int16 = wire()
    partition_index: Int32 = wire()
    leader_id: Int32 = wire()
    leader_epoch: Int32 = wire(default=-1, ignorable=True)
    replica_nodes: Array[Int32] = wire()
    isr_nodes: Array[Int32] = wire()
    eligible_leader_replicas: Array[Int32] | None = wire(default=None, nullable="0+")
    last_known_elr: Array[Int32] | None = wire(default=None, nullable="0+")
    offline_replicas: Array[Int32] = wire(ignorable=True)


@struct()
class DescribeTopicPartitionsResponseTopic:
    error_code: Int16 = wire()
    name: String | None = wire(nullable="0+")
    topic_id: Uuid = wire(ignorable=True)
    is_internal: Bool = wire(ignorable=True)
    partitions: Array[DescribeTopicPartitionsResponsePartition] = wire()
    topic_authorized_operations: Int32 = wire(default=-0x80000000)


@response(key=75, versions="0", flexible="0+")
class DescribeTopicPartitionsResponse:
    throttle_time_ms: Int32 = wire(ignorable=True)
    topics: Array[DescribeTopicPartitionsResponseTopic] = wire()
    next_cursor: Cursor | None = wire(default=None, nullable="0+")
