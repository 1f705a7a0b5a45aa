"""Joined topics have one number of partitions: checked for every kind of join, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from streamkit import JoinWindows, KStream, KTable, StreamsBuilder, TopologyError
from streamkit.topology import plan


class Sides:
    """Two streams and two tables of topics `left` and `right`."""

    def __init__(self) -> None:
        self.builder = StreamsBuilder(default_key=str, default_value=str)

    def stream(self, topic: str) -> KStream[str, str]:
        return self.builder.stream(topic, key=str, value=str)

    def table(self, topic: str) -> KTable[str, str]:
        return self.builder.table(topic, key=str, value=str, store=topic)

    def versioned(self, topic: str) -> KTable[str, str]:
        return self.builder.table(topic, key=str, value=str, store=topic, history=100)


def both(one: str | None, other: str | None) -> str:
    return f"{one}{other}"


SPAN = JoinWindows(5)
JOINS: dict[str, Callable[[Sides], object]] = {
    "stream-stream": lambda s: s.stream("left").join(s.stream("right"), both, windows=SPAN),
    "stream-stream left": lambda s: s.stream("left").left_join(
        s.stream("right"), both, windows=SPAN
    ),
    "stream-stream outer": lambda s: s.stream("left").outer_join(
        s.stream("right"), both, windows=SPAN
    ),
    "stream-table": lambda s: s.stream("left").join(s.table("right"), both),
    "stream-table left": lambda s: s.stream("left").left_join(s.table("right"), both),
    "stream-table with grace": lambda s: s.stream("left").join(s.versioned("right"), both, grace=5),
    "stream with a filtered table": lambda s: s.stream("left").join(
        s.table("right").filter(lambda *_: True), both
    ),
    "table-table": lambda s: s.table("left").join(s.table("right"), both),
    "table-table left": lambda s: s.table("left").left_join(s.table("right"), both),
    "table-table outer": lambda s: s.table("left").outer_join(s.table("right"), both),
    "cogroup": lambda s: (
        s.stream("left")
        .group_by_key()
        .cogroup(lambda _k, v, _a: v)
        .cogroup(s.stream("right").group_by_key(), lambda _k, v, _a: v)
        .aggregate(str)
    ),
    "aggregate with a table": lambda s: (
        s.stream("left").group_by_key().count().join(s.table("right"), lambda n, _: n)
    ),
    "chain": lambda s: (
        s.table("left").join(s.table("middle"), both).left_join(s.table("right"), both)
    ),
    "merged streams": lambda s: (
        s.stream("left").merge(s.stream("middle")).join(s.table("right"), both)
    ),
}


@pytest.mark.parametrize("kind", JOINS)
def test_joined_topics_that_differ_are_named_with_their_counts(kind: str) -> None:
    sides = Sides()
    JOINS[kind](sides)
    planned = plan(sides.builder.build(), "app")
    counts = dict.fromkeys(planned.external_topics, 4)
    assert planned.resolve(counts).task_counts
    with pytest.raises(TopologyError) as raised:
        planned.resolve({**counts, "right": 6})
    message = str(raised.value)
    assert "'left' has 4" in message
    assert "'right' has 6" in message


@pytest.mark.parametrize("kind", [kind for kind in JOINS if kind.startswith("stream-stream")])
def test_rekeyed_side_takes_the_count_of_the_other(kind: str) -> None:
    class Rekeyed(Sides):
        def stream(self, topic: str) -> KStream[str, str]:
            stream = super().stream(topic)
            return stream.select_key(lambda _, v: v, key=str) if topic == "left" else stream

    sides = Rekeyed()
    JOINS[kind](sides)
    resolved = plan(sides.builder.build(), "app").resolve({"left": 4, "right": 6})
    (repartition,) = [name for name in resolved.partitions if name.endswith("-repartition")]
    assert resolved.partitions[repartition] == 6


def test_repartition_with_a_count_of_its_own_must_fit() -> None:
    sides = Sides()
    sides.stream("left").repartition(name="five", partitions=5).join(sides.table("right"), both)
    planned = plan(sides.builder.build(), "app")
    assert planned.resolve({"left": 4, "right": 5}).partitions["app-five-repartition"] == 5
    with pytest.raises(TopologyError, match=r"'app-five-repartition' has 5, 'right' has 6"):
        planned.resolve({"left": 4, "right": 6})


def test_foreign_keys_and_global_tables_ask_for_nothing() -> None:
    sides = Sides()
    left = sides.table("left")
    left.join(sides.table("right"), both, foreign_key=lambda v: v)
    left.to_stream().join_global(
        sides.builder.global_table("codes", key=str, value=str), key=lambda k, _: k, joiner=both
    )
    planned = plan(sides.builder.build(), "app")
    assert planned.resolve({"left": 4, "right": 6, "codes": 1}).task_counts


def by_pattern(sides: Sides) -> KStream[str, str]:
    return sides.builder.stream(re.compile("left-.*"), key=str, value=str)


def test_topics_that_a_pattern_finds_are_checked_too() -> None:
    sides = Sides()
    by_pattern(sides).join(sides.table("right"), both).to("out")
    topology = plan(sides.builder.build(), "app")
    topology.resolve({"left-a": 3, "left-b": 3, "right": 3})
    with pytest.raises(TopologyError, match="'left-b' has 4, 'right' has 3"):
        topology.resolve({"left-a": 3, "left-b": 4, "right": 3})


def test_rekeyed_side_takes_the_count_of_topics_that_a_pattern_finds() -> None:
    """With fewer, records of some partitions would look for rows that are in no task."""
    sides = Sides()
    rekeyed = sides.stream("right").select_key(lambda _, value: value, key=str)
    by_pattern(sides).join(rekeyed, both, windows=SPAN, name="j").to("out")
    topology = plan(sides.builder.build(), "app")
    assert topology.resolve({"left-a": 6, "right": 4}).partitions["app-j-right-repartition"] == 6
    assert topology.resolve({"right": 4}).partitions["app-j-right-repartition"] == 4


def test_topics_of_one_pattern_that_are_joined_with_themselves_agree() -> None:
    sides = Sides()
    stream = by_pattern(sides)
    stream.join(stream, both, windows=SPAN).to("out")
    with pytest.raises(TopologyError, match="'left-a' has 3, 'left-b' has 4"):
        plan(sides.builder.build(), "app").resolve({"left-a": 3, "left-b": 4})
