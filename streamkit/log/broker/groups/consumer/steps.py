"""The steps that a heartbeat, or a join of the classic protocol, goes through in a consumer group.

```
subscribe -> patterns -> check_topics (group epoch) -> assign (targets) -> reconcile (member epoch)
```

Each adds records to an outcome and says what holds once they are written; nothing changes before that. Deadlines,
by key `(kind, group, member)`:

| kind | due when | then |
| --- | --- | --- |
| CONSUMER_SESSION | a member hasn't been heard of for the session timeout | it is fenced |
| CONSUMER_REVOCATION | it has not given partitions up within its rebalance timeout | it is fenced |
| CONSUMER_JOIN | a classic member was told to join again and hasn't | it is fenced |
| CONSUMER_SYNC | a classic member has joined and not synced | it is fenced |
| CONSUMER_PATTERNS | at once | patterns are matched with the names of topics |

Source: KIP-848, as in Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.assignors import ASSIGNORS, GroupSpec, MemberSpec
from streamkit.log.broker.groups.consumer.group import (
    ConsumerGroup,
    ConsumerMember,
    is_homogeneous,
)
from streamkit.log.broker.groups.consumer.java_order import copied, grown, string_hash
from streamkit.log.broker.groups.consumer.patterns import PatternMatching, TopicPattern
from streamkit.log.broker.groups.consumer.reconciliation import reconcile
from streamkit.log.broker.groups.consumer.records import (
    CurrentAssignmentRecord,
    GroupEpoch,
    GroupEpochRecord,
    MemberState,
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
from streamkit.log.broker.groups.consumer.topics import TopicHashes
from streamkit.log.broker.groups.deadlines import Deadlines
from streamkit.log.broker.groups.rebalance import AnyOutcome, Deadline, DeadlineKind

__all__ = ["PatternChange", "Steps", "Target"]

_PATTERNS_PAUSE_MS = 10_000
_WORK_A_TURN = 1_000_000  # steps: some milliseconds


class PatternChange(Enum):
    """What has become of a member's pattern."""

    NONE = 0
    CHANGED = 1
    CHANGED_AND_RESOLVED = 2


class Target(NamedTuple):
    """What a member is to have, and in which epoch."""

    epoch: int
    partitions: Partitions


class Steps:
    """The steps, over groups that the coordinator owns.

    Args:
        config: limits and delays.
        deadlines: where deadlines are set.
        cluster: topics and groups' settings.
    """

    def __init__(
        self, config: GroupConfig, deadlines: Deadlines[Deadline], cluster: ClusterView
    ) -> None:
        self._config = config
        self._deadlines = deadlines
        self._cluster = cluster
        self._hashes = TopicHashes(cluster)
        self._matching: dict[str, PatternMatching] = {}

    # Subscriptions

    def subscribe(
        self, group: ConsumerGroup, old: ConsumerMember, new: ConsumerMember, out: AnyOutcome
    ) -> bool:
        """Write what a member says of itself; whether it reads topics of other names now."""
        if new.subscription == old.subscription:
            return False
        out.records.append(SubscriptionRecord(group.group_id, new.member_id, new.subscription))
        return new.subscription.topics != old.subscription.topics

    def patterns(
        self,
        group: ConsumerGroup,
        old: Subscription,
        new: Subscription,
        out: AnyOutcome,
        now_ms: int,
    ) -> PatternChange:
        """See to the member's pattern, and that patterns are matched when there is a reason.

        Raises:
            BrokerError: INVALID_REGULAR_EXPRESSION.
        """
        change = PatternChange.NONE
        needed = False
        if old.pattern != new.pattern:
            change = PatternChange.CHANGED
            if old.pattern and group.pattern_members(old.pattern) == 1:
                out.records.append(ResolvedPatternRecord(group.group_id, old.pattern, None))
            if new.pattern and group.pattern_members(new.pattern) == 0:
                TopicPattern(new.pattern)
                needed = True
            elif old.pattern if not new.pattern else new.pattern in group.patterns:
                change = PatternChange.CHANGED_AND_RESOLVED
        patterns = group.patterns_after(old.pattern, new.pattern)
        key = Deadline(DeadlineKind.CONSUMER_PATTERNS, group.group_id)
        if not patterns or key in self._deadlines:
            return change
        last = next(iter(group.patterns.values()), None)
        if last is not None:
            if now_ms <= last.timestamp_ms + _PATTERNS_PAUSE_MS:
                return change
            refresh_ms = self._config.consumer_regex_refresh_interval_ms
            needed |= last.version < self._cluster.created_version
            needed |= now_ms > last.timestamp_ms + refresh_ms
        if needed or len(patterns) != len(group.patterns):
            self._deadlines.set(key, 0)
        return change

    def match_patterns(self, group: ConsumerGroup, out: AnyOutcome, now_ms: int) -> None:
        """Match all patterns of the group with the names of topics; a change is a new epoch.

        What takes long goes on a little later, so that other groups get their turn.
        """
        matching = self._matching.pop(group.group_id, None)
        if matching is None:
            patterns = group.patterns_after(None, None)
            names = self._cluster.topic_names()
            matching = PatternMatching(patterns, names, self._cluster.version)
        if not matching.go_on(_WORK_A_TURN):
            self._matching[group.group_id] = matching
            self._deadlines.set(Deadline(DeadlineKind.CONSUMER_PATTERNS, group.group_id), 1)
            return
        found = {
            pattern: frozenset(topics)
            for pattern, topics in matching.found.items()
            if group.pattern_members(pattern)
        }
        changed = False
        for pattern, topics in found.items():
            known = group.patterns.get(pattern)
            changed |= topics != (frozenset() if known is None else known.topics)
            resolved = ResolvedPattern(topics, matching.version, now_ms)
            out.records.append(ResolvedPatternRecord(group.group_id, pattern, resolved))
        by_name = {name for name, count in group.topics.items() if count.by_name}
        gone = {
            name
            for pattern, known in group.patterns.items()
            if pattern not in found
            for name in known.topics
        }
        metadata_hash = self._hashes.of_topics(by_name.union(gone, *found.values()))
        if changed or metadata_hash != group.metadata_hash:
            self._bump(group, group.epoch + 1, metadata_hash, out)
            group.checked = (self._cluster.version, group.epoch + 1)

    # The group's epoch

    def is_stale(self, group: ConsumerGroup) -> bool:
        """Whether topics may have changed since the group's were last looked at."""
        if group.checked is None:
            return True
        version, epoch = group.checked
        return version != self._cluster.version or group.epoch < epoch

    def check_topics(
        self,
        group: ConsumerGroup,
        old: ConsumerMember,
        new: ConsumerMember,
        out: AnyOutcome,
        *,
        bump: bool,
    ) -> tuple[int, bool]:
        """Look at the group's topics: with `bump`, or if they have changed, it gets a new epoch.

        Returns:
            The group's epoch, and whether all members read the same topics.
        """
        was, becomes = old.subscription.pattern, new.subscription.pattern
        left = [was] if was and was != becomes and group.pattern_members(was) == 1 else []
        topics = group.topics_after([old], new, left)
        metadata_hash = self._hashes.of_topics(topics)
        members = len(group.members)
        known = new.member_id in group.members or group.static_member(new.instance_id) is not None
        alike = is_homogeneous(topics, group.patterns_after(was, becomes), members + (not known))
        epoch = group.epoch
        if bump or metadata_hash != group.metadata_hash:
            epoch += 1
            self._bump(group, epoch, metadata_hash, out)
        group.checked = (self._cluster.version, epoch)
        if group.has_partition_metadata:
            out.records.append(PartitionMetadataRecord(group.group_id, None))
        return epoch, alike

    def bump_without(
        self, group: ConsumerGroup, gone: Sequence[ConsumerMember], out: AnyOutcome
    ) -> None:
        """A new epoch for a group without some of its members; their records are the caller's."""
        counts: dict[str, int] = {}
        for member in gone:
            if member.subscription.pattern:
                counts[member.subscription.pattern] = counts.get(member.subscription.pattern, 0) + 1
        unused = [each for each, count in counts.items() if group.pattern_members(each) == count]
        for pattern in unused:
            out.records.append(ResolvedPatternRecord(group.group_id, pattern, None))
        metadata_hash = self._hashes.of_topics(group.topics_after(gone, None, unused))
        self._bump(group, group.epoch + 1, metadata_hash, out)

    def hash_of(self, group: ConsumerGroup) -> int:
        """The hash of the group's topics as they are now."""
        return self._hashes.of_topics(group.topics)

    def _bump(self, group: ConsumerGroup, epoch: int, metadata_hash: int, out: AnyOutcome) -> None:
        out.records.append(GroupEpochRecord(group.group_id, GroupEpoch(epoch, metadata_hash)))

    # Targets

    def assign(
        self,
        group: ConsumerGroup,
        epoch: int,
        old: ConsumerMember,
        new: ConsumerMember,
        out: AnyOutcome,
        now_ms: int,
        *,
        alike: bool,
    ) -> Target:
        """Compute targets if the group has a newer epoch and the last ones are old enough.

        Returns:
            The target of `new`.
        """
        last = group.target_epoch
        interval_ms = self._config.assignment_interval_ms(
            self._cluster.group_configs(group.group_id)
        )
        too_soon = last.timestamp_ms and interval_ms and now_ms < last.timestamp_ms + interval_ms
        if last.epoch >= epoch or too_soon:
            return Target(last.epoch, self.last_target(group, new))
        name = group.preferred_assignor(old.subscription, new.subscription)
        if name is None or name not in ASSIGNORS:
            name = self._config.consumer_assignors[0]
        specs = self._specs(group, new)
        counts: dict[UUID, int] = {}
        for spec in specs.values():
            for topic_id in spec.topic_ids.keys() - counts.keys():
                counts[topic_id] = self._cluster.partition_count(topic_id) or 0
        taken: dict[UUID, set[int]] = {}
        for target in group.targets.values():
            for topic_id, partitions in target.items():
                taken.setdefault(topic_id, set()).update(partitions)
        targets = ASSIGNORS[name](
            GroupSpec(
                members=specs,
                homogeneous=alike,
                partition_counts=counts,
                taken={topic_id: frozenset(each) for topic_id, each in taken.items()},
            )
        )
        for member_id in specs:
            computed = targets.setdefault(member_id, {})
            if computed != group.targets.get(member_id):
                out.records.append(TargetRecord(group.group_id, member_id, computed))
        out.records.append(TargetEpochRecord(group.group_id, TargetEpoch(epoch, now_ms)))
        return Target(epoch, targets[new.member_id])

    def last_target(self, group: ConsumerGroup, member: ConsumerMember) -> Partitions:
        """The member's target so far; a static one has that of its predecessor."""
        if member.instance_id is None:
            return group.target_of(member.member_id)
        before = group.static_member(member.instance_id)
        return {} if before is None else group.target_of(before.member_id)

    def _specs(self, group: ConsumerGroup, new: ConsumerMember) -> dict[str, MemberSpec]:
        """All members as the assignor is to see them, `new` among them, in its order."""
        members = {**group.members, new.member_id: new}
        held = len(members)
        before = group.static_member(new.instance_id)
        if before is not None and before.member_id != new.member_id:
            del members[before.member_id]
        specs = {}
        for member_id in grown(members, string_hash, most=held):
            member = members[member_id]
            if member is new and before is not None:
                assigned = group.target_of(before.member_id)
            else:
                assigned = group.target_of(member_id)
            topic_ids = self.topic_ids(group, member.subscription)
            specs[member_id] = MemberSpec(member.instance_id, topic_ids, assigned)
        return specs

    def topic_ids(self, group: ConsumerGroup, subscription: Subscription) -> dict[UUID, None]:
        """The ids of the topics that a member reads, of those that exist, in the assignors' order."""
        names = copied(sorted(group.subscribed_names(subscription)), string_hash)
        found = (self._cluster.topic_id_of(name) for name in names)
        return dict.fromkeys(topic_id for topic_id in found if topic_id is not None)

    # What a member has

    def reconcile(
        self,
        group: ConsumerGroup,
        member: ConsumerMember,
        target: Target,
        owned: Partitions | None,
        out: AnyOutcome,
        *,
        subscription_changed: bool,
    ) -> ConsumerMember:
        """Bring a member a step nearer to its target; returns it as it is then."""
        if not subscription_changed and member.is_reconciled_to(target.epoch):
            return member
        current = reconcile(
            member,
            target_epoch=target.epoch,
            target=target.partitions,
            subscribed=self.topic_ids(group, member.subscription).keys(),
            subscription_changed=subscription_changed,
            owner_epoch=group.owner_epoch,
            owned=owned,
        )
        if current == member.current:
            return member
        member = replace(member, current=current)
        out.records.append(CurrentAssignmentRecord(group.group_id, member.member_id, current))
        if not member.is_classic:
            self.watch_revocation(group.group_id, member)
        return member

    def watch_revocation(self, group_id: str, member: ConsumerMember) -> None:
        """See that a member gives up what it must, or is fenced."""
        key = Deadline(DeadlineKind.CONSUMER_REVOCATION, group_id, member.member_id)
        if member.current.state is MemberState.UNREVOKED_PARTITIONS:
            self._deadlines.set(key, member.subscription.rebalance_timeout_ms)
        else:
            self._deadlines.cancel(key)

    # Sessions

    def heard_of(self, group_id: str, member: ConsumerMember) -> None:
        """Begin a member's session anew."""
        classic = member.subscription.classic
        self._deadlines.set(
            Deadline(DeadlineKind.CONSUMER_SESSION, group_id, member.member_id),
            self._config.session_timeout_ms(self._cluster.group_configs(group_id))
            if classic is None
            else classic.session_timeout_ms,
        )

    def forget_group(self, group_id: str) -> None:
        """The group is gone: its patterns aren't matched any more."""
        self._matching.pop(group_id, None)
        self._deadlines.cancel(Deadline(DeadlineKind.CONSUMER_PATTERNS, group_id))

    def forget(self, group_id: str, member_id: str) -> None:
        """Cancel all deadlines of a member."""
        for kind in (
            DeadlineKind.CONSUMER_SESSION,
            DeadlineKind.CONSUMER_REVOCATION,
            DeadlineKind.CONSUMER_JOIN,
            DeadlineKind.CONSUMER_SYNC,
        ):
            self._deadlines.cancel(Deadline(kind, group_id, member_id))
