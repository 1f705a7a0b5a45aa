"""Unlimited windows: everything from one point in time on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from streamkit.dsl.windows.durations import to_ms
from streamkit.model.windowed import Window

__all__ = ["UnlimitedWindows"]


@dataclass(frozen=True, slots=True, init=False)
class UnlimitedWindows:
    """The one window from `start_ms` of event time on, which never ends. Earlier records are in none.

    It never closes: nothing is late, and there is no final result.

    Args:
        start: where it begins, milliseconds since the epoch, or a timedelta from there; 0 or more.

    Raises:
        ConfigError: a start below 0.

    Example:
        >>> UnlimitedWindows(start=5).windows_for(7)
        [Window(start_ms=5, end_ms=9223372036854775807)]

    Source: org.apache.kafka.streams.kstream.UnlimitedWindows.
    """

    start_ms: int
    size_ms: int
    grace_ms: int

    def __init__(self, *, start: timedelta | int = 0) -> None:
        object.__setattr__(self, "start_ms", to_ms(start, "start"))
        object.__setattr__(self, "size_ms", 2**63 - 1)
        object.__setattr__(self, "grace_ms", 0)

    def windows_for(self, timestamp_ms: int) -> list[Window]:
        """The window, if a record of that time is in it.

        Example:
            >>> UnlimitedWindows(start=5).windows_for(3)
            []
        """
        return [Window(self.start_ms, self.size_ms)] if timestamp_ms >= self.start_ms else []
