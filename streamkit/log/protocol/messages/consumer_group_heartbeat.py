"""ConsumerGroupHeartbeat (key 68): membership in the consumer protocol: who I am, what I read, what I own; what I shall own.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | subscription by pattern; the member makes its own id (KIP-1082) |

Fields that have not changed since the last heartbeat may be null. Member epoch 0 joins, -1 leaves, -2 leaves for a while
as a static member. Source: KIP-848.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
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
    "Assignment",
    "ConsumerGroupHeartbeatRequest",
    "ConsumerGroupHeartbeatResponse",
    "TopicPartitions",
]


@struct()
class TopicPartitions:
    topic_id: Uuid = wire()
    partitions: Array[Int32] = wire()


@request(key=68, versions="0-1", flexible="0+")
class ConsumerGroupHeartbeatRequest:
    group_id: String = wire()
    member_id: String = wire()
    member_epoch: Int32 = wire()
    instance_id: String | None = wire(default=None, nullable="0+")
    rack_id: String | None = wire(default=None, nullable="0+")
    rebalance_timeout_ms: Int32 = wire(default=-1)
    subscribed_topic_names: Array[String] | None = wire(default=None, nullable="0+")
    subscribed_topic_regex: String | None = wire("1+", default=None, nullable="1+")
    server_assignor: String | None = wire(default=None, nullable="0+")
    topic_partitions: Array[TopicPartitions] | None = wire(default=None, nullable="0+")


@struct()
class Assignment:
    topic_partitions: Array[TopicPartitions] = wire()


@response(key=68, versions="0-1", flexible="0+")
class ConsumerGroupHeartbeatResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(default=None, nullable="0+")
    member_id: String | None = wire(default=None, nullable="0+")
    member_epoch: Int32 = wire()
    heartbeat_interval_ms: Int32 = wire()
    assignment: Assignment | None = wire(default=None, nullable="0+")
