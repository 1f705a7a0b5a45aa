"""Session windows: records of a key that follow each other within a gap are one session.

A record extends and merges the sessions within the gap on either side; their results go out as deleted,
then the merged one goes out. A session ends at its last record (inclusive); it takes no more records once
`end < stream time - grace - gap`. Null values are folded too. The timestamp of a result is its session's
end. Source: KStreamSessionWindowAggregate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.change import Change
from streamkit.model.records import EMPTY_HEADERS, Headers
from streamkit.model.windowed import Window, Windowed
from streamkit.operators.context import TaskContext
from streamkit.operators.fold import Fold
from streamkit.operators.idle_clock import NEVER_IDLE
from streamkit.operators.window_aggregate import WindowAggregate
from streamkit.operators.window_close import EMIT_ON_UPDATE
from streamkit.state.store import SessionStore

__all__ = ["SessionWindowAggregate"]


class SessionWindowAggregate(WindowAggregate):
    """An aggregation over sessions.

    Args:
        store: name of its session store.
        gap_ms: how long a pause ends a session.
        grace_ms, make_fold and the others: see `WindowAggregate`.
    """

    _store: SessionStore[Any, Any]

    def __init__(
        self,
        store: str,
        gap_ms: i64,
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
        self._gap: Final[i64] = gap_ms

    def init(self, context: TaskContext) -> None:
        store = context.store(self._store_name)
        if not isinstance(store, SessionStore):
            raise TopologyError(
                f"operator {self.name!r} needs a session store, "
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
        close_time = self._stream_time - self._grace - self._gap
        start = timestamp
        end = timestamp
        result = self._fold.initial()
        raw_key = self._raw_key(key)
        merged = self._store.find_raw(raw_key, timestamp - self._gap, timestamp + self._gap)
        for found_start, found_end, before in merged:
            result = self._fold.merge(key, result, before)
            session_start: i64 = found_start
            session_end: i64 = found_end
            if session_start < start:
                start = session_start
            if session_end > end:
                end = session_end
        if end < close_time:
            self.context.drop(self.name, "late")
            if self._late:
                self._pass_late(key, value, timestamp, headers, f"session [{start}, {end}]")
        else:
            stores = self.context.store_context
            if start != timestamp or end != timestamp:
                for found_start, found_end, before in merged:
                    stores.timestamp = timestamp
                    self._store.put_raw(raw_key, None, found_start, found_end)
                    self._send(key, found_start, found_end, before, None)
            result = self._fold.add(key, value, result)
            stores.timestamp = timestamp
            self._store.put_raw(raw_key, result, start, end)
            self._send(key, start, end, None, result)
        if self._close.is_due(close_time):
            self._emit_closed(close_time, headers)

    def _closing_time(self) -> i64:
        return self._stream_time - self._grace - self._gap

    def _closed_before(self) -> int:
        # Sessions include their ends.
        return self._stream_time - 1

    def _all_closed_at(self, newest: i64) -> i64:
        return newest + self._gap + self._grace + 1

    def _raw_key(self, key: object) -> bytes:
        if self._reuse_raw_key:
            raw = self.context.record.raw_key
            if raw is not None:
                return raw
        return self._store.raw_key(key)

    def _send(self, key: object, start: i64, end: i64, old: object, new: object) -> None:
        """Send an update on, without headers: the only aggregation of Kafka Streams that drops them."""
        if self._close.enabled:
            return
        change = Change(old if self._send_old else None, new)
        self.forward(Windowed(key, Window(start, end)), change, end, EMPTY_HEADERS)

    def _emit_closed(self, close_time: i64, headers: Headers) -> None:
        """Send on the sessions that have closed since the last time, by end, start and key."""
        upper = close_time - 1
        lower: i64 = self._close.last if self._close.last > 0 else 0
        if upper < 0 or upper < lower:
            return
        for session, result in list(self._store.ended_between(lower, upper)):
            self._send_final(session, result, session.window.end_ms, headers)
        self._close.emitted(close_time)
