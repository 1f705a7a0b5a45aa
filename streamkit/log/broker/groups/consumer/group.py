"""A consumer group (KIP-848): members, epochs, targets and who has which partition.

```
   epochs:   group's  >=  targets'  >=  each member's
             (members and topics have changed)  (assigned)  (reconciled)
```

| state | when |
| --- | --- |
| Empty | no members |
| Assigning | the targets are older than the group's epoch |
| Reconciling | a member isn't at its target yet |
| Stable | all are |

Changes in `replay` alone. What the log doesn't hold: when topics were last looked at (`checked`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from streamkit.log.broker.groups.consumer.records import (
    ConsumerGroupRecord,
    CurrentAssignment,
    CurrentAssignmentRecord,
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

__all__ = [
    "ConsumerGroup",
    "ConsumerGroupState",
    "ConsumerMember",
    "SubscriptionCount",
    "is_homogeneous",
    "partitions_of",
]

_LEFT = CurrentAssignment(epoch=-1, previous_epoch=-1)
_NO_PARTITIONS: Partitions = {}


class ConsumerGroupState(Enum):
    """The states of a consumer group, with the names that clients see."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"


class SubscriptionCount(NamedTuple):
    """By how many members a topic is subscribed to by name, and by how many patterns."""

    by_name: int = 0
    by_pattern: int = 0


@dataclass(frozen=True, slots=True)
class ConsumerMember:
    """A member: what it says of itself and what it has."""

    member_id: str
    subscription: Subscription = field(default_factory=Subscription)
    current: CurrentAssignment = field(default_factory=CurrentAssignment)

    @property
    def epoch(self) -> int:
        return self.current.epoch

    @property
    def instance_id(self) -> str | None:
        return self.subscription.instance_id

    @property
    def is_classic(self) -> bool:
        """Whether it speaks the classic protocol."""
        return self.subscription.classic is not None

    def is_reconciled_to(self, epoch: int) -> bool:
        return self.current.state is MemberState.STABLE and self.current.epoch == epoch

    def epoch_of(self, topic_id: UUID, partition: int) -> int | None:
        """The epoch in which it got a partition that it has, or is to give up; None if it is neither."""
        for partitions in (self.current.assigned, self.current.revoking):
            found = partitions.get(topic_id, {}).get(partition)
            if found is not None:
                return found
        return None


class ConsumerGroup:
    """One group of the consumer protocol.

    Attributes:
        epoch: counts changes; 1 is that of a group nobody has joined yet.
        metadata_hash: of the topics at that epoch.
        target_epoch: of the targets, with their time.
        members: by member id.
        targets: what each member is to have.
        patterns: topics of the regular expressions that are subscribed to and resolved.
        topics: how often each topic is subscribed to.
        has_partition_metadata: the log holds a record of before Kafka 4.1, to be deleted at the next change.
        checked: version of the cluster's metadata, and epoch of the group, at the last look at its topics.
    """

    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self.epoch = 1
        self.metadata_hash = 0
        self.target_epoch = TargetEpoch(1, 0)
        self.members: dict[str, ConsumerMember] = {}
        self.targets: dict[str, Partitions] = {}
        self.patterns: dict[str, ResolvedPattern] = {}
        self.topics: dict[str, SubscriptionCount] = {}
        self.has_partition_metadata = False
        self.checked: tuple[int, int] | None = None
        self._static: dict[str, str] = {}
        self._assignors: dict[str, int] = {}
        self._pattern_members: dict[str, int] = {}
        self._classic_protocols: dict[str, int] = {}
        self._classic_members = 0
        self._owned: dict[UUID, dict[int, int]] = {}

    # The log

    def replay(self, record: ConsumerGroupRecord) -> None:
        """Take over what a record says; a GroupEpochRecord without value is the owner's, who drops the group."""
        match record:
            case SubscriptionRecord(member_id=member_id, value=subscription):
                if subscription is not None:
                    self._update(replace(self._member(member_id), subscription=subscription))
                else:
                    self._remove(member_id)
            case CurrentAssignmentRecord(member_id=member_id, value=current):
                if current is not None:
                    self._update(replace(self._member(member_id), current=current))
                elif member_id in self.members:
                    self._update(replace(self._member(member_id), current=_LEFT))
            case TargetRecord(member_id=member_id, value=target):
                if target is not None:
                    self.targets[member_id] = target
                else:
                    self.targets.pop(member_id, None)
            case TargetEpochRecord(value=target_epoch):
                self.target_epoch = target_epoch or TargetEpoch(-1, 0)
            case GroupEpochRecord(value=group_epoch):
                if group_epoch is not None:
                    self.epoch = group_epoch.epoch
                    self.metadata_hash = group_epoch.metadata_hash
            case ResolvedPatternRecord(pattern=pattern, value=resolved):
                old = self.patterns.pop(pattern, None)
                if old is not None:
                    _count(self.topics, old.topics, by_pattern=-1)
                if resolved is not None:
                    self.patterns[pattern] = resolved
                    _count(self.topics, resolved.topics, by_pattern=1)
            case PartitionMetadataRecord(value=metadata):
                self.has_partition_metadata = metadata is not None

    def _member(self, member_id: str) -> ConsumerMember:
        return self.members.get(member_id) or ConsumerMember(member_id)

    def _update(self, member: ConsumerMember) -> None:
        old = self.members.get(member.member_id)
        if old is None or old.subscription != member.subscription:
            if old is not None:
                self._count_member(old, -1)
            self._count_member(member, 1)
        if old is not None:
            self._release(old)
        self.members[member.member_id] = member
        for partitions in (member.current.assigned, member.current.revoking):
            for topic_id, epochs in partitions.items():
                owned = self._owned.setdefault(topic_id, {})
                for partition in epochs:
                    # The newer owner counts, should there ever be two. An epoch may be -2.
                    known = owned.get(partition)
                    owned[partition] = member.epoch if known is None else max(known, member.epoch)
        if member.instance_id is not None:
            self._static[member.instance_id] = member.member_id

    def _remove(self, member_id: str) -> None:
        member = self.members.pop(member_id, None)
        if member is None:
            return
        self._count_member(member, -1)
        self._release(member)
        instance_id = member.instance_id
        if instance_id is not None and self._static.get(instance_id) == member_id:
            del self._static[instance_id]

    def _release(self, member: ConsumerMember) -> None:
        for partitions in (member.current.assigned, member.current.revoking):
            for topic_id, epochs in partitions.items():
                owned = self._owned.get(topic_id, {})
                for partition in epochs:
                    if owned.get(partition) == member.epoch:
                        del owned[partition]
                if not owned:
                    self._owned.pop(topic_id, None)

    def _count_member(self, member: ConsumerMember, change: int) -> None:
        subscription = member.subscription
        _count(self.topics, subscription.topics, by_name=change)
        if subscription.server_assignor is not None:
            _add(self._assignors, subscription.server_assignor, change)
        if subscription.pattern:
            _add(self._pattern_members, subscription.pattern, change)
        if subscription.classic is not None:
            self._classic_members += change
            for name, _ in subscription.classic.protocols:
                _add(self._classic_protocols, name, change)

    # Questions about it

    @property
    def state(self) -> ConsumerGroupState:
        if not self.members:
            return ConsumerGroupState.EMPTY
        if self.epoch > self.target_epoch.epoch:
            return ConsumerGroupState.ASSIGNING
        if all(each.is_reconciled_to(self.target_epoch.epoch) for each in self.members.values()):
            return ConsumerGroupState.STABLE
        return ConsumerGroupState.RECONCILING

    def static_member(self, instance_id: str | None) -> ConsumerMember | None:
        """The member with the instance id, or None if there is none."""
        member_id = None if instance_id is None else self._static.get(instance_id)
        return None if member_id is None else self.members.get(member_id)

    def is_subscribed_to(self, topic: str) -> bool:
        """Whether members read `topic`."""
        return topic in self.topics

    def target_of(self, member_id: str) -> Partitions:
        return self.targets.get(member_id, _NO_PARTITIONS)

    def owner_epoch(self, topic_id: UUID, partition: int) -> int | None:
        """The epoch of the member that has the partition, or is to give it up; None if it is free."""
        return self._owned.get(topic_id, {}).get(partition)

    def subscribed_names(self, subscription: Subscription) -> frozenset[str]:
        """The topics that a member reads: those it names, and those its pattern stands for."""
        resolved = self.patterns.get(subscription.pattern) if subscription.pattern else None
        return subscription.topics if resolved is None else subscription.topics | resolved.topics

    def pattern_members(self, pattern: str) -> int:
        """How many members subscribe to a pattern."""
        return self._pattern_members.get(pattern, 0)

    @property
    def classic_members(self) -> int:
        """How many members speak the classic protocol."""
        return self._classic_members

    @property
    def homogeneous(self) -> bool:
        """Whether all members read the same topics."""
        return is_homogeneous(self.topics, self._pattern_members, len(self.members))

    def supports_classic(self, names: Iterable[str]) -> bool:
        """Whether all classic members know one of the protocols in `names`."""
        return any(self._classic_protocols.get(each, 0) == self._classic_members for each in names)

    # The group as it would be with a change that isn't written yet

    def topics_after(
        self,
        removed: Iterable[ConsumerMember],
        added: ConsumerMember | None = None,
        gone_patterns: Iterable[str] = (),
    ) -> dict[str, SubscriptionCount]:
        """How often each topic is subscribed to once members have gone or come."""
        topics = dict(self.topics)
        for member in removed:
            _count(topics, member.subscription.topics, by_name=-1)
        if added is not None:
            _count(topics, added.subscription.topics, by_name=1)
        for pattern in gone_patterns:
            if (resolved := self.patterns.get(pattern)) is not None:
                _count(topics, resolved.topics, by_pattern=-1)
        return topics

    def patterns_after(self, old: str | None, new: str | None) -> dict[str, int]:
        """How many members subscribe to each pattern once a member changes its own from `old` to `new`."""
        patterns = dict(self._pattern_members)
        if old:
            _add(patterns, old, -1)
        if new:
            _add(patterns, new, 1)
        return patterns

    def preferred_assignor(self, old: Subscription, new: Subscription) -> str | None:
        """The assignor that most members ask for once one has changed; None if nobody asks."""
        counts = dict(self._assignors)
        if old.server_assignor is not None:
            _add(counts, old.server_assignor, -1)
        if new.server_assignor is not None:
            _add(counts, new.server_assignor, 1)
        return max(counts, key=lambda name: counts[name], default=None)

    def assignor(self) -> str | None:
        """The assignor that most members ask for; None if nobody asks."""
        return max(self._assignors, key=lambda name: self._assignors[name], default=None)


def is_homogeneous(
    topics: Mapping[str, SubscriptionCount], patterns: Mapping[str, int], members: int
) -> bool:
    """Whether all members read the same topics.

    Args:
        topics: how often each topic is subscribed to.
        patterns: how many members subscribe to each pattern.
        members: how many there are.
    """
    if not patterns:
        return all(count.by_name == members for count in topics.values())
    if next(iter(patterns.values())) != members:
        return False
    return all(count == SubscriptionCount(0, 1) for count in topics.values())


def partitions_of(assignment: PartitionEpochs) -> Partitions:
    """The partitions without their epochs."""
    return {topic_id: frozenset(epochs) for topic_id, epochs in assignment.items()}


def _count(
    topics: dict[str, SubscriptionCount],
    names: Iterable[str],
    *,
    by_name: int = 0,
    by_pattern: int = 0,
) -> None:
    for name in names:
        old = topics.get(name, SubscriptionCount())
        new = SubscriptionCount(old.by_name + by_name, old.by_pattern + by_pattern)
        if new.by_name > 0 or new.by_pattern > 0:
            topics[name] = new
        else:
            topics.pop(name, None)


def _add(counts: dict[str, int], name: str, change: int) -> None:
    number = counts.get(name, 0) + change
    if number > 0:
        counts[name] = number
    else:
        counts.pop(name, None)
