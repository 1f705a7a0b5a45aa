"""Tumbling and hopping aggregations: windows, lateness, stream time, null values."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from operator_lab import Lab, Sent

from streamkit.dsl.windows import HoppingWindows, TumblingWindows
from streamkit.model import Change, Window, Windowed
from streamkit.operators.fold import AggregateFold, CountFold, ReduceFold
from streamkit.operators.time_window import TimeWindowAggregate
from streamkit.serde import JsonSerde, StringSerde
from streamkit.state import StoreKind, StoreSpec


def spec(size: int, retention: int = 1_000_000) -> StoreSpec:
    return StoreSpec(
        "store",
        StoreKind.TIMESTAMPED_WINDOW,
        StringSerde(),
        JsonSerde(),
        retention_ms=retention,
        window_size_ms=size,
    )


def counting(size: int, advance: int, grace: int, **options: Any) -> Lab:
    return Lab(TimeWindowAggregate("store", size, advance, grace, CountFold, **options), spec(size))


def sent(key: str, start: int, end: int, new: object, timestamp: int, old: object = None) -> Sent:
    return Sent(Windowed(key, Window(start, end)), Change(old, new), timestamp)


def test_record_is_in_the_tumbling_window_that_its_time_falls_into() -> None:
    lab = counting(10, 10, 0)
    assert lab.send("a", "x", 9) == [sent("a", 0, 10, 1, 9)]
    assert lab.send("a", "x", 10) == [sent("a", 10, 20, 1, 10)]


def test_hopping_windows_are_updated_by_ascending_start_never_below_zero() -> None:
    lab = counting(10, 4, 100)
    assert [record.key.start_ms for record in lab.send("a", "x", 13)] == [4, 8, 12]
    assert [record.key.start_ms for record in lab.send("a", "x", 3)] == [0]


def test_record_later_than_grace_is_dropped_and_counted() -> None:
    """end <= stream time - grace, so the window [0, 10) takes nothing once stream time is 15 with grace 5."""
    lab = counting(10, 10, 5)
    lab.send("a", "x", 14)
    assert lab.send("b", "x", 9) == [sent("b", 0, 10, 1, 9)]
    lab.send("a", "x", 15)
    assert lab.send("b", "x", 9) == []
    assert lab.dropped == {"late": 1}


def test_late_record_still_updates_its_later_hopping_windows() -> None:
    lab = counting(10, 5, 0)
    lab.send("a", "x", 12)
    assert lab.send("a", "x", 7) == [sent("a", 5, 15, 2, 12)]
    assert lab.dropped == {"late": 1}


def test_null_value_is_folded_and_advances_stream_time_but_a_null_key_does_not() -> None:
    lab = counting(10, 10, 0)
    assert lab.send("a", None, 25) == [sent("a", 20, 30, 1, 25)]
    assert lab.send(None, "x", 99) == []
    assert lab.send("a", "x", 29) == [sent("a", 20, 30, 2, 29)]
    assert lab.dropped == {"null key": 1}


def test_stream_time_outlives_a_restart() -> None:
    lab = counting(10, 10, 0)
    lab.send("a", "x", 50)
    assert lab.context.node_times == {"op": 50}
    again = counting(10, 10, 0)
    again.context.node_times["op"] = 50
    again.operator.init(again.context)
    assert again.send("a", "x", 30) == []


def test_first_null_of_reduce_gives_no_entry() -> None:
    lab = Lab(
        TimeWindowAggregate("store", 10, 10, 0, partial(ReduceFold, lambda a, b: f"{a},{b}")),
        spec(10),
    )
    assert lab.send("a", None, 1) == [sent("a", 0, 10, None, 1)]
    assert lab.send("a", "x", 2) == [sent("a", 0, 10, "x", 2)]
    assert lab.send("a", None, 3) == [sent("a", 0, 10, "x,None", 3)]


def test_aggregate_folds_from_the_initializer_and_sends_old_values_if_asked() -> None:
    operator = TimeWindowAggregate(
        "store", 10, 10, 0, partial(AggregateFold, list, lambda _, v, a: [*a, v]), send_old=True
    )
    lab = Lab(operator, spec(10))
    assert lab.send("a", "x", 4) == [sent("a", 0, 10, ["x"], 4, old=[])]
    assert lab.send("a", "y", 2) == [sent("a", 0, 10, ["x", "y"], 4, old=["x"])]


@given(
    size=st.integers(1, 50),
    advance=st.integers(1, 50),
    timestamp=st.integers(0, 10_000),
)
def test_operator_and_windows_class_agree(size: int, advance: int, timestamp: int) -> None:
    advance = min(size, advance)
    windows = HoppingWindows(size, advance=advance)
    lab = counting(size, advance, 0)
    got = [record.key.window for record in lab.send("a", "x", timestamp)]
    assert got == windows.windows_for(timestamp)
    assert all(window.start_ms <= timestamp < window.end_ms for window in got)


@given(size=st.integers(1, 50), timestamp=st.integers(0, 10_000))
def test_tumbling_windows_are_hopping_windows_that_advance_by_their_size(
    size: int, timestamp: int
) -> None:
    assert TumblingWindows(size).windows_for(timestamp) == HoppingWindows(
        size, advance=size
    ).windows_for(timestamp)


def test_on_close_only_final_results_go_out_by_start_then_key() -> None:
    lab = counting(10, 5, 2, emit_every_ms=0)
    assert lab.send("b", "x", 7) == []
    assert lab.send("a", "x", 8) == []
    assert lab.send("b", "x", 11) == []
    assert lab.send("c", "x", 12) == [sent("a", 0, 10, 1, 8), sent("b", 0, 10, 1, 7)]
    assert lab.send("c", "x", 13) == []
    assert lab.send(None, "x", 50) == []
    assert [(r.key.key, r.key.start_ms) for r in lab.send("d", "x", 17)] == [
        ("a", 5),
        ("b", 5),
        ("c", 5),
    ]


def test_on_close_looks_at_most_once_an_interval_of_the_wall_clock() -> None:
    lab = counting(10, 10, 0, emit_every_ms=1000)
    lab.send("a", "x", 1)
    assert lab.send("a", "x", 10) == []  # the first look is taken by the first record
    lab.clock.advance(1000)
    assert lab.send("a", "x", 11) == [sent("a", 0, 10, 1, 1)]


def test_what_was_emitted_on_close_is_not_emitted_again_after_a_restart() -> None:
    lab = counting(10, 10, 0, emit_every_ms=0)
    lab.send("a", "x", 1)
    lab.send("a", "x", 10)
    again = counting(10, 10, 0, emit_every_ms=0)
    again.context.node_times.update(lab.context.node_times)
    again.operator.init(again.context)
    again.send("b", "x", 10)
    assert again.send("b", "x", 15) == []
