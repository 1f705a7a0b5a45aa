"""Kafka's assignment strategies, as functions of subscriptions and partition counts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from streamkit.log.client import (
    Assignment,
    Assignor,
    CooperativeStickyAssignor,
    NewTopic,
    RangeAssignor,
    RoundRobinAssignor,
    StickyAssignor,
    Subscription,
)
from streamkit.model import TopicPartition


class Counts:
    """A cluster of given partition counts."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def partition_count(self, topic: str) -> int | None:
        return self._counts.get(topic)

    async def refresh(self, topics: Collection[str]) -> None:
        raise AssertionError("not needed")

    async def create_topics(self, topics: Sequence[NewTopic]) -> None:
        raise AssertionError("not needed")


def assign(
    assignor: Assignor, counts: Mapping[str, int], subscriptions: Mapping[str, Subscription]
) -> dict[str, list[str]]:
    made = asyncio.run(assignor.assign(Counts(counts), subscriptions))
    return {member: [str(tp) for tp in a.partitions] for member, a in made.items()}


def members(topics: Sequence[str], *names: str) -> dict[str, Subscription]:
    return {name: Subscription(tuple(topics)) for name in names}


def test_range_gives_runs_topic_by_topic() -> None:
    found = assign(RangeAssignor(), {"t": 3, "u": 3}, members(["t", "u"], "a", "b"))
    assert found == {"a": ["t-0", "t-1", "u-0", "u-1"], "b": ["t-2", "u-2"]}


def test_round_robin_deals_out_over_topics() -> None:
    found = assign(RoundRobinAssignor(), {"t": 3, "u": 3}, members(["t", "u"], "a", "b"))
    assert found == {"a": ["t-0", "t-2", "u-1"], "b": ["t-1", "u-0", "u-2"]}


def test_round_robin_passes_over_members_without_the_topic() -> None:
    subscriptions = {
        "a": Subscription(("t",)),
        "b": Subscription(("t", "u")),
        "c": Subscription(("t", "u", "v")),
    }
    found = assign(RoundRobinAssignor(), {"t": 1, "u": 2, "v": 3}, subscriptions)
    assert found == {"a": ["t-0"], "b": ["u-0"], "c": ["u-1", "v-0", "v-1", "v-2"]}


def test_static_members_come_first_by_their_instance_id() -> None:
    subscriptions = {
        "a": Subscription(("t",)),
        "b": Subscription(("t",), group_instance_id="2"),
        "c": Subscription(("t",), group_instance_id="1"),
    }
    found = assign(RangeAssignor(), {"t": 3}, subscriptions)
    assert found == {"c": ["t-0"], "b": ["t-1"], "a": ["t-2"]}


def test_topic_that_does_not_exist_is_left_out() -> None:
    for assignor in (RangeAssignor(), RoundRobinAssignor(), StickyAssignor()):
        found = assign(assignor, {"t": 1}, members(["t", "gone"], "a"))
        assert found == {"a": ["t-0"]}


def test_sticky_keeps_what_balance_allows() -> None:
    owned = tuple(TopicPartition("t", p) for p in range(4))
    subscriptions = {
        "a": Subscription(("t",), owned_partitions=owned, generation_id=1),
        "b": Subscription(("t",)),
    }
    found = assign(StickyAssignor(), {"t": 4}, subscriptions)
    assert found == {"a": ["t-0", "t-1"], "b": ["t-2", "t-3"]}


def test_cooperative_sticky_hands_over_in_two_rounds() -> None:
    owned = tuple(TopicPartition("t", p) for p in range(4))
    subscriptions = {
        "a": Subscription(("t",), owned_partitions=owned, generation_id=1),
        "b": Subscription(("t",)),
    }
    first = assign(CooperativeStickyAssignor(), {"t": 4}, subscriptions)
    assert first == {"a": ["t-0", "t-1"], "b": []}
    subscriptions["a"] = Subscription(("t",), owned_partitions=owned[:2], generation_id=2)
    second = assign(CooperativeStickyAssignor(), {"t": 4}, subscriptions)
    assert second == {"a": ["t-0", "t-1"], "b": ["t-2", "t-3"]}


def test_owner_of_an_older_generation_has_lost_its_claim() -> None:
    claim = (TopicPartition("t", 0),)
    subscriptions = {
        "a": Subscription(("t",), owned_partitions=claim, generation_id=1),
        "b": Subscription(("t",), owned_partitions=claim, generation_id=2),
    }
    assert assign(StickyAssignor(), {"t": 1}, subscriptions) == {"a": [], "b": ["t-0"]}


_counts = st.dictionaries(st.sampled_from("tuvw"), st.integers(1, 9), min_size=1)
_topics = st.dictionaries(
    st.sampled_from("abcdefg"), st.sets(st.sampled_from("tuvw"), min_size=1), min_size=1
)


@given(counts=_counts, topics=_topics, equal=st.booleans())
def test_every_partition_has_one_owner_who_subscribes(
    counts: dict[str, int], topics: dict[str, set[str]], equal: bool
) -> None:
    if equal:
        topics = {member: set(counts) for member in topics}
    subscriptions = {m: Subscription(tuple(sorted(t))) for m, t in topics.items()}
    wanted = sorted(
        f"{t}-{p}" for t in set().union(*topics.values()) for p in range(counts.get(t, 0))
    )
    assignors: list[Assignor] = [RangeAssignor(), RoundRobinAssignor(), StickyAssignor()]
    for assignor in [*assignors, CooperativeStickyAssignor()]:
        found = assign(assignor, counts, subscriptions)
        assert sorted(tp for tps in found.values() for tp in tps) == wanted
        for member, tps in found.items():
            assert {tp[0] for tp in tps} <= topics[member]
        if equal and assignor.name != "range":
            sizes = [len(tps) for tps in found.values()]
            assert max(sizes) - min(sizes) <= 1


@given(
    count=st.integers(1, 20),
    before=st.sets(st.sampled_from("abcdef"), min_size=1),
    after=st.sets(st.sampled_from("abcdef"), min_size=1),
)
def test_cooperative_rounds_converge_and_never_share_a_partition(
    count: int, before: set[str], after: set[str]
) -> None:
    """Members come and go; after at most three rounds all is assigned, balanced, and stays."""
    owned: dict[str, tuple[TopicPartition, ...]] = {}
    generation = 0
    for group in (before, after):
        owned = {m: owned.get(m, ()) for m in group}
        for _ in range(3):
            generation += 1
            subscriptions = {
                m: Subscription(("t",), owned_partitions=tps, generation_id=generation)
                for m, tps in owned.items()
            }
            made: Mapping[str, Assignment] = asyncio.run(
                CooperativeStickyAssignor().assign(Counts({"t": count}), subscriptions)
            )
            new = {m: a.partitions for m, a in made.items()}
            for m, tps in new.items():
                for other, held in owned.items():
                    assert m == other or not set(tps) & set(held)
            settled = new == owned
            owned = new
        assert settled
        assert sorted(tp for tps in owned.values() for tp in tps) == [
            TopicPartition("t", p) for p in range(count)
        ]
