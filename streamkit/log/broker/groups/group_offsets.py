"""The offsets of groups: who may commit, fetch and delete them, and when they expire.

The part of the coordinator that deals with them, for groups of both protocols. Pure, as all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.commits import check_commit, check_fetch
from streamkit.log.broker.groups.consumer.group import ConsumerGroup
from streamkit.log.broker.groups.consumer.migration import tombstones
from streamkit.log.broker.groups.group import Group, GroupState
from streamkit.log.broker.groups.membership import Membership
from streamkit.log.broker.groups.offsets import OffsetStore, expired_offsets
from streamkit.log.broker.groups.outcome import Outcome
from streamkit.log.broker.groups.records import (
    CommittedOffset,
    GroupMetadataRecord,
    GroupRecord,
    OffsetCommitRecord,
)
from streamkit.log.protocol import NO_UUID, ErrorCode
from streamkit.model import TopicPartition

__all__ = ["CommitOffsets", "GroupOffsets", "deletion_of", "is_empty"]


@dataclass(frozen=True, slots=True)
class CommitOffsets:
    """An OffsetCommit request.

    Attributes:
        generation: of the member; -1 from consumers without a group, and tools.
        offsets: what to commit.
        transactional: the offsets are part of a transaction (TxnOffsetCommit).
        api_version: of OffsetCommit.
    """

    group_id: str
    member_id: str
    instance_id: str | None
    generation: int
    offsets: Mapping[TopicPartition, CommittedOffset]
    transactional: bool = False
    api_version: int = 9


class GroupOffsets:
    """Offsets of groups that the coordinator owns.

    Args:
        config: limits and retention.
        cluster: topics.
        membership: of classic groups.
    """

    def __init__(self, config: GroupConfig, cluster: ClusterView, membership: Membership) -> None:
        self.config = config
        self._cluster = cluster
        self._membership = membership
        self._groups: dict[str, Group | ConsumerGroup] = {}
        self._offsets = OffsetStore()

    def commit_offsets(self, request: CommitOffsets) -> Outcome[dict[TopicPartition, ErrorCode]]:
        """Commit offsets; the reply has a code for each partition."""
        out: Outcome[dict[TopicPartition, ErrorCode]] = Outcome({}, request.group_id)
        error = self._check_commit(request)
        for topic_partition, committed in request.offsets.items():
            if error is not ErrorCode.NONE:
                out.reply[topic_partition] = error
            elif len(committed.metadata) > self.config.offset_metadata_max_bytes:
                out.reply[topic_partition] = ErrorCode.OFFSET_METADATA_TOO_LARGE
            else:
                out.reply[topic_partition] = ErrorCode.NONE
                out.records.append(OffsetCommitRecord(request.group_id, topic_partition, committed))
        group = self._groups.get(request.group_id)
        if error is ErrorCode.NONE and isinstance(group, Group) and not request.transactional:
            self._membership.committed(group, request.member_id)
        return out

    def _check_commit(self, request: CommitOffsets) -> ErrorCode:
        group = self._groups.get(request.group_id)
        if isinstance(group, ConsumerGroup):
            return check_commit(
                group,
                request.member_id,
                request.instance_id,
                request.generation,
                [
                    (self._cluster.topic_id_of(tp.topic) or NO_UUID, tp.partition)
                    for tp, committed in request.offsets.items()
                    if len(committed.metadata) <= self.config.offset_metadata_max_bytes
                ],
                transactional=request.transactional,
                api_version=request.api_version,
            )
        if group is None:
            if request.generation < 0:
                return ErrorCode.NONE
            if request.transactional:
                return ErrorCode.ILLEGAL_GENERATION
            return ErrorCode.GROUP_ID_NOT_FOUND
        return self._membership.check_commit(
            group,
            request.member_id,
            request.instance_id,
            request.generation,
            transactional=request.transactional,
        )

    def check_fetch(self, group_id: str, member_id: str | None, member_epoch: int) -> ErrorCode:
        """Whether who asks may see the group's offsets: a member of a consumer group must be up to date."""
        group = self._groups.get(group_id)
        if isinstance(group, ConsumerGroup):
            return check_fetch(group, member_id, member_epoch)
        return ErrorCode.NONE

    def is_unstable(self, group_id: str, topic_partition: TopicPartition) -> bool:
        """Whether an open transaction may still change the committed offset."""
        return self._offsets.is_unstable(group_id, topic_partition)

    def committed(self, group_id: str) -> Mapping[TopicPartition, CommittedOffset]:
        """What a group has committed; empty for a group that isn't known."""
        return self._offsets.of_group(group_id)

    def delete_offsets(
        self, group_id: str, topic_partitions: Iterable[TopicPartition]
    ) -> Outcome[ErrorCode | dict[TopicPartition, ErrorCode]]:
        """Forget offsets of topics that the group doesn't read.

        The reply is a code for all, or one for each partition.
        """
        out: Outcome[ErrorCode | dict[TopicPartition, ErrorCode]] = Outcome(
            ErrorCode.GROUP_ID_NOT_FOUND, group_id
        )
        group = self._groups.get(group_id)
        if group is None:
            return out
        empty = is_empty(group)
        if isinstance(group, Group) and not empty and not group.is_consumer_group:
            out.reply = ErrorCode.NON_EMPTY_GROUP
            return out
        committed = self._offsets.of_group(group_id)
        errors: dict[TopicPartition, ErrorCode] = {}
        for topic_partition in topic_partitions:
            if not empty and group.is_subscribed_to(topic_partition.topic):
                errors[topic_partition] = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
                continue
            errors[topic_partition] = ErrorCode.NONE
            if topic_partition in committed or self.is_unstable(group_id, topic_partition):
                out.records.append(OffsetCommitRecord(group_id, topic_partition, None))
        out.reply = errors
        return out

    def topics_gone(self) -> list[str]:
        """Topics with offsets that don't exist: they were deleted when the broker died."""
        return [
            topic for topic in self._offsets.topics() if self._cluster.topic_id_of(topic) is None
        ]

    def topic_deleted(self, topic: str) -> list[Outcome[None]]:
        """Forget what groups committed in a topic that is gone."""
        outcomes: dict[str, Outcome[None]] = {}
        for group_id, topic_partition in self._offsets.of_topic(topic):
            out = outcomes.setdefault(group_id, Outcome(None, group_id))
            out.records.append(OffsetCommitRecord(group_id, topic_partition, None))
        return list(outcomes.values())

    def expire_offsets(self, group_id: str, now_ms: int) -> Outcome[None]:
        """Forget a group's offsets whose retention is over, and the group when nothing is left of it."""
        out: Outcome[None] = Outcome(None, group_id)
        group = self._groups.get(group_id)
        if group is None:
            return out
        expired, all_expired = expired_offsets(
            group,
            self._offsets.of_group(group_id),
            now_ms=now_ms,
            retention_ms=self.config.offsets_retention_ms,
        )
        if self._offsets.pending_of_group(group_id):
            expired = [tp for tp in expired if not self.is_unstable(group_id, tp)]
            all_expired = False
        out.records.extend(OffsetCommitRecord(group_id, tp, None) for tp in expired)
        pending = isinstance(group, Group) and bool(group.pending_members)
        if all_expired and is_empty(group) and not pending:
            out.records.extend(deletion_of(group))
        return out


def is_empty(group: Group | ConsumerGroup) -> bool:
    """Whether nobody is in the group."""
    if isinstance(group, ConsumerGroup):
        return not group.members
    return group.state is GroupState.EMPTY


def deletion_of(group: Group | ConsumerGroup) -> Sequence[GroupRecord]:
    """The records that delete a group without members."""
    if isinstance(group, ConsumerGroup):
        return tombstones(group)
    return [GroupMetadataRecord(group.group_id, None)]
