"""The record cache: updates of one key are merged, and only the last of them goes on, at the commit.

The table's store is written at once, as without a cache; what waits is what is sent downstream: for each key that
was written the value before the first write and the value after the last one. It goes out in the order of the last
writes, as of the record that wrote last: when the task commits, store by store, or when the caches of the process hold
more bytes than they may. A key that had no value and has none now sends nothing.

| part | stands |
| --- | --- |
| `CacheFront` | in place of the operator: gives it a store that notes each write |
| `CacheGate` | below the operator: keeps back what it sends, and sends what waited |
| `RecordCache` | between both; one a store, so that operators with one store share it |

Not compiled: only apps that ask for a cache have any of these. Source: CachingKeyValueStore, CachingWindowStore,
CachingSessionStore, NamedCache, TimestampedCacheFlushListener.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import getsizeof
from typing import Any

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.failed_record import name_record
from streamkit.state.store import SessionStore, TimestampedKeyValueStore, TimestampedWindowStore

__all__ = ["CacheBudget", "CacheFront", "CacheGate", "RecordCache"]

_ENTRY_BYTES = 200
"""What an entry takes beside its key and value, roughly."""


class CacheBudget:
    """How much the caches of one process may hold.

    Attributes:
        max_bytes: the bound.
        used_bytes: what they hold now, estimated.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0


class _Entry:
    """One key that was written: the value before and after, and the record that wrote last."""

    __slots__ = (
        "headers",
        "key",
        "new",
        "offset",
        "old",
        "partition",
        "record_time",
        "size",
        "timestamp",
        "topic",
    )

    key: Any
    size: int
    old: Any
    new: Any
    timestamp: int
    record_time: int
    headers: Headers
    topic: str | None
    partition: int
    offset: int


class RecordCache:
    """What waits of one store.

    Attributes:
        store: its name.
        timestamp, headers: of the record that its operator processes now.
    """

    def __init__(self, store: str, budget: CacheBudget) -> None:
        self.store = store
        self.timestamp = 0
        self.headers: Headers = ()
        self._budget = budget
        self._entries: dict[object, _Entry] = {}
        self._last: _Entry | None = None
        self._gate: CacheGate | None = None
        self._context: TaskContext | None = None

    def open(self, context: TaskContext, gate: CacheGate) -> None:
        """Meet the task; of several gates the one that comes last sends."""
        self._context = context
        self._gate = gate

    def is_dirty(self, raw_key: object) -> bool:
        """Whether the key waits already, so that the value before needn't be looked up."""
        return raw_key in self._entries

    def write(
        self, raw_key: object, key_size: int, old: object, new: object, deleted_at: int = -1
    ) -> None:
        """Note a write.

        Args:
            old: the value before; of the first write only.
            deleted_at: timestamp of a deletion; -1: that of the record that deletes.
        """
        context = self._context
        assert context is not None
        entry = self._entries.pop(raw_key, None)  # it moves behind all others
        if entry is None:
            entry = _Entry()
            entry.old = old
            entry.key = None
        else:
            self._budget.used_bytes -= entry.size
        record = context.record
        entry.new = new
        entry.size = _ENTRY_BYTES + key_size + getsizeof(new)
        entry.record_time = self.timestamp
        entry.timestamp = self.timestamp if deleted_at < 0 else deleted_at
        entry.headers = self.headers
        entry.topic, entry.partition, entry.offset = record.topic, record.partition, record.offset
        self._budget.used_bytes += entry.size
        self._entries[raw_key] = entry
        self._last = entry

    def sent(self, key: object, new: object, timestamp: int) -> None:
        """The operator has sent its update on: under which key, as of when."""
        entry, self._last = self._last, None
        if entry is None:
            return
        entry.key = key
        if new is not None:
            entry.timestamp = timestamp
        if self._budget.used_bytes > self._budget.max_bytes:
            self.flush()

    def flush(self) -> bool:
        """Send what waits; False if nothing did."""
        if not self._entries:
            return False
        entries = list(self._entries.values())
        self.clear()
        for entry in entries:
            if entry.new is not None or entry.old is not None:
                self._send(entry)
        return True

    def clear(self) -> None:
        """Forget what waits."""
        self._budget.used_bytes -= sum(entry.size for entry in self._entries.values())
        self._entries = {}
        self._last = None

    def _send(self, entry: _Entry) -> None:
        assert self._context is not None
        assert self._gate is not None
        record, stores = self._context.record, self._context.store_context
        before, store_time = record.copy(), stores.timestamp
        record.topic, record.partition, record.offset = entry.topic, entry.partition, entry.offset
        record.timestamp, record.headers = entry.record_time, entry.headers
        record.raw_key = record.raw_value = None
        stores.timestamp = entry.record_time
        try:
            self._gate.send(entry.key, entry.old, entry.new, entry.timestamp, entry.headers)
        except BaseException as error:
            name_record(error, entry.key, entry.new, record)
            raise
        finally:
            record.show(before)
            stores.timestamp = store_time


class CacheGate(Operator):
    """Below an operator whose store is cached.

    Args:
        send_old: put the value before into each `Change`; somebody downstream needs it.
    """

    def __init__(self, cache: RecordCache, *, send_old: bool) -> None:
        super().__init__()
        self.cache = cache
        self._send_old = send_old

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self.cache.open(context, self)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        self.cache.sent(key, value.new, timestamp)

    def send(self, key: object, old: object, new: object, timestamp: int, headers: Headers) -> None:
        """Send on what waited."""
        self.forward(key, Change(old if self._send_old else None, new), timestamp, headers)

    def close(self) -> None:
        self.cache.clear()


class CacheFront(Operator):
    """`operator`, whose store is cached, as its parents see it."""

    def __init__(self, operator: Operator, cache: RecordCache) -> None:
        super().__init__()
        self.name: str = operator.name
        self.children: list[Operator] = operator.children
        self.operator = operator
        self._cache = cache

    def init(self, context: TaskContext) -> None:
        super().init(context)
        name = self._cache.store
        store = context.stores[name]
        context.stores[name] = _noting(store, self._cache)
        try:
            self.operator.init(context)
        finally:
            context.stores[name] = store

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self._cache.timestamp, self._cache.headers = timestamp, headers
        self.operator.process(key, value, timestamp, headers)

    def close(self) -> None:
        self.operator.close()


class _NotingKeyValues(TimestampedKeyValueStore[Any, Any]):
    """What operators use of a key-value store."""

    def __init__(self, store: TimestampedKeyValueStore[Any, Any], cache: RecordCache) -> None:
        super().__init__(store.spec)
        self._store = store
        self._cache = cache

    def raw_key(self, key: Any) -> bytes:
        return self._store.raw_key(key)

    def get_raw(self, raw_key: bytes) -> tuple[Any, int] | None:
        return self._store.get_raw(raw_key)

    def put_raw(self, raw_key: bytes, value: Any, timestamp: i64) -> None:
        entry = None if self._cache.is_dirty(raw_key) else self._store.get_raw(raw_key)
        self._store.put_raw(raw_key, value, timestamp)
        self._cache.write(raw_key, len(raw_key), None if entry is None else entry[0], value)


class _NotingWindows(TimestampedWindowStore[Any, Any]):
    """What operators use of a window store."""

    def __init__(self, store: TimestampedWindowStore[Any, Any], cache: RecordCache) -> None:
        super().__init__(store.spec)
        self._store = store
        self._cache = cache

    def raw_key(self, key: Any) -> bytes:
        return self._store.raw_key(key)

    def fetch_raw(self, raw_key: bytes, start_ms: i64) -> tuple[Any, int] | None:
        return self._store.fetch_raw(raw_key, start_ms)

    def expired(self, start_ms: i64) -> bool:
        return self._store.expired(start_ms)

    def fetch_range(
        self, key: Any, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[int, tuple[Any, int]]]:
        return self._store.fetch_range(key, from_ms, to_ms, reverse=reverse)

    def put(self, key: Any, value: Any, start_ms: i64, timestamp: i64) -> None:
        self.put_raw(self._store.raw_key(key), value, start_ms, timestamp)

    def put_raw(self, raw_key: bytes, value: Any, start_ms: i64, timestamp: i64) -> None:
        place = (raw_key, start_ms)
        dirty = self._cache.is_dirty(place)
        entry = None if dirty else self._store.fetch_raw(raw_key, start_ms)
        self._store.put_raw(raw_key, value, start_ms, timestamp)
        self._cache.write(place, len(raw_key) + 12, None if entry is None else entry[0], value)


class _NotingSessions(SessionStore[Any, Any]):
    """What operators use of a session store."""

    def __init__(self, store: SessionStore[Any, Any], cache: RecordCache) -> None:
        super().__init__(store.spec)
        self._store = store
        self._cache = cache

    def raw_key(self, key: Any) -> bytes:
        return self._store.raw_key(key)

    def find_raw(self, raw_key: bytes, from_ms: i64, to_ms: i64) -> list[tuple[int, int, Any]]:
        return self._store.find_raw(raw_key, from_ms, to_ms)

    def put_raw(self, raw_key: bytes, value: Any, start_ms: i64, end_ms: i64) -> None:
        place = (raw_key, start_ms, end_ms)
        old = None
        if not self._cache.is_dirty(place):
            for start, end, found in self._store.find_raw(raw_key, end_ms, start_ms):
                if (start, end) == (start_ms, end_ms):
                    old = found
        self._store.put_raw(raw_key, value, start_ms, end_ms)
        self._cache.write(place, len(raw_key) + 16, old, value, end_ms)


def _noting(store: object, cache: RecordCache) -> Any:
    """A store whose writes are noted."""
    if isinstance(store, TimestampedKeyValueStore):
        return _NotingKeyValues(store, cache)
    if isinstance(store, TimestampedWindowStore):
        return _NotingWindows(store, cache)
    assert isinstance(store, SessionStore), "only stores of tables are cached"
    return _NotingSessions(store, cache)
