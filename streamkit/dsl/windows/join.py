"""Join windows: how far apart in event time the records of two streams may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from streamkit.dsl.windows.durations import idle_to_ms, to_ms
from streamkit.errors import ConfigError

__all__ = ["JoinWindows"]

_LEAST: Final = -(2**62)


@dataclass(frozen=True, slots=True, init=False)
class JoinWindows:
    """A right record matches a left one of time t if its time is in [t - before_ms, t + after_ms].

    Args:
        difference: both `before` and `after`, a timedelta or milliseconds.
        before: how much earlier the right record may be; negative: it has to be so much later.
        after: how much later the right record may be; negative: it has to be so much earlier.
        grace: how long after that, in stream time, late records are waited for; 0 or more.
        idle: once no record of either side has come for this long, stream time goes on by the wall clock, so
            that a left or outer join sends on what waits for a partner while no data comes; None: never.

    Raises:
        ConfigError: nothing given, the span ends before it begins, or another length below 0.

    Example:
        >>> windows = JoinWindows(before=timedelta(seconds=4), after=1000)
        >>> windows.before_ms, windows.after_ms, windows.size_ms
        (4000, 1000, 5000)

    Source: org.apache.kafka.streams.kstream.JoinWindows.
    """

    before_ms: int
    after_ms: int
    grace_ms: int
    idle_ms: int

    def __init__(
        self,
        difference: timedelta | int | None = None,
        *,
        before: timedelta | int | None = None,
        after: timedelta | int | None = None,
        grace: timedelta | int = 0,
        idle: timedelta | int | None = None,
    ) -> None:
        if difference is None and before is None and after is None:
            raise ConfigError("give the span of a join: JoinWindows(timedelta(seconds=5))")
        both = 0 if difference is None else to_ms(difference, "difference")
        before_ms = both if before is None else to_ms(before, "before", least=_LEAST)
        after_ms = both if after is None else to_ms(after, "after", least=_LEAST)
        if before_ms + after_ms < 0:
            raise ConfigError(
                f"a join's span doesn't end before it begins: before ({before_ms} ms) and after "
                f"({after_ms} ms) are at least 0 together"
            )
        object.__setattr__(self, "before_ms", before_ms)
        object.__setattr__(self, "after_ms", after_ms)
        object.__setattr__(self, "grace_ms", to_ms(grace, "grace"))
        object.__setattr__(self, "idle_ms", idle_to_ms(idle))

    @property
    def size_ms(self) -> int:
        """How long the span is."""
        return self.before_ms + self.after_ms
