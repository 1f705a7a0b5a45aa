"""The records of consumer groups as bytes, as Apache Kafka 4.3 writes them.

| key type | record | value |
| --- | --- | --- |
| 3 | group epoch | version 0, the hash of the topics tagged |
| 4 | the group's topics, before 4.1 | passed on as it is |
| 5 | subscription of a member | version 0, what a classic member said tagged |
| 6 | epoch of the targets | version 0, their time tagged |
| 7 | target of a member | version 0 |
| 8 | current assignment of a member | version 0, the partitions' epochs tagged |
| 16 | topics of a regular expression | version 0 |

Topics and partitions are written in order, so that the same state has the same bytes.
"""

from __future__ import annotations

from typing import Any

from streamkit.log.broker.groups.consumer.records import (
    ClassicMetadata,
    ConsumerGroupRecord,
    CurrentAssignment,
    CurrentAssignmentRecord,
    GroupEpoch,
    GroupEpochRecord,
    MemberState,
    PartitionEpochs,
    PartitionMetadataRecord,
    Partitions,
    ResolvedPattern,
    ResolvedPatternRecord,
    Subscription,
    SubscriptionRecord,
    TargetEpoch,
    TargetEpochRecord,
    TargetRecord,
)
from streamkit.log.protocol import decode_versioned, encode_record_key, encode_versioned
from streamkit.log.protocol.messages import group_log

__all__ = ["decode_consumer_record", "encode_consumer_record"]

_VERSION = 0


def encode_consumer_record(record: ConsumerGroupRecord) -> tuple[bytes, bytes | None]:
    """Key and value of `record`; the value of a tombstone is None."""
    group_id = record.group_id
    key: object
    value: object = None
    match record:
        case GroupEpochRecord():
            key = group_log.ConsumerGroupMetadataKey(group_id=group_id)
            if record.value is not None:
                value = group_log.ConsumerGroupMetadataValue(
                    epoch=record.value.epoch, metadata_hash=record.value.metadata_hash
                )
        case PartitionMetadataRecord():
            key = group_log.ConsumerGroupPartitionMetadataKey(group_id=group_id)
            return encode_record_key(key), record.value
        case SubscriptionRecord():
            key = group_log.ConsumerGroupMemberMetadataKey(
                group_id=group_id, member_id=record.member_id
            )
            if record.value is not None:
                value = _encode_subscription(record.value)
        case TargetEpochRecord():
            key = group_log.ConsumerGroupTargetAssignmentMetadataKey(group_id=group_id)
            if record.value is not None:
                value = group_log.ConsumerGroupTargetAssignmentMetadataValue(
                    assignment_epoch=record.value.epoch,
                    assignment_timestamp=record.value.timestamp_ms,
                )
        case TargetRecord():
            key = group_log.ConsumerGroupTargetAssignmentMemberKey(
                group_id=group_id, member_id=record.member_id
            )
            if record.value is not None:
                value = group_log.ConsumerGroupTargetAssignmentMemberValue(
                    topic_partitions=[
                        group_log.TopicPartition(topic_id=topic_id, partitions=sorted(partitions))
                        for topic_id, partitions in sorted(record.value.items())
                    ]
                )
        case CurrentAssignmentRecord():
            key = group_log.ConsumerGroupCurrentMemberAssignmentKey(
                group_id=group_id, member_id=record.member_id
            )
            if record.value is not None:
                value = group_log.ConsumerGroupCurrentMemberAssignmentValue(
                    member_epoch=record.value.epoch,
                    previous_member_epoch=record.value.previous_epoch,
                    state=record.value.state,
                    assigned_partitions=_encode_epochs(record.value.assigned),
                    partitions_pending_revocation=_encode_epochs(record.value.revoking),
                )
        case ResolvedPatternRecord():
            key = group_log.ConsumerGroupRegularExpressionKey(
                group_id=group_id, regular_expression=record.pattern
            )
            if record.value is not None:
                value = group_log.ConsumerGroupRegularExpressionValue(
                    topics=sorted(record.value.topics),
                    version=record.value.version,
                    timestamp=record.value.timestamp_ms,
                )
    return encode_record_key(key), None if value is None else encode_versioned(value, _VERSION)


def decode_consumer_record(key: Any, value: bytes | None) -> ConsumerGroupRecord | None:
    """The record with the decoded `key`, or None if it isn't one of a consumer group.

    Raises:
        ProtocolError: damaged.
    """
    match key:
        case group_log.ConsumerGroupMetadataKey():
            epoch = _read(group_log.ConsumerGroupMetadataValue, value)
            return GroupEpochRecord(
                key.group_id, epoch and GroupEpoch(epoch.epoch, epoch.metadata_hash)
            )
        case group_log.ConsumerGroupPartitionMetadataKey():
            return PartitionMetadataRecord(key.group_id, None if value is None else bytes(value))
        case group_log.ConsumerGroupMemberMetadataKey():
            member = _read(group_log.ConsumerGroupMemberMetadataValue, value)
            return SubscriptionRecord(
                key.group_id, key.member_id, member and _decode_subscription(member)
            )
        case group_log.ConsumerGroupTargetAssignmentMetadataKey():
            target = _read(group_log.ConsumerGroupTargetAssignmentMetadataValue, value)
            return TargetEpochRecord(
                key.group_id,
                target and TargetEpoch(target.assignment_epoch, target.assignment_timestamp),
            )
        case group_log.ConsumerGroupTargetAssignmentMemberKey():
            assignment = _read(group_log.ConsumerGroupTargetAssignmentMemberValue, value)
            return TargetRecord(
                key.group_id,
                key.member_id,
                assignment and _decode_partitions(assignment.topic_partitions),
            )
        case group_log.ConsumerGroupCurrentMemberAssignmentKey():
            current = _read(group_log.ConsumerGroupCurrentMemberAssignmentValue, value)
            return CurrentAssignmentRecord(
                key.group_id, key.member_id, current and _decode_current(current)
            )
        case group_log.ConsumerGroupRegularExpressionKey():
            found = _read(group_log.ConsumerGroupRegularExpressionValue, value)
            return ResolvedPatternRecord(
                key.group_id,
                key.regular_expression,
                found and ResolvedPattern(frozenset(found.topics), found.version, found.timestamp),
            )
    return None


def _read(cls: type[Any], value: bytes | None) -> Any:
    return None if value is None else decode_versioned(cls, value)


def _encode_subscription(value: Subscription) -> object:
    classic = value.classic
    return group_log.ConsumerGroupMemberMetadataValue(
        instance_id=value.instance_id,
        rack_id=value.rack_id,
        client_id=value.client_id,
        client_host=value.client_host,
        subscribed_topic_names=sorted(value.topics),
        subscribed_topic_regex=value.pattern,
        rebalance_timeout_ms=value.rebalance_timeout_ms,
        server_assignor=value.server_assignor,
        classic_member_metadata=None
        if classic is None
        else group_log.ClassicMemberMetadata(
            session_timeout_ms=classic.session_timeout_ms,
            supported_protocols=[
                group_log.ClassicProtocol(name=name, metadata=metadata)
                for name, metadata in classic.protocols
            ],
        ),
    )


def _decode_subscription(value: Any) -> Subscription:
    classic = value.classic_member_metadata
    return Subscription(
        instance_id=value.instance_id,
        rack_id=value.rack_id,
        client_id=value.client_id,
        client_host=value.client_host,
        topics=frozenset(value.subscribed_topic_names),
        pattern=value.subscribed_topic_regex,
        rebalance_timeout_ms=value.rebalance_timeout_ms,
        server_assignor=value.server_assignor,
        # A record that doesn't say is read as one of a classic member without protocols: there is none such.
        classic=None
        if classic is None or not classic.supported_protocols
        else ClassicMetadata(
            classic.session_timeout_ms,
            tuple((each.name, bytes(each.metadata)) for each in classic.supported_protocols),
        ),
    )


def _encode_epochs(assignment: PartitionEpochs) -> list[group_log.TopicPartitions]:
    return [
        group_log.TopicPartitions(
            topic_id=topic_id,
            partitions=sorted(epochs),
            assignment_epochs=[epochs[partition] for partition in sorted(epochs)],
        )
        for topic_id, epochs in sorted(assignment.items())
    ]


def _decode_current(value: Any) -> CurrentAssignment:
    try:
        state = MemberState(value.state)
    except ValueError:
        state = MemberState.UNKNOWN
    return CurrentAssignment(
        value.member_epoch,
        value.previous_member_epoch,
        state,
        _decode_epochs(value.assigned_partitions, value.member_epoch),
        _decode_epochs(value.partitions_pending_revocation, value.member_epoch),
    )


def _decode_epochs(topics: list[group_log.TopicPartitions], member_epoch: int) -> PartitionEpochs:
    """Partitions with their epochs; brokers before 4.3 didn't write them, the member's stands for them."""
    found = {}
    for topic in topics:
        epochs = topic.assignment_epochs
        if epochs is None or len(epochs) != len(topic.partitions):
            epochs = [max(member_epoch, 0)] * len(topic.partitions)
        found[topic.topic_id] = dict(zip(topic.partitions, epochs, strict=True))
    return found


def _decode_partitions(topics: list[group_log.TopicPartition]) -> Partitions:
    return {topic.topic_id: frozenset(topic.partitions) for topic in topics}
