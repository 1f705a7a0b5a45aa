"""Late records as a stream of their own."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import ProcessingError, TopologyError
from streamkit.testing import TopologyTestDriver

HEADERS = (("trace", b"7"),)


def counts(windows: Any, **options: Any) -> sk.StreamsBuilder:
    builder = sk.StreamsBuilder()
    stream = builder.stream("in", key=str, value=str)
    windowed: Any = stream.group_by(lambda _, value: value[0], key=str, name="by").windowed_by(
        windows
    )
    if options.pop("on_close", False):
        windowed = windowed.emit_on_close(every=0)
    windowed.count(name="count", store="counts").to_stream().to("out")
    windowed.late_records(name="late").to("late")
    return builder


@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
@pytest.mark.parametrize("on_close", [False, True])
@pytest.mark.parametrize(
    ("windows", "reason"),
    [
        (
            sk.TumblingWindows(10, grace=5),
            "count: window [0, 10) takes no more records at stream time 40, grace 5 ms",
        ),
        (
            sk.HoppingWindows(10, advance=5),
            "count: window [5, 15) takes no more records at stream time 40, grace 0 ms",
        ),
        (
            sk.SlidingWindows(10),
            "count: window [9, 19] takes no more records at stream time 40, grace 0 ms",
        ),
        (
            sk.SessionWindows(10),
            "count: session [9, 9] takes no more records at stream time 40, grace 0 ms",
        ),
    ],
    ids=["tumbling", "hopping", "sliding", "session"],
)
def test_late_record_goes_on_as_it_came_with_the_reason(
    windows: Any, reason: str, on_close: bool, backend: str
) -> None:
    with TopologyTestDriver(counts(windows, on_close=on_close), backend=backend) as driver:
        driver.pipe_input("in", "k", "a1", timestamp_ms=40, headers=HEADERS)
        sent = len(driver.read_all("out"))
        driver.pipe_input("in", "k", "a2", timestamp_ms=9, headers=HEADERS)
        (late,) = driver.read_all("late")
        assert (late.key, late.value, late.timestamp_ms) == ("a", "a2", 9)
        assert late.headers == (*HEADERS, ("late", reason.encode()))
        assert driver.read_all("out") == []
        assert sent == (0 if on_close else 2 if isinstance(windows, sk.HoppingWindows) else 1)


def test_record_late_for_one_of_its_windows_goes_on_once_and_counts_in_the_others() -> None:
    builder = counts(sk.HoppingWindows(10, advance=2))
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "k", "a", timestamp_ms=16)
        driver.read_all("out")
        driver.pipe_input("in", "k", "a", timestamp_ms=13)
        assert [record.key.start_ms for record in driver.read_all("out")] == [8, 10, 12]
        (late,) = driver.read_all("late")
        assert b"[6, 16)" in late.headers[0][1]
        assert driver.dropped == {("count", "late"): 2}  # for the windows from 4 and 6


def test_late_records_of_a_count_have_their_values() -> None:
    """A count by itself never reads values; its late records must have them."""
    builder = sk.StreamsBuilder()
    windowed = (
        builder.stream("in", key=str, value=sk.JsonSerde())
        .group_by_key()
        .windowed_by(sk.TumblingWindows(10))
    )
    windowed.count(store="counts")
    windowed.late_records().map_values(lambda value: value["n"]).to("late")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "k", {"n": 1}, timestamp_ms=40)
        driver.pipe_input("in", "k", {"n": 2}, timestamp_ms=4)
        assert [record.value for record in driver.read_all("late")] == [2]


def test_late_records_of_the_first_aggregation_are_taken_once() -> None:
    builder = sk.StreamsBuilder()
    windowed = (
        builder.stream("in", key=str, value=str).group_by_key().windowed_by(sk.TumblingWindows(10))
    )
    windowed.count(store="one")
    windowed.reduce(max, store="two")
    windowed.late_records().to("late")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "k", "x", timestamp_ms=40)
        driver.pipe_input("in", "k", "y", timestamp_ms=4)
        assert len(driver.read_all("late")) == 1


def test_late_records_before_the_aggregation_are_refused() -> None:
    grouped = sk.StreamsBuilder().stream("in", key=str, value=str).group_by_key()
    with pytest.raises(TopologyError, match="late_records comes after the aggregation"):
        grouped.windowed_by(sk.TumblingWindows(10)).late_records()
    with pytest.raises(TopologyError, match="late_records comes after the aggregation"):
        grouped.windowed_by(sk.SessionWindows(10)).late_records()


def test_error_below_late_records_names_its_operator() -> None:
    builder = sk.StreamsBuilder()
    windowed = (
        builder.stream("in", key=str, value=str).group_by_key().windowed_by(sk.TumblingWindows(10))
    )
    windowed.count(store="counts")
    windowed.late_records().map_values(lambda value: 1 // 0, name="broken").to("late")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "k", "x", timestamp_ms=40)
        with pytest.raises(ProcessingError, match="operator 'broken' raised ZeroDivisionError"):
            driver.pipe_input("in", "k", "y", timestamp_ms=4)
