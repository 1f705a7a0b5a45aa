"""Windows of somebody's own in the oracle's topologies: `tests/java/StreamsOracle.java` has the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from streamkit import Window, Windows

__all__ = ["Days", "Unequal"]

_HOUR_MS = 3_600_000


class Days(Windows):
    """The calendar days of a time zone; the first begins at 0."""

    size_ms = 25 * _HOUR_MS

    def __init__(self, zone: str, *, grace_ms: int = 0) -> None:
        self.zone = ZoneInfo(zone)
        self.grace_ms = grace_ms

    def windows_for(self, timestamp_ms: int) -> list[Window]:
        day = datetime.fromtimestamp(timestamp_ms / 1000, self.zone).date()
        start, end = (self._midnight(day), self._midnight(day + timedelta(days=1)))
        return [Window(max(0, start), end)]

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()) * 1000


class Unequal(Windows):
    """Every 50 ms: window number n from 10 * n on; each has a length of its own, the last comes first."""

    def __init__(self, lengths: Sequence[int], *, grace_ms: int = 0) -> None:
        self.size_ms = max(lengths)
        self.lengths = lengths
        self.grace_ms = grace_ms

    def windows_for(self, timestamp_ms: int) -> list[Window]:
        turn = timestamp_ms - timestamp_ms % 50
        windows = [
            Window(turn + 10 * number, turn + 10 * number + length)
            for number, length in enumerate(self.lengths)
        ]
        windows.reverse()
        return [window for window in windows if window.start_ms <= timestamp_ms < window.end_ms]
