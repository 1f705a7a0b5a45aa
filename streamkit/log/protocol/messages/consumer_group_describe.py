"""ConsumerGroupDescribe (key 69): groups of the consumer protocol with their members and assignments.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | whether a member speaks the classic protocol (KIP-1099) |

Source: KIP-848.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int8,
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
    "ConsumerGroupDescribeRequest",
    "ConsumerGroupDescribeResponse",
    "DescribedGroup",
    "Member",
    "TopicPartitions",
]


@request(key=69, versions="0-1", flexible="0+")
class ConsumerGroupDescribeRequest:
    group_ids: Array[String] = wire()
    include_authorized_operations: Bool = wire()


@struct()
class TopicPartitions:
    topic_id: Uuid = wire()
    topic_name: String = wire()
    partitions: Array[Int32] = wire()


@struct()
class Assignment:
    topic_partitions: Array[TopicPartitions] = wire()


@struct()
class Member:
    member_id: String = wire()
    instance_id: String | None = wire(default=None, nullable="0+")
    rack_id: String | None = wire(default=None, nullable="0+")
    member_epoch: Int32 = wire()
    client_id: String = wire()
    client_host: String = wire()
    subscribed_topic_names: Array[String] = wire()
    subscribed_topic_regex: String | None = wire(default=None, nullable="0+")
    assignment: Assignment = wire()
    target_assignment: Assignment = wire()
    member_type: Int8 = wire("1+", default=-1, ignorable=True)


@struct()
class DescribedGroup:
    error_code: Int16 = wire()
    error_message: String | None = wire(default=None, nullable="0+")
    group_id: String = wire()
    group_state: String = wire()
    group_epoch: Int32 = wire()
    assignment_epoch: Int32 = wire()
    assignor_name: String = wire()
    members: Array[Member] = wire()
    authorized_operations: Int32 = wire(default=-0x80000000)


@response(key=69, versions="0-1", flexible="0+")
class ConsumerGroupDescribeResponse:
    throttle_time_ms: Int32 = wire()
    groups: Array[DescribedGroup] = wire()
