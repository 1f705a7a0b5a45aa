"""Windows of a user's own class: calendar days, lengths that differ, and what such a class may not say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from restart_lab import RestartingDriver

import streamkit as sk
from streamkit.errors import ConfigError, ProcessingError, TopologyError
from streamkit.testing import TopologyTestDriver

HOUR = 3_600_000


class Days(sk.Windows):
    """Calendar days of a time zone."""

    size_ms = 25 * HOUR

    def __init__(self, zone: str, *, grace: int = 0) -> None:
        self.zone = ZoneInfo(zone)
        self.grace_ms = grace

    def windows_for(self, timestamp_ms: int) -> list[sk.Window]:
        day = datetime.fromtimestamp(timestamp_ms / 1000, self.zone).date()
        begin, end = (
            datetime(at.year, at.month, at.day, tzinfo=self.zone)
            for at in (day, day + timedelta(days=1))
        )
        return [sk.Window(int(begin.timestamp()) * 1000, int(end.timestamp()) * 1000)]


class Said(sk.Windows):
    """What a function says, for windows of 20 ms at most."""

    size_ms = 20

    def __init__(
        self, say: Callable[[int], Any], *, grace: int = 0, idle: int = -1, size: int = 20
    ) -> None:
        self.say = say
        self.grace_ms = grace
        self.idle_ms = idle
        self.size_ms = size

    def windows_for(self, timestamp_ms: int) -> Any:
        return self.say(timestamp_ms)


def unequal(timestamp: int) -> list[sk.Window]:
    """[0, 10) and [7, 20), again and again, the later one first."""
    start = timestamp - timestamp % 20
    later = [sk.Window(start + 7, start + 20)] if timestamp >= start + 7 else []
    return [*later, sk.Window(start, start + 10)] if timestamp < start + 10 else later


def at(zone: str, *date: int) -> int:
    return int(datetime(*date, tzinfo=ZoneInfo(zone)).timestamp()) * 1000  # type: ignore[arg-type,misc]  # year to minute


def added(_key: str, value: int, total: int) -> int:
    return total + value


def counts(windows: sk.Windows, **options: Any) -> sk.StreamsBuilder:
    builder = sk.StreamsBuilder()
    windowed = builder.stream("in", key=str, value=str).group_by_key().windowed_by(windows)
    table = windowed.count(name="count", store="counts", **options)
    table.to_stream().to("out")
    windowed.late_records(name="late").to("late")
    return builder


def rows(driver: TopologyTestDriver, topic: str = "out") -> list[tuple[int, Any]]:
    return [(record.key.start_ms, record.value) for record in driver.read_all(topic)]


@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
@pytest.mark.parametrize(("month", "day", "hours"), [(3, 31, 23), (10, 27, 25), (6, 1, 24)])
def test_days_have_the_hours_that_the_zone_gives_them(
    month: int, day: int, hours: int, backend: str
) -> None:
    zone = "Europe/Berlin"
    start = at(zone, 2024, month, day)
    ends: list[int] = []
    builder = sk.StreamsBuilder()
    windowed = builder.stream("in", key=str, value=str).group_by_key().windowed_by(Days(zone))
    changes = windowed.count(store="counts").to_stream()
    changes.peek(lambda key, _: ends.append(key.end_ms)).to("out")
    with TopologyTestDriver(builder, backend=backend) as driver:
        for time in (start - 1, start, start + hours * HOUR - 1, start + hours * HOUR):
            driver.pipe_input("in", "a", "x", timestamp_ms=time)
        assert [value for _, value in rows(driver)] == [1, 1, 2, 1]
    assert ends[1] == ends[2] == start + hours * HOUR
    assert ends[0] == start


def test_each_window_closes_at_its_own_end_plus_grace() -> None:
    with TopologyTestDriver(counts(Said(unequal, grace=2))) as driver:
        for time in (1, 8, 12, 9):
            driver.pipe_input("in", "a", "x", timestamp_ms=time)
        assert rows(driver) == [(0, 1), (7, 1), (0, 2), (7, 2), (7, 3)]
        (late,) = driver.read_all("late")
        assert late.timestamp_ms == 9
        assert late.headers == (
            ("late", b"count: window [0, 10) takes no more records at stream time 12, grace 2 ms"),
        )
        assert driver.dropped == {("count", "late"): 1}


def test_window_that_left_the_store_while_open_takes_no_more_records() -> None:
    """It is longer than its class says: Kafka Streams begins to count anew."""
    windows = Said(lambda time: [sk.Window(0, 90) if time < 90 else sk.Window(90, 100)], grace=50)
    with TopologyTestDriver(counts(windows)) as driver:
        for time in (1, 95, 2):
            driver.pipe_input("in", "a", "x", timestamp_ms=time)
        assert rows(driver) == [(0, 1), (90, 1)]
        assert [late.timestamp_ms for late in driver.read_all("late")] == [2]


def test_cogrouped_stream_that_lies_behind_still_updates_windows_of_their_size() -> None:
    """Each stream has its own time, and the store that of the first: as for hopping windows."""
    builder = sk.StreamsBuilder()
    ahead, behind = (
        builder.stream(topic, key=str, value=int).group_by_key() for topic in ("ahead", "behind")
    )
    cogrouped = ahead.cogroup(added).cogroup(behind, added).windowed_by(Said(unequal))
    cogrouped.aggregate(lambda: 0, value=int, store="sums").to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("ahead", "a", 1, timestamp_ms=180)
        driver.pipe_input("behind", "a", 2, timestamp_ms=8)
        assert rows(driver) == [(180, 1), (7, 2), (0, 2)]


def test_records_in_no_window_count_nowhere_but_move_time() -> None:
    windows = Said(lambda time: [sk.Window(0, 10)] if time < 10 else [])
    with TopologyTestDriver(counts(windows)) as driver:
        for time in (1, 10, 2):
            driver.pipe_input("in", "a", "x", timestamp_ms=time)
        driver.pipe_input("in", None, "x", timestamp_ms=3)
        assert rows(driver) == [(0, 1)]
        assert driver.dropped == {("count", "late"): 1, ("count", "null key"): 1}


def test_suppress_waits_for_the_end_that_each_window_has() -> None:
    builder = sk.StreamsBuilder()
    grouped = builder.stream("in", key=str, value=str).group_by_key()
    table = grouped.windowed_by(Said(unequal, grace=2)).count(store="counts")
    table.suppress(sk.UntilWindowCloses(), name="final").to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        found = []
        for time in (8, 11, 12, 21, 22):
            driver.pipe_input("in", "a", "x", timestamp_ms=time)
            found.append(rows(driver))
        assert found == [[], [], [(0, 1)], [], [(7, 3)]]


@pytest.mark.parametrize("suppressed", [False, True])
def test_windows_close_on_the_wall_clock_without_data(suppressed: bool) -> None:
    builder = sk.StreamsBuilder()
    grouped = builder.stream("in", key=str, value=str).group_by_key()
    windowed = grouped.windowed_by(Said(unequal, idle=1000, size=20_000))
    table = windowed.count(name="count", store="counts")
    if suppressed:
        table = table.suppress(sk.UntilWindowCloses(), name="final")
    table.to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=8)
        assert rows(driver) == ([] if suppressed else [(7, 1), (0, 1)])
        for _ in range(3):
            driver.advance_wall_clock(1000)
        assert rows(driver) == ([(0, 1), (7, 1)] if suppressed else [])
        driver.pipe_input("in", "a", "x", timestamp_ms=19)
        assert driver.dropped == {("count", "late"): 1}


def test_reduce_aggregate_agg_and_cogroup_work_with_them() -> None:
    builder = sk.StreamsBuilder()
    grouped = builder.stream("in", key=str, value=int).group_by_key()
    windowed = grouped.windowed_by(Said(unequal))
    windowed.reduce(max, store="reduced").to_stream().to("reduce")
    windowed.aggregate(list, lambda _, value, seen: [*seen, value], store="lists").to_stream().to(
        "aggregate"
    )
    windowed.agg(total=sk.sum_of(lambda value: value), store="sums").to_stream().to("agg")
    cogrouped = grouped.cogroup(lambda _, value, total: total + value).windowed_by(Said(unequal))
    cogrouped.aggregate(lambda: 0, value=int, store="cogrouped").to_stream().to("cogroup")
    with TopologyTestDriver(builder) as driver:
        for value, time in ((5, 8), (3, 9)):
            driver.pipe_input("in", "a", value, timestamp_ms=time)
        assert rows(driver, "reduce") == [(7, 5), (0, 5), (7, 5), (0, 5)]
        assert rows(driver, "aggregate")[2:] == [(7, [5, 3]), (0, [5, 3])]
        assert rows(driver, "agg")[2:] == [(7, {"total": 8}), (0, {"total": 8})]
        assert rows(driver, "cogroup")[2:] == [(7, 8), (0, 8)]


@pytest.mark.parametrize("crash", [False, True])
def test_state_and_time_go_on_after_a_restart(crash: bool) -> None:
    driver = RestartingDriver(counts(Said(unequal)))
    with driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=8)
        driver.pipe_input("in", "b", "x", timestamp_ms=11)
        driver.restart(crash=crash)
        driver.pipe_input("in", "a", "x", timestamp_ms=9)
        assert rows(driver) == [(7, 1), (0, 1), (7, 1), (7, 2)]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, r"Said.windows_for\(5\) gave None, not a list of sk.Window"),
        ([(0, 10)], r"gave \(0, 10\) in place of an sk.Window"),
        ([sk.Window(0.0, 10)], r"start and end are whole milliseconds, of type int"),  # type: ignore[arg-type]  # on purpose
        ([sk.Window(-3, 10)], r"a window starts at 0 or later and ends after it"),
        ([sk.Window(5, 5)], r"a window starts at 0 or later and ends after it"),
        ([sk.Window(0, 5)], r"gave Window\(start_ms=0, end_ms=5\), which that time isn't in"),
        ([sk.Window(6, 9)], r"which that time isn't in"),
        ([sk.Window(0, 9), sk.Window(0, 8)], r"two windows that start at 0: they would share"),
    ],
)
def test_what_is_no_window_stops_the_app_before_anything_is_updated(
    said: Any, message: str
) -> None:
    windows = Said(lambda time: [sk.Window(0, 10)] if time == 4 else said)
    with TopologyTestDriver(counts(windows)) as driver:
        with pytest.raises(ProcessingError, match=message) as caught:
            driver.pipe_input("in", "a", "x", timestamp_ms=5)
        assert caught.value.node == "count"
        assert rows(driver) == []


def test_error_of_the_class_names_its_line() -> None:
    def fail(_time: int) -> list[sk.Window]:
        raise KeyError("holidays")

    with TopologyTestDriver(counts(Said(fail))) as driver:
        with pytest.raises(ProcessingError, match=r"'count' raised KeyError.*") as caught:
            driver.pipe_input("in", "a", "x", timestamp_ms=5)
        assert 'raise KeyError("holidays")' in str(caught.value)


def test_windows_of_many_lengths_have_no_emission_on_close() -> None:
    """Kafka Streams refuses it too: it looks for closed windows by one length."""
    grouped = sk.StreamsBuilder().stream("in", key=str, value=str).group_by_key()
    with pytest.raises(TopologyError, match=r"not for those of Said: suppress"):
        grouped.windowed_by(Said(unequal)).emit_on_close()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("size_ms", 0, "Said.size_ms is at least 1 ms, not 0 ms"),
        ("size_ms", 2.5, "Said.size_ms is an int of milliseconds, not 2.5"),
        ("grace_ms", -1, "Said.grace_ms is at least 0 ms, not -1 ms"),
        ("idle_ms", 0, "Said.idle_ms is at least 1 ms, not 0 ms"),
        ("grace_ms", timedelta(1), r"Said.grace_ms is an int of milliseconds"),
    ],
)
def test_lengths_that_are_none_are_refused(name: str, value: Any, message: str) -> None:
    windows = Said(unequal)
    setattr(windows, name, value)
    grouped = sk.StreamsBuilder().stream("in", key=str, value=str).group_by_key()
    with pytest.raises(ConfigError, match=message):
        grouped.windowed_by(windows)


def test_class_without_a_size_is_refused() -> None:
    class Sizeless(sk.Windows):
        def windows_for(self, timestamp_ms: int) -> list[sk.Window]:
            return []

    grouped = sk.StreamsBuilder().stream("in", key=str, value=str).group_by_key()
    with pytest.raises(ConfigError, match=r"Sizeless.size_ms is an int of milliseconds, not None"):
        grouped.windowed_by(Sizeless())


def test_look_alike_is_told_to_subclass() -> None:
    grouped: Any = sk.StreamsBuilder().stream("in", key=str, value=str).group_by_key()
    with pytest.raises(ConfigError, match=r"or windows of a class of your own, of sk.Windows"):
        grouped.windowed_by(sk.JoinWindows(5))
