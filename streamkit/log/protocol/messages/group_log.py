"""Records of `__consumer_offsets`: offsets and groups, of the classic and the consumer protocol.

Keys stand behind their record type, values behind their version, in two bytes each (`encode_record_key`,
`encode_versioned`). A null value deletes.

| type | key and value |
| --- | --- |
| 0, 1 | an offset that a group committed; 0 is the oldest layout, read like 1 |
| 2 | a classic group: protocol, generation, members |
| 3 to 8 | a consumer group (KIP-848): epoch, partition counts (no longer written), members' subscriptions, epoch of the target assignment, targets, current assignments |
| 16 | a consumer group's resolved regular expression |

From version 4 on OffsetCommitValue and GroupMetadataValue are flexible (KIP-915).
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bytes,
    Int8,
    Int32,
    Int64,
    String,
    Uuid,
    struct,
    wire,
)

__all__ = [
    "ClassicMemberMetadata",
    "ClassicProtocol",
    "ConsumerGroupCurrentMemberAssignmentKey",
    "ConsumerGroupCurrentMemberAssignmentValue",
    "ConsumerGroupMemberMetadataKey",
    "ConsumerGroupMemberMetadataValue",
    "ConsumerGroupMetadataKey",
    "ConsumerGroupMetadataValue",
    "ConsumerGroupPartitionMetadataKey",
    "ConsumerGroupPartitionMetadataValue",
    "ConsumerGroupRegularExpressionKey",
    "ConsumerGroupRegularExpressionValue",
    "ConsumerGroupTargetAssignmentMemberKey",
    "ConsumerGroupTargetAssignmentMemberValue",
    "ConsumerGroupTargetAssignmentMetadataKey",
    "ConsumerGroupTargetAssignmentMetadataValue",
    "GroupMetadataKey",
    "GroupMetadataValue",
    "MemberMetadata",
    "OffsetCommitKey",
    "OffsetCommitValue",
    "PartitionMetadata",
    "TopicMetadata",
    "TopicPartition",
    "TopicPartitions",
]


@struct(versions="0", key=1)
class OffsetCommitKey:
    group: String = wire("0")
    topic: String = wire("0")
    partition: Int32 = wire("0")


@struct(versions="0-4", flexible="4+", key=1)
class OffsetCommitValue:
    offset: Int64 = wire()
    leader_epoch: Int32 = wire("3+", default=-1, ignorable=True)
    metadata: String = wire()
    commit_timestamp: Int64 = wire()
    expire_timestamp: Int64 = wire("1", default=-1, ignorable=True)
    topic_id: Uuid = wire("4+", tag=0, ignorable=True)


@struct(versions="0", key=2)
class GroupMetadataKey:
    group: String = wire("0")


@struct()
class MemberMetadata:
    member_id: String = wire()
    group_instance_id: String | None = wire("3+", default=None, nullable="3+", ignorable=True)
    client_id: String = wire()
    client_host: String = wire()
    rebalance_timeout: Int32 = wire("1+", default=-1, ignorable=True)
    session_timeout: Int32 = wire()
    subscription: Bytes = wire()
    assignment: Bytes = wire()


@struct(versions="0-4", flexible="4+", key=2)
class GroupMetadataValue:
    protocol_type: String = wire()
    generation: Int32 = wire()
    protocol: String | None = wire(nullable="0+")
    leader: String | None = wire(nullable="0+")
    current_state_timestamp: Int64 = wire("2+", default=-1, ignorable=True)
    members: Array[MemberMetadata] = wire()


@struct(versions="0", key=3)
class ConsumerGroupMetadataKey:
    group_id: String = wire("0")


@struct(versions="0", flexible="0+", key=3)
class ConsumerGroupMetadataValue:
    epoch: Int32 = wire()
    metadata_hash: Int64 = wire(tag=0)


@struct(versions="0", key=4)
class ConsumerGroupPartitionMetadataKey:
    group_id: String = wire("0")


@struct()
class PartitionMetadata:
    partition: Int32 = wire()
    racks: Array[String] = wire()


@struct()
class TopicMetadata:
    topic_id: Uuid = wire()
    topic_name: String = wire()
    num_partitions: Int32 = wire()
    partition_metadata: Array[PartitionMetadata] = wire()


@struct(versions="0", flexible="0+", key=4)
class ConsumerGroupPartitionMetadataValue:
    topics: Array[TopicMetadata] = wire()


@struct(versions="0", key=5)
class ConsumerGroupMemberMetadataKey:
    group_id: String = wire("0")
    member_id: String = wire("0")


@struct()
class ClassicProtocol:
    name: String = wire()
    metadata: Bytes = wire()


@struct()
class ClassicMemberMetadata:
    session_timeout_ms: Int32 = wire()
    supported_protocols: Array[ClassicProtocol] = wire()


@struct(versions="0", flexible="0+", key=5)
class ConsumerGroupMemberMetadataValue:
    instance_id: String | None = wire(nullable="0+")
    rack_id: String | None = wire(nullable="0+")
    client_id: String = wire()
    client_host: String = wire()
    subscribed_topic_names: Array[String] = wire()
    subscribed_topic_regex: String | None = wire(nullable="0+")
    rebalance_timeout_ms: Int32 = wire(default=-1)
    server_assignor: String | None = wire(nullable="0+")
    classic_member_metadata: ClassicMemberMetadata | None = wire(nullable="0+", tag=0)


@struct(versions="0", key=6)
class ConsumerGroupTargetAssignmentMetadataKey:
    group_id: String = wire("0")


@struct(versions="0", flexible="0+", key=6)
class ConsumerGroupTargetAssignmentMetadataValue:
    assignment_epoch: Int32 = wire()
    assignment_timestamp: Int64 = wire(tag=0, ignorable=True)


@struct(versions="0", key=7)
class ConsumerGroupTargetAssignmentMemberKey:
    group_id: String = wire("0")
    member_id: String = wire("0")


@struct()
class TopicPartition:
    topic_id: Uuid = wire()
    partitions: Array[Int32] = wire()


@struct(versions="0", flexible="0+", key=7)
class ConsumerGroupTargetAssignmentMemberValue:
    topic_partitions: Array[TopicPartition] = wire()


@struct(versions="0", key=8)
class ConsumerGroupCurrentMemberAssignmentKey:
    group_id: String = wire("0")
    member_id: String = wire("0")


@struct()
class TopicPartitions:
    topic_id: Uuid = wire()
    partitions: Array[Int32] = wire()
    assignment_epochs: Array[Int32] | None = wire(nullable="0+", tag=0)


@struct(versions="0", flexible="0+", key=8)
class ConsumerGroupCurrentMemberAssignmentValue:
    member_epoch: Int32 = wire()
    previous_member_epoch: Int32 = wire()
    state: Int8 = wire()
    assigned_partitions: Array[TopicPartitions] = wire()
    partitions_pending_revocation: Array[TopicPartitions] = wire()


@struct(versions="0", key=16)
class ConsumerGroupRegularExpressionKey:
    group_id: String = wire("0")
    regular_expression: String = wire("0")


@struct(versions="0", flexible="0+", key=16)
class ConsumerGroupRegularExpressionValue:
    topics: Array[String] = wire()
    version: Int64 = wire()
    timestamp: Int64 = wire()
