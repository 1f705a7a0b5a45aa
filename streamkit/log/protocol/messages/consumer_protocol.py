"""ConsumerProtocol: what consumers tell their group's leader, and what it assigns them.

| version | change |
| --- | --- |
| 1 | partitions that the member owns (KIP-429) |
| 2 | generation in which it owned them (KIP-792) |
| 3 | rack (KIP-881) |

Each stands behind its version in two bytes (`encode_versioned`), inside JoinGroup and SyncGroup. A version only ever
appends fields, so an unknown newer one is read as the newest known.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bytes,
    Int32,
    String,
    struct,
    wire,
)

__all__ = [
    "ConsumerProtocolAssignment",
    "ConsumerProtocolAssignmentTopicPartition",
    "ConsumerProtocolSubscription",
    "ConsumerProtocolSubscriptionTopicPartition",
]


@struct()
class ConsumerProtocolSubscriptionTopicPartition:
    topic: String = wire("1+")
    partitions: Array[Int32] = wire("1+")


@struct(versions="0-3")
class ConsumerProtocolSubscription:
    topics: Array[String] = wire()
    user_data: Bytes | None = wire(default=None, nullable="0+")
    owned_partitions: Array[ConsumerProtocolSubscriptionTopicPartition] = wire("1+", ignorable=True)
    generation_id: Int32 = wire("2+", default=-1, ignorable=True)
    rack_id: String | None = wire("3+", default=None, nullable="3+", ignorable=True)


@struct()
class ConsumerProtocolAssignmentTopicPartition:
    topic: String = wire()
    partitions: Array[Int32] = wire()


@struct(versions="0-3")
class ConsumerProtocolAssignment:
    assigned_partitions: Array[ConsumerProtocolAssignmentTopicPartition] = wire()
    user_data: Bytes | None = wire(default=None, nullable="0+")
