"""Sliding windows: aggregation over all records within a time difference of each other.

A window [start, start + difference], both ends inclusive, exists for each different set of records: one
that ends at a record, one that starts just after it, if later records fall in. Records without key or
value are dropped and don't advance stream time. A window takes no more records once
`end < stream time - grace`.

Source: KStreamSlidingWindowAggregate (order of updates as there).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.model.windowed import Window, Windowed
from streamkit.operators.context import TaskContext
from streamkit.operators.fold import Fold
from streamkit.operators.idle_clock import NEVER_IDLE
from streamkit.operators.window_aggregate import WindowAggregate
from streamkit.operators.window_close import EMIT_ON_UPDATE
from streamkit.state.store import TimestampedWindowStore

__all__ = ["SlidingWindowAggregate"]


class SlidingWindowAggregate(WindowAggregate):
    """An aggregation over sliding windows.

    Args:
        store: name of its window store.
        difference_ms: how far apart the records of a window may be.
        grace_ms, make_fold and the others: see `WindowAggregate`.
    """

    _store: TimestampedWindowStore[Any, Any]

    def __init__(
        self,
        store: str,
        difference_ms: i64,
        grace_ms: i64,
        make_fold: Callable[[], Fold],
        *,
        emit_every_ms: i64 = EMIT_ON_UPDATE,
        idle_ms: i64 = NEVER_IDLE,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(
            store,
            grace_ms,
            make_fold,
            emit_every_ms=emit_every_ms,
            idle_ms=idle_ms,
            send_old=send_old,
            reuse_raw_key=reuse_raw_key,
        )
        self._difference: Final[i64] = difference_ms
        self._missed: i64 = -1

    def init(self, context: TaskContext) -> None:
        store = context.store(self._store_name)
        if not isinstance(store, TimestampedWindowStore):
            raise TopologyError(
                f"operator {self.name!r} needs a timestamped window store, "
                f"{self._store_name!r} is a {type(store).__name__}"
            )
        self._store = store
        super().init(context)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None or value is None:
            self.context.drop(self.name, "null key" if key is None else "null value")
            return
        if self._idles:
            self._idle.record(timestamp)
        if timestamp > self._stream_time:
            self._stream_time = timestamp
            self.context.node_times[self.name] = timestamp
        close_time = self._stream_time - self._grace
        self._missed = -1
        if timestamp + self._difference < close_time:
            self.context.drop(self.name, "late")
            self._missed = timestamp
        elif timestamp < self._difference:
            self._process_early(key, value, timestamp, close_time, headers)
        else:
            self._process(key, value, timestamp, close_time, headers)
            if self._close.is_due(close_time):
                self._emit_closed(close_time, headers)
        if self._missed >= 0 and self._late:
            window = f"window [{self._missed}, {self._missed + self._difference}]"
            self._pass_late(key, value, timestamp, headers, window)

    def _closed_before(self) -> int:
        # Windows include their ends.
        return self._stream_time - 1

    def _all_closed_at(self, newest: i64) -> i64:
        return newest + self._difference + self._grace + 1

    def _process(
        self, key: object, value: object, timestamp: i64, close_time: i64, headers: Headers
    ) -> None:
        """A record whose left window begins at 0 or later."""
        starts: set[int] = set()
        left: tuple[Any, int] | None = None
        right: tuple[Any, int] | None = None
        has_left = False
        has_right = False
        previous: i64 = -1
        lowest = timestamp - 2 * self._difference
        found = list(
            self._store.fetch_range(key, lowest if lowest > 0 else 0, timestamp + 1, reverse=True)
        )
        for window_start, entry in found:
            start: i64 = window_start
            starts.add(window_start)
            end = start + self._difference
            newest: i64 = entry[1]
            if start == timestamp + 1:
                has_right = True
            elif end > timestamp:
                if right is None:
                    right = entry
                self._update(key, value, start, entry, timestamp, close_time, headers)
            elif end == timestamp:
                has_left = True
                self._update(key, value, start, entry, timestamp, close_time, headers)
                if newest >= timestamp:
                    return
                previous = newest
            else:
                left = entry
                previous = newest
                break
        if (
            previous >= 0
            and previous + 1 not in starts
            and previous + 1 + self._difference >= timestamp
        ):
            self._update(key, value, previous + 1, None, timestamp, close_time, headers)
        if not has_left:
            before = left if previous >= 0 and timestamp - self._difference <= previous else None
            self._update(
                key, value, timestamp - self._difference, before, timestamp, close_time, headers
            )
        if not has_right:
            self._open_right(key, right, timestamp, headers)

    def _process_early(
        self, key: object, value: object, timestamp: i64, close_time: i64, headers: Headers
    ) -> None:
        """A record so early that its left window would begin below 0: [0, difference] stands in for it."""
        starts: set[int] = set()
        combined: tuple[Any, int] | None = None
        right: tuple[Any, int] | None = None
        has_right = False
        previous: i64 = -1
        for window_start, entry in list(self._store.fetch_range(key, 0, timestamp + 1)):
            start: i64 = window_start
            starts.add(window_start)
            newest: i64 = entry[1]
            if start == 0:
                combined = entry
                if newest < timestamp:
                    previous = newest
            elif start <= timestamp:
                right = entry
                self._update(key, value, start, entry, timestamp, close_time, headers)
            else:
                has_right = True
        if right is None and combined is not None:
            combined_newest: i64 = combined[1]
            if combined_newest > timestamp:
                right = combined
        if not has_right:
            self._open_right(key, right, timestamp, headers)
        if previous >= 0 and previous + 1 not in starts:
            self._update(key, value, previous + 1, None, timestamp, close_time, headers)
        self._update(key, value, 0, combined, timestamp, close_time, headers)

    def _open_right(
        self, key: object, right: tuple[Any, int] | None, timestamp: i64, headers: Headers
    ) -> None:
        """The window just after the record, where later records fall in: it holds what those make."""
        if right is None:
            return
        newest: i64 = right[1]
        if newest > timestamp:
            self._store.put(key, right[0], timestamp + 1, newest)
            self._send(key, timestamp + 1, None, right[0], newest, headers)

    def _update(
        self,
        key: object,
        value: object,
        start: i64,
        entry: tuple[Any, int] | None,
        timestamp: i64,
        close_time: i64,
        headers: Headers,
    ) -> None:
        """Fold the record into one window; `entry` None begins it."""
        if start + self._difference < close_time:
            self.context.drop(self.name, "late")
            self._missed = start
            return
        old: object = self._fold.initial() if entry is None else entry[0]
        new = self._fold.add(key, value, old)
        if entry is not None and old is not None:
            newest: i64 = entry[1]
            if newest > timestamp:
                timestamp = newest
        self._store.put(key, new, start, timestamp)
        self._send(key, start, old, new, timestamp, headers)

    def _send(
        self, key: object, start: i64, old: object, new: object, timestamp: i64, headers: Headers
    ) -> None:
        if self._close.enabled:
            return
        windowed = Windowed(key, Window(start, start + self._difference))
        self.forward(windowed, Change(old if self._send_old else None, new), timestamp, headers)

    def _emit_closed(self, close_time: i64, headers: Headers) -> None:
        """Send on the windows that have closed since the last time, by start, then key."""
        upper = close_time - self._difference - 1
        if upper < 0:
            return
        lower: i64 = 0
        if self._close.last - self._difference > 0:
            lower = self._close.last - self._difference
        found = list(self._store.fetch_all(lower, upper))
        found.sort(key=self._emission_order)
        for windowed, entry in found:
            start: i64 = windowed.window.start_ms
            full = Windowed(windowed.key, Window(start, start + self._difference))
            self._send_final(full, entry[0], entry[1], headers)
        self._close.emitted(close_time)

    def _emission_order(self, found: tuple[Windowed[Any], tuple[Any, int]]) -> tuple[int, bytes]:
        return found[0].window.start_ms, self._store.raw_key(found[0].key)
