"""The records of `__consumer_offsets` as bytes, as Apache Kafka 4.3 writes them.

| record | key | value |
| --- | --- | --- |
| committed offset | type 1 (0 in old logs): group, topic, partition | version 4; version 1 with a retention of its own |
| group | type 2: group | version 3 |
| consumer group | types 3 to 8, and 16 | see `consumer.record_codec` |

Other types (share groups', for one) are passed over when a log is read.
"""

from __future__ import annotations

from streamkit.errors import ProtocolError
from streamkit.log.broker.groups.consumer.record_codec import (
    decode_consumer_record,
    encode_consumer_record,
)
from streamkit.log.broker.groups.records import (
    CommittedOffset,
    GroupMetadata,
    GroupMetadataRecord,
    GroupRecord,
    MemberMetadata,
    OffsetCommitRecord,
)
from streamkit.log.protocol import (
    decode_record_key,
    decode_versioned,
    encode_record_key,
    encode_versioned,
)
from streamkit.log.protocol.messages import group_log
from streamkit.model import TopicPartition

__all__ = ["OFFSETS_TOPIC", "decode_record", "encode_record"]

OFFSETS_TOPIC = "__consumer_offsets"
"""The internal topic of groups and committed offsets."""

_CONSUMER_TYPES = frozenset({3, 4, 5, 6, 7, 8, 16})
_GROUP_VERSION = 3
_OFFSET_VERSION = 4
_OFFSET_VERSION_WITH_RETENTION = 1


def encode_record(record: GroupRecord) -> tuple[bytes, bytes | None]:
    """Key and value of `record`; the value of a tombstone is None."""
    if isinstance(record, OffsetCommitRecord):
        topic, partition = record.topic_partition
        offset_key = group_log.OffsetCommitKey(
            group=record.group_id, topic=topic, partition=partition
        )
        offset_value = None if record.value is None else _encode_offset(record.value)
        return encode_record_key(offset_key), offset_value
    if not isinstance(record, GroupMetadataRecord):
        return encode_consumer_record(record)
    group_key = group_log.GroupMetadataKey(group=record.group_id)
    return encode_record_key(group_key), None if record.value is None else _encode_group(
        record.value
    )


def decode_record(key: bytes | None, value: bytes | None) -> GroupRecord | None:
    """The record, or None if it is of a type that isn't ours.

    Raises:
        ProtocolError: damaged.
    """
    if key is None or len(key) < 2:
        raise ProtocolError(f"a record of {OFFSETS_TOPIC} without a key")
    record_type = int.from_bytes(key[:2], "big", signed=True)
    if record_type in (0, 1):
        # Type 0 is that of old logs; its fields are the same.
        decoded = decode_record_key(OFFSETS_TOPIC, b"\0\1" + key[2:])
        return OffsetCommitRecord(
            decoded.group,
            TopicPartition(decoded.topic, decoded.partition),
            None if value is None else _decode_offset(value),
        )
    if record_type == 2:
        decoded = decode_record_key(OFFSETS_TOPIC, key)
        return GroupMetadataRecord(decoded.group, None if value is None else _decode_group(value))
    if record_type in _CONSUMER_TYPES:
        return decode_consumer_record(decode_record_key(OFFSETS_TOPIC, key), value)
    return None


def _encode_offset(value: CommittedOffset) -> bytes:
    expire_ms = value.expire_timestamp_ms
    return encode_versioned(
        group_log.OffsetCommitValue(
            offset=value.offset,
            leader_epoch=value.leader_epoch,
            metadata=value.metadata,
            commit_timestamp=value.commit_timestamp_ms,
            expire_timestamp=-1 if expire_ms is None else expire_ms,
            topic_id=value.topic_id,
        ),
        _OFFSET_VERSION if expire_ms is None else _OFFSET_VERSION_WITH_RETENTION,
    )


def _decode_offset(value: bytes) -> CommittedOffset:
    decoded = decode_versioned(group_log.OffsetCommitValue, value)
    return CommittedOffset(
        offset=decoded.offset,
        leader_epoch=decoded.leader_epoch,
        metadata=decoded.metadata,
        commit_timestamp_ms=decoded.commit_timestamp,
        expire_timestamp_ms=None if decoded.expire_timestamp < 0 else decoded.expire_timestamp,
        topic_id=decoded.topic_id,
    )


def _encode_group(value: GroupMetadata) -> bytes:
    return encode_versioned(
        group_log.GroupMetadataValue(
            protocol_type=value.protocol_type,
            generation=value.generation,
            protocol=value.protocol,
            leader=value.leader,
            current_state_timestamp=value.state_timestamp_ms,
            members=[
                group_log.MemberMetadata(
                    member_id=member.member_id,
                    group_instance_id=member.instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    rebalance_timeout=member.rebalance_timeout_ms,
                    session_timeout=member.session_timeout_ms,
                    subscription=member.subscription,
                    assignment=member.assignment,
                )
                for member in value.members
            ],
        ),
        _GROUP_VERSION,
    )


def _decode_group(value: bytes) -> GroupMetadata:
    decoded = decode_versioned(group_log.GroupMetadataValue, value)
    return GroupMetadata(
        protocol_type=decoded.protocol_type,
        generation=decoded.generation,
        protocol=decoded.protocol,
        leader=decoded.leader,
        state_timestamp_ms=decoded.current_state_timestamp,
        members=tuple(
            MemberMetadata(
                member_id=member.member_id,
                instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                # Version 0 has no rebalance timeout: the session timeout stood for it.
                rebalance_timeout_ms=(
                    member.session_timeout
                    if member.rebalance_timeout < 0
                    else member.rebalance_timeout
                ),
                session_timeout_ms=member.session_timeout,
                subscription=member.subscription,
                assignment=member.assignment,
            )
            for member in decoded.members
        ),
    )
