"""Joins of streams whose waiting records go out on the wall clock while no data comes."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import ConfigError
from streamkit.testing import TopologyTestDriver

SECOND = 1000


def pairs(method: str, *, idle: int | None = 5 * SECOND, **span: Any) -> sk.StreamsBuilder:
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    left, right = builder.stream("left"), builder.stream("right")
    windows = sk.JoinWindows(**span, grace=2 * SECOND, idle=idle)
    getattr(left, method)(right, lambda one, other: f"{one}+{other}", windows=windows).to("out")
    return builder


def read(driver: TopologyTestDriver) -> list[Any]:
    return [
        (record.key, record.value, record.timestamp_ms)
        for record in driver.read_all("out", key=str, value=str)
    ]


@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
def test_waiting_record_goes_out_once_no_partner_can_come(backend: str) -> None:
    """After 8 s of span and 2 s of grace, counted from the last record, and one millisecond."""
    builder = pairs("left_join", before=0, after=8 * SECOND)
    with TopologyTestDriver(builder, backend=backend) as driver:
        driver.pipe_input("left", "a", "x", timestamp_ms=SECOND)
        for _ in range(10):
            driver.advance_wall_clock(SECOND)
            assert read(driver) == []
        driver.advance_wall_clock(SECOND)
        assert read(driver) == [("a", "x+None", SECOND)]
        driver.advance_wall_clock(60 * SECOND)
        assert read(driver) == []


@pytest.mark.parametrize(("before", "after"), [(8, 1), (1, 8), (3, 3)])
def test_outer_join_sends_both_sides_out(before: int, after: int) -> None:
    builder = pairs("outer_join", before=before * SECOND, after=after * SECOND)
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("left", "a", "x", timestamp_ms=SECOND)
        driver.pipe_input("right", "b", "y", timestamp_ms=SECOND)
        driver.advance_wall_clock(4 * SECOND)
        assert read(driver) == []
        for _ in range(20):
            driver.advance_wall_clock(SECOND)
        assert sorted(read(driver)) == [("a", "x+None", SECOND), ("b", "None+y", SECOND)]


def test_record_that_comes_begins_the_idle_time_anew() -> None:
    with TopologyTestDriver(pairs("left_join", difference=SECOND)) as driver:
        driver.pipe_input("left", "a", "x", timestamp_ms=SECOND)
        driver.advance_wall_clock(4 * SECOND)
        driver.pipe_input("right", "b", "y", timestamp_ms=SECOND)
        driver.advance_wall_clock(4 * SECOND)
        assert read(driver) == []
        driver.advance_wall_clock(SECOND)
        assert read(driver) == [("a", "x+None", SECOND)]


def test_partner_that_comes_after_that_is_late() -> None:
    """What has gone out alone isn't joined any more with what is kept, nor waits what comes too late."""
    with TopologyTestDriver(pairs("outer_join", difference=SECOND)) as driver:
        driver.pipe_input("left", "a", "x", timestamp_ms=SECOND)
        driver.advance_wall_clock(10 * SECOND)
        assert read(driver) == [("a", "x+None", SECOND)]
        driver.pipe_input("right", "b", "y", timestamp_ms=SECOND)
        assert read(driver) == [("b", "None+y", SECOND)]


def test_without_an_idle_time_nothing_goes_out_by_itself() -> None:
    with TopologyTestDriver(pairs("outer_join", difference=SECOND, idle=None)) as driver:
        driver.pipe_input("left", "a", "x", timestamp_ms=SECOND)
        driver.advance_wall_clock(3600 * SECOND)
        assert read(driver) == []


def test_idle_time_is_more_than_nothing() -> None:
    with pytest.raises(ConfigError, match="idle"):
        sk.JoinWindows(SECOND, idle=0)
