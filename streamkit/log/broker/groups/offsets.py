"""Committed offsets, by group and partition, and when they expire.

Changed by `OffsetStore.replay` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streamkit.log.broker.groups.group import Group, GroupState
from streamkit.log.broker.groups.records import CommittedOffset, OffsetCommitRecord
from streamkit.model import TopicPartition

__all__ = ["OffsetStore", "expired_offsets"]

_NOTHING: Mapping[TopicPartition, CommittedOffset] = {}


class OffsetStore:
    """The offsets that groups have committed."""

    def __init__(self) -> None:
        self._by_group: dict[str, dict[TopicPartition, CommittedOffset]] = {}

    def replay(self, record: OffsetCommitRecord) -> None:
        """Take over a commit, or forget the offset if the record is a tombstone."""
        if record.value is not None:
            self._by_group.setdefault(record.group_id, {})[record.topic_partition] = record.value
            return
        offsets = self._by_group.get(record.group_id)
        if offsets is not None:
            offsets.pop(record.topic_partition, None)
            if not offsets:
                del self._by_group[record.group_id]

    def of_group(self, group_id: str) -> Mapping[TopicPartition, CommittedOffset]:
        """What the group has committed, in the order of first commits; empty if nothing."""
        return self._by_group.get(group_id, _NOTHING)

    def groups(self) -> list[str]:
        """The groups that have committed something."""
        return list(self._by_group)

    def of_topic(self, topic: str) -> Iterator[tuple[str, TopicPartition]]:
        """Every (group, partition) with a commit in `topic`."""
        for group_id, offsets in self._by_group.items():
            for topic_partition in offsets:
                if topic_partition.topic == topic:
                    yield group_id, topic_partition


def expired_offsets(
    group: Group,
    offsets: Mapping[TopicPartition, CommittedOffset],
    *,
    now_ms: int,
    retention_ms: int,
) -> tuple[list[TopicPartition], bool]:
    """Which of a group's offsets have expired, and whether none is left then.

    An offset is kept for the retention from when its group became empty; without a group, and for topics
    that a stable group of consumers doesn't read any more, from its commit. A commit that asked for a retention of
    its own (OffsetCommit 2 to 4) has that.

    Source: KIP-211 and KIP-496.
    """
    if group.protocol_type is None:
        since_empty_ms = None
    elif group.state is GroupState.EMPTY:
        since_empty_ms = group.state_timestamp_ms if group.state_timestamp_ms >= 0 else None
    elif (
        group.is_consumer_group
        and group.subscribed_topics is not None
        and group.state is GroupState.STABLE
    ):
        since_empty_ms = None
    else:
        return [], not offsets
    expired = []
    for topic_partition, committed in offsets.items():
        if group.state is not GroupState.EMPTY and group.is_subscribed_to(topic_partition.topic):
            continue
        if committed.expire_timestamp_ms is not None:
            gone = now_ms >= committed.expire_timestamp_ms
        else:
            since_ms = committed.commit_timestamp_ms if since_empty_ms is None else since_empty_ms
            gone = now_ms - since_ms >= retention_ms
        if gone:
            expired.append(topic_partition)
    return expired, len(expired) == len(offsets)
