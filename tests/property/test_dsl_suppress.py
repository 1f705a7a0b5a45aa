"""Suppression against a plain model: nothing is lost, nothing comes twice, order and bounds hold."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamkit as sk
from streamkit.errors import ProcessingError
from streamkit.serde import serde_for
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


class Held(NamedTuple):
    """A change that waits: when the first of its key came, what was downstream then, and the latest change."""

    since: int
    prior: int | None
    old: int | None
    new: int | None
    time: int

    def size_bytes(self, key: str) -> int:
        """As Kafka Streams counts it for a bound: two times, an offset, a partition, topic, key and values."""
        size = 8 + 8 + 8 + 4 + len("in") + len(key)
        values = [self.prior, None if self.old == self.prior else self.old, self.new]
        written = [serde_for(int).serialize("in", value) for value in values if value is not None]
        return size + sum(map(len, written))


@settings(max_examples=80, deadline=None)
@given(
    records=updates(),
    limit=st.sampled_from((0, 1, 5, 30)),
    most=st.sampled_from((None, None, 0, 1, 2)),
    most_bytes=st.sampled_from((None, None, 0, 38, 46, 47, 80, 110)),
)
def test_until_a_time_limit(
    records: list[Given], limit: int, most: int | None, most_bytes: int | None
) -> None:
    """Of each key the latest change, once the first is `limit` old, or the oldest when too many wait."""
    builder = sk.StreamsBuilder()
    table = builder.table("in", key=str, value=int, store="rows")
    until = sk.UntilTimeLimit(limit, max_records=most, max_bytes=most_bytes)
    table.suppress(until, name="calm").to_stream().to("out")
    waiting: dict[str, Held] = {}
    rows: dict[str, int | None] = {}
    stream_time = -1
    with TopologyTestDriver(builder, backend="memory") as driver:
        for record in records:
            driver.pipe_input("in", record.key, record.value, timestamp_ms=record.time)
            sent = [(each.key, each.value, each.timestamp_ms) for each in driver.read_all("out")]
            stream_time = max(stream_time, record.time)
            old = rows.get(record.key)
            held = waiting.get(record.key, Held(record.time, old, old, None, 0))
            waiting[record.key] = held._replace(old=old, new=record.value, time=record.time)
            rows[record.key] = record.value
            expected = []
            for key, held in sorted(waiting.items(), key=lambda item: (item[1].since, item[0])):
                size = sum(each.size_bytes(key) for key, each in waiting.items())
                full = (most is not None and len(waiting) > most) or (
                    most_bytes is not None and size > most_bytes
                )
                if held.since <= stream_time - limit or full:
                    del waiting[key]
                    expected.append((key, held.new, held.time))
            assert sent == expected


WINDOWS: dict[str, Any] = {
    "tumbling": lambda grace: sk.TumblingWindows(10, grace=grace),
    "hopping": lambda grace: sk.HoppingWindows(10, advance=4, grace=grace),
    "sliding": lambda grace: sk.SlidingWindows(6, grace=grace),
    "session": lambda grace: sk.SessionWindows(5, grace=grace),
}
SESSION_GAP = 5

Place = tuple[str, int, int]
"""Key, start and end of a window."""


class Closing:
    """The model: what of a windowed table's updates is held, and goes out when its window closes.

    A late update of a window that is out already goes out at once, as in Kafka Streams: sliding windows and
    sessions take records at the very time of their close.
    """

    def __init__(self, wait: int) -> None:
        self._wait = wait
        self._time = -1
        self._held: dict[Place, Any] = {}

    def update(self, place: Place, value: Any, timestamp: int) -> list[tuple[Place, Any]]:
        """What one update makes go out."""
        self._time = max(self._time, timestamp)
        self._held[place] = value
        due = [place for place in self._held if place[2] <= self._time - self._wait]
        due.sort(key=lambda place: (place[2], place[0], place[1]))
        out = [(place, self._held.pop(place)) for place in due]
        return [(place, value) for place, value in out if value is not None]


@settings(max_examples=120, deadline=None)
@given(
    records=updates(nulls=False),
    grace=st.sampled_from((0, 4, 30)),
    windows=st.sampled_from(sorted(WINDOWS)),
)
def test_until_windows_close_gives_each_window_with_all_it_took(
    records: list[Given], grace: int, windows: str
) -> None:
    builder = sk.StreamsBuilder()
    grouped: Any = builder.stream("in", key=str, value=int).group_by_key()
    table = grouped.windowed_by(WINDOWS[windows](grace)).agg(
        seen=sk.distinct(abs), store="windows", retention=10_000
    )
    table.suppress(sk.UntilWindowCloses(), name="final").to_stream().to("out")
    table.to_stream().to("updates")
    final: list[tuple[Place, Any]] = []
    latest: dict[Place, Any] = {}
    model = Closing(grace + (SESSION_GAP if windows == "session" else 0))
    with TopologyTestDriver(builder, backend="memory") as driver:
        for record in [*records, Given("z", 0, 5_000)]:
            driver.pipe_input("in", record.key, record.value, timestamp_ms=record.time)
            expected = []
            for each in driver.read_all("updates"):
                place = (each.key.key, each.key.start_ms, each.key.end_ms)
                latest[place] = each.value
                expected += model.update(place, each.value, each.timestamp_ms)
            sent = [
                ((each.key.key, each.key.start_ms, each.key.end_ms), each.value)
                for each in driver.read_all("out")
            ]
            assert sent == expected
            final += sent
    went_out = Counter(place for place, _ in final)
    if windows in ("tumbling", "hopping"):
        assert set(went_out.values()) <= {1}
    last = dict(final)
    for place, value in latest.items():
        if place[0] != "z" and value is not None:
            assert last[place] == value


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
