"""From the classic protocol to the consumer protocol and back, while members stay.

- **Upgrade**: the first member of the consumer protocol joins a classic group of consumers. Its members stay in, as
  classic members; assignments become targets. Who waits for an answer is told to join again.
- **Downgrade**: the last member of the consumer protocol goes. Targets become the assignments of a classic group, whose
  members are told to join again; nothing of the kind is needed when a classic static member takes its place and no
  target is due.

A group without members changes its protocol with whoever comes first. Both ways are a batch of records: tombstones of
what was, and what becomes.

Source: KIP-848, as in Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.errors import ProtocolError
from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.embedded_protocol import (
    read_assignment,
    read_subscription,
    write_assignment,
)
from streamkit.log.broker.groups.consumer.group import ConsumerGroup, ConsumerMember
from streamkit.log.broker.groups.consumer.records import (
    ClassicMetadata,
    ConsumerGroupRecord,
    CurrentAssignment,
    CurrentAssignmentRecord,
    GroupEpoch,
    GroupEpochRecord,
    MemberState,
    PartitionMetadataRecord,
    Partitions,
    ResolvedPatternRecord,
    Subscription,
    SubscriptionRecord,
    TargetEpoch,
    TargetEpochRecord,
    TargetRecord,
)
from streamkit.log.broker.groups.consumer.steps import Steps
from streamkit.log.broker.groups.group import CONSUMER_PROTOCOL_TYPE, Group, Member
from streamkit.log.broker.groups.outcome import Downgrade, JoinReply, SyncReply
from streamkit.log.broker.groups.rebalance import AnyOutcome, answer
from streamkit.log.broker.groups.records import GroupMetadataRecord
from streamkit.log.protocol import ErrorCode

__all__ = ["Migration", "tombstones"]


class Migration:
    """Turns groups of one protocol into groups of the other.

    Args:
        config: the policy and the largest sizes.
        cluster: topics.
        steps: of consumer groups.
    """

    def __init__(self, config: GroupConfig, cluster: ClusterView, steps: Steps) -> None:
        self._config = config
        self._cluster = cluster
        self._steps = steps

    # Up

    def upgrade(self, group: Group, out: AnyOutcome) -> ConsumerGroup:
        """The consumer group that a classic group with members becomes.

        Raises:
            BrokerError: GROUP_ID_NOT_FOUND: the policy or the group doesn't allow it.
        """
        if not self._config.migration.upgrades:
            raise _not_upgraded(group, "that is disabled")
        if not group.is_consumer_group:
            raise _not_upgraded(group, "it isn't a group of consumers")
        if len(group.members) > self._config.consumer_max_size:
            raise _not_upgraded(group, "it is larger than a consumer group may be")
        records: list[ConsumerGroupRecord] = []
        try:
            members = [self._upgraded(group, member) for member in group.members.values()]
        except ProtocolError as error:
            raise _not_upgraded(group, f"a member's data can't be read: {error}") from error
        upgraded = ConsumerGroup(group.group_id)
        for member, _ in members:
            records.append(
                SubscriptionRecord(group.group_id, member.member_id, member.subscription)
            )
            upgraded.replay(records[-1])
        hashed = GroupEpoch(group.generation, self._steps.hash_of(upgraded))
        rest: list[ConsumerGroupRecord] = [GroupEpochRecord(group.group_id, hashed)]
        rest += [
            TargetRecord(group.group_id, member.member_id, target) for member, target in members
        ]
        rest.append(TargetEpochRecord(group.group_id, TargetEpoch(group.generation, 0)))
        rest += [
            CurrentAssignmentRecord(group.group_id, member.member_id, member.current)
            for member, _ in members
        ]
        for record in rest:
            upgraded.replay(record)
        for each in group.members.values():
            if each.awaiting_join is not None:
                reply = JoinReply(ErrorCode.REBALANCE_IN_PROGRESS, each.member_id)
                answer(out, each.awaiting_join, reply)
                each.awaiting_join = None
            if each.awaiting_sync is not None:
                answer(out, each.awaiting_sync, SyncReply(ErrorCode.REBALANCE_IN_PROGRESS))
                each.awaiting_sync = None
        out.records.append(GroupMetadataRecord(group.group_id, None))
        out.records += [*records, *rest]
        for member in upgraded.members.values():
            self._steps.heard_of(group.group_id, member)
        return upgraded

    def _upgraded(self, group: Group, member: Member) -> tuple[ConsumerMember, Partitions]:
        protocol = group.protocol or next((name for name, _ in member.protocols), None)
        subscription = read_subscription(member.metadata(protocol))
        target, has_user_data = read_assignment(member.assignment, self._cluster)
        if has_user_data:
            raise ProtocolError("its assignor needs data of its own, which would be lost")
        epoch = group.generation
        assigned = {topic_id: dict.fromkeys(each, epoch) for topic_id, each in target.items()}
        upgraded = ConsumerMember(
            member.member_id,
            Subscription(
                instance_id=member.instance_id,
                rack_id=subscription.rack_id or None,
                client_id=member.client_id,
                client_host=member.client_host,
                topics=frozenset(subscription.topics),
                rebalance_timeout_ms=member.rebalance_timeout_ms,
                classic=ClassicMetadata(member.session_timeout_ms, member.protocols),
            ),
            CurrentAssignment(epoch, epoch, MemberState.STABLE, assigned, {}),
        )
        return upgraded, target

    # Down

    def can_downgrade(self, group: ConsumerGroup, gone: Sequence[ConsumerMember]) -> bool:
        """Whether the group becomes a classic one without the members that go."""
        classic = group.classic_members - sum(member.is_classic for member in gone)
        left = len(group.members) - len(gone)
        return left > 0 and classic == left and self._may_downgrade(left)

    def can_downgrade_with(self, group: ConsumerGroup, replaced: ConsumerMember) -> bool:
        """Whether it does when a classic member takes the place of one."""
        others = len(group.members) - 1
        last = group.classic_members == others and not replaced.is_classic
        return last and self._may_downgrade(len(group.members))

    def _may_downgrade(self, members: int) -> bool:
        return self._config.migration.downgrades and members <= self._config.max_size

    def downgrade(
        self,
        group: ConsumerGroup,
        gone: Sequence[ConsumerMember],
        joining: ConsumerMember | None,
        out: AnyOutcome,
        now_ms: int,
        *,
        rebalances: bool,
    ) -> None:
        """Make the group a classic one.

        Args:
            gone: members that leave.
            joining: a static member that takes the place of another; that is in the records already.
            rebalances: members are to join again.

        Raises:
            BrokerError: GROUP_ID_NOT_FOUND: a member's subscription can't be read.
        """
        before = None if joining is None else group.static_member(joining.instance_id)
        names = {} if before is None or joining is None else {before.member_id: joining.member_id}
        members = [
            joining if joining is not None and member is before else member
            for member in group.members.values()
            if member not in gone
        ]
        classic = Group(group.group_id, now_ms)
        for member in members:
            classic.add(_downgraded(member), CONSUMER_PROTOCOL_TYPE)
        classic.generation = group.epoch
        classic.protocol = classic.select_protocol()
        assignments = {}
        try:
            for member in members:
                old_id = before.member_id if member is joining and before else member.member_id
                assignments[member.member_id] = write_assignment(
                    group.target_of(old_id),
                    self._cluster,
                    classic.members[member.member_id].metadata(classic.protocol),
                )
        except ProtocolError as error:
            raise refusal(
                ErrorCode.GROUP_ID_NOT_FOUND,
                f"group {group.group_id} can't become a classic group: {error}",
            ) from error
        for member_id in group.members:
            # What it was to do in time as a member of a consumer group is nothing to a classic one.
            self._steps.forget(group.group_id, member_id)
        out.records += tombstones(group, names)
        out.records.append(
            GroupMetadataRecord(group.group_id, classic.as_record(assignments, now_ms))
        )
        protocols = {each.member_id: each.protocols for each in classic.members.values()}
        out.downgrade = Downgrade(protocols, rebalances)


def tombstones(
    group: ConsumerGroup, names: dict[str, str] | None = None
) -> list[ConsumerGroupRecord]:
    """The records that delete a consumer group; members in `names` go by their new ids."""
    group_id = group.group_id
    member_ids = [(names or {}).get(each, each) for each in group.members]
    return [
        *(CurrentAssignmentRecord(group_id, each, None) for each in member_ids),
        *(TargetRecord(group_id, each, None) for each in member_ids),
        TargetEpochRecord(group_id, None),
        *(SubscriptionRecord(group_id, each, None) for each in member_ids),
        *(ResolvedPatternRecord(group_id, pattern, None) for pattern in group.patterns),
        PartitionMetadataRecord(group_id, None),
        GroupEpochRecord(group_id, None),
    ]


def _downgraded(member: ConsumerMember) -> Member:
    classic = member.subscription.classic
    assert classic is not None
    return Member(
        member_id=member.member_id,
        instance_id=member.instance_id,
        client_id=member.subscription.client_id,
        client_host=member.subscription.client_host,
        rebalance_timeout_ms=member.subscription.rebalance_timeout_ms,
        session_timeout_ms=classic.session_timeout_ms,
        protocols=classic.protocols,
    )


def _not_upgraded(group: Group, reason: str) -> Exception:
    return refusal(
        ErrorCode.GROUP_ID_NOT_FOUND,
        f"group {group.group_id} can't become a consumer group: {reason}",
    )
