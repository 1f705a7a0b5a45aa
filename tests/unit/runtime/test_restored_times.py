"""Stream times that changelogs tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamkit.dsl import (
    JoinWindows,
    StreamsBuilder,
    TumblingWindows,
    UntilTimeLimit,
    UntilWindowCloses,
)
from streamkit.runtime.restored_times import restored_times
from streamkit.state import StoreKind
from streamkit.topology.plan import SubTopology, plan

WINDOWS = TumblingWindows(10, grace=0)


def sub_topology(write: Callable[[StreamsBuilder], Any]) -> SubTopology:
    builder = StreamsBuilder(default_key=str, default_value=str)
    write(builder)
    (sub,) = plan(builder.build(), "app").sub_topologies
    return sub


def test_window_store_tells_its_node_and_those_below_it() -> None:
    sub = sub_topology(
        lambda builder: (
            builder.stream("in")
            .group_by_key()
            .windowed_by(WINDOWS)
            .count(name="counting", store="counts")
            .suppress(UntilWindowCloses(), name="closed")
        )
    )
    assert restored_times(sub, {"counts": 70, "closed": 10**12}) == {"counting": 70, "closed": 70}


def test_store_that_was_not_restored_whole_tells_nothing() -> None:
    sub = sub_topology(
        lambda builder: builder.stream("in").group_by_key().windowed_by(WINDOWS).count()
    )
    assert restored_times(sub, {}) == {}


def buffer_of(sub: SubTopology, kind: StoreKind) -> str:
    (name,) = (spec.name for spec in sub.stores if spec.kind is kind)
    return name


def test_buffer_of_a_join_with_a_table_tells_its_node() -> None:
    sub = sub_topology(
        lambda builder: builder.stream("in").join(
            builder.table("rows", store="rows", history=50),
            lambda one, other: one + other,
            grace=5,
            name="joined",
        )
    )
    buffer = buffer_of(sub, StoreKind.JOIN_BUFFER)
    assert restored_times(sub, {buffer: 44}) == {"joined": 44}


def test_buffer_of_a_suppression_tells_nothing() -> None:
    sub = sub_topology(
        lambda builder: builder.table("in", store="rows").suppress(UntilTimeLimit(5), name="calm")
    )
    buffer = buffer_of(sub, StoreKind.SUPPRESS_BUFFER)
    assert restored_times(sub, {buffer: 44}) == {}


def test_both_sides_of_a_join_share_the_later_time() -> None:
    sub = sub_topology(
        lambda builder: builder.stream("left").join(
            builder.stream("right"),
            lambda one, other: one + other,
            windows=JoinWindows(5),
            store="pairs",
            name="pairs",
            value=str,
        )
    )
    times = restored_times(sub, {"pairs-this-join-store": 30, "pairs-other-join-store": 40})
    assert times["pairs-merge"] == 40


def test_store_of_a_cogroup_tells_none_of_its_nodes() -> None:
    def write(builder: StreamsBuilder) -> None:
        def add(_key: str, value: str, total: str) -> str:
            return total + value

        one = builder.stream("one").group_by_key()
        other = builder.stream("other").group_by_key()
        one.cogroup(add).cogroup(other, add).windowed_by(WINDOWS).aggregate(
            str, value=str, store="texts"
        )

    assert restored_times(sub_topology(write), {"texts": 70}) == {}
