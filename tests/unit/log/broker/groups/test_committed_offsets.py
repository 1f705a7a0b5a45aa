from __future__ import annotations

import pytest
from group_lab import GroupLab

from streamkit.log.broker.groups import GroupConfig, GroupState, Leaver
from streamkit.log.protocol import ErrorCode
from streamkit.model import TopicPartition

DAY_MS = 86_400_000
RETENTION_MS = 7 * DAY_MS


@pytest.fixture
def lab() -> GroupLab:
    return GroupLab()


def test_consumer_without_a_group_may_commit(lab: GroupLab) -> None:
    assert lab.commit({0: 10, 1: 20}) == {0: ErrorCode.NONE, 1: ErrorCode.NONE}
    assert lab.committed() == {0: 10, 1: 20}
    assert lab.group().state is GroupState.EMPTY
    assert lab.group().protocol_type is None


def test_later_commit_replaces_an_earlier_one_even_if_lower(lab: GroupLab) -> None:
    lab.commit({0: 10})
    lab.commit({0: 5})
    assert lab.committed() == {0: 5}


def test_member_commits_in_its_generation(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    assert lab.commit({0: 1}, member_id=first, generation=generation) == {0: ErrorCode.NONE}
    wrong = lab.commit({0: 2}, member_id=first, generation=generation + 1)
    assert wrong == {0: ErrorCode.ILLEGAL_GENERATION}
    ghost = lab.commit({0: 2}, member_id="ghost", generation=generation)
    assert ghost == {0: ErrorCode.UNKNOWN_MEMBER_ID}
    assert lab.committed() == {0: 1}


def test_outsider_may_not_commit_while_the_group_has_members(lab: GroupLab) -> None:
    (first,), _ = lab.stable()
    assert lab.commit({0: 1}) == {0: ErrorCode.UNKNOWN_MEMBER_ID}
    lab.leave(Leaver(first))
    assert lab.commit({0: 1}) == {0: ErrorCode.NONE}


def test_member_may_commit_while_others_join_but_not_while_it_awaits_its_assignment(
    lab: GroupLab,
) -> None:
    (first,), generation = lab.stable()
    lab.join(member_id=lab.member_id())
    assert lab.group().state is GroupState.PREPARING_REBALANCE
    assert lab.commit({0: 1}, member_id=first, generation=generation) == {0: ErrorCode.NONE}
    lab.join(member_id=first)
    waiting = lab.commit({0: 2}, member_id=first, generation=generation + 1)
    assert waiting == {0: ErrorCode.REBALANCE_IN_PROGRESS}


def test_commit_keeps_a_member_alive(lab: GroupLab) -> None:
    (first,), generation = lab.stable()
    for _ in range(3):
        lab.advance(9_999)
        lab.commit({0: 1}, member_id=first, generation=generation)
    assert first in lab.group().members


def test_commit_with_a_generation_to_a_group_that_is_gone_is_refused(lab: GroupLab) -> None:
    refused = lab.commit({0: 1}, member_id="m", generation=3)
    assert refused == {0: ErrorCode.GROUP_ID_NOT_FOUND}
    assert lab.coordinator.group("g") is None


def test_metadata_that_is_too_long_is_refused_for_its_partition_alone(lab: GroupLab) -> None:
    refused = ErrorCode.OFFSET_METADATA_TOO_LARGE
    assert lab.commit({0: 1}, metadata="x" * 4097) == {0: refused}
    assert lab.commit({0: 1}, metadata="x" * 4096) == {0: ErrorCode.NONE}


def test_everything_committed_is_there_after_a_restart(lab: GroupLab) -> None:
    lab.commit({0: 1, 1: 2}, metadata="note")
    lab.commit({0: 3}, group_id="other", topic="u")
    lab.restart()
    assert lab.committed() == {0: 1, 1: 2}
    assert lab.committed("other", "u") == {0: 3}
    found = lab.coordinator.committed("g")[TopicPartition("t", 1)]
    assert (found.metadata, found.leader_epoch) == ("note", 0)


class TestExpiry:
    def test_offsets_without_a_group_expire_after_their_commit(self, lab: GroupLab) -> None:
        lab.commit({0: 1})
        lab.advance(DAY_MS)
        lab.commit({1: 1})
        lab.advance(RETENTION_MS - DAY_MS)
        lab.clean_up()
        assert lab.committed() == {1: 1}
        lab.advance(DAY_MS)
        lab.clean_up()
        assert lab.coordinator.group("g") is None

    def test_offsets_of_a_group_expire_after_it_became_empty(self, lab: GroupLab) -> None:
        (first,), generation = lab.stable()
        lab.commit({0: 1}, member_id=first, generation=generation)
        for _ in range(RETENTION_MS // DAY_MS + 1):
            lab.restart()  # the sessions of an idle group begin anew
            lab.clean_up()
            lab.now_ms += DAY_MS
        assert lab.committed() == {0: 1}
        lab.restart()
        lab.leave(Leaver(first))
        lab.advance(RETENTION_MS - 1)
        lab.clean_up()
        assert lab.committed() == {0: 1}
        lab.advance(1)
        lab.clean_up()
        assert lab.committed() == {}
        assert lab.coordinator.group("g") is None
        lab.restart()
        assert lab.coordinator.groups() == ()

    def test_topic_that_consumers_do_not_read_any_more_expires_under_them(
        self, lab: GroupLab
    ) -> None:
        (first,), generation = lab.stable()
        for topic in ("t", "old"):
            lab.commit({0: 1}, topic=topic, member_id=first, generation=generation)
        lab.now_ms += RETENTION_MS
        lab.clean_up()
        assert lab.committed(topic="t") == {0: 1}
        assert lab.committed(topic="old") == {}

    def test_retention_of_a_commit_of_its_own_is_kept_to(self, lab: GroupLab) -> None:
        lab.commit({0: 1}, expire_ms=lab.now_ms + 1_000)
        lab.restart()
        lab.advance(999)
        lab.clean_up()
        assert lab.committed() == {0: 1}
        lab.advance(1)
        lab.clean_up()
        assert lab.committed() == {}

    def test_group_that_is_being_joined_is_kept(self, lab: GroupLab) -> None:
        member_id = lab.member_id()
        lab.clean_up()
        assert lab.joined(lab.join(member_id=member_id)).error is ErrorCode.NONE

    def test_rebalancing_group_keeps_all_offsets(self, lab: GroupLab) -> None:
        lab.config = GroupConfig(offsets_retention_ms=1)
        lab.restart()
        (first,), generation = lab.stable()
        lab.commit({0: 1}, topic="old", member_id=first, generation=generation)
        lab.join(member_id=lab.member_id())
        lab.advance(1_000)
        lab.clean_up()
        assert lab.committed(topic="old") == {0: 1}


class TestDeletion:
    def test_group_without_members_goes_with_its_offsets(self, lab: GroupLab) -> None:
        lab.commit({0: 1})
        assert lab.delete_group() is ErrorCode.NONE
        assert lab.committed() == {}
        lab.restart()
        assert lab.coordinator.groups() == ()
        assert lab.delete_group() is ErrorCode.GROUP_ID_NOT_FOUND

    def test_group_with_members_stays(self, lab: GroupLab) -> None:
        lab.stable()
        assert lab.delete_group() is ErrorCode.NON_EMPTY_GROUP

    def test_offsets_of_topics_that_are_read_stay(self, lab: GroupLab) -> None:
        (first,), generation = lab.stable()
        for topic in ("t", "old"):
            lab.commit({0: 1}, topic=topic, member_id=first, generation=generation)
        read, old = TopicPartition("t", 0), TopicPartition("old", 0)
        assert lab.delete_offsets(read, old) == {
            read: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
            old: ErrorCode.NONE,
        }
        assert (lab.committed(), lab.committed(topic="old")) == ({0: 1}, {})

    def test_offsets_of_a_group_that_reads_nothing_can_be_deleted(self, lab: GroupLab) -> None:
        lab.commit({0: 1, 1: 1})
        partition = TopicPartition("t", 0)
        assert lab.delete_offsets(partition) == {partition: ErrorCode.NONE}
        assert lab.committed() == {1: 1}
        assert lab.delete_offsets(partition, group_id="no") is ErrorCode.GROUP_ID_NOT_FOUND

    def test_offsets_of_a_group_that_is_no_consumer_group_stay(self, lab: GroupLab) -> None:
        lab.join(handshake=False, protocol_type="connect")
        refused = lab.delete_offsets(TopicPartition("t", 0))
        assert refused is ErrorCode.NON_EMPTY_GROUP

    def test_deleted_topic_takes_its_offsets_along(self, lab: GroupLab) -> None:
        lab.commit({0: 1}, group_id="a")
        lab.commit({0: 1, 1: 2}, group_id="b")
        lab.commit({0: 1}, group_id="b", topic="u")
        lab.delete_topic("t")
        lab.restart()
        assert (lab.committed("a"), lab.committed("b"), lab.committed("b", "u")) == ({}, {}, {0: 1})
