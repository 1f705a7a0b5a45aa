"""How members come and go: join, sync, heartbeat, leave, and what happens when they are late.

Pure: each method takes an event and the wall-clock time, changes the soft state of a group (who waits for what),
sets deadlines, and adds records and answers to an outcome. A group gets into Stable only when the record of its
new generation is replayed.

Deadlines, by key `(kind, group, member)`:

| kind | due when | then |
| --- | --- | --- |
| SESSION | a member hasn't been heard of for its session timeout | it is removed |
| JOIN | the rebalance timeout, or the initial delay, has passed | the join phase ends with those who joined |
| SYNC | the rebalance timeout has passed since the join phase | members without a SyncGroup are removed |

Source: the classic group protocol of Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.deadlines import Deadlines
from streamkit.log.broker.groups.group import Group, GroupState, Member
from streamkit.log.broker.groups.outcome import (
    Completion,
    Join,
    JoinReply,
    Leaver,
    Outcome,
    Sync,
    SyncReply,
    Waiter,
)
from streamkit.log.broker.groups.records import GroupMetadata, GroupMetadataRecord
from streamkit.log.protocol import ErrorCode

__all__ = ["Deadline", "DeadlineKind", "Membership"]

AnyOutcome = Outcome[Any]


class DeadlineKind(IntEnum):
    """What a deadline is about."""

    SESSION = 0
    JOIN = 1
    SYNC = 2


class Deadline(NamedTuple):
    """The key of a deadline; `member_id` is empty for those of a whole group."""

    kind: DeadlineKind
    group_id: str
    member_id: str = ""


class Membership:
    """The rules of joining and leaving, over groups that the coordinator owns.

    Args:
        config: limits and delays.
        deadlines: where deadlines are set; the coordinator reports those that passed.
        new_id: makes the random part of a new member's id.
    """

    def __init__(
        self, config: GroupConfig, deadlines: Deadlines[Deadline], new_id: Callable[[], str]
    ) -> None:
        self._config = config
        self._deadlines = deadlines
        self._new_id = new_id

    # Join

    def join(
        self, group: Group, request: Join, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        """Take a join, for a group that exists; the answer is a completion, now or later."""
        member_id = request.member_id
        if not self._has_room(group, member_id):
            self._forget(group, member_id)
            _answer(out, waiter, JoinReply(ErrorCode.GROUP_MAX_SIZE_REACHED, ""))
            self._complete_if_all_joined(group, out, now_ms)
        elif not group.supports(request.protocol_type, (name for name, _ in request.protocols)):
            _answer(out, waiter, JoinReply(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, member_id))
        elif not member_id:
            self._join_new(group, request, waiter, out, now_ms)
        elif member_id in group.pending_members:
            if request.instance_id is not None:
                # Static members skip the handshake, so an id of its first half can't be theirs.
                _answer(out, waiter, JoinReply(ErrorCode.UNKNOWN_SERVER_ERROR, ""))
            else:
                self._add(group, request, member_id, waiter, out, now_ms)
        else:
            self._join_again(group, request, waiter, out, now_ms)

    def _join_new(
        self, group: Group, request: Join, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        prefix = request.client_id if request.instance_id is None else request.instance_id
        member_id = f"{prefix}-{self._new_id()}"
        if request.instance_id is not None:
            old_member_id = group.static_member_id(request.instance_id)
            if old_member_id is not None:
                self._replace_static(group, request, old_member_id, member_id, waiter, out, now_ms)
                return
        elif request.member_id_required:
            group.pending_members.add(member_id)
            self._deadlines.set(_session(group, member_id), request.session_timeout_ms)
            _answer(out, waiter, JoinReply(ErrorCode.MEMBER_ID_REQUIRED, member_id))
            return
        self._add(group, request, member_id, waiter, out, now_ms)

    def _join_again(
        self, group: Group, request: Join, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        member_id = request.member_id
        error = group.check_member(member_id, request.instance_id)
        if error is not ErrorCode.NONE:
            _answer(out, waiter, JoinReply(error, member_id))
            return
        member = group.members[member_id]
        same = member.protocols == request.protocols
        if group.state is GroupState.EMPTY:
            _answer(out, waiter, JoinReply(ErrorCode.UNKNOWN_MEMBER_ID, member_id))
        elif group.state is GroupState.COMPLETING_REBALANCE and same:
            # It may have missed the answer to its join: it gets it again.
            _answer(out, waiter, self._joined(group, member))
        elif group.state is GroupState.STABLE and same and not group.is_leader(member_id):
            # Nothing has changed for a follower; a leader that joins anew asks for a rebalance.
            _answer(out, waiter, self._joined(group, member))
        else:
            self._update(member, request, waiter, out)
            self._rebalance_or_complete(group, out, now_ms)

    def _add(
        self,
        group: Group,
        request: Join,
        member_id: str,
        waiter: Waiter,
        out: AnyOutcome,
        now_ms: int,
    ) -> None:
        member = Member(
            member_id=member_id,
            instance_id=request.instance_id,
            client_id=request.client_id,
            client_host=request.client_host,
            rebalance_timeout_ms=request.rebalance_timeout_ms,
            session_timeout_ms=request.session_timeout_ms,
            protocols=request.protocols,
        )
        member.is_new = True
        member.awaiting_join = waiter
        if group.initial_remaining_ms is not None:
            group.new_member_added = True
        group.add(member, request.protocol_type)
        # It has no id yet to send heartbeats with, and a client that has gone away is not seen from here:
        # a deadline of its own keeps such members from piling up.
        self._deadlines.set(_session(group, member_id), self._config.new_member_join_timeout_ms)
        self._rebalance_or_complete(group, out, now_ms)

    def _update(self, member: Member, request: Join, waiter: Waiter, out: AnyOutcome) -> None:
        if member.awaiting_join is not None:
            # The client has given that request up and sent another.
            _answer(
                out,
                member.awaiting_join,
                JoinReply(ErrorCode.REBALANCE_IN_PROGRESS, member.member_id),
            )
        member.protocols = request.protocols
        member.rebalance_timeout_ms = request.rebalance_timeout_ms
        member.session_timeout_ms = request.session_timeout_ms
        member.awaiting_join = waiter

    def _replace_static(
        self,
        group: Group,
        request: Join,
        old_member_id: str,
        member_id: str,
        waiter: Waiter,
        out: AnyOutcome,
        now_ms: int,
    ) -> None:
        """Let a static member that restarted take its own place, without a rebalance where possible."""
        old_leader = group.leader or ""
        old = group.replace_static(old_member_id, member_id)
        fenced = ErrorCode.FENCED_INSTANCE_ID
        if old.awaiting_join is not None:
            _answer(out, old.awaiting_join, JoinReply(fenced, old_member_id))
        if old.awaiting_sync is not None:
            _answer(out, old.awaiting_sync, SyncReply(fenced))
        self._deadlines.cancel(_session(group, old_member_id))
        member = group.members[member_id]
        self._update(member, request, waiter, out)
        self._heard_of(group, member)
        if group.state is GroupState.COMPLETING_REBALANCE:
            # The leader may have the old id already, and would assign to nobody.
            self._prepare_rebalance(group, out, now_ms)
        elif group.state is GroupState.STABLE:
            if group.protocol != group.select_protocol():
                self._rebalance_or_complete(group, out, now_ms)
                return
            assignments = {m.member_id: m.assignment for m in group.members.values()}
            out.records.append(
                GroupMetadataRecord(group.group_id, group.as_record(assignments, now_ms))
            )
            member.awaiting_join = None
            leads = group.is_leader(member_id)
            _answer(
                out,
                waiter,
                JoinReply(
                    ErrorCode.NONE,
                    member_id,
                    generation=group.generation,
                    protocol_type=group.protocol_type,
                    protocol=group.protocol,
                    # A version that can't say "skip the assignment" is told of the leader that was.
                    leader=(group.leader or "") if request.can_skip_assignment else old_leader,
                    skip_assignment=leads and request.can_skip_assignment,
                    members=group.joined_members() if leads and request.can_skip_assignment else (),
                ),
            )
        else:
            self._complete_if_all_joined(group, out, now_ms)

    def _has_room(self, group: Group, member_id: str) -> bool:
        member = group.members.get(member_id)
        match group.state:
            case GroupState.PREPARING_REBALANCE:
                # Those who wait are counted, not the members: so the last to come are turned away.
                waits = member is not None and member.awaiting_join is not None
                return waits or group.awaiting_join < self._config.max_size
            case GroupState.COMPLETING_REBALANCE | GroupState.STABLE:
                return member is not None or len(group.members) < self._config.max_size
        return True

    # Rebalance

    def _rebalance_or_complete(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        if group.can_rebalance:
            self._prepare_rebalance(group, out, now_ms)
        else:
            self._complete_if_all_joined(group, out, now_ms)

    def _prepare_rebalance(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        if group.state is GroupState.COMPLETING_REBALANCE:
            self._refuse_syncs(group, ErrorCode.REBALANCE_IN_PROGRESS, out)
        group.pending_sync.clear()
        self._deadlines.cancel(_of_group(DeadlineKind.SYNC, group))
        initial = group.state is GroupState.EMPTY
        group.enter(GroupState.PREPARING_REBALANCE, now_ms)
        delay_ms = self._config.initial_rebalance_delay_ms
        if initial and delay_ms:
            group.new_member_added = False
            group.initial_remaining_ms = max(group.rebalance_timeout_ms - delay_ms, 0)
            self._deadlines.set(_of_group(DeadlineKind.JOIN, group), delay_ms)
        elif initial or group.all_joined:
            self._complete_join(group, out, now_ms)
        else:
            self._deadlines.set(_of_group(DeadlineKind.JOIN, group), group.rebalance_timeout_ms)

    def _complete_if_all_joined(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        if (
            group.state is GroupState.PREPARING_REBALANCE
            and group.initial_remaining_ms is None
            and group.all_joined
        ):
            self._complete_join(group, out, now_ms)

    def _end_of_join(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        remaining_ms = group.initial_remaining_ms
        if remaining_ms and group.new_member_added:
            group.new_member_added = False
            delay_ms = min(self._config.initial_rebalance_delay_ms, remaining_ms)
            group.initial_remaining_ms = remaining_ms - delay_ms
            self._deadlines.set(_of_group(DeadlineKind.JOIN, group), delay_ms)
        elif group.state is GroupState.PREPARING_REBALANCE:
            self._complete_join(group, out, now_ms)

    def _complete_join(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """End the join phase: those who joined form the next generation, static members stay in any case."""
        group.initial_remaining_ms = None
        self._deadlines.cancel(_of_group(DeadlineKind.JOIN, group))
        for member in list(group.members.values()):
            if member.awaiting_join is None and member.instance_id is None:
                self._forget(group, member.member_id)
        if group.members and not group.elect_joined_leader():
            # Only static members are left, and none has come back: their sessions decide.
            self._deadlines.set(_of_group(DeadlineKind.JOIN, group), group.rebalance_timeout_ms)
            return
        group.next_generation(now_ms)
        if group.state is GroupState.EMPTY:
            out.records.append(GroupMetadataRecord(group.group_id, group.as_record({}, now_ms)))
            return
        for member in group.members.values():
            if member.awaiting_join is not None:
                _answer(out, member.awaiting_join, self._joined(group, member))
                member.awaiting_join = None
            self._heard_of(group, member)
            member.is_new = False
            group.pending_sync.add(member.member_id)
        self._deadlines.set(_of_group(DeadlineKind.SYNC, group), group.rebalance_timeout_ms)

    def _joined(self, group: Group, member: Member) -> JoinReply:
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

    # Sync

    def sync(
        self, group: Group, request: Sync, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        """Take a sync, for a group that has members; the answer is a completion, now or later."""
        error = self._check_sync(group, request)
        if error is not ErrorCode.NONE:
            _answer(out, waiter, SyncReply(error))
            return
        member = group.members[request.member_id]
        if group.state is GroupState.PREPARING_REBALANCE:
            _answer(out, waiter, SyncReply(ErrorCode.REBALANCE_IN_PROGRESS))
            return
        group.pending_sync.discard(member.member_id)
        if not group.pending_sync:
            self._deadlines.cancel(_of_group(DeadlineKind.SYNC, group))
        if group.state is GroupState.STABLE:
            _answer(out, waiter, _synced(group, member.assignment))
            return
        if member.awaiting_sync is not None:
            _answer(out, member.awaiting_sync, SyncReply(ErrorCode.REBALANCE_IN_PROGRESS))
        member.awaiting_sync = waiter
        if group.is_leader(member.member_id):
            self._take_assignments(group, dict(request.assignments), out, now_ms)

    def _check_sync(self, group: Group, request: Sync) -> ErrorCode:
        error = group.check_member(request.member_id, request.instance_id)
        if error is not ErrorCode.NONE:
            return error
        if request.generation != group.generation:
            return ErrorCode.ILLEGAL_GENERATION
        if _differ(request.protocol_type, group.protocol_type) or _differ(
            request.protocol, group.protocol
        ):
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        return ErrorCode.NONE

    def _take_assignments(
        self, group: Group, assignments: dict[str, bytes], out: AnyOutcome, now_ms: int
    ) -> None:
        out.records.append(
            GroupMetadataRecord(group.group_id, group.as_record(assignments, now_ms))
        )
        for member in group.members.values():
            if member.awaiting_sync is not None:
                _answer(
                    out,
                    member.awaiting_sync,
                    _synced(group, assignments.get(member.member_id, b"")),
                )
                member.awaiting_sync = None
                self._heard_of(group, member)

    def _refuse_syncs(self, group: Group, error: ErrorCode, out: AnyOutcome) -> None:
        for member in group.members.values():
            member.assignment = b""
            if member.awaiting_sync is not None:
                _answer(out, member.awaiting_sync, SyncReply(error))
                member.awaiting_sync = None
                self._heard_of(group, member)

    # Heartbeats and leaving

    def heartbeat(
        self, group: Group, member_id: str, instance_id: str | None, generation: int
    ) -> ErrorCode:
        """Keep a member alive.

        Returns:
            REBALANCE_IN_PROGRESS if it is to join again, else NONE or why it is refused.
        """
        error = group.check_member(member_id, instance_id)
        if error is not ErrorCode.NONE:
            return error
        if generation != group.generation:
            return ErrorCode.ILLEGAL_GENERATION
        self._heard_of(group, group.members[member_id])
        if group.state is GroupState.PREPARING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def committed(self, group: Group, member_id: str) -> None:
        """A commit of offsets keeps a member alive as a heartbeat does."""
        member = group.members.get(member_id)
        if member is not None and group.state in (
            GroupState.STABLE,
            GroupState.PREPARING_REBALANCE,
        ):
            self._heard_of(group, member)

    def leave(
        self, group: Group, leavers: Sequence[Leaver], out: AnyOutcome, now_ms: int
    ) -> list[ErrorCode]:
        """Remove members; the rest rebalances.

        Returns:
            An error code for each of `leavers`, in their order.
        """
        errors = [self._leave_one(group, leaver, out) for leaver in leavers]
        if ErrorCode.NONE in errors:
            self._after_removal(group, out, now_ms)
        return errors

    def _leave_one(self, group: Group, leaver: Leaver, out: AnyOutcome) -> ErrorCode:
        member_id = leaver.member_id
        if not member_id:
            known = (
                group.static_member_id(leaver.instance_id)
                if leaver.instance_id is not None
                else None
            )
            if known is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            member_id = known
        elif member_id in group.pending_members:
            self._forget(group, member_id)
            return ErrorCode.NONE
        else:
            error = group.check_member(member_id, leaver.instance_id)
            if error is not ErrorCode.NONE:
                return error
        self._remove(group, member_id, out)
        return ErrorCode.NONE

    def _remove(self, group: Group, member_id: str, out: AnyOutcome) -> None:
        member = group.members[member_id]
        # A client that is still there joins anew with these errors.
        if member.awaiting_join is not None:
            _answer(out, member.awaiting_join, JoinReply(ErrorCode.UNKNOWN_MEMBER_ID, ""))
        if member.awaiting_sync is not None:
            _answer(out, member.awaiting_sync, SyncReply(ErrorCode.UNKNOWN_MEMBER_ID))
        self._forget(group, member_id)

    def _after_removal(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            self._prepare_rebalance(group, out, now_ms)
        else:
            self._complete_if_all_joined(group, out, now_ms)

    # Deadlines

    def loaded(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """A group was read from the log: its members have their session timeouts to be heard of."""
        for member in group.members.values():
            self._heard_of(group, member)
        if len(group.members) > self._config.max_size:
            self._prepare_rebalance(group, out, now_ms)

    def expired(self, group: Group, deadline: Deadline, out: AnyOutcome, now_ms: int) -> None:
        """A deadline of `group` has passed."""
        match deadline.kind:
            case DeadlineKind.SESSION:
                self._session_expired(group, deadline.member_id, out, now_ms)
            case DeadlineKind.JOIN:
                self._end_of_join(group, out, now_ms)
            case DeadlineKind.SYNC:
                self._sync_expired(group, out, now_ms)

    def _session_expired(self, group: Group, member_id: str, out: AnyOutcome, now_ms: int) -> None:
        if member_id in group.pending_members:
            self._forget(group, member_id)
            self._complete_if_all_joined(group, out, now_ms)
        elif member_id in group.members and not group.members[member_id].keeps_itself_alive():
            self._remove(group, member_id, out)
            self._after_removal(group, out, now_ms)

    def _sync_expired(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        if group.state not in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE):
            return
        late = list(group.pending_sync)
        for member_id in late:
            self._forget(group, member_id)
        if late:
            self._prepare_rebalance(group, out, now_ms)

    def _heard_of(self, group: Group, member: Member) -> None:
        self._deadlines.set(_session(group, member.member_id), member.session_timeout_ms)

    def _forget(self, group: Group, member_id: str) -> None:
        group.remove(member_id)
        self._deadlines.cancel(_session(group, member_id))

    # The log

    def append_failed(
        self, group: Group, value: GroupMetadata, out: AnyOutcome, now_ms: int
    ) -> None:
        """The record of `value` could not be written: nobody may act on it, and its members join again.

        The answers that belonged to it have been turned into errors already.
        """
        settled = group.state in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE)
        if settled and group.generation == value.generation:
            self._prepare_rebalance(group, out, now_ms)

    def dissolve(self, group: Group, error: ErrorCode, out: AnyOutcome) -> None:
        """Answer all who wait and cancel all deadlines: the group is going away."""
        for member in group.members.values():
            if member.awaiting_join is not None:
                _answer(out, member.awaiting_join, JoinReply(error, member.member_id))
                member.awaiting_join = None
            if member.awaiting_sync is not None:
                _answer(out, member.awaiting_sync, SyncReply(error))
                member.awaiting_sync = None
        for member_id in (*group.members, *group.pending_members):
            self._deadlines.cancel(_session(group, member_id))
        self._deadlines.cancel(_of_group(DeadlineKind.JOIN, group))
        self._deadlines.cancel(_of_group(DeadlineKind.SYNC, group))


def _answer(out: AnyOutcome, waiter: Waiter, reply: JoinReply | SyncReply) -> None:
    out.completions.append(Completion(waiter, reply))


def _synced(group: Group, assignment: bytes) -> SyncReply:
    return SyncReply(ErrorCode.NONE, group.protocol_type, group.protocol, assignment)


def _differ(asked: str | None, actual: str | None) -> bool:
    return asked is not None and actual is not None and asked != actual


def _session(group: Group, member_id: str) -> Deadline:
    return Deadline(DeadlineKind.SESSION, group.group_id, member_id)


def _of_group(kind: DeadlineKind, group: Group) -> Deadline:
    return Deadline(kind, group.group_id)
