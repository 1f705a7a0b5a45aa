"""Members of consumer groups: their heartbeats, how they join, leave and are fenced.

Pure, as all of the coordinator: an event and the time come in, records and a reply go out.

Source: KIP-848, as in Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from streamkit.errors import BrokerError
from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.group import (
    ConsumerGroup,
    ConsumerMember,
    partitions_of,
)
from streamkit.log.broker.groups.consumer.migration import Migration
from streamkit.log.broker.groups.consumer.records import (
    CurrentAssignment,
    CurrentAssignmentRecord,
    MemberState,
    PartitionEpochs,
    Partitions,
    Subscription,
    SubscriptionRecord,
    TargetRecord,
)
from streamkit.log.broker.groups.consumer.requests import (
    JOINS,
    LEAVES,
    LEAVES_FOR_A_WHILE,
    ConsumerHeartbeat,
    ConsumerHeartbeatReply,
)
from streamkit.log.broker.groups.consumer.steps import PatternChange, Steps
from streamkit.log.broker.groups.rebalance import AnyOutcome, Deadline, DeadlineKind
from streamkit.log.protocol import ErrorCode

__all__ = ["ConsumerMembership", "check_request", "replace_member"]


class ConsumerMembership:
    """The rules of consumer groups, over groups that the coordinator owns.

    Args:
        config: limits and delays.
        cluster: topics and groups' settings.
        steps: what a heartbeat goes through.
        migration: between the protocols.
        new_id: makes ids for members that come without one.
    """

    def __init__(
        self,
        config: GroupConfig,
        cluster: ClusterView,
        steps: Steps,
        migration: Migration,
        new_id: Callable[[], str],
    ) -> None:
        self._config = config
        self._cluster = cluster
        self._steps = steps
        self._migration = migration
        self._new_id = new_id

    # Heartbeats

    def heartbeat(
        self, group: ConsumerGroup, request: ConsumerHeartbeat, out: AnyOutcome, now_ms: int
    ) -> ConsumerHeartbeatReply:
        """Take a heartbeat that doesn't leave: join, go on, or learn of a new assignment.

        Raises:
            BrokerError: the member is refused.
        """
        joins = request.member_epoch == JOINS
        check_room(group, request.member_id, self._config.consumer_max_size)
        member_id = request.member_id or self._new_id()
        if request.instance_id is None:
            old = self._dynamic_member(group, member_id, request, joins=joins)
        else:
            old = self._static_member(group, member_id, request, out, joins=joins)
        new = replace(old, subscription=_subscription(old.subscription, request))
        renamed = self._steps.subscribe(group, old, new, out)
        change = self._steps.patterns(group, old.subscription, new.subscription, out, now_ms)
        epoch, alike = group.epoch, group.homogeneous
        # A pattern that isn't matched yet will be a new epoch once it is.
        bump = renamed or change is PatternChange.CHANGED_AND_RESOLVED
        if bump or self._steps.is_stale(group):
            epoch, alike = self._steps.check_topics(group, old, new, out, bump=bump)
        target = self._steps.assign(group, epoch, old, new, out, now_ms, alike=alike)
        new = self._steps.reconcile(
            group,
            new,
            target,
            request.owned,
            out,
            subscription_changed=renamed or change is not PatternChange.NONE,
        )
        self._steps.heard_of(group.group_id, new)
        told = joins or request.is_full or new.current.assigned != old.current.assigned
        return ConsumerHeartbeatReply(
            member_id=member_id,
            member_epoch=new.epoch,
            heartbeat_interval_ms=self._config.heartbeat_interval_ms(
                self._cluster.group_configs(group.group_id)
            ),
            assigned=partitions_of(new.current.assigned) if told else None,
        )

    def _dynamic_member(
        self, group: ConsumerGroup, member_id: str, request: ConsumerHeartbeat, *, joins: bool
    ) -> ConsumerMember:
        member = group.members.get(member_id)
        if member is None:
            if not joins:
                raise _unknown(group, member_id)
            return ConsumerMember(member_id)
        _check_epoch(member, request.member_epoch, request.owned)
        return member

    def _static_member(
        self,
        group: ConsumerGroup,
        member_id: str,
        request: ConsumerHeartbeat,
        out: AnyOutcome,
        *,
        joins: bool,
    ) -> ConsumerMember:
        before = group.static_member(request.instance_id)
        if not joins:
            member = check_instance(group, before, member_id, request.instance_id)
            _check_epoch(member, request.member_epoch, request.owned)
            return member
        if before is None:
            return group.members.get(member_id) or ConsumerMember(member_id)
        if not before.is_classic and before.epoch != LEAVES_FOR_A_WHILE:
            raise refusal(
                ErrorCode.UNRELEASED_INSTANCE_ID,
                f"instance {request.instance_id} of group {group.group_id} is still used by "
                f"member {before.member_id}",
            )
        return replace_member(group, before, member_id, out)

    # Leaving

    def leave(
        self, group: ConsumerGroup, request: ConsumerHeartbeat, out: AnyOutcome, now_ms: int
    ) -> ConsumerHeartbeatReply:
        """Take a heartbeat that leaves, for good or for a while.

        Raises:
            BrokerError: no such member, or another one has its instance id by now.
        """
        reply = ConsumerHeartbeatReply(
            member_id=request.member_id, member_epoch=request.member_epoch
        )
        if request.instance_id is None:
            member = group.members.get(request.member_id)
            if member is None:
                raise _unknown(group, request.member_id)
        else:
            before = group.static_member(request.instance_id)
            member = check_instance(group, before, request.member_id, request.instance_id)
            if request.member_epoch == LEAVES_FOR_A_WHILE:
                # It keeps what it owned: as of epoch 0, for whoever comes with its instance id.
                kept = {
                    topic_id: dict.fromkeys(epochs, 0)
                    for topic_id, epochs in member.current.assigned.items()
                }
                current = replace(
                    member.current, epoch=LEAVES_FOR_A_WHILE, assigned=kept, revoking={}
                )
                out.records.append(
                    CurrentAssignmentRecord(group.group_id, member.member_id, current)
                )
                return reply
        self.fence(group, [member], out, now_ms)
        return reply

    def fence(
        self, group: ConsumerGroup, gone: Sequence[ConsumerMember], out: AnyOutcome, now_ms: int
    ) -> None:
        """Remove members; the group becomes a classic one if no other is left of this protocol."""
        if not gone:
            return
        for member in gone:
            self._steps.forget(group.group_id, member.member_id)
        if self._migration.can_downgrade(group, gone):
            try:
                self._migration.downgrade(group, gone, None, out, now_ms, rebalances=True)
            except BrokerError:
                # A subscription can't be read: the group stays what it is, members go all the same.
                pass
            else:
                return
        for member in gone:
            _remove(group.group_id, member.member_id, out)
        self._steps.bump_without(group, gone, out)

    # Deadlines and the log

    def expired(
        self, group: ConsumerGroup, deadline: Deadline, out: AnyOutcome, now_ms: int
    ) -> None:
        """A deadline of `group` has passed."""
        if deadline.kind is DeadlineKind.CONSUMER_PATTERNS:
            self._steps.match_patterns(group, out, now_ms)
            return
        member = group.members.get(deadline.member_id)
        if member is None:
            return
        revokes = member.current.state is MemberState.UNREVOKED_PARTITIONS
        if deadline.kind is not DeadlineKind.CONSUMER_REVOCATION or revokes:
            self.fence(group, [member], out, now_ms)

    def loaded(self, group: ConsumerGroup) -> None:
        """A group was read from the log, or a change of it could not be written: sessions begin anew."""
        for member in group.members.values():
            self._steps.heard_of(group.group_id, member)
            if not member.is_classic:
                self._steps.watch_revocation(group.group_id, member)

    def dissolve(self, group: ConsumerGroup) -> None:
        """Cancel all deadlines of a group that is going away."""
        self._steps.forget_group(group.group_id)
        for member_id in group.members:
            self._steps.forget(group.group_id, member_id)


def check_request(request: ConsumerHeartbeat, assignors: Iterable[str]) -> None:
    """Check what can be checked without the group.

    Raises:
        BrokerError: INVALID_REQUEST, UNSUPPORTED_ASSIGNOR.
    """
    epoch = request.member_epoch
    needs_id = request.member_id_required or epoch > 0 or epoch == LEAVES
    for name, text in (
        ("MemberId", request.member_id if needs_id else None),
        ("GroupId", request.group_id),
        ("InstanceId", request.instance_id),
        ("RackId", request.rack_id),
    ):
        if text is not None and not text.strip():
            raise _invalid(f"{name} must not be empty")
    if epoch == JOINS:
        if request.rebalance_timeout_ms == -1:
            raise _invalid("a member that joins must say its RebalanceTimeoutMs")
        if request.owned is None or request.owned:
            raise _invalid("a member that joins can't have TopicPartitions")
        if request.topics is None and request.pattern is None:
            raise _invalid(
                "a member that joins must say its SubscribedTopicNames or SubscribedTopicRegex"
            )
    elif epoch == LEAVES_FOR_A_WHILE and request.instance_id is None:
        raise _invalid("only a member with an InstanceId can leave for a while")
    elif epoch < LEAVES_FOR_A_WHILE:
        raise _invalid(f"there is no MemberEpoch {epoch}")
    known = tuple(assignors)
    if request.server_assignor is not None and request.server_assignor not in known:
        raise refusal(
            ErrorCode.UNSUPPORTED_ASSIGNOR,
            f"assignor {request.server_assignor} isn't known here; there are {', '.join(known)}",
        )


def check_room(group: ConsumerGroup, member_id: str, most: int) -> None:
    """Check that a member may be in the group.

    Raises:
        BrokerError: GROUP_MAX_SIZE_REACHED.
    """
    if len(group.members) >= most and member_id not in group.members:
        raise refusal(
            ErrorCode.GROUP_MAX_SIZE_REACHED,
            f"group {group.group_id} has {len(group.members)} members, as many as it may have",
        )


def check_instance(
    group: ConsumerGroup, found: ConsumerMember | None, member_id: str, instance_id: str | None
) -> ConsumerMember:
    """Check that the member with an instance id is the one that asks.

    Raises:
        BrokerError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
    """
    if found is None:
        raise refusal(
            ErrorCode.UNKNOWN_MEMBER_ID,
            f"group {group.group_id} has no instance {instance_id}",
        )
    if found.member_id != member_id:
        raise refusal(
            ErrorCode.FENCED_INSTANCE_ID,
            f"instance {instance_id} of group {group.group_id} is member {found.member_id} by now",
        )
    return found


def replace_member(
    group: ConsumerGroup, before: ConsumerMember, member_id: str, out: AnyOutcome
) -> ConsumerMember:
    """Let a static member go on under a new id, with its target and what it had."""
    current = replace(before.current, epoch=0, previous_epoch=0)
    new = ConsumerMember(member_id, before.subscription, current)
    group_id = group.group_id
    _remove(group_id, before.member_id, out)
    out.records.append(SubscriptionRecord(group_id, member_id, new.subscription))
    out.records.append(TargetRecord(group_id, member_id, group.target_of(before.member_id)))
    out.records.append(CurrentAssignmentRecord(group_id, member_id, current))
    return new


def _remove(group_id: str, member_id: str, out: AnyOutcome) -> None:
    out.records.append(CurrentAssignmentRecord(group_id, member_id, None))
    out.records.append(TargetRecord(group_id, member_id, None))
    out.records.append(SubscriptionRecord(group_id, member_id, None))


def _subscription(old: Subscription, request: ConsumerHeartbeat) -> Subscription:
    """What a member says of itself: what it doesn't say is as before."""
    timeout_ms = request.rebalance_timeout_ms
    assignor = request.server_assignor
    return Subscription(
        instance_id=old.instance_id if request.instance_id is None else request.instance_id,
        rack_id=old.rack_id if request.rack_id is None else request.rack_id,
        client_id=request.client_id,
        client_host=request.client_host,
        topics=old.topics if request.topics is None else request.topics,
        pattern=old.pattern if request.pattern is None else request.pattern,
        rebalance_timeout_ms=old.rebalance_timeout_ms if timeout_ms == -1 else timeout_ms,
        server_assignor=old.server_assignor if assignor is None else assignor,
        classic=None,
    )


def _check_epoch(member: ConsumerMember, epoch: int, owned: Partitions | None) -> None:
    current: CurrentAssignment = member.current
    if epoch in (JOINS, current.epoch):
        return
    if (
        epoch == current.previous_epoch
        and epoch < current.epoch
        and _within(owned, current.assigned)
    ):
        # The answer that told of the new epoch was lost.
        return
    raise refusal(
        ErrorCode.FENCED_MEMBER_EPOCH,
        f"member {member.member_id} comes with epoch {epoch} and is at {current.epoch}: it must "
        "give up its partitions and join again",
    )


def _within(owned: Partitions | None, assigned: PartitionEpochs) -> bool:
    return owned is not None and all(
        partitions <= assigned.get(topic_id, {}).keys() for topic_id, partitions in owned.items()
    )


def _unknown(group: ConsumerGroup, member_id: str) -> Exception:
    return refusal(ErrorCode.UNKNOWN_MEMBER_ID, f"group {group.group_id} has no member {member_id}")


def _invalid(message: str) -> Exception:
    return refusal(ErrorCode.INVALID_REQUEST, message)
