"""Stream time that goes on by the wall clock while no record comes.

Once nothing has come for `idle_ms`, an operator's stream time moves at the pace of the wall clock, counted
from the last record: what would be due after an hour of data is due after an hour without any. It moves up
to a limit, at which nothing waits any more, so later records are late only for what was closed.

Only time that the task runs counts: how long nothing came is saved with the commit, so a restart neither
begins anew nor counts the time in between. A task that still has records to read isn't idle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from streamkit.operators.context import Cancellable, TaskContext

__all__ = ["NEVER_IDLE", "NOTHING_YET", "IdleClock", "IdleSignal", "idle_signal"]

NEVER_IDLE: Final = -1
"""In place of an idle time: stream time moves with records only."""

NOTHING_YET: Final = -2
"""In place of a time: no record has come."""

_TICK_MS: Final[i64] = 1000


class IdleClock:
    """Tells one operator where stream time stands.

    Args:
        idle_ms: how long nothing must come before time goes on by itself, 0 or more; `NEVER_IDLE`.

    Attributes:
        enabled: False: it is never asked.
        newest: highest timestamp of a record, -1 before the first.
    """

    _context: TaskContext
    _wake: Callable[[int], None]

    def __init__(self, idle_ms: i64) -> None:
        self.enabled: Final = idle_ms >= 0
        self.newest: i64 = -1
        self._idle_ms: Final[i64] = idle_ms
        self._arrived: i64 = 0
        self._moved: i64 = 0
        self._looked: i64 = 0
        self._idled: i64 = 0
        self._tick: Cancellable | None = None
        self._node = ""
        self._idle_as = ""
        self._newest_as = ""

    def init(self, context: TaskContext, node: str, wake: Callable[[int], None]) -> None:
        """Go on where the last commit was.

        Args:
            wake: called at times while nothing comes; it asks for the time.
        """
        self._context = context
        self._wake = wake
        self._node = node
        self._idle_as = f"{node}:idle"
        self._newest_as = f"{node}:newest"
        self.newest = context.node_times.get(self._newest_as, -1)
        if not self.enabled or self.newest < 0:
            return
        now: i64 = context.clock.now_ms()
        self._idled = context.node_times.get(self._idle_as, 0)
        self._arrived = now - self._idled
        self._moved = self._arrived if self._idled < self._idle_ms else now
        self._looked = now
        self._start()

    def record(self, timestamp: i64) -> None:
        """A record has come."""
        now: i64 = self._context.clock.now_ms()
        self._arrived = now
        self._moved = now
        self._looked = now
        if timestamp > self.newest:
            self.newest = timestamp
            self._context.node_times[self._newest_as] = timestamp
        if self._idled > 0:
            self._idled = 0
            self._context.node_times[self._idle_as] = 0
        if self._tick is None:
            self._start()

    def time(self, stream_time: i64, limit: i64) -> i64:
        """Where stream time stands by now; asked when woken.

        Args:
            stream_time: where it stood.
            limit: where nothing waits any more.
        """
        now: i64 = self._context.clock.now_ms()
        passed = now - self._looked
        self._looked = now
        if passed < 0 or not self._context.caught_up:
            # The clock was set back, or what waits to be read may be older than the time that passes.
            self._arrived += passed
            self._moved += passed
            return stream_time
        self._idled = now - self._arrived
        self._context.node_times[self._idle_as] = self._idled
        if self._idled < self._idle_ms or stream_time >= limit:
            return stream_time
        time = stream_time + now - self._moved
        self._moved = now
        return time if time < limit else limit

    def rest(self) -> None:
        """Nothing waits: there is no need to wake until a record comes."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def _start(self) -> None:
        interval = self._idle_ms
        if interval > _TICK_MS:
            interval = _TICK_MS
        if interval < 1:
            interval = 1
        self._tick = self._context.schedule(interval, "wall", self._wake, node=self._node)


class IdleSignal:
    """How an aggregation tells those below that its stream time went on without records.

    Attributes:
        closed_before: asks it up to when everything is closed; `NOTHING_YET`: no record has come.
        rests: asks it whether all windows of its own records are closed.
        listeners: called when its time went on.
    """

    def __init__(self) -> None:
        self.closed_before: Callable[[], int] = _nothing_yet
        self.rests: Callable[[], bool] = _always
        self.listeners: list[Callable[[], None]] = []

    def send(self) -> None:
        for listener in self.listeners:
            listener()


def _nothing_yet() -> int:
    return NOTHING_YET


def _always() -> bool:
    return True


def idle_signal(context: TaskContext, node: str) -> IdleSignal:
    """The signal of an aggregation in this task, made at first use."""
    name = f"{node}:idle"
    signal = context.shared.get(name)
    if not isinstance(signal, IdleSignal):
        signal = IdleSignal()
        context.shared[name] = signal
    return signal
