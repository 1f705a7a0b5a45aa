"""Windows that close on the wall clock while no data comes: emission on close, suppress, and restarts."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import ConfigError, TopologyError
from streamkit.testing import TopologyTestDriver

SECOND = 1000
TUMBLING = sk.TumblingWindows(10 * SECOND, grace=2 * SECOND, idle=5 * SECOND)


def final_counts(windows: Any, *, suppressed: bool) -> sk.StreamsBuilder:
    builder = sk.StreamsBuilder()
    stream = builder.stream("in", key=str, value=str)
    windowed: Any = stream.group_by_key().windowed_by(windows)
    if suppressed:
        table = windowed.count(store="counts").suppress(sk.UntilWindowCloses(), name="final")
    else:
        table = windowed.emit_on_close(every=0).count(store="counts")
    table.to_stream().to("out")
    windowed.late_records(name="late").to("late") if suppressed else None
    return builder


def read(driver: TopologyTestDriver) -> list[Any]:
    return [
        (record.key.key, record.key.start_ms, record.value, record.timestamp_ms)
        for record in driver.read_all("out")
    ]


@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
@pytest.mark.parametrize("suppressed", [False, True], ids=["emit_on_close", "suppress"])
def test_window_closes_when_as_much_time_has_passed_as_it_still_had(
    suppressed: bool, backend: str
) -> None:
    """The window [0, 10) s with 2 s of grace closes 5 s after its record at 7 s, no data coming."""
    with TopologyTestDriver(
        final_counts(TUMBLING, suppressed=suppressed), backend=backend
    ) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=7 * SECOND)
        driver.advance_wall_clock(4 * SECOND)
        assert read(driver) == []
        driver.advance_wall_clock(1 * SECOND)
        assert read(driver) == [("a", 0, 1, 7 * SECOND)]
        driver.advance_wall_clock(60 * SECOND)
        assert read(driver) == []


@pytest.mark.parametrize("suppressed", [False, True], ids=["emit_on_close", "suppress"])
def test_window_that_had_longer_to_go_stays_open_for_as_long(suppressed: bool) -> None:
    with TopologyTestDriver(final_counts(TUMBLING, suppressed=suppressed)) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=0)
        for _ in range(11):
            driver.advance_wall_clock(SECOND)
        assert read(driver) == []
        driver.pipe_input("in", "a", "x", timestamp_ms=1)
        for _ in range(5):
            driver.advance_wall_clock(SECOND)
        assert read(driver) == [("a", 0, 2, 1)]


def test_records_start_the_wait_anew() -> None:
    with TopologyTestDriver(final_counts(TUMBLING, suppressed=False)) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=9 * SECOND)
        for _ in range(10):
            driver.advance_wall_clock(4 * SECOND)
            driver.pipe_input("in", "a", "x", timestamp_ms=9 * SECOND)
        assert read(driver) == []
        driver.advance_wall_clock(5 * SECOND)
        assert read(driver) == [("a", 0, 11, 9 * SECOND)]


def test_what_comes_for_a_window_closed_by_the_clock_is_late() -> None:
    with TopologyTestDriver(final_counts(TUMBLING, suppressed=True)) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=9 * SECOND)
        driver.advance_wall_clock(600 * SECOND)
        assert read(driver) == [("a", 0, 1, 9 * SECOND)]
        driver.pipe_input("in", "a", "late", timestamp_ms=9999)
        assert [record.value for record in driver.read_all("late")] == ["late"]
        assert driver.dropped == {("KSTREAM-AGGREGATE-0000000001", "late"): 1}
        driver.pipe_input("in", "a", "next", timestamp_ms=10 * SECOND)
        assert driver.dropped == {("KSTREAM-AGGREGATE-0000000001", "late"): 1}
        driver.advance_wall_clock(600 * SECOND)
        assert read(driver) == [("a", 10 * SECOND, 1, 10 * SECOND)]


@pytest.mark.parametrize(
    ("windows", "due_s", "expected"),
    [
        (sk.HoppingWindows(10, advance=5, idle=1), 11, [("a", 0, 1, 7), ("a", 5, 1, 7)]),
        (sk.SlidingWindows(10, idle=1), 12, [("a", 0, 1, 7)]),
        (sk.SessionWindows(10, idle=1), 12, [("a", 7, 1, 7)]),
    ],
    ids=["hopping", "sliding", "session"],
)
@pytest.mark.parametrize("suppressed", [False, True], ids=["emit_on_close", "suppress"])
def test_other_windows_close_too(
    windows: Any, due_s: int, expected: list[Any], suppressed: bool
) -> None:
    with TopologyTestDriver(final_counts(windows, suppressed=suppressed)) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=7)
        found = []
        for _ in range(due_s):
            driver.advance_wall_clock(1)
            found += read(driver)
        assert found == expected


def test_without_data_from_the_start_nothing_happens() -> None:
    with TopologyTestDriver(final_counts(TUMBLING, suppressed=True)) as driver:
        driver.advance_wall_clock(600 * SECOND)
        assert read(driver) == []


def test_cogrouped_windows_wait_for_every_stream() -> None:
    builder = sk.StreamsBuilder()
    one = builder.stream("one", key=str, value=str).group_by_key()
    two = builder.stream("two", key=str, value=str).group_by_key()
    (
        one.cogroup(sk.Aggregates(n=sk.count()))
        .cogroup(two, sk.Aggregates(n=sk.count()))
        .windowed_by(sk.TumblingWindows(10, idle=5))
        .agg(store="both")
        .suppress(sk.UntilWindowCloses(), name="final")
        .to_stream()
        .to("out")
    )
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("one", "a", "x", timestamp_ms=9)
        driver.pipe_input("two", "a", "x", timestamp_ms=2)
        driver.advance_wall_clock(7)
        driver.pipe_input("two", "a", "x", timestamp_ms=2)
        driver.advance_wall_clock(4)
        assert read(driver) == []
        driver.advance_wall_clock(5)
        assert read(driver) == [("a", 0, {"n": 3}, 9)]


def test_cogrouped_windows_do_not_wait_for_a_stream_without_any_record() -> None:
    builder = sk.StreamsBuilder()
    one = builder.stream("one", key=str, value=str).group_by_key()
    two = builder.stream("two", key=str, value=str).group_by_key()
    windows = sk.TumblingWindows(10, idle=5)
    (
        one.cogroup(sk.Aggregates(n=sk.count()))
        .cogroup(two, sk.Aggregates(n=sk.count()))
        .windowed_by(windows)
        .agg(store="both")
        .suppress(sk.UntilWindowCloses(), name="final")
        .to_stream()
        .to("out")
    )
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("one", "a", "x", timestamp_ms=9)
        driver.advance_wall_clock(5)
        assert read(driver) == [("a", 0, {"n": 1}, 9)]


def test_a_table_held_back_for_a_time_goes_out_without_data() -> None:
    builder = sk.StreamsBuilder()
    stock = builder.table("stock", key=str, value=int)
    stock.suppress(sk.UntilTimeLimit(10, idle=3), name="calm").to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("stock", "tea", 1, timestamp_ms=100)
        driver.pipe_input("stock", "mug", 2, timestamp_ms=105)
        driver.advance_wall_clock(3)
        assert driver.read_output("out") is None
        driver.advance_wall_clock(3)
        assert [record.key for record in driver.read_all("out")] == ["tea"]
        driver.advance_wall_clock(500)
        assert [record.key for record in driver.read_all("out")] == ["mug"]
        driver.pipe_input("stock", "tea", 2, timestamp_ms=106)
        assert driver.read_output("out") is None  # time stood still at 115


def test_suppress_behind_a_repartition_topic_is_refused() -> None:
    builder = sk.StreamsBuilder()
    table = (
        builder.stream("in", key=str, value=str)
        .group_by_key()
        .windowed_by(TUMBLING)
        .count(store="counts", name="count")
        .to_stream()
        .repartition(name="again")
        .to_table(store="again")
    )
    with pytest.raises(TopologyError, match="windows of 'count' close while no data comes"):
        table.suppress(sk.UntilWindowCloses())


@pytest.mark.parametrize("idle", [0, -1, 1.5])
def test_idle_time_is_checked(idle: Any) -> None:
    for make in (sk.TumblingWindows, sk.SlidingWindows, sk.SessionWindows):
        with pytest.raises(ConfigError, match="idle"):
            make(10, idle=idle)
    with pytest.raises(ConfigError, match="idle"):
        sk.HoppingWindows(10, advance=5, idle=idle)


def test_unlimited_window_never_closes() -> None:
    builder = sk.StreamsBuilder()
    windowed = (
        builder.stream("in", key=str, value=str)
        .group_by_key()
        .windowed_by(sk.UnlimitedWindows(start=5))
    )
    with pytest.raises(TopologyError, match="unlimited windows never close"):
        windowed.emit_on_close()
    windowed.count(store="counts").to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        for at in (3, 5, 10**15, 6):
            driver.pipe_input("in", "a", "x", timestamp_ms=at)
        assert read(driver) == [("a", 5, 1, 5), ("a", 5, 2, 10**15), ("a", 5, 3, 10**15)]
        assert driver.dropped == {}
        (entry,) = list(driver.store("counts").all())
        assert (entry[0].start_ms, entry[0].end_ms, entry[1]) == (5, 2**63 - 1, (3, 10**15))
        (changelog,) = driver.plan.internal_topics.values()
        assert changelog.config["retention.ms"] == str(2**63 - 1)
