"""How a group rebalances: from the first member that joins anew to the generation that all know.

Pure, as all of the coordinator: wall-clock time comes in, deadlines are set, records and answers are added to an outcome.

Deadlines, by key `(kind, group, member)`:

| kind | due when | then |
| --- | --- | --- |
| SESSION | a member hasn't been heard of for its session timeout | it is removed |
| JOIN | the rebalance timeout, or the initial delay, has passed | the join phase ends with those who joined |
| SYNC | the rebalance timeout has passed since the join phase | members without a SyncGroup are removed |
| the others | see `consumer.membership` | |

Source: the classic group protocol of Apache Kafka 4.3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.deadlines import Deadlines
from streamkit.log.broker.groups.group import Group, GroupState, Member
from streamkit.log.broker.groups.outcome import Completion, JoinReply, Outcome, SyncReply, Waiter
from streamkit.log.broker.groups.records import GroupMetadataRecord
from streamkit.log.protocol import ErrorCode

__all__ = [
    "AnyOutcome",
    "Deadline",
    "DeadlineKind",
    "Rebalances",
    "answer",
    "deadline_of",
    "session_of",
]

AnyOutcome = Outcome[Any]

# Members may ask for no time at all to join, and a deadline that sets itself anew must let others have their turn.
_LEAST_JOIN_AGAIN_MS = 100


class DeadlineKind(IntEnum):
    """What a deadline is about."""

    SESSION = 0
    JOIN = 1
    SYNC = 2
    CONSUMER_SESSION = 3
    CONSUMER_REVOCATION = 4
    CONSUMER_JOIN = 5
    CONSUMER_SYNC = 6
    CONSUMER_PATTERNS = 7


class Deadline(NamedTuple):
    """The key of a deadline; `member_id` is empty for those of a whole group."""

    kind: DeadlineKind
    group_id: str
    member_id: str = ""


class Rebalances:
    """The phases of a rebalance, over groups that the coordinator owns.

    Args:
        config: limits and delays.
        deadlines: where deadlines are set.
    """

    def __init__(self, config: GroupConfig, deadlines: Deadlines[Deadline]) -> None:
        self._config = config
        self._deadlines = deadlines

    def rebalance_or_complete(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """Begin a rebalance, or end the join phase of the one under way if that was the last to join."""
        if group.can_rebalance:
            self.prepare(group, out, now_ms)
        else:
            self.complete_if_all_joined(group, out, now_ms)

    def prepare(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """Begin a rebalance: members are to join again, and those who wait for assignments are told so."""
        if group.state is GroupState.COMPLETING_REBALANCE:
            self.refuse_syncs(group, ErrorCode.REBALANCE_IN_PROGRESS, out)
        group.pending_sync.clear()
        self._deadlines.cancel(deadline_of(DeadlineKind.SYNC, group))
        initial = group.state is GroupState.EMPTY
        group.enter(GroupState.PREPARING_REBALANCE, now_ms)
        delay_ms = self._config.initial_rebalance_delay_ms
        if initial and delay_ms:
            group.new_member_added = False
            group.initial_remaining_ms = max(group.rebalance_timeout_ms - delay_ms, 0)
            self._deadlines.set(deadline_of(DeadlineKind.JOIN, group), delay_ms)
        elif initial or group.all_joined:
            self._complete_join(group, out, now_ms)
        else:
            self._deadlines.set(deadline_of(DeadlineKind.JOIN, group), group.rebalance_timeout_ms)

    def complete_if_all_joined(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """End the join phase when nobody is missing any more."""
        if (
            group.state is GroupState.PREPARING_REBALANCE
            and group.initial_remaining_ms is None
            and group.all_joined
        ):
            self._complete_join(group, out, now_ms)

    def end_of_join(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """The time to join is up, or the initial delay is over."""
        remaining_ms = group.initial_remaining_ms
        if remaining_ms and group.new_member_added:
            group.new_member_added = False
            delay_ms = min(self._config.initial_rebalance_delay_ms, remaining_ms)
            group.initial_remaining_ms = remaining_ms - delay_ms
            self._deadlines.set(deadline_of(DeadlineKind.JOIN, group), delay_ms)
        elif group.state is GroupState.PREPARING_REBALANCE:
            self._complete_join(group, out, now_ms)

    def _complete_join(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """End the join phase: those who joined form the next generation, static members stay in any case."""
        group.initial_remaining_ms = None
        self._deadlines.cancel(deadline_of(DeadlineKind.JOIN, group))
        for member in list(group.members.values()):
            if member.awaiting_join is None and member.instance_id is None:
                self.forget(group, member.member_id)
        if group.members and not group.elect_joined_leader():
            # Only static members are left, and none has come back: their sessions decide.
            delay_ms = max(group.rebalance_timeout_ms, _LEAST_JOIN_AGAIN_MS)
            self._deadlines.set(deadline_of(DeadlineKind.JOIN, group), delay_ms)
            return
        group.next_generation(now_ms)
        if group.state is GroupState.EMPTY:
            out.records.append(GroupMetadataRecord(group.group_id, group.as_record({}, now_ms)))
            return
        for member in group.members.values():
            if member.awaiting_join is not None:
                answer(out, member.awaiting_join, self.joined_reply(group, member))
                member.awaiting_join = None
            self.heard_of(group, member)
            member.is_new = False
            group.pending_sync.add(member.member_id)
        self._deadlines.set(deadline_of(DeadlineKind.SYNC, group), group.rebalance_timeout_ms)

    def joined_reply(self, group: Group, member: Member) -> JoinReply:
        """What a member is told of the generation; the leader gets all members to assign to."""
        leads = group.is_leader(member.member_id) and group.state is not GroupState.STABLE
        return JoinReply(
            ErrorCode.NONE,
            member.member_id,
            generation=group.generation,
            protocol_type=group.protocol_type,
            protocol=group.protocol,
            leader=group.leader or "",
            members=group.joined_members() if leads else (),
        )

    def refuse_syncs(self, group: Group, error: ErrorCode, out: AnyOutcome) -> None:
        """Give the assignments up; those who wait for theirs are told `error`."""
        for member in group.members.values():
            member.assignment = b""
            if member.awaiting_sync is not None:
                answer(out, member.awaiting_sync, SyncReply(error))
                member.awaiting_sync = None
                self.heard_of(group, member)

    def after_removal(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """Let the group go on without members that are gone."""
        if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            self.prepare(group, out, now_ms)
        else:
            self.complete_if_all_joined(group, out, now_ms)

    def end_of_sync(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """The time to sync is up: members that have not are removed."""
        if group.state not in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE):
            return
        late = list(group.pending_sync)
        for member_id in late:
            self.forget(group, member_id)
        if late:
            self.prepare(group, out, now_ms)

    def heard_of(self, group: Group, member: Member) -> None:
        """Begin a member's session anew."""
        self._deadlines.set(session_of(group, member.member_id), member.session_timeout_ms)

    def forget(self, group: Group, member_id: str) -> None:
        """Remove a member, pending or not, with its session."""
        group.remove(member_id)
        self._deadlines.cancel(session_of(group, member_id))


def answer(out: AnyOutcome, waiter: Waiter, reply: JoinReply | SyncReply) -> None:
    """Answer a request that waits."""
    out.completions.append(Completion(waiter, reply))


def session_of(group: Group, member_id: str) -> Deadline:
    """The key of a member's session."""
    return Deadline(DeadlineKind.SESSION, group.group_id, member_id)


def deadline_of(kind: DeadlineKind, group: Group) -> Deadline:
    """The key of a deadline of the whole group."""
    return Deadline(kind, group.group_id)
