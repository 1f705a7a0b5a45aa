"""Assignors, hashes and orders that are Apache Kafka's; `differential/test_consumer_group_parts.py` asks it more."""

from __future__ import annotations

from uuid import UUID

import pytest
from group_lab import Topics

from streamkit.log.broker.groups.consumer.assignors import ASSIGNORS, GroupSpec, MemberSpec
from streamkit.log.broker.groups.consumer.java_order import copied, grown, number_hash, string_hash
from streamkit.log.broker.groups.consumer.topics import TopicHashes

T, U = UUID(int=1), UUID(int=2)


def spec(
    members: dict[str, dict[UUID, set[int]]], reads: dict[str, list[UUID]] | None = None
) -> GroupSpec:
    """Members that read both topics unless `reads` says otherwise."""
    taken: dict[UUID, set[int]] = {}
    for assigned in members.values():
        for topic_id, partitions in assigned.items():
            taken.setdefault(topic_id, set()).update(partitions)
    return GroupSpec(
        {
            member_id: MemberSpec(
                None,
                dict.fromkeys((reads or {}).get(member_id, [T, U])),
                {topic_id: frozenset(partitions) for topic_id, partitions in assigned.items()},
            )
            for member_id, assigned in members.items()
        },
        reads is None,
        {T: 4, U: 2},
        {topic_id: frozenset(partitions) for topic_id, partitions in taken.items()},
    )


def test_range_gives_each_topic_in_order() -> None:
    assert ASSIGNORS["range"](spec({"b": {}, "a": {}})) == {
        "a": {T: {0, 1}, U: {0}},
        "b": {T: {2, 3}, U: {1}},
    }


def test_uniform_keeps_what_members_have() -> None:
    found = ASSIGNORS["uniform"](spec({"a": {T: {0, 1, 2, 3}, U: {0, 1}}, "b": {}}))
    assert sum(len(partitions) for partitions in found["a"].values()) == 3
    assert sum(len(partitions) for partitions in found["b"].values()) == 3
    again = ASSIGNORS["uniform"](
        spec({each: {t: set(p) for t, p in mine.items()} for each, mine in found.items()})
    )
    assert again == found


@pytest.mark.parametrize("assignor", ["range", "uniform"])
def test_members_get_only_what_they_read(assignor: str) -> None:
    found = ASSIGNORS[assignor](
        spec({"a": {U: {0}}, "b": {}, "c": {}}, {"a": [T], "b": [U], "c": [T, U]})
    )
    assert U not in found["a"]
    assert T not in found["b"]
    given = [
        (t, p) for mine in found.values() for t, partitions in mine.items() for p in partitions
    ]
    assert sorted(given) == [(T, 0), (T, 1), (T, 2), (T, 3), (U, 0), (U, 1)]


@pytest.mark.parametrize("assignor", ["range", "uniform"])
def test_nobody_and_nothing(assignor: str) -> None:
    assert ASSIGNORS[assignor](spec({})) == {}
    nothing = ASSIGNORS[assignor](spec({"a": {T: {0}}}, {"a": []}))
    assert not any(nothing.values())


def test_hash_of_topics_is_apache_kafkas() -> None:
    """The value that Apache Kafka 4.3 computes; test_consumer_group_parts.py compares many."""
    topics = Topics()
    topics.create("orders", 3, UUID(int=7))
    topics.create("a-long-name" * 20, 300, UUID(int=2**127 + 9))
    assert TopicHashes(topics).of_topics(["orders"]) == ORDERS_HASH
    assert TopicHashes(topics).of_topics(["orders", "a-long-name" * 20]) == BOTH_HASH


ORDERS_HASH, BOTH_HASH = 7886777883867497908, -4072238423412961852


def test_hash_of_topics_changes_with_them() -> None:
    topics = Topics()
    hashes = TopicHashes(topics)
    assert hashes.of_topics(["t"]) == 0
    topics.create("t", 1)
    first = hashes.of_topics(["t", "missing"])
    topics.add_partitions("t", 2)
    second = hashes.of_topics(["t"])
    topics.delete("t")
    topics.create("t", 2)
    third = hashes.of_topics(["t"])
    assert len({0, first, second, third}) == 4


def test_orders_are_javas() -> None:
    assert string_hash("polygenelubricants") == 0x80000000
    assert list(grown(["r", "b", "q", "a"], string_hash)) == ["q", "a", "r", "b"]
    assert list(copied([17, 2, 1], number_hash)) == [17, 1, 2]
    assert list(grown([33, 17, 1, *range(2, 13)], number_hash))[:3] == [33, 1, 2]
