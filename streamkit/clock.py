"""Time as a value that is passed in: nothing below the process boundary asks the machine for it.

Times are `int` milliseconds since the epoch (UTC). A monotonic reading serves intervals; only its
differences mean anything.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock"]


class Clock(Protocol):
    """Where a component gets the time from."""

    def now_ms(self) -> int:
        """Wall-clock time in milliseconds since the epoch."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds that never go back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to, for tests and simulations.

    Args:
        now_ms: where it stands at first, in milliseconds since the epoch.
    """

    __slots__ = ("_now_ms",)

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ms(self) -> int:
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Move forward by `ms` milliseconds (0 or more)."""
        if ms < 0:
            raise ValueError(f"a clock moves forward only, not by {ms} ms")
        self._now_ms += ms
