"""Session and sliding windows, stream-stream joins and suppress, against plain models and edge by edge."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_lab import Lab

from streamkit import JoinWindows, Record, StreamsBuilder, UntilTimeLimit, UntilWindowCloses
from streamkit.dsl import SessionWindows, SlidingWindows, TumblingWindows
from streamkit.errors import TopologyError
from streamkit.model import Change, Window, Windowed
from streamkit.operators.fold import AggregateFold, CountFold
from streamkit.operators.session_window import SessionWindowAggregate
from streamkit.operators.sliding_window import SlidingWindowAggregate
from streamkit.serde import IntegerSerde, JsonSerde, StringSerde
from streamkit.state import StoreKind, StoreSpec
from streamkit.testing.driver import TopologyTestDriver

TIMES = st.lists(st.integers(0, 60), min_size=1, max_size=25)


def session_lab(gap: int, grace: int = 1_000) -> Lab:
    spec = StoreSpec(
        "store", StoreKind.SESSION, StringSerde(), JsonSerde(), retention_ms=gap + grace
    )
    fold = partial(
        AggregateFold, list, lambda _, v, a: sorted([*a, v]), lambda _, a, b: sorted([*a, *b])
    )
    return Lab(SessionWindowAggregate("store", gap, grace, fold), spec)


def sliding_lab(difference: int, grace: int = 1_000) -> Lab:
    spec = StoreSpec(
        "store",
        StoreKind.TIMESTAMPED_WINDOW,
        StringSerde(),
        IntegerSerde(),
        retention_ms=2 * difference + grace,
        window_size_ms=difference,
    )
    return Lab(SlidingWindowAggregate("store", difference, grace, CountFold), spec)


@settings(max_examples=40)
@given(times=TIMES, gap=st.integers(1, 10))
def test_sessions_are_the_runs_of_records_without_a_longer_pause(
    times: list[int], gap: int
) -> None:
    lab = session_lab(gap)
    table: dict[Window, Any] = {}
    for time in times:
        for record in lab.send("k", time, time):
            window = record.key.window
            assert record.timestamp == window.end_ms
            if record.value.new is None:
                del table[window]
            else:
                table[window] = record.value.new
    runs: list[list[int]] = []
    for time in sorted(times):
        if runs and time - runs[-1][-1] <= gap:
            runs[-1].append(time)
        else:
            runs.append([time])
    assert table == {Window(run[0], run[-1]): run for run in runs}


def test_old_sessions_are_deleted_downstream_before_the_merged_one_goes_out() -> None:
    lab = session_lab(5)
    lab.send("k", 1, 10)
    lab.send("k", 2, 18)
    sent = lab.send("k", 3, 14)
    assert [(r.key.window, r.value.new) for r in sent] == [
        (Window(10, 10), None),
        (Window(18, 18), None),
        (Window(10, 18), [1, 2, 3]),
    ]


def test_session_takes_no_more_records_after_gap_and_grace() -> None:
    lab = session_lab(5, grace=2)
    lab.send("k", 1, 20)
    assert lab.send("other", 1, 13) != []
    assert lab.send("other", 1, 7) == []
    assert lab.dropped == {"late": 1}


@settings(max_examples=40)
@given(times=TIMES, difference=st.integers(2, 10))
def test_sliding_windows_hold_the_records_within_their_span(
    times: list[int], difference: int
) -> None:
    lab = sliding_lab(difference)
    table: dict[Window, int] = {}
    for time in times:
        for record in lab.send("k", "v", time):
            table[record.key.window] = record.value.new
    for window, count in table.items():
        assert window.end_ms - window.start_ms == difference
        assert count == sum(window.start_ms <= time <= window.end_ms for time in times)
    for time in times:
        if time >= difference:
            assert Window(time - difference, time) in table


def test_null_values_are_dropped_from_sliding_windows_without_moving_time() -> None:
    lab = sliding_lab(5, grace=0)
    assert lab.send("k", None, 100) == []
    assert [r.key.window for r in lab.send("k", "v", 20)] == [Window(15, 20)]
    assert lab.dropped == {"null value": 1}


def join_driver(kind: str, windows: JoinWindows) -> TopologyTestDriver:
    builder = StreamsBuilder()
    left = builder.stream("left", key=str, value=str)
    right = builder.stream("right", key=str, value=str)
    joiner = lambda x, y: f"{x}+{y}"  # noqa: E731
    joined: Any
    if kind == "inner":
        joined = left.join(right, joiner, windows=windows, value=str)
    elif kind == "left":
        joined = left.left_join(right, joiner, windows=windows, value=str, every=0)
    else:
        joined = left.outer_join(right, joiner, windows=windows, value=str, every=0)
    joined.to("out")
    return TopologyTestDriver(builder, backend="memory")


EVENTS = st.lists(
    st.tuples(st.sampled_from(["left", "right"]), st.sampled_from("ab"), st.integers(0, 40)),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(events=EVENTS, before=st.integers(0, 8), after=st.integers(0, 8))
def test_inner_join_sends_each_pair_once_whatever_the_order(
    events: list[tuple[str, str, int]], before: int, after: int
) -> None:
    """With a grace that covers all times, so that no partner is forgotten."""
    windows = JoinWindows(before=before, after=after, grace=1_000)
    with join_driver("inner", windows) as driver:
        for number, (side, key, time) in enumerate(events):
            driver.pipe_input(side, key, f"{side[0]}{number}", timestamp_ms=time)
        got = sorted((r.value, r.timestamp_ms) for r in driver.read_all("out"))
    expected = sorted(
        (f"l{i}+r{j}", max(t, u))
        for i, (side, key, t) in enumerate(events)
        for j, (other, other_key, u) in enumerate(events)
        if side == "left" and other == "right" and key == other_key and t - before <= u <= t + after
    )
    assert got == expected


@settings(max_examples=25, deadline=None)
@given(events=EVENTS, span=st.integers(1, 8))
def test_outer_join_sends_every_record_alone_once_or_in_pairs(
    events: list[tuple[str, str, int]], span: int
) -> None:
    """In order of time nothing is late, so a record is alone exactly if it has no partner."""
    events = sorted(events, key=lambda event: event[2])
    with join_driver("outer", JoinWindows(span)) as driver:
        for number, (side, key, time) in enumerate(events):
            driver.pipe_input(side, key, f"{side[0]}{number}", timestamp_ms=time)
        # Far apart, so that each look finds the one before closed.
        for time in (1_000, 2_000, 3_000):
            driver.pipe_input("left", "end", "end", timestamp_ms=time)
        got = [r.value for r in driver.read_all("out") if "end" not in r.value]
    expected = []
    for i, (side, key, t) in enumerate(events):
        partners = [
            j
            for j, (other, other_key, u) in enumerate(events)
            if other != side and other_key == key and abs(t - u) <= span
        ]
        if side == "left":
            expected += [f"l{i}+r{j}" for j in partners] or [f"l{i}+None"]
        elif not partners:
            expected.append(f"None+r{i}")
    assert sorted(got) == sorted(expected)


def test_left_record_without_a_key_goes_out_at_once() -> None:
    with join_driver("left", JoinWindows(5)) as driver:
        driver.pipe_input("left", None, "v", timestamp_ms=3)
        assert driver.read_all("out") == [Record(None, "v+None", 3)]
        driver.pipe_input("right", None, "v", timestamp_ms=3)
        assert driver.read_all("out") == []


def windowed_counts(builder: StreamsBuilder) -> Any:
    stream = builder.stream("in", key=str, value=str)
    return stream.group_by_key().windowed_by(TumblingWindows(10)).count(store="counts")


def test_suppressed_windows_go_out_once_by_end_and_key() -> None:
    builder = StreamsBuilder()
    windowed_counts(builder).suppress(UntilWindowCloses()).to_stream().to("out")
    with TopologyTestDriver(builder, backend="memory") as driver:
        for key, time in (("b", 1), ("a", 2), ("a", 3), ("c", 25)):
            driver.pipe_input("in", key, "v", timestamp_ms=time)
        assert [(r.key, r.value, r.timestamp_ms) for r in driver.read_all("out")] == [
            (Windowed("a", Window(0, 10)), 2, 3),
            (Windowed("b", Window(0, 10)), 1, 1),
        ]


def test_later_change_replaces_the_one_that_waits_and_keeps_its_place() -> None:
    builder = StreamsBuilder()
    table = builder.table("t", key=str, value=str, store="s")
    table.suppress(UntilTimeLimit(10, max_records=2)).to_stream().to("out")
    with TopologyTestDriver(builder, backend="memory") as driver:
        for key, value, time in (("a", "1", 0), ("b", "2", 1), ("a", "3", 5), ("c", "4", 6)):
            driver.pipe_input("t", key, value, timestamp_ms=time)
        assert driver.read_all("out") == [Record("a", "3", 5)]  # the oldest leaves: one too many
        driver.pipe_input("t", "d", "5", timestamp_ms=11)
        assert driver.read_all("out") == [Record("b", "2", 1)]


def test_suppress_until_close_needs_windows() -> None:
    builder = StreamsBuilder()
    with pytest.raises(TopologyError, match="needs a windowed table"):
        builder.table("t").suppress(UntilWindowCloses())


def test_grace_join_needs_a_table_with_enough_history() -> None:
    builder = StreamsBuilder()
    stream = builder.stream("in")
    with pytest.raises(TopologyError, match="needs a table with a history"):
        stream.join(builder.table("t"), str, grace=5, with_key=False)
    short = builder.table("u", store="u", history=3)
    with pytest.raises(TopologyError, match="must cover the grace period of 5 ms, but is 3 ms"):
        stream.join(short, str, grace=5, with_key=False)


def test_changes_carry_old_values_through_a_session_only_if_asked() -> None:
    lab = session_lab(5)
    lab.send("k", 1, 10)
    assert [r.value for r in lab.send("k", 2, 12)] == [Change(None, None), Change(None, [1, 2])]


def test_window_options_are_checked() -> None:
    from streamkit import ConfigError

    for make in (
        lambda: SessionWindows(0),
        lambda: SlidingWindows(-1),
        lambda: JoinWindows(),
        lambda: JoinWindows(before=-1),
        lambda: UntilTimeLimit(-1),
        lambda: UntilTimeLimit(1, when_full="explode"),
        lambda: UntilWindowCloses(max_records=-1),
    ):
        with pytest.raises(ConfigError):
            make()
