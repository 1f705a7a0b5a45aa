"""How members come and go: join, sync, heartbeat, leave, and what happens when they are late.

Pure: each method takes an event and the wall-clock time, changes the soft state of a group (who waits for what),
sets deadlines, and adds records and answers to an outcome. A group gets into Stable only when the record of its
new generation is replayed.

Source: the classic group protocol of Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.deadlines import Deadlines
from streamkit.log.broker.groups.group import Group, GroupState, Member
from streamkit.log.broker.groups.outcome import (
    Downgrade,
    Join,
    JoinReply,
    Leaver,
    Sync,
    SyncReply,
    Waiter,
)
from streamkit.log.broker.groups.rebalance import (
    AnyOutcome,
    Deadline,
    DeadlineKind,
    Rebalances,
    answer,
    deadline_of,
    session_of,
)
from streamkit.log.broker.groups.records import GroupMetadata, GroupMetadataRecord
from streamkit.log.protocol import ErrorCode

__all__ = ["Membership"]


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
        self._rebalances = Rebalances(config, deadlines)

    # Join

    def join(
        self, group: Group, request: Join, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        """Take a join, for a group that exists; the answer is a completion, now or later."""
        member_id = request.member_id
        if not self._has_room(group, member_id):
            self._rebalances.forget(group, member_id)
            answer(out, waiter, JoinReply(ErrorCode.GROUP_MAX_SIZE_REACHED, ""))
            self._rebalances.complete_if_all_joined(group, out, now_ms)
        elif not group.supports(request.protocol_type, (name for name, _ in request.protocols)):
            answer(out, waiter, JoinReply(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, member_id))
        elif not member_id:
            self._join_new(group, request, waiter, out, now_ms)
        elif member_id in group.pending_members:
            if request.instance_id is not None:
                # Static members skip the handshake, so an id of its first half can't be theirs.
                answer(out, waiter, JoinReply(ErrorCode.UNKNOWN_SERVER_ERROR, ""))
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
            self._deadlines.set(session_of(group, member_id), request.session_timeout_ms)
            answer(out, waiter, JoinReply(ErrorCode.MEMBER_ID_REQUIRED, member_id))
            return
        self._add(group, request, member_id, waiter, out, now_ms)

    def _join_again(
        self, group: Group, request: Join, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        member_id = request.member_id
        error = group.check_member(member_id, request.instance_id)
        if error is not ErrorCode.NONE:
            answer(out, waiter, JoinReply(error, member_id))
            return
        member = group.members[member_id]
        same = member.protocols == request.protocols
        if group.state is GroupState.EMPTY:
            answer(out, waiter, JoinReply(ErrorCode.UNKNOWN_MEMBER_ID, member_id))
        elif group.state is GroupState.COMPLETING_REBALANCE and same:
            # It may have missed the answer to its join: it gets it again.
            answer(out, waiter, self._rebalances.joined_reply(group, member))
        elif group.state is GroupState.STABLE and same and not group.is_leader(member_id):
            # Nothing has changed for a follower; a leader that joins anew asks for a rebalance.
            answer(out, waiter, self._rebalances.joined_reply(group, member))
        else:
            self._update(member, request, waiter, out)
            self._rebalances.rebalance_or_complete(group, out, now_ms)

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
        self._deadlines.set(session_of(group, member_id), self._config.new_member_join_timeout_ms)
        self._rebalances.rebalance_or_complete(group, out, now_ms)

    def _update(self, member: Member, request: Join, waiter: Waiter, out: AnyOutcome) -> None:
        if member.awaiting_join is not None:
            # The client has given that request up and sent another.
            answer(
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
            answer(out, old.awaiting_join, JoinReply(fenced, old_member_id))
        if old.awaiting_sync is not None:
            answer(out, old.awaiting_sync, SyncReply(fenced))
        self._deadlines.cancel(session_of(group, old_member_id))
        member = group.members[member_id]
        self._update(member, request, waiter, out)
        self._rebalances.heard_of(group, member)
        if group.state is GroupState.COMPLETING_REBALANCE:
            # The leader may have the old id already, and would assign to nobody.
            self._rebalances.prepare(group, out, now_ms)
        elif group.state is GroupState.STABLE:
            if group.protocol != group.select_protocol():
                self._rebalances.rebalance_or_complete(group, out, now_ms)
                return
            assignments = {m.member_id: m.assignment for m in group.members.values()}
            out.records.append(
                GroupMetadataRecord(group.group_id, group.as_record(assignments, now_ms))
            )
            member.awaiting_join = None
            leads = group.is_leader(member_id)
            answer(
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
            self._rebalances.complete_if_all_joined(group, out, now_ms)

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

    # Sync

    def sync(
        self, group: Group, request: Sync, waiter: Waiter, out: AnyOutcome, now_ms: int
    ) -> None:
        """Take a sync, for a group that has members; the answer is a completion, now or later."""
        error = self._check_sync(group, request)
        if error is not ErrorCode.NONE:
            answer(out, waiter, SyncReply(error))
            return
        member = group.members[request.member_id]
        if group.state is GroupState.PREPARING_REBALANCE:
            answer(out, waiter, SyncReply(ErrorCode.REBALANCE_IN_PROGRESS))
            return
        group.pending_sync.discard(member.member_id)
        if not group.pending_sync:
            self._deadlines.cancel(deadline_of(DeadlineKind.SYNC, group))
        if group.state is GroupState.STABLE:
            answer(out, waiter, _synced(group, member.assignment))
            return
        if member.awaiting_sync is not None:
            answer(out, member.awaiting_sync, SyncReply(ErrorCode.REBALANCE_IN_PROGRESS))
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
                answer(
                    out,
                    member.awaiting_sync,
                    _synced(group, assignments.get(member.member_id, b"")),
                )
                member.awaiting_sync = None
                self._rebalances.heard_of(group, member)

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
        self._rebalances.heard_of(group, group.members[member_id])
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
            self._rebalances.heard_of(group, member)

    def check_commit(
        self,
        group: Group,
        member_id: str,
        instance_id: str | None,
        generation: int,
        *,
        transactional: bool,
    ) -> ErrorCode:
        """Whether a commit of offsets is taken: from a member of this generation, or from anybody if there is none."""
        if generation < 0 and group.state is GroupState.EMPTY:
            return ErrorCode.NONE
        if generation < 0 and not member_id and instance_id is None:
            # The members of a group own its offsets; others may commit when there are none. Producers of
            # before KIP-447 don't say for which member they commit; they are fenced by their epoch.
            return ErrorCode.NONE if transactional else ErrorCode.UNKNOWN_MEMBER_ID
        error = group.check_member(member_id, instance_id)
        if error is not ErrorCode.NONE:
            return error
        if generation != group.generation:
            return ErrorCode.ILLEGAL_GENERATION
        if group.state is GroupState.COMPLETING_REBALANCE and not transactional:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def leave(
        self, group: Group, leavers: Sequence[Leaver], out: AnyOutcome, now_ms: int
    ) -> list[ErrorCode]:
        """Remove members; the rest rebalances.

        Returns:
            An error code for each of `leavers`, in their order.
        """
        errors = [self._leave_one(group, leaver, out) for leaver in leavers]
        if ErrorCode.NONE in errors:
            self._rebalances.after_removal(group, out, now_ms)
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
            self._rebalances.forget(group, member_id)
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
            answer(out, member.awaiting_join, JoinReply(ErrorCode.UNKNOWN_MEMBER_ID, ""))
        if member.awaiting_sync is not None:
            answer(out, member.awaiting_sync, SyncReply(ErrorCode.UNKNOWN_MEMBER_ID))
        self._rebalances.forget(group, member_id)

    # Deadlines

    def loaded(self, group: Group, out: AnyOutcome, now_ms: int) -> None:
        """A group was read from the log: its members have their session timeouts to be heard of."""
        for member in group.members.values():
            self._rebalances.heard_of(group, member)
        if len(group.members) > self._config.max_size:
            self._rebalances.prepare(group, out, now_ms)

    def expired(self, group: Group, deadline: Deadline, out: AnyOutcome, now_ms: int) -> None:
        """A deadline of `group` has passed."""
        match deadline.kind:
            case DeadlineKind.SESSION:
                self._session_expired(group, deadline.member_id, out, now_ms)
            case DeadlineKind.JOIN:
                self._rebalances.end_of_join(group, out, now_ms)
            case DeadlineKind.SYNC:
                self._rebalances.end_of_sync(group, out, now_ms)

    def _session_expired(self, group: Group, member_id: str, out: AnyOutcome, now_ms: int) -> None:
        if member_id in group.pending_members:
            self._rebalances.forget(group, member_id)
            self._rebalances.complete_if_all_joined(group, out, now_ms)
        elif member_id in group.members and not group.members[member_id].keeps_itself_alive():
            self._remove(group, member_id, out)
            self._rebalances.after_removal(group, out, now_ms)

    # The log

    def append_failed(
        self, group: Group, value: GroupMetadata, out: AnyOutcome, now_ms: int
    ) -> None:
        """The record of `value` could not be written: nobody may act on it, and its members join again.

        The answers that belonged to it have been turned into errors already.
        """
        settled = group.state in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE)
        if settled and group.generation == value.generation:
            self._rebalances.prepare(group, out, now_ms)

    def downgraded(self, group: Group, downgrade: Downgrade, out: AnyOutcome, now_ms: int) -> None:
        """The group was a consumer group, and has just been written as a classic one: its sessions begin."""
        for member in group.members.values():
            member.protocols = downgrade.protocols.get(member.member_id, member.protocols)
            self._rebalances.heard_of(group, member)
        if downgrade.rebalances:
            self._rebalances.prepare(group, out, now_ms)

    def dissolve(self, group: Group, error: ErrorCode, out: AnyOutcome) -> None:
        """Answer all who wait and cancel all deadlines: the group is going away."""
        for member in group.members.values():
            if member.awaiting_join is not None:
                answer(out, member.awaiting_join, JoinReply(error, member.member_id))
                member.awaiting_join = None
            if member.awaiting_sync is not None:
                answer(out, member.awaiting_sync, SyncReply(error))
                member.awaiting_sync = None
        for member_id in (*group.members, *group.pending_members):
            self._deadlines.cancel(session_of(group, member_id))
        self._deadlines.cancel(deadline_of(DeadlineKind.JOIN, group))
        self._deadlines.cancel(deadline_of(DeadlineKind.SYNC, group))


def _synced(group: Group, assignment: bytes) -> SyncReply:
    return SyncReply(ErrorCode.NONE, group.protocol_type, group.protocol, assignment)


def _differ(asked: str | None, actual: str | None) -> bool:
    return asked is not None and actual is not None and asked != actual
