"""Windows of a user's own class: aggregation by key and window, like that of tumbling and hopping windows.

The class says for each record which windows it is in, in the order in which they are updated; they may differ in
length. A window [start, end) takes no more records once `end <= stream time - grace`, or once its state has left
the store, which only a window that is longer than its class says can come to.

Source: KStreamWindowAggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.records import Headers
from streamkit.model.windowed import Window
from streamkit.operators.fold import Fold
from streamkit.operators.idle_clock import NEVER_IDLE
from streamkit.operators.time_window import TimeWindowAggregate

__all__ = ["OwnWindowAggregate"]

_LAST: Final = 2**63 - 1


class OwnWindowAggregate(TimeWindowAggregate):
    """An aggregation over the windows that a function names.

    Args:
        store: name of its window store.
        windows_for: the windows that a record of a time is in.
        kind: name of the class that it belongs to, for messages.
        size_ms: length of the longest window.
        grace_ms, make_fold and the others: see `WindowAggregate`.
    """

    def __init__(
        self,
        store: str,
        windows_for: Callable[[int], Iterable[Window]],
        kind: str,
        size_ms: i64,
        grace_ms: i64,
        make_fold: Callable[[], Fold],
        *,
        idle_ms: i64 = NEVER_IDLE,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(
            store,
            size_ms,
            size_ms,
            grace_ms,
            make_fold,
            idle_ms=idle_ms,
            send_old=send_old,
            reuse_raw_key=reuse_raw_key,
        )
        self._windows_for: Final[Any] = windows_for
        self._kind: Final = kind

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None:
            self.context.drop(self.name, "null key")
            return
        if self._idles:
            self._idle.record(timestamp)
        if timestamp > self._stream_time:
            self._stream_time = timestamp
            self.context.node_times[self.name] = timestamp
        close_time = self._stream_time - self._grace
        raw_key = self._raw_key(key)
        missed: Window | None = None
        for window in self._windows_of(timestamp):
            start: i64 = window.start_ms
            end: i64 = window.end_ms
            gone = end - start > self._size and self._store.expired(start)
            if end > close_time and not gone:
                self._window = window
                self._window_start = start
                self._update(key, raw_key, value, start, timestamp, headers)
            else:
                self.context.drop(self.name, "late")
                missed = window
        if missed is not None and self._late:
            text = f"window [{missed.start_ms}, {missed.end_ms})"
            self._pass_late(key, value, timestamp, headers, text)

    def _all_closed_at(self, newest: i64) -> i64:
        last: i64 = newest
        for window in self._windows_of(newest):
            if window.end_ms > last:
                last = window.end_ms
        return last + self._grace

    def _windows_of(self, timestamp: i64) -> list[Window]:
        """What the class says, all of it before anything is updated.

        Raises:
            TopologyError: it isn't what windows are.
        """
        told = self._windows_for(timestamp)
        if not isinstance(told, Iterable):
            raise self._wrong(timestamp, f"gave {told!r}, not a list of sk.Window")
        windows: list[Window] = []
        starts: set[int] = set()
        for window in told:
            if not isinstance(window, Window):
                raise self._wrong(timestamp, f"gave {window!r} in place of an sk.Window")
            unchecked: Any = window
            start = unchecked.start_ms
            end = unchecked.end_ms
            if not isinstance(start, int) or not isinstance(end, int):
                raise self._wrong(
                    timestamp, f"gave {window!r}: start and end are whole milliseconds, of type int"
                )
            if not 0 <= start < end <= _LAST:
                raise self._wrong(
                    timestamp, f"gave {window!r}: a window starts at 0 or later and ends after it"
                )
            if not start <= timestamp < end:
                raise self._wrong(timestamp, f"gave {window!r}, which that time isn't in")
            if start in starts:
                raise self._wrong(
                    timestamp,
                    f"gave two windows that start at {start}: they would share their state",
                )
            starts.add(start)
            windows.append(window)
        return windows

    def _wrong(self, timestamp: i64, what: str) -> TopologyError:
        return TopologyError(f"{self._kind}.windows_for({timestamp}) {what}")
