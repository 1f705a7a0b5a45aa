"""A class of windows of one's own may say its lengths as attributes of the class or of its objects."""

from __future__ import annotations

from typing import assert_type

from streamkit import KTable, StreamsBuilder, Window, Windowed, Windows
from streamkit.dsl import TimeWindowedCogroupedKStream, TimeWindowedKStream


class OfTheClass(Windows):
    size_ms = 10
    grace_ms = 5

    def windows_for(self, timestamp_ms: int) -> list[Window]:
        return [Window(timestamp_ms, timestamp_ms + 10)]


class OfTheObject(Windows):
    def __init__(self, size_ms: int) -> None:
        self.size_ms = size_ms
        self.idle_ms = 1000

    def windows_for(self, timestamp_ms: int) -> tuple[Window, ...]:
        return (Window(timestamp_ms, timestamp_ms + self.size_ms),)


def added(_: str, value: float, total: int) -> int:
    return total + int(value)


def test_windowed_by_takes_them() -> None:
    grouped = StreamsBuilder().stream("in", key=str, value=float).group_by_key()
    windowed = grouped.windowed_by(OfTheClass())
    assert_type(windowed, TimeWindowedKStream[str, float])
    assert_type(windowed.count(), KTable[Windowed[str], int])
    cogrouped = grouped.cogroup(added)
    assert_type(cogrouped.windowed_by(OfTheObject(10)), TimeWindowedCogroupedKStream[str, int])
