"""When final results of windows are looked for: emission on window close.

At most one look an interval of wall-clock time. What was emitted last is saved with the commit, so a
restart emits nothing twice. Source: AbstractKStreamTimeWindowAggregateProcessor.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from streamkit.operators.context import TaskContext

__all__ = ["EMITTED", "EMIT_ON_UPDATE", "WindowClose"]

EMIT_ON_UPDATE: Final = -1
"""In place of an interval: every update is sent on at once."""

EMITTED: Final = ":emitted"
"""Follows a store's name in the name of the time up to which its windows were emitted."""


class WindowClose:
    """Keeps the time up to which windows were closed and emitted.

    Args:
        every_ms: wall-clock time between looks, 0 or more; `EMIT_ON_UPDATE`: never look.

    Attributes:
        last: close time of the last emission, -1 before the first.
    """

    _context: TaskContext

    def __init__(self, every_ms: i64) -> None:
        self.enabled: Final = every_ms >= 0
        self.last: i64 = -1
        self._every_ms: Final[i64] = every_ms
        self._next_look: i64 = 0
        self._saved_as = ""

    def init(self, context: TaskContext, store: str) -> None:
        """Go on where the last commit was."""
        self._context = context
        self._saved_as = store + EMITTED
        self.last = context.node_times.get(self._saved_as, -1)

    def is_due(self, close_time: i64) -> bool:
        """True if it is time to look and windows may have closed since; takes the look."""
        if not self.enabled:
            return False
        now: i64 = self._context.clock.now_ms()
        if now < self._next_look:
            return False
        self._next_look = now + self._every_ms
        return self.last < close_time

    def emitted(self, close_time: i64) -> None:
        """Everything that closed up to then is out."""
        self.last = close_time
        self._context.node_times[self._saved_as] = close_time
