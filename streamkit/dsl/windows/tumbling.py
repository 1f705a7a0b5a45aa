"""Tumbling windows: every record is in exactly one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from streamkit.dsl.windows.durations import idle_to_ms, to_ms
from streamkit.errors import ConfigError
from streamkit.model.windowed import Window

__all__ = ["TumblingWindows"]


@dataclass(frozen=True, slots=True, init=False)
class TumblingWindows:
    """Windows `[n * size_ms, (n + 1) * size_ms)` of event time: every record is in exactly one.

    Args:
        size: a timedelta or milliseconds, more than 0; or give its parts as `days`, `hours`, `minutes`,
            `seconds`.
        grace: how long after its end, in stream time, a window still takes late records; 0 or more.
        idle: once no record has come for this long, stream time goes on by the wall clock, so that windows
            close without data too; None: never. See the reference of windows.

    Raises:
        ConfigError: a size or grace out of range, or a size given twice or not at all.

    Example:
        >>> windows = TumblingWindows(hours=1, grace=timedelta(minutes=5))
        >>> windows.size_ms, windows.grace_ms
        (3600000, 300000)

    Source: org.apache.kafka.streams.kstream.TimeWindows.
    """

    size_ms: int
    grace_ms: int
    idle_ms: int

    def __init__(
        self,
        size: timedelta | int | None = None,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        grace: timedelta | int = 0,
        idle: timedelta | int | None = None,
    ) -> None:
        parts = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if (size is None) == (parts == timedelta(0)):
            raise ConfigError("give the size of a window once: TumblingWindows(hours=1)")
        length = parts if size is None else size
        object.__setattr__(self, "size_ms", to_ms(length, "size", least=1))
        object.__setattr__(self, "grace_ms", to_ms(grace, "grace"))
        object.__setattr__(self, "idle_ms", idle_to_ms(idle))

    @property
    def advance_ms(self) -> int:
        """Distance of the windows' starts: their size."""
        return self.size_ms

    def windows_for(self, timestamp_ms: int) -> list[Window]:
        """The window that a record of that time is in.

        Example:
            >>> TumblingWindows(10).windows_for(13)
            [Window(start_ms=10, end_ms=20)]
        """
        start = timestamp_ms - timestamp_ms % self.size_ms
        return [Window(start, start + self.size_ms)]
