"""Assignors, hashes and orders that are Apache Kafka's; `differential/test_consumer_group_parts.py` asks it more."""

from __future__ import annotations

import hashlib
from uuid import UUID

import pytest
from group_lab import Topics

from streamkit.log.broker.groups.consumer.assignors import ASSIGNORS, GroupSpec, MemberSpec
from streamkit.log.broker.groups.consumer.java_order import copied, grown, number_hash, string_hash
from streamkit.log.broker.groups.consumer.topics import TopicHashes
from streamkit.log.broker.groups.consumer.xxh3 import xxh3_64

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


@pytest.mark.parametrize(
    ("size", "expected"),
    # Of the bytes 0, 1, 2, ...; by xxHash 0.8.
    [
        (0, 0x2D06800538D394C2),
        (1, 0xC44BDFF4074EECDB),
        (3, 0x5F4299FC161C9CBB),
        (8, 0x3A1C2D7C85AF88F8),
    ],
)
def test_short_hashes(size: int, expected: int) -> None:
    assert xxh3_64(bytes(range(size))) == expected


def test_long_hashes_are_those_of_xxhash() -> None:
    """A digest over all lengths around which the algorithm changes, once computed with xxHash itself."""
    lengths = [*range(300), 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 5000]
    hashes = [xxh3_64(bytes(i * 7 % 256 for i in range(size))) for size in lengths]
    digest = hashlib.sha256(b"".join(each.to_bytes(8, "little") for each in hashes)).hexdigest()
    assert digest == DIGEST


DIGEST = "7a36f1a1741ae72aa6fd141844e5772cc1a016f965eabf876f9bbb86f904b7ee"


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
