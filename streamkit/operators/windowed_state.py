"""What tumbling and hopping aggregations share: which windows a record is in, and when it is too late.

A window [start, end) takes no more records once `end <= stream time - grace`, where stream time is the
highest timestamp that this one operator has seen, null values included, null keys not. Lateness is
decided for each window, so one record may still update its later windows. Stream time is saved with the
commit, so a restart changes no decision.

Source: KStreamWindowAggregate, TimeWindows.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.model.windowed import Window, Windowed
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.state.store import TimestampedWindowStore

__all__ = ["WindowedState"]


class WindowedState(Operator):
    """An aggregation over windows that start at each multiple of `advance_ms`.

    Args:
        store: name of its window store.
        size_ms: length of a window.
        advance_ms: distance of their starts; equal to the size for tumbling windows.
        grace_ms: how long after its end a window takes late records.
        send_old: put the value before into each `Change`.
        reuse_raw_key: the source record's key bytes are what the store's key serde would write.
    """

    _store: TimestampedWindowStore[Any, Any]

    def __init__(
        self,
        store: str,
        size_ms: i64,
        advance_ms: i64,
        grace_ms: i64,
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__()
        self._store_name: Final = store
        self._size: Final[i64] = size_ms
        self._advance: Final[i64] = advance_ms
        self._grace: Final[i64] = grace_ms
        self._send_old: Final = send_old
        self._reuse_raw_key: Final = reuse_raw_key
        self._stream_time: i64 = -1
        self._window: Window = Window(-1, -1)
        self._window_start: i64 = -1

    def init(self, context: TaskContext) -> None:
        super().init(context)
        store = context.store(self._store_name)
        if not isinstance(store, TimestampedWindowStore):
            raise TopologyError(
                f"operator {self.name!r} needs a timestamped window store, "
                f"{self._store_name!r} is a {type(store).__name__}"
            )
        self._store = store
        self._stream_time = context.node_times.get(self.name, -1)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None:
            self.context.drop(self.name, "null key")
            return
        if timestamp > self._stream_time:
            self._stream_time = timestamp
            self.context.node_times[self.name] = timestamp
        close_time = self._stream_time - self._grace
        raw_key = self._raw_key(key)
        start = timestamp - self._size + self._advance
        start = start - start % self._advance if start > 0 else 0
        while start <= timestamp:
            end = start + self._size
            if end > close_time:
                self._update(key, raw_key, value, start, timestamp, headers)
            else:
                self.context.drop(self.name, "late")
            start += self._advance

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
        old: object = None
        if entry is None:
            new = self._first(key, value)
        else:
            old = entry[0]
            entry_timestamp: i64 = entry[1]
            if entry_timestamp > timestamp:
                timestamp = entry_timestamp
            new = self._next(key, value, old)
        self._store.put_raw(raw_key, new, start, timestamp)
        change = Change(old if self._send_old else None, new)
        self.forward(Windowed(key, self._window_at(start)), change, timestamp, headers)

    def _first(self, key: object, value: object) -> object:
        """The result of a window's first record."""
        raise NotImplementedError

    def _next(self, key: object, value: object, old: Any) -> object:
        """The result of a further record."""
        raise NotImplementedError

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
