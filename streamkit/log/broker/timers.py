"""Timers: a call at a later time, which can be taken back.

The server's timers are the event loop's; tests turn `ManualTimers` by hand.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Protocol

__all__ = ["LoopTimers", "ManualTimers", "TimerHandle", "Timers"]


class TimerHandle(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Take it back; harmless when it has run or was cancelled before."""
        ...


class Timers(Protocol):
    """Runs calls later, on the thread that owns the broker."""

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> TimerHandle:
        """Run `callback` once, `delay_ms` from now, unless it is cancelled before.

        An exception in it is logged; it stops nothing else.
        """
        ...

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Run `callback` as soon as the current call has ended."""
        ...


class LoopTimers:
    """Timers of the running event loop."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> TimerHandle:
        return self._loop.call_later(delay_ms / 1000, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(callback)


class _ManualHandle:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualTimers:
    """Timers that run when `advance` is called."""

    def __init__(self) -> None:
        self._now_ms = 0.0
        self._count = 0
        self._due: list[tuple[float, int, _ManualHandle]] = []

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> TimerHandle:
        handle = _ManualHandle(callback)
        self._count += 1
        heapq.heappush(self._due, (self._now_ms + max(0.0, delay_ms), self._count, handle))
        return handle

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.call_later(0, callback)

    def advance(self, ms: float = 0) -> None:
        """Go forward by `ms` and run, in order, all that has become due on the way."""
        end = self._now_ms + ms
        while self._due and self._due[0][0] <= end:
            self._now_ms, _, handle = heapq.heappop(self._due)
            callback, handle.callback = handle.callback, None
            if callback is not None:
                callback()
        self._now_ms = end

    @property
    def pending(self) -> int:
        """How many calls are still to come."""
        return sum(handle.callback is not None for _, _, handle in self._due)
