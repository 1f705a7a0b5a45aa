from __future__ import annotations

import pytest
from group_lab import REBALANCE_MS, SESSION_MS, GroupLab, subscription

from streamkit.log.broker.groups import GroupConfig, GroupState, Leaver
from streamkit.log.protocol import ErrorCode


@pytest.fixture
def lab() -> GroupLab:
    return GroupLab()


def test_new_member_is_given_an_id_to_join_with(lab: GroupLab) -> None:
    reply = lab.joined(lab.join(client_id="me"))
    assert reply.error is ErrorCode.MEMBER_ID_REQUIRED
    assert reply.member_id.startswith("me-")
    assert lab.group().state is GroupState.EMPTY


def test_old_version_joins_without_the_handshake(lab: GroupLab) -> None:
    reply = lab.joined(lab.join(handshake=False))
    assert (reply.error, reply.generation) == (ErrorCode.NONE, 1)


def test_first_member_leads_generation_1_and_gets_all_members(lab: GroupLab) -> None:
    member_id = lab.member_id()
    reply = lab.joined(lab.join(member_id=member_id))
    assert reply.error is ErrorCode.NONE
    assert (reply.generation, reply.leader, reply.protocol) == (1, member_id, "range")
    assert [m.member_id for m in reply.members] == [member_id]
    assert reply.members[0].metadata == subscription("t")
    assert lab.group().state is GroupState.COMPLETING_REBALANCE


def test_leaders_assignment_makes_the_group_stable(lab: GroupLab) -> None:
    member_id = lab.member_id()
    lab.join(member_id=member_id)
    reply = lab.synced(lab.sync(member_id, 1, {member_id: b"all"}))
    assert (reply.error, reply.assignment) == (ErrorCode.NONE, b"all")
    assert (reply.protocol_type, reply.protocol) == ("consumer", "range")
    assert lab.group().state is GroupState.STABLE


def test_second_member_makes_the_first_join_again(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    second = lab.member_id()
    waiting = lab.join(member_id=second)
    assert waiting not in lab.answers
    assert lab.heartbeat(first, generation) is ErrorCode.REBALANCE_IN_PROGRESS
    again = lab.join(member_id=first)
    leader, follower = lab.joined(again), lab.joined(waiting)
    assert leader.generation == follower.generation == generation + 1
    assert leader.leader == follower.leader == first
    assert [m.member_id for m in leader.members] == [first, second]
    assert follower.members == ()


def test_follower_waits_for_the_leaders_assignment(lab: GroupLab) -> None:
    first = lab.member_id()
    lab.join(member_id=first)
    second = lab.member_id()
    lab.join(member_id=second)
    lab.join(member_id=first)
    waiting = lab.sync(second, 2)
    assert waiting not in lab.answers
    lab.sync(first, 2, {second: b"half"})
    assert lab.synced(waiting).assignment == b"half"
    assert lab.group().members[first].assignment == b""


def test_member_that_does_not_join_again_is_dropped_after_the_rebalance_timeout(
    lab: GroupLab,
) -> None:
    (first,), _ = lab.stable()
    second = lab.member_id()
    waiting = lab.join(member_id=second)
    for _ in range(20):
        lab.advance(REBALANCE_MS // 20 - 1)
        assert waiting not in lab.answers
        lab.heartbeat(first, 1)
    lab.advance(20)
    reply = lab.joined(waiting)
    assert reply.leader == second
    assert [m.member_id for m in reply.members] == [second]
    assert lab.heartbeat(first, 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_member_without_heartbeats_is_dropped_after_its_session(lab: GroupLab) -> None:
    (first, second), generation = lab.stable(2)
    lab.advance(SESSION_MS - 1)
    assert lab.heartbeat(first, generation) is ErrorCode.NONE
    lab.advance(1)
    assert list(lab.group().members) == [first]
    assert lab.heartbeat(second, generation) is ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat(first, generation) is ErrorCode.REBALANCE_IN_PROGRESS


def test_member_that_waits_for_an_answer_needs_no_heartbeat(lab: GroupLab) -> None:
    (first, second), generation = lab.stable(2)
    waiting = lab.join(member_id=second, protocols=[("range", subscription("other"))])
    for _ in range(5):
        lab.advance(SESSION_MS - 1)
        lab.heartbeat(first, generation)
    assert second in lab.group().members
    lab.join(member_id=first)
    assert lab.joined(waiting).error is ErrorCode.NONE


def test_id_given_out_and_not_used_expires_with_the_session(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    pending = lab.member_id()
    lab.join(member_id=first)  # leader: rebalances, and waits for the pending member
    lab.advance(SESSION_MS - 1)
    assert lab.group().state is GroupState.PREPARING_REBALANCE
    lab.advance(1)
    assert lab.group().state is GroupState.COMPLETING_REBALANCE
    assert lab.group().generation == generation + 1
    assert lab.joined(lab.join(member_id=pending)).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_expired_unused_id_leaves_a_stable_group_alone(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    lab.member_id()
    lab.advance(SESSION_MS // 2)
    lab.heartbeat(first, generation)
    lab.advance(SESSION_MS // 2)
    assert lab.group().state is GroupState.STABLE
    assert not lab.group().pending_members


def test_member_without_sync_is_dropped_after_the_rebalance_timeout(lab: GroupLab) -> None:
    first = lab.member_id()
    lab.join(member_id=first)
    second = lab.member_id()
    lab.join(member_id=second)
    lab.join(member_id=first)
    generation = lab.group().generation
    lab.sync(first, generation, {first: b"1", second: b"2"})
    assert lab.group().state is GroupState.STABLE
    for _ in range(10):
        lab.advance(REBALANCE_MS // 10)
        lab.heartbeat(first, generation)
        lab.heartbeat(second, generation)
    assert list(lab.group().members) == [first]
    assert lab.heartbeat(first, generation) is ErrorCode.REBALANCE_IN_PROGRESS


def test_waiting_followers_are_told_to_rejoin_when_the_leader_goes(lab: GroupLab) -> None:
    first = lab.member_id()
    lab.join(member_id=first)
    second = lab.member_id()
    lab.join(member_id=second)
    lab.join(member_id=first)
    waiting = lab.sync(second, 2)
    assert lab.leave(Leaver(first)) == [ErrorCode.NONE]
    assert lab.synced(waiting).error is ErrorCode.REBALANCE_IN_PROGRESS
    reply = lab.joined(lab.join(member_id=second))
    assert (reply.leader, reply.generation) == (second, 3)


def test_last_member_to_leave_empties_the_group(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    assert lab.leave(Leaver(first)) == [ErrorCode.NONE]
    group = lab.group()
    assert (group.state, group.generation) == (GroupState.EMPTY, generation + 1)
    assert group.protocol_type == "consumer"


def test_leaving_answers_for_each_member(lab: GroupLab) -> None:
    (first, _), _ = lab.stable(2)
    pending = lab.member_id()
    errors = lab.leave(
        Leaver("nobody"), Leaver(first, "no-instance"), Leaver(pending), Leaver(first)
    )
    assert errors == [
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.NONE,
        ErrorCode.NONE,
    ]
    assert lab.leave(Leaver("x"), group_id="none") == [ErrorCode.UNKNOWN_MEMBER_ID]


def test_follower_that_rejoins_unchanged_gets_the_current_generation(lab: GroupLab) -> None:
    (_, second), generation = lab.stable(2)
    reply = lab.joined(lab.join(member_id=second))
    assert (reply.error, reply.generation) == (ErrorCode.NONE, generation)
    assert lab.group().state is GroupState.STABLE


def test_leader_that_rejoins_makes_the_group_rebalance(lab: GroupLab) -> None:
    (first, second), generation = lab.stable(2)
    assert lab.join(member_id=first) not in lab.answers
    assert lab.heartbeat(second, generation) is ErrorCode.REBALANCE_IN_PROGRESS


def test_lost_answer_to_a_join_is_given_again(lab: GroupLab) -> None:
    member_id = lab.member_id()
    lab.join(member_id=member_id)
    reply = lab.joined(lab.join(member_id=member_id))
    assert (reply.generation, len(reply.members)) == (1, 1)


def test_join_given_up_by_its_client_is_answered_when_the_next_comes(lab: GroupLab) -> None:
    (first, second), _ = lab.stable(2)
    given_up = lab.join(member_id=first)
    again = lab.join(member_id=first)
    assert lab.joined(given_up).error is ErrorCode.REBALANCE_IN_PROGRESS
    assert again not in lab.answers
    lab.join(member_id=second)
    assert lab.joined(again).error is ErrorCode.NONE


def test_members_without_a_common_protocol_are_refused(lab: GroupLab) -> None:
    lab.stable()
    other = [("roundrobin", b"")]
    assert lab.joined(lab.join(protocols=other)).error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    wrong_type = lab.join(protocol_type="connect")
    assert lab.joined(wrong_type).error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    nothing = lab.join("new", protocols=[])
    assert lab.joined(nothing).error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert lab.coordinator.group("new") is None


def test_protocol_that_most_prefer_among_the_common_ones_wins(lab: GroupLab) -> None:
    (first, second, third), _ = lab.stable(3)
    orders = {first: "ab", second: "bac", third: "ba"}
    for member_id, order in orders.items():
        last = lab.join(member_id=member_id, protocols=[("range", b""), *((p, b"") for p in order)])
    assert lab.joined(last).protocol == "range"
    for member_id, order in orders.items():
        last = lab.join(member_id=member_id, protocols=[(p, b"") for p in order])
    assert lab.joined(last).protocol == "b"


def test_session_timeout_out_of_range_is_refused(lab: GroupLab) -> None:
    for session_ms in (5_999, 1_800_001):
        reply = lab.joined(lab.join(session_ms=session_ms))
        assert reply.error is ErrorCode.INVALID_SESSION_TIMEOUT


def test_unknown_members_are_refused(lab: GroupLab) -> None:
    assert lab.joined(lab.join("none", "ghost")).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.synced(lab.sync("ghost", 1)).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat("ghost", 1) is ErrorCode.UNKNOWN_MEMBER_ID
    lab.stable()
    assert lab.joined(lab.join(member_id="ghost")).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.synced(lab.sync("ghost", 1)).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.heartbeat("ghost", 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_requests_of_another_generation_are_refused(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    assert lab.heartbeat(first, generation - 1) is ErrorCode.ILLEGAL_GENERATION
    assert lab.synced(lab.sync(first, generation + 1)).error is ErrorCode.ILLEGAL_GENERATION


def test_sync_with_another_protocol_is_refused(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    for request in (
        lab.sync(first, generation, protocol="other"),
        lab.sync(first, generation, protocol_type="other"),
    ):
        assert lab.synced(request).error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    same = lab.sync(first, generation, protocol="range", protocol_type="consumer")
    assert lab.synced(same).error is ErrorCode.NONE


def test_full_group_refuses_one_more() -> None:
    lab = GroupLab(GroupConfig(max_size=2))
    lab.stable(2)
    assert lab.joined(lab.join()).error is ErrorCode.GROUP_MAX_SIZE_REACHED


def test_initial_delay_gathers_members_and_is_extended_for_them() -> None:
    lab = GroupLab(GroupConfig(initial_rebalance_delay_ms=3_000))
    first = lab.join(member_id=lab.member_id())
    lab.advance(2_000)
    second = lab.join(member_id=lab.member_id())
    lab.advance(1_000)
    assert first not in lab.answers, "the second member extends the delay"
    lab.advance(3_000)
    assert lab.joined(first).generation == lab.joined(second).generation == 1
    assert len(lab.joined(first).members) == 2


def test_initial_delay_ends_with_the_rebalance_timeout() -> None:
    lab = GroupLab(GroupConfig(initial_rebalance_delay_ms=3_000))
    first = lab.join(member_id=lab.member_id(), rebalance_ms=7_000)
    for _ in range(6):
        lab.advance(1_000)
        lab.join(member_id=lab.member_id(), rebalance_ms=7_000)
    assert first not in lab.answers
    lab.advance(1_000)
    assert len(lab.joined(first).members) == 7


def test_group_whose_only_member_leaves_during_the_initial_delay_is_empty_again() -> None:
    lab = GroupLab(GroupConfig(initial_rebalance_delay_ms=3_000))
    member_id = lab.member_id()
    waiting = lab.join(member_id=member_id)
    lab.leave(Leaver(member_id))
    assert lab.joined(waiting).error is ErrorCode.UNKNOWN_MEMBER_ID
    lab.advance(3_000)
    assert lab.group().state is GroupState.EMPTY


def test_member_that_never_got_an_answer_is_given_up_after_five_minutes() -> None:
    lab = GroupLab(GroupConfig(max_session_timeout_ms=3_600_000))
    (first,), generation = lab.stable()
    new = lab.join(member_id=lab.member_id(), rebalance_ms=3_600_000)
    for _ in range(59):
        lab.advance(5_000)
        lab.heartbeat(first, generation)
    assert new not in lab.answers
    lab.advance(5_000)
    assert lab.joined(new).error is ErrorCode.UNKNOWN_MEMBER_ID


class TestStaticMembers:
    def settled(self, lab: GroupLab, *instances: str) -> tuple[dict[str, str], int]:
        """A stable group of static members: member ids by instance."""
        requests: dict[str, int] = {}
        members: dict[str, str] = {}
        for instance in instances:
            for other, member_id in members.items():
                requests[other] = lab.join(member_id=member_id, instance_id=other)
            requests[instance] = lab.join(instance_id=instance)
            for other, member_id in members.items():
                if requests[other] in lab.answers:
                    requests[other] = lab.join(member_id=member_id, instance_id=other)
            members = {name: lab.joined(request).member_id for name, request in requests.items()}
        generation = lab.group().generation
        leader = lab.group().leader
        assert leader is not None
        lab.sync(leader, generation, {m: name.encode() for name, m in members.items()})
        for name, member_id in members.items():
            lab.sync(member_id, generation, instance_id=name)
        assert lab.group().state is GroupState.STABLE
        return members, generation

    def test_restart_keeps_generation_and_assignment(self, lab: GroupLab) -> None:
        members, generation = self.settled(lab, "a", "b")
        reply = lab.joined(lab.join(instance_id="b"))
        assert (reply.error, reply.generation) == (ErrorCode.NONE, generation)
        assert reply.member_id != members["b"]
        assert lab.group().state is GroupState.STABLE
        synced = lab.synced(lab.sync(reply.member_id, generation, instance_id="b"))
        assert synced.assignment == b"b"
        assert lab.heartbeat(members["a"], generation, instance_id="a") is ErrorCode.NONE

    def test_restarted_leader_skips_the_assignment(self, lab: GroupLab) -> None:
        members, generation = self.settled(lab, "a", "b")
        reply = lab.joined(lab.join(instance_id="a"))
        assert reply.skip_assignment
        assert reply.leader == reply.member_id
        assert {m.member_id for m in reply.members} == {reply.member_id, members["b"]}
        assert lab.group().generation == generation

    def test_restarted_leader_of_an_old_version_is_told_of_its_former_self(
        self, lab: GroupLab
    ) -> None:
        members, _ = self.settled(lab, "a", "b")
        reply = lab.joined(lab.join(instance_id="a", can_skip=False))
        assert not reply.skip_assignment
        assert (reply.leader, reply.members) == (members["a"], ())

    def test_former_instance_is_fenced(self, lab: GroupLab) -> None:
        members, generation = self.settled(lab, "a")
        old = members["a"]
        lab.join(instance_id="a")
        fenced = ErrorCode.FENCED_INSTANCE_ID
        assert lab.heartbeat(old, generation, instance_id="a") is fenced
        assert lab.synced(lab.sync(old, generation, instance_id="a")).error is fenced
        assert lab.joined(lab.join(member_id=old, instance_id="a")).error is fenced
        assert lab.leave(Leaver(old, "a")) == [fenced]
        assert lab.commit({0: 1}, member_id=old, instance_id="a", generation=generation) == {
            0: fenced
        }

    def test_waiting_requests_of_the_former_instance_are_fenced(self, lab: GroupLab) -> None:
        members, _ = self.settled(lab, "a", "b")
        waiting = lab.join(member_id=members["a"], instance_id="a")
        assert waiting not in lab.answers
        lab.join(instance_id="a")
        assert lab.joined(waiting).error is ErrorCode.FENCED_INSTANCE_ID

    def test_other_protocols_than_before_make_the_group_rebalance(self, lab: GroupLab) -> None:
        both = [("range", b""), ("sticky", b"")]
        first = lab.joined(lab.join(instance_id="a", protocols=both))
        lab.sync(first.member_id, 1, {first.member_id: b"x"})
        reply = lab.joined(lab.join(instance_id="a", protocols=[("sticky", b"")]))
        assert (reply.protocol, reply.generation) == ("sticky", 2)

    def test_member_that_stays_away_keeps_its_place_until_its_session_ends(
        self, lab: GroupLab
    ) -> None:
        members, generation = self.settled(lab, "a", "b")
        for _ in range(3):
            lab.advance(SESSION_MS // 4)
            assert lab.heartbeat(members["a"], generation, instance_id="a") is ErrorCode.NONE
        lab.advance(SESSION_MS // 4)
        assert list(lab.group().members) == [members["a"]]

    def test_tool_removes_a_member_by_its_instance_alone(self, lab: GroupLab) -> None:
        members, _ = self.settled(lab, "a", "b")
        assert lab.leave(Leaver("", "b"), Leaver("", "c")) == [
            ErrorCode.NONE,
            ErrorCode.UNKNOWN_MEMBER_ID,
        ]
        assert list(lab.group().members) == [members["a"]]

    def test_rejoin_while_assignments_are_awaited_rebalances(self, lab: GroupLab) -> None:
        first = lab.joined(lab.join(instance_id="a"))
        waiting = lab.sync(first.member_id, 1)  # of the leader: with nothing for anybody
        assert waiting in lab.answers
        lab.join(member_id=first.member_id, instance_id="a")
        reply = lab.joined(lab.join(instance_id="a"))
        assert reply.generation == 3

    def test_absent_static_member_is_waited_for_until_its_session_ends(self, lab: GroupLab) -> None:
        members, generation = self.settled(lab, "a", "b")
        joining = lab.join(member_id=members["a"], instance_id="a", rebalance_ms=5_000)
        assert joining not in lab.answers
        lab.advance(SESSION_MS)  # b's session ends, and with it the wait for b
        reply = lab.joined(joining)
        assert (reply.error, reply.generation) == (ErrorCode.NONE, generation + 1)
        assert list(lab.group().members) == [members["a"]]

    def test_static_members_that_allow_no_time_to_join_hold_nobody_up(self, lab: GroupLab) -> None:
        """The end of their join phase, at which none has come back, was due again at once, for ever."""
        leader = lab.joined(lab.join(instance_id="b")).member_id
        lab.sync(leader, 1)
        joining = lab.join(instance_id="a", rebalance_ms=0)
        lab.join(member_id=leader, instance_id="b")
        member_id = lab.joined(joining).member_id
        lab.sync(leader, 2)
        lab.sync(member_id, 2, instance_id="a")
        assert lab.leave(Leaver(leader)) == [ErrorCode.NONE]
        deadlines = lab.coordinator.deadlines
        ended = 0
        while ended < 10 and lab.coordinator.expire(lab.now_ms) is not None:
            ended += 1
        assert ended == 1
        assert deadlines.next_ms() == lab.now_ms + 100
        lab.advance(SESSION_MS)
        assert lab.group().state is GroupState.EMPTY


class TestRestart:
    def test_members_go_on_where_they_were(self, lab: GroupLab) -> None:
        (first, second), generation = lab.stable(2)
        lab.restart()
        assert lab.group().state is GroupState.STABLE
        assert lab.heartbeat(first, generation) is ErrorCode.NONE
        reply = lab.synced(lab.sync(second, generation))
        assert reply.assignment == second.encode()

    def test_members_that_have_gone_meanwhile_expire(self, lab: GroupLab) -> None:
        lab.stable(2)
        lab.restart()
        lab.advance(SESSION_MS)
        assert lab.group().state is GroupState.EMPTY

    def test_rebalance_that_was_under_way_starts_again_from_the_last_generation(
        self, lab: GroupLab
    ) -> None:
        (first,), generation = lab.stable()
        second = lab.member_id()
        lab.join(member_id=second)
        lab.join(member_id=first)
        assert lab.group().generation == generation + 1
        lab.restart()
        assert lab.group().generation == generation
        assert lab.heartbeat(first, generation + 1) is ErrorCode.ILLEGAL_GENERATION
        assert lab.joined(lab.join(member_id=second)).error is ErrorCode.UNKNOWN_MEMBER_ID
        assert lab.joined(lab.join(member_id=first)).generation == generation + 1

    def test_group_too_large_for_a_new_limit_rebalances(self, lab: GroupLab) -> None:
        lab.stable(3)
        lab.config = GroupConfig(max_size=2)
        lab.restart()
        assert lab.group().state is GroupState.PREPARING_REBALANCE


class TestFullDisk:
    def test_assignment_that_is_not_written_is_not_given_out(self, lab: GroupLab) -> None:
        member_id = lab.member_id()
        lab.join(member_id=member_id)
        lab.disk_full = True
        reply = lab.synced(lab.sync(member_id, 1, {member_id: b"all"}))
        assert (reply.error, reply.assignment) == (ErrorCode.NOT_COORDINATOR, b"")
        assert lab.group().state is GroupState.PREPARING_REBALANCE
        lab.disk_full = False
        assert lab.joined(lab.join(member_id=member_id)).generation == 2
        assert lab.synced(lab.sync(member_id, 2, {member_id: b"all"})).assignment == b"all"

    def test_group_that_is_not_written_does_not_exist(self, lab: GroupLab) -> None:
        lab.disk_full = True
        assert lab.joined(lab.join()).error is ErrorCode.NOT_COORDINATOR
        assert lab.coordinator.group("g") is None
        assert len(lab.coordinator.deadlines) == 0

    def test_offsets_that_are_not_written_are_not_committed(self, lab: GroupLab) -> None:
        lab.commit({0: 1})
        lab.disk_full = True
        assert lab.commit({0: 2}) == {0: ErrorCode.NOT_COORDINATOR}
        assert lab.committed() == {0: 1}
