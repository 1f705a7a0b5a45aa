"""Late records as a stream of their own."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import ConfigError, ProcessingError, TopologyError
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


def joined(method: str = "join") -> tuple[sk.StreamsBuilder, sk.KStream[str, list[Any]]]:
    builder = sk.StreamsBuilder()
    left = builder.stream("left", key=str, value=str)
    right = builder.stream("right", key=str, value=int)
    join = getattr(left, method)
    windows = sk.JoinWindows(10, grace=5)
    return builder, join(right, lambda a, b: [a, b], windows=windows, name="join", store="join")


@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
@pytest.mark.parametrize("method", ["join", "left_join", "outer_join"])
def test_record_that_a_join_does_not_wait_with_goes_on_as_late(method: str, backend: str) -> None:
    """The store of a side keeps what its later records leave, here 25 ms."""
    builder, out = joined(method)
    out.to("out", value=sk.JsonSerde())
    out.late_records("left", name="late-left").to("late-left")
    out.late_records("right", name="late-right").to("late-right")
    with TopologyTestDriver(builder, backend=backend) as driver:
        driver.pipe_input("right", "k", 1, timestamp_ms=70)
        driver.pipe_input("left", "k", "on time", timestamp_ms=100)
        driver.pipe_input("left", "k", "just so", timestamp_ms=76)
        assert driver.read_all("late-left") == []
        driver.pipe_input("left", "k", "late", timestamp_ms=75, headers=HEADERS)
        (late,) = driver.read_all("late-left")
        assert (late.key, late.value, late.timestamp_ms) == ("k", "late", 75)
        assert late.headers[0] == HEADERS[0]
        assert late.headers[1][0] == "late"
        assert [r.value for r in driver.read_all("out") if r.value[1]] == [
            ["just so", 1],
            ["late", 1],
        ]
        driver.pipe_input("right", "k", 2, timestamp_ms=76)
        assert [r.value for r in driver.read_all("out") if r.value[0]] == [["just so", 2]]
        assert driver.read_all("late-right") == []
        driver.pipe_input("right", "k", 2, timestamp_ms=7)
        assert [record.value for record in driver.read_all("late-right")] == [2]
        assert driver.dropped == {
            ("join-this-windowed", "late"): 1,
            ("join-other-windowed", "late"): 1,
        }


def test_late_records_of_a_join_of_a_stream_with_itself() -> None:
    for side in ("left", "right"):
        builder = sk.StreamsBuilder()
        stream = builder.stream("in", key=str, value=str)
        windows = sk.JoinWindows(10, grace=5)
        out = stream.join(stream, lambda a, b: a + b, windows=windows, name="join", store="join")
        out.late_records(side).to("late")
        with TopologyTestDriver(builder.build(optimize=True)) as driver:
            driver.pipe_input("in", "k", "x", timestamp_ms=100)
            driver.pipe_input("in", "k", "y", timestamp_ms=10)
            assert [record.value for record in driver.read_all("late")] == ["y"]


def test_late_records_need_a_join_and_one_of_its_sides() -> None:
    _, out = joined()
    with pytest.raises(ConfigError, match="'left' and a 'right' side, no 'both'"):
        out.late_records("both")  # type: ignore[call-overload]  # that is what is tested
    with pytest.raises(TopologyError, match="needs the join of two streams itself"):
        out.filter(lambda _, pair: bool(pair)).late_records("left")


def test_side_of_a_join_may_be_said_by_its_stream() -> None:
    """Also where keys were changed and a repartition topic lies between."""
    builder = sk.StreamsBuilder()
    left = builder.stream("left", key=str, value=str)
    right = builder.stream("right", key=str, value=int).select_key(lambda key, _: key, key=str)
    windows = sk.JoinWindows(10, grace=5)
    both = left.join(right, lambda a, b: [a, b], windows=windows, name="join", store="join")
    both.late_records(left).map_values(str.upper, value=str).to("late-left")
    both.late_records(right, name="late").map_values(lambda n: n + 1, value=int).to("late-right")
    with TopologyTestDriver(builder) as driver:
        for topic, value in (("left", "x"), ("right", 1)):
            driver.pipe_input(topic, "k", value, timestamp_ms=100)
            driver.pipe_input(topic, "k", value, timestamp_ms=10)
        assert [record.value for record in driver.read_all("late-left")] == ["X"]
        assert [record.value for record in driver.read_all("late-right")] == [2]


def test_stream_that_says_the_side_is_one_of_two() -> None:
    builder = sk.StreamsBuilder()
    one = builder.stream("one", key=str, value=str)
    windows = sk.JoinWindows(10)
    out = one.join(one, lambda a, b: a + b, windows=windows)
    with pytest.raises(TopologyError, match="joined with itself: say 'left' or 'right'"):
        out.late_records(one)
    with pytest.raises(TopologyError, match="a stream that is not joined here"):
        out.late_records(builder.stream("other", key=str, value=str))


@pytest.mark.parametrize("windows", [sk.TumblingWindows(10), sk.SessionWindows(5)], ids=str)
def test_late_records_of_cogrouped_streams_come_apart(windows: Any) -> None:
    """Each stream's own, also where keys were changed, with its own types."""
    builder = sk.StreamsBuilder()
    clicks = builder.stream("clicks", key=str, value=str).group_by_key()
    orders = builder.stream("orders", key=str, value=int).group_by(
        lambda key, _: key, key=str, name="orders"
    )
    windowed: Any = (
        clicks.cogroup(lambda _key, _value, total: total + 1)
        .cogroup(orders, lambda _key, value, total: total + value)
        .windowed_by(windows)
    )
    with pytest.raises(TopologyError, match="after the aggregation"):
        windowed.late_records(clicks)
    merger = [lambda _key, one, other: one + other] * isinstance(windows, sk.SessionWindows)
    windowed.aggregate(int, *merger, value=int, store="totals").to_stream().to("out")
    windowed.late_records(clicks).to("late-clicks")
    windowed.late_records(orders, name="late-orders").to("late-orders")
    other = builder.stream("other", key=str, value=str).group_by_key()
    with pytest.raises(TopologyError, match="not cogrouped here"):
        windowed.late_records(other)
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("clicks", "a", "x", timestamp_ms=40)
        driver.pipe_input("orders", "a", 3, timestamp_ms=41)
        driver.pipe_input("clicks", "a", "y", timestamp_ms=2)
        driver.pipe_input("orders", "a", 7, timestamp_ms=3)
        late = {topic: driver.read_all(topic) for topic in ("late-clicks", "late-orders")}
    assert [(row.value, row.timestamp_ms) for row in late["late-clicks"]] == [("y", 2)]
    assert [(row.value, row.timestamp_ms) for row in late["late-orders"]] == [(7, 3)]
    assert all(row.headers[-1][0] == "late" for rows in late.values() for row in rows)


def test_late_records_of_a_stream_that_is_cogrouped_twice_come_from_both() -> None:
    builder = sk.StreamsBuilder()
    clicks = builder.stream("clicks", key=str, value=str).group_by_key()
    windowed = (
        clicks.cogroup(lambda _key, _value, total: total + 1)
        .cogroup(clicks, lambda _key, _value, total: total + 10)
        .windowed_by(sk.TumblingWindows(10))
    )
    windowed.aggregate(int, value=int, store="totals")
    windowed.late_records(clicks).to("late")
    with TopologyTestDriver(builder) as driver:
        for time in (40, 2):
            driver.pipe_input("clicks", "a", "x", timestamp_ms=time)
        assert [row.timestamp_ms for row in driver.read_all("late")] == [2, 2]
