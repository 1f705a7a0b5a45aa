"""Windows: how lengths are given, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from streamkit import (
    ConfigError,
    HoppingWindows,
    SessionWindows,
    StreamsBuilder,
    TumblingWindows,
)
from streamkit.dsl.windows.durations import to_ms


def test_size_is_a_timedelta_milliseconds_or_parts() -> None:
    assert TumblingWindows(timedelta(minutes=1)) == TumblingWindows(60_000)
    assert TumblingWindows(minutes=1, seconds=0.5).size_ms == 60_500
    assert TumblingWindows(days=1, hours=1, grace=timedelta(hours=6)).grace_ms == 6 * 3_600_000
    hopping = HoppingWindows(timedelta(seconds=10), advance=timedelta(seconds=4), grace=5)
    assert (hopping.size_ms, hopping.advance_ms, hopping.grace_ms) == (10_000, 4_000, 5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TumblingWindows(), "give the size of a window once"),
        (lambda: TumblingWindows(5, hours=1), "give the size of a window once"),
        (lambda: TumblingWindows(0), "size is at least 1 ms, not 0 ms"),
        (lambda: TumblingWindows(timedelta(microseconds=5)), "size is at least 1 ms"),
        (lambda: TumblingWindows(5, grace=-1), "grace is at least 0 ms, not -1 ms"),
        (
            lambda: HoppingWindows(5, advance=6),
            r"at most the size of the windows \(5 ms\), not 6 ms",
        ),
        (lambda: HoppingWindows(5, advance=0), "advance is at least 1 ms"),
        (lambda: to_ms("5", "every"), "every is a timedelta or an int of milliseconds"),  # type: ignore[arg-type]  # on purpose
        (lambda: to_ms(True, "every"), "not True"),
    ],
)
def test_bad_lengths_are_refused_with_the_range(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_retention_below_size_plus_grace_is_refused() -> None:
    windows = StreamsBuilder().stream("in").group_by_key().windowed_by(TumblingWindows(10, grace=5))
    with pytest.raises(ConfigError, match=r"10 \+ 5 = 15 ms, not 14 ms"):
        windows.count(store="w", retention=14)


def test_retention_is_size_plus_grace_by_default() -> None:
    builder = StreamsBuilder()
    grouped = builder.stream("in").group_by_key()
    grouped.windowed_by(TumblingWindows(10, grace=5)).count(store="short")
    grouped.windowed_by(TumblingWindows(10)).count(store="long", retention=timedelta(seconds=9))
    stores = builder.build().stores
    assert (stores["short"].retention_ms, stores["short"].window_size_ms) == (15, 10)
    assert stores["long"].retention_ms == 9000


@pytest.mark.parametrize(
    ("options", "warnings"),
    [({"store": "visits"}, 1), ({"store": "visits", "retention": timedelta(days=1)}, 0)],
)
def test_sessions_sent_on_close_ask_for_a_retention(
    options: Any, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    """By default most sessions have left the store when they close, as in Kafka Streams."""
    clicks = StreamsBuilder().stream("clicks", key=str, value=str).group_by_key()
    sessions = clicks.windowed_by(SessionWindows(timedelta(minutes=30)))
    sessions.count(store="updates")
    assert caplog.messages == []
    sessions.emit_on_close().count(**options)
    assert len(caplog.messages) == warnings
    assert all("store visits" in text and "retention=" in text for text in caplog.messages)
