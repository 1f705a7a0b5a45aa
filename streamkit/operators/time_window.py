"""Tumbling and hopping windows: aggregation by key and window of event time.

A window [start, end) takes no more records once `end <= stream time - grace`; records with a null value
move stream time too, those without a key don't. Lateness is decided for each window, so one record may
still update its later windows.

Source: KStreamWindowAggregate, TimeWindows, UnlimitedWindows.
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

__all__ = ["TimeWindowAggregate", "UnlimitedWindowAggregate"]

_FOREVER: Final[i64] = 2**63 - 1


class TimeWindowAggregate(WindowAggregate):
    """An aggregation over windows that start at each multiple of `advance_ms`.

    Args:
        store: name of its window store.
        size_ms: length of a window.
        advance_ms: distance of their starts; equal to the size for tumbling windows.
        grace_ms, make_fold and the others: see `WindowAggregate`.
    """

    _store: TimestampedWindowStore[Any, Any]

    def __init__(
        self,
        store: str,
        size_ms: i64,
        advance_ms: i64,
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
        self._size: Final[i64] = size_ms
        self._advance: Final[i64] = advance_ms
        self._window: Window = Window(-1, -1)
        self._window_start: i64 = -1

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
        start = timestamp - self._size + self._advance
        start = start - start % self._advance if start > 0 else 0
        missed: i64 = -1
        while start <= timestamp:
            end = start + self._size
            if end > close_time:
                self._update(key, raw_key, value, start, timestamp, headers)
            else:
                self.context.drop(self.name, "late")
                missed = start
            start += self._advance
        if missed >= 0 and self._late:
            window = f"window [{missed}, {missed + self._size})"
            self._pass_late(key, value, timestamp, headers, window)
        if self._close.is_due(close_time):
            self._emit_closed(close_time, headers)

    def _all_closed_at(self, newest: i64) -> i64:
        return newest - newest % self._advance + self._size + self._grace

    def _update(
        self,
        key: object,
        raw_key: bytes,
        value: object,
        start: i64,
        timestamp: i64,
        headers: Headers,
    ) -> None:
        entry = self._store.fetch_raw(raw_key, start)
        old: object
        if entry is None:
            # What is sent on as old is the initial aggregate, as Kafka Streams does it.
            old = self._fold.initial()
        else:
            old = entry[0]
            entry_timestamp: i64 = entry[1]
            if entry_timestamp > timestamp:
                timestamp = entry_timestamp
        new = self._fold.add(key, value, old)
        self._store.put_raw(raw_key, new, start, timestamp)
        if self._close.enabled:
            return
        change = Change(old if self._send_old else None, new)
        self.forward(Windowed(key, self._window_at(start)), change, timestamp, headers)

    def _emit_closed(self, close_time: i64, headers: Headers) -> None:
        """Send on the windows that have closed since the last time, by start, then key."""
        upper = close_time - self._size
        if upper < 0:
            return
        lower: i64 = 0 if self._close.last < 0 else self._close.last - self._size + 1
        found = list(self._store.fetch_all(lower, upper))
        found.sort(key=self._emission_order)
        for windowed, entry in found:
            full = Windowed(windowed.key, self._window_at(windowed.window.start_ms))
            self._send_final(full, entry[0], entry[1], headers)
        self._close.emitted(close_time)

    def _emission_order(self, found: tuple[Windowed[Any], tuple[Any, int]]) -> tuple[int, bytes]:
        return found[0].window.start_ms, self._store.raw_key(found[0].key)

    def _window_at(self, start: i64) -> Window:
        """One object for records of the same window in a row."""
        if start != self._window_start:
            self._window = Window(start, start + self._size)
            self._window_start = start
        return self._window

    def _raw_key(self, key: object) -> bytes:
        if self._reuse_raw_key:
            raw = self.context.record.raw_key
            if raw is not None:
                return raw
        return self._store.raw_key(key)


class UnlimitedWindowAggregate(TimeWindowAggregate):
    """An aggregation over the one window [start, ∞), which never closes; earlier records are in none.

    Args:
        store: name of its window store.
        start_ms: where the window begins.
        make_fold, send_old, reuse_raw_key: see `WindowAggregate`.
    """

    def __init__(
        self,
        store: str,
        start_ms: i64,
        make_fold: Callable[[], Fold],
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(
            store,
            _FOREVER - start_ms,
            _FOREVER,
            0,
            make_fold,
            send_old=send_old,
            reuse_raw_key=reuse_raw_key,
        )
        self._start: Final[i64] = start_ms

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None:
            self.context.drop(self.name, "null key")
            return
        if timestamp > self._stream_time:
            self._stream_time = timestamp
            self.context.node_times[self.name] = timestamp
        if timestamp >= self._start:
            self._update(key, self._raw_key(key), value, self._start, timestamp, headers)
