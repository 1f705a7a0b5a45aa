"""What the windowed aggregations share: stream time, closing, and what becomes of late records.

Stream time is the highest timestamp that this one operator has seen, and is saved with the commit: a restart
changes no decision. With an `idle` time it also goes on while no record comes, see `idle_clock`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import EMPTY_HEADERS, Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.failed_record import name_record
from streamkit.operators.fold import Fold
from streamkit.operators.idle_clock import (
    NEVER_IDLE,
    NOTHING_YET,
    IdleClock,
    IdleSignal,
    idle_signal,
)
from streamkit.operators.late_records import LateRecords, late_children
from streamkit.operators.window_close import EMIT_ON_UPDATE, WindowClose

__all__ = ["WindowAggregate"]

_NEVER: Final[i64] = 2**63 - 1


class WindowAggregate(Operator):
    """An aggregation by key and window.

    Args:
        store: name of its store.
        grace_ms: how long after its end a window takes late records.
        make_fold: makes what folds values.
        emit_every_ms: emission on window close, see `WindowClose`.
        idle_ms: see `IdleClock`.
        send_old: put the value before into each `Change`.
        reuse_raw_key: the source record's key bytes are what the store's key serde would write.
    """

    _signal: IdleSignal

    def __init__(
        self,
        store: str,
        grace_ms: i64,
        make_fold: Callable[[], Fold],
        *,
        emit_every_ms: i64 = EMIT_ON_UPDATE,
        idle_ms: i64 = NEVER_IDLE,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__()
        self._store_name: Final = store
        self._grace: Final[i64] = grace_ms
        self._fold: Final[Fold] = make_fold()
        self._close: Final = WindowClose(emit_every_ms)
        self._idle: Final = IdleClock(idle_ms)
        self._idles: Final = idle_ms >= 0
        self._send_old: Final = send_old
        self._reuse_raw_key: Final = reuse_raw_key
        self._stream_time: i64 = -1
        self._late: list[LateRecords] = []

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._late = late_children(self)
        self._stream_time = context.time_of(self.name)
        self._close.init(context, self._store_name)
        if self._idles:
            self._signal = idle_signal(context, self.name)
            self._signal.closed_before = self._told_closed
            self._signal.rests = self._rests
            self._idle.init(context, self.name, self._wake)

    # -- what kinds of windows tell ----------------------------------------------------------------

    def _closing_time(self) -> i64:
        """What windows end before, or at, that take no more records."""
        return self._stream_time - self._grace

    def _closed_before(self) -> int:
        """As stream time for those below: they may take `end <= time - grace` for closed."""
        return self._stream_time

    def _all_closed_at(self, newest: i64) -> i64:
        """Stream time at which every window with records up to `newest` is closed."""
        raise NotImplementedError

    def _emit_closed(self, close_time: i64, headers: Headers) -> None:
        """Send on the windows that have closed since the last time."""
        raise NotImplementedError

    def _send_final(self, key: object, result: object, timestamp: i64, headers: Headers) -> None:
        """Send on the result of one window that has closed."""
        try:
            self.forward(key, Change(None, result), timestamp, headers)
        except BaseException as error:
            name_record(error, key, result)
            raise

    # -- time --------------------------------------------------------------------------------------

    def _told_closed(self) -> int:
        return NOTHING_YET if self._stream_time < 0 else self._closed_before()

    def _rests(self) -> bool:
        return self._stream_time >= self._all_closed_at(self._idle.newest)

    def _wake(self, _now_ms: int) -> None:
        """No record has come for a while: let stream time go on by the wall clock, and windows close."""
        limit = self._all_closed_at(self._idle.newest)
        time = self._idle.time(self._stream_time, limit)
        if time > self._stream_time:
            self._stream_time = time
            self.context.node_times[self.name] = time
            close_time = self._closing_time()
            if self._close.enabled and self._close.last < close_time:
                self._emit_closed(close_time, EMPTY_HEADERS)
            self._signal.send()
        if time >= limit:
            self._idle.rest()

    # -- late records ------------------------------------------------------------------------------

    def _pass_late(
        self,
        key: object,
        value: object,
        timestamp: i64,
        headers: Headers,
        window: str,
    ) -> None:
        """Hand a record, dropped and counted already, to the streams of late records.

        Args:
            window: what it was too late for, as text.
        """
        for late in self._late:
            late.take(
                key,
                value,
                timestamp,
                headers,
                f"{self.name}: {window} takes no more records at stream time {self._stream_time}, "
                f"grace {self._grace} ms",
            )
