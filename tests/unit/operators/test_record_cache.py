"""The record cache: updates of a key are merged, and the last of them goes on at the commit."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import ProcessingError
from streamkit.model import TaskId
from streamkit.testing import TopologyTestDriver
from streamkit.topology.nodes import ProcessorNode

MUCH = 10_000_000


def counted(**options: Any) -> sk.StreamsBuilder:
    """Each word counts in the windows that its record is in."""
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    words = builder.stream("lines").flat_map_values(str.split, value=str)
    windowed = words.group_by_key().windowed_by(sk.HoppingWindows(10, advance=5))
    counts = windowed.count(store="words", **options).to_stream(
        lambda key, _: key.start_ms, key=int
    )
    counts.to("out", key=int, value=int)
    return builder


def sent(driver: TopologyTestDriver) -> list[tuple[int, int, int]]:
    return [(row.key, row.value, row.timestamp_ms) for row in driver.read_all("out")]


def driven(builder: Any, cache: int = MUCH, **options: Any) -> TopologyTestDriver:
    return TopologyTestDriver(
        builder, backend="memory", statestore_cache_max_bytes=cache, **options
    )


def test_updates_of_one_key_go_on_as_one_in_the_order_of_last_writes() -> None:
    with driven(counted()) as driver:
        driver.pipe_input("lines", "k", "a b a", timestamp_ms=7)
        assert sent(driver) == [(0, 3, 7), (5, 3, 7)]
        driver.pipe_input("lines", "k", "a a", timestamp_ms=12)
        driver.pipe_input("lines", "k", "a", timestamp_ms=6)
        assert sent(driver) == [(5, 5, 12), (10, 2, 12), (5, 6, 12)]
        assert driver.store("words").fetch("k", 5) == (6, 12)


def test_cache_is_off_by_default_and_for_stores_that_say_so() -> None:
    for builder, cache in ((counted(), 0), (counted(cache=False), MUCH)):
        with driven(builder, cache) as driver:
            driver.pipe_input("lines", "k", "a a", timestamp_ms=2)
            assert sent(driver) == [(0, 1, 2), (0, 2, 2)]


def test_caches_that_hold_too_much_send_at_once() -> None:
    """One entry fits: with the second both go, and what is written after that waits again."""
    with driven(counted(), cache=400) as driver:
        driver.pipe_input("lines", "k", "a a", timestamp_ms=7)
        assert sent(driver) == [(0, 1, 7), (5, 1, 7), (0, 2, 7), (5, 2, 7)]
    with driven(counted(), cache=600) as driver:
        driver.pipe_input("lines", "k", "a a", timestamp_ms=7)
        assert sent(driver) == [(0, 2, 7), (5, 2, 7)]


def test_row_that_comes_and_goes_before_the_commit_sends_nothing() -> None:
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    rows: Any = builder.stream("in")
    rows = rows.flat_map_values(
        lambda values: [value or None for value in values.split(",")], value=str
    )
    rows.to_table(store="rows").to_stream().to("out")
    with driven(builder) as driver:
        driver.pipe_input("in", "k", "x,", timestamp_ms=1)
        assert driver.read_all("out", key=str, value=str) == []
        driver.pipe_input("in", "k", "x,y", timestamp_ms=2)
        driver.pipe_input("in", "k", "z,", timestamp_ms=3)
        assert [row.value for row in driver.read_all("out", key=str, value=str)] == ["y", None]


def test_value_before_is_the_one_that_went_on_last() -> None:
    """So that what is subtracted from a group is what was added to it."""
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    rows = builder.stream("in").flat_map_values(lambda values: values.split(","), value=str)
    (
        rows.to_table(store="rows")
        .group_by(lambda _, value: ("all", value), key=str, value=str)
        .reduce(
            lambda total, value: f"{total}+{value}",
            lambda total, value: f"{total}-{value}",
            value=str,
            store="totals",
        )
        .to_stream()
        .to("out")
    )
    with driven(builder) as driver:
        for key, values in (("k", "a,b"), ("l", "c"), ("k", "d,e")):
            driver.pipe_input("in", key, values, timestamp_ms=1)
        out = [row.value for row in driver.read_all("out", key=str, value=str)]
    assert out == ["b", "b+c", "b+c-b+e"]


def test_error_below_a_cache_is_told_with_the_record_that_waited() -> None:
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    counts = builder.stream("in").group_by_key().count(store="counts")
    counts.to_stream().map_values(lambda count: 1 // (count - 2), value=int, name="odd").to("out")
    with driven(builder) as driver:
        driver.pipe_input("in", "k", "x", timestamp_ms=1)
        with pytest.raises(ProcessingError, match=r"'odd'.*ZeroDivisionError") as told:
            driver.pipe_input("in", "k", "x", timestamp_ms=2)
    assert (told.value.topic, told.value.offset) == ("in", 1)


def test_app_that_goes_on_loses_that_update_only() -> None:
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    counts = builder.stream("in").group_by_key().count(store="counts")
    counts.to_stream().map_values(lambda count: 1 // (count - 2), value=int, name="odd").to("out")
    with driven(builder, on_processing_error="continue") as driver:
        for time in (1, 2, 3):
            driver.pipe_input("in", "k", "x", timestamp_ms=time)
        assert [row.timestamp_ms for row in driver.read_all("out")] == [1, 3]
        assert driver.dropped == {("odd", "processing error"): 1}


def test_what_was_not_committed_is_forgotten_with_its_writes() -> None:
    with driven(counted()) as driver:
        (first, *_) = driver.tasks
        assert first.task_id == TaskId(0, 0)
        driver.pipe_input("lines", "k", "a", timestamp_ms=1)
        first.discard()
        driver.pipe_input("lines", "k", "a", timestamp_ms=2)
        assert sent(driver) == [(0, 1, 1), (0, 2, 2)]


def test_windows_that_close_on_the_wall_clock_are_not_cached() -> None:
    """A suppression below, told that they have closed, has had every update."""
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    windows = sk.TumblingWindows(10, idle=5)
    counts = builder.stream("in").group_by_key().windowed_by(windows).count(store="counts")
    counts.to_stream(lambda key, _: key.start_ms, key=int).to("out", key=int, value=int)
    (node,) = [each for each in builder.build().wiring.nodes.values() if "AGGREGATE" in each.name]
    assert isinstance(node, ProcessorNode)
    assert node.cache is None


def test_app_says_how_much_its_caches_hold() -> None:
    app = sk.App("cached", statestore_cache_max_bytes=MUCH)
    assert app.settings.statestore_cache_max_bytes == MUCH
    with pytest.raises(sk.ConfigError, match="statestore_cache_max_bytes"):
        sk.App("cached", statestore_cache_max_bytes=-1)
