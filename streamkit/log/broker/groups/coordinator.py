"""The group coordinator: groups and their committed offsets, as a state machine without I/O.

Every event goes the same way:

```
   event, now --> GroupCoordinator --> Outcome(records, reply, completions)
                        ^                 |
                        |   replay        v
                        +------------ __consumer_offsets
```

What the log holds (offsets, generations with their members and assignments, deletions) changes in `replay` alone,
whether the record was written a moment ago or is read at a restart. What the log doesn't hold (who waits for
an answer, deadlines, ids given out but not used yet) is lost at a restart, as in Apache Kafka: clients ask again.

The owner appends and replays an outcome's records before it hands in the next event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streamkit.errors import BrokerError
from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.classic_members import ClassicMembers
from streamkit.log.broker.groups.consumer.group import ConsumerGroup
from streamkit.log.broker.groups.consumer.membership import ConsumerMembership, check_request
from streamkit.log.broker.groups.consumer.migration import Migration, tombstones
from streamkit.log.broker.groups.consumer.records import GroupEpochRecord
from streamkit.log.broker.groups.consumer.requests import (
    JOINS,
    ConsumerHeartbeat,
    ConsumerHeartbeatReply,
)
from streamkit.log.broker.groups.consumer.steps import Steps
from streamkit.log.broker.groups.deadlines import Deadlines
from streamkit.log.broker.groups.group import Group, GroupState
from streamkit.log.broker.groups.group_offsets import GroupOffsets, deletion_of, is_empty
from streamkit.log.broker.groups.membership import Membership
from streamkit.log.broker.groups.offsets import Origin
from streamkit.log.broker.groups.outcome import (
    Completion,
    Join,
    JoinReply,
    Leaver,
    Outcome,
    Reply,
    Sync,
    SyncReply,
    Waiter,
)
from streamkit.log.broker.groups.rebalance import Deadline, DeadlineKind
from streamkit.log.broker.groups.records import (
    GroupMetadata,
    GroupMetadataRecord,
    GroupRecord,
    OffsetCommitRecord,
)
from streamkit.log.protocol import ErrorCode

__all__ = ["GroupCoordinator"]


class GroupCoordinator(GroupOffsets):
    """All groups of a broker.

    Args:
        config: limits and delays.
        cluster: the topics that consumer groups assign, and groups' settings.
        new_id: makes the random part of a new member's id; each call another.

    Attributes:
        deadlines: what is due when; the owner moves its time forward and calls `expire` while it returns outcomes.
    """

    def __init__(
        self, config: GroupConfig, cluster: ClusterView, *, new_id: Callable[[], str]
    ) -> None:
        self.deadlines: Deadlines[Deadline] = Deadlines()
        super().__init__(config, cluster, Membership(config, self.deadlines, new_id))
        # Consumer groups without members whose end, and that of a classic group in their place, isn't written yet.
        self._replaced: dict[str, ConsumerGroup] = {}
        steps = Steps(config, self.deadlines, cluster)
        self._migration = Migration(config, cluster, steps)
        self._consumers = ConsumerMembership(config, cluster, steps, self._migration, new_id)
        self._classic = ClassicMembers(
            config, self.deadlines, cluster, steps, self._migration, self._consumers, new_id
        )

    # The log

    def replay(self, record: GroupRecord, origin: Origin | None = None) -> None:
        """Take over what a record says; one with an origin is part of a transaction."""
        group_id = record.group_id
        group = self._groups.get(group_id)
        if isinstance(record, OffsetCommitRecord):
            self._offsets.replay(record, origin)
            if record.value is not None and group is None:
                # A consumer that only stores offsets: a group without members or protocol.
                self._groups[group_id] = Group(group_id, record.value.commit_timestamp_ms)
        elif not isinstance(record, GroupMetadataRecord):
            if isinstance(group, ConsumerGroup):
                if isinstance(record, GroupEpochRecord) and record.value is None:
                    self._consumers.dissolve(group)
                    del self._groups[group_id]
                else:
                    group.replay(record)
            elif record.value is not None:
                # A classic group in its place has only held offsets: any other was deleted before.
                self._groups[group_id] = consumer_group = ConsumerGroup(group_id)
                consumer_group.replay(record)
        elif record.value is None:
            if isinstance(group, Group):
                del self._groups[group_id]
                out: Outcome[None] = Outcome(None, group_id)
                self._membership.dissolve(group, ErrorCode.UNKNOWN_MEMBER_ID, out)
        else:
            self._replaced.pop(group_id, None)
            if not isinstance(group, Group):
                group = self._groups[group_id] = Group(group_id, record.value.state_timestamp_ms)
            group.apply(record.value)

    def transaction_ended(self, origin: Origin, committed: bool) -> None:
        """The log holds the end of a transaction, that may have committed offsets."""
        self._offsets.end(origin, committed)

    def loaded(self, now_ms: int) -> list[Outcome[None]]:
        """The whole log was replayed: from now on the members' sessions run."""
        outcomes = []
        for group in self._groups.values():
            out: Outcome[None] = Outcome(None, group.group_id)
            if isinstance(group, ConsumerGroup):
                self._consumers.loaded(group)
            else:
                self._membership.loaded(group, out, now_ms)
            outcomes.append(out)
        return outcomes

    def written(self, outcome: Outcome[object], now_ms: int) -> Outcome[None] | None:
        """The outcome's records are in the log and were replayed: what follows from that, if anything does."""
        downgrade = outcome.downgrade
        group = self._groups.get(outcome.group_id)
        if downgrade is None or not isinstance(group, Group):
            return None
        out: Outcome[None] = Outcome(None, group.group_id)
        self._membership.downgraded(group, downgrade, out, now_ms)
        return out

    def append_failed(
        self, failed: Outcome[object], error: ErrorCode, now_ms: int
    ) -> Outcome[None]:
        """The outcome's records could not be written: what to tell those who wait.

        Offsets that were to be committed are not; a generation that was to begin is given up, and its members
        join again.
        """
        out: Outcome[None] = Outcome(None, failed.group_id)
        out.completions = [completion.failed(error) for completion in failed.completions]
        group = self._groups.get(failed.group_id)
        if isinstance(group, ConsumerGroup):
            # Nothing of it has happened; sessions that were to end run again.
            self._consumers.loaded(group)
            return out
        for record in failed.records:
            if group is None or not isinstance(record, GroupMetadataRecord) or not record.value:
                continue
            if record.value == _new_group_value(group):
                self._membership.dissolve(group, error, out)
                del self._groups[group.group_id]
                if (before := self._replaced.pop(group.group_id, None)) is not None:
                    self._groups[group.group_id] = before
            else:
                self._membership.append_failed(group, record.value, out, now_ms)
        return out

    # Members

    def join(self, request: Join, waiter: Waiter, now_ms: int) -> Outcome[None]:
        """A member joins, or joins again. `waiter` gets its answer as a completion, now or later."""
        out: Outcome[None] = Outcome(None, request.group_id)
        if (
            not self.config.min_session_timeout_ms
            <= request.session_timeout_ms
            <= self.config.max_session_timeout_ms
        ):
            reply = JoinReply(ErrorCode.INVALID_SESSION_TIMEOUT, request.member_id)
            out.completions.append(Completion(waiter, reply))
            return out
        group = self._groups.get(request.group_id)
        if isinstance(group, ConsumerGroup):
            if group.members:
                try:
                    self._classic.join(group, request, waiter, out, now_ms)
                except BrokerError as error:
                    reply = JoinReply(ErrorCode(error.code), "")
                    return _answered(request.group_id, waiter, reply)
                return out
            # Nobody is left in it: whoever comes first says which protocol it has.
            if not request.member_id:
                out.records.extend(tombstones(group))
                self._replaced[group.group_id] = group
            group = None
        if group is None:
            if request.member_id:
                reply = JoinReply(ErrorCode.UNKNOWN_MEMBER_ID, request.member_id)
                out.completions.append(Completion(waiter, reply))
                return out
            group = Group(request.group_id, now_ms)
            self._membership.join(group, request, waiter, out, now_ms)
            if group.members or group.pending_members:
                self._groups[request.group_id] = group
                out.records.append(GroupMetadataRecord(group.group_id, _new_group_value(group)))
            return out
        self._membership.join(group, request, waiter, out, now_ms)
        return out

    def sync(self, request: Sync, waiter: Waiter, now_ms: int) -> Outcome[None]:
        """A member asks for its assignment. `waiter` gets its answer as a completion, now or later."""
        out: Outcome[None] = Outcome(None, request.group_id)
        group = self._groups.get(request.group_id)
        if isinstance(group, ConsumerGroup):
            try:
                self._classic.sync(group, request, waiter, out)
            except BrokerError as error:
                return _answered(request.group_id, waiter, SyncReply(ErrorCode(error.code)))
        elif group is None or group.state is GroupState.EMPTY:
            out.completions.append(Completion(waiter, SyncReply(ErrorCode.UNKNOWN_MEMBER_ID)))
        else:
            self._membership.sync(group, request, waiter, out, now_ms)
        return out

    def heartbeat(
        self, group_id: str, member_id: str, instance_id: str | None, generation: int
    ) -> ErrorCode:
        """Keep a member alive; tell it with REBALANCE_IN_PROGRESS to join again."""
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if isinstance(group, Group):
            return self._membership.heartbeat(group, member_id, instance_id, generation)
        try:
            return self._classic.heartbeat(group, member_id, instance_id, generation)
        except BrokerError as error:
            return ErrorCode(error.code)

    def consumer_heartbeat(
        self, request: ConsumerHeartbeat, now_ms: int
    ) -> Outcome[ConsumerHeartbeatReply]:
        """A member of the consumer protocol joins, leaves, or says that it is alive and what it has."""
        group_id = request.group_id
        out: Outcome[ConsumerHeartbeatReply] = Outcome(ConsumerHeartbeatReply(), group_id)
        try:
            check_request(request, self.config.consumer_assignors)
            if request.member_epoch < JOINS:
                group = self._groups.get(group_id)
                if not isinstance(group, ConsumerGroup):
                    raise _no_consumer_group(group_id)
                out.reply = self._consumers.leave(group, request, out, now_ms)
            else:
                group = self._consumer_group(request, out)
                out.reply = self._consumers.heartbeat(group, request, out, now_ms)
        except BrokerError as error:
            # What was to be written before the refusal is not to happen; who was answered has been.
            refused = ConsumerHeartbeatReply(ErrorCode(error.code), str(error))
            return Outcome(refused, group_id, completions=out.completions)
        return out

    def _consumer_group(self, request: ConsumerHeartbeat, out: Outcome[Any]) -> ConsumerGroup:
        """The group to heartbeat in; one who joins makes it, or makes it a consumer group."""
        group_id = request.group_id
        group = self._groups.get(group_id)
        if isinstance(group, ConsumerGroup):
            return group
        if request.member_epoch != JOINS:
            raise _no_consumer_group(group_id)
        if group is None:
            return ConsumerGroup(group_id)
        if group.state is GroupState.EMPTY:
            out.records.append(GroupMetadataRecord(group_id, None))
            return ConsumerGroup(group_id)
        return self._migration.upgrade(group, out)

    def leave(
        self, group_id: str, leavers: Sequence[Leaver], now_ms: int
    ) -> Outcome[list[ErrorCode]]:
        """Members leave; the reply has an error code for each."""
        out: Outcome[list[ErrorCode]] = Outcome([], group_id)
        group = self._groups.get(group_id)
        if group is None:
            out.reply = [ErrorCode.UNKNOWN_MEMBER_ID] * len(leavers)
        elif isinstance(group, ConsumerGroup):
            out.reply = self._classic.leave(group, leavers, out, now_ms)
        else:
            out.reply = self._membership.leave(group, leavers, out, now_ms)
        return out

    def expire(self, now_ms: int) -> Outcome[None] | None:
        """Handle the deadline that passed longest ago; None if none has passed."""
        deadline = self.deadlines.pop_due()
        if deadline is None:
            return None
        out: Outcome[None] = Outcome(None, deadline.group_id)
        group = self._groups.get(deadline.group_id)
        # A deadline of the protocol that the group had before says nothing about it.
        if isinstance(group, ConsumerGroup) and deadline.kind >= DeadlineKind.CONSUMER_SESSION:
            self._consumers.expired(group, deadline, out, now_ms)
        elif isinstance(group, Group) and deadline.kind < DeadlineKind.CONSUMER_SESSION:
            self._membership.expired(group, deadline, out, now_ms)
        return out

    def shut_down(self, error: ErrorCode) -> Outcome[None]:
        """Answer all who wait: the broker is going down."""
        out: Outcome[None] = Outcome(None, "")
        for group in self._groups.values():
            if isinstance(group, Group):
                self._membership.dissolve(group, error, out)
        return out

    # Groups

    def groups(self) -> Sequence[Group | ConsumerGroup]:
        """All groups, in the order in which they came up."""
        return tuple(self._groups.values())

    def group(self, group_id: str) -> Group | None:
        """The classic group, or None if there is none of that name."""
        group = self._groups.get(group_id)
        return group if isinstance(group, Group) else None

    def consumer_group(self, group_id: str) -> ConsumerGroup | None:
        """The consumer group, or None if there is none of that name."""
        group = self._groups.get(group_id)
        return group if isinstance(group, ConsumerGroup) else None

    def delete_group(self, group_id: str) -> Outcome[ErrorCode]:
        """Delete a group without members, with all that it has committed."""
        group = self._groups.get(group_id)
        if group is None:
            return Outcome(ErrorCode.GROUP_ID_NOT_FOUND, group_id)
        if not is_empty(group):
            return Outcome(ErrorCode.NON_EMPTY_GROUP, group_id)
        out = Outcome(ErrorCode.NONE, group_id)
        out.records.extend(
            OffsetCommitRecord(group_id, topic_partition, None)
            for topic_partition in {
                **self._offsets.of_group(group_id),
                **dict.fromkeys(self._offsets.pending_of_group(group_id)),
            }
        )
        out.records.extend(deletion_of(group))
        return out


def _answered(group_id: str, waiter: Waiter, reply: Reply) -> Outcome[None]:
    """Nothing but an answer."""
    return Outcome(None, group_id, completions=[Completion(waiter, reply)])


def _no_consumer_group(group_id: str) -> Exception:
    return refusal(ErrorCode.GROUP_ID_NOT_FOUND, f"there is no consumer group {group_id}")


def _new_group_value(group: Group) -> GroupMetadata:
    """What is written when a group comes up: nothing but that it exists."""
    return GroupMetadata(
        protocol_type="",
        generation=0,
        protocol=None,
        leader=None,
        state_timestamp_ms=group.created_ms,
    )
