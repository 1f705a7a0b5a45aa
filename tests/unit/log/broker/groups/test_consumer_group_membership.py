"""Consumer groups in simulated time: what happens to members that are late, silent or many."""

from __future__ import annotations

import pytest
from group_lab import REBALANCE_MS, GroupLab, subscription

from streamkit.log.broker.groups import GroupConfig, Leaver
from streamkit.log.broker.groups.config import MigrationPolicy
from streamkit.log.broker.groups.consumer.group import ConsumerGroupState
from streamkit.log.protocol import ErrorCode

SESSION_MS = 45_000
AT_ONCE = GroupConfig(consumer_assignment_interval_ms=0)


def lab_of(config: GroupConfig = AT_ONCE, partitions: int = 4) -> GroupLab:
    lab = GroupLab(config)
    lab.topics.create("t", partitions)
    return lab


def owns(lab: GroupLab, member_id: str) -> set[int]:
    member = lab.consumer_group().members[member_id]
    return {p for epochs in member.current.assigned.values() for p in epochs}


def two(lab: GroupLab) -> None:
    """Members a and b, of which a has been told to give up a half."""
    lab.beat("a", 0)
    lab.beat("b", 0)
    lab.beat("a", 2)


def test_silent_member_is_fenced_after_its_session() -> None:
    lab = lab_of()
    lab.beat("a", 0)
    lab.advance(SESSION_MS - 1)
    assert lab.beat("a", 2).error is ErrorCode.NONE
    lab.advance(SESSION_MS)
    assert lab.beat("a", 2).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert lab.consumer_group().state is ConsumerGroupState.EMPTY


def test_member_that_does_not_revoke_is_fenced() -> None:
    lab = lab_of()
    two(lab)
    for _ in range(5):
        lab.advance(REBALANCE_MS // 5)
        lab.beat("b", 3)
        reply = lab.beat("a", 2)
    assert reply.error is ErrorCode.UNKNOWN_MEMBER_ID
    lab.beat("b", 3)
    assert owns(lab, "b") == {0, 1, 2, 3}


def test_member_that_revokes_stays() -> None:
    lab = lab_of()
    two(lab)
    kept = {t: frozenset(p) for t, p in lab.consumer_group().members["a"].current.assigned.items()}
    assert lab.beat("a", 2, owned=kept).member_epoch == 3
    lab.beat("b", 3)
    assert owns(lab, "a") | owns(lab, "b") == {0, 1, 2, 3}
    for _ in range(5):
        lab.advance(REBALANCE_MS // 4)
        assert lab.beat("a", 3).error is ErrorCode.NONE
        lab.beat("b", 3)


def test_sessions_and_revocations_go_on_after_a_restart() -> None:
    lab = lab_of()
    two(lab)
    lab.restart()
    lab.advance(SESSION_MS - 1)
    assert set(lab.consumer_group().members) == {"a", "b"}
    lab.advance(1)
    assert lab.consumer_group().members == {}


def test_targets_hold_for_the_assignment_interval() -> None:
    lab = lab_of(GroupConfig(consumer_assignment_interval_ms=1_000))
    lab.beat("a", 0)
    lab.advance(999)
    assert lab.beat("b", 0).assigned == {}
    assert lab.consumer_group().state is ConsumerGroupState.ASSIGNING
    lab.advance(1)
    lab.beat("b", 2)
    assert lab.consumer_group().target_epoch.epoch == 3


def test_settings_of_a_group_come_first_within_the_brokers_bounds() -> None:
    lab = lab_of()
    lab.topics.configs["g"] = {
        "consumer.session.timeout.ms": "50000",
        "consumer.heartbeat.interval.ms": "999999",
    }
    assert lab.beat("a", 0).heartbeat_interval_ms == 15_000
    lab.advance(49_999)
    assert lab.beat("a", 2).error is ErrorCode.NONE


def test_patterns_are_matched_at_once_and_then_every_ten_seconds() -> None:
    lab = lab_of()
    lab.beat("a", 0, pattern="t.*")
    lab.advance(0)
    lab.beat("a", 1)
    assert owns(lab, "a") == {0, 1, 2, 3}
    epoch = lab.consumer_group().members["a"].epoch
    lab.topics.create("t2", 1)
    lab.beat("a", epoch)
    lab.advance(10_000)
    assert len(lab.consumer_group().topics) == 1
    lab.advance(1)
    lab.beat("a", epoch)
    lab.advance(0)
    assert set(lab.consumer_group().topics) == {"t", "t2"}
    lab.beat("a", -1)
    assert lab.consumer_group().patterns == {}


def test_static_member_that_was_away_takes_nothing_with_it() -> None:
    """It leaves with epoch -2; what it had must be free again when its successor goes."""
    lab = lab_of()
    lab.beat("a", 0, instance_id="i")
    lab.beat("a", -2, instance_id="i")
    assert owns(lab, "a") == {0, 1, 2, 3}
    assert lab.beat("b", 0, instance_id="i").assigned is not None
    assert owns(lab, "b") == {0, 1, 2, 3}
    lab.beat("b", -1, instance_id="i")
    lab.beat("c", 0)
    assert owns(lab, "c") == {0, 1, 2, 3}


def test_many_topics_are_matched_bit_by_bit() -> None:
    lab = lab_of()
    for number in range(3_000):
        lab.topics.create(f"topic-of-some-length-{number}", 1)
    lab.beat("a", 0, pattern="topic-(.*-)*9")
    lab.advance(0)
    assert lab.consumer_group().patterns == {}
    lab.advance(1_000)
    assert lab.consumer_group().patterns["topic-(.*-)*9"].topics == {"topic-of-some-length-9"}


def test_classic_members_that_wait_are_answered_though_the_newcomer_is_refused() -> None:
    lab = lab_of()
    lab.join(handshake=False)
    waiting = lab.join(handshake=False)
    assert waiting not in lab.answers
    assert lab.beat("new", 0, pattern="(").error is ErrorCode.INVALID_REGULAR_EXPRESSION
    assert lab.joined(waiting).error is ErrorCode.REBALANCE_IN_PROGRESS


def test_deadlines_of_an_earlier_life_as_consumer_group_are_void() -> None:
    lab = lab_of()
    members, _ = _stable(lab)
    lab.beat("new", 0)
    assert lab.heartbeat(members[0], 1) is ErrorCode.REBALANCE_IN_PROGRESS
    lab.beat("new", -1)
    reply = lab.joined(lab.join(member_id=members[0], session_ms=300_000))
    lab.sync(members[0], reply.generation, {})
    lab.advance(REBALANCE_MS // 2)
    lab.beat("newer", 0)
    lab.advance(REBALANCE_MS // 2)
    assert members[0] in lab.consumer_group().members


def test_group_with_room_for_one() -> None:
    lab = lab_of(GroupConfig(consumer_max_size=1))
    lab.beat("a", 0)
    assert lab.beat("b", 0).error is ErrorCode.GROUP_MAX_SIZE_REACHED
    assert lab.beat("a", 2).error is ErrorCode.NONE


def test_leave_that_cannot_be_written_is_none() -> None:
    lab = lab_of()
    lab.beat("a", 0)
    lab.disk_full = True
    assert lab.beat("a", -1).error is ErrorCode.NOT_COORDINATOR
    lab.disk_full = False
    assert lab.beat("a", 2).error is ErrorCode.NONE
    lab.advance(SESSION_MS)
    assert lab.consumer_group().members == {}


def test_refused_member_leaves_no_trace() -> None:
    lab = lab_of()
    assert lab.beat("a", 0, pattern="(").error is ErrorCode.INVALID_REGULAR_EXPRESSION
    assert lab.coordinator.groups() == ()
    assert lab.log == []


# Both protocols


def upgraded(lab: GroupLab) -> str:
    """A group of a classic member and `new`, which has just joined; the classic member's id."""
    members, generation = _stable(lab)
    assert lab.beat("new", 0).error is ErrorCode.NONE
    assert lab.consumer_group().classic_members == 1
    assert lab.heartbeat(members[0], generation) is ErrorCode.REBALANCE_IN_PROGRESS
    return members[0]


def test_classic_member_that_does_not_join_again_is_fenced() -> None:
    lab = lab_of()
    old = upgraded(lab)
    for _ in range(4):
        lab.advance(REBALANCE_MS // 4)
        lab.beat("new", 2)
        error = lab.heartbeat(old, 1)
    assert error is ErrorCode.UNKNOWN_MEMBER_ID
    assert set(lab.consumer_group().members) == {"new"}


def test_classic_member_that_does_not_sync_is_fenced() -> None:
    lab = lab_of()
    old = upgraded(lab)
    reply = lab.joined(lab.join(member_id=old, session_ms=300_000))
    for _ in range(4):
        lab.advance(REBALANCE_MS // 4)
        lab.beat("new", 2)
    assert lab.heartbeat(old, reply.generation) is ErrorCode.UNKNOWN_MEMBER_ID


def test_downgraded_group_rebalances_and_keeps_its_members_sessions() -> None:
    lab = lab_of()
    old = upgraded(lab)
    generation = lab.joined(lab.join(member_id=old)).generation
    lab.sync(old, generation)
    lab.beat("new", -1)
    assert lab.coordinator.consumer_group("g") is None
    assert lab.heartbeat(old, lab.group().generation) is ErrorCode.REBALANCE_IN_PROGRESS
    lab.advance(REBALANCE_MS + SESSION_MS)
    assert lab.group().members == {}


@pytest.mark.parametrize("policy", list(MigrationPolicy))
def test_policy_decides_which_way_groups_may_go(policy: MigrationPolicy) -> None:
    lab = lab_of(GroupConfig(migration=policy, consumer_assignment_interval_ms=0))
    _stable(lab)
    error = lab.beat("new", 0).error
    assert (error is ErrorCode.NONE) is policy.upgrades
    lab.beat("other", 0, group_id="h")
    reply = lab.joined(lab.join("h", handshake=False))
    lab.beat("other", -1, group_id="h")
    assert (lab.coordinator.group("h") is not None) is policy.downgrades
    assert lab.leave(Leaver(reply.member_id), group_id="h") == [ErrorCode.NONE]


def test_append_failure_leaves_an_empty_consumer_group_alone() -> None:
    lab = lab_of()
    lab.beat("a", 0)
    lab.beat("a", -1)
    epoch = lab.consumer_group().epoch
    lab.disk_full = True
    lab.join(handshake=False)
    assert lab.consumer_group().epoch == epoch
    lab.disk_full = False
    lab.join(handshake=False)
    assert len(lab.group().members) == 1


def _stable(lab: GroupLab) -> tuple[list[str], int]:
    """A classic group of one member with an empty assignment."""
    member_id = lab.joined(
        lab.join(handshake=False, protocols=(("range", subscription("t")),), session_ms=300_000)
    ).member_id
    lab.sync(member_id, 1, {})
    return [member_id], 1
