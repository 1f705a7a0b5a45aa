"""What the group coordinator writes to `__consumer_offsets`, as values.

Those of consumer groups are in `consumer.records`. Their bytes are in `record_codec`. A record without a value is a tombstone: the group or the offset is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from streamkit.log.broker.groups.consumer.java_order import string_hash
from streamkit.log.broker.groups.consumer.records import ConsumerGroupRecord
from streamkit.log.protocol import NO_UUID
from streamkit.model import TopicPartition

__all__ = [
    "CommittedOffset",
    "GroupMetadata",
    "GroupMetadataRecord",
    "GroupRecord",
    "MemberMetadata",
    "OffsetCommitRecord",
    "partition_for",
]


@dataclass(frozen=True, slots=True)
class MemberMetadata:
    """A member of a generation, with what it subscribed to and what it was assigned."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    session_timeout_ms: int
    subscription: bytes
    assignment: bytes


@dataclass(frozen=True, slots=True)
class GroupMetadata:
    """A generation of a group: complete with assignments, or empty.

    Attributes:
        protocol_type: what the members speak, `consumer` for consumers; empty for a new group.
        generation: counts rebalances.
        protocol: the protocol (assignor) that the members agreed on; None without members.
        leader: member id of the leader; None without members.
        state_timestamp_ms: when the group entered its state; -1 if the record doesn't say.
        members: in the order in which they joined.
    """

    protocol_type: str
    generation: int
    protocol: str | None
    leader: str | None
    state_timestamp_ms: int
    members: tuple[MemberMetadata, ...] = ()


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """A committed position.

    Attributes:
        offset: the next offset to read.
        leader_epoch: epoch of the last record read, -1 if unknown.
        metadata: the committer's own text.
        commit_timestamp_ms: when it was committed.
        expire_timestamp_ms: when it ends, if the committer asked for a retention (OffsetCommit 2 to 4).
        topic_id: the topic's id at that time, all zero if unknown.
    """

    offset: int
    leader_epoch: int
    metadata: str
    commit_timestamp_ms: int
    expire_timestamp_ms: int | None = None
    topic_id: UUID = NO_UUID


@dataclass(frozen=True, slots=True)
class GroupMetadataRecord:
    """A group's generation; without value: the group was deleted."""

    group_id: str
    value: GroupMetadata | None


@dataclass(frozen=True, slots=True)
class OffsetCommitRecord:
    """A group's position in a partition; without value: the offset was deleted or has expired."""

    group_id: str
    topic_partition: TopicPartition
    value: CommittedOffset | None


GroupRecord: TypeAlias = GroupMetadataRecord | OffsetCommitRecord | ConsumerGroupRecord


def partition_for(group_id: str, partitions: int) -> int:
    """The partition of `__consumer_offsets` that holds a group: Java's hash of its id, as in Kafka."""
    code = string_hash(group_id)
    magnitude = code if code < 0x80000000 else 0x100000000 - code
    return 0 if magnitude == 0x80000000 else magnitude % partitions
