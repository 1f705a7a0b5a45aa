"""Suppression against a plain model: nothing is lost, nothing comes twice, order and bounds hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamkit as sk
from streamkit.errors import ProcessingError
from streamkit.testing import TopologyTestDriver


class Given(NamedTuple):
    key: str
    value: int | None
    time: int


@st.composite
def updates(draw: st.DrawFn, *, nulls: bool = True) -> list[Given]:
    found = []
    time = 0
    for number in range(draw(st.integers(0, 25))):
        time += draw(st.sampled_from((0, 1, 2, 5, 12)))
        late = draw(st.sampled_from((0, 0, 0, 3, 20)))
        value = None if nulls and draw(st.integers(0, 4)) == 0 else number
        found.append(Given(draw(st.sampled_from("abc")), value, max(time - late, 0)))
    return found


@settings(max_examples=80, deadline=None)
@given(
    records=updates(),
    limit=st.sampled_from((0, 1, 5, 30)),
    most=st.sampled_from((None, 0, 1, 2)),
)
def test_until_a_time_limit(records: list[Given], limit: int, most: int | None) -> None:
    """Of each key the latest change, once the first is `limit` old, or the oldest when too many wait."""
    builder = sk.StreamsBuilder()
    table = builder.table("in", key=str, value=int, store="rows")
    until = sk.UntilTimeLimit(limit, max_records=most)
    table.suppress(until, name="calm").to_stream().to("out")
    waiting: dict[str, tuple[int, int | None, int]] = {}
    stream_time = -1
    with TopologyTestDriver(builder, backend="memory") as driver:
        for record in records:
            driver.pipe_input("in", record.key, record.value, timestamp_ms=record.time)
            sent = [(each.key, each.value, each.timestamp_ms) for each in driver.read_all("out")]
            stream_time = max(stream_time, record.time)
            first = waiting.get(record.key, (record.time, None, 0))[0]
            waiting[record.key] = (first, record.value, record.time)
            expected = []
            for key in sorted(waiting, key=lambda key: (waiting[key][0], key)):
                full = most is not None and len(waiting) > most
                if waiting[key][0] <= stream_time - limit or full:
                    _, value, time = waiting.pop(key)
                    expected.append((key, value, time))
            assert sent == expected


@settings(max_examples=80, deadline=None)
@given(
    records=updates(nulls=False),
    grace=st.sampled_from((0, 4, 30)),
    windows=st.sampled_from(("tumbling", "hopping", "sliding", "session")),
)
def test_until_windows_close_gives_each_window_once_with_all_it_took(
    records: list[Given], grace: int, windows: str
) -> None:
    made: dict[str, Any] = {
        "tumbling": sk.TumblingWindows(10, grace=grace),
        "hopping": sk.HoppingWindows(10, advance=4, grace=grace),
        "sliding": sk.SlidingWindows(6, grace=grace),
        "session": sk.SessionWindows(5, grace=grace),
    }
    builder = sk.StreamsBuilder()
    grouped: Any = builder.stream("in", key=str, value=int).group_by_key()
    table = grouped.windowed_by(made[windows]).agg(seen=sk.distinct(abs), store="windows")
    table.suppress(sk.UntilWindowCloses(), name="final").to_stream().to("out")
    table.to_stream().to("updates")
    final: list[Any] = []
    latest: dict[Any, Any] = {}
    due: list[tuple[int, Any]] = []
    with TopologyTestDriver(builder, backend="memory") as driver:
        for record in [*records, Given("z", 0, 5_000)]:
            driver.pipe_input("in", record.key, record.value, timestamp_ms=record.time)
            for each in driver.read_all("updates"):
                place = (each.key.key, each.key.start_ms, each.key.end_ms)
                latest[place] = each.value
                if each.value is None:
                    del latest[place]
            sent = [
                ((each.key.key, each.key.start_ms, each.key.end_ms), each.value)
                for each in driver.read_all("out")
            ]
            due = [(place[2], place) for place, _ in sent]
            assert [end for end, _ in due] == sorted(end for end, _ in due)
            final += sent
    expected = {place: value for place, value in latest.items() if place[0] != "z"}
    if windows in ("tumbling", "hopping"):
        assert len(final) == len(expected)  # none of them twice
    sent_last = {place: value for place, value in final if place[0] != "z"}
    if windows == "session":
        # A session takes records at the very moment of its close, as in Kafka Streams: it may have gone out
        # when it becomes part of a larger one.
        for place in sent_last.keys() - expected.keys():
            assert any(
                other[0] == place[0] and other[1] <= place[1] and other[2] > place[2]
                for other in expected
            )
            del sent_last[place]
    assert sent_last == expected


@settings(max_examples=40, deadline=None)
@given(records=updates(), most=st.integers(0, 2))
def test_a_bound_that_stops_the_app_lets_nothing_out_early(records: list[Given], most: int) -> None:
    builder = sk.StreamsBuilder()
    table = builder.table("in", key=str, value=int, store="rows")
    until = sk.UntilTimeLimit(100_000, max_records=most, when_full="stop")
    table.suppress(until, name="calm").to_stream().to("out")
    with TopologyTestDriver(builder, backend="memory") as driver:
        seen: set[str] = set()
        for record in records:
            seen.add(record.key)
            if len(seen) > most:
                with pytest.raises(ProcessingError, match=r"'calm'.*full"):
                    driver.pipe_input("in", record.key, record.value, timestamp_ms=record.time)
                break
            driver.pipe_input("in", record.key, record.value, timestamp_ms=record.time)
        assert driver.read_all("out") == []
