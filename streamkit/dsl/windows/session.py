"""Session windows: records of a key that follow each other within a gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from streamkit.dsl.windows.durations import idle_to_ms, to_ms

__all__ = ["SessionWindows"]


@dataclass(frozen=True, slots=True, init=False)
class SessionWindows:
    """Windows from the first to the last record (inclusive) of a run without a pause longer than the gap.

    Args:
        gap: the longest pause inside a session, a timedelta or milliseconds, more than 0.
        grace: how long after a session can't grow any more it still takes late records; 0 or more.
        idle: once no record has come for this long, stream time goes on by the wall clock, so that windows
            close without data too; None: never. See the reference of windows.

    Raises:
        ConfigError: a length out of range.

    Example:
        >>> SessionWindows(timedelta(minutes=5)).gap_ms
        300000

    Source: org.apache.kafka.streams.kstream.SessionWindows.
    """

    gap_ms: int
    grace_ms: int
    idle_ms: int

    def __init__(
        self,
        gap: timedelta | int,
        *,
        grace: timedelta | int = 0,
        idle: timedelta | int | None = None,
    ) -> None:
        object.__setattr__(self, "gap_ms", to_ms(gap, "gap", least=1))
        object.__setattr__(self, "grace_ms", to_ms(grace, "grace"))
        object.__setattr__(self, "idle_ms", idle_to_ms(idle))
