"""Which buffer the next record comes from, and when a task has to wait for one."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.model import TopicPartition
from streamkit.operators.source import SourceOperator
from streamkit.runtime.partition_group import (
    DISABLED,
    MAX_TIMESTAMP,
    Columns,
    PartitionBuffer,
    PartitionGroup,
)


def buffer(topic: str = "t") -> PartitionBuffer:
    return PartitionBuffer(TopicPartition(topic, 0), SourceOperator())


def columns(*offsets: int, next_offset: int | None = None) -> Columns:
    count = len(offsets)
    return Columns(
        list(offsets),
        [100 + offset for offset in offsets],
        [None] * count,
        [b"value"] * count,
        None,
        offsets[-1] + 1 if next_offset is None else next_offset,
    )


def test_columns_follow_each_other() -> None:
    held = buffer()
    held.add(columns(0, 1))
    held.add(columns(5, next_offset=9))
    assert held.buffered == 3
    assert held.committable_offset() == -1
    held.position = 2
    assert held.committable_offset() == 2
    assert held.advance_columns()
    assert (held.offsets, held.position) == ([5], 0)
    assert held.committable_offset() == 2
    held.position = 1
    assert held.committable_offset() == 6
    assert not held.advance_columns()
    assert held.committable_offset() == 9, "past the markers after the last record"
    assert held.buffered_bytes == 0


def test_cleared_buffer_keeps_what_to_commit() -> None:
    held = buffer()
    held.add(columns(0, 1, 2))
    held.position = 1
    held.clear()
    assert held.committable_offset() == 1
    assert held.buffered == held.buffered_bytes == held.length == 0


def test_buffers_of_one_age_alternate() -> None:
    first, second = buffer("a"), buffer("b")
    group = PartitionGroup([first, second], 0)
    group.offer(first)
    group.offer(second)
    taken = []
    for _ in range(4):
        oldest = group.take()
        assert oldest is not None
        taken.append(oldest.topic_partition.topic)
        group.offer(oldest)
    assert taken == ["a", "b", "a", "b"]


@given(st.lists(st.integers(0, 20), max_size=30))
def test_taken_oldest_first(timestamps: list[int]) -> None:
    group = PartitionGroup([buffer(), buffer()], 0)
    expected: list[int] = []
    for timestamp in timestamps:
        held = buffer()
        held.head_timestamp = timestamp
        group.offer(held)
        heapq.heappush(expected, timestamp)
        assert group.oldest() == expected[0]
    taken = []
    while (oldest := group.take()) is not None:
        taken.append(oldest.head_timestamp)
    assert taken == sorted(timestamps)
    assert group.oldest() == MAX_TIMESTAMP


@pytest.mark.parametrize(
    ("lag", "ready"),
    [(None, False), (3, False), (0, True)],
    ids=["not fetched yet", "broker has more", "broker has nothing"],
)
def test_empty_partition_holds_the_task_back_while_the_broker_may_have_records(
    lag: int | None, ready: bool
) -> None:
    full, empty = buffer("a"), buffer("b")
    full.add(columns(0))
    group = PartitionGroup([full, empty], 0)
    assert group.is_ready(1000, lambda _: lag) is ready


def test_idle_time_runs_from_the_first_look_and_starts_anew_after_records() -> None:
    full, empty = buffer("a"), buffer("b")
    full.add(columns(0))
    group = PartitionGroup([full, empty], 50)
    assert not group.is_ready(1000, lambda _: 0)
    assert not group.is_ready(1049, lambda _: 0)
    assert group.is_ready(1050, lambda _: 0)
    empty.add(columns(0))
    assert group.is_ready(1060, lambda _: 0)
    empty.clear()
    assert not group.is_ready(1070, lambda _: 0)
    assert not group.is_ready(1119, lambda _: 0)
    assert group.is_ready(1120, lambda _: 0)


def test_disabled_idling_never_waits() -> None:
    full, empty = buffer("a"), buffer("b")
    full.add(columns(0))
    assert PartitionGroup([full, empty], DISABLED).is_ready(0, lambda _: 10)


def test_nothing_buffered_is_never_ready() -> None:
    assert not PartitionGroup([buffer("a"), buffer("b")], 0).is_ready(0, lambda _: 0)
    assert not PartitionGroup([buffer("a")], 0).is_ready(0, lambda _: 0)
    assert not PartitionGroup([buffer("a"), buffer("b")], DISABLED).is_ready(0, lambda _: 0)
