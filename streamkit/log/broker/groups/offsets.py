"""Committed offsets, by group and partition, and when they expire.

Offsets that are part of an open transaction are kept aside: they become the committed ones when it commits,
unless something newer was committed meanwhile, and are dropped when it aborts.

Changed by `OffsetStore.replay` and `end` alone: by what the log holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypeVar

from streamkit.log.broker.groups.consumer.group import ConsumerGroup
from streamkit.log.broker.groups.group import Group, GroupState
from streamkit.log.broker.groups.records import CommittedOffset, OffsetCommitRecord
from streamkit.model import TopicPartition

__all__ = ["OffsetStore", "Origin", "expired_offsets"]

V = TypeVar("V")

_NOTHING: Mapping[TopicPartition, CommittedOffset] = {}


class Origin(NamedTuple):
    """Where the offsets of a transaction stand: a marker ends those of one producer in one partition.

    Attributes:
        partition: of `__consumer_offsets`.
        producer_id: whose transaction it is.
    """

    partition: int
    producer_id: int


class OffsetStore:
    """The offsets that groups have committed, and those that open transactions will commit."""

    def __init__(self) -> None:
        self._by_group: dict[str, dict[TopicPartition, CommittedOffset]] = {}
        # By group, partition and transaction; None where a commit that came after it counts instead.
        self._pending: dict[str, dict[TopicPartition, dict[Origin, CommittedOffset | None]]] = {}

    def replay(self, record: OffsetCommitRecord, origin: Origin | None = None) -> None:
        """Take over a commit, or forget the offset if the record is a tombstone.

        A commit with an origin is part of a transaction, and waits for its end.
        """
        group_id, topic_partition, value = record.group_id, record.topic_partition, record.value
        if value is None:
            _remove(self._by_group, group_id, topic_partition)
            _remove(self._pending, group_id, topic_partition)
        elif origin is None:
            self._by_group.setdefault(group_id, {})[topic_partition] = value
            for other in self._pending.get(group_id, {}).get(topic_partition, ()):
                self._pending[group_id][topic_partition][other] = None
        else:
            pending = self._pending.setdefault(group_id, {}).setdefault(topic_partition, {})
            pending.pop(origin, None)
            pending[origin] = value  # the last one: pending offsets stand in the order of the log

    def end(self, origin: Origin, committed: bool) -> None:
        """A transaction has ended: its offsets are the committed ones now, or are dropped."""
        for group_id in list(self._pending):
            for topic_partition, pending in list(self._pending[group_id].items()):
                if origin not in pending:
                    continue
                value = pending[origin]
                if committed and value is not None:
                    self._by_group.setdefault(group_id, {})[topic_partition] = value
                    for earlier in list(pending)[: list(pending).index(origin)]:
                        pending[earlier] = None
                del pending[origin]
                if not pending:
                    _remove(self._pending, group_id, topic_partition)

    def of_group(self, group_id: str) -> Mapping[TopicPartition, CommittedOffset]:
        """What the group has committed, in the order of first commits; empty if nothing."""
        return self._by_group.get(group_id, _NOTHING)

    def pending_of_group(self, group_id: str) -> list[TopicPartition]:
        """The partitions whose offsets an open transaction may change."""
        return list(self._pending.get(group_id, ()))

    def is_unstable(self, group_id: str, topic_partition: TopicPartition) -> bool:
        """Whether an open transaction may change the offset."""
        return topic_partition in self._pending.get(group_id, ())

    def topics(self) -> Collection[str]:
        """The topics with offsets, committed or pending."""
        found: dict[str, None] = {}
        for committed in self._by_group.values():
            found.update(dict.fromkeys(topic for topic, _ in committed))
        for pending in self._pending.values():
            found.update(dict.fromkeys(topic for topic, _ in pending))
        return found.keys()

    def of_topic(self, topic: str) -> Iterator[tuple[str, TopicPartition]]:
        """Every (group, partition) with an offset in `topic`, committed or pending; each once."""
        for group_id in dict.fromkeys((*self._by_group, *self._pending)):
            found = (*self.of_group(group_id), *self.pending_of_group(group_id))
            for topic_partition in dict.fromkeys(found):
                if topic_partition.topic == topic:
                    yield group_id, topic_partition


def expired_offsets(
    group: Group | ConsumerGroup,
    offsets: Mapping[TopicPartition, CommittedOffset],
    *,
    now_ms: int,
    retention_ms: int,
) -> tuple[list[TopicPartition], bool]:
    """Which of a group's offsets have expired, and whether none is left then.

    An offset is kept for the retention from when its group became empty; without a group, and for topics
    that a stable group of consumers, or a consumer group, doesn't read any more, from its commit. A commit that asked for a retention of
    its own (OffsetCommit 2 to 4) has that.

    Source: KIP-211 and KIP-496.
    """
    since_empty_ms: int | None = None
    if isinstance(group, ConsumerGroup) or group.protocol_type is None:
        pass
    elif group.state is GroupState.EMPTY:
        since_empty_ms = group.state_timestamp_ms if group.state_timestamp_ms >= 0 else None
    elif (
        group.is_consumer_group
        and group.subscribed_topics is not None
        and group.state is GroupState.STABLE
    ):
        pass
    else:
        return [], not offsets
    expired = []
    for topic_partition, committed in offsets.items():
        if group.is_subscribed_to(topic_partition.topic) and (
            isinstance(group, ConsumerGroup) or group.state is not GroupState.EMPTY
        ):
            continue
        if committed.expire_timestamp_ms is not None:
            gone = now_ms >= committed.expire_timestamp_ms
        else:
            since_ms = committed.commit_timestamp_ms if since_empty_ms is None else since_empty_ms
            gone = now_ms - since_ms >= retention_ms
        if gone:
            expired.append(topic_partition)
    return expired, len(expired) == len(offsets)


def _remove(
    store: dict[str, dict[TopicPartition, V]], group_id: str, topic_partition: TopicPartition
) -> None:
    of_group = store.get(group_id)
    if of_group is not None:
        of_group.pop(topic_partition, None)
        if not of_group:
            del store[group_id]
