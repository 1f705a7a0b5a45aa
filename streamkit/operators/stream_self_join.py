"""A stream joined with itself through one window store: each record meets itself and those of its key before it.

What goes out, and in which order, is what the two sides of a join with two stores would send: first the pairs
with the record on the left, then those with it on the right; the pair of the record with itself comes among
the latter by time.

Source: KStreamKStreamSelfJoin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.stream_join_window import join_window_store
from streamkit.state.store import WindowStore

__all__ = ["StreamSelfJoin"]


class StreamSelfJoin(Operator):
    """Records against those that came before.

    Args:
        store: name of the window store.
        joiner: `f(left, right)`, or `f(key, left, right)` if `with_key`.
        before_ms, after_ms: how much earlier or later the right record may be than the left one.
        retention_ms: of the store; a record that is later than that has no pair with itself.
    """

    _store: WindowStore[Any, Any]

    def __init__(
        self,
        store: str,
        joiner: Callable[..., Any],
        before_ms: i64,
        after_ms: i64,
        retention_ms: i64,
        *,
        with_key: bool = False,
    ) -> None:
        super().__init__()
        self._store_name: Final = store
        self._joiner: Final[Any] = joiner
        self._before: Final[i64] = before_ms
        self._after: Final[i64] = after_ms
        self._retention: Final[i64] = retention_ms
        self._with_key: Final = with_key
        self._stream_time: i64 = -1

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._store = join_window_store(context, self._store_name, self.name)
        self._stream_time = context.time_of(self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None or value is None:
            self.context.drop(self.name, "null key" if key is None else "null value")
            return
        if timestamp > self._stream_time:
            self._stream_time = timestamp
            self.context.node_times[self.name] = timestamp
        for other_start, other in self._found(key, timestamp, self._before, self._after):
            other_time: i64 = other_start
            later = timestamp if timestamp > other_time else other_time
            self.forward(key, self._joined(key, value, other), later, headers)
        itself_due = timestamp > self._stream_time - self._retention + 1
        for other_start, other in self._found(key, timestamp, self._after, self._before):
            other_time = other_start
            if itself_due and other_time > timestamp:
                itself_due = False
                self.forward(key, self._joined(key, value, value), timestamp, headers)
            later = timestamp if timestamp > other_time else other_time
            self.forward(key, self._joined(key, other, value), later, headers)
        if itself_due:
            self.forward(key, self._joined(key, value, value), timestamp, headers)

    def _found(self, key: object, timestamp: i64, before: i64, after: i64) -> list[tuple[int, Any]]:
        first = timestamp - before
        last = timestamp + after
        return list(
            self._store.fetch_range(key, first if first > 0 else 0, last if last > 0 else 0)
        )

    def _joined(self, key: object, left: object, right: object) -> object:
        result: object = (
            self._joiner(key, left, right) if self._with_key else self._joiner(left, right)
        )
        return result
