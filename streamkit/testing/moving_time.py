"""The time of a broker that a test moves: a clock with an offset, and timers that follow it.

The clock runs on by itself; `advance` puts it ahead. Timers that have become due by that run before
`MovingTimers.catch_up` returns, in the order of their times.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable

from streamkit.clock import Clock

__all__ = ["MovingClock", "MovingTimers"]

logger = logging.getLogger(__name__)


class MovingClock:
    """Another clock plus an offset, which may be changed from any thread."""

    __slots__ = ("_base", "_offset_ms")

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._offset_ms = 0

    def now_ms(self) -> int:
        return self._base.now_ms() + self._offset_ms

    def monotonic_ms(self) -> int:
        return self._base.monotonic_ms() + self._offset_ms

    def advance(self, ms: int) -> None:
        """Move forward by `ms` milliseconds (0 or more)."""
        if ms < 0:
            raise ValueError(f"a clock moves forward only, not by {ms} ms")
        self._offset_ms += ms


class _Call:
    """A call that is still to come; `cancel` takes it back."""

    __slots__ = ("callback", "due_ms", "handle", "number", "timers")

    def __init__(
        self, timers: MovingTimers, due_ms: float, number: int, callback: Callable[[], None]
    ) -> None:
        self.timers = timers
        self.due_ms = due_ms
        self.number = number
        self.callback = callback
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        if self.handle is not None:
            self.handle.cancel()
        self.timers.pending.discard(self)


class MovingTimers:
    """Timers of an event loop that a clock's moves reach. On the loop's thread only.

    Attributes:
        pending: what is still to come.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.pending: set[_Call] = set()
        self._loop = loop
        self._clock = clock
        self._numbers = itertools.count()

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> _Call:
        """See `timers.Timers.call_later`."""
        due_ms = self._clock.monotonic_ms() + delay_ms
        call = _Call(self, due_ms, next(self._numbers), callback)
        self.pending.add(call)
        self._arm(call, delay_ms)
        return call

    def call_soon(self, callback: Callable[[], None]) -> None:
        """See `timers.Timers.call_soon`."""
        self._loop.call_soon(callback)

    def catch_up(self) -> None:
        """Run what the clock's last move has made due; let the rest come earlier by as much."""
        now_ms = self._clock.monotonic_ms()
        for call in sorted(self.pending, key=lambda each: (each.due_ms, each.number)):
            if call not in self.pending:
                continue  # one that ran before it has taken it back
            assert call.handle is not None
            call.handle.cancel()
            if call.due_ms <= now_ms:
                self._run(call)
            else:
                self._arm(call, call.due_ms - now_ms)

    def _arm(self, call: _Call, delay_ms: float) -> None:
        call.handle = self._loop.call_later(delay_ms / 1000, self._run, call)

    def _run(self, call: _Call) -> None:
        self.pending.discard(call)
        try:
            call.callback()
        except Exception:
            logger.exception("a timer failed")
