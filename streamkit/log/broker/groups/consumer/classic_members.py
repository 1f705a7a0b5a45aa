"""Members of the classic protocol in a consumer group: their joins, syncs, heartbeats and leaves.

Nobody waits for others here: a join is answered at once with the member's epoch as generation, a sync with what it
has. Where it is to give something up or gets more, its heartbeat tells it to join again.

Source: KIP-848, as in Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from streamkit.errors import BrokerError, ProtocolError
from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.embedded_protocol import (
    read_owned,
    read_subscription,
    write_assignment,
)
from streamkit.log.broker.groups.consumer.group import (
    ConsumerGroup,
    ConsumerMember,
    partitions_of,
)
from streamkit.log.broker.groups.consumer.membership import (
    ConsumerMembership,
    check_instance,
    check_room,
    replace_member,
)
from streamkit.log.broker.groups.consumer.migration import Migration
from streamkit.log.broker.groups.consumer.records import ClassicMetadata, MemberState
from streamkit.log.broker.groups.consumer.steps import PatternChange, Steps, Target
from streamkit.log.broker.groups.deadlines import Deadlines
from streamkit.log.broker.groups.group import CONSUMER_PROTOCOL_TYPE
from streamkit.log.broker.groups.outcome import Join, JoinReply, Leaver, Sync, SyncReply, Waiter
from streamkit.log.broker.groups.rebalance import AnyOutcome, Deadline, DeadlineKind, answer
from streamkit.log.protocol import ErrorCode

__all__ = ["ClassicMembers"]


class ClassicMembers:
    """The classic protocol over consumer groups that the coordinator owns.

    Args:
        config: limits.
        deadlines: where deadlines are set.
        cluster: topics.
        steps: what a join goes through.
        migration: back to a classic group.
        membership: of the consumer protocol.
        new_id: makes ids for members that come without one.
    """

    def __init__(
        self,
        config: GroupConfig,
        deadlines: Deadlines[Deadline],
        cluster: ClusterView,
        steps: Steps,
        migration: Migration,
        membership: ConsumerMembership,
        new_id: Callable[[], str],
    ) -> None:
        self._config = config
        self._deadlines = deadlines
        self._cluster = cluster
        self._steps = steps
        self._migration = migration
        self._membership = membership
        self._new_id = new_id

    def join(
        self, group: ConsumerGroup, request: Join, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        """Take a join for a group with members; it is answered once the outcome is written.

        Raises:
            BrokerError: the member is refused.
        """
        member_id = request.member_id or self._new_id()
        check_room(group, member_id, self._config.consumer_max_size)
        if request.protocol_type != CONSUMER_PROTOCOL_TYPE or not group.supports_classic(
            name for name, _ in request.protocols
        ):
            raise refusal(
                ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                f"group {group.group_id} supports none of the member's protocols",
            )
        if not request.member_id and request.instance_id is None and request.member_id_required:
            answer(out, waiter, JoinReply(ErrorCode.MEMBER_ID_REQUIRED, member_id))
            return
        before = group.static_member(request.instance_id)
        old = self._member(group, before, member_id, request, out)
        downgrades = before is not None and self._migration.can_downgrade_with(group, before)
        try:
            subscription = read_subscription(request.protocols[0][1])
        except ProtocolError as error:
            raise refusal(ErrorCode.UNKNOWN_SERVER_ERROR, str(error)) from error
        owned = read_owned(subscription, self._cluster)
        rack_id = subscription.rack_id or old.subscription.rack_id
        timeout_ms = request.rebalance_timeout_ms
        new = replace(
            old,
            subscription=replace(
                old.subscription,
                instance_id=request.instance_id or old.subscription.instance_id,
                rack_id=rack_id,
                client_id=request.client_id,
                client_host=request.client_host,
                topics=frozenset(subscription.topics),
                pattern="",
                rebalance_timeout_ms=timeout_ms,
                classic=ClassicMetadata(request.session_timeout_ms, request.protocols),
            ),
        )
        bump = self._steps.subscribe(group, old, new, out)
        change = self._steps.patterns(group, old.subscription, new.subscription, out, now_ms)
        bump |= change is not PatternChange.NONE
        epoch, alike = group.epoch, group.homogeneous
        if bump or self._steps.is_stale(group):
            epoch, alike = self._steps.check_topics(group, old, new, out, bump=bump)
        if not downgrades:
            target = self._steps.assign(group, epoch, old, new, out, now_ms, alike=alike)
            new = self._steps.reconcile(group, new, target, owned, out, subscription_changed=bump)
        else:
            rebalances = group.target_epoch.epoch < epoch
            if not rebalances:
                target = Target(group.target_epoch.epoch, self._steps.last_target(group, new))
                new = self._steps.reconcile(
                    group, new, target, owned, out, subscription_changed=bump
                )
            self._migration.downgrade(group, (), new, out, now_ms, rebalances=rebalances)
        self._deadlines.cancel(_deadline(DeadlineKind.CONSUMER_JOIN, group, member_id))
        if not downgrades:
            self._steps.heard_of(group.group_id, new)
            self._deadlines.set(_deadline(DeadlineKind.CONSUMER_SYNC, group, member_id), timeout_ms)
        reply = JoinReply(
            ErrorCode.NONE,
            member_id,
            generation=new.epoch,
            protocol_type=CONSUMER_PROTOCOL_TYPE,
            protocol=request.protocols[0][0],
        )
        answer(out, waiter, reply)

    def _member(
        self,
        group: ConsumerGroup,
        before: ConsumerMember | None,
        member_id: str,
        request: Join,
        out: AnyOutcome,
    ) -> ConsumerMember:
        if request.instance_id is None:
            return group.members.get(member_id) or ConsumerMember(member_id)
        if request.member_id:
            return check_instance(group, before, member_id, request.instance_id)
        if before is None:
            return ConsumerMember(member_id)
        return replace_member(group, before, member_id, out)

    def sync(self, group: ConsumerGroup, request: Sync, waiter: Waiter, out: AnyOutcome) -> None:
        """Tell a member what it has.

        Raises:
            BrokerError: the member is refused, or is to join again.
        """
        member = self._checked(group, request.member_id, request.instance_id)
        _check_generation(member, request.generation)
        classic = member.subscription.classic
        assert classic is not None
        name, metadata = classic.protocols[0]
        if request.protocol_type not in (None, CONSUMER_PROTOCOL_TYPE) or request.protocol not in (
            None,
            name,
        ):
            raise refusal(
                ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                f"member {member.member_id} has joined with {CONSUMER_PROTOCOL_TYPE}, {name}",
            )
        behind = group.target_epoch.epoch > member.epoch
        if behind and member.current.state is not MemberState.UNREVOKED_PARTITIONS:
            self._await_join(group, member)
            raise refusal(
                ErrorCode.REBALANCE_IN_PROGRESS, f"group {group.group_id} has a newer assignment"
            )
        try:
            assigned = write_assignment(
                partitions_of(member.current.assigned), self._cluster, metadata
            )
        except ProtocolError as error:
            raise refusal(ErrorCode.UNKNOWN_SERVER_ERROR, str(error)) from error
        self._deadlines.cancel(_deadline(DeadlineKind.CONSUMER_SYNC, group, member.member_id))
        self._steps.heard_of(group.group_id, member)
        reply = SyncReply(ErrorCode.NONE, request.protocol_type, request.protocol, assigned)
        answer(out, waiter, reply)

    def heartbeat(
        self, group: ConsumerGroup, member_id: str, instance_id: str | None, generation: int
    ) -> ErrorCode:
        """Keep a member alive; REBALANCE_IN_PROGRESS tells it to join again.

        Raises:
            BrokerError: the member is refused.
        """
        member = self._checked(group, member_id, instance_id)
        _check_generation(member, generation)
        self._steps.heard_of(group.group_id, member)
        state = member.current.state
        released = state is MemberState.UNRELEASED_PARTITIONS and not self._waits(group, member)
        behind = member.epoch < group.target_epoch.epoch
        if behind or released or state is MemberState.UNREVOKED_PARTITIONS:
            self._await_join(group, member)
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def leave(
        self, group: ConsumerGroup, leavers: Sequence[Leaver], out: AnyOutcome, now_ms: int
    ) -> list[ErrorCode]:
        """Remove members of either protocol.

        Returns:
            An error code for each of `leavers`, in their order.
        """
        errors = []
        gone: dict[str, ConsumerMember] = {}
        for leaver in leavers:
            try:
                member = self._leaving(group, leaver)
            except BrokerError as error:
                errors.append(ErrorCode(error.code))
            else:
                errors.append(ErrorCode.NONE)
                gone[member.member_id] = member
        self._membership.fence(group, list(gone.values()), out, now_ms)
        return errors

    def _leaving(self, group: ConsumerGroup, leaver: Leaver) -> ConsumerMember:
        if leaver.instance_id is None:
            member = group.members.get(leaver.member_id)
            if member is None:
                raise refusal(
                    ErrorCode.UNKNOWN_MEMBER_ID,
                    f"group {group.group_id} has no member {leaver.member_id}",
                )
            return member
        found = group.static_member(leaver.instance_id)
        member_id = leaver.member_id or (found.member_id if found is not None else "")
        return check_instance(group, found, member_id, leaver.instance_id)

    def _checked(
        self, group: ConsumerGroup, member_id: str, instance_id: str | None
    ) -> ConsumerMember:
        if instance_id is None:
            member = group.members.get(member_id)
        else:
            found = group.static_member(instance_id)
            member = check_instance(group, found, member_id, instance_id)
        if member is None or not member.is_classic:
            raise refusal(
                ErrorCode.UNKNOWN_MEMBER_ID,
                f"group {group.group_id} has no member {member_id} of the classic protocol",
            )
        return member

    def _waits(self, group: ConsumerGroup, member: ConsumerMember) -> bool:
        """Whether another member still has a part of this one's target."""
        return any(
            partition not in member.current.assigned.get(topic_id, {})
            and group.owner_epoch(topic_id, partition) is not None
            for topic_id, partitions in group.target_of(member.member_id).items()
            for partition in partitions
        )

    def _await_join(self, group: ConsumerGroup, member: ConsumerMember) -> None:
        key = _deadline(DeadlineKind.CONSUMER_JOIN, group, member.member_id)
        if key not in self._deadlines:
            self._deadlines.set(key, member.subscription.rebalance_timeout_ms)


def _check_generation(member: ConsumerMember, generation: int) -> None:
    if member.epoch != generation:
        raise refusal(
            ErrorCode.ILLEGAL_GENERATION,
            f"member {member.member_id} comes with generation {generation} and is at {member.epoch}",
        )


def _deadline(kind: DeadlineKind, group: ConsumerGroup, member_id: str) -> Deadline:
    return Deadline(kind, group.group_id, member_id)
