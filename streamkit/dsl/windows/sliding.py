"""Sliding windows: all records within a time difference of each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from streamkit.dsl.windows.durations import idle_to_ms, to_ms

__all__ = ["SlidingWindows"]


@dataclass(frozen=True, slots=True, init=False)
class SlidingWindows:
    """Windows `[start, start + difference_ms]`, both ends inclusive, one for each different set of records.

    Args:
        difference: how far apart in event time the records of a window may be, a timedelta or
            milliseconds, 0 or more.
        grace: how long after its end, in stream time, a window still takes late records; 0 or more.
        idle: once no record has come for this long, stream time goes on by the wall clock, so that windows
            close without data too; None: never. See the reference of windows.

    Raises:
        ConfigError: a length out of range.

    Example:
        >>> SlidingWindows(timedelta(seconds=5), grace=500).difference_ms
        5000

    Source: org.apache.kafka.streams.kstream.SlidingWindows.
    """

    difference_ms: int
    grace_ms: int
    idle_ms: int

    def __init__(
        self,
        difference: timedelta | int,
        *,
        grace: timedelta | int = 0,
        idle: timedelta | int | None = None,
    ) -> None:
        object.__setattr__(self, "difference_ms", to_ms(difference, "difference"))
        object.__setattr__(self, "grace_ms", to_ms(grace, "grace"))
        object.__setattr__(self, "idle_ms", idle_to_ms(idle))
