"""Hopping windows: of one size, starting at a shorter distance, so that they overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from streamkit.dsl.windows.durations import idle_to_ms, to_ms
from streamkit.errors import ConfigError
from streamkit.model.windowed import Window

__all__ = ["HoppingWindows"]


@dataclass(frozen=True, slots=True, init=False)
class HoppingWindows:
    """Windows `[n * advance_ms, n * advance_ms + size_ms)` of event time, n from 0 on.

    Args:
        size: a timedelta or milliseconds, more than 0.
        advance: distance of their starts, more than 0 and at most the size.
        grace: how long after its end, in stream time, a window still takes late records; 0 or more.
        idle: once no record has come for this long, stream time goes on by the wall clock, so that windows
            close without data too; None: never. See the reference of windows.

    Raises:
        ConfigError: a length out of range.

    Example:
        >>> [window.start_ms for window in HoppingWindows(10, advance=4).windows_for(13)]
        [4, 8, 12]

    Source: org.apache.kafka.streams.kstream.TimeWindows.
    """

    size_ms: int
    advance_ms: int
    grace_ms: int
    idle_ms: int

    def __init__(
        self,
        size: timedelta | int,
        *,
        advance: timedelta | int,
        grace: timedelta | int = 0,
        idle: timedelta | int | None = None,
    ) -> None:
        size_ms = to_ms(size, "size", least=1)
        advance_ms = to_ms(advance, "advance", least=1)
        if advance_ms > size_ms:
            raise ConfigError(
                f"advance is at most the size of the windows ({size_ms} ms), not {advance_ms} ms"
            )
        object.__setattr__(self, "size_ms", size_ms)
        object.__setattr__(self, "advance_ms", advance_ms)
        object.__setattr__(self, "grace_ms", to_ms(grace, "grace"))
        object.__setattr__(self, "idle_ms", idle_to_ms(idle))

    def windows_for(self, timestamp_ms: int) -> list[Window]:
        """The windows that a record of that time is in, by start.

        Example:
            >>> HoppingWindows(10, advance=5).windows_for(13)
            [Window(start_ms=5, end_ms=15), Window(start_ms=10, end_ms=20)]
        """
        first = max(0, timestamp_ms - self.size_ms + self.advance_ms)
        first -= first % self.advance_ms
        return [
            Window(start, start + self.size_ms)
            for start in range(first, timestamp_ms + 1, self.advance_ms)
        ]
